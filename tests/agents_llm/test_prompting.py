"""Prompt files: their ids, and a folder of one's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.agents.prompting import BUILT_IN, NAMES, Prompts, short, within
from codeseq_ray.agents.structured import ProblemDraft
from codeseq_ray.errors import UsageError

BLOCKS = "{% block system %}s{% endblock %}{% block user %}"


def own(folder: Path, name: str, user: str) -> Path:
    (folder / name).write_text(f"{BLOCKS}{user}{{% endblock %}}", encoding="utf-8")
    return folder


def ids(prompts: Prompts) -> dict[str, str]:
    return dict(prompts._ids)


def test_a_file_of_ones_own_replaces_one_prompt_and_changes_its_id_alone(tmp_path: Path) -> None:
    mine = Prompts(own(tmp_path, "repair.j2", "Again, {{ fault }}: {{ shape }}"))
    assert mine.render("repair", fault="f", shape="{}").user == "Again, f: {}"
    built_in, replaced = ids(Prompts()), ids(mine)
    assert {n for n in NAMES if built_in[n] != replaced[n]} == {"repair"}
    assert mine.id != Prompts().id


def test_an_id_covers_included_files_and_not_the_values(tmp_path: Path) -> None:
    (tmp_path / "_program_rules.j2").write_text("Write it in verse.", encoding="utf-8")
    built_in, replaced = ids(Prompts()), ids(Prompts(tmp_path))
    assert {n for n in NAMES if built_in[n] != replaced[n]} == {"write_program", "correct"}
    prompts = Prompts()
    one = prompts.render("repair", fault="a", shape="b")
    two = prompts.render("repair", fault="c", shape="d")
    assert one.id == two.id
    assert one.user != two.user


def test_what_follows_an_included_file_begins_on_a_line_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "_part.j2").write_text("first\n", encoding="utf-8")
    prompts = Prompts(own(tmp_path, "repair.j2", "{% include '_part.j2' %}\nsecond"))
    assert prompts.render("repair").user.split() == ["first", "second"]


def test_an_undefined_name_is_an_error_that_names_file_and_variable(tmp_path: Path) -> None:
    prompts = Prompts(own(tmp_path, "repair.j2", "{{ falt }}"))
    with pytest.raises(UsageError, match=r"repair\.j2.*falt"):
        prompts.render("repair", fault="f", shape="s")


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("repair.j2", "{% block system %}", "repair"),
        ("repair.j2", "no blocks", "block system"),
        ("repair.j2", "{% block system %}{% endblock %}", "block user"),
        ("repair.j2", BLOCKS + "{% include '_gone.j2' %}{% endblock %}", "_gone"),
        ("_program_rules.j2", "{% if %}", "_program_rules"),
        ("repiar.j2", "x", r"repiar\.j2.*stands for no prompt"),
    ],
)
def test_a_folder_that_cannot_be_used_fails_before_any_work(
    tmp_path: Path, file: str, text: str, said: str
) -> None:
    (tmp_path / file).write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        Prompts(tmp_path)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a folder"):
        Prompts(tmp_path / "gone")


def test_every_built_in_file_is_a_prompt_or_included_by_one() -> None:
    files = {file.stem for file in BUILT_IN.glob("*.j2")}
    assert files == {*NAMES, "_entry", "_failure", "_program_rules"}


def test_shown_answers_stand_between_system_and_question_as_turns_of_their_own(tmp_path: Path) -> None:
    blocks = ("system", "answer_10", "question_2", "answer_2", "question_10", "user")
    text = "".join(f"{{% block {name} %}}{name} {{{{ fault }}}}{{% endblock %}}" for name in blocks)
    (tmp_path / "repair.j2").write_text(text, encoding="utf-8")
    messages = Prompts(tmp_path).render("repair", fault="f").messages
    assert [(m["role"], m["content"]) for m in messages] == [
        ("system", "system f"),
        ("user", "question_2 f"),
        ("assistant", "answer_2 f"),
        ("user", "question_10 f"),
        ("assistant", "answer_10 f"),
        ("user", "user f"),
    ]


def test_a_shown_question_without_its_answer_is_said_before_any_work(tmp_path: Path) -> None:
    own(tmp_path, "repair.j2", "u{% endblock %}{% block question_1 %}q")
    with pytest.raises(UsageError, match="answer_1"):
        Prompts(tmp_path)


def test_no_built_in_prompt_holds_a_long_number_that_could_be_a_far_term() -> None:
    for file in BUILT_IN.glob("*.j2"):
        rendered = re.sub(r"{#.*?#}|{{.*?}}|{%.*?%}", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r"\d{4}", rendered), file.name


def test_the_answers_that_prompts_show_are_of_the_form_that_is_asked_for() -> None:
    forms = {"write_problem": ProblemDraft}
    for name, form in forms.items():
        template = Prompts()._templates[name]
        answers = [block for block in template.blocks if block.startswith("answer_")]
        assert answers
        for block in answers:
            text = "".join(template.blocks[block](template.new_context({}))).strip()
            form.model_validate_json(text)


def test_an_empty_system_part_is_not_sent() -> None:
    roles = [m["role"] for m in Prompts().render("repair", fault="f", shape="s").messages]
    assert roles == ["user"]


def test_what_is_filled_in_is_text_and_never_a_template() -> None:
    prompt = Prompts().render("repair", fault="{{ shape }} <b> {% block user %}", shape="{}")
    assert "{{ shape }} <b> {% block user %}" in prompt.user


@given(st.lists(st.text(max_size=50)), st.integers(0, 300))
def test_lines_are_kept_whole_and_within_their_budget(lines: list[str], characters: int) -> None:
    kept = within(lines, characters)
    assert lines[: len(kept)] == kept
    assert sum(map(len, kept)) <= characters
    if len(kept) < len(lines):
        assert sum(map(len, lines[: len(kept) + 1])) > characters


@given(st.integers(0, 10**700))
def test_only_long_texts_are_shortened_and_they_say_so(number: int) -> None:
    digits = str(number)
    told = short(digits)
    if len(digits) <= 400:
        assert told == digits
    else:
        assert f"({len(digits)} characters in all)" in told
        assert told.startswith(digits[:200])
        assert told.endswith(digits[-200:])

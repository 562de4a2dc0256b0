"""What is trained on is what the assistant says, and nothing else; rows that cannot be so are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.errors import UsageError
from codeseq_ray.training.turns import UNTRAINED, Refusal, Renderer, Sample, longest, open_tokenizer
from tests.training.tiny import TEMPLATE, tiny_tokenizer

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
CHATS = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3)


def chat(pairs: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [
        turn
        for asked, answered in pairs
        for turn in ({"role": "user", "content": asked}, {"role": "assistant", "content": answered})
    ]


@pytest.fixture(scope="session")
def tokenizer(tokenizer_folder: Path) -> Any:
    return open_tokenizer(str(tokenizer_folder))


@given(CHATS)
def test_exactly_the_answers_are_trained_on(tokenizer: Any, pairs: list[tuple[str, str]]) -> None:
    told = Renderer(tokenizer).sample(chat(pairs))
    assert isinstance(told, Sample)
    whole = tokenizer.decode(told.input_ids)
    assert whole == tokenizer.apply_chat_template(chat(pairs), tokenize=False)
    trained = [token for token, label in zip(told.input_ids, told.labels, strict=True) if label != UNTRAINED]
    assert all(label in (UNTRAINED, token) for token, label in zip(told.input_ids, told.labels, strict=True))
    # An answer ends with the marker of the turn's end: a model that is not trained on it never stops.
    assert tokenizer.decode(trained) == "".join(f"{answered}<|im_end|>\n" for _, answered in pairs)


@given(CHATS)
def test_a_turn_after_the_last_answer_is_not_part_of_the_row(
    tokenizer: Any, pairs: list[tuple[str, str]]
) -> None:
    renderer = Renderer(tokenizer)
    assert renderer.sample([*chat(pairs), {"role": "user", "content": "and?"}]) == renderer.sample(
        chat(pairs)
    )


@given(TEXT, TEXT)
def test_one_answer_is_masked_as_trl_masks_it(tokenizer: Any, asked: str, answered: str) -> None:
    """TRL tokenises prompt and whole apart; where both agree that the prompt is a beginning, so do we with it."""
    turns = chat([(asked, answered)])
    told = Renderer(tokenizer).sample(turns)
    assert isinstance(told, Sample)
    prompt = tokenizer.apply_chat_template(turns[:1], add_generation_prompt=True, return_dict=True)[
        "input_ids"
    ]
    whole = tokenizer.apply_chat_template(turns, return_dict=True)["input_ids"]
    assert told.input_ids == whole
    if whole[: len(prompt)] == prompt:
        assert told.labels == [UNTRAINED] * len(prompt) + whole[len(prompt) :]


def test_a_template_that_rewrites_what_was_said_is_refused(tmp_path: Path, tokenizer_folder: Path) -> None:
    # As templates do that leave out the thoughts of all answers but the last.
    rewriting = TEMPLATE.replace(
        "{{ m['content'] }}", "{{ m['content'] if loop.last else m['content'].split('</think>')[-1] }}"
    )
    renderer = Renderer(open_tokenizer(str(tiny_tokenizer(tmp_path, rewriting))))
    thinking = chat([("a", "<think>b</think>c"), ("d", "e")])
    assert renderer.sample(thinking) is Refusal.TEMPLATE_REWRITES
    assert isinstance(renderer.sample(chat([("a", "c"), ("d", "e")])), Sample)


def test_a_template_that_refuses_a_row_is_a_reason_and_no_crash(
    tmp_path: Path, tokenizer_folder: Path
) -> None:
    refusing = "{{ raise_exception('no system turns') if messages[0]['role'] == 'system' }}" + TEMPLATE
    renderer = Renderer(open_tokenizer(str(tiny_tokenizer(tmp_path, refusing))))
    turns = [{"role": "system", "content": "x"}, *chat([("a", "b")])]
    assert renderer.sample(turns) is Refusal.TEMPLATE_REFUSES


def test_a_row_without_an_answer_is_refused(tokenizer: Any) -> None:
    assert Renderer(tokenizer).sample([{"role": "user", "content": "a"}]) is Refusal.NO_ANSWER


def test_a_tokenizer_without_a_chat_template_is_refused(tmp_path: Path, tokenizer_folder: Path) -> None:
    with pytest.raises(UsageError, match="no chat template"):
        Renderer(open_tokenizer(str(tiny_tokenizer(tmp_path, None))))


def test_the_cap_is_what_the_tokenizer_says_at_most(tokenizer: Any) -> None:
    assert longest(tokenizer, None) == 1024
    assert longest(tokenizer, 100) == 100
    with pytest.raises(UsageError, match="1,024"):
        longest(tokenizer, 2000)

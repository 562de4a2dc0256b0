"""Nobody is told more than METHOD's table allows: any entry, real or made up, in every prompt as it is rendered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.agents.masking import Mask
from codeseq_ray.agents.prompting import Prompts
from codeseq_ray.agents.structured import FilterDraft
from codeseq_ray.agents.visibility import View, Visibility, WriterView
from codeseq_ray.cases import divide, shifted
from codeseq_ray.oeis.source import open_source
from codeseq_ray.records import (
    Analysis,
    Cases,
    Example,
    FailingCase,
    Problem,
    Program,
    Sequence,
    VerdictKind,
)

from .leaks import STAGES, first_lines, leaks, stage_of

PROMPTS = Prompts()
DRAFT = FilterDraft(plan="A plan.", reason="A reason.", keep=True)
ANALYSIS = Analysis(why_expected="By the rule.", what_is_wrong="Its last line.")


def rendered(name: str, view: View) -> str:
    values = {"draft": DRAFT} if name == "filter_reflection" else {}
    return "\n".join(m["content"] for m in PROMPTS.render(name, view=view, **values).messages)


def of_the_entry(view: WriterView) -> Iterator[tuple[str, str]]:
    """(stage, text) of the prompts that are made from the entry."""
    yield "filter", rendered("filter", view)
    yield "filter.reflection", rendered("filter_reflection", view)
    yield "problem", rendered("write_problem", view)


def problem_of(cases: Cases) -> Problem:
    return Problem(
        description="Stones are counted.",
        input_format="One integer n.",
        output_format="One integer.",
        examples=tuple(
            Example(input=c.input, output=c.output, explanation="Counted.") for c in cases.examples
        ),
    )


def of_the_problem(sequence: Sequence, cases: Cases) -> Iterator[tuple[str, str, FailingCase | None]]:
    """(stage, text, failing case) of the prompts that are made from the problem; first or last case fails."""
    sees, problem = Visibility(sequence, cases, fitter=False), problem_of(cases)
    program = Program(source="print(int(input()))")
    yield "validation", rendered("validate", sees.validator(problem)), None
    yield "program", rendered("write_program", sees.solver(problem)), None
    for case in (cases.hidden[0], cases.hidden[-1]):
        failing = FailingCase(
            input=case.input,
            expected=case.output,
            got="",
            kind=VerdictKind.WRONG_ANSWER,
            message="the program printed nothing",
        )
        yield "analysis", rendered("analyse", sees.analyst(problem, program, failing)), failing
        corrector = sees.corrector(problem, program, failing, ANALYSIS)
        yield "correction", rendered("correct", corrector), failing


def bare(sequence: Sequence, cases: Cases) -> WriterView:
    """The entry as it would be shown without masks."""
    return WriterView(
        name=sequence.name,
        keywords=sequence.keywords,
        comments=sequence.comments,
        formulas=sequence.formulas,
        entry_examples=sequence.examples,
        programs=sequence.programs,
        offset_known=True,
        examples=cases.examples,
        hidden=cases.hidden,
    )


@pytest.fixture(scope="module")
def entries(test_data: Path) -> list[tuple[Sequence, Cases]]:
    source = open_source(str(test_data / "records.jsonl.gz"))
    whole = [s for shard in source.shards() for s in shard.read() if isinstance(s, Sequence)]
    assert len(whole) == 203
    return [(sequence, cases) for sequence in whole if (cases := divide(sequence, 0)) is not None]


def test_no_prompt_made_of_a_real_entry_gives_a_far_term_away(
    entries: list[tuple[Sequence, Cases]],
) -> None:
    would_leak = 0
    for sequence, cases in entries:
        view = Visibility(sequence, cases, fitter=False).writer()
        for stage, text in of_the_entry(view):
            assert leaks(cases, stage, text) == [], sequence.id
        would_leak += any(leaks(cases, *prompt) for prompt in of_the_entry(bare(sequence, cases)))
    assert would_leak >= 5, "without masks some of these entries give terms away, and the scan must see it"


def test_an_entry_is_masked_whole_and_not_only_where_a_prompt_cuts_it(
    entries: list[tuple[Sequence, Cases]],
) -> None:
    for sequence, cases in entries:
        view = Visibility(sequence, cases, fitter=False).writer()
        texts = (view.name, *view.comments, *view.formulas, *view.entry_examples, *view.programs)
        for text in texts:
            assert leaks(cases, "problem", text) == [], sequence.id


def test_no_prompt_made_of_a_problem_gives_a_hidden_or_far_case_away(
    entries: list[tuple[Sequence, Cases]],
) -> None:
    for sequence, plain in entries:
        cases = shifted(plain, 1)
        for stage, text, failing in of_the_problem(sequence, cases):
            assert leaks(cases, stage, text, failing=failing) == [], sequence.id


# -------------------------------------------------------------------------------------------- made-up entries

TELLING = (
    "a({n}) = {v}",
    "Here a({n})={v} because it is.",
    "a_{n} = {v}.",
    "We have {v} = a({n}) in all",
    "the {n}th is {v}",
    "For n = {n} there are {v} of them",
    "{n} -> {v}",
    "{n} {v}",
    "{n}: {v}",
    "T[{n}] is {v}",
    "a({n}) = 2 + 3 = {v}",
    "if(n=={n}, return({v}))",
    "The pair ({n}, {v}) is one",
)
TERMS = st.lists(st.integers(-(10**7), 10**7) | st.integers(0, 99), min_size=20, max_size=40, unique=True)


def made_up(terms: list[int], offset: int) -> tuple[Sequence, Cases]:
    sequence = Sequence(id="A999999", name="Numbers", terms=tuple(terms), offset=offset)
    cases = divide(sequence, 0)
    assert cases is not None
    return sequence, cases


def seen(sequence: Sequence, cases: Cases, line: str) -> str:
    """A line as it stands wherever an entry has text; the same everywhere."""
    told = sequence.model_copy(
        update={"name": line, **dict.fromkeys(("comments", "formulas", "examples", "programs"), (line,))}
    )
    view = Visibility(told, cases, fitter=False).writer()
    texts = {view.name, *view.comments, *view.formulas, *view.entry_examples, *view.programs}
    assert len(texts) == 1
    return texts.pop()


@given(TERMS, st.integers(0, 3), st.sampled_from(TELLING), st.data())
def test_a_far_pair_is_masked_however_it_is_told_and_a_shown_one_stands(
    terms: list[int], offset: int, telling: str, data: st.DataObject
) -> None:
    sequence, cases = made_up(terms, offset)
    far = data.draw(st.sampled_from(cases.far))
    line = seen(sequence, cases, telling.format(n=far.input, v=far.output))
    assert "…" in line
    rest = telling.format(n=far.input, v="")
    assert line.count(far.output.lstrip("-")) <= rest.count(far.output.lstrip("-"))
    shown = data.draw(st.sampled_from((*cases.examples, *cases.hidden)))
    line = telling.format(n=shown.input, v=shown.output)
    if shown.output.lstrip("-") not in {c.output.lstrip("-") for c in cases.far}:
        long_far = {c.output.lstrip("-") for c in cases.far if len(c.output.lstrip("-")) >= 4}
        if shown.input not in long_far:
            assert seen(sequence, cases, line) == line


@given(TERMS, st.data(), st.sampled_from((", ", ",", "; ", " | ", " ")))
def test_far_terms_in_a_list_are_masked_and_the_shown_ones_before_them_stand(
    terms: list[int], data: st.DataObject, separator: str
) -> None:
    # Without signs: "1 -2" also reads as a difference.
    sequence, cases = made_up([abs(term) + 100 * i for i, term in enumerate(terms)], 0)
    known = [c.output for c in (*cases.examples, *cases.hidden, *cases.far)]
    if len(set(known)) < len(known):
        return
    first_far = len(cases.examples) + len(cases.hidden)
    start = data.draw(st.integers(0, len(known) - 3))
    end = data.draw(st.integers(start + 3, len(known)))
    line = seen(sequence, cases, "Begins " + separator.join(known[start:end]))
    expected = ["…" if i >= first_far else known[i] for i in range(start, end)]
    assert line == "Begins " + separator.join(expected)


@given(st.integers(10**4, 10**9), st.sampled_from((",", " ", "_", "'", "’", "\u00a0", "{,}", "\\,")))
def test_digits_in_groups_hide_nothing(term: int, separator: str) -> None:
    sequence, cases = made_up([*range(100, 120), term], 0)
    grouped = f"{term:_}".replace("_", separator)
    assert seen(sequence, cases, f"There are {grouped} of them") == "There are … of them"


@pytest.mark.parametrize(
    "spelling",
    [
        "1.234.567",
        "1'234'567",
        "1{,}234{,}567",
        r"1\,234\,567",
        "0x12d687",
        "0X12D687",
        "0x0012D687",
        "01234567",
    ],
)
def test_a_far_term_is_masked_in_any_common_spelling(spelling: str) -> None:
    sequence, cases = made_up([*range(100, 120), 1_234_567], 0)
    assert seen(sequence, cases, f"It holds {spelling} of them.") == "It holds … of them."
    index = cases.far[-1].input
    assert seen(sequence, cases, f"a({index}) = {spelling}.") == f"a({index}) = …."


@pytest.mark.parametrize("spelling", ["0x1f", "031", "0x1F"])
def test_a_short_far_term_is_masked_beside_its_index_in_any_spelling_and_stands_elsewhere(
    spelling: str,
) -> None:
    sequence, cases = made_up([*range(100, 120), 31], 0)
    assert seen(sequence, cases, f"a(20) = {spelling}") == "a(20) = …"
    assert seen(sequence, cases, f"There are {spelling}") == f"There are {spelling}"


@pytest.mark.parametrize(
    "line", ["About 3.141 of them", "3.14.1", "31.41", "3.1.4.1", "1.2345.67", "0x3141", "20x0 is 12d687"]
)
def test_digits_that_only_look_like_a_far_term_stand(line: str) -> None:
    sequence, cases = made_up([*range(100, 120), 314_100, 3_140, 1_234_567], 0)
    assert seen(sequence, cases, line) == line
    sequence, cases = made_up([*range(100, 120), 3_141 if "0x" not in line else 7], 0)
    assert seen(sequence, cases, line) == line


@pytest.mark.parametrize(
    "repeated",
    [
        *(" ", "\t", "7", "a", "a_", "a(", "a(20", "a(20) ", "a(20) = ", "a(20). ", "31 = ", "31 = a(20) "),
        *("-", "−", "(", "[", ".", ";", ",", "'", "1,", "1,234,", "1.234.", "0x", "0x1", "20 ->", "20:"),
        *("31 ", "n ="),
    ],
    ids=repr,
)
def test_a_long_line_is_masked_in_about_linear_time(repeated: str) -> None:
    _, cases = made_up([*range(100, 120), 31, 1_234_567], 0)
    mask = Mask(cases)
    for line in (
        repeated * (20_000 // len(repeated)),
        "31 = " + repeated * (20_000 // len(repeated)) + "x 31",
    ):
        began = time.process_time()
        mask(line)
        assert time.process_time() - began < 2


# ------------------------------------------------------------------------------------------------- the scanner


def test_the_scanner_sees_what_a_role_may_not_and_passes_over_what_a_model_wrote() -> None:
    _, cases = made_up([7_000 + 13 * n for n in range(30)], 0)
    hidden, far = cases.hidden[0], cases.far[0]
    assert leaks(cases, "problem", f"It may see {hidden.output}.") == []
    assert len(leaks(cases, "problem", f"It may not see {far.output}.")) == 1
    for stage in ("validation", "program", "analysis", "correction.repair"):
        assert len(leaks(cases, stage, f"{hidden.output} and {far.output}")) == 2
    failing = FailingCase(
        input=hidden.input, expected=hidden.output, got="", kind=VerdictKind.WRONG_ANSWER, message=""
    )
    assert leaks(cases, "analysis", f"{hidden.output}", failing=failing) == []
    # The writer was shown the hidden term, so it may not pass it on; the far one it can only have computed.
    told = [("problem", f"{hidden.output} and {far.output}")]
    assert len(leaks(cases, "program", f"{hidden.output} and {far.output}", told=told)) == 1
    told = [("program", f"{hidden.output} and {far.output}")]
    assert leaks(cases, "correction", f"{hidden.output} and {far.output}", told=told) == []
    short = made_up([*range(7, 40)], 0)[1]
    assert leaks(short, "program", f"n = {short.hidden[0].input} gives {short.hidden[0].output}")
    assert leaks(short, "validation", f"{short.examples[0].input} -> {short.examples[0].output}")


def test_every_conversation_tells_its_stage_by_its_first_line() -> None:
    assert len(set(first_lines().values())) == len(STAGES)
    sequence, cases = made_up([*range(7, 40)], 0)
    sees, problem = Visibility(sequence, cases, fitter=False), problem_of(cases)
    failing = FailingCase(input="9", expected="9", got="", kind=VerdictKind.TIME_LIMIT, message="")
    program = Program(source="print(1)")
    views: dict[str, View] = {
        "filter": sees.writer(),
        "write_problem": sees.writer(),
        "validate": sees.validator(problem),
        "write_program": sees.solver(problem),
        "analyse": sees.analyst(problem, program, failing),
        "correct": sees.corrector(problem, program, failing, ANALYSIS),
    }
    for name, view in views.items():
        assert stage_of(PROMPTS.render(name, view=view).messages) == STAGES[name]

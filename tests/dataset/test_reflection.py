"""The SFT turns tell the recorded way, all of it, and no number that was not recorded."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import record

from codeseq_ray.dataset.phrases import PLACES, phrase
from codeseq_ray.dataset.prompts import solver_prompt
from codeseq_ray.dataset.reflection import fenced, messages
from codeseq_ray.records import (
    Candidate,
    Cases,
    FailingCase,
    Problem,
    Program,
    Round,
    SequenceRecord,
    VerdictKind,
)
from codeseq_ray.reward.extraction import read


def turns(one: SequenceRecord) -> tuple[str, str]:
    assert one.problem is not None
    assert one.cases is not None
    user, assistant = messages(one.problem, one.cases, one.rounds)
    assert (user["role"], assistant["role"]) == ("user", "assistant")
    return user["content"], assistant["content"]


def with_round(one: SequenceRecord, at: int, **changes: object) -> SequenceRecord:
    rounds = list(one.rounds)
    rounds[at] = rounds[at].model_copy(update=changes)
    return one.model_copy(update={"rounds": tuple(rounds)})


def failing(kind: VerdictKind, got: str = "", message: str = "") -> FailingCase:
    return FailingCase(input="3", expected="21", got=got, kind=kind, message=message)


def python_blocks(text: str) -> list[str]:
    """Code blocks as Markdown reads them: closed by a fence at least as long as the one that opened."""
    blocks: list[str] = []
    lines = iter(text.split("\n"))
    for line in lines:
        if opening := re.fullmatch(r"(`{3,})(\w*)", line):
            body: list[str] = []
            for inner in lines:
                if re.fullmatch(rf"`{{{len(opening[1])},}}", inner):
                    break
                body.append(inner)
            if opening[2] == "python":
                blocks.append("\n".join(body))
    return blocks


@pytest.mark.parametrize("corrections", range(6))
def test_every_program_is_shown_in_order_and_the_final_one_ends_the_turn(corrections: int) -> None:
    one = record(7, corrections=corrections)
    user, assistant = turns(one)
    assert one.problem is not None
    assert user == solver_prompt(one.problem)
    sources = [r.program.source for r in one.rounds]
    assert python_blocks(assistant) == [*sources, sources[-1]]
    assert assistant.endswith(f"{sources[-1]}\n```")


def test_a_round_goes_from_test_to_reason_to_output_to_fault_to_program() -> None:
    _, assistant = turns(record(7, corrections=2))
    story = [
        "Guess number 0.",
        "print(0 * int(input()))",
        "`3`",
        "`21`",
        "Three times 7.",
        "`7001`",
        "0 is not 7.",
        "print(1 * int(input()))",
        "`3`",
        "`21`",
        "1 is not 7.",
        "print(7 * int(input()))",
        "`3`",
        "`21`",
        "print(7 * int(input()))",
    ]
    at = 0
    for part in story:
        found = assistant.find(part, at)
        assert found >= 0, f"{part!r} is missing or out of order"
        at = found + len(part)


def test_a_first_program_that_was_right_is_checked_on_an_example() -> None:
    one = record(7)
    _, assistant = turns(one)
    assert "`0`" in assistant
    assert "`0`. Count." in assistant
    assert one.cases is not None
    hidden = [(case.input, case.output) for case in one.cases.hidden]
    assert [case for case in read(assistant).cases if case in hidden]
    assert not [
        way
        for place in ("test", "revised", "again")
        for way in PLACES[place]
        if way.split("{")[0] in assistant
    ]


@pytest.mark.parametrize("corrections", [0, 1, 5])
def test_no_number_is_made_up(corrections: int) -> None:
    one = record(123_457, corrections=corrections)
    user, assistant = turns(one)
    recorded = [r.program.source for r in one.rounds] + [r.program.process for r in one.rounds]
    assert one.cases is not None
    recorded += [text for case in one.cases.hidden for text in (case.input, case.output)]
    for r in one.rounds:
        recorded += [r.analysis.why_expected, r.analysis.what_is_wrong] if r.analysis else []
        recorded += [r.failing.input, r.failing.expected, r.failing.got] if r.failing else []
    known = {n for text in [user, *recorded] for n in re.findall(r"\d+", text)}
    assert set(re.findall(r"\d+", assistant)) <= known


@pytest.mark.parametrize("kind", [k for k in VerdictKind if k not in ("passed", "infrastructure")])
def test_each_way_to_fail_is_told_as_it_was(kind: VerdictKind) -> None:
    message = "ZeroDivisionError: division by zero"
    one = with_round(record(7, corrections=1), 0, failing=failing(kind, got="13", message=message))
    _, assistant = turns(one)
    assert ("`13`" in assistant) == (kind is VerdictKind.WRONG_ANSWER)
    assert (message in assistant) == (kind is not VerdictKind.WRONG_ANSWER)


def test_an_empty_output_is_told_as_such() -> None:
    one = with_round(record(7, corrections=1), 0, failing=failing(VerdictKind.WRONG_ANSWER, got=" \n"))
    assert any(way in turns(one)[1] for way in PLACES["silent"])


def test_rounds_of_another_shift_are_left_out() -> None:
    """After the problem was told anew, an old failing case belongs to other inputs."""
    one = record(7, corrections=2)
    foreign = FailingCase(input="4", expected="21", got="", kind=VerdictKind.WRONG_ANSWER, message="")
    _, assistant = turns(with_round(one, 0, failing=foreign))
    assert "`4`" not in assistant
    assert python_blocks(assistant) == [r.program.source for r in (*one.rounds[1:], one.rounds[-1])]


@pytest.mark.parametrize("fresh", [(1,), (2,), (1, 3), (4,)])
def test_the_walk_begins_with_the_last_program_that_was_written_anew(fresh: tuple[int, ...]) -> None:
    """What was thrown away before it led nowhere, and a fresh start saw none of it."""
    one = record(7, corrections=4)
    for at in fresh:
        one = with_round(one, at, fresh=True)
        one = with_round(one, at - 1, analysis=None)
    kept = one.rounds[fresh[-1] :]
    _, assistant = turns(one)
    assert python_blocks(assistant) == [r.program.source for r in (*kept, one.rounds[-1])]
    for before in one.rounds[: fresh[-1]]:
        assert before.program.source not in assistant
        assert before.program.process not in assistant
    tail = assistant[assistant.rindex(kept[-1].program.process) :] if kept[-1].program.process else assistant
    assert (f"`{kept[-2].failing.input}`" if len(kept) > 1 else "`0`") in tail  # type: ignore[union-attr]


def test_candidates_that_a_round_did_not_go_on_with_are_not_told() -> None:
    one = record(7, corrections=1)
    other = Candidate(
        program=Program(source="print('another')", process="Otherwise."), verdict=one.rounds[0].verdict
    )
    assert turns(with_round(one, 0, others=(other,))) == turns(one)


def test_a_round_without_analysis_or_case_is_still_told() -> None:
    one = with_round(record(7, corrections=1), 0, failing=None, analysis=None)
    assert len(python_blocks(turns(one)[1])) == 3


@given(source=st.text(alphabet="`~ab\n #'", max_size=60), got=st.text(alphabet="`x\n 1", max_size=20))
def test_a_program_full_of_backticks_stays_one_block(source: str, got: str) -> None:
    one = record(7, corrections=1)
    last = one.rounds[-1].model_copy(update={"program": Program(source=source)})
    first = one.rounds[0].model_copy(update={"failing": failing(VerdictKind.WRONG_ANSWER, got=got)})
    assert isinstance(one.problem, Problem)
    assert isinstance(one.cases, Cases)
    rounds: tuple[Round, ...] = (first, last)
    _, assistant = messages(one.problem, one.cases, rounds)
    assert python_blocks(assistant["content"])[-1] == source.rstrip()


def test_an_ordinary_program_has_the_fence_that_graders_look_for() -> None:
    assert fenced("print(1)\n", "python") == "```python\nprint(1)\n```"


# ------------------------------------------------------------------------------------------ in several words

VALUES = {"input": "`31`", "expected": "`4217`", "got": "`99`", "why": " It is so.", "what": "it stops"}


@pytest.mark.parametrize(("place", "way"), [(place, way) for place, ways in PLACES.items() for way in ways])
def test_the_reward_reads_every_test_as_a_claim_and_nothing_else_as_one(place: str, way: str) -> None:
    said = way.format(**VALUES)
    claims = place in ("test", "again", "example", "own")
    assert read(said).cases == ((("31", "4217"),) if claims else ())
    assert not re.search(r"\d", way)


@pytest.mark.parametrize("place", PLACES)
def test_every_way_of_saying_it_is_drawn(place: str) -> None:
    drawn = {phrase(place, str(key), at, **VALUES) for key in range(60) for at in range(3)}
    assert len(drawn) == len(set(PLACES[place])) >= 6


def test_a_problem_is_always_told_alike_and_others_otherwise() -> None:
    told = [turns(record(number, corrections=2))[1] for number in range(2, 40)]
    assert told == [turns(record(number, corrections=2))[1] for number in range(2, 40)]
    openings = {re.sub(r"`[^`]*`|\d+", "", text) for text in told}
    assert len(openings) > 30


@pytest.mark.parametrize("corrections", range(6))
def test_every_case_that_a_turn_claims_is_true(corrections: int) -> None:
    """What it says of a wrong output is no claim of its own."""
    for number in range(2, 30):
        one = record(number, corrections=corrections)
        assert one.cases is not None
        known = {(c.input, c.output) for c in (*one.cases.examples, *one.cases.hidden, *one.cases.far)}
        claimed = set(read(turns(one)[1]).cases)
        assert claimed <= known
        assert claimed

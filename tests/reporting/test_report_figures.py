"""The figures of a report add up, find what is there, and do not find what is not."""

from __future__ import annotations

import dataclasses
import math
import random
import time
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeseq_ray.records import FailingCase, Outcome, Program, Reason, Round, Sequence, Verdict, VerdictKind
from codeseq_ray.reporting import gathering
from codeseq_ray.reporting.comparing import compare
from codeseq_ray.reporting.facts import Facts, facts_of
from codeseq_ray.reporting.funnel import gates
from codeseq_ray.reporting.kinds import growth, kinds_of
from codeseq_ray.reporting.levers import payoffs
from codeseq_ray.reporting.mistakes import mistake, signature
from codeseq_ray.reporting.reading import RunFacts
from codeseq_ray.reporting.rounds import rounds
from codeseq_ray.reporting.spending import lines, tokens_per_accepted
from tests.reporting.made import failed, record


def told(facts: list[Facts], selected: int = 0, drops: dict[str, int] | None = None) -> RunFacts:
    drops = drops or {}
    planned = max(selected, len(facts)) + sum(drops.values())
    return RunFacts("r", {}, [], planned, max(selected, len(facts)), Counter(drops), {}, facts)


def facts(count: int, seed: int = 0, accept: float = 0.3) -> list[Facts]:
    return [facts_of(record(number, seed, accept=accept), 1) for number in range(1, count + 1)]


@settings(max_examples=25)
@given(st.integers(0, 40), st.integers(0, 6), st.integers(0, 9), st.integers(0, 99))
def test_no_sequence_is_lost_between_two_gates(count: int, broken: int, open_: int, seed: int) -> None:
    some = facts(count, seed) + [facts_of(failed(1000 + at), 1) for at in range(broken)]
    run = told(some, len(some) + open_, {"family_cap": 4, "dead": 2})
    way = gates(run)
    assert way[0].reached == run.planned
    for gate, after in pairwise(way):
        assert gate.passed == after.reached
    assert way[-1].passed == sum(one.accepted for one in some)
    assert sum(gate.failed for gate in way) == broken
    lost = sum((gate.lost for gate in way), Counter())
    assert lost.total() == 6 + sum(one.outcome is Outcome.REJECTED for one in some)


def test_what_stopped_most_of_those_that_would_fare_well_comes_first() -> None:
    some = facts(400)
    found = payoffs(some, {"family_cap": Counter({"alone": 50}), "dead": Counter({"alone": 9000})})
    changeable = [one for one in found if one.to_change]
    assert changeable == sorted(changeable, key=lambda one: -(one.gain.value if one.gain else 0))
    assert found.index(next(one for one in found if one.reason == "dead")) >= len(changeable)
    accepted = sum(one.accepted for one in some)
    cap = next(one for one in found if one.reason == "family_cap")
    assert cap.gain is not None
    assert cap.gain.low < cap.gain.value < cap.gain.high
    assert cap.gain.value == pytest.approx(50 * accepted / len(some))
    far = next(one for one in found if one.reason == "far_case_failed")
    assert not far.to_change
    assert far.gain is None, (
        "past the last gate everybody is accepted, which says nothing of those it stopped"
    )


def test_the_stopped_are_held_against_their_like() -> None:
    hard = [facts_of(record(number, accept=0.1), 1) for number in range(1, 301)]
    easy = [facts_of(record(number, accept=0.9), 20) for number in range(301, 601)]
    found = payoffs(hard + easy, {"family_cap": Counter({"11 to 100": 40}), "table": Counter({"alone": 40})})
    gains = {one.reason: one.gain.value for one in found if one.gain and one.step < 0}
    assert gains["family_cap"] == pytest.approx(40 * sum(one.accepted for one in easy) / 300)
    assert gains["table"] == pytest.approx(40 * sum(one.accepted for one in hard) / 300)


def test_a_kind_that_fares_otherwise_is_found_and_by_chance_hardly_any_is() -> None:
    some = facts(600)
    assert not gathering.findings(some)
    draw = random.Random(1)
    planted = [
        facts_of(record(number, accept=0.9 if number % 2 and draw.random() < 0.8 else 0.1), 1)
        for number in range(1, 601)
    ]
    found = gathering.findings(planted)
    assert found
    assert (found[0].side, found[0].ending) == ("wording", "accepted")
    assert all(one.difference.differs_from_zero for one in found)


def test_chance_alone_brings_a_finding_in_few_runs() -> None:
    assert sum(bool(gathering.findings(facts(150, seed))) for seed in range(40)) <= 5


def test_second_thoughts_of_the_filter_are_counted_both_ways() -> None:
    some = facts(200)
    told = gathering.second_thoughts(some)
    assert told is not None
    dropped = sum(one.reason == "filtered_out" for one in some)
    assert (told.kept, told.kept_dropped, told.dropped, told.dropped_kept) == (200, dropped, 0, 0)
    assert dropped
    none = [facts_of(record(1).model_copy(update={"screening": None}), 1)]
    assert gathering.second_thoughts(none) is None


def test_failures_that_differ_in_numbers_alone_are_one_cluster() -> None:
    some = [one for one in facts(200) if not one.accepted]
    for reason, found in gathering.clusters(some).items():
        assert found[0].signature.startswith("worked out […] instead of a text about # things")
        assert len(found) == 1
        assert found[0].count == found[0].of == sum(one.reason == reason for one in some)


def test_details_of_which_each_says_something_else_are_put_together_in_time_that_grows_no_faster_than_they() -> (
    None
):
    word = "abcdefghijklmnopqrstuvwxyz"
    draw = random.Random(0)
    [one] = facts(1, accept=0)
    some = [
        dataclasses.replace(
            one, number=at, signature=" ".join("".join(draw.choices(word, k=5)) for _ in range(15))
        )
        for at in range(8000)
    ]
    begun = time.process_time()
    [found] = gathering.clusters(some).values()
    assert time.process_time() - begun < 15, "each was held against all others: it takes minutes"
    assert found[0].of == 8000


@pytest.mark.parametrize(
    ("detail", "same"),
    [
        ("worked out ['2', '3'] instead of ['-2', '-3']", "worked out ['1'] instead of ['0', '3', '4']"),
        ("the answer was cut off after 600 tokens", "the answer was cut off after 1,200 tokens"),
        ("input 17:\n  time limit", "input -3: time  limit"),
    ],
)
def test_a_signature_forgets_numbers_quotes_and_lines(detail: str, same: str) -> None:
    assert signature(detail) == signature(same)


@pytest.mark.parametrize(
    ("got", "said"),
    [
        ("", "printed nothing"),
        ("16 25", "printed more than the value"),
        ("16 26", "printed something else than one value"),
        ("x", "printed no integer"),
        ("36", "the value 1 further on"),
        ("16", "the value 1 before"),
        ("9", "the value 2 before"),
        ("26", "one too many"),
        ("24", "one too few"),
        ("-25", "the wrong sign"),
        ("5", "the input itself"),
        ("77", "another value"),
    ],
)
def test_a_wrong_answer_is_named_by_how_it_is_wrong(got: str, said: str) -> None:
    known = {str(n): str(n * n) for n in range(10)}
    failing = FailingCase(input="5", expected="25", got=got, kind=VerdictKind.WRONG_ANSWER, message="")
    verdict = Verdict(kind=VerdictKind.WRONG_ANSWER, passed=0, total=7)
    assert (
        mistake(Round(number=0, program=Program(source=""), verdict=verdict, failing=failing), known) == said
    )


def test_bugs_of_ours_are_told_apart_by_how_their_tracebacks_end() -> None:
    begin = "Traceback (most recent call last):\n" + '  File "/x/loop.py", line 17, in run\n    work()\n' * 9
    made = [
        facts_of(
            failed(number).model_copy(
                update={"reason": Reason.INTERNAL_ERROR.value, "detail": f"{begin}{error}: number {number}\n"}
            ),
            1,
        )
        for number, error in enumerate(("KeyError", "KeyError", "TypeError"), 1)
    ]
    assert gathering.stopped(made) == {"KeyError: number #": 2, "TypeError: number #": 1}
    assert made[0].detail == "KeyError: number 1"


def test_a_crash_is_named_by_its_last_exception() -> None:
    text = "Traceback\nValueError: no\n\nDuring handling …\nmypkg.MyError: yes"
    verdict = Verdict(kind=VerdictKind.RUNTIME_ERROR, passed=0, total=7, message=text)
    assert mistake(Round(number=0, program=Program(source=""), verdict=verdict), {}) == "mypkg.MyError"


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("bounded", [n % 3 for n in range(30)]),
        ("slower than linear", [n.bit_length() + int(n**0.5) for n in range(1, 60)]),
        ("about linear", [3 * n + 1 for n in range(30)]),
        ("polynomial", [n**3 for n in range(1, 30)]),
        ("exponential", [2**n for n in range(30)]),
        ("exponential", [3**n * (-1) ** n for n in range(30)]),
        ("faster than exponential", [math.factorial(n) for n in range(1, 30)]),
        ("irregular", [n * (n % 4) for n in range(1, 40)]),
        ("too few terms", [1, 2, 3]),
    ],
)
def test_growth_is_told_by_the_terms(name: str, terms: list[int]) -> None:
    assert growth(tuple(terms)) == name


@given(st.lists(st.integers(-(10**30), 10**30), max_size=60), st.text(max_size=80), st.integers(0, 500))
def test_every_sequence_has_a_label_on_every_side(terms: list[int], name: str, members: int) -> None:
    kinds = kinds_of(Sequence(id="A000001", name=name, terms=tuple(terms)), members)
    assert all(labels and all(labels) for labels in kinds.values())


def test_rounds_and_bills_count_every_program_and_token_once() -> None:
    some = facts(300)
    found = rounds(some)
    assert sum(one.reached for one in found) == sum(len(one.tried) for one in some)
    assert sum(one.accepted for one in found) == sum(one.accepted for one in some)
    for one in found:
        assert one.solved + one.mistakes.total() == one.reached
    assert sum(line.tokens for line in lines(some)) == sum(one.tokens for one in some)
    each = tokens_per_accepted(some)
    assert each is not None
    assert each.low <= each.value <= each.high
    assert each.value == pytest.approx(sum(o.tokens for o in some) / sum(o.accepted for o in some))


def test_a_run_against_itself_differs_in_nothing_and_a_better_one_does() -> None:
    one, same = told(facts(120)), told(facts(120))
    unchanged = compare(one, same)
    assert unchanged.common == 120
    assert unchanged.accepted.change.value == 0
    assert not any(share.change.differs_from_zero for share in (*unchanged.endings, *unchanged.gates))
    better = compare(told(facts(120, accept=0.8)), told(facts(90, accept=0.1)))
    assert (better.common, better.only_of, better.only_with) == (90, 30, 0)
    assert better.accepted.change.low > 0.4
    assert better.gained_count - better.lost_count == better.accepted.count - better.accepted.other

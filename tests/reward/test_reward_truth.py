"""Truth of cases, with a reference program that is told what to do."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.errors import InfrastructureError
from codeseq_ray.ports import Execution, ExecutionReport, Run
from codeseq_ray.records import VerdictKind
from codeseq_ray.reward.truth import Answers, Bounds, Count, count

KNOWN = {str(n): str(n * n) for n in range(2, 10)}
SHOWN = frozenset({"2", "3"})
Pairs = list[tuple[str, str]]


@dataclass
class Squares:
    """An executor whose program squares, is out of time from `slow` on, and knows no negative numbers."""

    slow: int = 1000
    asked: list[str] = field(default_factory=list)
    runs_lost: int = 0

    async def execute(self, execution: Execution) -> ExecutionReport:
        if self.runs_lost:
            self.runs_lost -= 1
            raise InfrastructureError("a worker died")
        runs = []
        for text in execution.inputs:
            self.asked.append(text.strip())
            n = int(text)
            kind = VerdictKind.RUNTIME_ERROR if n < 0 else VerdictKind.PASSED
            if n >= self.slow:
                runs.append(Run(VerdictKind.TIME_LIMIT))
                break  # the process that all inputs share has ended
            runs.append(Run(kind, stdout=f"{n * n}\n" if n >= 0 else ""))
        return ExecutionReport(tuple(runs), ())


def counted(pairs: Pairs, executor: Squares | None = None, bounds: Bounds | None = None) -> Count:
    return asyncio.run(
        count(
            executor or Squares(),
            pairs,
            shown=SHOWN,
            known=KNOWN,
            program="print(int(input()) ** 2)",
            bounds=bounds or Bounds(),
            answers=Answers(),
        )
    )


def right(*numbers: int) -> Pairs:
    return [(str(n), str(n * n)) for n in numbers]


def wrong(*numbers: int) -> Pairs:
    return [(str(n), str(n * n + 1)) for n in numbers]


def test_known_terms_need_no_program() -> None:
    executor = Squares()
    assert counted(right(4, 5) + wrong(6), executor) == Count(3, 2)
    assert executor.asked == []


def test_the_rest_is_asked_of_the_reference_program_once() -> None:
    executor = Squares()
    assert counted(right(20, 21) + wrong(20, 22) + right(4), executor) == Count(5, 3)
    assert executor.asked == ["20", "21", "22"]


def test_examples_are_not_self_made_whatever_is_said_of_them() -> None:
    assert counted(right(2, 3) + wrong(2, 3)) == Count()


def test_what_the_reference_program_cannot_answer_leaves_the_count() -> None:
    assert counted(right(-4, 4)) == Count(1, 1, undecided=1)
    assert counted(right(5000, 20)) == Count(1, 1, undecided=1)


def test_after_three_inputs_out_of_time_larger_ones_count_as_not_true() -> None:
    executor = Squares()
    found = counted(right(1000, 1001, 1002, 1003, 1004, 20), executor)
    assert found == Count(cases=3, true=1, undecided=3)
    assert executor.asked == ["20", "1000", "1001", "1002"]


def test_inputs_beyond_the_sixteenth_count_as_not_true() -> None:
    executor = Squares()
    assert counted(right(*range(20, 60)), executor) == Count(cases=40, true=16)
    assert len(executor.asked) == 16


def test_an_answer_is_kept_for_the_next_completion() -> None:
    executor, answers = Squares(), Answers()

    async def twice() -> list[Count]:
        return [
            await count(
                executor, pairs, shown=SHOWN, known=KNOWN, program="p", bounds=Bounds(), answers=answers
            )
            for pairs in (right(20, 22, 5000), right(20, 21, 22, 5000))
        ]

    assert asyncio.run(twice()) == [Count(2, 2, 1), Count(3, 3, 1)]
    assert executor.asked == ["20", "22", "5000", "21"]


def test_trouble_is_tried_again_and_then_raised() -> None:
    assert counted(right(20), Squares(runs_lost=2)) == Count(1, 1)
    with pytest.raises(InfrastructureError, match="a worker died"):
        counted(right(20), Squares(runs_lost=3))


claims = st.lists(
    st.tuples(st.integers(-3, 40) | st.integers(998, 1010), st.integers(0, 2)).map(
        lambda drawn: (str(drawn[0]), str(drawn[0] ** 2 + drawn[1]))
    ),
    max_size=30,
)


@given(claims, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_matters(pairs: Pairs, chance: random.Random) -> None:
    other = pairs + pairs[: len(pairs) // 2]
    chance.shuffle(other)
    assert counted(pairs) == counted(other)


@given(claims, claims)
def test_no_further_claim_raises_the_share_but_a_true_one(pairs: Pairs, more: Pairs) -> None:
    untrue = [(given, said) for given, said in more if int(said) != int(given) ** 2 or int(given) >= 1000]
    for bounds in (Bounds(), Bounds(inputs=3, failures=1)):
        assert counted(pairs + untrue, bounds=bounds).share <= counted(pairs, bounds=bounds).share

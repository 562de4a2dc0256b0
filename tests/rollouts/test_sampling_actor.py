"""What a sampling actor asks of a problem, and what it leaves to the next start."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from codeseq_ray.errors import InfrastructureError
from codeseq_ray.judging.verdicts import Manner
from codeseq_ray.pipeline.sampling.actor import SamplingActor
from codeseq_ray.pipeline.sampling.problems import UNKNOWN
from codeseq_ray.pipeline.sampling.run import Sampled, open_problems_at_once
from codeseq_ray.pipeline.spending import Caps
from codeseq_ray.ports import ChatAnswer, ChatRequest
from codeseq_ray.records import Rollout
from codeseq_ray.rollouts.sampling import Sampler
from codeseq_ray.settings import RolloutSettings, load
from codeseq_ray.watching.standing import Spent, Standing
from tests.rollouts.test_sampling import CODE, ROW, Squares

SAMPLES = 32


def settings(*flags: str) -> RolloutSettings:
    return load(
        ["--dataset", "d", "--policy-url", "http://host/v1", "--policy-model", "m", *flags],
        schema=RolloutSettings,
        program="rollouts.py",
    )


class Solves:
    """A policy that solves everything, or gives out at some samples."""

    model = "policy"

    def __init__(self, *fails: int) -> None:
        self.fails = fails
        self.asked: list[int] = []

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        self.asked.append(request.sample)
        if request.sample in self.fails:
            raise InfrastructureError("gone")
        return ChatAnswer(CODE, "stop", "policy", completion_tokens=5)

    async def close(self) -> None: ...


class Actor(SamplingActor):
    """Keeps nothing; `done` is what the ledger knows of problem 290."""

    def __init__(self, policy: Solves, done: dict[int, str], *flags: str) -> None:
        async def attempts_done(numbers: list[int]) -> dict[int, dict[int, str]]:
            return {290: done} if done else {}

        index = SimpleNamespace(attempts_done=SimpleNamespace(remote=attempts_done))
        super().__init__(SimpleNamespace(settings=settings(*flags), caps=Caps(), index=index))  # type: ignore[arg-type]
        self.tools = Sampler(policy, Squares(), Manner(), 1.0, 100)

    async def _keep(self, record: Any) -> None:
        assert isinstance(record, Rollout)

    async def _look_again(self) -> None: ...

    async def work(self) -> None:
        row = {"number": 290, "problem": json.dumps(ROW), "known": [UNKNOWN] * SAMPLES}
        for one in await self._to_do([row]):
            await self._worked(self.tools, one)


EARLY = ("--early-stop", "--early-stop-window", "5")


@pytest.mark.parametrize(
    ("done", "asked"),
    [
        ({}, range(15)),
        ({1: "accepted"}, range(1, 16)),
        (dict.fromkeys(range(1, 18), "rejected"), range(17, 32)),
        (dict.fromkeys(range(1, 16), "accepted"), ()),
    ],
)
def test_an_actor_that_takes_over_from_a_dead_one_stops_as_early(done: dict[int, str], asked: range) -> None:
    """15 passes of 32 decide. What the dead one had judged counts."""
    policy = Solves()
    asyncio.run(Actor(policy, done, *EARLY).work())
    assert policy.asked == list(asked)


def test_a_sample_that_was_not_judged_ends_what_can_no_longer_be_decided() -> None:
    policy = Solves(6)
    asyncio.run(Actor(policy, {}, *EARLY).work())
    assert policy.asked == list(range(10))
    policy = Solves(6)
    asyncio.run(Actor(policy, {}).work())  # all are asked at once, and to be judged in any case
    assert policy.asked == list(range(SAMPLES))


def test_what_the_servers_context_cut_is_warned_of_at_the_end() -> None:
    run: Any = SimpleNamespace(run_id="r")
    nothing: Any = None
    sampled = Sampled(run, nothing, {}, nothing, 0, Standing(), Spent(), "--cap-requests 3 is reached")
    assert not [line for line in sampled.ending({"wrong_answer": 9}) if line.startswith("warning")]
    told = sampled.ending({"context_too_short": 2, "prompt_too_long": 1, "wrong_answer": 9})
    assert [line for line in told if line.startswith("warning   3 answers")]
    assert told[-1].endswith("the same command with --run-id r goes on")


@pytest.mark.parametrize(
    ("judged", "flags"),
    [
        (0, ()),
        (0, ("--early-stop", "--early-stop-window", "1")),
        (0, ("--early-stop", "--early-stop-window", "8")),
        (31, ()),
        (30, ("--early-stop", "--early-stop-window", "8")),
    ],
)
def test_problems_enough_are_open_to_fill_the_servers_twice(judged: int, flags: tuple[str, ...]) -> None:
    told = settings("--policy-url", "http://other/v1", "--requests-in-flight", "64", *flags)
    known = np.zeros((50, SAMPLES), dtype=np.int8)
    known[::2, judged:] = UNKNOWN
    asked = min(SAMPLES - judged, told.early_stop_window if told.early_stop else SAMPLES)
    assert 2 * 2 * 64 <= asked * open_problems_at_once(known, told) <= 2 * 2 * 64 + 3 * asked

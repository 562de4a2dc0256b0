"""Completions → scores: read, judge on the hidden cases, count the true cases, put together.

Ground truth is judged as rollouts are (`judging.verdicts.judge`), so that a pass means here what it means in s.
Trouble around a completion (a killed worker, a machine that is too busy) is no score: its reward is None.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from codeseq_ray.errors import InfrastructureError, UsageError
from codeseq_ray.judging.lookup import lookup_table
from codeseq_ray.judging.verdicts import Manner, judge
from codeseq_ray.ports import Executor, Limits
from codeseq_ray.records import Case, Program, Reason, Verdict, VerdictKind
from codeseq_ray.reward.extraction import read
from codeseq_ray.reward.forms import Cssr, Form
from codeseq_ray.reward.tasks import RewardTask
from codeseq_ray.reward.truth import Answers, Bounds, Count, count
from codeseq_ray.reward.workers import Workers
from codeseq_ray.sandbox.settings import SandboxSettings

T = TypeVar("T")

NO_PROGRAM = "no_program"


class RewardSettings(BaseModel):
    """Everything that can be set; hashable, as a process keeps one scorer for each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: Form = Field(Form.ADDITIVE, description="How w(s) and c are put together (docs/reward.md).")
    epsilon: float = Field(1e-3, description="Keeps w(s) finite at s = 0.")
    case_weight: float = Field(1.0, description="What true cases count beside the program.")
    rollouts: int = Field(32, description="Behind each s; the normalised form scales by w(1 / rollouts).")
    refuse_tables: bool = Field(
        False, description="A program that spells the known terms out counts as failed. It passes in s."
    )
    workers: int = Field(4, ge=1, le=256, description="Programs that run at a time in this process.")
    cpu_seconds: float = Field(4.0, gt=0, description="CPU seconds of a program on one hidden case.")
    memory_mb: int = Field(512, ge=16, description="Memory of a program in MiB.")
    output_bytes: int = Field(
        1 << 20, ge=1024, description="Most bytes that a program may print on one case."
    )
    reference_inputs: int = Field(
        16, ge=0, description="Inputs of one completion that the reference program is asked for, at most."
    )
    reference_failures: int = Field(
        3, ge=1, description="Inputs beyond its limits before larger ones are not tried any more."
    )
    reference_cpu_seconds: float = Field(
        1.0, gt=0, description="CPU seconds of the reference program on one input."
    )
    batch_seconds: float = Field(
        900.0, gt=0, description="Wall-clock seconds of a batch; what is not judged by then has no reward."
    )
    sandbox: SandboxSettings = SandboxSettings()

    def cssr(self) -> Cssr:
        """The formula. Raises UsageError for constants that make none."""
        return Cssr(self.form, self.epsilon, self.case_weight, self.rollouts)

    @staticmethod
    def of(given: dict[str, Any]) -> RewardSettings:
        """From a trainer's configuration. Raises UsageError for what makes no reward."""
        try:
            settings = RewardSettings.model_validate(given)
            settings.cssr()
            return settings
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise UsageError(
                f"reward settings: {faults}. There are {', '.join(RewardSettings.model_fields)}."
            ) from None


@dataclass(frozen=True, slots=True)
class Score:
    """A completion's reward and what it is made of."""

    reward: float | None
    """None: no judgement was possible; nothing is known of the completion."""
    verdict: str
    """A `VerdictKind`, `no_program`, or `lookup_table`."""
    reason: str = ""
    """In a few words, what went wrong; never an expected output."""
    passed: bool = False
    pass_part: float = 0.0
    case_part: float = 0.0
    """What the program and the cases earn; together, the reward."""
    weight: float = 0.0
    """w(s) of the problem, whether it passed or not."""
    case_share: float = 0.0
    """c."""
    n_cases: int = 0
    n_true: int = 0
    undecided: int = 0
    """Cases that the reference program could not answer; not in `n_cases`."""


class Scorer:
    """Scores completions with warm sandboxes. Keep one: starting a sandbox takes a tenth of a second.

    Every method may be called from any thread and any event loop. Raises UsageError where the settings make no
    reward, SandboxUnavailableError at the first program where the walls do not stand.
    """

    def __init__(self, settings: RewardSettings | None = None, executor: Executor | None = None) -> None:
        """`executor` runs programs in the place of this process's own sandboxes (a cluster's, say)."""
        self.settings = settings = settings or RewardSettings()
        self.form = settings.cssr()
        self._manner = Manner(
            Limits(
                cpu_seconds=settings.cpu_seconds,
                memory_mb=settings.memory_mb,
                output_bytes=settings.output_bytes,
            )
        )
        reference = Limits(cpu_seconds=settings.reference_cpu_seconds, memory_mb=settings.memory_mb)
        self._bounds = Bounds(settings.reference_inputs, settings.reference_failures, reference)
        self._answers = Answers()
        self._workers = Workers(settings.workers, settings.sandbox) if executor is None else None
        self._executor: Executor = executor or self._workers  # type: ignore[assignment]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = threading.Lock()

    # ------------------------------------------------------------------------------------------- asynchronous

    async def score_async(self, task: RewardTask, completion: str) -> Score:
        return (await self.score_batch_async([(task, completion)]))[0]

    async def score_batch_async(self, batch: Sequence[tuple[RewardTask, str]]) -> list[Score]:
        """Scores in the order of the batch. Equal completions of a problem, and equal programs, are judged once."""
        if not batch:
            return []
        once = _Once(self)
        running = {pair: asyncio.ensure_future(once.score(*pair)) for pair in batch}
        try:
            done, late = await asyncio.wait(running.values(), timeout=self.settings.batch_seconds)
            for one in done:
                one.result()  # what is no trouble of one completion alone is raised
        finally:
            once.cancel()
            for one in running.values():
                one.cancel()
        out_of_time = Score(
            None,
            VerdictKind.INFRASTRUCTURE,
            f"not judged within the batch's {self.settings.batch_seconds:g} s: raise batch_seconds or workers",
        )
        return [out_of_time if running[pair] in late else running[pair].result() for pair in batch]

    # -------------------------------------------------------------------------------------------- synchronous

    def score(self, task: RewardTask, completion: str) -> Score:
        return self._here(self.score_async(task, completion))

    def score_batch(self, batch: Sequence[tuple[RewardTask, str]]) -> list[Score]:
        """`score_batch_async`, waited for; also where an event loop runs already (a notebook)."""
        return self._here(self.score_batch_async(batch))

    def _here(self, work: Coroutine[Any, Any, T]) -> T:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="codeseq-reward", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """End the sandboxes. The scorer cannot be used again."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
        if self._workers is not None:
            self._workers.close()

    def __enter__(self) -> Scorer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Once:
    """One batch: what several of its completions need is done for the first of them."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._verdicts: dict[tuple[RewardTask, str], asyncio.Task[Verdict]] = {}
        self._counting: dict[RewardTask, asyncio.Lock] = {}

    async def score(self, task: RewardTask, completion: str) -> Score:
        form = self._scorer.form
        weight = form.weight(task.solvability)
        # Reading is our own work on this thread's time; the loop gets its turn between two completions.
        await asyncio.sleep(0)
        reading = read(completion)
        try:
            verdict, counted = await asyncio.gather(
                self._verdict(task, reading.program), self._count(task, reading.cases)
            )
        except InfrastructureError as trouble:
            return Score(None, VerdictKind.INFRASTRUCTURE, str(trouble), weight=weight)
        kind, reason = _said(verdict)
        passed = verdict is not None and verdict.ok
        if passed and self._scorer.settings.refuse_tables and (table := _table(task, reading.program or "")):
            passed, kind, reason = False, Reason.LOOKUP_TABLE, table
        if reading.too_long:
            reason = "; ".join(filter(None, (reason, "too long to be read for cases")))
        for_pass, for_cases = form.parts(
            passed=passed, solvability=task.solvability, case_share=counted.share
        )
        return Score(
            reward=for_pass + for_cases,
            verdict=kind,
            reason=reason,
            passed=passed,
            pass_part=for_pass,
            case_part=for_cases,
            weight=weight,
            case_share=counted.share,
            n_cases=counted.cases,
            n_true=counted.true,
            undecided=counted.undecided,
        )

    def cancel(self) -> None:
        for verdict in self._verdicts.values():
            verdict.cancel()

    async def _verdict(self, task: RewardTask, program: str | None) -> Verdict | None:
        if program is None:
            return None
        scorer = self._scorer
        if (task, program) not in self._verdicts:
            judging = judge(scorer._executor, Program(source=program), task.hidden, scorer._manner)
            self._verdicts[task, program] = asyncio.ensure_future(judging)
        return await asyncio.shield(self._verdicts[task, program])

    async def _count(self, task: RewardTask, pairs: Sequence[tuple[str, str]]) -> Count:
        scorer = self._scorer
        # One after the other for each problem: the next completion's cases are often the same.
        async with self._counting.setdefault(task, asyncio.Lock()):
            return await count(
                scorer._executor,
                pairs,
                shown=task.shown,
                known=task.known,
                program=task.reference_program,
                bounds=scorer._bounds,
                answers=scorer._answers,
            )


def _said(verdict: Verdict | None) -> tuple[str, str]:
    if verdict is None:
        return NO_PROGRAM, "no ```python block after the thoughts"
    return verdict.kind, verdict.message


def _table(task: RewardTask, program: str) -> str:
    return lookup_table(program, [Case(input=given, output=said) for given, said in task.known.items()])


_scorers: dict[tuple[int, RewardSettings], Scorer] = {}
_making = threading.Lock()


def scorer_here(settings: RewardSettings) -> Scorer:
    """This process's scorer with these settings. In a forked copy of the process it is another one."""
    with _making:
        key = (os.getpid(), settings)
        if key not in _scorers:
            _scorers[key] = Scorer(settings)
        return _scorers[key]

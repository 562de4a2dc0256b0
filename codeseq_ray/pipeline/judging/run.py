"""The judge's job from settings to answers: scan → judge → answers."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import ray
from ray.data import DataContext, ExecutionResources

from codeseq_ray import __version__
from codeseq_ray.errors import InputError, SandboxUnavailableError, UsageError
from codeseq_ray.judging.verdicts import Manner
from codeseq_ray.pipeline import cluster
from codeseq_ray.pipeline.judging.answering import ROWS, Answered, JudgeJob, answer_blocks, block_tables
from codeseq_ray.pipeline.judging.answers import Answers, OneObject, Parts, format_of, one_object
from codeseq_ray.pipeline.judging.inputs import Slice, slices
from codeseq_ray.pipeline.judging.scan import Scan, read, scan, stream
from codeseq_ray.pipeline.tasks import memory_bytes, require_memory, standing_walls
from codeseq_ray.ports import Limits
from codeseq_ray.records import VerdictKind
from codeseq_ray.settings import JudgeSettings, sandbox_of
from codeseq_ray.store.objects import open_store

Say = Callable[[str], None]

JUDGE_CPUS = 0.95
"""Logical CPUs of a judging task; with one reader it fills a CPU, so that readers cannot keep judges waiting."""
_BLOCKS_PER_CPU = 8
"""At least, where there are so many rows: the last block to be done should not keep all others waiting."""
_SMALLEST_BLOCK = 1024
"""Ray Data joins what a reader yields up to this size: each block of rows stays one."""


@dataclass(frozen=True)
class JudgeResult:
    uri: str
    rows: int
    verdicts: Counter[str]
    walls: Counter[str]
    judged_now: int
    seconds: float
    """That judging took: without the start of Ray and the reading of the input."""

    @property
    def unjudged(self) -> int:
        return self.verdicts.get(VerdictKind.INFRASTRUCTURE.value, 0)


def execute(settings: JudgeSettings, say: Say, warn: Say) -> JudgeResult:
    """Judge all rows. Raises UsageError and its kin before any work where possible."""
    input_, output = places(settings)
    parts = slices(input_)
    format_, one = format_of(output, settings.format)
    answers: Answers
    if one:
        answers = OneObject(output, format_, one_object(output, overwrite=settings.overwrite))
    else:
        answers = Parts(open_store(output), format_)
    try:
        return _judge_all(settings, input_, parts, format_, answers, say, warn)
    except BaseException:
        answers.abort()
        raise


def _judge_all(
    settings: JudgeSettings,
    input_: str,
    parts: list[Slice],
    format_: str,
    answers: Answers,
    say: Say,
    warn: Say,
) -> JudgeResult:
    _connect(settings)
    found = scan(parts)
    row_settings = {**settings.row_settings(), "format": format_}
    answered = answers.begin(row_settings, found.digest)
    before = int((answered[:, 1] - answered[:, 0]).sum())
    say(_opening(input_, found, before))
    _require_walls(settings, warn)

    begun = time.monotonic()
    account = _Account(answers, found.rows, before, settings.log_seconds, say)
    for block in _judged(settings, format_, found, answered):
        account.add(block)
        answers.add(block)
    seconds = time.monotonic() - begun
    account.require_all(found)
    answers.close(
        {
            "input": input_,
            "input_digest": found.digest,
            "rows": found.rows,
            "verdicts": dict(account.verdicts),
            "walls": dict(account.walls),
            "settings": settings.public(),
            "versions": {
                "codeseq-ray": __version__,
                "python": platform.python_version(),
                "ray": importlib.metadata.version("ray"),
                "pyarrow": importlib.metadata.version("pyarrow"),
            },
        }
    )
    return JudgeResult(answers.uri, found.rows, account.verdicts, account.walls, found.rows - before, seconds)


def places(settings: JudgeSettings) -> tuple[str, str]:
    """Input and output by absolute names: readers run in other working directories."""
    inside_job = "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ
    output = settings.output
    if "://" not in output:
        if inside_job and not os.path.isabs(output):
            raise UsageError(
                f"--output {output}: a Ray job runs in a temporary copy of its working directory, and what it leaves "
                "there is lost. Give an absolute path or s3://bucket/prefix."
            )
        output = os.path.abspath(os.path.expanduser(output))
    input_ = settings.input
    if "://" not in input_:
        input_ = os.path.abspath(os.path.expanduser(input_))
    if output == input_ or output.startswith(input_.rstrip("/") + "/"):
        raise UsageError(
            f"--output {output}: lies in the input; answers would be read as rows. Give another."
        )
    return input_, output


def _connect(settings: JudgeSettings) -> None:
    cluster.connect(settings.local_cpus)
    context = DataContext.get_current()
    context.target_max_block_size = _SMALLEST_BLOCK
    # Judging is Ray Data's own work here, and may have all of the cluster.
    context.execution_options.resource_limits = ExecutionResources.for_limits()
    require_memory(settings.memory_mb, sandbox_of(settings))


def _require_walls(settings: JudgeSettings, warn: Say) -> None:
    sandbox = sandbox_of(settings)
    standing = ray.get(standing_walls.remote(sandbox))
    if not isinstance(standing, UsageError):
        return
    if not (settings.allow_unconfined and isinstance(standing, SandboxUnavailableError)):
        raise standing
    warn(
        f"UNCONFINED: {standing}\nPrograms run under rlimits alone, because of --allow-unconfined: each can read, "
        "write and send whatever this user can. Their answers say so in `walls` and are not to be published."
    )


def _judged(
    settings: JudgeSettings, format_: str, found: Scan, answered: npt.NDArray[np.int64]
) -> Iterator[Answered]:
    if not found.slices:
        return
    sandbox = sandbox_of(settings)
    limits = Limits(
        cpu_seconds=settings.cpu_seconds,
        memory_mb=settings.memory_mb,
        output_bytes=settings.output_bytes,
        program_cpu_seconds=settings.program_cpu_seconds,
        recursion=settings.recursion,
    )
    # "Trusted" is what the sandbox calls a program that may run without walls.
    manner = Manner(limits=limits, trusted=settings.allow_unconfined)
    job = JudgeJob(sandbox, manner, settings.confirm, format_, ray.put(found.shared))
    # A small input is spread over all CPUs, too.
    most = max(1, min(ROWS, math.ceil(found.rows / (_BLOCKS_PER_CPU * max(1.0, cluster.cpus())))))
    blocks = read(found.slices, block_tables(answered, most), readers=_readers(found))
    task: Any = answer_blocks
    done = blocks.map_batches(
        task,
        fn_kwargs={"job": job},
        batch_size=None,
        batch_format="pyarrow",
        num_cpus=JUDGE_CPUS,
        memory=memory_bytes(settings.memory_mb, sandbox),
    )
    for row in stream(done):
        if row["refused"]:
            raise UsageError(row["refused"])
        yield Answered.of(row)


def _readers(found: Scan) -> int:
    return max(1, min(int(cluster.cpus()), len(found.slices)))


def _opening(input_: str, found: Scan, before: int) -> str:
    line = f"input: {found.rows} rows in {input_}"
    if found.shared:
        several = sum(one.count for one in found.shared.values())
        line += f"; ids on several rows: {len(found.shared)} ({several} rows)"
    return f"{line}\nresume: {before} rows are answered, {found.rows - before} to go" if before else line


class _Account:
    """Counts what comes in, says how far it is now and then, and knows at the end whether that was all."""

    def __init__(self, answers: Answers, total: int, before: int, seconds: float, say: Say) -> None:
        self.verdicts, self.walls = Counter(answers.verdicts), Counter(answers.walls)
        self._total, self._before, self._seconds, self._say = total, before, seconds, say
        self._rows, self._id_sum = before, answers.id_sum
        self._begun = self._said = time.monotonic()

    def add(self, block: Answered) -> None:
        self.verdicts.update(block.verdicts)
        self.walls.update(block.walls)
        self._rows += len(block.rows) + len(block.open_rows)
        self._id_sum = (self._id_sum + block.id_sum + block.open_id_sum) % (1 << 64)
        now = time.monotonic()
        if now - self._said >= self._seconds:
            self._said = now
            rate = (self._rows - self._before) / max(1e-9, now - self._begun)
            counts = ", ".join(f"{n} {verdict}" for verdict, n in self.verdicts.most_common())
            left = (self._total - self._rows) / max(1e-9, rate)
            self._say(
                f"judged: {self._rows} of {self._total} ({counts}), {rate:.1f}/s, about {left:.0f} s to go"
            )

    def require_all(self, found: Scan) -> None:
        """Every row once, and none twice: their number and the sum of their ids' digests have to be the input's."""
        if (self._rows, self._id_sum) != (found.rows, found.id_sum):
            raise InputError(
                f"the input changed while it was judged: {found.rows} rows at first, {self._rows} at the end (or "
                "other ids). Start again with an input that stays as it is."
            )


def closing(result: JudgeResult) -> str:
    """What a person reads at the end."""
    lines = [f"{n:>11,}  {verdict}" for verdict, n in result.verdicts.most_common()]
    lines += [f"walls    {combination}: {n:,} programs" for combination, n in result.walls.most_common()]
    lines.append(f"answers  {result.uri}")
    rate = result.judged_now / result.seconds if result.seconds else 0.0
    lines.append(f"took     {result.seconds:.1f} s for {result.judged_now:,} rows, {rate:.1f} a second")
    return "\n".join(lines)


def way_on(result: JudgeResult) -> str:
    if format_of(result.uri, None)[1]:
        return "their answers say `infrastructure`."
    return "the same command tries them again."

"""A published release checked again: files, rows and figures here, its programs in sandboxed Ray tasks.

The driver reads all rows once, side by side, and hands programs out in small batches; only so many are out at a time.
"""

from __future__ import annotations

import asyncio
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import islice
from typing import Any

import ray
from pydantic import ValidationError

from codeseq_ray.cases import draw
from codeseq_ray.errors import UsageError
from codeseq_ray.judging.verdicts import Manner
from codeseq_ray.pipeline import cluster
from codeseq_ray.pipeline.tasks import InWorker, memory_bytes, require_memory, require_walls
from codeseq_ray.ports import Limits
from codeseq_ray.sandbox.settings import SandboxSettings
from codeseq_ray.settings import VerifySettings, sandbox_of
from codeseq_ray.store.released import Row
from codeseq_ray.synthesis.settings import SynthesisSettings
from codeseq_ray.verifying.figures import check_figures
from codeseq_ray.verifying.findings import Code, Finding, Findings
from codeseq_ray.verifying.programs import Rerun, can_run, rerun
from codeseq_ray.verifying.published import Published, open_published
from codeseq_ray.verifying.rows import RowChecks

Say = Callable[[str], None]
Job = tuple[str, Row]
"""Config, and a row of it whose program is to be run."""

TASK_ROWS = 16
"""Programs of a task: they take a second or so, against milliseconds that a task costs."""
TASKS_PER_CPU = 3
"""Tasks out at a time: no CPU waits for the driver, and a few hundred rows are in memory."""
VERIFY_CPUS = 0.95
_JUDGED_BY = ("cpu_seconds", "memory_mb", "output_bytes")
"""Settings that verdicts depend on. The profile is one more, and only told where it is not the usual one."""


@dataclass
class Verified:
    """What a check came to."""

    uri: str
    findings: Findings
    files: int = 0
    sequences: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    programs: Counter[str] = field(default_factory=Counter)
    """Run again and judged, by config."""
    nothing_to_run: int = 0
    """Rejected rows without a program, or without a case that it ran on."""
    left_out: int = 0
    """By `--sample`."""
    walls: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def execute(settings: VerifySettings, say: Say, hand_on: Callable[[Finding], None]) -> Verified:
    """Check a release; every finding goes to `hand_on` as it is made.

    Raises UsageError when there is no release, or when programs cannot be run here.
    """
    begun = time.monotonic()
    release = open_published(settings.dataset, settings, say)
    found = Findings(hand_on)
    result = Verified(release.uri, found, files=len(release.manifest.files))
    manner, sandbox = _manner(release, settings)
    checks = RowChecks(release, found.add)
    limits = manner.limits
    say(
        f"release {release.uri}: run {release.manifest.run_id}, judged with {limits.cpu_seconds:g} CPU seconds and "
        f"{limits.memory_mb} MiB a case, profile {sandbox.profile}"
    )
    release.check_files(found.add)
    say(f"files: {result.files} in the manifest, {found.different} differences")
    # Another Python writes programs out otherwise, and then other mutants are drawn.
    made_alike = _note_other_python(release, found)
    mutants = release.manifest.info.row_settings.get("mutants", 0) if made_alike else None
    cluster.connect(settings.local_cpus)
    require_memory(limits.memory_mb, sandbox)
    require_walls(sandbox)
    chosen = _sample(release, settings)
    progress = _Progress(result, checks, settings.log_seconds, say)
    for config, one in _run(
        _chosen(checks.walk(), chosen, result), _Again(manner, mutants), sandbox, progress
    ):
        for finding in one.findings:
            found.add(finding)
        if one.walls:
            result.programs[config] += 1
            result.walls[" ".join(one.walls)] += 1
    result.sequences = checks.counts.planned
    result.rows = {config: splits.total() for config, splits in checks.counts.rows.items()}
    check_figures(release, checks.counts, checks.outcome_digest, found.add)
    result.seconds = time.monotonic() - begun
    return result


def closing(result: Verified) -> str:
    """What was checked, and what is not so, for a person."""
    found = result.findings
    rows = ", ".join(f"{config} {count:,}" for config, count in sorted(result.rows.items()))
    programs = ", ".join(f"{count:,} of {config}" for config, count in sorted(result.programs.items()))
    lines = [
        f"release   {result.uri}",
        f"files     {result.files:,}",
        f"rows      {rows or 'none'}: {result.sequences:,} sequences",
        f"programs  {programs or 'none'} run again",
    ]
    if result.nothing_to_run:
        lines.append(f"          {result.nothing_to_run:,} rejected rows hold nothing to run")
    if result.left_out:
        lines.append(f"          {result.left_out:,} were left out by --sample")
    lines += [f"walls     {walls}: {count:,} programs" for walls, count in result.walls.most_common()]
    lines.append(f"took      {result.seconds:.0f} s")
    for what, several, count in (
        ("notes: otherwise here, and no fault of the release", found.notes, found.counts[Code.NOTE]),
        ("not judged: the sandbox gave no judgement", found.unjudged, found.counts[Code.UNJUDGED]),
        ("differences", found.differences, found.different),
    ):
        if count:
            lines += ["", f"{count:,} {what}"]
            if several is found.differences:
                lines += [
                    f"  {n:>9,}  {code.value}" for code, n in found.counts.most_common() if _differs(code)
                ]
            lines += [f"  {finding}" for finding in several]
            lines += [f"  … and {count - len(several):,} more (--report FILE.jsonl has all)"] * (
                count > len(several)
            )
    return "\n".join([*lines, "", _verdict(result)])


def _verdict(result: Verified) -> str:
    found = result.findings
    scope = "Everything that was looked at" if result.left_out else "Everything"
    if found.sound:
        return f"No difference. {scope} is as the release says."
    if found.different:
        return "The release is not what it says."
    return (
        f"No difference, but {found.counts[Code.UNJUDGED]:,} programs got no judgement: the machine's fault, not the "
        "release's. Check again on one with less to do."
    )


def _differs(code: Code) -> bool:
    return code not in (Code.NOTE, Code.UNJUDGED)


def _manner(release: Published, settings: VerifySettings) -> tuple[Manner, SandboxSettings]:
    """How the run judged: its limits, and the profile of its sandbox."""
    told = release.manifest.info.row_settings
    if lacking := [name for name in _JUDGED_BY if name not in told]:
        raise UsageError(
            f"{release.uri}: the manifest does not say {', '.join(lacking)} of the run: its verdicts cannot be "
            "repeated"
        )
    try:
        judged = SynthesisSettings(**{name: told[name] for name in _JUDGED_BY})
        sandbox = SandboxSettings(
            **{**sandbox_of(settings).model_dump(), "profile": told.get("profile", "standard")}
        )
    except ValidationError as error:
        raise UsageError(f"{release.uri}: the run's settings in the manifest are none: {error}") from None
    limits = Limits(
        cpu_seconds=judged.cpu_seconds, memory_mb=judged.memory_mb, output_bytes=judged.output_bytes
    )
    return Manner(limits=limits), sandbox


def _note_other_python(release: Published, found: Findings) -> bool:
    """Whether its programs ran in the Python that runs here."""
    made, here = release.manifest.info.versions.get("python", ""), platform.python_version()
    same = made.split(".")[:2] == here.split(".")[:2]
    if not same:
        said = (
            f"its programs ran in Python {made or '(not told)'}, here in {here}: some may behave otherwise, and "
            "mutants are not made again"
        )
        found.add(Finding(Code.NOTE, release.uri, said))
    return same


def _key(config: str, row: Row) -> tuple[str, ...]:
    """What tells a row with a program from all others."""
    return config, row["sequence_id"], str(row.get("paraphrase", 0)), str(row.get("answer", 0))


def _sample(release: Published, settings: VerifySettings) -> set[tuple[str, ...]] | None:
    """The rows whose programs are to be run; None: all."""
    if settings.sample is None:
        return None
    needed = {
        "problems": ["sequence_id"],
        "paraphrases": ["sequence_id", "paraphrase", "answer"],
        "rejected": ["sequence_id", "program", "failing_input", "cases"],
    }
    ids = (
        _key(place[0], row)
        for place in release.places
        if place[0] in needed
        # What is wrong with a file or row is found when all of it is read.
        for row in release.rows(place, lambda finding: None, needed[place[0]])
        if can_run(place[0], row)
    )
    return set(nsmallest(settings.sample, ids, key=lambda one: (draw(settings.seed, "verify", *one), one)))


def _chosen(rows: Iterator[Job], chosen: set[tuple[str, ...]] | None, result: Verified) -> Iterator[Job]:
    for config, row in rows:
        if not can_run(config, row):
            result.nothing_to_run += 1
        elif chosen is None or _key(config, row) in chosen:
            yield config, row
        else:
            result.left_out += 1


class _Progress:
    """A line every few seconds, while rows are read and while tasks are waited for."""

    def __init__(self, result: Verified, checks: RowChecks, seconds: float, say: Say) -> None:
        self._result, self._checks, self._seconds, self._say = result, checks, seconds, say
        self._begun = self._said = time.monotonic()

    def tell(self) -> None:
        now = time.monotonic()
        if now - self._said < self._seconds:
            return
        self._said = now
        programs = self._result.programs.total()
        self._say(
            f"verify: {self._checks.counts.planned:,} sequences read, {programs:,} programs run again "
            f"({programs / (now - self._begun):.1f}/s), {self._result.findings.different:,} differences"
        )


@dataclass(frozen=True)
class _Again:
    """How programs are run again."""

    manner: Manner
    mutants: int | None
    """Most of each accepted one, as in the run; None: they are left out."""


def _run(
    jobs: Iterator[Job], again: _Again, sandbox: SandboxSettings, progress: _Progress
) -> Iterator[tuple[str, Rerun]]:
    """Run programs in tasks, so many at a time, and yield what they showed as they end."""
    task = rerun_all.options(memory=memory_bytes(again.manner.limits.memory_mb, sandbox))
    out: dict[Any, list[Job]] = {}
    more = True
    while more or out:
        most = max(2, int(TASKS_PER_CPU * cluster.cpus()))
        while more and len(out) < most:
            batch = list(islice(jobs, TASK_ROWS))
            more = bool(batch)
            if batch:
                out[task.remote(batch, again, sandbox)] = batch
            progress.tell()
        done, _ = ray.wait(list(out), num_returns=1, timeout=1.0) if out else ([], [])
        for one in done:
            yield from _results(one, out.pop(one))
        progress.tell()


def _results(task: Any, jobs: list[Job]) -> Iterator[tuple[str, Rerun]]:
    try:
        reruns: list[Rerun] | UsageError = ray.get(task)
    except ray.exceptions.RayTaskError as error:  # a bug of ours, not trouble around the work
        raise error.cause from error
    except ray.exceptions.RayError as error:
        trouble = f"Ray gave the task up: {str(error).splitlines()[0]}"
        for config, row in jobs:
            yield config, Rerun((Finding(Code.UNJUDGED, f"{config} {row['sequence_id']}", trouble),))
        return
    if isinstance(reruns, UsageError):
        raise reruns
    for (config, _), one in zip(jobs, reruns, strict=True):
        yield config, one


@ray.remote(num_cpus=VERIFY_CPUS, max_retries=3)
def rerun_all(jobs: list[Job], again: _Again, sandbox: SandboxSettings) -> list[Rerun] | UsageError:
    """What each row's program showed; or why no program can be run on this node."""

    async def run() -> list[Rerun]:
        executor = InWorker(sandbox)
        return [await rerun(executor, config, row, again.manner, again.mutants) for config, row in jobs]

    try:
        return asyncio.run(run())
    except UsageError as error:
        return error

"""A published release checked again: files, rows and figures here, its programs in sandboxed Ray tasks.

The driver reads all rows once, side by side, and hands programs out in small batches; only so many are out at a time.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import ray

from codeseq_ray.cases import draw
from codeseq_ray.errors import UsageError
from codeseq_ray.judging.verdicts import Manner
from codeseq_ray.pipeline import cluster
from codeseq_ray.pipeline.tasks import InWorker, memory_bytes, require_memory, standing_walls
from codeseq_ray.ports import Limits
from codeseq_ray.sandbox.settings import SandboxSettings
from codeseq_ray.settings import VerifySettings, sandbox_of
from codeseq_ray.verifying.figures import checked_figures
from codeseq_ray.verifying.findings import Finding
from codeseq_ray.verifying.programs import Rerun, rerun
from codeseq_ray.verifying.published import Published, Row, open_published
from codeseq_ray.verifying.rows import RowChecks

Say = Callable[[str], None]
Job = tuple[str, Row]
"""Config, and a row of it whose program is to be run."""

TASK_ROWS = 16
TASKS_PER_CPU = 3
VERIFY_CPUS = 0.95


@dataclass
class Verified:
    """What a check came to."""

    uri: str
    files: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    programs: Counter[str] = field(default_factory=Counter)
    """Run again, by config."""
    not_run: int = 0
    """Rejected rows that hold nothing to run (no program, or no case that it failed on)."""
    left_out: int = 0
    """By `--sample`."""
    walls: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


def execute(settings: VerifySettings, say: Say) -> Verified:
    """Check a release. Raises UsageError when there is none, or when programs cannot be run here."""
    release = open_published(settings.dataset)
    say(f"release {release.uri}")
    result = Verified(release.uri, files=len(release.files))
    result.findings += release.checked_files()
    say(f"files: {result.files}, {len(result.findings)} differences")
    manner, sandbox = _manner(release, settings)
    cluster.connect(settings.local_cpus)
    require_memory(manner.limits.memory_mb, sandbox)
    standing = ray.get(standing_walls.remote(sandbox))
    if isinstance(standing, UsageError):
        raise standing
    begun = time.monotonic()
    checks = RowChecks(release, result.findings)
    chosen = _sample(release, settings)
    said = begun
    for again in _run(_chosen(checks.walk(), chosen, result), manner, sandbox):
        for config, one in again:
            _add(result, config, one)
        if time.monotonic() - said >= settings.log_seconds:
            said = time.monotonic()
            say(f"programs: {result.programs.total():,} run again, {len(result.findings)} differences so far")
    result.rows = {config: sum(splits.values()) for config, splits in checks.counts.rows.items()}
    result.findings += checked_figures(release, checks.counts, checks.outcome_digest)
    result.seconds = time.monotonic() - begun
    return result


def closing(result: Verified, shown: int = 20) -> str:
    """What was checked, and what is not so, for a person."""
    rows = ", ".join(f"{config} {count:,}" for config, count in sorted(result.rows.items()))
    programs = ", ".join(f"{count:,} of {config}" for config, count in sorted(result.programs.items()))
    lines = [
        f"files     {result.files}",
        f"rows      {rows or 'none'}",
        f"programs  {programs or 'none'} run again, in {result.seconds:.0f} s",
    ]
    if result.not_run:
        lines.append(f"          {result.not_run:,} rejected rows hold nothing to run")
    if result.left_out:
        lines.append(f"          {result.left_out:,} programs were left out by --sample")
    lines += [f"walls     {walls}: {count:,} programs" for walls, count in result.walls.most_common()]
    for note in result.notes[:shown]:
        lines.append(f"note      {note}")
    if len(result.notes) > shown:
        lines.append(f"note      … and {len(result.notes) - shown:,} more")
    if not result.findings:
        scope = "what was looked at" if result.left_out else "everything"
        return "\n".join([*lines, "", f"No difference: {scope} is as the release says."])
    by_code = Counter(finding.code for finding in result.findings)
    lines += ["", f"{len(result.findings):,} differences:"]
    lines += [f"  {count:>7,}  {code.value}" for code, count in by_code.most_common()]
    lines += ["", *(str(finding) for finding in result.findings[:shown])]
    if len(result.findings) > shown:
        lines.append(f"… and {len(result.findings) - shown:,} more (--report FILE.jsonl has all)")
    return "\n".join(lines)


def _manner(release: Published, settings: VerifySettings) -> tuple[Manner, SandboxSettings]:
    """How the run judged: its limits, and the profile of its sandbox."""
    rows = release.manifest["info"]["row_settings"]
    try:
        limits = Limits(**{name: rows[name] for name in ("cpu_seconds", "memory_mb", "output_bytes")})
    except KeyError as error:
        raise UsageError(f"{release.uri}: the manifest does not say {error} of the run's judge") from None
    sandbox = sandbox_of(settings).model_copy(update={"profile": rows.get("profile", "standard")})
    return Manner(limits=limits), sandbox


def _sample(release: Published, settings: VerifySettings) -> set[tuple[str, str]] | None:
    """Config and A-number of the rows whose programs are to be run; None: all."""
    if settings.sample is None:
        return None
    places = [place for place in release.places() if place[0] in ("problems", "rejected")]
    ids = (
        (config, row["sequence_id"]) for config, split in places for row in release.rows(config, split, [])
    )
    drawn = heapq.nsmallest(settings.sample, ids, key=lambda one: draw(settings.seed, "verify", *one))
    return set(drawn)


def _chosen(rows: Iterator[Job], chosen: set[tuple[str, str]] | None, result: Verified) -> Iterator[Job]:
    for config, row in rows:
        if chosen is None or (config, row["sequence_id"]) in chosen:
            yield config, row
        else:
            result.left_out += 1


def _add(result: Verified, config: str, one: Rerun) -> None:
    if not one.ran:
        result.not_run += 1
        return
    result.programs[config] += 1
    result.findings += one.findings
    if one.walls:
        result.walls[" ".join(one.walls)] += 1
    if one.note:
        result.notes.append(one.note)


def _run(jobs: Iterator[Job], manner: Manner, sandbox: SandboxSettings) -> Iterator[list[tuple[str, Rerun]]]:
    """Run programs in tasks, so many at a time, and yield what they showed as they end."""
    task = rerun_all.options(memory=memory_bytes(manner.limits.memory_mb, sandbox))
    most = max(2, int(TASKS_PER_CPU * cluster.cpus()))
    out: list[Any] = []
    while True:
        while len(out) < most and (batch := list(islice(jobs, TASK_ROWS))):
            out.append(task.remote(batch, manner, sandbox))
        if not out:
            return
        (first,), out = ray.wait(out, num_returns=1)
        yield ray.get(first)


@ray.remote(num_cpus=VERIFY_CPUS, max_retries=3)
def rerun_all(jobs: list[Job], manner: Manner, sandbox: SandboxSettings) -> list[tuple[str, Rerun]]:
    async def run() -> list[tuple[str, Rerun]]:
        executor = InWorker(sandbox)
        return [(config, await rerun(executor, config, row, manner)) for config, row in jobs]

    return asyncio.run(run())

"""One run from settings to release: plan → loops → publish. Everything here may be stopped and started again."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from codeseq_ray import __version__
from codeseq_ray.bundled import sample_path
from codeseq_ray.errors import (
    CapReachedError,
    InfrastructureError,
    InputError,
    RunEndedError,
    RunMismatchError,
)
from codeseq_ray.oeis.source import Source, open_source
from codeseq_ray.pipeline.account import Account
from codeseq_ray.pipeline.crew import CrewMaker, crew, preflight, row_settings
from codeseq_ray.pipeline.housekeeping import merge_if_due
from codeseq_ray.pipeline.planning import make_plan
from codeseq_ray.pipeline.progress import Progress
from codeseq_ray.pipeline.source import Todo
from codeseq_ray.pipeline.start import Start, output_uri, started
from codeseq_ray.pipeline.work import Loops, work
from codeseq_ray.records import Outcome, SequenceRecord
from codeseq_ray.selection.plan import a_number, limited
from codeseq_ray.settings import Settings, fingerprint, refuse_other, sandbox_of
from codeseq_ray.store.ledger import Ledger, ledger_of, read_record
from codeseq_ray.store.merging import read_rows
from codeseq_ray.store.opening import open_patiently
from codeseq_ray.store.releases import Release, publish
from codeseq_ray.store.reopening import Reopened, close, read_reopened, reopen
from codeseq_ray.store.run import RunStore
from codeseq_ray.watching.standing import Spent, Standing

Say = Callable[[str], None]


@dataclass
class RunResult:
    """What a start of a run came to, for the summary."""

    run: RunStore
    planned: int
    selected: int
    drops: Counter[str]
    diagnostics: dict[str, int]
    in_scope: int
    """Selected sequences that this start was to bring to an outcome (all, or the limit)."""
    ledger: Ledger
    release: Release
    seconds: float
    walls: Counter[str] = field(default_factory=Counter)
    standing: Standing = field(default_factory=Standing)
    """What this start did, and what it spent on it."""
    spent_before: Spent = field(default_factory=Spent)
    """By earlier starts of the run."""
    capped: str = ""
    """Which cap ended this start, in words."""


def execute(settings: Settings, say: Say, crew: CrewMaker = crew) -> RunResult:
    """Bring a run as far as the settings ask. Raises UsageError and its kin before any work where possible.

    A cap that is reached ends it like a --limit, with a partial release. RunStoppedError when it has to end before
    anything could be published: told to stop, no model server up for too long, another driver in its place.
    """
    begun = time.monotonic()
    source = open_input(settings)
    store = open_patiently(output_uri(settings), settings, say)
    run = RunStore(store, settings.run_id or time.strftime("%Y%m%d-%H%M%S"))
    _manifest(run, settings, source)
    preflight(settings, say)
    with started(run, settings, sandbox_of(settings), settings.memory_mb, say) as start:
        result = _bring_on(run, settings, source, crew, start)
    result.seconds = time.monotonic() - begun
    return result


def _bring_on(run: RunStore, settings: Settings, source: Source, crew: CrewMaker, start: Start) -> RunResult:
    """Plan, work, publish; each only as far as it is not done yet. The run is ours meanwhile."""
    say = start.say
    manifest = _manifest(run, settings, source)
    account = Account(run, start.number)
    account.write(Standing())
    selected, drops = _planned(run, settings, source, manifest, say)
    planned = len(selected) + sum(drops.values())
    rows = read_rows(run)
    merge_if_due(run, rows)
    ledger = ledger_of(rows)
    scope = _scope(selected, settings)
    if settings.retry:
        within = selected.numbers[scope].tolist()
        count = reopen(run, settings.retry, ledger, start.number, within, settings.limit)
        say(f"retry: {count:,} outcomes re-opened{'' if count else ' now'}")
    reopened = read_reopened(run)
    todo = _todo(selected, scope, ledger, reopened)
    say(_plan_line(planned, len(selected), int(scope.sum())))
    if len(ledger):
        say(f"resume: {_how_far(ledger, selected.numbers[scope], len(todo))}")
    progress = Progress()
    if len(todo) and start.stop.order is None:
        loops = Loops(settings, source, todo, crew)
        progress = work(run, loops, account, start.stop, say)
        rows = read_rows(run)
        if start.stop.order is None:
            merge_if_due(run, rows)
        ledger = ledger_of(rows)
    if (
        start.stop.order is not None
    ):  # also where all was done by then: whoever lost the run publishes nothing
        progress.stopped = RunEndedError(start.stop.order.reason)
    if progress.stopped is not None:
        account.write(account.standing, str(progress.stopped))
        if not isinstance(progress.stopped, CapReachedError) or not ledger.done_ids:
            left = len(_todo(selected, scope, ledger, reopened))
            raise type(progress.stopped)(
                f"{progress.stopped}: {_how_far(ledger, selected.numbers[scope], left)}.\n"
                f"The same command with --run-id {run.run_id} goes on from here."
            )
    if not ledger.done_ids:
        raise InfrastructureError(
            f"nothing was judged: all {len(ledger)} sequences tried failed, so there is nothing to publish. The "
            f"first: {_first_failure(run, ledger)}\nThe same command with --run-id {run.run_id} tries them again."
        )
    say("publish: drawing the release …")
    release = publish(
        run,
        run.read_plan(),
        ledger,
        partial=settings.partial or settings.limit is not None or progress.stopped is not None,
        info={name: manifest[name] for name in ("fingerprint", "row_settings", "input_digest", "versions")},
    )
    manifest["counts"] = {
        "planned": planned,
        "selected": len(selected),
        **{outcome.value: ledger.outcomes.get(outcome, 0) for outcome in Outcome},
    }
    run.write_manifest(manifest)
    if progress.stopped is None:
        close(run, ledger)
        account.write(account.standing, "done")
    return RunResult(
        run=run,
        planned=planned,
        selected=len(selected),
        drops=drops,
        diagnostics=manifest["diagnostics"]["counts"],
        in_scope=int(scope.sum()),
        ledger=ledger,
        release=release,
        seconds=0.0,
        walls=progress.walls,
        standing=account.standing,
        spent_before=account.before,
        capped=str(progress.stopped or ""),
    )


def open_input(settings: Settings) -> Source:
    """The input that the settings name, by absolute paths: readers run in other working directories."""
    more = settings.more_terms
    return open_source(
        os.path.abspath(settings.input or sample_path()), None if more is None else os.path.abspath(more)
    )


def _manifest(run: RunStore, settings: Settings, source: Source) -> dict[str, Any]:
    """The run's manifest: the stored one if it stands for the same rows, or one for a new run (not yet stored)."""
    rows, digest = row_settings(settings), source.digest()
    mark = fingerprint(rows, digest)
    manifest = run.read_manifest()
    if manifest is not None:
        if manifest.get("fingerprint") != mark:
            stored = {**manifest.get("row_settings", {}), "input": manifest.get("input_digest")}
            refuse_other(f"run {run.run_id!r}", stored, {**rows, "input": digest})
        return manifest
    return {
        "format": 1,
        "run_id": run.run_id,
        "fingerprint": mark,
        "row_settings": rows,
        "input_digest": digest,
        "settings": settings.public(),
        "versions": {
            "codeseq-ray": __version__,
            "python": platform.python_version(),
            "ray": importlib.metadata.version("ray"),
            "pyarrow": importlib.metadata.version("pyarrow"),
        },
    }


def _planned(
    run: RunStore, settings: Settings, source: Source, manifest: dict[str, Any], say: Say
) -> tuple[Todo, Counter[str]]:
    """The plan's selected sequences, and how many each rule dropped; made first where it is not stored whole."""
    if "plan" not in manifest:
        run.write_manifest(manifest)
        say("plan: reading the input …")
        rows, report = make_plan(source, settings)
        manifest["plan"] = {"rows": run.write_plan(rows)}
        manifest["diagnostics"] = {"counts": dict(report.counts), "first": report.first}
        run.write_manifest(manifest)
    drops: Counter[str] = Counter()

    def selected_rows() -> Iterator[Any]:
        for row in run.read_plan():
            if row.selected:
                yield row
            else:
                drops[row.reason] += 1

    selected = Todo.of(selected_rows())
    planned = len(selected) + sum(drops.values())
    if not len(selected):
        commonest = ", ".join(f"{reason} {count}" for reason, count in drops.most_common(3))
        raise InputError(
            f"none of the {planned} sequences of the input passes the selection rules ({commonest})"
        )
    if planned != manifest["plan"]["rows"]:
        raise RunMismatchError(f"{run.uri}: the stored plan is not whole; use another --run-id")
    return selected, drops


def _scope(selected: Todo, settings: Settings) -> npt.NDArray[np.bool_]:
    if settings.limit is None:
        return np.ones(len(selected), dtype=bool)
    ids = (a_number(number) for number in selected.numbers.tolist())
    drawn = np.array([int(i[1:]) for i in limited(ids, settings.limit, settings.seed)], dtype=np.int64)
    return np.isin(selected.numbers, drawn)


def _todo(selected: Todo, scope: npt.NDArray[np.bool_], ledger: Ledger, reopened: Reopened) -> Todo:
    """What is in scope and not done: never tried, failed before, or re-opened; each as its next attempt."""
    done = np.array(sorted(ledger.done_ids - reopened.open(ledger)), dtype=np.int64)
    mask = scope & ~np.isin(selected.numbers, done)
    return selected.where(mask, ledger.next_attempt, reopened.times.__getitem__)


def _plan_line(planned: int, selected: int, scope: int) -> str:
    line = f"plan: {planned:,} sequences, {selected:,} selected"
    return f"{line}, {scope:,} of them within the limit" if scope < selected else line


def _how_far(ledger: Ledger, scope: npt.NDArray[np.int64], left: int) -> str:
    """How many of the sequences in scope are done, and what became of them, in words."""
    numbers = set(scope.tolist())
    became = Counter(row.outcome for row in ledger if int(row.sequence_id[1:]) in numbers)
    accepted, rejected, failed = (became[outcome] for outcome in Outcome)
    done = len(numbers) - left
    line = f"{done:,} of {len(numbers):,} done ({accepted:,} accepted, {rejected:,} rejected), {left:,} to go"
    reopened = accepted + rejected - done  # judged, and yet to be done
    again = {"failed before": failed, "re-opened": reopened}
    told = ", ".join(f"{count:,} {words}" for words, count in again.items() if count)
    return f"{line} ({told})" if told else line


def _first_failure(run: RunStore, ledger: Ledger) -> str:
    return next((read_record(run, row).detail for row in ledger), "none was tried")


def shown_record(run: RunStore, ledger: Ledger) -> SequenceRecord | None:
    """One accepted record to show whole: the first whose program needed a correction, else the first."""
    accepted = (row for row in ledger if row.outcome is Outcome.ACCEPTED)
    chosen = next(accepted, None)
    if chosen is None:
        return None
    return read_record(run, next((row for row in accepted if row.rounds), chosen))

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
from ray.data import ActorPoolStrategy

from codeseq_ray import __version__
from codeseq_ray.bundled import sample_path
from codeseq_ray.errors import (
    CapReachedError,
    InfrastructureError,
    InputError,
    RunMismatchError,
    UsageError,
)
from codeseq_ray.oeis.source import Source, open_source
from codeseq_ray.pipeline import cluster, ledger_index, monitor
from codeseq_ray.pipeline.crew import CrewMaker, crew, preflight, row_settings
from codeseq_ray.pipeline.loop import LoopActor, LoopJob
from codeseq_ray.pipeline.monitor import Standing
from codeseq_ray.pipeline.planning import make_plan
from codeseq_ray.pipeline.progress import Progress
from codeseq_ray.pipeline.source import Todo, read, results, sequence_tables
from codeseq_ray.pipeline.spending import Caps, Spent
from codeseq_ray.pipeline.tasks import require_memory
from codeseq_ray.records import Outcome, SequenceRecord
from codeseq_ray.selection.plan import a_number, limited
from codeseq_ray.settings import Settings, fingerprint, refuse_other, sandbox_of
from codeseq_ray.store.ledger import Ledger, read_ledger, read_record
from codeseq_ray.store.objects import FolderStore, open_store
from codeseq_ray.store.releases import Release, publish
from codeseq_ray.store.run import RunStore

Say = Callable[[str], None]

BATCH = 64
"""Sequences per call of a loop actor."""
LOOP_ACTORS = 2
OPEN_RECORDS = 256
OPEN_PER_REQUEST = 8
"""Open sequences for each request that may be in flight. Some take many times the median, and whoever waits for
one of these must not leave a slot empty: 4 keep a server's slots 0.95 full at best, 8 keep them 0.98 full (reckoned
in benchmarks/results/occupancy.md)."""


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
    anything could be published, or because no model server has been up for too long.
    """
    begun = time.monotonic()
    source = open_input(settings)
    store = open_store(output_uri(settings))
    run = RunStore(store, settings.run_id or time.strftime("%Y%m%d-%H%M%S"))
    manifest = _manifest(run, settings, source)
    preflight(settings, say)
    say(f"run {run.run_id}: {run.uri}")
    cluster.connect(settings.local_cpus)
    require_memory(settings.memory_mb, sandbox_of(settings))
    _refuse_scattered_output(run, settings)
    run.write_manifest(manifest)

    if "plan" not in manifest:
        say("plan: reading the input …")
        rows, report = make_plan(source, settings)
        manifest["plan"] = {"rows": run.write_plan(rows)}
        manifest["diagnostics"] = {"counts": dict(report.counts), "first": report.first}
        run.write_manifest(manifest)
    selected, drops = _selected(run)
    planned = len(selected) + sum(drops.values())
    if not len(selected):
        commonest = ", ".join(f"{reason} {count}" for reason, count in drops.most_common(3))
        raise InputError(
            f"none of the {planned} sequences of the input passes the selection rules ({commonest})"
        )
    if planned != manifest["plan"]["rows"]:
        raise RunMismatchError(f"{run.uri}: the stored plan is not whole; use another --run-id")

    ledger = read_ledger(run)
    scope = _scope(selected, settings)
    todo = _todo(selected, scope, ledger)
    done_before = int(scope.sum()) - len(todo)
    say(_resume_line(ledger, done_before, int(scope.sum()), len(todo), planned, len(selected)))
    progress, account = Progress(), _Account(run, manifest)
    if len(todo):
        _work(run, _Loops(settings, source, todo, crew), progress, account, say)
        ledger = read_ledger(run)
    if progress.stopped is not None and not (
        isinstance(progress.stopped, CapReachedError) and ledger.done_ids
    ):
        raise type(progress.stopped)(
            f"{progress.stopped}\nThe same command with --run-id {run.run_id} goes on from here."
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
    return RunResult(
        run=run,
        planned=planned,
        selected=len(selected),
        drops=drops,
        diagnostics=manifest["diagnostics"]["counts"],
        in_scope=int(scope.sum()),
        ledger=ledger,
        release=release,
        seconds=time.monotonic() - begun,
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


def output_uri(settings: Settings) -> str:
    """Where runs lie. A Ray job works in a copy of its folder that goes with it: nothing may be left there."""
    inside_job = "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ
    if settings.output is None:
        return os.path.expanduser("~/codeseq-runs") if inside_job else "runs"
    if inside_job and "://" not in settings.output and not os.path.isabs(settings.output):
        raise UsageError(
            f"--output {settings.output}: a Ray job runs in a temporary copy of its working directory, and what "
            "it leaves there is lost. Give an absolute path or s3://bucket/prefix."
        )
    return settings.output


def _refuse_scattered_output(run: RunStore, settings: Settings) -> None:
    nodes = cluster.nodes()
    if nodes > 1 and isinstance(run.store, FolderStore) and not settings.output_is_shared:
        raise UsageError(
            f"--output {run.store.uri}: this cluster has {nodes} nodes, and each would write to its own disk. Give "
            "s3://bucket/prefix, or --output-is-shared if the folder is one shared disk on every node."
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


def _selected(run: RunStore) -> tuple[Todo, Counter[str]]:
    """The plan's selected sequences, and how many each rule dropped; read as a stream."""
    drops: Counter[str] = Counter()

    def rows() -> Iterator[Any]:
        for row in run.read_plan():
            if row.selected:
                yield row
            else:
                drops[row.reason] += 1

    return Todo.of(rows()), drops


def _scope(selected: Todo, settings: Settings) -> npt.NDArray[np.bool_]:
    if settings.limit is None:
        return np.ones(len(selected), dtype=bool)
    ids = (a_number(number) for number in selected.numbers.tolist())
    drawn = np.array([int(i[1:]) for i in limited(ids, settings.limit, settings.seed)], dtype=np.int64)
    return np.isin(selected.numbers, drawn)


def _todo(selected: Todo, scope: npt.NDArray[np.bool_], ledger: Ledger) -> Todo:
    """What is in scope and not in the ledger; sequences that failed before come again as a further attempt."""
    done = np.fromiter(ledger.done_ids, dtype=np.int64, count=len(ledger.done_ids))
    return selected.where(scope & ~np.isin(selected.numbers, done), ledger.next_attempt)


def _resume_line(ledger: Ledger, done: int, scope: int, left: int, planned: int, selected: int) -> str:
    line = f"plan: {planned} sequences, {selected} selected"
    if scope < selected:
        line += f", {scope} of them within the limit"
    if not len(ledger):
        return line
    accepted, rejected = (ledger.outcomes.get(o, 0) for o in (Outcome.ACCEPTED, Outcome.REJECTED))
    return (
        f"{line}\nresume: {done} of {scope} done ({accepted} accepted, {rejected} rejected in this run), "
        f"{left} to go"
    )


class _Account:
    """What this start spends, kept in the run's manifest: a start that is killed must not spend a cap anew."""

    def __init__(self, run: RunStore, manifest: dict[str, Any]) -> None:
        self._run, self._manifest = run, manifest
        self._begun = time.monotonic()
        starts: list[dict[str, Any]] = manifest.setdefault("starts", [])
        self.before = Spent(sum(s["tokens"] for s in starts), sum(s["requests"] for s in starts))
        self.standing = Standing()
        self._line: dict[str, Any] = {}
        starts.append(self._line)
        self.write(self.standing)

    def write(self, standing: Standing) -> None:
        self.standing = standing
        self._line.update(
            seconds=round(time.monotonic() - self._begun, 1),
            tokens=standing.spent.tokens,
            requests=standing.spent.requests,
            usage=standing.bill.as_json(),
        )
        self._run.write_manifest(self._manifest)


@dataclass(frozen=True)
class _Loops:
    """What is to be worked on, and by whom."""

    settings: Settings
    source: Source
    todo: Todo
    crew: CrewMaker


def _work(run: RunStore, loops: _Loops, progress: Progress, account: _Account, say: Say) -> None:
    """Bring what is to do to its outcomes."""
    settings = loops.settings
    if settings.prompts is not None:  # actors run in other working directories
        settings = settings.model_copy(update={"prompts": os.path.abspath(settings.prompts)})
    watched = monitor.start(account.before)
    records = open_records(settings)
    job = LoopJob(
        settings,
        run.store.uri,
        run.run_id,
        ledger_index.start(run.store.uri, run.run_id),
        watched,
        caps_of(settings),
        records,
        loops.crew,
    )
    least, most = cluster.loop_actors(settings.loop_actors_min, _most_loop_actors(settings))
    done = read(loops.source.shards(), sequence_tables(loops.todo)).map_batches(
        LoopActor,
        fn_constructor_args=(job,),
        batch_size=BATCH,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(
            min_size=least,
            max_size=most,
            # A call ends with its slowest sequence. Twice as many calls as are needed keep `records` of them open.
            max_concurrent_calls_per_actor=2 * -(-records // BATCH),
        ),
        num_cpus=cluster.LOOP_CPUS,
    )
    with monitor.Watch(watched, len(loops.todo), settings.log_seconds, say, account.write):
        for rows in results(done):
            progress.add(rows)


def _most_loop_actors(settings: Settings) -> int:
    if settings.loop_actors_max is not None:
        return settings.loop_actors_max
    return settings.loop_actors_min if settings.asks_models else max(LOOP_ACTORS, settings.loop_actors_min)


def open_records(settings: Settings) -> int:
    """Sequences that a loop actor has open."""
    if settings.records_in_flight is not None:
        return settings.records_in_flight
    servers = len({*(settings.generator_url or ()), *(settings.verifier_url or ())})
    return max(
        OPEN_RECORDS, OPEN_PER_REQUEST * servers * settings.requests_in_flight if settings.asks_models else 0
    )


def caps_of(settings: Settings) -> Caps:
    minutes = settings.cap_minutes
    return Caps(
        tokens=settings.cap_tokens,
        requests=settings.cap_requests,
        until=None if minutes is None else time.time() + 60 * minutes,
        minutes=minutes,
    )


def _first_failure(run: RunStore, ledger: Ledger) -> str:
    return next((read_record(run, row).detail for row in ledger), "none was tried")


def shown_record(run: RunStore, ledger: Ledger) -> SequenceRecord | None:
    """One accepted record to show whole: the first whose program needed a correction, else the first."""
    accepted = (row for row in ledger if row.outcome is Outcome.ACCEPTED)
    chosen = next(accepted, None)
    if chosen is None:
        return None
    return read_record(run, next((row for row in accepted if row.rounds), chosen))

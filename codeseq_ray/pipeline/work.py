"""The stage that does the work: what is to do, through loop actors, to outcomes in the ledger."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ray.data import ActorPoolStrategy, Dataset

from codeseq_ray.oeis.source import Source
from codeseq_ray.pipeline import cluster, ledger_index, monitor, start
from codeseq_ray.pipeline.account import Account
from codeseq_ray.pipeline.actor import Job, RowActor
from codeseq_ray.pipeline.crew import CrewMaker
from codeseq_ray.pipeline.housekeeping import Housekeeping
from codeseq_ray.pipeline.loop import LoopActor, LoopJob
from codeseq_ray.pipeline.progress import Progress
from codeseq_ray.pipeline.source import Todo, read, results, sequence_tables
from codeseq_ray.pipeline.spending import Caps
from codeseq_ray.pipeline.stopping import Stop
from codeseq_ray.settings import Settings, WorkSettings, store_of
from codeseq_ray.store.run import RunStore
from codeseq_ray.watching import screen
from codeseq_ray.watching.snapshot import Words

Say = Callable[[str], None]

BATCH = 64
"""Sequences per call of a loop actor."""
LOOP_ACTORS = 2
OPEN_RECORDS = 256
OPEN_PER_REQUEST = 8
"""Open sequences for each request that may be in flight. Some take many times the median, and whoever waits for
one of these must not leave a slot empty: 4 keep a server's slots 0.95 full at best, 8 keep them 0.98 full (reckoned
in benchmarks/results/occupancy.md)."""


@dataclass(frozen=True)
class Loops:
    """What is to be worked on, and by whom."""

    settings: Settings
    source: Source
    todo: Todo
    crew: CrewMaker


def work(run: RunStore, loops: Loops, account: Account, stop: Stop, say: Say) -> Progress:
    """Bring what is to do to its outcomes, or as far as caps, servers and `stop` let it come.

    Raises UsageError or StoreError when an actor came upon something that ends the run at once.
    """
    settings = loops.settings
    if settings.prompts is not None:  # actors run in other working directories
        settings = settings.model_copy(update={"prompts": os.path.abspath(settings.prompts)})
    watched = monitor.start(account.before)
    records = open_records(settings)
    job = LoopJob(
        settings,
        run.store.uri,
        run.run_id,
        ledger_index.start(run.store.uri, run.run_id, store_of(settings)),
        watched,
        caps_of(settings),
        records,
        crew=loops.crew,
    )
    tables = read(loops.source.shards(), sequence_tables(loops.todo))
    size = settings.loop_actors_min, _most_loop_actors(settings)
    return stage(
        run, tables, Stage(LoopActor, job, size, BATCH), len(loops.todo), Words(), account, stop, say
    )


@dataclass(frozen=True)
class Stage:
    """The actors that a graph's rows go through."""

    actor: type[RowActor[Any]]
    job: Job
    size: tuple[int, int]
    """Fewest and most actors."""
    batch: int
    """Rows of a call."""


def stage(
    run: RunStore,
    rows: Dataset,
    work: Stage,
    total: int,
    words: Words,
    account: Account,
    stop: Stop,
    say: Say,
) -> Progress:
    """Send rows through actors until all are done, or the run is to end; `total` is what that comes to."""
    progress, job = Progress(), work.job
    least, most = cluster.loop_actors(*work.size, job.settings.cluster_cpus)
    if job.settings.tasks_in_flight is None:
        out = cluster.tasks_in_flight(job.settings.cluster_cpus, most)
        job = replace(job, settings=job.settings.model_copy(update={"tasks_in_flight": out}))
    done = rows.map_batches(
        work.actor,
        fn_constructor_args=(job,),
        batch_size=work.batch,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(
            min_size=least,
            max_size=most,
            # A call ends with its slowest row. Twice as many calls as are needed keep `open_rows` of them open.
            max_concurrent_calls_per_actor=2 * -(-job.open_rows // work.batch),
        ),
        num_cpus=cluster.LOOP_CPUS,
        resources={job.settings.loop_resource: 1} if job.settings.loop_resource else None,
    )
    live = screen.live(job.settings.progress, inside_job=start.inside_job())
    shown = monitor.Shown(words, run.run_id, run.uri, total, live, job.settings.log_seconds)
    watch = monitor.Watch(job.monitor, shown, say, account.write, stop)
    with watch, Housekeeping(run):
        for told in results(done):
            progress.add(told)
            if watch.stopped:  # what is left of the input would only be read
                break
    return progress


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


def caps_of(settings: WorkSettings) -> Caps:
    minutes = settings.cap_minutes
    return Caps(
        tokens=settings.cap_tokens,
        requests=settings.cap_requests,
        until=None if minutes is None else time.time() + 60 * minutes,
        minutes=minutes,
    )

"""The stage that does the work: what is to do, through loop actors, to outcomes in the ledger."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from ray.data import ActorPoolStrategy

from codeseq_ray.oeis.source import Source
from codeseq_ray.pipeline import cluster, ledger_index, monitor
from codeseq_ray.pipeline.account import Account
from codeseq_ray.pipeline.crew import CrewMaker
from codeseq_ray.pipeline.housekeeping import Housekeeping
from codeseq_ray.pipeline.loop import LoopActor, LoopJob
from codeseq_ray.pipeline.progress import Progress
from codeseq_ray.pipeline.source import Todo, read, results, sequence_tables
from codeseq_ray.pipeline.spending import Caps
from codeseq_ray.pipeline.stopping import Stop
from codeseq_ray.settings import Settings, store_of
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
    settings, progress = loops.settings, Progress()
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
    watch = monitor.Watch(watched, len(loops.todo), settings.log_seconds, say, account.write, stop)
    with watch, Housekeeping(run):
        for rows in results(done):
            progress.add(rows)
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


def caps_of(settings: Settings) -> Caps:
    minutes = settings.cap_minutes
    return Caps(
        tokens=settings.cap_tokens,
        requests=settings.cap_requests,
        until=None if minutes is None else time.time() + 60 * minutes,
        minutes=minutes,
    )

"""Beginning to work on a run: Ray is there, the store can be trusted, and nobody else works on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from codeseq_ray.errors import UsageError
from codeseq_ray.pipeline import cluster
from codeseq_ray.pipeline.stopping import Stop, on_signals
from codeseq_ray.pipeline.tasks import require_memory
from codeseq_ray.sandbox.settings import SandboxSettings
from codeseq_ray.settings import PlaceSettings, WorkSettings
from codeseq_ray.store.conditions import require_conditional_puts
from codeseq_ray.store.lease import take
from codeseq_ray.store.run import RunStore
from codeseq_ray.store.settings import StoreSettings
from codeseq_ray.watching.screen import live

Say = Callable[[str], None]


@dataclass(frozen=True)
class Start:
    """One start of a run."""

    number: int
    """Of its lease: 1 for the first."""
    stop: Stop
    """By which it may be ended early."""
    say: Say


@contextmanager
def started(
    run: RunStore, settings: WorkSettings, sandbox: SandboxSettings, memory_mb: int, say: Say
) -> Iterator[Start]:
    """Join the cluster and hold the run for as long as the context lasts.

    Raises UsageError when a node, the store or the output is not fit for the work, RunInUseError when another driver
    has the run.
    """
    live(settings.progress, inside_job=inside_job())  # refused before Ray starts
    say(f"run {run.run_id}: {run.uri}")
    cluster.connect(settings.local_cpus, settings.cluster_cpus)
    if not grows(settings):  # larger nodes may be still to come
        require_memory(memory_mb, sandbox)
    refuse_scattered_output(run.store.uri, settings, growing=grows(settings))
    require_one_winner(run, settings, say)
    stop = Stop(settings.grace_seconds)
    with (
        take(run, say, wait=settings.wait_for_run) as lease,
        on_signals(stop, say, grace_seconds=settings.grace_seconds),
    ):
        lease.keep(lambda holder: stop.ask(f"{holder} has taken this run over", grace_seconds=0))
        yield Start(lease.number, stop, say)


def require_one_winner(run: RunStore, settings: StoreSettings, say: Say) -> None:
    """Raises UsageError where of two drivers that take a name at once both could have it, unless the user says that
    there is no second one."""
    if settings.single_writer:
        say(
            "store: --single-writer: names are looked up and then written. A second driver on this output would be "
            "noticed by its lease alone, and not surely: start no other."
        )
    else:
        require_conditional_puts(run.store, f"{run.run_id}/probe/")


def grows(settings: WorkSettings) -> bool:
    """Whether an autoscaler may add nodes."""
    return cluster.reach(settings.cluster_cpus) > cluster.cpus()


def inside_job() -> bool:
    """Whether this driver was started by `ray job submit`."""
    return "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ


def output_uri(settings: PlaceSettings) -> str:
    """Where runs lie. A Ray job works in a copy of its folder that goes with it: nothing may be left there."""
    if settings.output is None:
        return os.path.expanduser("~/codeseq-runs") if inside_job() else "runs"
    if inside_job() and "://" not in settings.output and not os.path.isabs(settings.output):
        raise UsageError(
            f"--output {settings.output}: a Ray job runs in a temporary copy of its working directory, and what "
            "it leaves there is lost. Give an absolute path or s3://bucket/prefix."
        )
    return settings.output


def refuse_scattered_output(uri: str, settings: PlaceSettings, *, growing: bool) -> None:
    """Raises UsageError where the output is a folder of each node's own disk, and there are several or may be."""
    nodes = cluster.nodes()
    if (nodes > 1 or growing) and not uri.startswith("s3://") and not settings.output_is_shared:
        raise UsageError(
            f"--output {uri}: this cluster has {nodes} nodes{' or may get more' if growing else ''}, and each would "
            "write to its own disk. Give s3://bucket/prefix, or --output-is-shared if the folder is one shared disk "
            "on every node."
        )

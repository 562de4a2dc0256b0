"""The Ray cluster that a run works on, and how its CPUs are shared out.

Loop actors wait for CPU tasks (fits, sandbox runs). If actors or readers could take all logical CPUs, the tasks
would never start and everybody would wait for ever. So a whole CPU always has room for one task beside its share
of actors and readers, and Ray Data's budget is that share (`docs/design/pipeline.md`).
"""

from __future__ import annotations

import logging
import math
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.data import DataContext, ExecutionResources

from codeseq_ray.errors import InfrastructureError, UsageError

LOOP_CPUS = 0.01
"""Logical CPUs of a loop actor: it waits for models, fits and programs."""
READ_CPUS = 0.05
"""Logical CPUs of a reader of sequences."""
TASK_CPUS = 0.8
"""Logical CPUs of a fit or sandbox task; with 15 loop actors and one reader it fills a CPU."""
ACTORS_PER_CPU = 15
TASKS_IN_FLIGHT = 4

_BLOCK_BYTES = 64 * 1024
"""About a hundred bulk records: many small blocks keep several actors fed from one file."""


def connect(local_cpus: int | None, cluster_cpus: int | None = None) -> None:
    """Join the cluster that `RAY_ADDRESS`, a job or `ray start --head` offers; else start a local Ray.

    Raises UsageError when the cluster that is named does not answer.
    """
    if not ray.is_initialized():
        # Ray's own remarks (an actor pool's arguments lie in the object store …) are for its log files.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        # No address: RAY_ADDRESS, else the cluster of `ray start`, else one of our own. Not "auto", which would join
        # any Ray on this machine, also the private one of another run, and die with it.
        where = os.environ.get("RAY_ADDRESS", "")
        options: dict[str, Any] = {} if local_cpus is None else {"num_cpus": local_cpus}
        try:
            with _without(b"Set ray log level from environment variable"):
                ray.init(
                    include_dashboard=False, logging_level=logging.WARNING, log_to_driver=False, **options
                )
        except ConnectionError as error:
            raise UsageError(
                f"no Ray cluster answers at {where or 'the address that `ray start` left'}: {error}\n"
                "Start it, or set RAY_ADDRESS to one that runs (`ray stop` clears what is left of an old one)."
            ) from None
        except ValueError as error:
            raise UsageError(f"--local-cpus {local_cpus}: a Ray cluster is already there ({error})") from None
        except Exception as error:
            # Ray says "Exception: The current node timed out …" where a machine is too busy to start it in time.
            if "timed out" not in str(error):
                raise
            raise InfrastructureError(
                f"the local Ray did not start in time: {error}\nThe machine is busy; the same command tries again."
            ) from None
    if threading.current_thread() is threading.main_thread():
        # A pod that is moved, a job that is stopped: as Ctrl-C. (Ray's own handler prints its stack and aborts.)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.target_max_block_size = _BLOCK_BYTES
    # A batch of slow models, or servers that are down for an hour, is no hang; Ray Data ends a run after 30 minutes
    # without a finished batch. Loops have time-outs of their own.
    context.execution_no_progress_timeout_s = -1
    share = (1 - TASK_CPUS) * max(1.0, reach(cluster_cpus))
    context.execution_options.resource_limits = ExecutionResources.for_limits(cpu=share)
    logging.getLogger("ray.data").setLevel(logging.ERROR)


@contextmanager
def _without(remark: bytes) -> Iterator[None]:
    """Standard error without lines that hold `remark`: Ray's C++ part writes there, past Python, before any level of
    its own holds. All other lines come at the end of the block."""
    try:
        before = os.dup(2)
    except OSError:  # nobody has it open
        yield
        return
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)
            said.seek(0)
            for line in said:
                if remark not in line:
                    os.write(2, line)


def cpus() -> float:
    return float(ray.cluster_resources().get("CPU", 0.0))


def reach(cluster_cpus: int | None) -> float:
    """CPUs that the cluster has, or that its autoscaler may bring it to (`--cluster-cpus`)."""
    return max(cpus(), float(cluster_cpus or 0))


def nodes() -> int:
    return len([node for node in ray.nodes() if node["Alive"]])


def tasks_in_flight(cluster_cpus: int | None, actors: int) -> int:
    """Tasks of a kind that each of so many loop actors has out: no CPU is without one, nor is the autoscaler."""
    return max(TASKS_IN_FLIGHT, math.ceil(reach(cluster_cpus) / actors))


def loop_actors(least: int, most: int, cluster_cpus: int | None) -> tuple[int, int]:
    """The pool's bounds, cut so that the actors' shares leave room for the tasks."""
    room = max(1, int(ACTORS_PER_CPU * reach(cluster_cpus)))
    least = min(least, room)
    return least, max(least, min(most, room))

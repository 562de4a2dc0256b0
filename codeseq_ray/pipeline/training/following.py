"""Figures from Ray Train's controller, which is an actor, to the driver's terminal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ray
from ray.actor import ActorHandle
from ray.train import UserCallback
from ray.train.v2.api.exceptions import ControllerError

from codeseq_ray.errors import TrainingEndedError, UsageError

Told = Mapping[str, Any]
POLL_SECONDS = 1.0


@ray.remote(num_cpus=0)
class Board:
    """Holds what was reported until the driver takes it."""

    def __init__(self) -> None:
        self._told: list[Told] = []

    def put(self, told: Told) -> None:
        self._told.append(told)

    def take(self) -> list[Told]:
        told = list(self._told)
        self._told.clear()
        return told


class Follower(UserCallback):
    """In the controller: puts what workers report on the board, and what they were lost with."""

    def __init__(self, board: ActorHandle[Any]) -> None:
        self._board = board

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Any) -> None:
        self._board.put.remote({**metrics[0], "saved": checkpoint is not None})

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        """Raises what trying again would not help, whichever worker it came from: Ray Train takes a ControllerError
        as it is, and ends."""
        for error in worker_exceptions.values():
            if isinstance(error, UsageError | TrainingEndedError):
                raise ControllerError(error)
        rank, error = next(iter(worker_exceptions.items()))
        self._board.put.remote({"failed": f"worker {rank}: {_short(error)}"})


def _short(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


@contextmanager
def followed(tell: Callable[[Told], None]) -> Iterator[Follower]:
    """A callback for Ray Train whose reports come to `tell`, in this process, until the context ends."""
    board = Board.remote()  # type: ignore[attr-defined]
    over = threading.Event()

    def poll() -> None:
        while not over.wait(POLL_SECONDS):
            _pass_on(board, tell)

    thread = threading.Thread(target=poll, name="codeseq-training", daemon=True)
    thread.start()
    try:
        yield Follower(board)
    finally:
        over.set()
        thread.join(timeout=10)
        _pass_on(board, tell)


def _pass_on(board: ActorHandle[Any], tell: Callable[[Told], None]) -> None:
    try:
        waiting: list[Told] = ray.get(board.take.remote(), timeout=10)
    except ray.exceptions.RayError:
        return  # Ray is going; what is to be said comes from the training itself
    for told in waiting:
        tell(told)

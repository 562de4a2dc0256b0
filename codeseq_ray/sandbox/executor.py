"""The sandbox's front: `SandboxExecutor` runs programs behind walls, or not at all.

One executor belongs to one process and keeps its zygotes warm between runs: start it once per worker.
"""

from __future__ import annotations

import asyncio
import os
import threading
from types import TracebackType

from codeseq_ray.errors import InfrastructureError, SandboxUnavailableError
from codeseq_ray.ports import Execution, ExecutionReport, Run
from codeseq_ray.records import VerdictKind
from codeseq_ray.sandbox import canary, walls
from codeseq_ray.sandbox.preload import names_more
from codeseq_ray.sandbox.settings import SandboxSettings
from codeseq_ray.sandbox.unconfined import run_unconfined
from codeseq_ray.sandbox.warm import Zygote, ZygoteLostError, unavailable
from codeseq_ray.sandbox.watch import supervise

_LOSSES = 2
"""How many zygotes one execution may lose before it is given up."""


class SandboxExecutor:
    """Fills `ports.Executor`. Thread-safe; runs of one executor wait for each other.

    A zygote (warm interpreter) is started on the first run that needs it, proven by `canary`, and started again when
    it has died. A hash seed cannot change once an interpreter runs: seed 0 has one zygote and the seed last asked
    for beside it has another; as many again if programs name modules that few do.
    """

    def __init__(self, settings: SandboxSettings | None = None) -> None:
        self._settings = settings or SandboxSettings()
        self._lock = threading.Lock()
        self._zygotes: dict[int, Zygote] = {}
        """By hash seed."""
        self._wider: dict[int, Zygote] = {}
        """Others, for programs that name modules which few do (`preload`)."""
        self.lost = 0
        """Zygotes that died under a program and were replaced."""
        self._refusal = ""
        """Why this machine cannot confine programs, once that is known. It does not change."""

    def run(self, execution: Execution) -> ExecutionReport:
        """Run a program on its inputs.

        All inputs share a child, and the report ends with the run that ended the child; or each has its own, and
        every input is reported. Raises InfrastructureError when zygotes keep dying, SandboxUnavailableError when the
        walls do not stand and the program is not trusted.
        """
        if not 0 <= execution.hash_seed < 1 << 32:
            raise ValueError(
                f"hash_seed {execution.hash_seed} is not in 0 … 2**32 - 1, as PYTHONHASHSEED must be"
            )
        with self._lock:
            self._forget_if_forked()
            try:
                self._require_walls()
                with walls.adopting_orphans():
                    return self._confined(execution)
            except SandboxUnavailableError as refusal:
                if not execution.trusted:
                    raise
                self._refusal = str(refusal)
                return run_unconfined(execution, self._settings)

    async def execute(self, execution: Execution) -> ExecutionReport:
        """`run`, in a thread of its own."""
        return await asyncio.to_thread(self.run, execution)

    def check(self) -> tuple[str, ...]:
        """The walls that stand around every program here, proven. Raises SandboxUnavailableError if they do not."""
        return self.run(Execution("pass", ("",))).walls

    def close(self) -> None:
        """End the zygotes. The executor can be used again; it starts new ones."""
        with self._lock:
            self._forget_if_forked()
            for kept in (self._zygotes, self._wider):
                while kept:
                    kept.popitem()[1].close()

    def __enter__(self) -> SandboxExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _confined(self, execution: Execution) -> ExecutionReport:
        runs: list[Run] = []
        losses = 0
        walls_: tuple[str, ...] = ()
        wide = self._settings.profile == "standard" and names_more(execution.source)
        kept = self._wider if wide else self._zygotes
        while (begun := len(runs)) < len(execution.inputs):
            try:
                zygote = self._zygote(kept, execution.hash_seed)
                walls_ = zygote.walls
                end = begun + 1 if execution.one_process_per_input else len(execution.inputs)
                supervise(zygote, execution, execution.inputs[begun:end], runs)
            except ZygoteLostError as loss:
                losses += 1
                self.lost += 1
                _drop(kept, execution.hash_seed)
                if losses == _LOSSES:
                    raise InfrastructureError(f"{loss} (twice in one execution)") from loss
                continue
            except BaseException:
                # Interrupted in the middle of a question: its answer must not be taken for the next one's.
                _drop(kept, execution.hash_seed)
                raise
            ended_early = len(runs) < end
            # A program may end its process with os._exit(0); the next input then gets a process of its own.
            if ended_early and runs[-1].kind is not VerdictKind.PASSED:
                break
        return ExecutionReport(tuple(runs), walls_)

    def _require_walls(self) -> None:
        if self._zygotes or self._wider:
            return  # they stand already
        if self._refusal:
            raise SandboxUnavailableError(self._refusal)
        if lacking := walls.missing(without_landlock=self._settings.allow_without_landlock):
            raise SandboxUnavailableError(unavailable(lacking))

    def _zygote(self, kept: dict[int, Zygote], hash_seed: int) -> Zygote:
        zygote = kept.get(hash_seed)
        if zygote is not None and zygote.alive():
            return zygote
        _drop(kept, hash_seed)
        for other in [seed for seed in kept if seed not in (0, hash_seed) and hash_seed != 0]:
            _drop(kept, other)
        core = kept is self._zygotes and self._settings.profile == "standard"
        zygote = Zygote(hash_seed, self._settings, preloaded="core" if core else self._settings.profile)
        try:
            canary.prove(zygote)
        except BaseException:
            zygote.close()
            raise
        kept[hash_seed] = zygote
        return zygote

    def _forget_if_forked(self) -> None:
        """In a forked copy of this process the zygotes are the original's: leave them to it."""
        for kept in (self._zygotes, self._wider):
            for seed in [seed for seed, zygote in kept.items() if zygote.owner != os.getpid()]:
                _drop(kept, seed)


def _drop(kept: dict[int, Zygote], hash_seed: int) -> None:
    zygote = kept.pop(hash_seed, None)
    if zygote is not None:
        zygote.close()

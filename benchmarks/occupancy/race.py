"""One contestant against one server, both fresh: who did what, and what it took."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.occupancy.account import Account
from benchmarks.occupancy.environments import CURATOR, DATA_DESIGNER, Environment
from benchmarks.occupancy.tree import PeakMemory, used
from benchmarks.occupancy.workload import Workload

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Contestant:
    """A module under `contestants`, and where it runs."""

    module: str
    title: str
    environment: Environment | None = None
    """None: this project's own."""
    single_turn: bool = False
    """It cannot ask again: as many calls, each a record of its own with one round."""
    variables: dict[str, str] = field(default_factory=dict)


_RAY = {"RAY_AUTH_MODE": "disabled", "RAY_DATA_DEFAULT_ASYNC_BATCH_UDF_MAX_CONCURRENCY": "16"}
CONTESTANTS = {
    "plain": Contestant("plain", "plain loop, asyncio + aiohttp"),
    "sdk": Contestant("sdk", "plain loop, bare openai SDK"),
    "ours-client": Contestant("ours_client", "plain loop, our client"),
    "ours-loop": Contestant("ours_loop", "our client and loop, without Ray"),
    "ours": Contestant("ours", "ours, the whole pipeline", variables={"RAY_AUTH_MODE": "disabled"}),
    "data-designer": Contestant(
        "data_designer",
        "NVIDIA Data Designer 0.9.7",
        DATA_DESIGNER,
        variables={"NEMO_TELEMETRY_ENABLED": "false"},
    ),
    "curator": Contestant(
        "curator",
        "Bespoke Curator 0.1.31, five passes",
        CURATOR,
        variables={"TELEMETRY_ENABLED": "false", "CURATOR_DISABLE_CACHE": "true"},
    ),
    "ray-data-llm": Contestant(
        "ray_data_llm", "ray.data.llm HTTP processor, single-turn", single_turn=True, variables=_RAY
    ),
}


@dataclass(frozen=True)
class Result:
    """Figures of one run; `faults` is empty when exactly the wanted calls were made."""

    figures: dict[str, float]
    cpu_ms_by_role: dict[str, float]
    faults: list[str]
    other_requests: dict[str, int]


class FailedError(Exception):
    """The contestant did not come to its end; the text ends with what it printed."""


def run(
    contestant: Contestant, records: list[int], slots: int, seed: int, cache: Path, *, limit: float
) -> Result:
    """Let one contestant do the work; at most `limit` seconds. Raises FailedError."""
    work = Workload(seed=seed)
    if contestant.single_turn:
        records = list(range(1, len(work.calls(records)) + 1))
        work = Workload(chance=0.0, seed=seed)
    expected = len(work.calls(records))
    python = contestant.environment.python(cache) if contestant.environment else Path(sys.executable)
    server = _Server(slots, expected, work)
    with tempfile.TemporaryDirectory(prefix="occupancy-") as temporary:
        folder = Path(temporary)
        (folder / "records.json").write_text(json.dumps(records))
        (folder / "own").mkdir()
        begun = time.monotonic()
        with (folder / "printed.txt").open("w") as printed:
            process = subprocess.Popen(
                [
                    *(str(python), "-m", f"benchmarks.occupancy.contestants.{contestant.module}"),
                    *("--url", f"http://127.0.0.1:{server.port}/v1"),
                    *("--records", str(folder / "records.json")),
                    *("--slots", str(slots), "--folder", str(folder / "own")),
                ],
                cwd=ROOT,
                env=_environment(contestant, folder),
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        memory = PeakMemory(process.pid)
        try:
            server.wait_for("first", process, limit)
            at_first = used(process.pid)
            server.wait_for("complete", process, limit)
            at_last = used(process.pid)
            process.wait(timeout=limit)
        except (TimeoutError, subprocess.TimeoutExpired):
            with contextlib.suppress(ProcessLookupError):  # its whole group
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            last = (folder / "printed.txt").read_text(errors="replace")[-3000:]
            raise FailedError(f"{contestant.title}: did not do all calls; it printed:\n{last}") from None
        finally:
            peak = memory.stop()
            account = Account.of(server.close(), slots)
        if process.returncode:
            raise FailedError((folder / "printed.txt").read_text(errors="replace")[-3000:])
    cpu = at_last.since(at_first)
    figures = account.figures()
    figures |= {
        "cpu_ms": 1000 * sum(cpu.values()) / len(account.calls),
        "memory_mib": peak,
        "seconds_to_first": account.first - begun,
        "seconds_after_last": time.monotonic() - account.first - account.span,
    }
    return Result(
        figures,
        {role: 1000 * seconds / len(account.calls) for role, seconds in sorted(cpu.items())},
        account.faults(work, records),
        account.other_requests,
    )


def _environment(contestant: Contestant, folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHONDONTWRITE")}
    # Peers write settings into the home folder; the user's own stays as it is.
    home = {} if contestant.environment is None else {"HOME": str(folder)}
    return {**kept, **home, **contestant.variables, "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": "EMPTY"}


class _Server:
    """The server's process and its events."""

    def __init__(self, slots: int, expected: int, work: Workload) -> None:
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "benchmarks.occupancy.server", "--slots", str(slots)),
                *("--expect", str(expected), "--chance", str(work.chance), "--seed", str(work.seed)),
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        self._events = self._process.stdout
        self._input = self._process.stdin
        self.port: int = next(self._read())["port"]

    def wait_for(self, event: str, contestant: subprocess.Popen[bytes], limit: float) -> None:
        """Raises TimeoutError when `limit` seconds pass, or the contestant ends without that event."""
        until = time.monotonic() + limit
        while time.monotonic() < until:
            ready, _, _ = select.select([self._events], [], [], 0.5)
            if ready:
                if next(self._read())["event"] == event:
                    return
            elif contestant.poll() is not None:
                break
        raise TimeoutError(event)

    def close(self) -> dict[str, Any]:
        """End the server and get its account."""
        self._input.close()
        account = next(told for told in self._read() if told["event"] == "account")
        self._process.wait(timeout=30)
        return account

    def _read(self) -> Iterator[dict[str, Any]]:
        while line := self._events.readline():
            yield json.loads(line)

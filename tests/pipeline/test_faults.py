"""A real Ray with models behind HTTP, struck where it hurts: what is acknowledged is never asked for again.

Deaths at every crash point, and many more faults, are tried by `python -m benchmarks.faults`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray

from codeseq_ray.errors import RunInUseError, StoreError
from codeseq_ray.pipeline.crew import Around, Crew, CrewMaker, crew
from codeseq_ray.pipeline.run import execute
from codeseq_ray.ports import ChatAnswer, ChatClient, ChatRequest
from codeseq_ray.records import Outcome, SequenceRecord
from codeseq_ray.settings import Settings, load
from codeseq_ray.store.ledger import Ledger, read_ledger, read_record
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.run import RunStore
from tests.model_server.process import ROOT, served

pytestmark = pytest.mark.usefixtures("small_ray")

BATCH = 64
FEW = 10
ALIKE = ("--same-again", "--context", "0", "--skill-cut-off", "0")
"""Whatever is asked again is answered alike, so that only the number of answers tells what was asked twice."""
CHEAP = ("--skill-keeps", "0.2", "--skill-validations", "0")
"""No program is run: what costs is not tried here."""
GRACE = 5.0


# Loop actors work in processes that cannot import this file.
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


def test_a_dead_actor_costs_the_calls_of_the_one_record_that_was_open(tmp_path: Path) -> None:
    gate, actor = tmp_path / "gate", tmp_path / "actor"
    gate.touch()
    run = RunStore(open_store(str(tmp_path / "runs")), "held")
    struck = threading.Thread(target=lambda: _kill_when_one_is_left(run, actor, gate), daemon=True)
    with served(tmp_path / "requests.jsonl", *ALIKE, *CHEAP) as server:
        flags = ("--output", str(tmp_path / "runs"), "--run-id", "held", "--limit", str(BATCH))
        settings = load([*flags, "--no-answer-cache", *server.flags])
        struck.start()
        result = execute(settings, _quiet, holding(str(gate), str(actor)))
        struck.join()
        answered = [entry for entry in server.logged() if entry["end"] == "answered"]
    assert len(result.ledger) == BATCH
    assert len(actor.read_text().split()) == 2, "the actor was started anew, once"
    (held,) = gate.with_suffix(".left").read_text().split()
    records = {record.sequence.id: record for record in _records(run, result.ledger)}
    before = [call.stage for call in records[held].calls].index("validation")
    assert before > 0
    assert len(answered) - sum(len(record.calls) for record in records.values()) == before


def holding(gate: str, actor: str) -> CrewMaker:
    """A crew like any other, but that its first validation waits while there is a gate. It tells its process."""

    def make(settings: Settings, around: Around) -> Crew:
        with open(actor, "a") as file:
            file.write(f"{os.getpid()}\n")

        def wrapped(client: ChatClient) -> ChatClient:
            inner = around.wrap(client)
            return Held(inner, gate) if client.model == "verifier" else inner

        return crew(settings, replace(around, wrap=wrapped))

    class Held:
        def __init__(self, behind: ChatClient, gate: str) -> None:
            self.model = behind.model
            self._behind, self._gate = behind, gate
            self._asked = 0

        async def chat(self, request: ChatRequest) -> ChatAnswer:
            self._asked += 1
            if self._asked == 1:
                await asyncio.to_thread(_wait_until, lambda: not os.path.exists(self._gate))
            return await self._behind.chat(request)

        async def close(self) -> None:
            await self._behind.close()

    return make


def _kill_when_one_is_left(run: RunStore, actor: Path, gate: Path) -> None:
    def one_is_left() -> bool:
        try:
            return len(read_ledger(run)) == BATCH - 1
        except StoreError:
            return False

    _wait_until(one_is_left)
    done = {row.sequence_id for row in read_ledger(run)}
    os.kill(int(actor.read_text().split()[-1]), signal.SIGKILL)
    gate.unlink()
    _wait_until(lambda: len(read_ledger(run)) == BATCH)
    all_of_them = {row.sequence_id for row in read_ledger(run)}
    gate.with_suffix(".left").write_text(" ".join(all_of_them - done))


@pytest.mark.slow
def test_a_second_driver_is_refused_and_sigterm_ends_the_first_with_all_that_it_paid_for(
    tmp_path: Path,
) -> None:
    uri = str(tmp_path / "runs")
    job = ("--output", uri, "--run-id", "shared", "--limit", str(FEW))
    run = RunStore(open_store(uri), "shared")
    with served(tmp_path / "requests.jsonl", *ALIKE, *CHEAP, "--per-token", "0.15") as server:
        command = [sys.executable, str(ROOT / "jobs" / "synthesize.py"), *job, *server.flags]
        environment = os.environ | {"RAY_ADDRESS": ray.get_runtime_context().gcs_address}
        with (tmp_path / "driver.log").open("wb") as log:
            driver = subprocess.Popen(
                [*command, "--grace-seconds", str(GRACE)], env=environment, stdout=log, stderr=log
            )
        try:
            _wait_until(lambda: server.stats()["open"] > 0 and any(run.list("starts/")))
            with pytest.raises(
                RunInUseError, match=f"being worked on by process {driver.pid} on .*--wait-for-run"
            ):
                execute(load([*job, *server.flags]), _quiet)
            _wait_until(lambda: _answered(server.logged()) > 0)
            assert driver.poll() is None
            asked = time.monotonic()
            driver.send_signal(signal.SIGTERM)
            assert driver.wait(timeout=60) == 1
            # The grace is for what is open; the rest is to write it all down.
            assert time.monotonic() - asked < GRACE + 15
        finally:
            driver.kill()
        said = (tmp_path / "driver.log").read_text()
        assert "SIGTERM: no further sequences" in said
        assert "goes on from here" in said
        _wait_until(lambda: server.stats()["open"] == 0)
        result = execute(load([*job, *server.flags]), _quiet)
        answered = _answered(server.logged())
    assert len(result.ledger) == FEW
    assert result.ledger.outcomes[Outcome.FAILED] == 0
    # Every answer of the two starts is in a record, once: nothing that was paid for was lost, or asked for again.
    assert answered == sum(len(record.calls) for record in _records(run, result.ledger))


def _records(run: RunStore, ledger: Ledger) -> list[SequenceRecord]:
    return [read_record(run, row) for row in ledger]


def _answered(logged: list[dict[str, Any]]) -> int:
    return sum(entry["end"] == "answered" for entry in logged)


def _wait_until(reached: Callable[[], bool], seconds: float = 240.0) -> None:
    until = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.1)


def _quiet(line: str) -> None:
    return None

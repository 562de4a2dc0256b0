"""Programs in flight × memory budget fits the node, because every task asks Ray for its budget."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
import time
from pathlib import Path

import pytest
import ray

from codeseq_ray.errors import UsageError
from codeseq_ray.judging.confirmation import ROOM_MEMORY
from codeseq_ray.pipeline.tasks import OWN_MB, RayExecutor, memory_bytes, require_memory
from codeseq_ray.ports import Execution, Limits
from codeseq_ray.records import VerdictKind
from codeseq_ray.sandbox import SandboxExecutor, walls
from codeseq_ray.sandbox.settings import SandboxSettings

HERE = SandboxSettings()


@pytest.mark.usefixtures("small_ray")
@pytest.mark.skipif(bool(walls.missing()), reason=f"this machine lacks {'; '.join(walls.missing())}")
async def test_while_a_program_runs_its_budget_is_taken_from_the_node() -> None:
    def free() -> float:
        return float(ray.available_resources().get("memory", 0.0))

    whole, least = ray.cluster_resources()["memory"], math.inf
    executor = RayExecutor(HERE, memory_mb=700, in_flight=1, batch=1)
    program = Execution(
        "import time\nend = time.process_time() + 1\nwhile time.process_time() < end: pass", ("",)
    )
    running = asyncio.create_task(executor.execute(program))
    until = time.monotonic() + 60
    while not running.done() and time.monotonic() < until:
        least = min(least, free())
        await asyncio.sleep(0.05)
    assert (await running).runs[0].kind is VerdictKind.PASSED
    assert whole - least == pytest.approx(memory_bytes(700, HERE), abs=1 << 20)


@pytest.mark.usefixtures("small_ray")
def test_a_budget_is_refused_exactly_where_no_node_has_it() -> None:
    largest = int(ray.cluster_resources()["memory"]) >> 20
    fits = int((largest - OWN_MB["standard"]) / ROOM_MEMORY)
    require_memory(fits - 1, HERE)
    with pytest.raises(UsageError, match=f"--memory-mb {fits + 2}: .* gives {largest} MiB"):
        require_memory(fits + 2, HERE)


@pytest.mark.skipif(bool(walls.missing()), reason=f"this machine lacks {'; '.join(walls.missing())}")
def test_two_warm_interpreters_and_a_worker_fit_what_is_set_aside_for_them() -> None:
    with SandboxExecutor(HERE) as executor:
        for seed in (0, 1):
            executor.run(Execution("print(1)", ("",), Limits(), hash_seed=seed))
        sizes = [_resident_mb(zygote.pid) for zygote in executor._zygotes.values()]
    assert len(sizes) == 2
    # The rest is for Ray's worker process with Arrow and this house in it: some 210 MiB.
    assert sum(sizes) + 210 < OWN_MB["standard"]


def _resident_mb(pid: int) -> int:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]) // 1024


def test_a_request_that_cannot_be_carried_out_is_one_message_and_exit_status_2(tmp_path: Path) -> None:
    job = Path(__file__).parents[2] / "jobs" / "judge.py"
    for flags, said in (
        ([], "--input: Field required"),
        (["--input", "none.jsonl", "--output", "out.jsonl"], "there is no such file or folder"),
    ):
        done = subprocess.run(
            [sys.executable, str(job), *flags], capture_output=True, text=True, timeout=120, cwd=tmp_path
        )
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []

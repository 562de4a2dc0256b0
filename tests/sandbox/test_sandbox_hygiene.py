"""What is left behind: nothing. And what happens when somebody kills something."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from codeseq_ray.errors import InfrastructureError
from codeseq_ray.ports import Execution, Limits
from codeseq_ray.records import VerdictKind as V
from codeseq_ray.sandbox import SandboxExecutor, walls
from codeseq_ray.sandbox.warm import Zygote


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def zombies(of: int | None = None) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if state == "Z" and int(parent) == (of or os.getpid()):
                found.append(int(entry.name))
    return found


def gone(pid: int, seconds: float) -> bool:
    """Whether the process disappears, or is dead and waits for its parent, within so many seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_500_executions_kills_included_leave_nothing(executor: SandboxExecutor) -> None:
    limits = Limits(cpu_seconds=0.03, memory_mb=128, output_bytes=1000)
    sources = [
        "print(input())",
        "while True: pass",
        "import os; os.fork()",
        "print('x' * 10_000)",
        "1 / 0",
        "import os; os._exit(1)",
        "import os; os.closerange(0, 200)",
        "import threading; threading.Thread(target=input, daemon=True).start()",
    ]
    executor.run(Execution(sources[0], ("",), limits))
    zygote, before, dead = executor._zygotes[0].pid, descriptors(), zombies()
    threads = threading.active_count()
    kinds = [executor.run(Execution(sources[i % 8], ("1", "2"), limits)).runs[-1].kind for i in range(500)]
    assert len(set(kinds)) >= 5
    assert executor._zygotes[0].pid == zygote
    assert descriptors() == before
    assert zombies() == dead
    assert zombies(zygote) == []
    assert threading.active_count() == threads
    inside = os.listdir(f"/proc/{zygote}/fd") if os.access(f"/proc/{zygote}/fd", os.R_OK) else None
    assert inside is None or len(inside) == 4  # null, null, stderr, control


def test_close_ends_the_zygotes_and_a_new_run_starts_new_ones() -> None:
    before, dead = descriptors(), zombies()
    executor = SandboxExecutor()
    executor.run(Execution("print(1)", ("",)))
    executor.run(Execution("print(1)", ("",), hash_seed=9))
    pids = [zygote.pid for zygote in executor._zygotes.values()]
    executor.close()
    assert all(gone(pid, 0.1) for pid in pids)
    assert descriptors() == before
    assert executor.run(Execution("print(1)", ("",))).runs[0].stdout == "1\n"
    executor.close()
    assert zombies() == dead


def kill_while_busy(executor: SandboxExecutor, times: int) -> threading.Thread:
    """Kill the executor's zygote while it has a child at work, so many times."""

    def work() -> None:
        killed: set[int] = set()
        until = time.monotonic() + 20
        while len(killed) < times and time.monotonic() < until:
            time.sleep(0.02)
            zygote = executor._zygotes.get(3)
            if zygote is not None and zygote.pid not in killed and children(zygote.pid):
                time.sleep(0.1)
                killed.add(zygote.pid)
                os.kill(zygote.pid, signal.SIGKILL)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def children(pid: int) -> list[int]:
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


BUSY = "n = int(input())\nfor _ in range(6_000_000): n += 1\nprint(n)"


def test_a_zygote_killed_at_work_costs_one_retry(executor: SandboxExecutor) -> None:
    executor.run(Execution("print(1)", ("",), hash_seed=3))
    before, dead = descriptors(), zombies()
    killer = kill_while_busy(executor, 1)
    report = executor.run(Execution(BUSY, ("0", "1"), Limits(cpu_seconds=20.0), hash_seed=3))
    killer.join()
    assert [(r.kind, r.stdout) for r in report.runs] == [(V.PASSED, "6000000\n"), (V.PASSED, "6000001\n")]
    assert descriptors() == before
    assert zombies() == dead


def test_a_zygote_killed_twice_at_work_is_an_infrastructure_error(executor: SandboxExecutor) -> None:
    executor.run(Execution("print(1)", ("",), hash_seed=3))
    dead = zombies()
    killer = kill_while_busy(executor, 2)
    with pytest.raises(InfrastructureError, match="died"):
        executor.run(Execution(BUSY, ("0",) * 10, Limits(cpu_seconds=20.0), hash_seed=3))
    killer.join()
    assert zombies() == dead
    assert executor.run(Execution("print(1)", ("",), hash_seed=3)).runs[0].kind is V.PASSED


def test_a_zygote_killed_at_rest_is_not_noticed(executor: SandboxExecutor) -> None:
    executor.run(Execution("print(1)", ("",)))
    os.kill(executor._zygotes[0].pid, signal.SIGKILL)
    assert executor.run(Execution("print(2)", ("",))).runs[0].stdout == "2\n"


def test_a_child_killed_by_somebody_else_is_not_judged(executor: SandboxExecutor) -> None:
    executor.run(Execution("print(1)", ("",)))
    zygote = executor._zygotes[0].pid

    def kill() -> None:
        while not (pids := children(zygote)):
            time.sleep(0.005)
        time.sleep(0.2)
        os.kill(pids[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    report = executor.run(Execution("while True: pass", ("",), Limits(cpu_seconds=20.0)))
    killer.join()
    assert [r.kind for r in report.runs] == [V.INFRASTRUCTURE]


def test_a_child_dies_with_its_zygote_without_our_help(executor: SandboxExecutor) -> None:
    zygote = Zygote(0)
    with walls.adopting_orphans():
        child = zygote.spawn(memory_bytes=256 << 20, cpu_seconds=10, file_bytes=10, seed=0)
        os.kill(zygote.pid, signal.SIGKILL)
        assert select.select([child.pidfd], [], [], 5)[0]
        zygote.close()
        os.waitpid(child.pid, 0)
    child.close()


def test_everything_dies_with_the_trusted_process(executor: SandboxExecutor) -> None:
    code = """
import threading, time
from codeseq_ray.ports import Execution, Limits
from codeseq_ray.sandbox import SandboxExecutor
executor = SandboxExecutor()
executor.check()
print(executor._zygotes[0].pid, flush=True)
executor.run(Execution("while True: pass", ("",), Limits(cpu_seconds=100.0)))
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as trusted:
        assert trusted.stdout is not None
        zygote = int(trusted.stdout.readline())
        until = time.monotonic() + 10
        while not (child := children(zygote)) and time.monotonic() < until:
            time.sleep(0.02)
        assert child
        trusted.kill()
    assert gone(zygote, 5)
    assert gone(child[0], 5)


def test_threads_may_share_an_executor(executor: SandboxExecutor) -> None:
    answers: dict[int, str] = {}

    def ask(n: int) -> None:
        report = executor.run(Execution("print(int(input()) ** 2)", (str(n),), hash_seed=n % 2))
        answers[n] = report.runs[0].stdout

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {n: f"{n * n}\n" for n in range(12)}


def test_a_forked_copy_of_the_process_starts_its_own_zygote(executor: SandboxExecutor) -> None:
    executor.run(Execution("print(1)", ("",)))
    mine = executor._zygotes[0].pid
    code = f"""
import os, sys
from codeseq_ray.ports import Execution
from codeseq_ray.sandbox import SandboxExecutor
executor = SandboxExecutor()
executor.check()
pid = os.fork()
if pid == 0:
    before = executor._zygotes[0].pid
    out = executor.run(Execution("print(1)", ("",))).runs[0].stdout
    after = executor._zygotes[0].pid
    executor.close()
    os._exit(0 if out == "1\\n" and before != after != {mine} else 1)
assert os.waitpid(pid, 0)[1] == 0
assert executor.run(Execution("print(2)", ("",))).runs[0].stdout == "2\\n"
executor.close()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

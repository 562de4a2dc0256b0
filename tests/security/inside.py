"""The controls, inside namespaces: every attack with its walls down, by the real executor.

Started by `controls` as the first process of PID, mount, network, IPC and UTS namespaces of its own, with the
caller's as arguments; refuses to run elsewhere. Takes jobs as JSON on stdin and writes a JSON line for each.

The files of the machine are read-only here; one folder, /dev/shm and /proc are its own. Memory and processes are
capped by rlimits that every process inherits.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from codeseq_ray.ports import Execution, Run
from codeseq_ray.records import VerdictKind
from codeseq_ray.sandbox import SandboxExecutor, canary, walls, warm, watch

from .attack import BROKE_IN, SECRET, Attack, Backstop, Wall, Won
from .ring import Ring
from .table import ATTACKS
from .taken_down import KNOWN, wrapper

NAMESPACES = ("pid", "mnt", "net", "ipc", "uts")
_MEMORY, _PROCESSES, _FILES = 6 << 30, 3000, 4096
_HERE = Path(__file__).parent
_SANDBOX = Path(watch.__file__).parent
_ANSWER = "8321094471530267"
_MOUNT_ATTR_RDONLY, _AT_RECURSIVE, _MOUNT_SETATTR = 1, 0x8000, 442


def namespaces() -> dict[str, int]:
    """The numbers of this process's namespaces."""
    return {name: os.stat(f"/proc/self/ns/{name}").st_ino for name in NAMESPACES}


# ------------------------------------------------------------------------------------------- the surroundings


def enclose(outside: dict[str, int], folder: Path) -> None:
    """See that this is no place where an attack could do harm, and furnish it. Raises RuntimeError if it is one."""
    shared = [name for name, number in namespaces().items() if outside.get(name) == number]
    if shared or os.getpid() != 1:
        raise RuntimeError(f"these namespaces are the machine's: {', '.join(shared) or 'pid'}")
    libc = ctypes.CDLL(None, use_errno=True)

    def checked(result: int, what: str) -> None:
        if result != 0:
            raise RuntimeError(f"{what}: {os.strerror(ctypes.get_errno())}")

    attributes = (ctypes.c_uint64 * 4)(_MOUNT_ATTR_RDONLY, 0, 0, 0)
    checked(
        libc.syscall(_MOUNT_SETATTR, -100, b"/", _AT_RECURSIVE, attributes, 32), "make all mounts read-only"
    )
    for kind, place in (
        ("tmpfs", folder), ("tmpfs", folder / "ring"), ("tmpfs", Path("/dev/shm")), ("proc", Path("/proc")),
    ):  # fmt: skip
        place.mkdir(exist_ok=True)
        checked(libc.mount(kind.encode(), str(place).encode(), kind.encode(), 0, None), f"mount {place}")
    for what, most in (
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_NPROC, _PROCESSES),
        (resource.RLIMIT_NOFILE, _FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    os.environ.update(TMPDIR=str(folder))
    with socket.socket() as it:  # bring the loopback up
        fcntl.ioctl(it, 0x8914, struct.pack("16sh14x", b"lo", 0x41))


# ------------------------------------------------------------------------------------------- taking walls down


@contextlib.contextmanager
def replaced(**replacements: Any) -> Iterator[None]:
    """Attributes of the trusted side's modules (`module__name`) replaced for a while."""
    homes = {"warm": warm, "watch": watch, "canary": canary, "Child": warm.Child, "Watch": watch._Watch}
    before = []
    for key, value in replacements.items():
        home, _, name = key.partition("__")
        before.append((homes[home], name, getattr(homes[home], name)))
        setattr(homes[home], name, value)
    try:
        yield
    finally:
        for where, name, value in before:
            setattr(where, name, value)


@contextlib.contextmanager
def executor(down: frozenset[str], folder: Path) -> Iterator[SandboxExecutor]:
    """An executor whose zygote stands without these of the kernel's walls."""
    environment = warm._environment

    def leaking(*arguments: Any) -> dict[str, str]:
        return environment(*arguments) | {"AWS_SECRET_ACCESS_KEY": SECRET}

    unlocked = down & {Wall.SECCOMP, Wall.NO_NEW_PRIVS}
    with replaced(
        warm___ZYGOTE=wrapper(folder, _SANDBOX, sorted(down & KNOWN), SECRET),
        warm___environment=leaking if Wall.ENVIRONMENT in down else environment,
        warm___is_locked=(lambda pid: True) if unlocked else warm._is_locked,
        canary__prove=lambda zygote: None,
    ), SandboxExecutor() as it:  # fmt: skip
        yield it


def execute(it: SandboxExecutor, attack: Attack, down: frozenset[str], ring: Ring, wall: float) -> list[Run]:
    """Run an attack with these walls of the trusted side down, and the program after it."""
    limits = Backstop(**(vars(attack.limits) | {"wall": wall}))
    more: dict[str, Any] = {}
    if Wall.CPU_CLOCK in down:
        more["Child__cpu_seconds"] = lambda self: 0.0
    if Wall.SLEEPERS in down:
        more["Watch___waits"] = lambda self, *arguments: False
    if Wall.STDERR_TAIL in down:
        more["watch__STDERR_BYTES"] = 1 << 30
    if Wall.TWO_BYTES in down:
        more["watch___kind"] = lambda frame: VerdictKind.PASSED
    if Wall.OUTPUT_CAP in down:
        limits = replace(limits, output_bytes=1 << 30)
    source, inputs, after = ring.fill(attack.program()), attack.inputs, ring.fill(attack.after)
    if after and Wall.OWN_PROCESS in down:
        # Both programs as two inputs of one: what separates them is gone.
        source = f"exec({{'1': {source!r}, '2': {after!r}}}[input()], globals())"
        inputs, after = ("1\n", "2\n"), ""
    alone = Wall.OWN_INPUT in attack.walls and Wall.OWN_INPUT not in down
    with replaced(**more):
        runs = list(it.run(Execution(source, inputs, limits, one_process_per_input=alone)).runs)
        if after:
            runs += it.run(Execution(after, ("",), limits)).runs
    return runs


def won(attack: Attack, runs: list[Run]) -> bool:
    """Whether the attack reached what it is about."""
    match attack.won:
        case Won.BROKE_IN:
            return any(BROKE_IN in run.stdout for run in (runs[1:] if attack.after else runs))
        case Won.RAN_ON:
            return runs[-1].kind is VerdictKind.INFRASTRUCTURE and "by the wall clock" in runs[-1].stderr_tail
        case Won.PRINTED_MORE:
            return (
                len(runs[0].stdout.encode()) > attack.limits.output_bytes
                or len(runs[0].stderr_tail) > 2 * watch.STDERR_BYTES
            )
        case Won.LET_BE:
            return runs[0].kind is not VerdictKind.SECURITY_VIOLATION


def deceived(attack: Attack) -> tuple[bool, str]:
    """Whether the naive judge takes the attack for right."""
    done = subprocess.run([sys.executable, "-S", "-B", str(_HERE / "naive.py"), attack.naive, _ANSWER],
                          input=attack.source, capture_output=True, text=True, timeout=30,
                          env={"TMPDIR": os.environ["TMPDIR"]})  # fmt: skip
    return "ACCEPTED" in done.stdout.split(), (done.stdout + done.stderr)[-500:]


# ------------------------------------------------------------------------------------------------- the jobs


def attempt(it: SandboxExecutor, attack: Attack, down: frozenset[str], ring: Ring) -> tuple[bool, str]:
    try:
        wall = backstop(attack, down)
        runs = execute(it, attack, down, ring, wall)
    except Exception as error:  # without a wall, the trusted side may get to hear anything
        return False, f"{type(error).__name__}: {error}"
    shown = [(run.kind.value, run.stdout[:300], run.stderr_tail[-300:]) for run in runs]
    return won(attack, runs), str(shown)


def backstop(attack: Attack, down: frozenset[str]) -> float:
    """Seconds of wall clock after which "it runs on" is believed: well past what the walls up would allow."""
    if attack.won is not Won.RAN_ON:
        return 10.0
    if Wall.SLEEPERS in attack.walls:
        return 2.0
    if Wall.CPU in attack.walls:
        return 3.5 if Wall.CPU in down else 60.0
    return 2 * attack.limits.cpu_seconds


def main() -> int:
    order = json.loads(sys.stdin.readline())
    folder = Path(order["folder"])
    try:
        enclose(order["outside"], folder)
    except (OSError, RuntimeError) as error:
        print(json.dumps({"refused": str(error)}))
        return 0
    (folder / "zygotes").mkdir(mode=0o755)
    ring = Ring(folder / "ring", walls.NOBODY)
    groups: dict[frozenset[str], list[tuple[str, frozenset[str]]]] = {}
    for name, down in order["jobs"]:
        groups.setdefault(frozenset(down) & (KNOWN | {Wall.ENVIRONMENT}), []).append((name, frozenset(down)))
    for kernel, jobs in groups.items():
        with executor(kernel, folder / "zygotes") as it:
            for name, down in jobs:
                attack, began = ATTACKS[name], time.monotonic()
                it_won, said = deceived(attack) if attack.naive else attempt(it, attack, down, ring)
                if Wall.CLOSED in down:
                    with contextlib.suppress(Exception):  # its socket may have been written to
                        it.close()
                took = round(time.monotonic() - began, 3)
                print(json.dumps({"name": name, "down": sorted(down), "won": it_won, "said": said, "seconds": took}),
                      flush=True)  # fmt: skip
                if damage := ring.damage():
                    print(json.dumps({"note": f"{name}: {damage[:200]}"}), flush=True)
                    ring.close()
                    _empty(folder / "ring")
                    ring = Ring(folder / "ring", walls.NOBODY)
    ring.close()
    return 0


def _empty(folder: Path) -> None:
    subprocess.run(["find", str(folder), "-mindepth", "1", "-delete"], check=False)


if __name__ == "__main__":
    sys.exit(main())

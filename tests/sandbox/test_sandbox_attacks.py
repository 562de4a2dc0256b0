"""Programs that try to get out. None may succeed; and most do succeed without walls, which shows that they try.

Each prints BROKE IN where it got what it wanted. `held` says how it must end here: killed for a system call, or
denied with an error number that the program may catch.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from codeseq_ray.ports import Execution, Limits
from codeseq_ray.records import VerdictKind as V
from codeseq_ray.sandbox import SandboxExecutor
from codeseq_ray.sandbox.unconfined import run_unconfined

KILLED, DENIED = "killed", "denied"
LIMITS = Limits(cpu_seconds=0.5, memory_mb=512, output_bytes=100_000)

RAW = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *arguments):
    arguments = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *arguments)
    print(f"denied: {os.strerror(ctypes.get_errno())}" if result == -1 else "BROKE IN")
buffer = ctypes.create_string_buffer(4096)
parent = os.getppid()
"""
FOLDER = "@FOLDER@"
UPPER = "(0x5eed << 32)"
"""Rubbish above the 32 bits that the kernel reads of an int."""

# name → (source, how it must be held, whether it succeeds without walls and does no harm there)
ATTACKS: dict[str, tuple[str, str, bool]] = {
    "write a file": (f"open('{FOLDER}/new', 'w')", KILLED, True),
    "append to a file": (f"open('{FOLDER}/there', 'a')", KILLED, True),
    "truncate a file": (f"import os; os.truncate('{FOLDER}/there', 0)", KILLED, True),
    "open a nameless file": (f"import os; os.open('{FOLDER}', os.O_TMPFILE | os.O_RDWR)", KILLED, True),
    "read a file": (f"open('{FOLDER}/there').read()", DENIED, True),
    "read a file by openat2": (
        RAW + "call(437, -100, b'/etc/passwd', (ctypes.c_uint64 * 3)(), 24)",
        KILLED,
        True,
    ),
    "list a folder": ("import os; os.listdir('/')", DENIED, True),
    "stat a path": ("import os; os.stat('/')", DENIED, True),
    "stat a path dressed as a descriptor": (RAW + "call(262, -100, b'/', buffer, 0x1000)", DENIED, True),
    "statx a path dressed as a descriptor": (
        RAW + "call(332, -100, b'/', 0x1000, 0xfff, buffer)",
        DENIED,
        True,
    ),
    "remove a file": (f"import os; os.remove('{FOLDER}/there')", KILLED, True),
    "rename a file": (f"import os; os.rename('{FOLDER}/there', '{FOLDER}/moved')", KILLED, True),
    "make a folder": (f"import os; os.mkdir('{FOLDER}/new')", KILLED, True),
    "make a link": (f"import os; os.symlink('/etc/passwd', '{FOLDER}/link')", KILLED, True),
    "change rights": (f"import os; os.chmod('{FOLDER}/there', 0o777)", KILLED, True),
    "change the folder": ("import os; os.chdir('/')", KILLED, True),
    "read its start environment": ("open('/proc/self/environ').read()", DENIED, True),
    "read its parent's memory file": ("import os; open(f'/proc/{os.getppid()}/mem', 'rb')", DENIED, False),
    "learn what runs it": ("import os; os.readlink('/proc/self/exe')", DENIED, True),
    "open a TCP socket": ("import socket; socket.socket()", KILLED, True),
    "open a UDP socket": ("import socket; socket.socket(type=socket.SOCK_DGRAM)", KILLED, True),
    "open a unix socket": ("import socket; socket.socket(socket.AF_UNIX)", KILLED, True),
    "resolve a name": ("import socket; socket.getaddrinfo('localhost', 80)", DENIED, False),
    "fork": ("import os; os.fork() or os._exit(0)", KILLED, True),
    "vfork": (RAW + "call(58)", KILLED, False),
    "fork by clone": (RAW + "call(56, 17, 0, 0, 0, 0) if os.getpid() else 0", KILLED, False),
    "fork by clone3": (RAW + "call(435, (ctypes.c_uint64 * 11)(0, 0, 0, 0, 17), 88)", DENIED, False),
    "share no memory with a thread": (RAW + "call(56, 0x3d0f00 & ~0x100, 0, 0, 0, 0)", KILLED, False),
    "start a program": ("import subprocess; subprocess.run(['true'])", KILLED, True),
    "spawn a program": ("import os; os.posix_spawn('/bin/true', ['true'], {})", KILLED, True),
    "become a program": ("import os; os.execv('/bin/echo', ['echo', 'BROKE IN'])", KILLED, True),
    "become a program by descriptor": (RAW + "call(322, 0, b'', 0, 0, 0x1000)", KILLED, False),
    "signal its parent": ("import os; os.kill(os.getppid(), 0)", KILLED, True),
    "signal everybody": ("import os; os.kill(-1, 0)", KILLED, True),
    "signal a thread of its parent": (RAW + "call(234, parent, parent, 0)", DENIED, True),
    "signal by a queue": (RAW + "call(129, parent, 0, buffer)", KILLED, False),
    "signal by a descriptor's owner": (RAW + "call(72, 0, 8, parent)", KILLED, True),
    "signal by an owner with rubbish above": (RAW + f"call(72, 0, {UPPER} | 8, parent)", KILLED, True),
    "hold its parent by descriptor": (RAW + "call(434, parent, 0)", KILLED, True),
    "trace its parent": (RAW + "call(101, 16, parent, 0, 0)", KILLED, False),
    "read its parent's memory": (RAW + "call(310, parent, buffer, 1, buffer, 1, 0)", KILLED, False),
    "write its parent's memory": (RAW + "call(311, parent, buffer, 1, buffer, 1, 0)", KILLED, False),
    "read its parent's limits": (RAW + "call(302, parent, 7, 0, buffer)", KILLED, True),
    "read them with rubbish above": (RAW + f"call(302, {UPPER} | parent, 7, 0, buffer)", KILLED, True),
    "raise its limits": ("import resource as r; r.setrlimit(r.RLIMIT_AS, (-1, -1))", DENIED, False),
    "raise them with rubbish above": (RAW + f"call(302, {UPPER}, 9, buffer, 0)", DENIED, True),
    "read its parent's CPU clock": (RAW + "call(228, (~parent << 3) | 2, buffer)", KILLED, True),
    "make a file in memory": ("import os; os.memfd_create('x')", KILLED, True),
    "get memory to write and execute": (RAW + "call(9, 0, 4096, 7, 34, -1, 0)", KILLED, True),
    "make memory executable": (
        RAW
        + "page = libc.mmap\npage.restype = ctypes.c_long\nat = page(0, 4096, 3, 34, -1, 0)\ncall(10, at, 4096, 5)",
        KILLED,
        True,
    ),
    "make it so by key": (RAW + "call(329, 0, 0, 5, -1)", KILLED, True),
    "make all readable memory executable": (RAW + "call(135, 0x0400000)", KILLED, True),
    "become root": ("import os; os.setuid(0)", KILLED, False),
    "turn seccomp off": (RAW + "call(157, 22, 0, 0, 0, 0)", DENIED, False),
    "lay another filter over it": (RAW + "call(317, 1, 0, buffer)", KILLED, False),
    "become dumpable again": (RAW + "call(157, 4, 1, 0, 0, 0)", DENIED, True),
    "use the x32 numbers": (RAW + "call(0x40000000 | 39)", KILLED, False),
    "make a namespace": (RAW + "call(272, 0x10000000)", KILLED, False),
    "mount": (RAW + "call(165, b'none', b'/tmp', b'tmpfs', 0, 0)", KILLED, False),
    "use io_uring": (RAW + "call(425, 4, buffer)", KILLED, False),
    "load BPF": (RAW + "call(321, 0, buffer, 64)", KILLED, False),
    "watch the CPU": (RAW + "call(298, buffer, 0, -1, -1, 0)", KILLED, False),
    "handle page faults": (RAW + "call(323, 0)", KILLED, False),
    "use the key ring": (RAW + "call(250, 0, -3, 0)", KILLED, False),
    "share memory by System V": (RAW + "call(29, 0, 4096, 0o1600)", KILLED, False),
    "open a message queue": (RAW + "call(240, b'q', 0o102, 0o600, 0)", KILLED, False),
    "move to another CPU": ("import os; os.sched_setaffinity(0, {0})", KILLED, False),
    "make a pipe": ("import os; os.pipe()", KILLED, True),
}
SETUP = "print('REACHED', flush=True)\n"


def source_of(attack: str, folder: Path) -> str:
    source = ATTACKS[attack][0].replace(FOLDER, str(folder))
    # What ends without an error and without a word of its own has succeeded.
    return SETUP + source + ("" if source.startswith(RAW) else "\nprint('BROKE IN')")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "there").write_text("content")
    tmp_path.chmod(0o777)  # only the walls are to stand between nobody and it
    return tmp_path


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_fails(executor: SandboxExecutor, folder: Path, attack: str) -> None:
    held = ATTACKS[attack][1]
    run = executor.run(Execution(source_of(attack, folder), ("",), LIMITS)).runs[0]
    assert run.stdout.startswith("REACHED")
    assert "BROKE IN" not in run.stdout
    if held == KILLED:
        assert run.kind is V.SECURITY_VIOLATION, run
    else:
        assert run.kind in (V.PASSED, V.RUNTIME_ERROR), run
        assert "denied: " in run.stdout or any(
            error in run.stderr_tail
            for error in ("PermissionError", "not allowed to raise", "getaddrinfo", "OSError")
        ), run
    assert [p.name for p in folder.iterdir()] == ["there"]
    assert (folder / "there").read_text() == "content"


@pytest.mark.parametrize("attack", [name for name, (_, _, works) in ATTACKS.items() if works])
def test_the_same_attack_succeeds_without_walls(folder: Path, attack: str) -> None:
    run = run_unconfined(Execution(source_of(attack, folder), ("",), LIMITS, trusted=True)).runs[0]
    assert "BROKE IN" in run.stdout, run


def outcome(executor: SandboxExecutor, source: str, *, inputs: tuple[str, ...] = ("",)) -> str:
    runs = executor.run(Execution(source, inputs, LIMITS)).runs
    return "|".join(f"{run.kind} {run.stdout.strip()}" for run in runs)


def test_no_secret_of_the_environment_is_there(
    executor: SandboxExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")
    executor.close()  # so that the zygote starts with that environment around it
    assert outcome(executor, "import os\nprint(sorted(os.environ))") == (
        "passed ['LC_ALL', 'MALLOC_ARENA_MAX', 'PYTHONHASHSEED']"
    )


def test_nothing_of_the_house_is_in_memory(executor: SandboxExecutor) -> None:
    executor.close()
    expected = "the expected " + "output"  # in this process while the zygote starts
    source = """
import gc, sys
gc.unfreeze()
print(sorted(name for name in sys.modules if name.partition(".")[0] in ("codeseq_ray", "pydantic", "ray", "pytest")))
reachable = [o for o in gc.get_objects() if type(o) in (dict, list, tuple)]
strings = [s for o in reachable for s in (o.values() if type(o) is dict else o) if type(s) is str]
print(len(strings) > 1000, [s for s in strings if s.startswith("the expected") and s.endswith("output")])
"""
    assert outcome(executor, source) == "passed []\nTrue []", expected


def test_only_its_own_descriptors_are_open(executor: SandboxExecutor) -> None:
    source = """
import os
def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
print([fd for fd in range(20_000) if is_open(fd)])
"""
    run = executor.run(Execution(source, ("",), Limits())).runs[0]
    assert run.stdout == "[0, 1, 2, 100, 101, 102, 103]\n"


@pytest.mark.parametrize(
    "frame", ["b'=' + bytes([7])", "b'!'", "b'=' * 1000", "b'=\\0=\\0=\\0'", "b''.join([b'\\0'] * 99)"]
)
def test_a_forged_frame_is_a_violation(executor: SandboxExecutor, frame: str) -> None:
    assert outcome(executor, f"import os\nos.write(100, {frame})\nwhile True: pass").startswith(
        "security_violation"
    )


def test_a_well_forged_frame_earns_nothing(executor: SandboxExecutor) -> None:
    # It claims to be done with both inputs at once: what it had printed by then is all that counts.
    source = "import os\nos.write(100, b'=\\0')\nwhile True: pass"
    report = outcome(executor, source, inputs=("1", "2"))
    assert report == "passed |time_limit "


def test_closing_or_drowning_its_channels_only_ends_the_program(executor: SandboxExecutor) -> None:
    for source in (
        "import os\nos.close(100)",
        "import os\nos.closerange(0, 200)\nwhile True: pass",
        "import os\nwhile True: os.write(2, b'e' * 65536)",
        "import os\nwhile True: os.write(102, b'e')",
        "import os\nos.dup2(100, 1)\nprint('to the wrong place')",
    ):
        report = executor.run(Execution(source, ("1", "2"), LIMITS))
        assert report.runs[-1].kind in (V.RUNTIME_ERROR, V.TIME_LIMIT, V.SECURITY_VIOLATION), (source, report)
    assert outcome(executor, "print(1)") == "passed 1"


def test_stealing_the_signal_to_go_on_only_harms_the_thief(executor: SandboxExecutor) -> None:
    source = "import os\nos.write(100, b'=\\0')\nos.read(100, 10)\nprint('both', flush=True)\nos._exit(0)"
    assert outcome(executor, source, inputs=("1", "2")) == "passed |passed both"


def test_a_thread_that_outlives_its_input_is_still_within_the_limits(executor: SandboxExecutor) -> None:
    source = """
import threading
def spin():
    while True: pass
threading.Thread(target=spin, daemon=True).start()
print(input())
"""
    began = time.monotonic()
    report = executor.run(Execution(source, tuple("abcdefgh"), LIMITS))
    assert time.monotonic() - began < 60
    assert report.runs[0].stdout == "a\n"


def test_a_crowd_of_threads_ends_with_its_process(executor: SandboxExecutor) -> None:
    source = """
import threading
threading.stack_size(32768)
stop = threading.Event()
try:
    while True: threading.Thread(target=stop.wait, daemon=True).start()
except BaseException as error:
    print(type(error).__name__)
"""
    outcome(executor, source)
    assert outcome(executor, "print(1)") == "passed 1"


def test_the_child_is_nobody_where_we_are_root(executor: SandboxExecutor) -> None:
    uid = 65534 if os.getuid() == 0 else os.getuid()
    assert outcome(executor, "import os\nprint(os.getuid(), os.geteuid())") == f"passed {uid} {uid}"

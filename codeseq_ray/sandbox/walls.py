"""The walls around a program: Landlock, seccomp and rlimits, through ctypes. Standard library only.

Both sides use this module: the trusted process to ask which walls this machine has (`missing`), the zygote to
install Landlock once (`lock_zygote`; children inherit it), every child to install its seccomp filter
(`ChildFilter`). Only x86_64 has a policy so far. On aarch64 some system calls have other names or do not exist
(poll, time, fork); until its list has been measured there, it is refused.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import platform
import resource
import signal
import sys
from collections.abc import Iterator

POLICIES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "policy")
NOBODY = 65534
"""The uid and gid that root becomes before it runs anything."""

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 1, 4, 36
_PR_GET_CHILD_SUBREAPER = 37
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38
_SECCOMP_MODE_FILTER = 2
_SYS_SECCOMP = 317
_SIGKILL = int(signal.SIGKILL)
_SECCOMP_GET_ACTION_AVAIL = 2
_SECCOMP_RET_KILL_PROCESS = 0x80000000
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446
_LANDLOCK_CREATE_RULESET_VERSION = 1

# Landlock ABI → how many file-system rights it knows (they are the lowest bits of a word).
_LANDLOCK_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_LANDLOCK_TCP = 0b11
"""Bind and connect; from ABI 4."""
_LANDLOCK_SCOPES = 0b11
"""Abstract unix sockets and signals to processes outside; from ABI 6."""

_LIBC = ctypes.CDLL(None, use_errno=True)
_PRCTL = _LIBC.prctl
"""For a child: called with plain numbers it writes to a tenth of the memory that `_prctl` does."""

DESCRIPTORS = 104
"""The child's own reach to 103 (`child`)."""
STACK_BYTES = 64 << 20
"""Stack of a program's main thread, at most. Programs that recurse deeply through C need more than 8 MiB."""


class WallMissingError(Exception):
    """This machine lacks a wall, or refused to put it up. Says which, and what would help."""


def _prctl(what: str, option: int, *arguments: int | ctypes.c_void_p) -> int:
    padded = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in (*arguments, 0, 0, 0, 0)[:4]]
    result: int = _LIBC.prctl(ctypes.c_int(option), *padded)
    if result < 0:
        raise WallMissingError(f"{what} was refused: {os.strerror(ctypes.get_errno())}")
    return result


def _syscall(number: int, *arguments: object) -> int:
    result: int = _LIBC.syscall(ctypes.c_long(number), *arguments)
    return result


# ----------------------------------------------------------------------------------- what this machine has


def landlock_abi() -> int:
    """Landlock's version here, 0 where the kernel has none or hides it."""
    return max(
        0,
        _syscall(
            _LANDLOCK_CREATE_RULESET,
            ctypes.c_void_p(None),
            ctypes.c_size_t(0),
            ctypes.c_uint32(_LANDLOCK_CREATE_RULESET_VERSION),
        ),
    )


def _kills_processes() -> bool:
    """Whether seccomp is here and can kill a whole process (Linux 4.14)."""
    action = ctypes.c_uint32(_SECCOMP_RET_KILL_PROCESS)
    what, flags = ctypes.c_uint(_SECCOMP_GET_ACTION_AVAIL), ctypes.c_uint(0)
    return _syscall(_SYS_SECCOMP, what, flags, ctypes.byref(action)) == 0


def missing(*, without_landlock: bool = False) -> list[str]:
    """The walls that this machine lacks, in words; empty when all can be tried (Landlock may be given up)."""
    if sys.platform != "linux":
        return [
            f"Landlock and seccomp (they belong to Linux, this is {sys.platform}): run the workers on Linux nodes, "
            "on a laptop in a container or virtual machine"
        ]
    machine = platform.machine()
    if machine != "x86_64" or sys.maxsize < 2**32:
        return [
            f"a measured system-call policy for {machine} (there is one for 64-bit x86_64): run the workers on "
            "x86_64 nodes (Kubernetes: nodeSelector kubernetes.io/arch: amd64)"
        ]
    lacking = []
    if landlock_abi() == 0 and not without_landlock:
        lacking.append(
            "Landlock: Linux 5.13 or newer with `landlock` in /sys/kernel/security/lsm (boot option lsm=landlock,…), "
            "in a container runtime that lets its system calls through (the default profiles of Docker and "
            "containerd do; gVisor has no Landlock); or --allow-without-landlock, which leaves seccomp alone"
        )
    if not _kills_processes():
        lacking.append("seccomp filters: Linux 4.14 or newer with CONFIG_SECCOMP_FILTER")
    return lacking


# ------------------------------------------------------------------------------------------------- policy


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def policy() -> bytes:
    """The compiled filter of this machine, checked against the hash committed with it."""
    place = os.path.join(POLICIES, platform.machine())
    try:
        with open(f"{place}.bpf", "rb") as file:
            filter_ = file.read()
        with open(f"{place}.json") as file_:
            about = json.load(file_)
    except OSError as error:
        raise WallMissingError(
            f"the system-call policy for {platform.machine()} cannot be read: {error}"
        ) from error
    if hashlib.sha256(filter_).hexdigest() != about["sha256"]:
        raise WallMissingError(f"{place}.bpf is not the file whose hash is committed beside it")
    return filter_


# -------------------------------------------------------------------------------------------- the zygote


def lock_zygote(*, without_landlock: bool) -> list[str]:
    """Give up root, new privileges and every path, for this process and all its children.

    Returns the names of the walls (["landlock:7"]), none where Landlock lacks and may lack. Call once,
    single-threaded, after the last import. Raises WallMissingError; then nothing may be served.
    """
    if os.getuid() == 0 or os.geteuid() == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        except OSError as error:
            raise WallMissingError(
                f"root could not become nobody (uid {NOBODY}): {error.strerror}; start the workers as an "
                "unprivileged user (Kubernetes: securityContext runAsUser: 1000), or with the "
                "capabilities SETUID and SETGID"
            ) from error
    _prctl("no_new_privs", _PR_SET_NO_NEW_PRIVS, 1)
    for what, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
        (resource.RLIMIT_STACK, STACK_BYTES),
    ):
        resource.setrlimit(what, hard(what, value))
    abi = landlock_abi()
    if abi == 0 and without_landlock:
        standing = []
    else:
        _restrict_paths(abi)
        try:
            os.listdir("/")
        except PermissionError:
            standing = [f"landlock:{abi}"]
        else:
            raise WallMissingError("Landlock was accepted but does not hold: / can still be listed")
    _prctl("PR_SET_DUMPABLE", _PR_SET_DUMPABLE, 0)
    return standing


def _restrict_paths(abi: int) -> None:
    """Deny every right that Landlock of this version knows; there is no rule that gives any back."""
    words = [(1 << _LANDLOCK_RIGHTS.get(abi, 16)) - 1]
    if abi >= 4:
        words.append(_LANDLOCK_TCP)
    if abi >= 6:
        words.append(_LANDLOCK_SCOPES)
    attributes = (ctypes.c_uint64 * len(words))(*words)
    ruleset = _syscall(
        _LANDLOCK_CREATE_RULESET,
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
        ctypes.c_uint32(0),
    )
    if ruleset < 0:
        raise WallMissingError(f"Landlock was refused: {os.strerror(ctypes.get_errno())}")
    try:
        if _syscall(_LANDLOCK_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0)) != 0:
            raise WallMissingError(f"Landlock was refused: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(ruleset)


# --------------------------------------------------------------------------------------------- the child


def follow_parent(parent: int) -> None:
    """Die when the process `parent` dies. fork clears this, so that every child asks anew."""
    if _PRCTL(_PR_SET_PDEATHSIG, _SIGKILL) != 0:
        raise WallMissingError("PR_SET_PDEATHSIG was refused")
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)


class ChildFilter:
    """The seccomp filter, ready to be installed: made before the fork, as a child pays for all that it makes."""

    def __init__(self, filter_: bytes) -> None:
        self._program = _Program(len(filter_) // 8, filter_)
        self._at = ctypes.byref(self._program)

    def install(self) -> None:
        """From here on no program can undo it."""
        if _PRCTL(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, self._at) != 0:
            raise WallMissingError(f"seccomp was refused: {os.strerror(ctypes.get_errno())}")


def hard(what: int, value: int) -> tuple[int, int]:
    """An rlimit as hard as soft, within the one that stands."""
    most = resource.getrlimit(what)[1]
    value = value if most == resource.RLIM_INFINITY else min(value, most)
    return value, value


def bound(memory: tuple[int, int], cpu_seconds: tuple[int, int]) -> None:
    """Set a child's own limits. Judgement of time is the trusted side's; this one stops what runs on alone."""
    resource.setrlimit(resource.RLIMIT_AS, memory)
    resource.setrlimit(resource.RLIMIT_CPU, cpu_seconds)


def held_bytes() -> int:
    """Address space of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


# -------------------------------------------------------------------------------------- the trusted process


@contextlib.contextmanager
def adopting_orphans() -> Iterator[None]:
    """Be the parent of this process's orphaned descendants meanwhile, so that a dead zygote's child can be reaped.

    For the time of a run only: nobody here waits for the orphans of other people's subprocesses. Where two runs
    overlap in threads, the first to end ends it for both; then init reaps, as it would have.
    """
    before = ctypes.c_int()
    _PRCTL(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before))
    if before.value:
        yield
        return
    _PRCTL(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        _PRCTL(_PR_SET_CHILD_SUBREAPER, 0)

"""Compile the system-call policy to BPF bytes with libseccomp, at development time.

    python -m codeseq_ray.sandbox.policy.compile            write x86_64.bpf and x86_64.json
    python -m codeseq_ray.sandbox.policy.compile --check    exit 1 if the committed bytes differ

The run-time needs neither this module nor libseccomp: it installs the committed bytes (`walls`).

Three answers are given to a system call, and each has its reason:

* **allow**: what CPython needs to compute, read its descriptors, allocate memory and run threads.
* **an error number**: what honest code or CPython itself tries on its way, and survives without: looking for a
  file (imports, tracebacks), asking whether stdout is a terminal. The program sees a PermissionError it may
  catch.
* **kill the process** (the default, SIGSYS): everything else. No honest program that computes a number needs it,
  so the verdict is `security_violation`.

Arguments that the kernel takes as `int` are compared in their low 32 bits: the kernel ignores the upper half, so
a 64-bit comparison could be passed with rubbish in it.
"""

from __future__ import annotations

import argparse
import ctypes
import ctypes.util
import errno
import hashlib
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
MACHINE = "x86_64"
_ARCH_X86_64 = 0xC000003E

_KILL_PROCESS = 0x80000000
_ALLOW = 0x7FFF0000
_NE, _MASKED_EQ = 1, 7
_LOW32 = 0xFFFFFFFF

_ATTR_ACT_BADARCH = 2
_ATTR_CTL_OPTIMIZE = 8
_BINARY_TREE = 2


def _errno(number: int) -> int:
    return 0x00050000 | number


@dataclass(frozen=True)
class Rule:
    """One answer. `where` lists (argument, mask, value): all of `argument & mask == value` must hold."""

    action: int
    call: str
    where: tuple[tuple[int, int, int], ...] = ()
    not_null: int | None = None
    """A pointer argument that must not be null."""

    def tests(self) -> list[tuple[int, int, int, int]]:
        """As libseccomp takes them: argument, comparison, and its two numbers."""
        tests = [(argument, _MASKED_EQ, mask, value) for argument, mask, value in self.where]
        return tests if self.not_null is None else [*tests, (self.not_null, _NE, 0, 0)]


_PROT_EXEC = 0x4
_THREAD = 0x3D0F00
"""The flags of glibc's pthread_create: memory, files, signal handlers and thread group shared with the caller."""
_WRITING = 0x3 | 0x40 | 0x200 | 0x400000
"""O_ACCMODE, O_CREAT, O_TRUNC, O_TMPFILE: none of them set means that a file is opened to be read."""
_F_DUPFD, _F_GETFD, _F_SETFD, _F_GETFL, _F_DUPFD_CLOEXEC = 0, 1, 2, 3, 1030

ALLOWED = """
    read readv write writev pread64 pwrite64 lseek close dup dup2 dup3 fstat ftruncate
    brk munmap mremap madvise
    futex set_robust_list rseq sched_yield exit exit_group restart_syscall
    getpid gettid getppid getuid geteuid getgid getegid
    getrandom gettimeofday time times getrusage
    rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack alarm setitimer getitimer
""".split()  # noqa: SIM905 (a list this long reads best as text)

NOT_FOUND = """
    stat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat getcwd statfs fstatfs
    getdents getdents64
""".split()  # noqa: SIM905 (a list this long reads best as text)
"""EACCES. `newfstatat` and `statx` also when a descriptor is meant: a filter cannot read the path they point to."""

NOT_PERMITTED = """
    tgkill prctl setrlimit getrlimit getpriority socketpair epoll_create epoll_create1 eventfd eventfd2
    poll ppoll select pselect6 uname sysinfo getgroups getpgrp getpgid getsid membarrier fsync fdatasync
    sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min fadvise64
""".split()  # noqa: SIM905 (a list this long reads best as text)
"""EPERM. `tgkill` is here for abort(), which then crashes as a faulty program should instead of being accused."""


def rules() -> list[Rule]:
    eperm, eacces = _errno(errno.EPERM), _errno(errno.EACCES)
    return [
        *(Rule(_ALLOW, call) for call in ALLOWED),
        *(Rule(eacces, call) for call in NOT_FOUND),
        *(Rule(eperm, call) for call in NOT_PERMITTED),
        # To read a file is a mistake; to write one is an attempt.
        Rule(eacces, "open", ((1, _WRITING, 0),)),
        Rule(eacces, "openat", ((2, _WRITING, 0),)),
        Rule(_ALLOW, "mmap", ((2, _PROT_EXEC, 0),)),
        Rule(_ALLOW, "mprotect", ((2, _PROT_EXEC, 0),)),
        Rule(_ALLOW, "clone", ((0, _LOW32, _THREAD),)),
        # Its flags lie in memory, out of a filter's sight; glibc then falls back to clone.
        Rule(_errno(errno.ENOSYS), "clone3"),
        # Sleeping spends no CPU, so only the wall clock could end it: let it end at once instead.
        Rule(_errno(0), "nanosleep"),
        Rule(_errno(0), "clock_nanosleep"),
        Rule(_errno(errno.ENOTTY), "ioctl"),
        # Clocks 0–15 only: a negative clock names another process.
        Rule(_ALLOW, "clock_gettime", ((0, 0xFFFFFFF0, 0),)),
        Rule(_ALLOW, "clock_getres", ((0, 0xFFFFFFF0, 0),)),
        Rule(_ALLOW, "sched_getaffinity", ((0, _LOW32, 0),)),
        # F_SETOWN and F_SETSIG would have the kernel signal other processes.
        *(
            Rule(_ALLOW, "fcntl", ((1, _LOW32, command),))
            for command in (_F_DUPFD, _F_GETFD, _F_SETFD, _F_GETFL, _F_DUPFD_CLOEXEC)
        ),
        # Reading one's own limits. Setting them (argument 2 is a pointer: 64 bits) is refused, others' is fatal.
        Rule(_ALLOW, "prlimit64", ((0, _LOW32, 0), (2, 0xFFFFFFFFFFFFFFFF, 0))),
        Rule(eperm, "prlimit64", ((0, _LOW32, 0),), not_null=2),
    ]


class _Compare(ctypes.Structure):
    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


class _Version(ctypes.Structure):
    _fields_ = (("major", ctypes.c_uint), ("minor", ctypes.c_uint), ("micro", ctypes.c_uint))


class Libseccomp:
    """The part of libseccomp that compiles. Raises OSError where the library is not installed."""

    def __init__(self) -> None:
        name = ctypes.util.find_library("seccomp")
        if name is None:
            raise OSError("libseccomp is not installed (Debian: apt-get install libseccomp2)")
        self._lib = ctypes.CDLL(name, use_errno=True)
        self._lib.seccomp_init.restype = ctypes.c_void_p
        self._lib.seccomp_version.restype = ctypes.POINTER(_Version)

    @property
    def version(self) -> str:
        v = self._lib.seccomp_version().contents
        return f"{v.major}.{v.minor}.{v.micro}"

    def _checked(self, what: str, result: int) -> None:
        if result != 0:
            raise OSError(-result, f"libseccomp: {what}: {os.strerror(-result)}")

    def compile(self, policy: list[Rule]) -> bytes:
        """The filter for x86_64; bytes of `struct sock_filter`s."""
        lib = self._lib
        context = ctypes.c_void_p(lib.seccomp_init(ctypes.c_uint32(_KILL_PROCESS)))
        try:
            if lib.seccomp_arch_exist(context, ctypes.c_uint32(_ARCH_X86_64)) != 0:
                self._checked("add x86_64", lib.seccomp_arch_add(context, ctypes.c_uint32(_ARCH_X86_64)))
                self._checked("drop native", lib.seccomp_arch_remove(context, ctypes.c_uint32(0)))
            for attribute, value in ((_ATTR_ACT_BADARCH, _KILL_PROCESS), (_ATTR_CTL_OPTIMIZE, _BINARY_TREE)):
                self._checked("attribute", lib.seccomp_attr_set(context, attribute, ctypes.c_uint32(value)))
            for rule in policy:
                number = lib.seccomp_syscall_resolve_name_arch(
                    ctypes.c_uint32(_ARCH_X86_64), rule.call.encode()
                )
                if number < 0:
                    raise OSError(f"libseccomp {self.version} does not know the system call {rule.call}")
                tests = rule.tests()
                array = (_Compare * len(tests))(*(_Compare(*test) for test in tests))
                self._checked(
                    rule.call,
                    lib.seccomp_rule_add_array(
                        context, ctypes.c_uint32(rule.action), number, len(tests), array
                    ),
                )
            with tempfile.TemporaryFile() as file:
                self._checked("export", lib.seccomp_export_bpf(context, file.fileno()))
                file.seek(0)
                return file.read()
        finally:
            lib.seccomp_release(context)


def main() -> int:
    parser = argparse.ArgumentParser(description="Compile the sandbox's system-call policy.")
    parser.add_argument(
        "--check", action="store_true", help="compare with the committed bytes, write nothing"
    )
    check = parser.parse_args().check
    library = Libseccomp()
    bytes_ = library.compile(rules())
    if check:
        same = bytes_ == (HERE / f"{MACHINE}.bpf").read_bytes()
        print(
            f"{MACHINE}.bpf {'is' if same else 'is NOT'} what libseccomp {library.version} makes of the rules"
        )
        return 0 if same else 1
    digest = hashlib.sha256(bytes_).hexdigest()
    (HERE / f"{MACHINE}.bpf").write_bytes(bytes_)
    about = {"sha256": digest, "libseccomp": library.version, "instructions": len(bytes_) // 8}
    (HERE / f"{MACHINE}.json").write_text(json.dumps(about, indent=2) + "\n")
    print(f"{MACHINE}.bpf: {len(bytes_) // 8} instructions, sha256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

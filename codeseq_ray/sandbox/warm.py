"""The trusted side's hold on one zygote: start it, have it fork, reap what it forked, end it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from codeseq_ray.errors import InfrastructureError, SandboxUnavailableError, UsageError
from codeseq_ray.sandbox import frames
from codeseq_ray.sandbox.interpreters import find
from codeseq_ray.sandbox.settings import SandboxSettings

_START_SECONDS = 60.0
"""A zygote starts in a tenth of a second; a busy machine may take its time."""
_ANSWER_SECONDS = 20.0
_ZYGOTE = Path(__file__).with_name("zygote.py")


class ZygoteLostError(InfrastructureError):
    """The zygote died or went silent. A new one can be started."""


@dataclass
class Child:
    """A forked, locked child that waits for its program, and this side's ends of its channels."""

    pid: int
    pidfd: int
    talk: socket.socket
    out: int
    err: int
    stdin: int
    """A file in memory, shared with the child; its offset too."""

    def cpu_seconds(self) -> float:
        """CPU time of all its threads so far, by the kernel's own clock of that process."""
        try:
            return time.clock_gettime((~self.pid << 3) | 2)
        except OSError as error:
            raise ZygoteLostError(
                f"a child of the sandbox is gone without having been reaped: {error}"
            ) from error

    def kill(self) -> None:
        # By descriptor, so that it can be no other process, whatever became of the pid.
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def ended(self, seconds: float) -> bool:
        """Whether the process ended, having waited so long for it at most."""
        return bool(select.select([self.pidfd], [], [], seconds)[0])

    def close(self) -> None:
        self.talk.close()
        for descriptor in (self.pidfd, self.out, self.err, self.stdin):
            os.close(descriptor)

    def give(self, text: bytes) -> None:
        """Make `text` what stdin holds, from its beginning."""
        os.ftruncate(self.stdin, 0)
        os.pwrite(self.stdin, text, 0)
        os.lseek(self.stdin, 0, os.SEEK_SET)


class Zygote:
    """One warm interpreter of one profile under one hash seed; one child at a time. Not thread-safe."""

    def __init__(
        self, hash_seed: int, settings: SandboxSettings | None = None, *, preloaded: str = "core"
    ) -> None:
        """Start and lock it; `preloaded` is a profile of `preload.everything`.

        Raises SandboxUnavailableError if a wall is refused, ZygoteLostError if it dies, UsageError where the settings
        name no interpreter that can serve.
        """
        settings = settings or SandboxSettings()
        interpreter = find(settings)
        options = {
            "profile": preloaded,
            "packages": list(interpreter.packages) if preloaded == "scientific" else [],
            "without_landlock": settings.allow_without_landlock,
        }
        self.hash_seed = hash_seed
        self._reap_due = False
        """The last child is killed, and not yet reported as reaped."""
        self.owner = os.getpid()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(_ANSWER_SECONDS)
        with theirs:
            self._process = subprocess.Popen(
                [
                    *(interpreter.path, "-S", "-s", "-P", "-B", str(_ZYGOTE)),
                    *(str(theirs.fileno()), json.dumps(options)),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd="/",
                env=_environment(hash_seed),
                # A Ctrl-C at the terminal is for the job; the zygote ends when its socket does.
                start_new_session=True,
            )
        self.pid = self._process.pid
        try:
            self.walls = self._greeting()
        except BaseException:
            self.close()
            raise

    def _greeting(self) -> tuple[str, ...]:
        self._control.settimeout(_START_SECONDS)
        greeting = self._receive(frames.MOST_GREETING)
        self._control.settimeout(_ANSWER_SECONDS)
        said = json.loads(greeting)
        if "missing" in said:
            raise SandboxUnavailableError(unavailable([str(said["missing"])]))
        if "package" in said:
            raise UsageError(f"--profile: {said['package']}")
        return tuple(str(wall) for wall in said["walls"])

    def alive(self) -> bool:
        return self._process.poll() is None

    def spawn(self, *, memory_bytes: int, cpu_seconds: int) -> Child:
        """Fork a child and lock it. Raises ZygoteLostError; SandboxUnavailableError if it is not locked."""
        self._settle()
        with contextlib.ExitStack() as ours:
            try:
                talk, out, err, stdin = self._channels(
                    ours, frames.SPAWN.pack(b"S", memory_bytes, cpu_seconds)
                )
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
                    raise self._lost(error) from error
                raise InfrastructureError(
                    f"a program cannot be given its channels: {error.strerror}"
                ) from error
            ready = self._first_word(talk)
            # Sent before or after the child's word, and in any case soon.
            pid = self._number(frames.PID)
            if pid < 0:
                raise ZygoteLostError("the sandbox could not fork; is the limit of processes reached?")
            child = Child(pid, _pidfd(pid), talk, out, err, stdin)
            ours.pop_all()
        try:
            _require_walls(child, ready)
        except BaseException:
            self.bury(child)
            raise
        return child

    def _channels(self, ours: contextlib.ExitStack, request: bytes) -> tuple[socket.socket, int, int, int]:
        """Make a child's channels and hand its ends over with the request; this side's are closed by `ours`."""
        with contextlib.ExitStack() as theirs:
            talk, their_talk = socket.socketpair()
            ours.callback(talk.close)
            theirs.callback(their_talk.close)
            pipes = []
            for _ in ("stdout", "stderr"):
                reading, writing = os.pipe()
                ours.callback(os.close, reading)
                theirs.callback(os.close, writing)
                os.set_blocking(reading, False)  # this end only
                pipes.append((reading, writing))
            (out, their_out), (err, their_err) = pipes
            stdin = os.memfd_create("stdin")
            ours.callback(os.close, stdin)
            socket.send_fds(self._control, [request], [their_talk.fileno(), their_out, their_err, stdin])
        return talk, out, err, stdin

    def _first_word(self, talk: socket.socket) -> bytes:
        talk.settimeout(_ANSWER_SECONDS)
        try:
            return talk.recv(1)
        except TimeoutError as error:
            raise self._lost(error) from error

    def reap(self, child: Child) -> int:
        """End the child if it still runs, close its channels, and give its wait status."""
        self._end(child)
        return self._settle()

    def bury(self, child: Child) -> None:
        """Like `reap` when nobody asks for the status. A zygote lost on the way is noticed at its next use."""
        with contextlib.suppress(ZygoteLostError):
            self._end(child)

    def _end(self, child: Child) -> None:
        child.kill()
        child.close()
        self._reap_due = True
        try:
            self._control.send(frames.REAP)
        except OSError as error:
            self._reap_due = False
            raise self._lost(error) from error

    def _settle(self) -> int:
        """Wait until the zygote has reaped its last child; gives that one's wait status (0 if there is none)."""
        if not self._reap_due:
            return 0
        self._reap_due = False
        return self._number(frames.STATUS)

    def close(self) -> None:
        """End the zygote. Its last child, if any, dies with it."""
        if self.owner != os.getpid():  # a forked copy of the trusted process: not ours to end
            self._control.close()
            return
        with contextlib.suppress(ZygoteLostError):
            self._settle()
        self._control.close()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()
        _reap_orphans(self.pid)

    def _number(self, which: bytes) -> int:
        answer = self._receive(frames.NUMBER.size + 1)
        if len(answer) != frames.NUMBER.size or answer[:1] != which:
            raise ZygoteLostError("the sandbox's warm interpreter answered what was not asked")
        return int(frames.NUMBER.unpack(answer)[1])

    def _receive(self, most: int) -> bytes:
        try:
            answer = self._control.recv(most)
        except OSError as error:
            raise self._lost(error) from error
        if not answer:
            raise self._lost(None)
        return answer

    def _lost(self, error: OSError | None) -> ZygoteLostError:
        """What to say of a silent zygote; ends it if it is merely stuck."""
        stuck = isinstance(error, TimeoutError)
        if stuck:
            self._process.kill()
        said = ""
        if self._process.stderr is not None and not self._process.stderr.closed:
            self._process.wait()
            os.set_blocking(self._process.stderr.fileno(), False)
            said = (self._process.stderr.read(4000) or b"").decode("utf-8", "replace").strip()
        return ZygoteLostError(
            f"the sandbox's warm interpreter {'did not answer' if stuck else 'died'}"
            f" (exit status {self._process.returncode}){': ' + said if said else ''}"
        )


def _require_walls(child: Child, ready: bytes) -> None:
    """See that a child which says that it is locked is."""
    if ready != frames.READY:
        with contextlib.suppress(OSError):
            why = os.read(child.err, 2000).decode("utf-8", "replace").strip()
            raise ZygoteLostError(f"a child of the sandbox could not be locked: {why or 'it died'}")
        raise ZygoteLostError("a child of the sandbox died before it was locked")
    if not _is_locked(child.pid):
        raise SandboxUnavailableError(
            unavailable(["seccomp: /proc does not show it on a child that says it is locked"])
        )


def unavailable(lacking: list[str]) -> str:
    """The message of SandboxUnavailableError for these missing walls."""
    return (
        "programs written by a model cannot be run here. Missing:\n"
        + "".join(f"  - {what}\n" for what in lacking)
        + "The built-in agents work without: their programs may run under rlimits alone. `python -m "
        "codeseq_ray.sandbox check` says which walls hold."
    )


def _environment(hash_seed: int) -> dict[str, str]:
    """All of the zygote's environment: nothing of the caller's, so no secret can be in it."""
    return {
        "PYTHONHASHSEED": str(hash_seed),
        "LC_ALL": "C.UTF-8",
        "MALLOC_ARENA_MAX": "1",
        # Resolve library calls at the start, not in each child anew.
        "LD_BIND_NOW": "1",
        # numpy's own threads would be lost in a fork.
        "OPENBLAS_NUM_THREADS": "1",
    }


def _pidfd(pid: int) -> int:
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError as error:  # reaped already: its zygote is gone
        raise ZygoteLostError("the sandbox's warm interpreter died with its child") from error


def _is_locked(pid: int) -> bool:
    """What the kernel says of a process: new privileges out of reach, a seccomp filter over it."""
    try:
        file = os.open(f"/proc/{pid}/status", os.O_RDONLY | os.O_CLOEXEC)
        try:
            status = os.read(file, 1 << 16)
        finally:
            os.close(file)
    except FileNotFoundError as error:
        raise ZygoteLostError(
            f"process {pid} of the sandbox cannot be seen: it was killed, or /proc is mounted with hidepid"
        ) from error
    except OSError as error:
        raise SandboxUnavailableError(
            unavailable(
                [
                    f"a readable /proc/PID/status, to see that a child is locked ({error.strerror}): mount /proc "
                    "without hidepid"
                ]
            )
        ) from error
    return b"\nNoNewPrivs:\t1\n" in status and b"\nSeccomp:\t2\n" in status


def _reap_orphans(zygote: int) -> None:
    """Reap a dead zygote's children that became ours (`walls.adopting_orphans`). They are dying already.

    It had a session of its own, and they are in it: so they are known, even one whose pid it could not tell any more.
    """
    for _ in range(500):
        left = False
        for pid in _children():
            if _session(pid) == zygote:
                with contextlib.suppress(ChildProcessError):
                    left = os.waitpid(pid, os.WNOHANG)[0] == 0 or left
        if not left:
            return
        time.sleep(0.01)


def _children() -> list[int]:
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has ended meanwhile
            found += map(int, (task / "children").read_text().split())
    return found


def _session(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[3])
    except (OSError, ValueError, IndexError):
        return 0

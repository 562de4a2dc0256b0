"""Watches one child through its inputs, and says of each how it went. The trusted side of judging time and output.

The child is believed in nothing: time is the kernel's clock of its process, output is bytes on a pipe under a cap,
how a process ended is its wait status, and its own two bytes per input are checked to the letter.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from codeseq_ray.ports import Execution, Limits, Run
from codeseq_ray.records import VerdictKind
from codeseq_ray.sandbox import frames
from codeseq_ray.sandbox.waiting import Waiting, asleep
from codeseq_ray.sandbox.warm import Child, Zygote, ZygoteLostError

STDERR_BYTES = 4096
"""How much of the end of stderr is kept."""
_CHUNK = 1 << 16
_SPARE_CPU_SECONDS = 2
_MEDDLED = "the program wrote to its supervisor"
_OVERSLEPT_SECONDS = 1.0
_QUIET_SECONDS = 1.0
"""A child that used no CPU for so long, or for its whole CPU limit if that is longer, is looked at."""
_OF_STATUS = {
    frames.ENDED: VerdictKind.PASSED,
    frames.RAISED: VerdictKind.RUNTIME_ERROR,
    frames.OUT_OF_MEMORY: VerdictKind.MEMORY_LIMIT,
}


def supervise(zygote: Zygote, execution: Execution, inputs: Sequence[str], runs: list[Run]) -> None:
    """Run the execution's program on these inputs in one child, and append each input's run to `runs` as it is made.

    The last run appended ended the child if there are fewer than inputs. Raises ZygoteLostError; the runs appended
    until then stand.
    """
    limits = execution.limits
    texts = [_encoded(text) for text in inputs]
    child = zygote.spawn(
        memory_bytes=limits.memory_mb << 20,
        # A backstop in case this side dies or starves; the kernel knows whole seconds only.
        cpu_seconds=int(limits.cpu_seconds * len(texts)) + _SPARE_CPU_SECONDS,
    )
    job = frames.Job(_encoded(execution.source), _encoded(execution.entry or ""), limits.recursion)
    watch = _Watch(zygote, child, limits, frames.pack_job(job))
    try:
        for text in texts:
            printed = sum(len(run.stdout) for run in runs)
            most = min(limits.output_bytes, max(0, limits.program_output_bytes - printed))
            runs.append(watch.one_input(text, _left(limits, runs), most))
            if watch.over:
                return
    finally:
        watch.close()


def _left(limits: Limits, runs: Sequence[Run]) -> float:
    """CPU seconds that the next input may take, after what the program took for the inputs before."""
    if limits.program_cpu_seconds is None:
        return limits.cpu_seconds
    used = sum(run.cpu_ms for run in runs) / 1000
    return min(limits.cpu_seconds, max(0.0, limits.program_cpu_seconds - used))


@dataclass
class _Output:
    """What came over the two pipes for the current input."""

    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)


class _Watch:
    def __init__(self, zygote: Zygote, child: Child, limits: Limits, job: bytes) -> None:
        self._unsent = job
        self._most = limits.output_bytes
        self._waiting = Waiting(child.pid)
        self.over = False
        """The child is dead and reaped."""
        self._zygote, self._child, self._limits = zygote, child, limits
        self._poll = select.poll()
        self._open = {child.talk.fileno(), child.out, child.err, child.pidfd}
        for descriptor in self._open:
            self._poll.register(descriptor, select.POLLIN)

    def close(self) -> None:
        if not self.over:
            self.over = True
            self._zygote.bury(self._child)

    def one_input(self, text: bytes, cpu_seconds: float, output_bytes: int) -> Run:
        """Let the child work on its next input, and wait for the first of all the ways in which that can end."""
        self._most = output_bytes
        child, limits = self._child, self._limits
        child.give(text)
        began, start = child.cpu_seconds(), time.monotonic()
        said = _Output()
        if not self._go():
            return self._stop(VerdictKind.SECURITY_VIOLATION, said, 0.0, _MEDDLED)
        self._waiting.begin()
        used, quiet = 0.0, 0.0
        while True:
            before, used = used, child.cpu_seconds() - began
            quiet = quiet if used == before else 0.0
            if used >= cpu_seconds:
                return self._stop(VerdictKind.TIME_LIMIT, said, used)
            elapsed = time.monotonic() - start
            late = elapsed >= limits.wall_seconds
            if self._waits(late, elapsed, quiet, max(_QUIET_SECONDS, cpu_seconds)):
                return self._stop(
                    VerdictKind.TIME_LIMIT, said, used, "the program waits for what never comes"
                )
            if late:
                note = f"{limits.wall_seconds:.0f} s by the wall clock"
                return self._stop(VerdictKind.INFRASTRUCTURE, said, used, note)
            # No CPU limit can be reached sooner than in the time that is left of it.
            patience = min(max(cpu_seconds - used, 0.5 if quiet else 0.001), limits.wall_seconds - elapsed)
            asked = time.monotonic()
            ready = {d for d, _ in self._poll.poll(max(1.0, 1000 * patience))}
            waited = time.monotonic() - asked
            if waited < patience + _OVERSLEPT_SECONDS:
                quiet += waited
                self._waiting.look(waited)
            else:  # this side itself was stopped, or starved: that time is nobody's fault
                start += waited
                self._waiting.begin()
            dead = child.pidfd in ready
            frame = self._frame() if child.talk.fileno() in ready or dead else b""
            # After the frame: what the program wrote before it is in the pipes by now.
            if not self._drain(said):
                return self._stop(VerdictKind.OUTPUT_LIMIT, said, child.cpu_seconds() - began)
            if frame:
                kind, used = _kind(frame), child.cpu_seconds() - began
                if kind in (VerdictKind.SECURITY_VIOLATION, VerdictKind.MEMORY_LIMIT):
                    note = "" if kind is VerdictKind.MEMORY_LIMIT else _MEDDLED
                    return self._stop(kind, said, used, note)
                if used >= cpu_seconds:  # it ended before this side could look at the clock
                    return self._stop(VerdictKind.TIME_LIMIT, said, used)
                return _run(kind, said, used)
            if dead:
                return self._ended(said, began, cpu_seconds)

    def _waits(self, late: bool, elapsed: float, quiet: float, patience: float) -> bool:
        """Whether the program does nothing but wait. A late one does if it did little else all the time."""
        slept = self._waiting.seconds
        if late and slept > elapsed / 2:
            return True
        return (late or max(slept, quiet) > patience) and asleep(self._child.pid)

    def _go(self) -> bool:
        """Start the next input. False: the program has stuffed the way with words that nobody asked for."""
        job, self._unsent = self._unsent, b""
        try:
            if job:
                self._child.talk.sendall(job + frames.GO)
            else:
                os.write(
                    self._child.talk.fileno(), frames.GO
                )  # without waiting for room, which there always is
        except BlockingIOError:
            return False
        except OSError as error:
            if job:  # it was killed from outside: no program ran yet
                raise ZygoteLostError(
                    f"a child of the sandbox died before its program began: {error}"
                ) from error
            # The program closed its end during an earlier input; the child then ends at its next word.
        return True

    def _frame(self) -> bytes:
        try:
            # One byte more than there may be, so that what is forged on top shows.
            frame = self._child.talk.recv(len(frames.DONE) + 2)
        except OSError:
            frame = b""
        if not frame:
            self._forget(self._child.talk.fileno())
        return frame

    def _drain(self, said: _Output) -> bool:
        """Take what is in the pipes. False: more was printed than is allowed."""
        child = self._child
        if child.err in self._open:
            self._read(child.err, said.err, None)
        return child.out not in self._open or self._read(child.out, said.out, self._most)

    def _read(self, descriptor: int, into: bytearray, most: int | None) -> bool:
        while True:
            try:
                part = os.read(descriptor, _CHUNK)
            except BlockingIOError:
                return True
            if not part:
                self._forget(descriptor)
                return True
            into += part
            if most is None:
                del into[:-STDERR_BYTES]
                if len(part) == _CHUNK:
                    return True  # a flood on stderr: let the clock be looked at
            elif len(into) > most:
                del into[most:]
                return False

    def _forget(self, descriptor: int) -> None:
        """Its other end is closed; polling it would wake us for nothing."""
        if descriptor in self._open:
            self._open.discard(descriptor)
            self._poll.unregister(descriptor)

    def _stop(self, kind: VerdictKind, said: _Output, used: float, note: str = "") -> Run:
        self.close()
        return _run(kind, said, used, note)

    def _ended(self, said: _Output, began: float, cpu_seconds: float) -> Run:
        """The process ended by itself in the middle of an input."""
        used = self._child.cpu_seconds() - began
        self.over = True
        status = self._zygote.reap(self._child)
        if used >= cpu_seconds:
            return _run(VerdictKind.TIME_LIMIT, said, used)
        if os.WIFEXITED(status):
            code = os.WEXITSTATUS(status)
            kind = VerdictKind.RUNTIME_ERROR if code else VerdictKind.PASSED
            return _run(kind, said, used, f"exit status {code}" if code else "")
        number = os.WTERMSIG(status)
        if number == signal.SIGSYS:
            return _run(VerdictKind.SECURITY_VIOLATION, said, used, "killed for a forbidden system call")
        if number == signal.SIGKILL:
            # Not by us: the machine (out of memory) or an operator.
            return _run(VerdictKind.INFRASTRUCTURE, said, used, "killed")
        return _run(VerdictKind.RUNTIME_ERROR, said, used, f"killed by {signal.Signals(number).name}")


def _kind(frame: bytes) -> VerdictKind:
    if len(frame) == 2 and frame[:1] == frames.DONE and frame[1] in _OF_STATUS:
        return _OF_STATUS[frame[1]]
    return VerdictKind.SECURITY_VIOLATION


def _run(kind: VerdictKind, said: _Output, used: float, note: str = "") -> Run:
    stderr = said.err.decode("utf-8", "replace")
    if note:
        stderr += ("" if not stderr or stderr.endswith("\n") else "\n") + note
    return Run(
        kind=kind,
        stdout=said.out.decode("utf-8", "backslashreplace"),
        stderr_tail=stderr,
        cpu_ms=1000 * used,
    )


def _encoded(text: str) -> bytes:
    # Source and inputs may hold anything that a JSON string can, lone surrogates too.
    return text.encode("utf-8", "surrogatepass")

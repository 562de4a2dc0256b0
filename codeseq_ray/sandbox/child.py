"""What a forked child does: it takes the program, runs it on one input after another, reports each at once.

Untrusted side, standard library only. Everything here shares an interpreter with the program, which may do with
it as it likes: nothing that this module says is believed beyond two bytes per input (`frames`), and the program
can only cheat itself.

A page of memory that a child writes to costs as much as some hundred lines of Python, and to look at an object is
to write to it. So what every child needs is made before the fork (`Stage`), and done once there (`rehearse`).
"""

from __future__ import annotations

import _socket
import atexit
import gc
import io
import linecache
import os
import random
import sys
import threading
import types
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

if TYPE_CHECKING:
    from codeseq_ray.sandbox import files, frames, programs
else:
    import files
    import frames
    import programs

TALK, OUT, ERR, STDIN = CHANNELS = (100, 101, 102, 103)
"""The child's own descriptors, out of the way of programs that count from 3: the stream to the trusted process, its
two pipes, and stdin's file in memory."""


class Streams(NamedTuple):
    stdin: TextIO
    stdout: TextIO
    stderr: TextIO


def open_streams() -> Streams:
    """Fresh stream objects over descriptors 0, 1 and 2."""
    return Streams(
        _text(io.BufferedReader(io.FileIO(0, "r", closefd=False))),
        _text(io.BufferedWriter(io.FileIO(1, "w", closefd=False))),
        _text(io.BufferedWriter(io.FileIO(2, "w", closefd=False)), line_buffering=True),
    )


def _text(buffer: io.BufferedReader | io.BufferedWriter, *, line_buffering: bool = False) -> TextIO:
    return io.TextIOWrapper(buffer, "utf-8", "surrogateescape", line_buffering=line_buffering)


def set_stage(seed: int) -> None:
    """Before the fork: what a program finds when it starts, streams over the descriptors of each child included."""
    os.fstat = files.fstat
    sys.argv = ["program.py"]
    sys.set_int_max_str_digits(0)
    atexit._clear()  # what follows at the end of a program is what the program asked for
    linecache.cache[programs.NAME] = (1, None, programs.LINES, programs.NAME)
    programs.rehearse()
    gc.collect()
    gc.freeze()  # so that the collections of the rehearsals are short
    _new_module()
    _rehearse(seed)


def arrange(received: tuple[int, ...]) -> None:
    """Put the descriptors in their places."""
    dup2 = os.dup2
    talk, out, err, stdin = received
    dup2(talk, TALK)
    dup2(out, OUT)
    dup2(err, ERR)
    dup2(stdin, STDIN)
    dup2(stdin, 0)
    dup2(out, 1)
    dup2(err, 2)


def close_others() -> None:
    os.closerange(3, TALK)
    os.closerange(STDIN + 1, 1 << 30)


def work(seed: int) -> None:
    """Everything after the walls stand. Returns when there is nothing more to do."""
    # Kept under local names: a program may put its own functions into `os`.
    read, write = os.read, os.write
    write(TALK, frames.READY)
    source, entry, recursion = frames.unpack_job(_exactly)
    text = programs.LINES.of(source)
    code: types.CodeType | None = None
    first = True
    while read(TALK, 1) == frames.GO:
        status = frames.RAISED
        try:
            if not first:
                _again(seed)
            first = False
            sys.setrecursionlimit(recursion)
            try:
                code = code or compile(text, programs.NAME, "exec", dont_inherit=True)
                _run(code, entry)
                status = frames.ENDED
            except SystemExit as end:
                status = _exit_status(end)
            except MemoryError:
                raise
            except BaseException as error:
                programs.show(error, __file__)
            if not _flush():
                status = frames.RAISED
        except MemoryError:
            write(ERR, b"MemoryError\n")
            status = frames.OUT_OF_MEMORY
        write(TALK, frames.DONE + bytes((status,)))
        if status == frames.OUT_OF_MEMORY:
            return  # what is left of the address space is no fair start for another input


def _exactly(n: int) -> bytes:
    found = os.read(TALK, n)
    while len(found) < n:
        part = os.read(TALK, n - len(found))
        if not part:
            raise EOFError
        found += part
    return found


def _again(seed: int) -> None:
    """As at the start, whatever an earlier input has done to the descriptors, the streams and `random`."""
    for source, place in ((STDIN, 0), (OUT, 1), (ERR, 2)):
        os.dup2(source, place)
    random.seed(seed)
    _put(_fresh_streams())
    _new_module()


_ours: list[Streams] = []
"""The streams of the last input: to use them again costs a tenth of making new ones."""


def _fresh_streams() -> Streams:
    if _ours:
        stdin, stdout, stderr = _ours[0]
        try:
            stdin.seek(0)
            if not (stdout.closed or stderr.closed):
                return _ours[0]
        except (ValueError, OSError):
            pass  # the program has closed or detached one
    _ours[:] = [open_streams()]
    return _ours[0]


def _put(streams: Streams) -> None:
    sys.stdin = sys.__stdin__ = streams.stdin  # type: ignore[misc, assignment]
    sys.stdout = sys.__stdout__ = streams.stdout  # type: ignore[misc, assignment]
    sys.stderr = sys.__stderr__ = streams.stderr  # type: ignore[misc, assignment]


def _new_module() -> None:
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.modules.pop(programs.PROGRAM, None)


def _run(code: types.CodeType, entry: bytes) -> None:
    """Run the program with all that the end of an interpreter would bring."""
    module = sys.modules["__main__"]
    main = module.__dict__
    try:
        if entry:
            programs.call(code, module, entry.decode())
        else:
            exec(code, main)
    finally:
        pool = sys.modules.get("concurrent.futures.thread")
        if len(threading._active) > 1 or (pool is not None and pool._threads_queues):  # type: ignore[attr-defined]
            _end_threads(pool)
        if atexit._ncallbacks():
            atexit._run_exitfuncs()
        # Files that the program wrapped round stdout write what they hold when they go.
        _end_names(main)
        gc.collect(2 if gc.get_count()[1] else 0)


def _end_threads(pool: Any) -> None:
    """Wait for the program's threads, as the interpreter would; idle workers of a pool are told to end."""
    if pool is not None and pool._threads_queues:
        pool._python_exit()
        pool._shutdown = False
    # One that is waited for may start another.
    while others := [
        t for t in threading.enumerate() if t is not threading.current_thread() and not t.daemon
    ]:
        for thread in others:
            thread.join()


def _end_names(main: dict[str, Any]) -> None:
    """Let the values go one by one, the latest first: one that acts when it goes still finds what it was made of."""
    for name in reversed(list(main)):
        if name != "__builtins__":
            main[name] = None
    main.clear()


def _exit_status(end: SystemExit) -> int:
    """As the interpreter makes of it: of a number its lowest byte, unless it is too large for a C long."""
    code = end.code
    if code is None or (isinstance(code, int) and code & 0xFF == 0 and -(1 << 63) <= code < 1 << 63):
        return frames.ENDED
    sys.stderr.write(f"SystemExit: {code}\n")
    return frames.RAISED


def _flush() -> bool:
    """Write out what the streams hold. False, as the interpreter's exit status 120: stdout's rest is lost."""
    kept = True
    for stream in (sys.stderr, sys.stdout, sys.__stdout__):
        try:
            if stream is not None and not getattr(stream, "closed", False):
                stream.flush()
        except Exception:  # something of the program's own in its place, or a descriptor that is closed
            kept = kept and stream is not sys.stdout
    return kept


def _rehearse(seed: int) -> None:
    """Do before the fork what every child does: what that loads, makes or specialises is then there.

    The streams stay. They are made over descriptors of the kinds that a child's are, as a stream object asks once.
    """
    reading, writing = os.pipe()
    stdin, stderr = os.memfd_create("stdin"), os.dup(2)
    for _ in range(20):
        ours, theirs = _socket.socketpair()
        ours.sendall(_REHEARSED + frames.GO + frames.GO)
        ours.shutdown(_socket.SHUT_WR)
        arrange((theirs.fileno(), writing, writing, stdin))
        work(seed)
        ours.close()
        theirs.close()
    _again(seed)
    os.dup2(stderr, 2)
    for descriptor in (reading, writing, stdin, stderr, *CHANNELS):
        os.close(descriptor)


_REHEARSED = frames.pack_job(frames.Job(b"x = 1\nfor i in range(3):\n    x += i\n", b"", 1000))

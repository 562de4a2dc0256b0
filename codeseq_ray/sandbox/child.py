"""What a forked child does: it takes the program and its inputs, runs one after another, reports each at once.

Untrusted side, standard library only. Everything here shares an interpreter with the program, which may do with
it as it likes: nothing that this module says is believed beyond two bytes per input (`frames`), and the program
can only cheat itself.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import io
import linecache
import os
import random
import sys
import threading
import traceback
import types
from concurrent.futures import thread as pool
from typing import TYPE_CHECKING, NamedTuple, TextIO

if TYPE_CHECKING:
    from codeseq_ray.sandbox import frames
else:
    import frames

NAME = "<program>"
_SYS_FSTAT = 5
_FIRST = 100
"""Where the child's own descriptors lie, out of the way of programs that count from 3."""


class Channels(NamedTuple):
    """Descriptors of the child: the stream to the trusted process, its two pipes, and stdin's memory file."""

    talk: int
    out: int
    err: int
    stdin: int


def arrange(received: list[int]) -> Channels:
    """Put the descriptors in their places and close all others."""
    stdin = os.memfd_create("stdin")
    channels = Channels(_FIRST, _FIRST + 1, _FIRST + 2, _FIRST + 3)
    for source, place in zip((*received, stdin), channels, strict=True):
        os.dup2(source, place)
    os.dup2(channels.err, 2)
    os.closerange(3, _FIRST)
    os.closerange(_FIRST + len(channels), 1 << 30)
    return channels


def work(channels: Channels, seed: int) -> None:
    """Everything after the walls stand. Returns when there is nothing more to do."""
    # Kept under local names: a program may put its own functions into `os`.
    read, write = os.read, os.write

    def exactly(n: int) -> bytes:
        parts = []
        while n:
            part = read(channels.talk, n)
            if not part:
                raise EOFError
            parts.append(part)
            n -= len(part)
        return b"".join(parts)

    os.fstat = _fstat
    write(channels.talk, frames.READY)
    source, inputs = frames.unpack_job(exactly)
    text = source.decode("utf-8", "surrogatepass")
    # So that a traceback shows the program's lines.
    linecache.cache[NAME] = (len(text), None, text.splitlines(keepends=True), NAME)
    code: types.CodeType | None = None
    for content in inputs:
        if exactly(1) != frames.GO:
            return
        status = frames.RAISED
        try:
            _open_streams(channels, content)
            random.seed(seed)
            try:
                code = code or compile(text, NAME, "exec", dont_inherit=True)
                _run(code)
                status = frames.ENDED
            except SystemExit as end:
                status = _exit_status(end)
            except MemoryError:
                raise
            except BaseException as error:
                _show(error)
            _flush()
        except MemoryError:
            write(channels.err, b"MemoryError\n")
            status = frames.OUT_OF_MEMORY
        write(channels.talk, frames.DONE + bytes((status,)))
        if status == frames.OUT_OF_MEMORY:
            return  # what is left of the address space is no fair start for another input


def _open_streams(channels: Channels, content: bytes) -> None:
    """Fresh stdin, stdout and stderr, as descriptors and as objects."""
    os.ftruncate(channels.stdin, 0)
    os.pwrite(channels.stdin, content, 0)
    os.lseek(channels.stdin, 0, os.SEEK_SET)
    for source, place in ((channels.stdin, 0), (channels.out, 1), (channels.err, 2)):
        os.dup2(source, place)
    for name, stream in (
        ("stdin", _text(io.BufferedReader(io.FileIO(0, "r", closefd=False)))),
        ("stdout", _text(io.BufferedWriter(io.FileIO(1, "w", closefd=False)))),
        ("stderr", _text(io.BufferedWriter(io.FileIO(2, "w", closefd=False)), line_buffering=True)),
    ):
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _text(buffer: io.BufferedReader | io.BufferedWriter, *, line_buffering: bool = False) -> TextIO:
    return io.TextIOWrapper(buffer, "utf-8", "surrogateescape", line_buffering=line_buffering)


def _run(code: types.CodeType) -> None:
    """Run the program as the main module, with all that the end of an interpreter would bring."""
    sys.argv = ["program.py"]
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    try:
        exec(code, module.__dict__)
    finally:
        _end_threads()
        atexit._run_exitfuncs()
        # Files that the program wrapped round stdout write what they hold when they go.
        module.__dict__.clear()
        gc.collect()


def _end_threads() -> None:
    """Wait for the program's threads, as the interpreter would; idle workers of a pool are told to end."""
    if pool._threads_queues:
        pool._python_exit()
        pool._shutdown = False
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()


def _exit_status(end: SystemExit) -> int:
    if end.code is None or (isinstance(end.code, int) and end.code & 0xFF == 0):
        return frames.ENDED
    sys.stderr.write(f"SystemExit: {end.code}\n")
    return frames.RAISED


def _show(error: BaseException) -> None:
    """The traceback on stderr, without this module's own frames."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    try:
        sys.stderr.write("".join(traceback.format_exception(type(error), error, trace)))
    except BaseException:
        os.write(2, f"{type(error).__name__}\n".encode())


def _flush() -> None:
    for stream in (sys.stdout, sys.__stdout__, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except Exception:
            pass  # the program closed it, or put something of its own in its place


def _fstat(fd: int) -> os.stat_result:
    """os.fstat by descriptor alone. glibc 2.33–2.38 asks through a call that takes a path, which is closed here."""
    words = (ctypes.c_int64 * 18)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(_SYS_FSTAT), ctypes.c_int(fd), words) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    device, inode, links, mode_uid, gid, _, size, _, _, accessed, _, modified, _, changed = words[:14]
    mode, uid = mode_uid & 0xFFFFFFFF, mode_uid >> 32
    return os.stat_result(
        (mode, inode, device, links, uid, gid & 0xFFFFFFFF, size, accessed, modified, changed)
    )


def rehearse() -> None:
    """Do once before the fork what loads something on first use: tracebacks, streams, number formats."""
    try:
        exec(compile("1/0", NAME, "exec"), {})
    except ZeroDivisionError as error:
        traceback.format_exception(error)
    _text(io.BufferedWriter(io.FileIO(1, "w", closefd=False))).write("")
    _fstat(0)

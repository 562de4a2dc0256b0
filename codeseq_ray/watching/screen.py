"""The lower rows of a terminal, drawn again and again, with what is said meanwhile scrolling above them.

The terminal is written to by one thread alone: whoever says something only puts it down, so that a terminal that is
stopped (Ctrl-S) stops nobody else. What others write to standard output and error (a library, Ray's own processes'
C++ part) is read through a pipe, made harmless and shown above, where it would have torn the view.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import sys
import termios
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

from codeseq_ray.errors import UsageError
from codeseq_ray.watching.plain import plain

log = logging.getLogger(__name__)

DRAW_SECONDS = 0.5
_POLL_SECONDS = 0.1
_STUCK_SECONDS = 2.0
_MOST_SAID = 1000
"""Lines that wait to be shown; of more, the oldest are lost."""
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
_HOLD, _GO = "\x1b[?2026h", "\x1b[?2026l"
"""Terminals that know synchronised output show a frame at once; others pass over it."""

Draw = Callable[[int, int], list[str]]
"""From columns and rows to lines, none wider than the terminal."""


def can_be_live(fd: int = 1) -> bool:
    """Whether a view may be drawn there: a terminal that is ours, and knows more than lines."""
    if not os.isatty(fd) or os.environ.get("TERM", "dumb") in ("dumb", "unknown", ""):
        return False
    with contextlib.suppress(OSError):
        return os.tcgetpgrp(fd) == os.getpgrp()
    return False


def live(progress: str, *, inside_job: bool) -> bool:
    """Whether a run is shown by the view, else by lines. Raises UsageError where no view can be, but is asked for."""
    possible = can_be_live()
    if progress == "live" and not possible:
        raise UsageError(
            "--progress live: no view can be drawn on this standard output (a file, a pipe, TERM=dumb, or a process "
            "in the background). Leave --progress away, or give --progress lines."
        )
    return progress == "live" or (progress == "auto" and possible and not inside_job)


class Screen:
    """Draws while the `with` block lasts. At its end the last state stays, and the terminal is as it was."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._said: deque[str] = deque(maxlen=_MOST_SAID)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="screen", daemon=True)
        self._lines: list[str] = []
        self._widths: list[int] = []
        """Of the lines of the frame that stands there."""
        self._fd = -1
        self._around = ExitStack()
        self._restored = True
        self._away = False
        """Continued in the background: the terminal is taken again when it is ours again."""

    # ------------------------------------------------------------------------------------ begin and end

    def __enter__(self) -> Screen:
        sys.stdout.flush()
        sys.stderr.flush()
        self._fd = os.dup(1)
        self._before = termios.tcgetattr(self._fd)
        with ExitStack() as around:  # undone where the terminal cannot be taken
            around.enter_context(self._suspendable())
            around.enter_context(self._piped())
            self._take()
            self._thread.start()
            self._around = around.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        try:
            self._around.close()
            self._thread.join(timeout=_STUCK_SECONDS)
            if not self._thread.is_alive():
                self._refresh()
        finally:  # whoever presses Ctrl-C once more in here gets the terminal back too
            self._thread.join(timeout=2 * _POLL_SECONDS)
            self._give_back()
            if not self._thread.is_alive():
                os.close(self._fd)

    def _take(self) -> None:
        """Nothing that is typed may move the cursor; Ctrl-C still is a signal."""
        quiet = termios.tcgetattr(self._fd)
        quiet[3] &= ~termios.ECHO
        termios.tcsetattr(self._fd, termios.TCSADRAIN, quiet)
        self._restored = False
        self._write(_HIDE)

    def _give_back(self) -> None:
        if self._restored:
            return
        self._restored = True
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)
        if not self._thread.is_alive() or not self._ended.is_set():
            self._write(f"{_GO}\x1b[0m{_SHOW}")

    @contextmanager
    def _suspendable(self) -> Iterator[None]:
        """Ctrl-Z gives the terminal back for as long as others have it."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def suspend(number: int, frame: FrameType | None) -> None:
            self._give_back()
            os.kill(os.getpid(), signal.SIGSTOP)
            self._widths = []
            if can_be_live(self._fd):  # continued in the foreground
                self._take()
            else:
                self._away = True

        before = signal.signal(signal.SIGTSTP, suspend)
        try:
            yield
        finally:
            signal.signal(signal.SIGTSTP, before)

    @contextmanager
    def _piped(self) -> Iterator[None]:
        """What is written to the terminal past us comes here, line by line."""
        ours = [fd for fd in (1, 2) if os.isatty(fd)]
        saved = {fd: os.dup(fd) for fd in ours}
        reading, writing = os.pipe()
        for fd in ours:
            os.dup2(writing, fd)
        os.close(writing)
        reader = threading.Thread(target=self._read, args=(reading,), name="said", daemon=True)
        reader.start()
        try:
            yield
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            for fd, before in saved.items():
                os.dup2(before, fd)
                os.close(before)
            reader.join(timeout=_STUCK_SECONDS / 2)  # a child that holds the other end keeps it open

    def _read(self, reading: int) -> None:
        rest = b""
        while data := os.read(reading, 1 << 16):
            *lines, rest = (rest + data).split(b"\n")
            self._said.extend(line.decode(errors="replace") for line in lines)
            rest = rest[-(1 << 16) :]
        os.close(reading)
        if rest:
            self._said.append(rest.decode(errors="replace"))

    # ------------------------------------------------------------------------------------------- drawing

    def _run(self) -> None:
        drawn = 0.0
        while not self._ended.wait(_POLL_SECONDS):
            if self._away and can_be_live(self._fd):
                self._away = False
                self._take()
            if self._said or time.monotonic() - drawn >= DRAW_SECONDS:
                drawn = time.monotonic()
                self._refresh()

    def _refresh(self) -> None:
        """What was said since, and under it the view as it is now: one write."""
        if not self._ended.is_set() and (self._restored or not self._in_front()):
            return
        try:
            columns, rows = os.get_terminal_size(self._fd)
            lines = self._draw(columns, rows)
        except Exception:  # what is only shown must not end the run
            log.debug("the view could not be drawn", exc_info=True)
            columns, lines = 80, self._lines
        # A terminal that was made narrower has broken the lines that stood there.
        up = sum(max(1, -(-width // max(1, columns))) for width in self._widths)
        parts = [_HOLD, "\r", f"\x1b[{up}A" if up else ""]
        said = [self._said.popleft() for _ in range(len(self._said))]
        if said or len(lines) != len(self._widths):
            parts.append("\x1b[J")
        parts += [f"{_harmless(line)}\n" for line in said]
        parts += [f"{line}\x1b[0m\x1b[K\n" for line in lines]
        parts += ["\x1b[J", _GO]
        self._lines = lines
        self._widths = [len(_SEQUENCE.sub("", line)) for line in lines]
        self._write("".join(parts))

    def _in_front(self) -> bool:
        with contextlib.suppress(OSError):
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        return False

    def _write(self, text: str) -> None:
        data: Any = text.encode(sys.stdout.encoding or "utf-8", errors="replace")
        with contextlib.suppress(OSError):  # a terminal that was closed
            while data:
                data = data[os.write(self._fd, data) :]


def _harmless(line: str) -> str:
    """Of foreign output: no colours, no control characters, but its indentation."""
    line = _SEQUENCE.sub("", line.rstrip())
    return " " * min(40, len(line) - len(line.lstrip(" "))) + plain(line)

"""Lines on their way out: coloured and wrapped for a terminal, plain for a pipe. All untrusted text passes here."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from codeseq_ray.telling.lines import LABEL, Line, Tone
from codeseq_ray.telling.words import visible

STYLES = {
    Tone.PLAIN: "",
    Tone.TITLE: "bold cyan",
    Tone.HEAD: "bold",
    Tone.GOOD: "green",
    Tone.BAD: "red",
    Tone.QUIET: "dim",
    Tone.ANSWER: "cyan",
    Tone.CODE: "",
    Tone.ADDED: "green",
    Tone.REMOVED: "red",
    Tone.TABLE: "",
}
NARROWEST = 20
"""Columns that a text gets however narrow the terminal."""


def plain(lines: Iterable[Line]) -> str:
    """The lines as text without any control character but the line feeds between them."""
    return "\n".join(
        _front(line) + visible(line.text) if line.text else _front(line).rstrip() for line in lines
    )


def _front(line: Line) -> str:
    label = visible(line.label)
    return " " * line.indent + (label.ljust(LABEL) if label else "")


class Screen:
    """Prints lines to a stream as it can take them. `NO_COLOR` and `FORCE_COLOR` are heeded."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        reconfigure = getattr(self._stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # a terminal or a pipe that is not UTF-8
        self._console = Console(file=self._stream, markup=False, emoji=False, highlight=False, soft_wrap=True)
        self.is_terminal = self._console.is_terminal

    def show(self, lines: Iterable[Line]) -> None:
        """Print each line as it comes."""
        for line in lines:
            if self.is_terminal:
                self._show(line)
            else:
                print(plain([line]), file=self._stream)
        self._stream.flush()

    def write(self, texts: Iterable[str]) -> None:
        """Print texts of ours as they are, a line each: JSON."""
        for text in texts:
            print(text, file=self._stream)
        self._stream.flush()

    def _show(self, line: Line) -> None:
        front = _front(line) if line.text else _front(line).rstrip()
        text = Text(visible(line.text), STYLES[line.tone])
        room = max(NARROWEST, self._console.width - cell_len(front))
        parts = [text] if line.tone is Tone.TABLE or not line.text else text.wrap(self._console, room)
        for at, part in enumerate(parts):
            part.rstrip()
            before = front if at == 0 else " " * cell_len(front)
            whole = Text.assemble((before, "dim"), part)
            self._console.print(whole, no_wrap=True, overflow="ignore", crop=False)

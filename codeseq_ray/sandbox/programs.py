"""How a program is called by its function's name, and how its errors are shown. Untrusted side, standard library."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import traceback
import types
from typing import Any

NAME = "<program>"
PROGRAM = "program"
"""`__name__` where a function is called by its name."""
_FRAMES = 50
"""Of a traceback: the last ones. All of a deep recursion would cost the program more time than it had."""
_WORD = re.compile(r"[^ \t\r\n]")


class Lines(list[str]):
    """The program's lines, for tracebacks (`linecache`): split when somebody asks."""

    _text = ""
    _split: list[str] | None = None

    def of(self, source: bytes) -> str:
        """Stand for this source; gives its text."""
        self._text, self._split = source.decode("utf-8", "surrogatepass").removeprefix("\ufeff"), None
        return self._text

    def _all(self) -> list[str]:
        if self._split is None:
            self._split = list(io.StringIO(self._text, newline=""))  # where the compiler sees lines end
        return self._split

    def __len__(self) -> int:
        return len(self._all())

    def __getitem__(self, at: Any) -> Any:
        return self._all()[at]


LINES = Lines()


def call(code: types.CodeType, module: types.ModuleType, entry: str) -> None:
    """Define the program's functions, call one with the values on stdin, and print what it returns.

    What the program prints itself goes to stderr: only the returned value is its answer.
    """
    arguments = json_values(sys.stdin.read())
    answer, out = sys.stdout, os.dup(1)
    sys.stdout = sys.__stdout__ = sys.stderr  # type: ignore[misc, assignment]
    os.dup2(2, 1)
    # What stands under `if __name__ == "__main__"` reads stdin. The module has to be found by the other name, too.
    module.__name__ = PROGRAM
    sys.modules[PROGRAM] = module
    exec(code, module.__dict__)
    function = module.__dict__.get(entry)
    if not callable(function):
        raise NameError(f"the program defines no function {entry!r}")
    result = function(*arguments)
    sys.stderr.flush()
    os.dup2(out, 1)
    os.close(out)
    answer.write(f"{result}\n")
    sys.stdout = sys.__stdout__ = answer  # type: ignore[misc, assignment]


def json_values(text: str) -> list[Any]:
    """JSON values with white space between them. Raises ValueError."""
    decoder, values, at = json.JSONDecoder(), [], 0
    while found := _WORD.search(text, at):
        value, at = decoder.raw_decode(text, found.start())
        values.append(value)
    return values


def show(error: BaseException, but_not: str) -> None:
    """The traceback on stderr, without the frames of this module and of the file `but_not`."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename in (but_not, __file__):
        trace = trace.tb_next
    try:
        sys.stderr.write("".join(traceback.format_exception(type(error), error, trace, limit=-_FRAMES)))
    except BaseException:
        os.write(2, f"{type(error).__name__}\n".encode())


def rehearse() -> None:
    """Load what a first traceback loads."""
    try:
        exec(compile("1/0", NAME, "exec"), {})
    except ZeroDivisionError as error:
        traceback.format_exception(error)

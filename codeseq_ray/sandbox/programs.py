"""How a program is called by its function's name, and how its errors are shown. Untrusted side, standard library."""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
import types
from typing import Any

NAME = "<program>"
_WORD = re.compile(r"[^ \t\r\n]")


class Lines(list[str]):
    """The program's lines, for tracebacks (`linecache`): split when somebody asks."""

    _text = ""

    def of(self, source: bytes) -> str:
        """Stand for this source; gives its text."""
        self._text = source.decode("utf-8", "surrogatepass")
        return self._text

    def __len__(self) -> int:
        return len(self._text.splitlines())

    def __getitem__(self, at: Any) -> Any:
        return self._text.splitlines(keepends=True)[at]


LINES = Lines()


def call(code: types.CodeType, main: dict[str, Any], entry: str) -> None:
    """Define the program's functions, call one with the values on stdin, and print what it returns.

    What the program prints itself goes to stderr: only the returned value is its answer.
    """
    arguments = json_values(sys.stdin.read())
    answer = sys.stdout
    sys.stdout = sys.stderr
    main["__name__"] = "program"  # what stands under `if __name__ == "__main__"` reads stdin
    exec(code, main)
    function = main.get(entry)
    if not callable(function):
        raise NameError(f"the program defines no function {entry!r}")
    result = function(*arguments)
    answer.write(f"{result}\n")
    sys.stdout = answer


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
        sys.stderr.write("".join(traceback.format_exception(type(error), error, trace)))
    except BaseException:
        os.write(2, f"{type(error).__name__}\n".encode())


def rehearse() -> None:
    """Load what a first traceback loads."""
    try:
        exec(compile("1/0", NAME, "exec"), {})
    except ZeroDivisionError as error:
        traceback.format_exception(error)

"""Files, plain or gzip, as a stream of blocks or lines: bounded in memory, damage located, never raised."""

from __future__ import annotations

import gzip
import io
import socket
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from codeseq_ray.errors import InputError
from codeseq_ray.oeis.diagnostics import Code, Diagnostic

BLOCK = 1 << 18
"""Bytes asked for at a time."""
LONGEST_LINE = 10_000_000
"""Bytes of the longest line or JSON entry that is held in memory. The longest real ones are some hundred kB."""

_GZIP_MAGIC = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


class Damage(NamedTuple):
    """The last thing that a damaged file gives."""

    code: Code
    message: str


class Line(NamedTuple):
    number: int
    """1-based."""
    body: bytes
    """Without the line feed."""


def read_blocks(path: Path) -> Iterator[bytes | Damage]:
    """The decompressed content in blocks of at most `BLOCK` bytes; a `Damage` ends a damaged file.

    Raises InputError when the operating system refuses to open or read the file: that says nothing of its data.
    """
    try:
        with _open(path) as stream:
            while block := stream.read1(BLOCK):
                yield block
    except EOFError:
        yield Damage(Code.TRUNCATED, "the compressed data end here; fetch or copy the file again")
    except (gzip.BadGzipFile, zlib.error) as error:
        message = f"the compressed data are damaged ({error}), what was read of them is suspect"
        yield Damage(Code.CORRUPT, f"{message}; fetch or copy the file again")
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read on {socket.gethostname()} ({error.strerror or error}). "
            "Every node that reads the input must see it under the same path."
        ) from error


def read_lines(path: Path, label: str) -> Iterator[Line | Diagnostic]:
    """The lines of a file. An overlong line and damage become diagnostics; a line cut by damage is left out."""
    number = 0
    rest = b""
    overlong = False
    for block in read_blocks(path):
        if isinstance(block, Damage):
            yield Diagnostic(label, number + 1, block.code, block.message)
            return
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        for body in lines:
            number += 1
            if overlong:
                overlong = False
            else:
                yield Line(number, body.removeprefix(_BOM) if number == 1 else body)
        if len(rest) > LONGEST_LINE and not overlong:
            overlong = True
            yield Diagnostic(label, number + 1, Code.TOO_LONG, f"the line passes {LONGEST_LINE} bytes")
        if overlong:
            rest = b""
    if rest:
        yield Line(number + 1, rest.removeprefix(_BOM) if number == 0 else rest)


def _open(path: Path) -> gzip.GzipFile | io.BufferedReader:
    """By its first bytes, or by its name: a `.gz` that is not gzip shall be reported as such."""
    with path.open("rb") as stream:
        compressed = stream.read(2) == _GZIP_MAGIC
    return gzip.open(path, "rb") if compressed or path.suffix == ".gz" else path.open("rb")

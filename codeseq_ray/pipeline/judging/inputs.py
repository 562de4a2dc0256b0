"""Files of rows, local or in S3, as slices that can be read on any node: byte ranges of lines, row groups."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import accumulate
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from codeseq_ray.errors import InputError, UsageError

COLUMNS = ("id", "program", "cases", "entry")
SLICE_BYTES = 8 << 20
MOST_SLICES = 2000
"""Of one input: larger inputs have larger slices, so that nobody has to keep account of a million."""
LONGEST_LINE = 64 << 20
"""Bytes of a row that are read into memory."""
_BLOCK = 1 << 20
_S3_TRIES = 6


class Kind(StrEnum):
    LINES = "lines"
    GZIP = "gzip"
    PARQUET = "parquet"


SUFFIXES = {
    ".jsonl": Kind.LINES,
    ".json": Kind.LINES,
    ".jsonl.gz": Kind.GZIP,
    ".json.gz": Kind.GZIP,
    ".parquet": Kind.PARQUET,
}


@dataclass(frozen=True)
class Slice:
    """A part of one file. Where its rows stand among all is known once the input was scanned."""

    uri: str
    """Of the input that was asked for: says which file system."""
    path: str
    name: str
    """The file as it is called in messages: relative to the input."""
    kind: Kind
    start: int
    """First byte, or the row group."""
    end: int
    index: int = 0
    first_row: int = 0
    """Rows of the whole input before it."""
    first_line: int = 0
    """Lines (or rows, of Parquet) of its file before it."""


def filesystem(uri: str) -> tuple[pafs.FileSystem, str]:
    """The file system of a place and the path on it. S3 by the AWS settings that the store goes by, too."""
    scheme = urlsplit(uri).scheme if "://" in uri else ""
    if scheme == "s3":
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        options: dict[str, Any] = {}
        if endpoint:
            parts = urlsplit(endpoint)
            options = {"scheme": parts.scheme, "endpoint_override": parts.netloc + parts.path.rstrip("/")}
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if region or endpoint:
            options["region"] = region or "us-east-1"
        s3 = pafs.S3FileSystem(
            connect_timeout=10,
            request_timeout=60,
            retry_strategy=pafs.AwsStandardS3RetryStrategy(max_attempts=_S3_TRIES),
            **options,
        )
        return s3, uri.removeprefix("s3://").rstrip("/")
    if scheme == "file":
        return pafs.LocalFileSystem(), url2pathname(urlsplit(uri).path)
    if scheme:
        raise UsageError(f"{uri}: give a local path, file:///path or s3://bucket/key")
    return pafs.LocalFileSystem(), os.path.abspath(os.path.expanduser(uri))


def slices(uri: str) -> list[Slice]:
    """All slices of an input, in the order of its rows. Raises InputError saying what is there instead."""
    fs, path = filesystem(uri)
    try:
        files = _files(fs, uri, path)
        size = max(SLICE_BYTES, sum(info.size for info, _ in files) // MOST_SLICES)
        found: list[Slice] = []
        for info, kind in files:
            name = info.path.removeprefix(path).lstrip("/") or os.path.basename(path)
            whole = Slice(uri, info.path, name, kind, 0, info.size)
            if kind is Kind.GZIP:
                found.append(whole)
            elif kind is Kind.LINES:
                starts = range(0, info.size, size)
                found += [replace(whole, start=at, end=min(at + size, info.size)) for at in starts]
            else:
                groups = _row_groups(fs, info.path, name)
                found += [
                    replace(whole, start=i, end=i + 1, first_line=before) for i, before in enumerate(groups)
                ]
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"--input {uri}: cannot be read: {error}") from error
    return [replace(one, index=index) for index, one in enumerate(found)]


def _files(fs: pafs.FileSystem, uri: str, path: str) -> list[tuple[pafs.FileInfo, Kind]]:
    info = fs.get_file_info(path)
    if info.type == pafs.FileType.NotFound:
        raise InputError(f"--input {uri}: there is no such file or folder")
    if info.type == pafs.FileType.File:
        if (kind := _kind(path)) is None:
            raise InputError(f"--input {uri}: the name has to end in {', '.join(SUFFIXES)}")
        return [(info, kind)]
    below = fs.get_file_info(pafs.FileSelector(path, recursive=True))
    found = []
    for info in sorted(below, key=lambda info: str(info.path)):
        parts = info.path.removeprefix(path).strip("/").split("/")
        if info.type != pafs.FileType.File or any(part.startswith((".", "_")) for part in parts):
            continue
        if (kind := _kind(info.path)) is not None:
            found.append((info, kind))
    if not found:
        raise InputError(f"--input {uri}: no file in this folder ends in {', '.join(SUFFIXES)}")
    return found


def _kind(path: str) -> Kind | None:
    return next((kind for suffix, kind in SUFFIXES.items() if path.lower().endswith(suffix)), None)


def _row_groups(fs: pafs.FileSystem, path: str, name: str) -> list[int]:
    """Rows before each row group."""
    with fs.open_input_file(path) as file:
        footer = pq.ParquetFile(file)
        missing = [c for c in COLUMNS[:3] if c not in footer.schema_arrow.names]
        if missing:
            raise InputError(
                f"{name} has no column {', '.join(missing)}; its columns are "
                f"{', '.join(footer.schema_arrow.names)}"
            )
        rows = [footer.metadata.row_group(i).num_rows for i in range(footer.metadata.num_row_groups)]
    return list(accumulate(rows, initial=0))[:-1]


# ----------------------------------------------------------------------------------------------- reading


def lines(part: Slice) -> Iterator[bytes | None]:
    """The lines that begin in a slice; None for one that is longer than may be read."""
    fs, _ = filesystem(part.uri)
    if part.kind is Kind.GZIP:
        with fs.open_input_stream(part.path, compression="gzip") as stream:
            yield from (line for _, line in _split(_blocks(stream)))
        return
    with fs.open_input_file(part.path) as file:
        position = part.start
        if position:
            # From the byte before: a line that begins with the slice is not cut, the tail of another is passed over.
            file.seek(position - 1)
            position -= 1
        found = _split(_blocks(file))
        if part.start:
            length, _ = next(found, (0, None))
            position += length
        for length, line in found:
            if position >= part.end:
                return
            position += length
            yield line


def batches(part: Slice, size: int, columns: tuple[str, ...] = COLUMNS) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet slice, so many at a time."""
    fs, _ = filesystem(part.uri)
    with fs.open_input_file(part.path) as file:
        # Not pre-buffered: a row group may be far larger than what is judged at a time.
        table = pq.ParquetFile(file, pre_buffer=False)
        wanted = [c for c in columns if c in table.schema_arrow.names]
        yield from table.iter_batches(
            batch_size=size, row_groups=[part.start], columns=wanted, use_threads=False
        )


def footer(part: Slice) -> bytes:
    """What a Parquet file says of itself at its end: with the sizes and statistics of all columns."""
    fs, _ = filesystem(part.uri)
    with fs.open_input_file(part.path) as file:
        size = file.size()
        file.seek(size - 8)
        length = int.from_bytes(file.read(4), "little")
        file.seek(size - 8 - length)
        return bytes(file.read(length))


def _blocks(stream: Any) -> Iterator[bytes]:
    while block := stream.read(_BLOCK):
        yield block


def _split(blocks: Iterator[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their lengths, line end included; None in the place of one that is too long."""
    parts: list[bytes] = []
    length = 0
    for block in blocks:
        at = 0
        while (end := block.find(b"\n", at)) >= 0:
            length += end - at
            if length <= LONGEST_LINE:
                parts.append(block[at:end])
            yield length + 1, b"".join(parts) if length <= LONGEST_LINE else None
            parts, length, at = [], 0, end + 1
        length += len(block) - at
        parts = [*parts, block[at:]] if length <= LONGEST_LINE else []
    if length:
        yield length, b"".join(parts) if length <= LONGEST_LINE else None

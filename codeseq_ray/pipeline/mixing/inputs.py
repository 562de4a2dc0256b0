"""Chat rows and evaluation sets in files, local or in S3, read part by part."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from codeseq_ray.errors import InputError, UsageError
from codeseq_ray.mixing.chats import Refused, decoded
from codeseq_ray.mixing.leaks import EvaluationSet
from codeseq_ray.mixing.screening import Read, Unread
from codeseq_ray.pipeline.judging.inputs import SUFFIXES, Kind, Slice, filesystem, lines
from codeseq_ray.store.released import Released

CHAT_COLUMNS = ("id", "messages", "source", "license", "source_url", "origin")
SLICE_BYTES = 16 << 20
"""Of a file of lines, or of a Parquet file's rows as they are in memory: what a task reads."""
MOST_SLICES = 4000
"""Of one input: larger ones have larger slices."""
SFT = ("sft", "train")
"""Config and split of our rows."""
_BATCH_ROWS = 128
_READ_AHEAD = 1 << 20
_TURNS = "list<struct<role, content>>"


@dataclass(frozen=True)
class ChatFiles:
    """An input as slices that can be read on any node."""

    slices: tuple[Slice, ...]
    bytes: int
    """Of its files."""


def chat_files(uri: str, flag: str, *, chats: bool) -> ChatFiles:
    """The files of an input. Raises InputError, naming `flag`, for what is not there or has other columns.

    Of Parquet files with `chats`, a column of messages is asked for; lines are seen when they are read.
    """
    try:
        fs, path = filesystem(uri)
        files = _files(fs, uri, path, flag)
        total = sum(info.size for info, _ in files)
        size = max(SLICE_BYTES, total // MOST_SLICES)
        found: list[Slice] = []
        for info, kind in files:
            name = info.path.removeprefix(path).lstrip("/") or os.path.basename(path)
            if kind is Kind.PARQUET:
                found += _row_groups(fs, Slice(uri, info.path, name, kind, 0, 0), size, flag, chats=chats)
            elif kind is Kind.GZIP:
                found.append(Slice(uri, info.path, name, kind, 0, info.size))
            else:
                ends = [*range(size, info.size, size), info.size]
                found += [
                    Slice(uri, info.path, name, kind, start, end)
                    for start, end in zip([0, *ends], ends, strict=False)
                    if end > start
                ]
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{flag} {uri}: cannot be read: {error}") from error
    return ChatFiles(tuple(found), total)


def chat_rows(part: Slice) -> Iterator[Read]:
    """The rows of a slice with their places."""
    yield from _parquet(part, CHAT_COLUMNS) if part.kind is Kind.PARQUET else _lines(part)


def sft_rows(release: Released, name: str) -> Iterator[Read]:
    """Our own rows in one file of a release, with the columns of general ones."""
    body = release.get_whole(name)
    file = pq.ParquetFile(pa.BufferReader(body))
    number = 0
    columns = ["problem_id", "answer", "messages", "license", "source_url"]
    for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=columns, use_threads=False):
        for row in batch.to_pylist():
            number += 1
            problem_id, answer = row.pop("problem_id"), row.pop("answer", 0)
            # A paraphrase may have several answers.
            row_id = f"{problem_id}-{answer}" if answer > 1 else problem_id
            yield f"{name} row {number}", {"id": row_id, **row}


def evaluation_set(uri: str, columns: Sequence[str]) -> EvaluationSet:
    """Raises InputError for a file that cannot be read, or has none of the columns that are looked for."""
    found = EvaluationSet(os.path.basename(uri.rstrip("/")) or uri)
    for part in chat_files(uri, "--against", chats=False).slices:
        try:
            for place, values in _parquet(part) if part.kind is Kind.PARQUET else _lines(part):
                if isinstance(values, Unread):
                    raise InputError(f"--against {uri}: {place} {values.refused.detail}")
                found.add(values, columns)
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"--against {uri}: {part.name} cannot be read: {error}") from error
    if not found.rows:
        raise InputError(f"--against {uri}: holds no rows")
    return found


def _lines(part: Slice) -> Iterator[Read]:
    where = f"{part.name} line" if part.start == 0 else f"{part.name}, from byte {part.start} on, line"
    for number, line in enumerate(lines(part), 1):
        if line is not None and not line.strip():
            continue
        values = decoded(line)
        if isinstance(values, Refused):
            yield f"{where} {number}", Unread(values, (line or b"").decode("utf-8", "replace"))
        else:
            yield f"{where} {number}", values


def _parquet(part: Slice, columns: Sequence[str] | None = None) -> Iterator[Read]:
    fs, _ = filesystem(part.uri)
    number = part.first_line
    with fs.open_input_file(part.path) as file:
        # Buffered: a row group of a large file may be all of its rows.
        table = pq.ParquetFile(file, pre_buffer=False, buffer_size=_READ_AHEAD)
        there = table.schema_arrow.names
        wanted = there if columns is None else [name for name in columns if name in there]
        groups = list(range(part.start, part.end))
        for batch in table.iter_batches(_BATCH_ROWS, row_groups=groups, columns=wanted, use_threads=False):
            for row in batch.to_pylist():
                number += 1
                yield f"{part.name} row {number}", row


def _row_groups(fs: pafs.FileSystem, whole: Slice, size: int, flag: str, *, chats: bool) -> Iterator[Slice]:
    """Row groups that follow each other, so many that a slice has about the given size."""
    with fs.open_input_file(whole.path) as file:
        footer = pq.ParquetFile(file)
        if chats:
            _require_messages(footer.schema_arrow, whole.name, flag)
        groups = [footer.metadata.row_group(i) for i in range(footer.metadata.num_row_groups)]
        start = rows = first = held = 0
        for i, group in enumerate(groups):
            rows, held = rows + group.num_rows, held + group.total_byte_size
            if held >= size or i + 1 == len(groups):
                yield Slice(whole.uri, whole.path, whole.name, whole.kind, start, i + 1, first_line=first)
                start, first, held = i + 1, rows, 0


def _require_messages(columns: pa.Schema, name: str, flag: str) -> None:
    if "messages" not in columns.names:
        raise InputError(
            f"{flag}: {name} has no column messages; its columns are {', '.join(columns.names)}. Expected are those "
            f"of Tulu 3: id, messages ({_TURNS}) and source."
        )
    kind = columns.field("messages").type
    turn = kind.value_type if pa.types.is_list(kind) or pa.types.is_large_list(kind) else None
    if turn is None or not pa.types.is_struct(turn) or not {"role", "content"} <= {f.name for f in turn}:
        raise InputError(f"{flag}: the column messages of {name} is {kind}; expected {_TURNS}")


def _files(fs: pafs.FileSystem, uri: str, path: str, flag: str) -> list[tuple[pafs.FileInfo, Kind]]:
    """The files of a place by name. Hidden ones and those that begin with `_` are left out."""
    info = fs.get_file_info(path)
    if info.type == pafs.FileType.NotFound:
        raise InputError(f"{flag} {uri}: there is no such file or folder")
    if info.type == pafs.FileType.File:
        if (kind := _kind(path)) is None:
            raise UsageError(f"{flag} {uri}: the name has to end in {', '.join(SUFFIXES)}")
        return [(info, kind)]
    found = []
    for info in sorted(
        fs.get_file_info(pafs.FileSelector(path, recursive=True)), key=lambda one: str(one.path)
    ):
        parts = info.path.removeprefix(path).strip("/").split("/")
        hidden = any(part.startswith((".", "_")) for part in parts)
        if info.type == pafs.FileType.File and not hidden and (kind := _kind(info.path)) is not None:
            found.append((info, kind))
    if not found:
        raise InputError(f"{flag} {uri}: no file in this folder ends in {', '.join(SUFFIXES)}")
    return found


def _kind(path: str) -> Kind | None:
    return next((kind for suffix, kind in SUFFIXES.items() if path.lower().endswith(suffix)), None)

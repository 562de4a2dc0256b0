"""Rows as each trainer reads them: which columns, in which form."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pyarrow as pa

from codeseq_ray.store.released import Row

SOURCE = ("family", "license", "attribution", "source_url")
"""What a row says of where it comes from; goes wherever a format has room for it."""

TURNS = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_COUNT = pa.int64()


@dataclass(frozen=True)
class Shape:
    """The columns of a file, and how a row of the release becomes one of it."""

    schema: pa.Schema
    of: Callable[[Row], Row]


def whole(columns: pa.Schema) -> Shape:
    """All columns as they are."""
    return picked(columns, columns.names)


def picked(columns: pa.Schema, names: Iterable[str]) -> Shape:
    kept = [name for name in names if name in columns.names]
    return Shape(pa.schema([columns.field(name) for name in kept]), lambda row: {n: row[n] for n in kept})


def counted(columns: pa.Schema, *names: str) -> pa.Schema:
    """With columns for counts of tokens."""
    return pa.schema([*columns, *(pa.field(name, _COUNT, nullable=False) for name in names)])


def sft_messages(columns: pa.Schema) -> Shape:
    """`messages` first, and everything else that is known of the row."""
    return picked(columns, ["messages", *(name for name in columns.names if name != "messages")])


def sft_prompt_completion(columns: pa.Schema) -> Shape:
    """Conversational `prompt` and `completion` in the place of `messages`: TRL takes the loss of the latter."""
    others = [name for name in columns.names if name != "messages"]
    turns = [pa.field(name, TURNS, nullable=False) for name in ("prompt", "completion")]

    def of(row: Row) -> Row:
        *before, last = row["messages"]
        return {"prompt": before, "completion": [last], **{name: row[name] for name in others}}

    return Shape(pa.schema([*turns, *(columns.field(name) for name in others)]), of)


def sft_bare(columns: pa.Schema) -> Shape:
    """`messages`, and who they come from."""
    counts = ("prompt_tokens", "completion_tokens")
    return picked(columns, ("messages", "problem_id", "sequence_id", *SOURCE, *counts))


def rl_flat(columns: pa.Schema) -> Shape:
    """For TRL, which hands every column to the reward: without verl's structs, which say the same again."""
    return picked(columns, [n for n in columns.names if n not in ("reward_model", "extra_info", "ability")])


_VERL = ("data_source", "prompt", "ability", "reward_model", "extra_info")


def rl_verl(columns: pa.Schema) -> Shape:
    """verl's five columns; licence, source and family go into `extra_info`."""
    further = [name for name in (*SOURCE, "prompt_tokens") if name in columns.names]
    info = columns.field("extra_info").type
    fields = [info.field(i) for i in range(info.num_fields)]
    into = [pa.field(name, columns.field(name).type) for name in further]
    wider = pa.field("extra_info", pa.struct([*fields, *into]), nullable=False)
    schema = pa.schema([wider if name == "extra_info" else columns.field(name) for name in _VERL])

    def of(row: Row) -> Row:
        info = {**row["extra_info"], **{name: row[name] for name in further}}
        return {**{name: row[name] for name in _VERL}, "extra_info": info}

    return Shape(schema, of)

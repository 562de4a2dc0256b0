"""The columns of every config of a release. Other tools rely on them; `docs/output.md` explains each.

Integers of sequences (inputs, outputs, offset) are strings: they may have any size. A column is nullable only
where the value may be unknown or was never made.
"""

from __future__ import annotations

import pyarrow as pa


def _text(name: str, *, nullable: bool = False) -> pa.Field[pa.DataType]:
    return pa.field(name, pa.string(), nullable=nullable)


def _texts(name: str) -> pa.Field[pa.DataType]:
    return pa.field(name, pa.list_(pa.string()), nullable=False)


def _structs(name: str, *members: str, nullable: bool = False) -> pa.Field[pa.DataType]:
    texts = pa.struct([(member, pa.string()) for member in members])
    return pa.field(name, pa.list_(texts), nullable=nullable)


def _count(name: str, kind: pa.DataType) -> pa.Field[pa.DataType]:
    return pa.field(name, kind, nullable=False)


_SOLVED = (
    _text("description"),
    _text("input_format"),
    _text("output_format"),
    _structs("examples", "input", "output", "explanation"),
    _structs("cases", "input", "output"),
    _structs("far_cases", "input", "output"),
    _count("far_checked", pa.int32()),
    _count("far_unseen", pa.int32()),
    _text("program"),
)
"""A problem's texts and cases, and a program that passed them: alike for a problem and a paraphrase of it."""

PROBLEMS = pa.schema(
    (
        _text("problem_id"),
        _text("sequence_id"),
        _text("name"),
        _text("offset", nullable=True),
        _text("family"),
        _text("agents"),
        _texts("models"),
        _texts("prompt_ids"),
        *_SOLVED,
        _count("mutants", pa.int32()),
        _count("mutants_killed", pa.int32()),
        _count("weak_cases", pa.bool_()),
        _count("rounds", pa.int32()),
        _texts("walls"),
        _count("tokens", pa.int64()),
        _text("license"),
        _text("attribution"),
        _text("source_url"),
    )
)

PARAPHRASES = pa.schema(
    (
        _text("problem_id"),
        _text("sequence_id"),
        _text("paraphrase_of"),
        _count("paraphrase", pa.int32()),
        _count("answer", pa.int32()),
        _text("family"),
        *_SOLVED,
        _count("rounds", pa.int32()),
        _texts("walls"),
        _text("license"),
        _text("attribution"),
        _text("source_url"),
    )
)

SFT = pa.schema(
    (
        _text("problem_id"),
        _text("sequence_id"),
        _count("paraphrase", pa.int32()),
        _count("answer", pa.int32()),
        _structs("messages", "role", "content"),
        _count("rounds", pa.int32()),
        _text("license"),
        _text("source_url"),
    )
)

REJECTED = pa.schema(
    (
        _text("sequence_id"),
        _text("name"),
        _text("family"),
        _text("split"),
        _text("agents"),
        _text("stage"),
        _text("reason"),
        _text("detail"),
        _count("rounds", pa.int32()),
        _text("description", nullable=True),
        _text("input_format", nullable=True),
        _text("output_format", nullable=True),
        _structs("examples", "input", "output", "explanation", nullable=True),
        _structs("cases", "input", "output", nullable=True),
        _structs("far_cases", "input", "output", nullable=True),
        _count("far_checked", pa.int32()),
        _text("program", nullable=True),
        _text("verdict", nullable=True),
        _text("failing_input", nullable=True),
        _text("failing_expected", nullable=True),
        _text("failing_got", nullable=True),
        _count("tokens", pa.int64()),
        _text("license"),
        _text("attribution"),
        _text("source_url"),
    )
)

_USAGE = ("calls", "prompt_tokens", "completion_tokens", "reasoning_tokens")

OUTCOMES = pa.schema(
    (
        _text("sequence_id"),
        _text("family"),
        _text("split"),
        _text("outcome"),
        _text("stage"),
        _text("reason"),
        _count("rounds", pa.int32()),
        _text("agents"),
        _texts("models"),
        _texts("prompt_ids"),
        _texts("walls"),
        _count("far_checked", pa.int32()),
        _count("mutants", pa.int32()),
        _count("mutants_killed", pa.int32()),
        _text("program_shape"),
        _text("name_template"),
        _count("paraphrases", pa.int32()),
        _count("paraphrase_answers", pa.int32()),
        _texts("paraphrases_left_out"),
        _count("tokens", pa.int64()),
        pa.field(
            "usage",
            pa.list_(
                pa.struct(
                    [("stage", pa.string()), ("round", pa.int32()), *((name, pa.int64()) for name in _USAGE)]
                )
            ),
            nullable=False,
        ),
        _text("rows_digest"),
        _text("license"),
        _text("source_url"),
    )
)

CONFIGS = {
    "problems": PROBLEMS,
    "paraphrases": PARAPHRASES,
    "sft": SFT,
    "rejected": REJECTED,
    "outcomes": OUTCOMES,
}
"""Name → columns, in the order in which the card lists them."""

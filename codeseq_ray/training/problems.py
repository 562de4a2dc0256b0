"""Problems for GRPO: rows of the config rl, those with short prompts, in the order in which they are drawn."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from codeseq_ray.dataset.rl import RL
from codeseq_ray.errors import InputError, UsageError
from codeseq_ray.reward.tasks import RewardTask
from codeseq_ray.store import parquet
from codeseq_ray.training.prepared import FILE_ROWS, HELD_OUT, TRAIN, Part, Prepared, Put
from codeseq_ray.training.turns import Refusal

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ORIGIN = "codeseq"
COLUMNS = (
    "problem_id",
    "prompt",
    "ground_truth",
    "examples",
    "known_cases",
    "reference_program",
    "solvability",
)
"""What TRL and the reward read."""
PROBLEMS = pa.schema([RL.field(name) for name in COLUMNS])


def prepare(
    rows: Iterable[Mapping[str, Any]],
    put: Put,
    tokenizer: PreTrainedTokenizerBase,
    *,
    most_tokens: int,
    seed: int,
    limit: int | None,
) -> Prepared:
    """Files of `PROBLEMS` through `put`, and their counts. Raises InputError for rows that the reward cannot read,
    UsageError where nothing is left. (Problems in a band of solvability are thousands, not millions: all are in
    memory.)"""
    usable: list[tuple[bytes, dict[str, Any], int]] = []
    too_long = 0
    for number, row in enumerate(rows, 1):
        if missing := [name for name in COLUMNS if name not in row]:
            raise InputError(
                f"--dataset: row {number} has no column {', '.join(missing)}; expected rows of the config rl "
                "(docs/rollouts.md)"
            )
        RewardTask.of_row(row)
        told = tokenizer.apply_chat_template(
            [dict(turn) for turn in row["prompt"]],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
        )
        tokens = len(told["input_ids"])
        if tokens > most_tokens:
            too_long += 1
            continue
        drawn = hashlib.blake2b(f"{seed}\x1f{row['problem_id']}".encode(), digest_size=16).digest()
        usable.append((drawn, {name: row[name] for name in COLUMNS}, tokens))
    usable.sort(key=lambda one: one[0])
    kept = usable if limit is None else usable[:limit]
    if not kept:
        raise UsageError(f"--dataset: no problem is left to train on ({too_long:,} have longer prompts)")
    lengths = [tokens for _, _, tokens in kept]
    return Prepared(
        parts={TRAIN: {ORIGIN: Part(len(kept), sum(lengths), 0)}, HELD_OUT: {}},
        refused={ORIGIN: {Refusal.TOO_LONG: too_long}} if too_long else {},
        beyond_limit=len(usable) - len(kept),
        longest=max(lengths),
        digest=_digest([row for _, row, _ in kept]),
        files={TRAIN: _put(put, [row for _, row, _ in kept]), HELD_OUT: []},
    )


def _put(put: Put, rows: Sequence[dict[str, Any]]) -> list[str]:
    names = []
    for number, start in enumerate(range(0, len(rows), FILE_ROWS)):
        names.append(f"{TRAIN}-{number:05}.parquet")
        put(names[-1], parquet.encode(rows[start : start + FILE_ROWS], PROBLEMS))
    return names


def _digest(rows: Sequence[dict[str, Any]]) -> str:
    return hashlib.sha256("\n".join(json.dumps(row, sort_keys=True) for row in rows).encode()).hexdigest()[
        :16
    ]

"""Rows to train on by reinforcement: one per problem, read by verl and by TRL as they are.

verl takes `data_source`, `prompt`, `ability`, `reward_model` and `extra_info`; TRL takes `prompt` and hands every
other column to the reward function. What the reward needs stands for both, so that no export has to be made anew.
`reward_model.ground_truth` is a JSON string, as verl's own code sets have it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from codeseq_ray.dataset.prompts import solver_prompt
from codeseq_ray.records import Case, Example, Problem

DATA_SOURCE = "codeseq"
ABILITY = "code"

_TURNS = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))


def _text(name: str) -> pa.Field[pa.DataType]:
    return pa.field(name, pa.string(), nullable=False)


_REWARDED_BY = (_text("ground_truth"), _text("examples"), _text("known_cases"), _text("reference_program"))

RL = pa.schema(
    (
        _text("problem_id"),
        _text("sequence_id"),
        _text("family"),
        _text("data_source"),
        pa.field("prompt", _TURNS, nullable=False),
        _text("ability"),
        pa.field(
            "reward_model", pa.struct([("style", pa.string()), ("ground_truth", pa.string())]), nullable=False
        ),
        pa.field(
            "extra_info",
            pa.struct(
                [
                    ("split", pa.string()),
                    ("index", pa.int64()),
                    ("problem_id", pa.string()),
                    ("sequence_id", pa.string()),
                    ("solvability", pa.float64()),
                    ("examples", pa.string()),
                    ("known_cases", pa.string()),
                    ("reference_program", pa.string()),
                ]
            ),
            nullable=False,
        ),
        *_REWARDED_BY,
        pa.field("solvability", pa.float64()),
        pa.field("rollouts", pa.int32(), nullable=False),
        pa.field("passes", pa.int32(), nullable=False),
        pa.field("first_pass", pa.int32()),
        _text("policy"),
        _text("license"),
        _text("attribution"),
        _text("source_url"),
    )
)
"""Integers of sequences are strings, as everywhere. `solvability` is null where no policy was asked."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a policy's rollouts of a problem say; all of them judged on all hidden cases."""

    policy: str = ""
    """Model, with revision; empty: none was asked."""
    rollouts: int = 0
    passes: int = 0
    first_pass: int | None = None
    """Number of the first rollout that passed, from 0."""

    @property
    def solvability(self) -> float | None:
        """Rollouts that passed ÷ all (v1 §3.3); None without any."""
        return self.passes / self.rollouts if self.rollouts else None


def problem_of(row: Mapping[str, Any]) -> Problem:
    """The problem that a row of the config `problems` holds."""
    return Problem(
        description=row["description"],
        input_format=row["input_format"],
        output_format=row["output_format"],
        examples=tuple(Example(**example) for example in row["examples"]),
    )


def cases_of(group: Iterable[Mapping[str, str]]) -> tuple[Case, ...]:
    return tuple(Case(input=case["input"], output=case["output"]) for case in group)


def as_json(cases: Sequence[Case]) -> str:
    """Cases as rows hold them: `{"inputs": […], "outputs": […]}`."""
    return json.dumps({"inputs": [c.input for c in cases], "outputs": [c.output for c in cases]})


COLUMNS = (
    *("problem_id", "sequence_id", "family", "description", "input_format", "output_format"),
    *("examples", "cases", "far_cases", "program", "license", "attribution", "source_url"),
)
"""Of the config `problems`: those that an RL row is made of."""


def rl_row(row: Mapping[str, Any], index: int, estimate: Estimate, *, split: str = "train") -> dict[str, Any]:
    """The RL row of a row of the config `problems`; `index` is its place among the rows of its split."""
    shown, hidden, far = (cases_of(row[name]) for name in ("examples", "cases", "far_cases"))
    rewarded_by = {
        "examples": as_json(shown),
        "known_cases": as_json((*shown, *hidden, *far)),
        "reference_program": row["program"],
    }
    named = {name: row[name] for name in ("problem_id", "sequence_id")}
    truth, solvability = as_json(hidden), estimate.solvability
    return {
        **named,
        "family": row["family"],
        "data_source": DATA_SOURCE,
        "prompt": [{"role": "user", "content": solver_prompt(problem_of(row))}],
        "ability": ABILITY,
        "reward_model": {"style": "rule", "ground_truth": truth},
        "extra_info": {"split": split, "index": index, **named, "solvability": solvability, **rewarded_by},
        "ground_truth": truth,
        **rewarded_by,
        "solvability": solvability,
        "rollouts": estimate.rollouts,
        "passes": estimate.passes,
        "first_pass": estimate.first_pass,
        "policy": estimate.policy,
        **{name: row[name] for name in ("license", "attribution", "source_url")},
    }

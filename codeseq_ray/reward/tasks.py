"""What a completion is held against: the part of an `rl` row that a reward needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from codeseq_ray.errors import InputError
from codeseq_ray.records import Case
from codeseq_ray.reward.values import exact

_COLUMNS = ("ground_truth", "examples", "known_cases", "reference_program")
_KEPT = 4096
"""Rows whose cases stay parsed: all rollouts of a problem come close together."""


@dataclass(frozen=True, eq=False, slots=True)
class RewardTask:
    """One problem. Equal rows give the same object (`of`), so that it stands for its problem in caches."""

    hidden: tuple[Case, ...]
    shown: frozenset[str]
    """Inputs of the examples in the prompt."""
    known: Mapping[str, str]
    """Every known term, by its input."""
    reference_program: str
    solvability: float | None = None

    @staticmethod
    def of(
        ground_truth: str,
        examples: str,
        known_cases: str,
        reference_program: str,
        solvability: float | None = None,
    ) -> RewardTask:
        """From the columns of an `rl` row, cases as JSON text `{"inputs": […], "outputs": […]}`.

        Raises InputError, naming the column, where one is not that.
        """
        return _parsed(ground_truth, examples, known_cases, reference_program, solvability)

    @staticmethod
    def of_row(row: Mapping[str, Any]) -> RewardTask:
        """From a whole `rl` row. Raises InputError when columns are missing."""
        try:
            return _parsed(*(row[name] for name in _COLUMNS), row["solvability"])
        except KeyError as error:
            raise InputError(
                f"the row has no column {error.args[0]!r}; expected those of the config `rl` (docs/output.md)"
            ) from None


@lru_cache(maxsize=_KEPT)
def _parsed(
    ground_truth: str, examples: str, known_cases: str, program: str, solvability: float | None
) -> RewardTask:
    hidden = _cases("ground_truth", ground_truth)
    if not hidden:
        raise InputError("ground_truth holds no case: no program could fail")
    shown, known = _cases("examples", examples), _cases("known_cases", known_cases)
    return RewardTask(
        hidden=tuple(Case(input=given, output=said) for given, said in hidden),
        shown=frozenset(exact(given) for given, _ in shown),
        known={exact(given): exact(said) for given, said in known},
        reference_program=program,
        solvability=solvability,
    )


def _cases(column: str, text: str) -> list[tuple[str, str]]:
    try:
        held = json.loads(text)
        pairs = list(zip(held["inputs"], held["outputs"], strict=True))
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(
            f'{column} is not a JSON text {{"inputs": […], "outputs": […]}} with as many of both: {error!r}'
        ) from None
    if not all(isinstance(value, str) for pair in pairs for value in pair):
        raise InputError(f"{column}: inputs and outputs have to be text, whatever they hold")
    return pairs

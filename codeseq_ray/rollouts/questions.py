"""What a policy is asked: for a program (GTG), or for the next number of a sequence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from codeseq_ray.dataset.prompts import INSTRUCTION_ID, solver_prompt
from codeseq_ray.dataset.rl import cases_of, problem_of
from codeseq_ray.errors import InputError
from codeseq_ray.records import Case

LISTED_CHARACTERS = 260
"""About what the OEIS lists of a sequence: what is shown of one whose next number is asked for."""

NEXT_NUMBER = """\
Here are the first numbers of an integer sequence, in order:

{shown}

Which number comes next? Work out the rule first. End with a line of its own that says `Answer:` and the number."""
NEXT_NUMBER_ID = f"next@{hashlib.blake2b(NEXT_NUMBER.encode(), digest_size=6).hexdigest()}"


class Task(StrEnum):
    """What is asked for."""

    GTG = "gtg"
    """General-term generation: the program for the n-th term."""
    NEXT_NUMBER = "next-number"


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt, and what its answer is held against; nothing of the cases is in the prompt."""

    sequence_id: str
    task: Task
    prompt: str
    prompt_id: str
    cases: tuple[Case, ...]
    """GTG: the hidden cases. Next number: one, whose output is that number."""


def prompt_id(task: Task) -> str:
    """Stands for the text that surrounds what is asked."""
    return INSTRUCTION_ID if task is Task.GTG else NEXT_NUMBER_ID


_COLUMNS = {
    Task.GTG: ("sequence_id", "description", "input_format", "output_format", "examples", "cases"),
    Task.NEXT_NUMBER: ("sequence_id", "examples", "cases", "far_cases"),
}


def question(row: Mapping[str, Any], task: Task) -> Question:
    """The question that a row of the config `problems` gives.

    Raises InputError when columns are missing or no case is left.
    """
    with reading(row, _COLUMNS[task]):
        asked = _gtg(row) if task is Task.GTG else _next_number(row)
    if not asked.cases:
        raise InputError(f"{row['sequence_id']} has no hidden case to judge an answer by")
    return asked


@contextmanager
def reading(row: Mapping[str, Any], columns: Iterable[str]) -> Iterator[None]:
    """Within, a row of the config `problems` is read; what is wrong with it is said with its name and column.

    Raises InputError when one of `columns` is missing or null, or holds something else than such a row does.
    """
    fault = ", ".join(f"`{name}`" for name in columns if row.get(name) is None)
    try:
        if fault:
            raise KeyError(fault)
        yield
    except (KeyError, TypeError, ValueError) as error:
        who = row.get("problem_id") or row.get("sequence_id") or "a row"
        what = f"lacks {error.args[0]}" if isinstance(error, KeyError) else repr(error)
        raise InputError(
            f"{who} is no problem: {what}. Expected the columns of the config `problems` (docs/output.md)."
        ) from None


def _gtg(row: Mapping[str, Any]) -> Question:
    return Question(
        row["sequence_id"],
        Task.GTG,
        solver_prompt(problem_of(row)),
        prompt_id(Task.GTG),
        cases_of(row["cases"]),
    )


def _next_number(row: Mapping[str, Any]) -> Question:
    """All but the last of as many terms as the OEIS would list are shown (METHOD 4)."""
    known = [*cases_of(row["examples"]), *cases_of(row["cases"]), *cases_of(row["far_cases"])]
    listed, length = 0, 0
    while listed < len(known) and (length := length + len(known[listed].output) + 2) <= LISTED_CHARACTERS:
        listed += 1
    # Two examples and a case at the least, however long the numbers are.
    shown = known[: max(listed, min(len(known), 3))]
    *before, last = shown
    text = ", ".join(case.output for case in before)
    prompt = NEXT_NUMBER.format(shown=text)
    return Question(row["sequence_id"], Task.NEXT_NUMBER, prompt, prompt_id(Task.NEXT_NUMBER), (last,))

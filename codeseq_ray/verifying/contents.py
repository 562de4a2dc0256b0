"""What can be said of a row from itself alone: its source, its shape, and what follows from its own words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from codeseq_ray.agents.structured import last_code_block
from codeseq_ray.cases import EXAMPLES, FEWEST_HIDDEN, MOST_HIDDEN
from codeseq_ray.dataset import outcomes
from codeseq_ray.dataset.prompts import solver_prompt
from codeseq_ray.dataset.reflection import fenced
from codeseq_ray.dataset.shapes import name_template, program_shape
from codeseq_ray.dataset.views import problem_id_of, weak
from codeseq_ray.records import (
    ATTRIBUTION,
    LICENSE,
    Example,
    Outcome,
    PlanRow,
    Problem,
    Reason,
    Split,
    Stage,
    VerdictKind,
)
from codeseq_ray.selection.rules import Drop
from codeseq_ray.store.released import Row
from codeseq_ray.verifying.findings import Code

Said = Iterator[tuple[Code, str]]

_INPUT = re.compile(r"-?\d{1,30}")


def check_source(row: Row) -> Said:
    """Licence, attribution and link, as far as the config has them."""
    url = f"https://oeis.org/{row['sequence_id']}"
    wanted = {"license": LICENSE, "attribution": ATTRIBUTION, "source_url": url}
    for column, value in wanted.items():
        if column in row and row[column] != value:
            yield Code.LICENCE, f"{column} is {row[column]!r}, not {value!r}"


def check_outcome(row: Row) -> Said:
    """A row of `outcomes` is one that a release is drawn with."""
    try:
        planned = PlanRow(
            sequence_id=row["sequence_id"],
            family=row["family"],
            split=Split(row["split"]),
            selected=row["outcome"] != outcomes.DROPPED,
            reason=row["reason"] if row["outcome"] == outcomes.DROPPED else "",
        )
    except ValueError:
        yield Code.SPLIT, f"there is no split {row['split']!r}"
        return
    stage, reason = row["stage"], row["reason"]
    known = stage in set(Stage) and reason in set(Reason)
    match row["outcome"]:
        case outcomes.DROPPED:
            yield from _as_drawn(row, outcomes.dropped_row(planned).fields)
            if reason != Drop.FAMILY_CAP and planned.family != planned.sequence_id:
                yield Code.ROW_ODD, f"dropped as {reason!r}, and yet of family {planned.family}"
        case outcomes.MISSING:
            yield from _as_drawn(row, outcomes.missing_row(planned).fields)
        case Outcome.FAILED:
            yield from _as_drawn(row, outcomes.failed_row(planned, stage, reason).fields)
        case Outcome.ACCEPTED:
            known = stage == reason == ""
        case Outcome.REJECTED:
            unmade = {"mutants": 0, "mutants_killed": 0, "program_shape": "", "name_template": ""}
            untold = {"paraphrases": 0, "paraphrase_answers": 0, "paraphrases_left_out": []}
            yield from _as_drawn(row, {"walls": [], **unmade, **untold})
        case other:
            yield Code.ROW_ODD, f"there is no outcome {other!r}"
    if row["outcome"] in set(Outcome) and not known:
        yield Code.ROW_ODD, f"{row['outcome']} at {stage!r} for {reason!r}"
    spent = sum(line["prompt_tokens"] + line["completion_tokens"] for line in row["usage"])
    if spent != row["tokens"]:
        yield Code.ROW_ODD, f"{row['tokens']} tokens, and {spent} in its usage"


def check_problem(row: Row) -> Said:
    wanted = problem_id_of(row["sequence_id"], problem_of(row).text())
    if row["problem_id"] != wanted:
        yield Code.PROBLEM_ID, f"{row['problem_id']}; its text gives {wanted}"
    if len(row["examples"]) != EXAMPLES or not FEWEST_HIDDEN <= len(row["cases"]) <= MOST_HIDDEN:
        yield Code.ROW_ODD, f"{len(row['examples'])} examples and {len(row['cases'])} hidden cases"
    if not 0 <= row["far_unseen"] <= row["far_checked"] <= len(row["far_cases"]):
        told = f"far_unseen {row['far_unseen']}, far_checked {row['far_checked']}"
        yield Code.ROW_ODD, f"{told} of {len(row['far_cases'])}"
    mutants, killed = row["mutants"], row["mutants_killed"]
    if not 0 <= killed <= mutants or row["weak_cases"] != weak(mutants, killed):
        yield Code.ROW_ODD, f"mutants {mutants}, killed {killed}, weak_cases {row['weak_cases']}"
    if not _follow([*row["examples"], *row["cases"], *row["far_cases"]]):
        yield Code.ROW_ODD, "the inputs of its cases do not follow one upon the other"


def check_paraphrase(row: Row, problem: Row) -> Said:
    """A telling of this problem: other words for the description, and nothing else is another."""
    wanted = problem_id_of(row["sequence_id"], problem_of(row).text())
    if row["problem_id"] != wanted:
        yield Code.PROBLEM_ID, f"{row['problem_id']}; its text gives {wanted}"
    if row["paraphrase_of"] != problem["problem_id"]:
        yield Code.ROW_DIFFERS, f"of {row['paraphrase_of']!r}; its problem is {problem['problem_id']!r}"
    for column in ("input_format", "output_format", "examples", "cases", "far_cases"):
        if row[column] != problem[column]:
            yield Code.ROW_DIFFERS, f"{column} is not its problem's"
    if row["description"] == problem["description"]:
        yield Code.ROW_ODD, "its description is the problem's own"
    if row["paraphrase"] < 1 or row["answer"] < 1:
        yield Code.ROW_ODD, f"paraphrase {row['paraphrase']}, answer {row['answer']}"
    if not 0 <= row["far_unseen"] <= row["far_checked"] <= len(row["far_cases"]):
        told = f"far_unseen {row['far_unseen']}, far_checked {row['far_checked']}"
        yield Code.ROW_ODD, f"{told} of {len(row['far_cases'])}"


def check_likeness(end: Row, problem: Row) -> Said:
    """What `outcomes` tell of a problem for counting how much alike problems are."""
    drawn = {
        "program_shape": program_shape(problem["program"]),
        "name_template": name_template(problem["name"]),
    }
    for column, so in drawn.items():
        if end[column] != so:
            yield Code.ROW_DIFFERS, f"{column} {end[column]!r}; its problem gives {so!r}"


def check_sft(row: Row, problem: Row) -> Said:
    """A training row of this problem or paraphrase: its text in the first turn, its program last in the second."""
    for column in ("problem_id", "rounds"):
        if row[column] != problem[column]:
            yield Code.ROW_DIFFERS, f"{column} {row[column]!r}; its problem has {problem[column]!r}"
    turns = [(turn["role"], turn["content"]) for turn in row["messages"]]
    if [role for role, _ in turns] != ["user", "assistant"] or turns[0][1] != solver_prompt(
        problem_of(problem)
    ):
        yield Code.SFT_PROBLEM, "its user's turn is not the problem"
        return
    last, wanted = last_code_block(turns[1][1]), last_code_block(fenced(problem["program"], "python"))
    if last is None or wanted is None or last.source != wanted.source:
        yield Code.SFT_PROGRAM, "its last program is not the problem's"


def check_rejected(row: Row) -> Said:
    if row["verdict"] is not None and row["verdict"] not in set(VerdictKind):
        yield Code.ROW_ODD, f"there is no verdict {row['verdict']!r}"
    case = [row["failing_input"], row["failing_expected"], row["failing_got"]]
    if case.count(None) not in (0, 3):
        yield Code.ROW_ODD, "half a failing case"
    judged = row["program"] is not None
    if (row["verdict"] is not None) != judged or (case[0] is not None and not judged):
        yield Code.ROW_ODD, "a verdict without a program, or a program without a verdict"
    if row["reason"] == Reason.ROUNDS_USED_UP and row["cases"] is not None:
        at = row["failing_input"], row["failing_expected"]
        if at not in [(case["input"], case["output"]) for case in (*row["cases"], *(row["examples"] or ()))]:
            yield (
                Code.ROW_DIFFERS,
                f"it failed on input {at[0]}, which is none of its hidden cases or examples",
            )
    if not _follow([*(row["cases"] or ()), *(row["far_cases"] or ())]):
        yield Code.ROW_ODD, "the inputs of its cases do not follow one upon the other"
    if not 0 <= row["far_checked"] <= len(row["far_cases"] or ()):
        yield Code.ROW_ODD, f"far_checked {row['far_checked']} of {len(row['far_cases'] or ())}"


def problem_of(row: Row) -> Problem:
    examples = tuple(Example(**example) for example in row["examples"])
    return Problem(**{n: row[n] for n in ("description", "input_format", "output_format")}, examples=examples)


def _as_drawn(row: Row, drawn: dict[str, Any]) -> Said:
    odd = [name for name, value in drawn.items() if row[name] != value]
    if odd:
        said = ", ".join(f"{name} {row[name]!r}" for name in odd)
        yield Code.ROW_ODD, f"{row['outcome']}, and it has {said}"


def _follow(cases: Sequence[dict[str, str]]) -> bool:
    """Consecutive terms have consecutive inputs."""
    inputs = [case["input"].strip() for case in cases]
    if not all(_INPUT.fullmatch(text) for text in inputs):
        return False
    return all(int(b) == int(a) + 1 for a, b in pairwise(inputs))

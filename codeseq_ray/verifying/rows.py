"""Rows against each other: each sequence of the plan is in `outcomes` once, and elsewhere just as its outcome says.

All configs are read side by side in A-number order, so that only the rows of one sequence are in memory at a time
(and each family's split).
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from codeseq_ray.agents.structured import last_code_block
from codeseq_ray.dataset.counts import Counts
from codeseq_ray.dataset.outcomes import DROPPED, MISSING
from codeseq_ray.dataset.views import problem_id_of
from codeseq_ray.records import ATTRIBUTION, LICENSE, Example, Outcome, Problem, Split
from codeseq_ray.selection.plan import family_split
from codeseq_ray.selection.rules import SelectionSettings
from codeseq_ray.store.releases import outcome_line
from codeseq_ray.verifying.findings import Code, Finding
from codeseq_ray.verifying.published import Published, Row

_ID = re.compile(r"A\d{6,}")
_ENDS = {outcome.value for outcome in Outcome} | {DROPPED, MISSING}
Place = tuple[str, str]
_IN_BOTH = {
    "problems": ("family", "agents", "models", "prompt_ids", "rounds", "walls", "far_checked", "tokens"),
    "rejected": ("family", "split", "agents", "stage", "reason", "rounds", "tokens"),
}
"""Columns that a config has in common with `outcomes`."""


class RowChecks:
    """Goes once through all rows; `counts` and `outcome_digest` are whole after that.

    `found` fills with what is wrong. `problems` of accepted sequences and `rejected` ones are handed on, sequence by
    sequence, to whoever runs their programs.
    """

    def __init__(self, release: Published, found: list[Finding]) -> None:
        self._release, self._found = release, found
        settings = release.manifest["info"]["row_settings"]
        fields = SelectionSettings.model_fields
        self._selection = SelectionSettings(**{k: v for k, v in settings.items() if k in fields})
        self._split_of: dict[str, str] = {}
        self._digest = hashlib.sha256()
        self.counts = Counts()

    @property
    def outcome_digest(self) -> str:
        return self._digest.hexdigest()

    def walk(self) -> Iterator[tuple[str, Row]]:
        """Check every row; yields (`problems` or `rejected`, row)."""
        for sequence_id, rows in _by_sequence(self._release, self._found, self.counts):
            yield from self._checked(sequence_id, rows)

    def _checked(self, sequence_id: str, rows: dict[Place, list[Row]]) -> Iterator[tuple[str, Row]]:
        ends = rows.pop(("outcomes", "train"), [])
        for place, several in rows.items():
            if len(several) > 1:
                self._say(Code.ROW_DUPLICATE, place[0], sequence_id, f"{len(several)} rows in {place[1]}")
        for (config, _), several in rows.items():
            for row in several:
                self._check_source(config, row)
        if len(ends) != 1:
            code = Code.ROW_DUPLICATE if ends else Code.ROW_MISSING
            self._say(code, "outcomes", sequence_id, f"{len(ends)} rows instead of one")
            if not ends:
                return
        end = ends[0]
        self._check_end(end)
        wanted = _wanted(end)
        for place in wanted:
            if place not in rows:
                self._say(Code.ROW_MISSING, place[0], sequence_id, f"{end['outcome']}, and not in {place[1]}")
        for place, several in rows.items():
            if place not in wanted:
                said = f"is in {place[1]}, and outcomes say: {end['outcome']}, split {end['split']}"
                self._say(Code.ROW_UNEXPECTED, place[0], sequence_id, said)
                continue
            for row in several:
                for column in _IN_BOTH.get(place[0], ()):
                    if row[column] != end[column]:
                        said = f"{column} {row[column]!r}; outcomes say {end[column]!r}"
                        self._say(Code.ROW_DIFFERS, place[0], sequence_id, said)
        problems = rows.get(("problems", end["split"]), [])
        for problem in problems:
            self._check_problem(problem)
            for sft in rows.get(("sft", "train"), []):
                self._check_sft(sft, problem)
        yield from (("problems", row) for row in problems)
        yield from (("rejected", row) for row in rows.get(("rejected", "train"), []))

    def _check_end(self, end: Row) -> None:
        self._check_source("outcomes", end)
        self.counts.add(end)
        if end["outcome"] not in _ENDS:
            self._say(Code.ROW_ODD, "outcomes", end["sequence_id"], f"outcome {end['outcome']!r}")
        if end["outcome"] not in (DROPPED, MISSING):
            self._digest.update(outcome_line(end["sequence_id"], end["outcome"], end["stage"], end["reason"]))
        spent = sum(line["prompt_tokens"] + line["completion_tokens"] for line in end["usage"])
        if spent > end["tokens"]:
            self._say(
                Code.ROW_ODD, "outcomes", end["sequence_id"], f"{end['tokens']} tokens, {spent} in its usage"
            )
        split = self._split_of.setdefault(end["family"], end["split"])
        if split != end["split"]:
            said = f"family {end['family']} is in {split} and in {end['split']}"
            self._say(Code.FAMILY_IN_TWO_SPLITS, "outcomes", end["sequence_id"], said)
        drawn = family_split(end["family"], self._selection).value
        if end["split"] != drawn:
            said = f"{end['split']}; family {end['family']} is drawn for {drawn} by the run's seed"
            self._say(Code.SPLIT, "outcomes", end["sequence_id"], said)

    def _check_source(self, config: str, row: Row) -> None:
        url = f"https://oeis.org/{row['sequence_id']}"
        wanted = {"license": LICENSE, "attribution": ATTRIBUTION, "source_url": url}
        for column, value in wanted.items():
            if column in row and row[column] != value:
                said = f"{column} is {row[column]!r}, not {value!r}"
                self._say(Code.LICENCE, config, row["sequence_id"], said)

    def _check_problem(self, row: Row) -> None:
        text = problem_of(row).text()
        wanted = problem_id_of(row["sequence_id"], text)
        if row["problem_id"] != wanted:
            said = f"{row['problem_id']}; its text gives {wanted}"
            self._say(Code.PROBLEM_ID, "problems", row["sequence_id"], said)

    def _check_sft(self, row: Row, problem: Row) -> None:
        turns = [(turn["role"], turn["content"]) for turn in row["messages"]]
        last = last_code_block(turns[-1][1]) if turns else None
        if row["problem_id"] != problem["problem_id"] or row["rounds"] != problem["rounds"]:
            self._say(Code.ROW_DIFFERS, "sft", row["sequence_id"], "names another problem, or other rounds")
        if [role for role, _ in turns] != ["user", "assistant"] or turns[0][1] != problem_of(problem).text():
            self._say(Code.SFT_TEXT, "sft", row["sequence_id"], "its user turn is not the problem")
        elif last is None or last.source.strip() != problem["program"].strip():
            self._say(Code.SFT_TEXT, "sft", row["sequence_id"], "its last program is not the problem's")

    def _say(self, code: Code, config: str, sequence_id: str, said: str) -> None:
        self._found.append(Finding(code, f"{config} {sequence_id}", said))


def problem_of(row: Row) -> Problem:
    examples = tuple(Example(**example) for example in row["examples"])
    return Problem(**{n: row[n] for n in ("description", "input_format", "output_format")}, examples=examples)


def _wanted(end: Row) -> set[Place]:
    """Where else a sequence with this outcome has a row."""
    if end["outcome"] == Outcome.ACCEPTED:
        problems = ("problems", end["split"])
        return {problems, ("sft", "train")} if end["split"] == Split.SFT else {problems}
    return {("rejected", "train")} if end["outcome"] == Outcome.REJECTED else set()


def _by_sequence(
    release: Published, found: list[Finding], counts: Counts
) -> Iterator[tuple[str, dict[Place, list[Row]]]]:
    """The rows of one A-number after the other, from all configs; what is out of order comes when it comes."""
    streams = {place: _numbered(release, place, found, counts) for place in release.places()}
    heads: dict[Place, tuple[int, Row]] = {}
    for place, stream in streams.items():
        if (head := next(stream, None)) is not None:
            heads[place] = head
    while heads:
        number = min(head[0] for head in heads.values())
        rows: dict[Place, list[Row]] = defaultdict(list)
        for place in list(heads):
            while place in heads and heads[place][0] == number:
                rows[place].append(heads.pop(place)[1])
                if (head := next(streams[place], None)) is not None:
                    heads[place] = head
        yield f"A{number:06d}", dict(rows)


def _numbered(
    release: Published, place: Place, found: list[Finding], counts: Counts
) -> Iterator[tuple[int, Row]]:
    before = 0
    row: dict[str, Any]
    for row in release.rows(*place, found):
        counts.add_row(*place)
        if not _ID.fullmatch(row["sequence_id"]):
            found.append(Finding(Code.ROW_ODD, place[0], f"sequence_id {row['sequence_id']!r}"))
            continue
        number = int(row["sequence_id"][1:])
        if number < before:
            said = f"comes after A{before:06d}"
            found.append(Finding(Code.ROW_ORDER, f"{place[0]} {row['sequence_id']}", said))
        before = max(before, number)
        yield number, row

"""Rows against each other: each sequence of the plan is in `outcomes` once, and elsewhere just as its outcome says.

All configs are read side by side in A-number order, so that only the rows of one sequence are in memory at a time
(and each family's split).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from pydantic import ValidationError

from codeseq_ray.dataset.counts import Counts
from codeseq_ray.dataset.outcomes import DROPPED, MISSING, rows_digest
from codeseq_ray.dataset.views import Row as Drawn
from codeseq_ray.errors import UsageError
from codeseq_ray.records import Outcome, Split
from codeseq_ray.selection.plan import a_number, family_split
from codeseq_ray.selection.rules import SelectionSettings
from codeseq_ray.store.released import Place, Row
from codeseq_ray.store.releases import outcome_line
from codeseq_ray.verifying.contents import (
    Said,
    check_likeness,
    check_outcome,
    check_paraphrase,
    check_problem,
    check_rejected,
    check_sft,
    check_source,
)
from codeseq_ray.verifying.findings import Code, Finding, Found
from codeseq_ray.verifying.published import Published

_ID = re.compile(r"A\d{6,12}")
_OUTCOMES, _SFT, _REJECTED = ("outcomes", "train"), ("sft", "train"), ("rejected", "train")
_PARAPHRASES = ("paraphrases", "train")
_WITH_PROGRAMS = ("problems", "paraphrases", "rejected")
_IN_BOTH = {
    "problems": (
        "family",
        "agents",
        "models",
        "prompt_ids",
        "rounds",
        "walls",
        "far_checked",
        "mutants",
        "mutants_killed",
        "tokens",
    ),
    "rejected": ("family", "split", "agents", "stage", "reason", "rounds", "far_checked", "tokens"),
    "paraphrases": ("family",),
    "sft": (),
}
"""Columns that a config has in common with `outcomes`."""


class RowChecks:
    """Goes once through all rows; `counts` and `outcome_digest` are whole after that.

    What is wrong goes to `found`. Rows with programs are handed on, sequence by sequence, to whoever runs these.
    Raises UsageError when the manifest does not say how the run drew its splits.
    """

    def __init__(self, release: Published, found: Found) -> None:
        self._release, self._found = release, found
        self._selection = _selection(release)
        self._split_of: dict[str, str] = {}
        self._digest = hashlib.sha256()
        self.counts = Counts()

    @property
    def outcome_digest(self) -> str:
        return self._digest.hexdigest()

    def walk(self) -> Iterator[tuple[str, Row]]:
        """Check every row; yields (`problems`, `paraphrases` or `rejected`, row)."""
        for sequence_id, rows in self._by_sequence():
            self._check(sequence_id, rows)
            for (config, _), several in rows.items():
                if config in _WITH_PROGRAMS:
                    yield from ((config, row) for row in several)

    def _check(self, sequence_id: str, rows: dict[Place, list[Row]]) -> None:
        for place, several in rows.items():
            alike = max(Counter(map(_telling, several)).values())
            if alike > 1:
                self._say(Code.ROW_DUPLICATE, place, sequence_id, f"{alike} rows in {place[1]}")
            for row in several:
                self._hand_on(place, sequence_id, check_source(row))
        self._check_alone(sequence_id, rows)
        if _OUTCOMES not in rows:
            self._say(
                Code.ROW_MISSING,
                _OUTCOMES,
                sequence_id,
                f"is only in {', '.join(sorted(p[0] for p in rows))}",
            )
            return
        end = rows[_OUTCOMES][0]
        self._check_end(sequence_id, end)
        self._check_agreement(sequence_id, end, {p: several for p, several in rows.items() if p != _OUTCOMES})

    def _check_alone(self, sequence_id: str, rows: dict[Place, list[Row]]) -> None:
        for place, several in rows.items():
            for row in several:
                if place[0] == "problems":
                    self._hand_on(place, sequence_id, check_problem(row))
                    for end in rows.get(_OUTCOMES, ()):
                        self._hand_on(_OUTCOMES, sequence_id, check_likeness(end, row))
                    self._check_told(sequence_id, row, rows)
                elif place == _REJECTED:
                    self._hand_on(place, sequence_id, check_rejected(row))

    def _check_told(self, sequence_id: str, problem: Row, rows: dict[Place, list[Row]]) -> None:
        """SFT rows and paraphrases of a problem, one by one."""
        tellings = {(0, 0): problem}
        for paraphrase in rows.get(_PARAPHRASES, ()):
            self._hand_on(_PARAPHRASES, sequence_id, check_paraphrase(paraphrase, problem))
            tellings[_telling(paraphrase)] = paraphrase
        for sft in rows.get(_SFT, ()):
            if (told := tellings.pop(_telling(sft), None)) is not None:
                self._hand_on(_SFT, sequence_id, check_sft(sft, told))
            else:
                said = "paraphrase {} with answer {} has none".format(*_telling(sft))
                self._say(Code.ROW_UNEXPECTED, _SFT, sequence_id, said)
        if _SFT in rows:
            for number, answer in tellings:
                said = f"paraphrase {number} with answer {answer} is not in train"
                self._say(Code.ROW_MISSING, _SFT, sequence_id, said)

    def _check_end(self, sequence_id: str, end: Row) -> None:
        self._hand_on(_OUTCOMES, sequence_id, check_outcome(end))
        self.counts.add(end)
        if end["outcome"] not in (DROPPED, MISSING):
            self._digest.update(outcome_line(sequence_id, end["outcome"], end["stage"], end["reason"]))
        if end["family"] != sequence_id and end["family"] not in self._split_of:
            said = f"family {end['family']}, and that sequence is no family's first"
            self._say(Code.ROW_ODD, _OUTCOMES, sequence_id, said)
        split = self._split_of.setdefault(end["family"], end["split"])
        if split != end["split"]:
            said = f"family {end['family']} is in {split} and in {end['split']}"
            self._say(Code.FAMILY_IN_TWO_SPLITS, _OUTCOMES, sequence_id, said)
        drawn = family_split(end["family"], self._selection).value
        if end["split"] != drawn:
            said = f"{end['split']}; family {end['family']} is drawn for {drawn} by the run's seed"
            self._say(Code.SPLIT, _OUTCOMES, sequence_id, said)

    def _check_agreement(self, sequence_id: str, end: Row, rows: dict[Place, list[Row]]) -> None:
        wanted = _wanted(end)
        for place in sorted(wanted - set(rows)):
            said = f"{end['outcome']}, and not in {place[1]}"
            self._say(Code.ROW_MISSING, place, sequence_id, said)
        for place in sorted(set(rows) - wanted):
            said = f"is in {place[1]}, and outcomes say: {end['outcome']}, split {end['split']}"
            self._say(Code.ROW_UNEXPECTED, place, sequence_id, said)
        for place, several in rows.items():
            for column in _IN_BOTH[place[0]]:
                for row in several:
                    if row[column] != end[column]:
                        said = f"{column} {row[column]!r}; outcomes say {end[column]!r}"
                        self._say(Code.ROW_DIFFERS, place, sequence_id, said)
        self._check_paraphrases(sequence_id, end, rows.get(_PARAPHRASES, []))
        # A row that is there twice has been said.
        once = [
            Drawn(*p, row)
            for p, several in rows.items()
            for row in {_telling(r): r for r in several}.values()
        ]
        if end["rows_digest"] != rows_digest(once):
            where = (min(rows, default=_OUTCOMES)[0], "")
            said = "its rows are not, to the last letter, those that outcomes were written for"
            self._say(Code.ROW_ALTERED, where, sequence_id, said)

    def _check_paraphrases(self, sequence_id: str, end: Row, there: list[Row]) -> None:
        """As many as its outcome says."""
        counted = {
            "paraphrases": len({row["paraphrase"] for row in there}),
            "paraphrase_answers": len({_telling(row) for row in there}),
        }
        for column, so in counted.items():
            if end[column] != so:
                said = f"{so} {column.replace('_', ' ')}; outcomes say {end[column]}"
                self._say(Code.ROW_DIFFERS, _PARAPHRASES, sequence_id, said)

    def _by_sequence(self) -> Iterator[tuple[str, dict[Place, list[Row]]]]:
        """The rows of one A-number after the other, from all configs; what is out of order comes when it comes."""
        streams = {place: self._numbered(place) for place in self._release.places}
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
            yield a_number(number), dict(rows)

    def _numbered(self, place: Place) -> Iterator[tuple[int, Row]]:
        before = 0
        for row in self._release.rows(place, self._found):
            self.counts.add_row(*place)
            sequence_id = row["sequence_id"]
            if not _ID.fullmatch(sequence_id) or a_number(int(sequence_id[1:])) != sequence_id:
                self._say(Code.ROW_ODD, place, repr(sequence_id), "is not an A-number")
                continue
            number = int(sequence_id[1:])
            if number < before:
                self._say(Code.ROW_ORDER, place, sequence_id, f"comes after {a_number(before)}")
            before = max(before, number)
            yield number, row

    def _hand_on(self, place: Place, sequence_id: str, said: Said) -> None:
        for code, words in said:
            self._say(code, place, sequence_id, words)

    def _say(self, code: Code, place: Place, sequence_id: str, said: str) -> None:
        self._found(Finding(code, f"{place[0]} {sequence_id}", said))


def _selection(release: Published) -> SelectionSettings:
    settings = release.manifest.info.row_settings
    try:
        return SelectionSettings(**{k: v for k, v in settings.items() if k in SelectionSettings.model_fields})
    except ValidationError as error:
        raise UsageError(f"{release.uri}: the run's settings in the manifest are none: {error}") from None


def _telling(row: Row) -> tuple[int, int]:
    """Which telling of its sequence's problem a row is of, and which answer to it; the first telling is (0, 0)."""
    return row.get("paraphrase", 0), row.get("answer", 0)


def _wanted(end: Row) -> set[Place]:
    """Where else a sequence with this outcome has a row."""
    if end["outcome"] == Outcome.ACCEPTED:
        problems = ("problems", end["split"])
        if end["split"] == Split.SFT:
            return {problems, _SFT, *([_PARAPHRASES] if end["paraphrase_answers"] else [])}
        return {problems}
    return {_REJECTED} if end["outcome"] == Outcome.REJECTED else set()

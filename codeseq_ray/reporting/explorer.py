"""What the page's explorer holds: an index of every sequence, and some records whole, both compressed.

The index lets each sequence be found by number, word and ending; a record is what the loop kept of it. The page
unpacks them in the browser and writes them as text, never as markup.
"""

from __future__ import annotations

import base64
import difflib
import gzip
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from codeseq_ray.cases import draw
from codeseq_ray.records import Call, Case, Round, SequenceRecord, Verdict
from codeseq_ray.reporting.facts import Facts
from codeseq_ray.reporting.gathering import ending

NAME = 110
"""Characters of a name in the index."""
TEXT = 6_000
"""Characters of any one text of a record."""
VALUE = 160
"""Characters of a value."""
TERMS, FAR = 24, 6
OF_EACH = 12
"""Records of each ending that are shown before others are drawn."""


def index(facts: list[Facts], dropped: Mapping[str, list[int]]) -> dict[str, Any]:
    """Columns over all sequences with an outcome, by A-number; numbers as steps from one to the next."""
    endings = sorted({(one.outcome.value, ending(one)) for one in facts})
    place = {pair: at for at, pair in enumerate(endings)}
    return {
        "endings": endings,
        "steps": _steps(one.number for one in facts),
        "ending": [place[one.outcome.value, ending(one)] for one in facts],
        "rounds": [one.rounds for one in facts],
        "names": [one.name if len(one.name) <= NAME else f"{one.name[:NAME]}…" for one in facts],
        "dropped": {rule: _steps(sorted(numbers)) for rule, numbers in sorted(dropped.items())},
    }


def chosen(facts: list[Facts], named: Iterable[str], most: int, seed: int) -> list[int]:
    """A-numbers of the records to show whole, the most important first: those that the page names, then some of each
    ending and round, then others drawn by the seed."""
    numbers = {one.number for one in facts}
    first = [number for name in named if (number := int(name[1:])) in numbers]
    by_ending: dict[tuple[str, int], list[Facts]] = defaultdict(list)
    for one in facts:
        by_ending[ending(one), one.rounds].append(one)
    drawn = sorted(facts, key=lambda one: (draw(seed, "report", one.sequence_id), one.number))
    some = [
        one.number
        for those in by_ending.values()
        for one in sorted(those, key=lambda one: (draw(seed, "report", one.sequence_id), one.number))[
            :OF_EACH
        ]
    ]
    return list(dict.fromkeys([*first, *some, *(one.number for one in drawn)]))[:most]


def packed(value: Any) -> str:
    """JSON, compressed, as base64; the same value gives the same text."""
    return _packed(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def packed_records(
    records: Iterable[SequenceRecord], order: list[int], most_bytes: int
) -> tuple[str, list[int]]:
    """A JSON line for each record, as `packed`, and which A-numbers they are: as many as fit into `most_bytes`."""
    texts = {
        record.sequence.number: json.dumps(told(record), ensure_ascii=False, separators=(",", ":")).encode()
        + b"\n"
        for record in records
    }
    squeeze, size, kept = zlib.compressobj(6), 0, []
    for number in order:
        if number not in texts:
            continue
        size += len(squeeze.compress(texts[number])) + len(squeeze.flush(zlib.Z_SYNC_FLUSH))
        if size * 4 > most_bytes * 3:  # base64 makes four bytes of three
            break
        kept.append(number)
    kept.sort()
    return _packed(b"".join(texts[number] for number in kept)), kept


def told(record: SequenceRecord) -> dict[str, Any]:
    """A record for the eye: texts cut, programs with what changed in them."""
    sequence, cases, problem, checks = record.sequence, record.cases, record.problem, record.acceptance
    found: dict[str, Any] = {
        "id": sequence.id,
        "name": _cut(sequence.name),
        "terms": [_value(str(term)) for term in sequence.terms[:TERMS]],
        "listed": len(sequence.terms),
        "offset": sequence.offset,
        "keywords": list(sequence.keywords or ()),
        "split": record.split.value,
        "family": _cut(record.family),
        "agents": record.agents,
        "attempt": record.attempt,
        "outcome": record.outcome.value,
        "stage": record.stage.value,
        "reason": record.reason,
        "detail": _cut(record.detail),
        "earlier": [
            f"{one.agents}: {one.reason} ({one.stage.value}) {_cut(one.detail)}" for one in record.earlier
        ],
        "calls": [_call(call) for call in record.calls if call.prompt_id or call.prompt_tokens],
        "rounds": list(_rounds(record.rounds)),
        "paraphrases": [
            f"{told_.number}: {told_.reason or 'told'}; "
            f"{sum(not a.reason for a in told_.answers)} of {len(told_.answers)} answers accepted"
            for told_ in record.paraphrases
        ],
    }
    if (screening := record.screening) is not None:
        found["screening"] = {name: _text(value) for name, value in screening.model_dump().items()}
    if problem is not None:
        found["problem"] = {
            "description": _cut(problem.description),
            "input": _cut(problem.input_format),
            "output": _cut(problem.output_format),
            "examples": [[_value(e.input), _value(e.output), _cut(e.explanation)] for e in problem.examples],
        }
        found["validated"] = [_value(output) for output in record.validated]
    if cases is not None:
        found["cases"] = {
            "examples": _pairs(cases.examples),
            "hidden": _pairs(cases.hidden),
            "far": _pairs(cases.far[:FAR]),
            "far_total": len(cases.far),
        }
    if checks is not None:
        found["acceptance"] = {
            "far": f"{checks.far_checked} of {checks.far_total} checked, {checks.far_unseen} seen by no agent",
            "far_verdict": _verdict(checks.far),
            "lookup_table": _cut(checks.lookup_table),
            "rerun": _verdict(checks.rerun),
            "mutants": f"{checks.mutants_killed} of {checks.mutants} found by the hidden cases"
            if checks.mutants
            else "",
        }
    return found


def _rounds(rounds: tuple[Round, ...]) -> Iterator[dict[str, Any]]:
    before: Round | None = None
    for one in rounds:
        shown: dict[str, Any] = {
            "number": one.number,
            "fresh": one.fresh,
            "process": _cut(one.program.process),
            "source": _cut(one.program.source),
            "verdict": _verdict(one.verdict),
            "others": len(one.others),
        }
        if before is not None:
            shown["diff"] = _diff(before.program.source, one.program.source)
        if (failing := one.failing) is not None:
            shown["failing"] = {
                "input": _value(failing.input),
                "expected": _value(failing.expected),
                "got": _value(failing.got),
                "message": _cut(failing.message),
            }
        if one.analysis is not None:
            shown["analysis"] = {
                "why": _cut(one.analysis.why_expected),
                "wrong": _cut(one.analysis.what_is_wrong),
            }
        yield shown
        before = one


def _diff(before: str, after: str) -> list[str]:
    """Lines with `+`, `-` or a blank before them; without the head of a patch. As many as fit into a text."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))[2:]
    room = TEXT
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            return [*kept, f"@@ and {len(lines) - len(kept)} further lines"]
        kept.append(line)
    return kept


def _call(call: Call) -> list[Any]:
    return [
        call.stage,
        call.round,
        call.agent,
        call.prompt_tokens,
        call.completion_tokens,
        round(call.seconds, 1),
        call.attempts,
        int(call.replayed),
    ]


def _verdict(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    kind = verdict.kind.value.replace("_", " ")
    return f"{kind}, {verdict.passed} of {verdict.total} cases, {verdict.cpu_ms:.0f} ms"


def _pairs(group: tuple[Case, ...]) -> list[list[str]]:
    return [[_value(case.input), _value(case.output)] for case in group]


def _text(value: object) -> object:
    return _cut(value) if isinstance(value, str) else value


def _value(text: str) -> str:
    return _cut(text, VALUE)


def _cut(text: str, most: int = TEXT) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def _steps(numbers: Iterable[int]) -> list[int]:
    steps, last = [], 0
    for number in numbers:
        steps.append(number - last)
        last = number
    return steps


def _packed(body: bytes) -> str:
    return base64.b64encode(gzip.compress(body, 9, mtime=0)).decode()

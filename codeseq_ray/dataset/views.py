"""From a record to the rows of a release.

Rows hold what was made and judged, nothing of when, where or how fast: the same outcomes give the same rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from codeseq_ray.dataset.reflection import messages
from codeseq_ray.records import (
    ATTRIBUTION,
    LICENSE,
    Acceptance,
    Case,
    Outcome,
    Paraphrase,
    Problem,
    Round,
    SequenceRecord,
    Solution,
    Split,
    Stage,
    Verdict,
    VerdictKind,
)

T = TypeVar("T")

_JUDGED_ON_CASES = {Stage.REFLECTION, Stage.ACCEPTANCE}
"""Where a rejection's cases are those that its last program was judged on. At earlier stages the problem may have
been told anew, with other inputs, since then."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row and the file that it belongs to; its fields are the columns of `schemas.CONFIGS[config]`."""

    config: str
    split: str
    fields: dict[str, Any]


def rows(record: SequenceRecord) -> Iterator[Row]:
    """Every row that one record gives: a problem, its paraphrases, and SFT rows of the split `sft`; or a rejection.

    A failed record gives none: it was not judged.
    """
    if record.outcome is Outcome.REJECTED:
        yield Row("rejected", "train", _rejected(record))
    elif record.outcome is Outcome.ACCEPTED:
        problem = _problem(record)
        yield Row("problems", record.split.value, problem)
        if record.split is Split.SFT:
            yield Row("sft", "train", _sft(record, problem["problem_id"]))
            for told, answer in answered(record):
                paraphrase = _paraphrase(record, problem["problem_id"], told, answer)
                yield Row("paraphrases", "train", paraphrase)
                yield Row("sft", "train", _sft(record, paraphrase["problem_id"], told, answer))


def answered(record: SequenceRecord) -> Iterator[tuple[Paraphrase, Solution]]:
    """The paraphrases of an accepted problem, once with each accepted answer."""
    for told in record.paraphrases:
        yield from ((told, answer) for answer in told.answers if not answer.reason)


def left_out(record: SequenceRecord) -> list[str]:
    """Why paraphrases and answers to them are in no row: `paraphrase:REASON` and `answer:REASON`, one each."""
    return [
        *(f"paraphrase:{told.reason}" for told in record.paraphrases if told.reason),
        *(f"answer:{a.reason}" for told in record.paraphrases for a in told.answers if a.reason),
    ]


def problem_id(record: SequenceRecord) -> str:
    """The A-number with a digest of the problem's text: another text is another problem."""
    return problem_id_of(record.sequence.id, _made(record.problem).text())


def problem_id_of(sequence_id: str, text: str) -> str:
    return f"{sequence_id}-{hashlib.blake2b(text.encode(), digest_size=6).hexdigest()}"


def models(record: SequenceRecord) -> list[str]:
    """Models (with revision) that were asked, in alphabetical order."""
    return sorted({call.agent for call in record.calls if call.agent})


def prompt_ids(record: SequenceRecord) -> list[str]:
    return sorted({call.prompt_id for call in record.calls if call.prompt_id})


def walls(record: SequenceRecord) -> list[str]:
    """The walls that stood around *every* run of the last program; none if it never ran."""
    return _walls(record.rounds, record.acceptance)


def _walls(rounds: tuple[Round, ...], acceptance: Acceptance | None) -> list[str]:
    verdicts = [rounds[-1].verdict] if rounds else []
    if acceptance is not None:
        verdicts += [v for v in (acceptance.far, acceptance.rerun) if v is not None]
    ran = [v.walls for v in verdicts if v.kind is not VerdictKind.INFRASTRUCTURE and v.total > 0]
    return [wall for wall in ran[0] if all(wall in others for others in ran)] if ran else []


WEAK_BELOW = 0.5
"""Share of mutants killed below which a problem's cases are called weak."""


def strength(record: SequenceRecord) -> dict[str, int]:
    """How many mutants of the program were tried, and how many the hidden cases found."""
    checks = record.acceptance
    return {
        "mutants": checks.mutants if checks else 0,
        "mutants_killed": checks.mutants_killed if checks else 0,
    }


def weak(mutants: int, mutants_killed: int) -> bool:
    """Whether the hidden cases found too few of the mutants; False where none were tried."""
    return mutants_killed < WEAK_BELOW * mutants


def _problem(record: SequenceRecord) -> dict[str, Any]:
    sequence, cases, problem = record.sequence, _made(record.cases), _made(record.problem)
    return {
        "problem_id": problem_id(record),
        "sequence_id": sequence.id,
        "name": sequence.name,
        "offset": None if sequence.offset is None else str(sequence.offset),
        "family": record.family,
        "agents": record.agents,
        "models": models(record),
        "prompt_ids": prompt_ids(record),
        "description": problem.description,
        "input_format": problem.input_format,
        "output_format": problem.output_format,
        "examples": _examples(problem),
        "cases": _cases(cases.hidden),
        "far_cases": _cases(cases.far),
        "far_checked": record.acceptance.far_checked if record.acceptance else 0,
        "far_unseen": record.acceptance.far_unseen if record.acceptance else 0,
        "program": _made(record.program).source,
        **strength(record),
        "weak_cases": weak(**strength(record)),
        "rounds": record.corrections,
        "walls": walls(record),
        "tokens": record.tokens,
        **_source(record),
    }


def _paraphrase(record: SequenceRecord, of: str, told: Paraphrase, answer: Solution) -> dict[str, Any]:
    cases, problem, checks = _made(record.cases), _made(told.problem), _made(answer.acceptance)
    return {
        "problem_id": problem_id_of(record.sequence.id, problem.text()),
        "sequence_id": record.sequence.id,
        "paraphrase_of": of,
        "paraphrase": told.number,
        "answer": answer.number,
        "family": record.family,
        "description": problem.description,
        "input_format": problem.input_format,
        "output_format": problem.output_format,
        "examples": _examples(problem),
        "cases": _cases(cases.hidden),
        "far_cases": _cases(cases.far),
        "far_checked": checks.far_checked,
        "far_unseen": checks.far_unseen,
        "program": answer.rounds[-1].program.source,
        "rounds": answer.rounds[-1].number,
        "walls": _walls(answer.rounds, checks),
        **_source(record),
    }


def _sft(
    record: SequenceRecord, problem: str, told: Paraphrase | None = None, answer: Solution | None = None
) -> dict[str, Any]:
    """Of the problem as it was told first, or of a paraphrase and an answer to it; `problem` is its id."""
    rounds = answer.rounds if answer else record.rounds
    return {
        "problem_id": problem,
        "sequence_id": record.sequence.id,
        "paraphrase": told.number if told else 0,
        "answer": answer.number if answer else 0,
        "messages": messages(_made(told.problem if told else record.problem), _made(record.cases), rounds),
        "rounds": rounds[-1].number,
        "license": LICENSE,
        "source_url": record.sequence.url,
    }


def _rejected(record: SequenceRecord) -> dict[str, Any]:
    problem, program = record.problem, record.program
    cases = record.cases if record.stage in _JUDGED_ON_CASES and record.rounds else None
    verdict, case = _deciding(record)
    return {
        "sequence_id": record.sequence.id,
        "name": record.sequence.name,
        "family": record.family,
        "split": record.split.value,
        "agents": record.agents,
        "stage": record.stage.value,
        "reason": record.reason,
        "detail": record.detail,
        "rounds": record.corrections,
        "description": problem.description if problem else None,
        "input_format": problem.input_format if problem else None,
        "output_format": problem.output_format if problem else None,
        "examples": _examples(problem) if problem else None,
        "cases": _cases(cases.hidden) if cases else None,
        "far_cases": _cases(cases.far) if cases else None,
        "far_checked": record.acceptance.far_checked if record.acceptance else 0,
        "program": program.source if program else None,
        "verdict": verdict.kind.value if verdict else None,
        "failing_input": case.input if case else None,
        "failing_expected": case.output if case else None,
        "failing_got": verdict.got if verdict and case else None,
        "tokens": record.tokens,
        **_source(record),
    }


def _deciding(record: SequenceRecord) -> tuple[Verdict | None, Case | None]:
    """The verdict that ended the way, and the case it failed on: of the far cases or the second run where one failed,
    else of the last round."""
    acceptance, cases = record.acceptance, record.cases
    if acceptance is not None and cases is not None:
        for verdict, group in ((acceptance.far, cases.far), (acceptance.rerun, cases.hidden)):
            if verdict is not None and verdict.failing_case is not None:
                return verdict, group[verdict.failing_case]
    if not record.rounds:
        return None, None
    last = record.rounds[-1]
    failing = last.failing
    return last.verdict, Case(input=failing.input, output=failing.expected) if failing else None


def _made(part: T | None) -> T:
    """A part that every accepted record has. Its lack is a bug of the loop, not a property of the data."""
    if part is None:
        raise ValueError("an accepted record lacks its problem, cases or program")
    return part


def _source(record: SequenceRecord) -> dict[str, str]:
    return {"license": LICENSE, "attribution": ATTRIBUTION, "source_url": record.sequence.url}


def _cases(group: tuple[Case, ...]) -> list[dict[str, str]]:
    return [{"input": case.input, "output": case.output} for case in group]


def _examples(problem: Problem) -> list[dict[str, str]]:
    return [{"input": e.input, "output": e.output, "explanation": e.explanation} for e in problem.examples]

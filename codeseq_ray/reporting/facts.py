"""What a report remembers of each sequence that came to an outcome: small enough to hold all of them."""

from __future__ import annotations

from dataclasses import dataclass
from sys import intern

from codeseq_ray.records import Case, Outcome, Reason, Round, SequenceRecord, Stage
from codeseq_ray.reporting.kinds import Kinds, kinds_of
from codeseq_ray.reporting.mistakes import mistake, signature

DETAIL = 240
"""Characters of a detail that are kept."""

STEPS: tuple[tuple[str, tuple[Stage, ...]], ...] = (
    ("cases", (Stage.CASES,)),
    ("filter", (Stage.FILTER,)),
    ("problem", (Stage.PROBLEM,)),
    ("checks", (Stage.CHECKS,)),
    ("validation", (Stage.VALIDATION,)),
    ("program", (Stage.PROGRAM, Stage.REFLECTION)),
    ("acceptance", (Stage.ACCEPTANCE, Stage.PARAPHRASE)),
)
"""The loop as a row of gates. A program that the rounds do not bring to pass is one gate, whoever wrote it."""
ACCEPTED = len(STEPS)
_STEP = {stage: at for at, (_, stages) in enumerate(STEPS) for stage in stages}


@dataclass(frozen=True, slots=True)
class Spent:
    """Of one sequence's calls at a stage in a round."""

    stage: str
    round: int
    calls: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    """Of its answered requests one after the other; what was replayed took none."""
    replayed: int


@dataclass(frozen=True, slots=True)
class Tried:
    """One round's program."""

    number: int
    passed: bool
    share: float
    """Of its cases that held up to the first that did not, as the judge counts."""
    mistake: str
    """What was wrong with it, in few words; empty when it passed."""
    unchanged: bool
    """The same program as the round before, but for white space; or the same wrong answer to the same case."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One sequence. Texts are the record's, cut."""

    number: int
    name: str
    outcome: Outcome
    reason: str
    detail: str
    signature: str
    """Alike where details differ in numbers and quoted texts alone."""
    step: int
    """The gate of `STEPS` that it did not pass; `ACCEPTED` where it passed all."""
    agents: str
    rounds: int
    kinds: Kinds
    spent: tuple[Spent, ...]
    tried: tuple[Tried, ...]
    kept_at_first: bool | None
    """The filter's first answer; None: it was not asked."""
    keep: bool | None
    """The same after its reflection."""
    mutants: int
    mutants_killed: int

    @property
    def tokens(self) -> int:
        return sum(spent.prompt_tokens + spent.completion_tokens for spent in self.spent)

    @property
    def seconds(self) -> float:
        return sum(spent.seconds for spent in self.spent)

    @property
    def accepted(self) -> bool:
        return self.outcome is Outcome.ACCEPTED

    @property
    def sequence_id(self) -> str:
        return f"A{self.number:06d}"


def facts_of(record: SequenceRecord, members: int) -> Facts:
    """What is to be remembered of a record; `members`: of its family, in the plan."""
    screening, checks = record.screening, record.acceptance
    accepted = record.outcome is Outcome.ACCEPTED
    return Facts(
        number=record.sequence.number,
        name=record.sequence.name,
        outcome=record.outcome,
        reason=intern(record.reason),
        detail=_detail(record)[:DETAIL],
        signature=intern("" if accepted else signature(_detail(record))),
        step=ACCEPTED if accepted else _STEP[record.stage],
        agents=intern(record.agents),
        rounds=record.corrections,
        kinds={
            side: tuple(intern(label) for label in labels)
            for side, labels in kinds_of(record.sequence, members).items()
        },
        spent=_spent(record),
        tried=tuple(_tried(record)),
        kept_at_first=screening.kept_at_first if screening else None,
        keep=screening.keep if screening else None,
        mutants=checks.mutants if checks else 0,
        mutants_killed=checks.mutants_killed if checks else 0,
    )


def _detail(record: SequenceRecord) -> str:
    """Of a traceback its last line: how they begin is the same for all."""
    if record.reason == Reason.INTERNAL_ERROR:
        return (record.detail.strip().splitlines() or [""])[-1]
    return record.detail


def _spent(record: SequenceRecord) -> tuple[Spent, ...]:
    sums: dict[tuple[str, int], list[float]] = {}
    for call in record.calls:
        if not (call.prompt_id or call.prompt_tokens):  # a built-in agent's: it costs nothing
            continue
        line = sums.setdefault((intern(call.stage), call.round), [0, 0, 0, 0.0, 0])
        for at, value in enumerate(
            (
                1,
                call.prompt_tokens,
                call.completion_tokens,
                0.0 if call.replayed else call.seconds,
                call.replayed,
            )
        ):
            line[at] += value
    return tuple(
        Spent(stage, number, int(calls), int(prompt), int(written), seconds, int(replayed))
        for (stage, number), (calls, prompt, written, seconds, replayed) in sums.items()
    )


def _tried(record: SequenceRecord) -> list[Tried]:
    known = {case.input: case.output for case in _known(record)}
    tried: list[Tried] = []
    before: Round | None = None
    for one in record.rounds:
        verdict = one.verdict
        tried.append(
            Tried(
                number=one.number,
                passed=verdict.ok,
                share=verdict.passed / verdict.total if verdict.total else 0.0,
                mistake="" if verdict.ok else intern(mistake(one, known)),
                unchanged=before is not None and _same(before, one),
            )
        )
        before = one
    return tried


def _known(record: SequenceRecord) -> tuple[Case, ...]:
    cases = record.cases
    return () if cases is None else (*cases.examples, *cases.hidden, *cases.far)


def _same(before: Round, after: Round) -> bool:
    if "".join(before.program.source.split()) == "".join(after.program.source.split()):
        return True
    a, b = before.failing, after.failing
    return a is not None and b is not None and bool(a.got) and (a.input, a.got) == (b.input, b.got)

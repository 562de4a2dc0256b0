"""Runs to report on, made of records as the loop leaves them, with texts that a page must not believe."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

from codeseq_ray.records import (
    Acceptance,
    Analysis,
    Call,
    Case,
    Cases,
    Example,
    FailingCase,
    Outcome,
    PlanRow,
    Problem,
    Program,
    Reason,
    Round,
    Screening,
    Sequence,
    SequenceRecord,
    Split,
    Stage,
    Verdict,
    VerdictKind,
)
from codeseq_ray.store.ledger import LedgerWriter
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.run import RunStore

HOSTILE = (
    "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>",
    "</script><script>window.hacked=1</script>",
    "{{ 7*7 }} {% raw %} ${alert(1)} `x` ' \" & &amp;",
    "javascript:window.hacked=1 <a href=javascript:window.hacked=1>x</a> <svg onload=window.hacked=1>",
    "\u202eevil\u202c \x1b[31mred\x1b[0m \u2028 \x00 <!-- ]]> -->",
)
_STAGES = (
    (Stage.CASES, Reason.TOO_FEW_FAR_CASES),
    (Stage.FILTER, Reason.FILTERED_OUT),
    (Stage.CHECKS, Reason.EXAMPLE_WRONG),
    (Stage.VALIDATION, Reason.NOT_VALIDATED),
    (Stage.REFLECTION, Reason.ROUNDS_USED_UP),
    (Stage.ACCEPTANCE, Reason.FAR_CASE_FAILED),
)
_RIGHT = Verdict(kind=VerdictKind.PASSED, passed=7, total=7, cpu_ms=11.0, walls=("landlock:7", "seccomp"))


def record(number: int, seed: int = 0, *, hostile: bool = False, accept: float = 0.3) -> SequenceRecord:
    """One record, drawn by its number; `accept`: the chance that it is accepted."""
    draw = random.Random(f"{seed}/{number}")
    say = (lambda: draw.choice(HOSTILE)) if hostile else (lambda: f"a text about {draw.randrange(5)} things")
    accepted = draw.random() < accept
    stage, reason = (Stage.ACCEPTANCE, "") if accepted else draw.choice(_STAGES)
    terms = tuple(n * (number % 5 + 1) + number % 3 for n in range(20))
    pairs = [Case(input=str(n), output=str(term)) for n, term in enumerate(terms)]
    cases = Cases(shift=0, examples=tuple(pairs[:2]), hidden=tuple(pairs[2:7]), far=tuple(pairs[7:]))
    late = accepted or stage in (Stage.REFLECTION, Stage.ACCEPTANCE)
    written = late or stage in (Stage.CHECKS, Stage.VALIDATION)
    rounds = tuple(_rounds(draw, cases, stage is Stage.REFLECTION, say)) if late else ()
    return SequenceRecord(
        sequence=Sequence(
            id=f"A{number:06d}",
            name=f"Number of {say()}" if number % 2 else f"a(n) = {number}*n. {say()}",
            terms=terms,
            offset=number % 3,
            keywords=("nonn", "easy") if number % 4 else None,
        ),
        split=Split.SFT,
        family=f"A{number - number % 3:06d}",
        attempt=1,
        agents="m<b>1</b>" if hostile else "m1+m2",
        outcome=Outcome.ACCEPTED if accepted else Outcome.REJECTED,
        stage=stage,
        reason=str(reason),
        detail="" if accepted else f"worked out ['{number}'] instead of {say()}",
        screening=Screening(
            plan=say(),
            kept_at_first=True,
            first_reason=say(),
            reflection=say(),
            keep=stage != Stage.FILTER,
            reason=say(),
        ),
        cases=cases if written else None,
        problem=_problem(cases, say) if written else None,
        validated=(say(), say()) if late else (),
        rounds=rounds,
        acceptance=Acceptance(
            far_checked=13, far_total=13, far=_RIGHT, rerun=_RIGHT, mutants=6, mutants_killed=number % 7
        )
        if accepted
        else None,
        calls=tuple(_calls(draw, rounds, written)),
    )


def _problem(cases: Cases, say: object) -> Problem:
    assert callable(say)
    shown = tuple(Example(input=c.input, output=c.output, explanation=say()) for c in cases.examples)
    return Problem(description=say(), input_format=say(), output_format=say(), examples=shown)


def _rounds(draw: random.Random, cases: Cases, used_up: bool, say: object) -> Iterable[Round]:
    assert callable(say)
    last = 5 if used_up else draw.choice((0, 0, 1, 2))
    for number in range(last + 1):
        good = number == last and not used_up
        failing = cases.hidden[draw.randrange(3)]
        kind = draw.choice((VerdictKind.WRONG_ANSWER, VerdictKind.RUNTIME_ERROR, VerdictKind.TIME_LIMIT))
        wrong = Verdict(kind=kind, passed=draw.randrange(5), total=7, failing_case=0, got="3", message=say())
        yield Round(
            number=number,
            program=Program(
                source=f"n = int(input())\nprint(n * {draw.randrange(3)})  # {say()}", process=say()
            ),
            verdict=_RIGHT if good else wrong,
            failing=None
            if good
            else FailingCase(input=failing.input, expected=failing.output, got="3", kind=kind, message=say()),
            analysis=None if good else Analysis(why_expected=say(), what_is_wrong=say()),
        )


def _calls(draw: random.Random, rounds: tuple[Round, ...], written: bool) -> Iterable[Call]:
    asked = [("filter", 0)] + [("problem", 0), ("validation", 0)] * written
    asked += [("program" if one.number == 0 else "correction", one.number) for one in rounds]
    asked += [("analysis", one.number) for one in rounds if one.failing]
    for stage, number in asked:
        yield Call(
            stage=stage,
            agent="m1",
            round=number,
            prompt_id="p",
            prompt_tokens=draw.randrange(100, 900),
            completion_tokens=draw.randrange(20, 300),
            seconds=draw.random() * 9,
        )


def failed(number: int) -> SequenceRecord:
    one = record(number, accept=0)
    return one.model_copy(
        update={
            "outcome": Outcome.FAILED,
            "reason": Reason.INFRASTRUCTURE.value,
            "detail": "no server answered",
        }
    )


def run_of(
    folder: Path,
    records: Iterable[SequenceRecord],
    run_id: str = "r",
    dropped: Iterable[int] = (),
    missing: int = 0,
) -> RunStore:
    """A stored run: these records, a plan with them, `dropped` ids and `missing` ones, and a manifest."""
    run = RunStore(open_store(str(folder)), run_id)
    made = list(records)
    rows = [
        PlanRow(sequence_id=r.sequence_id, family=r.family, split=r.split, selected=True, reason="")
        for r in made
    ]
    rows += [_planned(number, "family_cap") for number in dropped]
    rows += [_planned(900_000 + at, "") for at in range(missing)]
    run.write_plan(sorted(rows, key=lambda row: row.sequence_id))
    run.write_manifest(
        {
            "run_id": run_id,
            "fingerprint": "f",
            "row_settings": {"seed": 0, "agents": "llm", "corrections": 5, "prompts": run_id},
            "versions": {"python": "3"},
        }
    )
    writer = LedgerWriter(run, "loop", every=50, seconds=1e9)
    for one in made:
        writer.add(one)
    writer.flush()
    return run


def _planned(number: int, reason: str) -> PlanRow:
    name = f"A{number:06d}"
    return PlanRow(sequence_id=name, family=name, split=Split.SFT, selected=not reason, reason=reason)

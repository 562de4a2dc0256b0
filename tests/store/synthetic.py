"""Records made up for these tests, and stores that fail on request."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow.parquet as pq

from codeseq_ray.errors import StoreError
from codeseq_ray.ports import Entry
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
    Sequence,
    SequenceRecord,
    Split,
    Stage,
    Verdict,
    VerdictKind,
)
from codeseq_ray.store.run import RunStore

WALLS = ("landlock:7", "seccomp", "rlimits")


def record(
    number: int,
    outcome: Outcome = Outcome.ACCEPTED,
    *,
    attempt: int = 1,
    split: Split = Split.SFT,
    corrections: int = 0,
    detail: str = "",
    seconds: float = 0.25,
    padding: int = 0,
) -> SequenceRecord:
    """A record of the multiples of `number`; `padding` makes it that many bytes longer."""
    terms = tuple(number * i for i in range(30))
    cases = [Case(input=str(i), output=str(t)) for i, t in enumerate(terms)]
    passed = Verdict(kind=VerdictKind.PASSED, passed=8, total=8, cpu_ms=40 * seconds, walls=WALLS)
    wrong = passed.model_copy(update={"kind": VerdictKind.WRONG_ANSWER, "passed": 1, "failing_case": 1})
    failing = FailingCase(
        input="3", expected=str(number * 3), got="7001", kind=VerdictKind.WRONG_ANSWER, message=""
    )
    rounds = [
        Round(
            number=i,
            program=Program(source=f"print({i} * int(input()))", process=f"Guess number {i}."),
            verdict=wrong,
            failing=failing,
            analysis=Analysis(why_expected=f"Three times {number}.", what_is_wrong=f"{i} is not {number}."),
        )
        for i in range(corrections)
    ]
    last = Program(source=f"print({number} * int(input()))", process="It is a product.")
    rounds.append(Round(number=corrections, program=last, verdict=passed))
    accepted = outcome is Outcome.ACCEPTED
    return SequenceRecord(
        sequence=Sequence(id=f"A{number:06d}", name=f"Multiples of {number}.", terms=terms, offset=0),
        split=split,
        family=f"F{number % 5}",
        attempt=attempt,
        agents="builtin",
        outcome=outcome,
        stage=Stage.ACCEPTANCE if accepted else Stage.PROBLEM,
        reason=""
        if accepted
        else {"rejected": Reason.NO_RULE_FOUND, "failed": Reason.INFRASTRUCTURE}[outcome],
        detail=detail,
        cases=Cases(shift=0, examples=tuple(cases[:2]), hidden=tuple(cases[2:10]), far=tuple(cases[10:])),
        problem=Problem(
            description=f"A box holds {number} pens. " + _noise(number, padding),
            input_format="n boxes.",
            output_format="The number of pens.",
            examples=tuple(Example(input=c.input, output=c.output, explanation="Count.") for c in cases[:2]),
        )
        if outcome is not Outcome.FAILED
        else None,
        rounds=tuple(rounds) if accepted else (),
        acceptance=Acceptance(far_checked=20, far_total=20, far=passed, rerun=passed) if accepted else None,
        calls=(
            Call(stage="problem", agent="builtin", seconds=seconds, prompt_tokens=3, completion_tokens=4),
        ),
    )


def _noise(seed: int, length: int) -> str:
    """Text that hardly compresses, so that sizes are those of the real thing."""
    state, words = seed + 1, []
    for _ in range(length // 16):
        state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        words.append(f"{state:016x}")
    return "".join(words)


def plan_row(number: int, *, split: Split = Split.SFT, reason: str = "") -> PlanRow:
    return PlanRow(
        sequence_id=f"A{number:06d}", family=f"F{number % 5}", split=split, selected=not reason, reason=reason
    )


class Died(BaseException):
    """The process that writes or reads is gone."""


class MemoryStore:
    """Objects in a dict, and whatever a server may do to a request."""

    uri = "memory"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.modified: dict[str, datetime] = {}
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        """The store's own clock: a second for each write, or what a test sets it to."""
        self.faults: list[str] = []
        """What happens to the next writes: `fine`, `lost` (nothing written, an error: 503, a 409 that lasts, no
        connection), `reply lost` (written, an error), `repeated` (written, and the client's own retry finds it
        there: 412), `dies` and `dies after` (the process is gone before, or after, the object is there)."""
        self.read_faults: list[str] = []
        """What happens to the next reads: `fine`, `lost` (an error), `cut` (half a body, without an error)."""
        self.listing_faults: list[str | int] = []
        """What happens to the next listings: `fine`, `lost`, or of how many writes ago they tell."""
        self.past: deque[frozenset[str]] = deque(maxlen=20)
        """Which objects there were before each of the last writes."""
        self.writes = 0
        self.fail_at: int | None = None
        """Number of the write from which on every write fails: a process that dies there."""

    def put(self, key: str, body: bytes) -> None:
        self._write(key, body, self._fault())

    def put_new(self, key: str, body: bytes) -> bool:
        fault = self._fault()
        if key in self.objects:
            if fault not in ("fine", "repeated"):
                self._raise(fault)
            return False
        self._write(key, body, fault)
        return fault != "repeated"

    def get(self, key: str) -> bytes:
        fault = self.read_faults.pop(0) if self.read_faults else "fine"
        if fault == "lost":
            self._raise(fault)
        body = self.objects[key]
        return body[: len(body) // 2] if fault == "cut" else body

    def list(self, prefix: str) -> Iterator[str]:
        fault = self.listing_faults.pop(0) if self.listing_faults else "fine"
        if fault == "lost":
            self._raise(fault)
        there: Iterable[str] = self.objects
        if isinstance(fault, int) and self.past:
            there = self.past[-min(fault, len(self.past))]
        yield from sorted(key for key in there if key.startswith(prefix))

    def entries(self, prefix: str) -> Iterator[Entry]:
        for key in self.list(prefix):
            if key in self.objects:
                yield Entry(key, len(self.objects[key]), self.modified.get(key, self.now))

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)

    def _write(self, key: str, body: bytes, fault: str) -> None:
        if fault not in ("lost", "dies"):
            self.past.append(frozenset(self.objects))
            self.now += timedelta(seconds=1)
            self.objects[key], self.modified[key] = body, self.now
        if fault not in ("fine", "repeated"):
            self._raise(fault)

    def _raise(self, fault: str) -> None:
        if fault.startswith("dies"):
            raise Died(fault)
        raise StoreError(fault, transient=True)

    def _fault(self) -> str:
        self.writes += 1
        if self.fail_at is not None and self.writes >= self.fail_at:
            return "lost"
        return self.faults.pop(0) if self.faults else "fine"


def stored_rows(run: RunStore, folder: str) -> list[tuple[str, dict[str, Any]]]:
    """Every row below a folder with its object's name, read without the code under test."""
    return [
        (name, row)
        for name in run.list(folder)
        for row in pq.read_table(io.BytesIO(run.store.get(run.key(name)))).to_pylist()
    ]

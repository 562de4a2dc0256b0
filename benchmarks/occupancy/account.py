"""The server's account of one contestant → figures."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass
from typing import Any

from benchmarks.occupancy.workload import Workload


@dataclass(frozen=True)
class Call:
    """One request by the server's clock, in seconds."""

    record: int
    round: int
    arrived: float
    started: float
    ended: float
    delivered: bool


@dataclass(frozen=True)
class Account:
    """What the server saw."""

    calls: tuple[Call, ...]
    slots: int
    other_requests: dict[str, int]
    most_waiting: int
    server_cpu_seconds: float

    @classmethod
    def of(cls, told: dict[str, Any], slots: int) -> Account:
        return cls(
            calls=tuple(Call(*call) for call in told["calls"]),
            slots=slots,
            other_requests=told["other_requests"],
            most_waiting=told["most_waiting"],
            server_cpu_seconds=told["cpu_seconds"],
        )

    @property
    def first(self) -> float:
        """When the first call arrived."""
        return self.calls[0].arrived

    @property
    def span(self) -> float:
        """Seconds from the first call's arrival to the last answer."""
        return max(call.ended for call in self.calls) - self.first

    def faults(self, work: Workload, records: list[int]) -> list[str]:
        """Everything in which the calls differ from those of the work; empty when they are the same."""
        found = []
        wanted = work.calls(records)
        made = Counter((call.record, call.round) for call in self.calls if call.delivered)
        if missing := len(wanted - made.keys()):
            found.append(f"{missing} calls missing")
        if foreign := len(made.keys() - wanted):
            found.append(f"{foreign} calls that nothing asked for")
        if repeated := sum(count - 1 for count in made.values()):
            found.append(f"{repeated} calls made again")
        if abandoned := sum(not call.delivered for call in self.calls):
            found.append(f"{abandoned} calls abandoned")
        answered = {(call.record, call.round): call.ended for call in self.calls}
        if early := sum(
            call.round > 1 and call.arrived < answered.get((call.record, call.round - 1), float("inf"))
            for call in self.calls
        ):
            found.append(f"{early} calls before the answer that they depend on")
        return found

    def figures(self) -> dict[str, float]:
        """Span, occupancies (shares of slot-seconds), and how long a free slot waited for its next call."""
        spans = [(call.started - self.first, call.ended - self.first) for call in self.calls]
        last_record = max(call.started for call in self.calls if call.round == 1) - self.first
        refills = self._refills(last_record)
        return {
            "span": self.span,
            "fed": busy(spans, self.slots, max(start for start, _ in spans)),
            "whole": busy(spans, self.slots, self.span),
            # Until the last record's first call: until then there is always something to send.
            "fed_while_new": busy(spans, self.slots, last_record),
            "refill_median_ms": 1000 * statistics.median(refills),
            "refill_p99_ms": 1000 * sorted(refills)[int(0.99 * (len(refills) - 1))],
            "most_waiting": self.most_waiting,
            "calls": len(self.calls),
            "server_cpu_ms": 1000 * self.server_cpu_seconds / len(self.calls),
        }

    def _refills(self, until: float) -> list[float]:
        """The k-th slot to become free is refilled by the k-th call after those that filled all slots at first."""
        starts = sorted(call.started for call in self.calls)[self.slots :]
        ends = sorted(call.ended for call in self.calls)
        return [
            max(0.0, start - end)
            for start, end in zip(starts, ends, strict=False)
            if start - self.first <= until
        ] or [0.0]


def busy(spans: list[tuple[float, float]], slots: int, until: float) -> float:
    """Share of the slots' time up to `until` in which a call ran; times count from the first call."""
    return sum(min(end, until) - min(start, until) for start, end in spans) / (slots * until)

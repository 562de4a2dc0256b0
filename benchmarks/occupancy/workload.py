"""The work: records of 1–5 dependent rounds. How long a call takes and what it says is drawn by a hash.

Nothing here is random twice: the same record and round have the same latency and the same answer in every run, so
all contestants have the same calls to make. Standard library only: peers import it in environments of their own.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from statistics import NormalDist

MOST_ROUNDS = 5
MODEL = "occupancy"
AGAIN = "verdict: again"
DONE = "verdict: done"
_MARK = re.compile(rb"\[record (\d+) round (\d+)\]")
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Workload:
    """What the server draws from."""

    chance: float = 0.45
    """That a round needs another one, up to MOST_ROUNDS."""
    median_seconds: float = 0.5
    sigma: float = 0.8
    seed: int = 0

    def seconds(self, record: int, round_: int) -> float:
        """Time that the server takes for this call once it has a slot (lognormal)."""
        drawn = self._uniform("seconds", record, round_)
        return self.median_seconds * math.exp(self.sigma * _NORMAL.inv_cdf(drawn))

    def again(self, record: int, round_: int) -> bool:
        """Does the answer of this round ask for another one?"""
        return round_ < MOST_ROUNDS and self._uniform("again", record, round_) < self.chance

    def rounds(self, record: int) -> int:
        return next(round_ for round_ in range(1, MOST_ROUNDS + 1) if not self.again(record, round_))

    def calls(self, records: Iterable[int]) -> set[tuple[int, int]]:
        """Every (record, round) that has to be asked for."""
        return {(record, round_) for record in records for round_ in range(1, self.rounds(record) + 1)}

    def _uniform(self, what: str, record: int, round_: int) -> float:
        text = f"{self.seed} {what} {record} {round_}"
        drawn = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest(), "big")
        return (drawn + 0.5) / 2**56  # never 0 or 1, also as a float


# ------------------------------------------------------------------------------------------------- texts


def mark(record: int, round_: int) -> str:
    """Stands in a prompt and tells the server what is asked for."""
    return f"[record {record:06d} round {round_}]"


def marked(body: bytes) -> tuple[int, int] | None:
    """The call that a request's body asks for: its latest round, as a prompt may hold the earlier ones too."""
    found = _MARK.findall(body)
    return max((int(record), int(round_)) for record, round_ in found) if found else None


SYSTEM = "You are a careful programmer. You think first, then write one complete Python program."
_STORY = (
    "A keeper counts the lamps of a long wall. On every day she adds as many as the rule of the house asks for, "
    "writes the number into her book, and goes on to the next day; a visitor who knows the day can tell the number "
    "of lamps without looking. "
)
TASK = (
    _STORY
    * 4
    + "\n\nInput\nOne integer n, the day.\n\nOutput\nOne integer, the number of lamps on that day.\n\nRules: read n "
    "from standard input, print nothing but the answer, use the standard library only. First say in a few sentences "
    "what the rule is, then give the whole program in one Python block. Nothing may follow the block."
)


def prompt(record: int, round_: int) -> str:
    """The user's turn, about 1.4 KB; with the system's 1.5."""
    return f"{mark(record, round_)}\n{TASK}"


def answer(record: int, round_: int, again: bool) -> str:
    """The server's answer, about 1 KB: thoughts, and a program that is right when no other round is needed.

    A program that has to be corrected carries the mark of the next round, so that whoever repeats it in the next
    prompt asks for that round.
    """
    thoughts = (
        "The number of lamps grows with the day. I write the first values down, look at their differences, and find "
        "that the second differences do not change, so a polynomial of degree two will do. Its leading coefficient "
        "is half of that second difference; the others follow from the first two values. I check the formula on "
        "both examples: the first gives what the text shows, and so does the second. The program reads the day, "
        "computes the value with exact integers, and prints it; nothing else is printed, and no list is kept, so "
        "that a late day costs no more than an early one. Negative days do not occur. The work is constant for "
        "every input, far below any limit on time or memory."
    )
    if again:
        lines = (f"# {AGAIN} {mark(record, round_ + 1)}", "n = int(input())", "print(0)")
    else:
        lines = (f"# {DONE}", "n = int(input())", f"print(n * n + {record} * n + 1)")
    program = "\n".join(lines)
    return f"{thoughts}\n\n```python\n{program}\n```\n"


# ---------------------------------------------------------------------------------------------- reckoned


def without_overhead(
    work: Workload, records: list[int], slots: int, open_records: int
) -> list[tuple[int, float, float]]:
    """Round, start and end of every call where nothing but the server's latency takes time, first come first served.

    What a client could reach at best that keeps `open_records` records open and `slots` requests in flight.
    """
    to_open = iter(records)
    waiting: list[tuple[int, int]] = []
    running: list[tuple[float, int, int]] = []
    spans: list[tuple[int, float, float]] = []
    now, at = 0.0, 0

    def open_one() -> None:
        record = next(to_open, None)
        if record is not None:
            waiting.append((record, 1))

    for _ in range(open_records):
        open_one()
    while at < len(waiting) or running:
        while at < len(waiting) and len(running) < slots:
            record, round_ = waiting[at]
            at += 1
            end = now + work.seconds(record, round_)
            spans.append((round_, now, end))
            heappush(running, (end, record, round_))
        now, record, round_ = heappop(running)
        if work.again(record, round_):
            waiting.append((record, round_ + 1))
        else:
            open_one()
    return spans

"""What is to be seen of a run at one moment, and the words that its line and its view share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from codeseq_ray.records import Outcome, Stage
from codeseq_ray.watching.pace import Eta, History, eta
from codeseq_ray.watching.standing import Standing

_PASSED_BY = frozenset({Stage.CASES, Stage.CHECKS})
"""Stages that take no time: nothing is ever seen at them."""


@dataclass(frozen=True)
class Words:
    """What a job calls the things that it counts."""

    work: str = "loops"
    things: str = "sequences"
    """What is open."""
    outcomes: tuple[str, str, str] = ("accepted", "rejected", "failed")
    row: str = "accepted row"
    failed_are_done: bool = True
    """Whether what failed counts among what is done in this start."""


@dataclass(frozen=True)
class Ending:
    """The run was told to stop."""

    reason: str
    seconds: float
    """That what is open may still take."""


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment."""

    words: Words
    run: str
    uri: str
    standing: Standing
    total: int
    """What this start is to bring to an outcome."""
    seconds: float
    """Since its work began."""
    history: History
    ending: Ending | None = None
    notices: Counter[str] = field(default_factory=Counter)
    """Lines that were said, and how often each was meant."""

    @property
    def counts(self) -> tuple[int, int, int]:
        """Accepted, rejected, failed."""
        accepted, rejected, failed = (self.standing.of(outcome.value) for outcome in Outcome)
        return accepted, rejected, failed

    @property
    def done(self) -> int:
        return done(self.words, self.standing)

    @property
    def eta(self) -> Eta | None:
        return eta(self.history, "done", self.total)

    @property
    def stages(self) -> list[tuple[str, int, int, float]]:
        """(stage, open there, came to it so far, came to it by the second), in the order of the loop."""
        standing = self.standing
        return [
            (stage.value, standing.at[stage], standing.entered[stage], self.history.rate(f"stage {stage}"))
            for stage in Stage
            if standing.entered[stage] and stage not in _PASSED_BY
        ]

    @property
    def tokens_per_row(self) -> float | None:
        """All that this start paid for, by what it brought to acceptance."""
        accepted = self.counts[0]
        return self.standing.spent.tokens / accepted if accepted else None


def done(words: Words, standing: Standing) -> int:
    accepted, rejected, failed = (standing.of(outcome.value) for outcome in Outcome)
    return accepted + rejected + failed * words.failed_are_done


def totals_of(words: Words, standing: Standing) -> Mapping[str, float]:
    """What the history keeps of a standing."""
    return {
        "done": done(words, standing),
        "tokens": standing.spent.tokens,
        "requests": standing.spent.requests,
        "runs": standing.runs,
        **{f"stage {stage}": count for stage, count in standing.entered.items()},
    }


# ------------------------------------------------------------------------------------------------ words


def duration(seconds: float) -> str:
    """A time for a person, in two units at most."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours / 24:.1f} days"


def clock(seconds: float) -> str:
    """How long something has been running: h:mm:ss."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def per(rate: float) -> str:
    """A rate (by the second) in the unit in which it is easiest to read."""
    if rate >= 0.95 or rate <= 0:
        return f"{rate:,.0f}/s" if rate >= 100 or rate <= 0 else f"{rate:.1f}/s"
    return f"{60 * rate:.1f}/min" if rate >= 0.95 / 60 else f"{3600 * rate:.1f}/h"


def to_go(left: Eta | None) -> str:
    """What is left, with its uncertainty."""
    if left is None:
        return "not known yet"
    if not left.seconds:
        return "all done"
    if left.high >= 1e3 * left.seconds or left.high > 3.2e7:  # nobody can use a year
        return f"about {duration(left.seconds)} (more than {duration(left.low)})"
    return f"about {duration(left.seconds)} ({duration(left.low)} – {duration(left.high)})"


def backlog_words(backlog: Mapping[str, int]) -> str:
    """`3 programs, 1 fit`; empty where nothing waits."""
    return ", ".join(
        f"{count:,} {kind}{'s' if count != 1 else ''}" for kind, count in sorted(backlog.items()) if count
    )


def replies_words(replies: Mapping[str, int]) -> str:
    """The kinds of trouble with their counts, most first."""
    troubles = Counter({kind: n for kind, n in replies.items() if kind != "answered" and n})
    return ", ".join(f"{kind.replace('_', ' ')} {count:,}" for kind, count in troubles.most_common())

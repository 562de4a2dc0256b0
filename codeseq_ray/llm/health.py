"""Whether one server is up, by what its requests meet. Pure bookkeeping: no clock of its own, no requests."""

from __future__ import annotations

import random
from enum import StrEnum

from codeseq_ray.llm.troubles import Kind, Trouble, short

ABSENCES = 5
"""Requests in a row that found no server before it is taken for down on that alone."""
DOUBTS = 3
"""Questions for the list of models, all in vain, that confirm what one request met."""
TRIED_AT_ONCE = 1
"""Requests out at a server that is back, until one of them has fared well: alone, so that one which brings servers
down takes no other with it."""
TRIAL_SECONDS = 10.0
"""A trial that has run so long without trouble fares well: long answers need not hold up all others."""
FIRST_PROBE_SECONDS = 1.0
LONGEST_PROBE_SECONDS = 15.0


class State(StrEnum):
    UP = "up"
    DOWN = "down"
    BACK = "back"
    """Its list of models answers again; no request has fared well yet."""


def absent(trouble: Trouble) -> bool:
    """Does it look as if nobody serves there (now)? One of these alone says little."""
    return (
        trouble.kind is Kind.CONNECTION
        or trouble.status in (502, 503, 504)
        or (trouble.kind is Kind.SERVER and "loading" in short(trouble.text).lower())
    )


class Health:
    """UP → DOWN after `ABSENCES` in a row or a confirmed doubt; DOWN → BACK by a probe; BACK → UP by a trial.

    `down_since` stays until the trial: a server whose list answers while its requests fail has not been up. Only
    what was sent in the present spell counts (`spell` grows with each change), for the failures of one outage
    come in long after it.
    """

    def __init__(self) -> None:
        self.state = State.UP
        self.spell = 0
        self.down_since = 0.0
        self.cause: Trouble | None = None
        self._absences = 0

    def met_absence(self, trouble: Trouble, spell: int, now: float) -> bool:
        """A request sent in `spell` found no server. True when that takes it down."""
        if spell != self.spell or self.state is State.DOWN:
            return False
        self._absences += 1
        if self.state is State.UP and self._absences < ABSENCES:
            return False
        self.goes_down(trouble, now)
        return True

    def goes_down(self, trouble: Trouble, now: float) -> None:
        if self.state is State.UP:
            self.down_since = now
        self.cause = trouble
        self._change(State.DOWN)

    def probed(self) -> None:
        """The list of models answers again."""
        if self.state is State.DOWN:
            self._change(State.BACK)

    def replied(self, spell: int) -> bool:
        """A request sent in `spell` got a reply of the server's own, or fares well. True when that brings it up."""
        if spell != self.spell:
            return False
        self._absences = 0
        if self.state is not State.BACK:
            return False
        self._change(State.UP)
        return True

    def _change(self, state: State) -> None:
        self.state = state
        self.spell += 1
        self._absences = 0


def wait_before_probe(probe: int) -> float:
    """Seconds before the `probe`-th probe of an outage (from 0): growing from 1 to 15, with jitter."""
    return min(LONGEST_PROBE_SECONDS, FIRST_PROBE_SECONDS * 2.0 ** min(probe, 8)) * random.uniform(0.5, 1.0)


def in_words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"

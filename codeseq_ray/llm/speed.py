"""How fast one server has been, and so how long a request may take before it is given up."""

from __future__ import annotations

from dataclasses import dataclass, field

OBSERVATIONS = 8
"""Answers before which nothing is concluded: the first ones met an empty queue."""
LEAST_SECONDS = 30.0
"""A time-out pays for the answer twice; below this it saves nothing worth that."""
SLOW_TIMES_TOKENS = 2.0
SLOW_TIMES_ANSWER = 4.0
SPREADS = 4.0
"""A slow value is the mean and so many mean deviations, as in TCP's time-out (RFC 6298)."""
MEMORY = 1 / 16
"""Weight of a new observation."""
LEAST_TOKENS = 16
"""Shorter answers are all start-up; they would make every token look slow."""
CALM = 0.9
"""What each answer leaves of the caution that time-outs have brought."""


@dataclass
class _Slow:
    """A running mean and mean deviation."""

    mean: float = 0.0
    deviation: float = 0.0

    def observe(self, value: float, *, first: bool) -> None:
        if first:
            self.mean, self.deviation = value, value / 2
            return
        self.deviation += MEMORY * (abs(value - self.mean) - self.deviation)
        self.mean += MEMORY * (value - self.mean)

    @property
    def value(self) -> float:
        return self.mean + SPREADS * self.deviation


@dataclass
class Speed:
    """Observed speed of one server, time in its queue included.

    time-out = caution · max(2 · max_tokens · slow seconds per token, 4 · slow seconds per answer), within
    [30 s, cap]; the cap alone before 8 answers. The second term is for short answers that wait in a long queue.
    `caution` doubles at each time-out, once for all requests that were sent before it, and goes back towards 1
    with answers: a server that has become slower than all that was observed is given time until its answers
    arrive and teach the rest, instead of being asked again and again for what it cannot finish.
    """

    cap_seconds: float
    answers: int = 0
    caution: float = 1.0
    timeouts: int = 0
    """Doublings so far; a request remembers the count it was sent under."""
    _per_token: _Slow = field(default_factory=_Slow)
    _per_answer: _Slow = field(default_factory=_Slow)

    def answered(self, completion_tokens: int, seconds: float) -> None:
        """An answer of so many tokens took so long."""
        first = self.answers == 0
        self._per_token.observe(seconds / max(completion_tokens, LEAST_TOKENS), first=first)
        self._per_answer.observe(seconds, first=first)
        self.answers += 1
        self.caution = max(1.0, self.caution * CALM)

    def timed_out(self, timeouts: int) -> None:
        """A request sent after so many doublings was given up."""
        if timeouts == self.timeouts:
            self.timeouts += 1
            # More caution than reaches the cap would only take longer to forget.
            self.caution = min(2 * self.caution, 2 * max(1.0, self.cap_seconds / LEAST_SECONDS))

    def timeout_seconds(self, max_tokens: int) -> float:
        """Seconds that a request for at most `max_tokens` may take."""
        if self.answers < OBSERVATIONS:
            return self.cap_seconds
        expected = max(
            SLOW_TIMES_TOKENS * max_tokens * self._per_token.value,
            SLOW_TIMES_ANSWER * self._per_answer.value,
            LEAST_SECONDS,
        )
        return min(self.cap_seconds, self.caution * expected)

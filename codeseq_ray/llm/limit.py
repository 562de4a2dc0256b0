"""How many requests may be out at one server: halved when it refuses, regrown while it answers."""

from __future__ import annotations

REFUSED_SHARE = 0.25
"""Of the replies to one bound's worth of requests, the share of 429 up to which they are taken for stray."""
REALLY_USED = 0.8
"""Of the bound, the share that must be out for an answer to say that more would fare well too."""
ROUNDS_TO_THE_TOP = 32
"""A bound grows from nothing to the most that is allowed in about so many rounds of answers."""
FEWEST_WAITING = 1
MOST_WAITING = 4
"""A full engine lets a few requests wait; none says that it may be idle, more only grow old there."""
WAITING_SHARE = 0.05
"""A large engine takes several requests in one step: of those that run, so many may wait."""


class Limit:
    """The bound on requests out at one server. Pure bookkeeping: no clock, no waiting.

    Additive increase, multiplicative decrease, with two cares. A bound is halved once per burst: a 429 counts
    only for a request sent after the last halving (`take` says which halving that was). And a stray 429 is
    retried without any halving, for a proxy that drops one request in ten is not helped by fewer: the refused
    must be more than `REFUSED_SHARE` of a bound's worth of replies. The bound grows only while `REALLY_USED` of
    it is out.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.open = 0
        self._bound = float(most)
        self._halvings = 0
        self._answered = self._refused = 0
        self._peak = 0

    @property
    def bound(self) -> int:
        """Requests that may be out, in 1…most."""
        return int(self._bound)

    @property
    def load(self) -> float:
        """Requests out as a share of the bound."""
        return self.open / self.bound

    def has_room(self) -> bool:
        return self.open < self.bound

    def take(self) -> int:
        """One more is out. Returns the count of halvings so far, to be given to `refused`."""
        self.open += 1
        self._peak = max(self._peak, self.open)
        return self._halvings

    def give_back(self) -> None:
        self.open -= 1

    def answered(self) -> None:
        """A request that is still counted as out was answered."""
        self._answered += 1
        if self.open >= REALLY_USED * self.bound:
            self._grow(max(1.0, self.most / ROUNDS_TO_THE_TOP) / self.bound)
        self._end_of_window()

    def refused(self, halvings: int) -> None:
        """A request sent after so many halvings met 429."""
        if halvings != self._halvings:
            return
        self._refused += 1
        if self._refused > REFUSED_SHARE * self.bound:
            # Half of what was out, where that is less than was allowed: what nobody uses is no bound.
            self._bound = max(1.0, min(self.bound, self._peak) / 2)
            self._halvings += 1
            self._forget()
        self._end_of_window()

    def follow(self, running: int, waiting: int) -> None:
        """The engine's own count of requests, of all its clients: keep a few waiting there.

        Too many wait: this client's share of the excess is taken off what it has out, so that several clients
        together take off the excess once. None wait and the bound is used: a step up, the same for all clients,
        so that their shares grow alike.
        """
        allowed = max(MOST_WAITING, WAITING_SHARE * running)
        if waiting > allowed:
            share = min(1.0, self.open / (running + waiting))
            self._bound = max(1.0, min(self._bound, self.open - share * (waiting - allowed)))
        elif waiting < FEWEST_WAITING and self.open >= REALLY_USED * self.bound:
            self._grow(max(1.0, self.most / ROUNDS_TO_THE_TOP))

    def _grow(self, step: float) -> None:
        self._bound = min(float(self.most), self._bound + step)

    def _end_of_window(self) -> None:
        if self._answered + self._refused >= self.bound:
            self._forget()

    def _forget(self) -> None:
        """Begin to count replies, and the most that is out, anew."""
        self._answered = self._refused = 0
        self._peak = self.open

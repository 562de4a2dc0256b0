"""How a run stands: totals and levels, of one actor as it tells them or of all. Plain values, small to send."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from codeseq_ray.dataset.usage import Bill

LAST = 12
"""Endings that are remembered one by one."""

Ending = tuple[str, str, str]
"""Outcome, stage and reason, as in the ledger; stage and reason are empty where it was accepted."""


@dataclass(frozen=True)
class Spent:
    """Of all calls that were paid for; answers replayed from the cache count nothing."""

    tokens: int = 0
    """Prompt and completion."""
    requests: int = 0
    """As sent, further tries included."""

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.tokens + other.tokens, self.requests + other.requests)


@dataclass(frozen=True)
class Ended:
    """A sequence or rollout that was not accepted, for the eye. Its texts are untrusted: `plain.plain` first."""

    at: float
    """Seconds since 1970, by the clock of the node where it ended."""
    sequence_id: str
    outcome: str
    stage: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Serving:
    """A model server as clients see it: levels now, and its replies so far."""

    in_flight: int = 0
    limit: int = 0
    """Requests that may be out at it."""
    clients: int = 0
    """Actors that ask it."""
    up: int = 0
    """Those of them that find it up."""
    replies: Counter[str] = field(default_factory=Counter)
    """By what they were: `answered`, or the kind of trouble."""

    def __add__(self, other: Serving) -> Serving:
        return Serving(
            self.in_flight + other.in_flight,
            self.limit + other.limit,
            self.clients + other.clients,
            self.up + other.up,
            self.replies + other.replies,
        )

    @property
    def errors(self) -> int:
        """Replies that were trouble; what its sender gave up, as at a stop, is none."""
        return self.replies.total() - self.replies[ANSWERED] - self.replies[GIVEN_UP]


ANSWERED, GIVEN_UP = "answered", "given_up"


@dataclass(frozen=True)
class Standing:
    """Totals since this start began, and levels of this moment."""

    spent: Spent = field(default_factory=Spent)
    outcomes: Counter[Ending] = field(default_factory=Counter)
    bill: Bill = field(default_factory=Bill)
    """The calls of sequences that came to an outcome."""
    entered: Counter[str] = field(default_factory=Counter)
    """Sequences that came to a stage, by stage; one that comes back to it counts again."""
    runs: int = 0
    """Runs of a program on an input."""
    servers: dict[tuple[str, str], Serving] = field(default_factory=dict)
    """By role (where several share it: joined by `+`) and URL."""
    last: tuple[Ended, ...] = ()
    """What ended without being accepted, the latest at the end; at most `LAST`."""
    # Levels.
    open: int = 0
    """Sequences that are being worked on."""
    at: Counter[str] = field(default_factory=Counter)
    """Of these, where they are now, by stage."""
    waiting: Counter[str] = field(default_factory=Counter)
    """Requests without a slot, by role."""
    backlog: Counter[str] = field(default_factory=Counter)
    """Fits and programs without a result, by kind."""
    idle: bool = True
    """Takes no further sequences, and has nothing open or unwritten."""

    def __add__(self, other: Standing) -> Standing:
        servers = dict(self.servers)
        for key, serving in other.servers.items():
            servers[key] = servers.get(key, Serving()) + serving
        return Standing(
            self.spent + other.spent,
            self.outcomes + other.outcomes,
            self.bill + other.bill,
            self.entered + other.entered,
            self.runs + other.runs,
            servers,
            tuple(sorted((*self.last, *other.last), key=lambda ended: ended.at)[-LAST:]),
            self.open + other.open,
            self.at + other.at,
            self.waiting + other.waiting,
            self.backlog + other.backlog,
            self.idle and other.idle,
        )

    def gone(self) -> Standing:
        """Of an actor that is taken for dead: what it did remains, what it was doing does not."""
        return replace(
            self,
            servers={key: Serving(replies=serving.replies) for key, serving in self.servers.items()},
            open=0,
            at=Counter(),
            waiting=Counter(),
            backlog=Counter(),
            idle=True,
        )

    def waiting_for(self, roles: str) -> int:
        """Requests without a slot at servers of these roles, as `servers` names them."""
        return sum(self.waiting[role] for role in roles.split("+"))

    def of(self, outcome: str) -> int:
        """How many came to this outcome."""
        return sum(count for (one, _, _), count in self.outcomes.items() if one == outcome)

    @property
    def reasons(self) -> Counter[tuple[str, str]]:
        """Why what was not accepted was not, by stage and reason."""
        reasons: Counter[tuple[str, str]] = Counter()
        for (_, stage, reason), count in self.outcomes.items():
            if reason:
                reasons[stage, reason] += count
        return reasons

"""What one actor counts while it works, for its `Standing`. Used on the actor's event loop."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from codeseq_ray.dataset.usage import Bill
from codeseq_ray.errors import CodeseqError
from codeseq_ray.llm.health import State
from codeseq_ray.llm.pool import Pool
from codeseq_ray.llm.troubles import Trouble
from codeseq_ray.ports import ChatAnswer, ExecutionReport
from codeseq_ray.records import Outcome, Reason
from codeseq_ray.store.segments import Recorded
from codeseq_ray.watching.standing import ANSWERED, GIVEN_UP, LAST, Ended, Ending, Serving, Spent, Standing

log = logging.getLogger(__name__)

SHOWN_DETAIL = 240
"""Characters of a detail that travel."""


class Tally:
    """Counts; every hook is cheap enough for a hundred calls a second and more."""

    def __init__(self) -> None:
        self.pools: list[Pool] = []
        self.backlogs: dict[str, Callable[[], int]] = {}
        self._outcomes: Counter[Ending] = Counter()
        self._bill = Bill()
        self._entered: Counter[str] = Counter()
        self._at: Counter[str] = Counter()
        self._replies: dict[tuple[str, str], Counter[str]] = {}
        self._runs = 0
        self._last: deque[Ended] = deque(maxlen=LAST)

    def ended(self, record: Recorded) -> None:
        """A sequence or rollout came to an outcome."""
        outcome = record.outcome
        if outcome is Outcome.ACCEPTED:
            self._outcomes[outcome.value, "", ""] += 1
            return
        stage, reason = record.stage.value, str(record.reason)
        self._outcomes[outcome.value, stage, reason] += 1
        self._last.append(
            Ended(time.time(), record.sequence_id, outcome.value, stage, reason, _short(record))
        )

    def paid(self, record: Recorded) -> None:
        """Put an outcome's calls on the bill."""
        self._bill.add(record.calls)

    @contextmanager
    def following(self) -> Iterator[Callable[[str], None]]:
        """Follow one sequence on its way: what is yielded is told each stage that it comes to."""
        now = ""

        def moved(stage: str) -> None:
            nonlocal now
            if stage == now:
                return
            self._leave(now)
            now = stage
            self._at[stage] += 1
            self._entered[stage] += 1

        try:
            yield moved
        finally:
            self._leave(now)

    def _leave(self, stage: str) -> None:
        if stage:
            self._at[stage] -= 1

    def replied(self, role: str, url: str, reply: ChatAnswer | Trouble | None) -> None:
        self._replies.setdefault((role, url), Counter())[kind_of(reply)] += 1

    def ran(self, result: ExecutionReport | CodeseqError) -> None:
        self._runs += len(result.runs) if isinstance(result, ExecutionReport) else 1

    def standing(self, spent: Spent, *, open_rows: int, idle: bool) -> Standing:
        """Everything as it is now; nothing in it changes with later counts.

        A level that cannot be read is left out: what is only shown may not keep an actor from telling the rest.
        """
        levels: dict[str, Any] = {}
        try:
            levels["servers"] = self._servers()
            levels["waiting"] = Counter({pool.role: pool.waiting for pool in self.pools})
            levels["backlog"] = Counter({kind: backlog() for kind, backlog in self.backlogs.items()})
        except Exception:
            log.exception("how the servers and tasks stand cannot be told")
        return Standing(
            spent=spent,
            outcomes=self._outcomes.copy(),
            bill=self._bill + Bill(),
            entered=self._entered.copy(),
            runs=self._runs,
            last=tuple(self._last),
            open=open_rows,
            at=+self._at,
            idle=idle,
            **levels,
        )

    def _servers(self) -> dict[tuple[str, str], Serving]:
        """A server that several roles share has one bound, and stands once."""
        roles: dict[int, list[str]] = {}
        for pool in self.pools:
            for server in pool.servers:
                roles.setdefault(id(server), []).append(pool.role)
        told = {}
        for server in (server for pool in self.pools for server in pool.servers):
            url, of = server.endpoint.url, roles[id(server)]
            told["+".join(dict.fromkeys(of)), url] = Serving(
                server.limit.open,
                server.limit.bound,
                1,
                int(server.health.state is State.UP),
                sum((self._replies.get((role, url), Counter()) for role in dict.fromkeys(of)), Counter()),
            )
        return told


def kind_of(reply: ChatAnswer | Trouble | None) -> str:
    """What came of a request, in a word; None: its sender gave it up."""
    if reply is None:
        return GIVEN_UP
    return reply.kind.name.lower() if isinstance(reply, Trouble) else ANSWERED


def _short(record: Recorded) -> str:
    """Of a traceback its end, of anything else its beginning."""
    if record.reason == Reason.INTERNAL_ERROR:
        return record.detail[-SHOWN_DETAIL:]
    return record.detail[:SHOWN_DETAIL]

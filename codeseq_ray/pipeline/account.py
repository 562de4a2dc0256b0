"""What a start of a run spends, kept in the store: a start that is killed must not spend a cap anew.

<run-id>/starts/NNNNNN.json   one object for each start, by the number of its lease
"""

from __future__ import annotations

import time
from typing import Any

from codeseq_ray.store.run import RunStore
from codeseq_ray.watching.standing import Spent, Standing


class Account:
    """Of the start `number`; no other start writes its object."""

    def __init__(self, run: RunStore, number: int) -> None:
        self._run, self._name = run, f"starts/{number:06d}.json"
        self._begun = time.monotonic()
        self.before = spent_before(run)
        self.standing = Standing()

    def write(self, standing: Standing, end: str = "") -> None:
        """Store where this start stands; `end` says how it ended."""
        self.standing = standing
        self._run.write_json(
            self._name,
            {
                "seconds": round(time.monotonic() - self._begun, 1),
                "tokens": standing.spent.tokens,
                "requests": standing.spent.requests,
                "usage": standing.bill.as_json(),
                "end": end,
            },
        )


def spent_before(run: RunStore) -> Spent:
    """By all starts of a run so far."""
    starts: list[dict[str, Any]] = [run.read_json(name) or {} for name in run.list("starts/")]
    return sum((Spent(start.get("tokens", 0), start.get("requests", 0)) for start in starts), Spent())

"""Somebody who is told what the clients of a process ask, and how their servers stand."""

from __future__ import annotations

from typing import Protocol

from codeseq_ray.llm.pool import Pool
from codeseq_ray.llm.troubles import Trouble
from codeseq_ray.ports import ChatAnswer


class Observer(Protocol):
    """Is called on the event loop of the clients: may neither wait nor raise."""

    def serves(self, pool: Pool) -> None:
        """A client was made over this pool."""

    def replied(
        self, role: str, url: str, model: str, reply: ChatAnswer | Trouble | None, seconds: float
    ) -> None:
        """A request was sent, and this came of it after so many seconds; None: it was given up by its sender."""

"""What the driver makes of the rows that loop actors return: the walls that stood, and why a run ends early."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from codeseq_ray.errors import (
    CapReachedError,
    EndpointsDownError,
    RunEndedError,
    RunStoppedError,
    StoreError,
    UsageError,
)
from codeseq_ray.pipeline.actor import Ending


class Progress:
    """Reads the results as they come in."""

    def __init__(self) -> None:
        self.walls: Counter[str] = Counter()
        self.stopped: RunStoppedError | None = None
        """Why what is left is for a later start. Rows still come in after it: what was open is brought to an end."""

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Raises UsageError or StoreError when an actor came upon something that ends the run at once."""
        for row in rows:
            match row["ending"]:
                case Ending.REFUSED:
                    raise UsageError(row["said"])
                case Ending.UNWRITTEN:
                    raise StoreError(
                        f"{row['said']}\nThe same command goes on from here once the store is back."
                    )
                case Ending.CAPPED:
                    self.stopped = CapReachedError(row["said"])
                case Ending.STOPPED:
                    self.stopped = RunEndedError(row["said"])
                case Ending.DOWN:
                    self.stopped = EndpointsDownError(row["said"])
                case _ if row["walls"]:
                    self.walls[row["walls"]] += 1

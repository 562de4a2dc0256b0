"""The contestants: each a program of its own, told a URL, a list of records and a number of requests in flight.

Every one does the same calls; the server's account says whether it did. Only the standard library and what the
contestant itself is made of may be imported here: peers run in environments without this project's.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

OPEN_PER_SLOT = 8
"""Records that a loop keeps open per slot. Enough that the chains of a few slow records leave no slot idle; with all
of a long list open, the last rounds of all records would come at the very end."""


@dataclass(frozen=True)
class Task:
    """What a contestant is told."""

    url: str
    """Base URL of the server, ending in /v1."""
    records: tuple[int, ...]
    slots: int
    """Requests that may be out at a time."""
    folder: Path
    """Empty; for whatever the contestant writes."""

    @property
    def open_records(self) -> int:
        return OPEN_PER_SLOT * self.slots


def told(argv: list[str] | None = None) -> Task:
    """The task on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--records", type=Path, required=True, help="JSON list of record numbers")
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args(argv)
    return Task(given.url, tuple(json.loads(given.records.read_text())), given.slots, given.folder)

"""One module per way to run a program. Each has `Way()`, with `run(source, inputs) → outputs`, and imports little:
what is loaded in a process makes its forks dearer, and no way shall pay for another's imports.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Protocol, cast


class LackingError(Exception):
    """This way cannot be used here. Says why."""


class Way(Protocol):
    def run(self, source: str, inputs: Sequence[str]) -> list[str]:
        """What the program prints on each input. Raises RuntimeError if it does not end well."""
        ...

    def close(self) -> None: ...


OURS = "ours"
WAYS = {
    OURS: "ours",
    "ours, through judge()": "ours_judged",
    "ours, numpy and sympy preloaded": "ours_scientific",
    "bare fork": "bare_fork",
    "cold python": "cold",
    "asyncio and cold python, as SandboxFusion": "in_asyncio",
    "multiprocessing, as HumanEval": "in_multiprocessing",
    "bubblewrap and cold python": "in_bubblewrap",
}
"""Name → module."""
STANDARD_LIBRARY_ONLY = {"cold", "in_asyncio", "in_multiprocessing", "in_bubblewrap"}
"""Modules whose process needs no installed package, and is started without any: they would weigh on its forks."""


def open_way(name: str) -> Way:
    """Raises LackingError."""
    return cast(Way, importlib.import_module(f"{__name__}.{WAYS[name]}").Way())

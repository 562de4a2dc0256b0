"""Chance that depends on nothing but words: the same on every machine and in every run."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")

NOT_ASKED = frozenset({"stream", "stream_options", "max_tokens", "max_completion_tokens"})


def digest(body: Mapping[str, Any]) -> str:
    """Stands for what was asked. How the answer is sent, and how much room it may take, is no part of it."""
    asked = {name: part for name, part in body.items() if name not in NOT_ASKED}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def chance(*words: object) -> float:
    """Uniform in [0, 1)."""
    text = "\x1f".join(map(str, words))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest(), "big") / 2**56


def choice(options: tuple[T, ...], *words: object) -> T:
    return options[int(chance(*words) * len(options))]


class Turns:
    """How often each request was answered. A turn that is not used up is given to the next who asks the same.

    `same_again`: every turn is the first.
    """

    def __init__(self, *, same_again: bool = False) -> None:
        self._same_again = same_again
        self._taken: defaultdict[str, set[int]] = defaultdict(set)

    def take(self, asked: str) -> int:
        if self._same_again:
            return 0
        turns = self._taken[asked]
        turn = next(i for i in range(len(turns) + 1) if i not in turns)
        turns.add(turn)
        return turn

    def give_back(self, asked: str, turn: int) -> None:
        self._taken[asked].discard(turn)

    def clear(self) -> None:
        self._taken.clear()

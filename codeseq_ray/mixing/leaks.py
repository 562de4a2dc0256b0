"""Evaluation sets, and whether a row shares runs of words or terms with them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from codeseq_ray.errors import InputError
from codeseq_ray.mixing.chats import Reason, digest_of
from codeseq_ray.mixing.settings import MixingSettings
from codeseq_ray.overlap import FEWEST_TERMS, FEWEST_WORDS, Match, Runs, integers, plain, telling, words

TEXT_COLUMNS = (
    "messages",
    "prompt",
    "question",
    "problem",
    "text",
    "instruction",
    "input",
    "description",
    "content",
)
"""Columns that are looked at where none are named: of our own sets, and of those that people measure with."""
OWN = "codeseq eval split"


@dataclass
class EvaluationSet:
    """What is looked for: texts as words, sequences as terms."""

    name: str
    texts: list[list[str]] = field(default_factory=list)
    sequences: list[list[str]] = field(default_factory=list)
    rows: int = 0
    content: int = 0
    """Sum of the digests of all rows."""

    def add(self, row: Mapping[str, Any], columns: Sequence[str] = ()) -> None:
        """Take a row in. Raises InputError when it has neither a text nor terms."""
        self.rows += 1
        whole = json.dumps(row, sort_keys=True, default=str).encode()
        self.content = (self.content + int.from_bytes(digest_of(whole), "little")) % (1 << 128)
        texts = [text for name in columns or TEXT_COLUMNS for text in _texts(row.get(name))]
        terms = _terms(row)
        if not texts and not terms:
            wanted = ", ".join(columns or TEXT_COLUMNS)
            raise InputError(
                f"--against {self.name}: row {self.rows} has no text in {wanted}, and no terms; it has "
                f"{', '.join(map(str, row))}. Name its columns with --against-columns."
            )
        # Each different word is held once.
        self.texts += [[sys.intern(word) for word in words(text)] for text in texts]
        if terms:
            self.sequences.append(terms)


@dataclass(frozen=True)
class Leak:
    """What a row shares with an evaluation set."""

    reason: Reason
    set_name: str
    shared: str
    """The run itself, shortened: for a person."""


@dataclass(frozen=True, eq=False)
class Against:
    """Evaluation sets as runs; may be sent to workers."""

    names: tuple[str, ...]
    words: Runs
    terms: Runs

    @classmethod
    def of(cls, sets: Sequence[EvaluationSet], settings: MixingSettings) -> Against:
        texts = ((i, text) for i, one in enumerate(sets) for text in one.texts)
        sequences = ((i, terms) for i, one in enumerate(sets) for terms in one.sequences)
        return cls(
            tuple(one.name for one in sets),
            Runs.of(texts, settings.leak_words, FEWEST_WORDS, common=settings.leak_common),
            Runs.of(sequences, settings.leak_terms, FEWEST_TERMS, telling=telling),
        )

    def leaks(self, texts: Sequence[str], texts_words: Sequence[Sequence[str]]) -> list[Leak | None]:
        """What each of several texts shares: a run of words, else of terms."""
        matches = self.words.firsts(texts_words)
        return [
            self._leak_of_words(match, its_words) if match else self._leak_of_numbers(text)
            for text, its_words, match in zip(texts, texts_words, matches, strict=True)
        ]

    def _leak_of_words(self, match: Match, text_words: Sequence[str]) -> Leak:
        shared = text_words[match.position : match.position + match.length]
        return Leak(Reason.LEAK_WORDS, self.names[match.owner], _shown(shared))

    def _leak_of_numbers(self, text: str) -> Leak | None:
        """Terms that stand in a text one after the other, or at every second place."""
        if not self.terms.hashes:
            return None
        numbers = integers(text)
        if len(numbers) < FEWEST_TERMS:
            return None
        # At every second place: tables and lists of cases have the index between the terms.
        for taken in (numbers, numbers[::2], numbers[1::2]):
            if leak := self.leak_of_terms(taken):
                return leak
        return None

    def leak_of_terms(self, terms: Sequence[str]) -> Leak | None:
        """In a sequence's own terms."""
        if (found := self.terms.first(terms)) is None:
            return None
        shared = terms[found.position : found.position + found.length]
        return Leak(Reason.LEAK_TERMS, self.names[found.owner], _shown(shared))


def known_terms(row: Mapping[str, Any]) -> list[str]:
    """The outputs that a row of the config `problems` holds, in order."""
    groups = (row.get(name) or () for name in ("examples", "cases", "far_cases"))
    return [plain(str(case["output"])) for case in chain.from_iterable(groups)]


def _shown(run: Iterable[str]) -> str:
    text = " ".join(run)
    return text if len(text) <= 120 else f"{text[:119]}…"


def _texts(value: Any) -> list[str]:
    """The texts of a cell: itself, or the contents of its messages."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list | tuple):
        contents = [turn.get("content") if isinstance(turn, Mapping) else turn for turn in value]
        return [content for content in contents if isinstance(content, str)]
    return []


def _terms(row: Mapping[str, Any]) -> list[str]:
    """The terms that a row names: as a list or text `terms`, as our own cases, or as an RL row's known cases."""
    if terms := row.get("terms"):
        return integers(terms) if isinstance(terms, str) else [plain(str(term)) for term in terms]
    if isinstance(known := row.get("known_cases"), str):
        try:
            return [plain(str(output)) for output in json.loads(known)["outputs"]]
        except (ValueError, KeyError, TypeError):
            return []
    try:
        return known_terms(row)
    except (KeyError, TypeError):  # columns of these names that hold something else
        return []

"""Rows of one side through the filters: what is kept, with the keys that place it, and an account of the rest.

A row's keys come from its text and the seed alone. So equal texts meet in one place, whatever file they lie in and
whichever side they are of, and neither the order of files nor the number of workers shows in the mix.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from codeseq_ray.mixing.chats import Chat, Refused, chat, digest_of, source_of
from codeseq_ray.mixing.filters import Filters
from codeseq_ray.mixing.leaks import Against, Leak
from codeseq_ray.mixing.ratio import CODESEQ
from codeseq_ray.mixing.settings import MixingSettings
from codeseq_ray.mixing.sources import license_of
from codeseq_ray.overlap import words

TABLE_ROWS = 128
"""Rows that are looked at together."""
SHOWN = 3
"""Examples of each reason that are told."""

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
KEYS = ("order", "digest", "general", "id", "whole")
"""Columns that rows are put in order by. Equal digests stand together, our own row before general ones."""
ROWS = pa.schema(
    [
        ("order", pa.uint64()),
        ("digest", pa.binary(16)),
        ("general", pa.bool_()),
        ("id", pa.string()),
        ("whole", pa.binary(16)),
        ("sample", pa.uint64()),
        ("messages", MESSAGES),
        ("source", pa.string()),
        ("license", pa.string()),
        ("source_url", pa.string()),
        ("reason", pa.string()),  # of a dropped row that is to be kept beside the data; else null
        ("detail", pa.string()),
        ("row", pa.string()),  # all of a dropped row, as JSON or as it stood there
        ("told", pa.string()),  # the account of a part of the input: JSON, in a row that has nothing else
    ]
)
"""What workers hand on."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A line that holds no row."""

    refused: Refused
    line: str
    """As it stands in its file."""


Read = tuple[str, Mapping[str, Any] | Unread]
"""Where a row stands, for a person, and what was read there."""


@dataclass(slots=True)
class _Row:
    """A row on its way through the checks."""

    place: str
    values: Mapping[str, Any] | Unread
    chat: Chat | None
    """None: not well-formed."""
    refused: Refused | None
    text: str = ""
    words: list[str] = field(default_factory=list)


@dataclass
class Told:
    """An account of rows that were read."""

    rows: int = 0
    kept: int = 0
    content: int = 0
    """Sum of the digests of all rows: the same for the same rows in any order."""
    by_source: Counter[str] = field(default_factory=Counter)
    """Rows read of each source; those that cannot be read have none."""
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By reason and source."""
    leaks: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By evaluation set and reason; also those that are only reported."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    """By reason, the first few with their places."""
    trouble: str = ""
    """Why a part of the input could not be read to its end."""

    def add(self, other: Told) -> None:
        self.rows += other.rows
        self.kept += other.kept
        self.content = (self.content + other.content) % (1 << 128)
        self.by_source.update(other.by_source)
        self.dropped.update(other.dropped)
        self.leaks.update(other.leaks)
        for reason, places in other.examples.items():
            known = self.examples.setdefault(reason, [])
            known += places[: SHOWN - len(known)]
        self.trouble = self.trouble or other.trouble

    def reasons(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for (reason, _), count in self.dropped.items():
            counts[reason] += count
        return counts

    def as_json(self) -> str:
        return json.dumps(
            {
                "rows": self.rows,
                "kept": self.kept,
                "content": self.content,
                "by_source": list(self.by_source.items()),
                "dropped": [[*key, count] for key, count in self.dropped.items()],
                "leaks": [[*key, count] for key, count in self.leaks.items()],
                "examples": self.examples,
                "trouble": self.trouble,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Told:
        told = json.loads(text)
        return cls(
            rows=told["rows"],
            kept=told["kept"],
            content=told["content"],
            by_source=Counter(dict(told["by_source"])),
            dropped=Counter({(reason, source): count for reason, source, count in told["dropped"]}),
            leaks=Counter({(name, reason): count for name, reason, count in told["leaks"]}),
            examples=told["examples"],
            trouble=told["trouble"],
        )


class Screen:
    """Screens the rows of one side; one for each worker and part of the input."""

    def __init__(
        self,
        side: str,
        settings: MixingSettings,
        against: Against | None = None,
        leaking: Mapping[str, Leak] = MappingProxyType({}),
    ) -> None:
        """`leaking`: what is known of our own rows beside their texts: the A-numbers whose sequence is a set's."""
        self._general = side != CODESEQ
        self._settings = settings
        self._filters = Filters(settings) if self._general else None
        self._against = against
        self._leaking = leaking
        self._seed = str(settings.seed).encode()

    def tables(self, rows: Iterable[Read]) -> Iterator[pa.Table]:
        """Tables of `ROWS`, the last of which is the account."""
        told = Told()
        waiting = iter(rows)
        while batch := list(islice(waiting, TABLE_ROWS)):
            looked_at = [self._looked_at(place, values) for place, values in batch]
            self._find_leaks([row for row in looked_at if row.refused is None], told)
            handed_on = [row for one in looked_at if (row := self._told_of(one, told)) is not None]
            if handed_on:
                yield pa.Table.from_pylist(handed_on, schema=ROWS)
        yield account_table(told)

    def _looked_at(self, place: str, values: Mapping[str, Any] | Unread) -> _Row:
        found = values.refused if isinstance(values, Unread) else chat(values)
        if isinstance(found, Refused):
            return _Row(place, values, None, found)
        text = found.text
        text_words = words(text)
        refused = self._filters.refusal(found, text, text_words) if self._filters else None
        return _Row(place, values, found, refused, text, text_words)

    def _find_leaks(self, rows: list[_Row], told: Told) -> None:
        leaks: list[Leak | None] = [None] * len(rows)
        if self._against is not None and rows:
            leaks = self._against.leaks([row.text for row in rows], [row.words for row in rows])
        for row, in_text in zip(rows, leaks, strict=True):
            # Ids of our rows begin with the A-number; a sequence has several, where it was told in other words.
            leak = in_text or self._leaking.get(row.chat.id.partition("-")[0] if row.chat else "")
            if leak is None:
                continue
            told.leaks[leak.set_name, leak.reason.value] += 1
            said = f"{leak.set_name}: {leak.shared}"
            if self._settings.leaks == "drop":
                row.refused = Refused(leak.reason, said)
            else:
                _show(told, leak.reason.value, row.place, said)

    def _told_of(self, row: _Row, told: Told) -> dict[str, Any] | None:
        """Count a row; what is to be handed on of it, if anything."""
        source = _encodable("" if isinstance(row.values, Unread) else source_of(row.values))
        whole = row.chat.whole_digest() if row.chat else digest_of(_as_text(row.values).encode())
        told.rows += 1
        told.by_source[source] += 1
        told.content = (told.content + int.from_bytes(whole, "little")) % (1 << 128)
        if row.chat and row.refused is None:
            told.kept += 1
            return self._kept(row.chat, whole)
        assert row.refused is not None
        reason, detail = row.refused.reason.value, row.refused.detail
        told.dropped[reason, source] += 1
        _show(told, reason, row.place, detail)
        if not self._settings.keep_dropped:
            return None
        return {
            **self._keys(whole),
            "digest": whole,
            "whole": whole,
            "general": self._general,
            "id": row.chat.id if row.chat else "",
            "source": source,
            "reason": reason,
            "detail": _encodable(detail),
            "row": _as_text(row.values),
        }

    def _kept(self, found: Chat, whole: bytes) -> dict[str, Any]:
        digest = found.digest()
        return {
            **self._keys(digest),
            "digest": digest,
            "whole": whole,
            "general": self._general,
            "id": found.id or digest.hex(),
            "messages": [{"role": role, "content": content} for role, content in found.messages],
            "source": found.source if self._general else CODESEQ,
            "license": license_of(found, self._settings.general_license) if self._general else found.license,
            "source_url": found.source_url,
        }

    def _keys(self, digest: bytes) -> dict[str, int]:
        """Two numbers drawn by the seed: the place in the order, and who is taken when not all are."""
        drawn = hashlib.blake2b(digest, digest_size=16, key=self._seed).digest()
        return {"order": int.from_bytes(drawn[:8], "big"), "sample": int.from_bytes(drawn[8:], "big")}


def account_table(told: Told) -> pa.Table:
    return pa.Table.from_pylist([{"told": told.as_json()}], schema=ROWS)


def _show(told: Told, reason: str, place: str, detail: str) -> None:
    places = told.examples.setdefault(reason, [])
    if len(places) < SHOWN:
        places.append(f"{place}: {detail}")


def _as_text(values: Mapping[str, Any] | Unread) -> str:
    if isinstance(values, Unread):
        return _encodable(values.line)
    return _encodable(json.dumps(values, default=str, ensure_ascii=False, sort_keys=True))


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()

"""Where failures gather: kinds of sequences that end in one way more often than the rest, and failures alike."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from codeseq_ray.records import Outcome
from codeseq_ray.reporting.facts import Facts
from codeseq_ray.reporting.intervals import Estimate, difference, share, z_of
from codeseq_ray.reporting.kinds import SIDES, UNKNOWN

FEWEST = 8
"""Sequences of a kind below which nothing is said of it."""
COLUMNS = 6
"""Commonest reasons that a table has a column for."""
CLUSTERS = 6
"""Per reason."""
EXAMPLES = 4
_ALIKE = 0.6
"""Share of common words from which two signatures count as one cluster."""
LEADERS = 100
"""Signatures, the commonest, that others are put to: a model's own words may differ in every record."""
ACCEPTED = "accepted"
OTHER = "other reasons"


@dataclass(frozen=True)
class Row:
    """A kind of sequence: how many there are, and the share that ends in each of the table's columns."""

    label: str
    count: int
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Table:
    """One side of sequences against outcomes."""

    side: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Finding:
    """A kind of sequence that ends in one way more, or less, often than all others do."""

    side: str
    label: str
    ending: str
    """A reason, or `accepted`."""
    count: int
    of: int
    share: float
    rest: float
    """Share among all other sequences."""
    difference: Estimate
    """With an interval that allows for all that were looked at."""
    examples: tuple[str, ...]

    @property
    def excess(self) -> float:
        """Sequences more, or less, than if this kind were as the rest."""
        return self.of * self.difference.value


@dataclass(frozen=True)
class Cluster:
    """Failures of one reason whose details say the same."""

    reason: str
    signature: str
    count: int
    of: int
    """Of that reason, in all."""
    detail: str
    """One of them, as it was."""
    examples: tuple[str, ...]


def ending(one: Facts) -> str:
    return ACCEPTED if one.accepted else one.reason


def tables(judged: list[Facts]) -> list[Table]:
    """A table for each side that tells at least two kinds apart."""
    reasons = Counter(ending(one) for one in judged if not one.accepted)
    named = tuple(reason for reason, _ in reasons.most_common(COLUMNS))
    columns = (ACCEPTED, *named) + ((OTHER,) if len(reasons) > COLUMNS else ())
    found = []
    for side in SIDES:
        by_label = _by_label(judged, side)
        rows = [
            Row(label, len(those), _shares(those, columns))
            for label, those in sorted(by_label.items(), key=lambda item: -len(item[1]))
            if len(those) >= min(FEWEST, len(judged))
        ]
        if len(rows) > 1:
            found.append(Table(side, columns, tuple(rows)))
    return found


def findings(judged: list[Facts], most: int = 14) -> list[Finding]:
    """The kinds and endings that stand out, the largest number of sequences first."""
    endings = Counter(ending(one) for one in judged)
    pairs = [
        (side, label, those)
        for side in SIDES
        for label, those in _by_label(judged, side).items()
        # A kind that most belong to is the rest that others are held against.
        if FEWEST <= len(those) <= len(judged) / 2 and label != UNKNOWN
    ]
    z = z_of(len(pairs) * len(endings))
    found = []
    for side, label, those in pairs:
        here = Counter(ending(one) for one in those)
        for name, all_ in endings.items():
            count, of, rest = here[name], len(those), len(judged) - len(those)
            gap = difference(count, of, all_ - count, rest, z)
            if gap.differs_from_zero:
                examples = tuple(one.sequence_id for one in those if ending(one) == name)[:EXAMPLES]
                found.append(
                    Finding(side, label, name, count, of, count / of, (all_ - count) / rest, gap, examples)
                )
    return _one_each(sorted(found, key=lambda one: (-abs(one.excess), one.side, one.label)))[:most]


def clusters(judged: list[Facts]) -> dict[str, list[Cluster]]:
    """By reason, the commonest reason first: its clusters, the largest first."""
    rejected = [one for one in judged if one.outcome is Outcome.REJECTED]
    by_reason = Counter(one.reason for one in rejected)
    return {
        reason: _clusters(reason, [one for one in rejected if one.reason == reason])
        for reason, _ in by_reason.most_common()
    }


@dataclass(frozen=True)
class SecondThoughts:
    """What the filter's reflection made of its first answers."""

    kept: int
    """At first; `kept_dropped` of them were dropped after it."""
    kept_dropped: int
    dropped: int
    """At first; `dropped_kept` of them were kept after it."""
    dropped_kept: int
    examples: tuple[str, ...]
    """Of those whose answer it turned."""


def second_thoughts(judged: list[Facts]) -> SecondThoughts | None:
    """None where the filter was not asked."""
    asked = [one for one in judged if one.keep is not None]
    if not asked:
        return None
    turned = [one for one in asked if one.keep != one.kept_at_first]
    return SecondThoughts(
        kept=sum(bool(one.kept_at_first) for one in asked),
        kept_dropped=sum(bool(one.kept_at_first) for one in turned),
        dropped=sum(not one.kept_at_first for one in asked),
        dropped_kept=sum(not one.kept_at_first for one in turned),
        examples=tuple(one.sequence_id for one in turned[:EXAMPLES]),
    )


def stopped(facts: Iterable[Facts]) -> Counter[str]:
    """Failed ones (infrastructure) by what is said of them."""
    return Counter(one.signature for one in facts if one.outcome is Outcome.FAILED)


def _by_label(judged: list[Facts], side: str) -> dict[str, list[Facts]]:
    by_label: dict[str, list[Facts]] = defaultdict(list)
    for one in judged:
        for label in one.kinds[side]:
            by_label[label].append(one)
    return by_label


def _shares(those: list[Facts], columns: tuple[str, ...]) -> tuple[float, ...]:
    counts = Counter(name if (name := ending(one)) in columns else OTHER for one in those)
    return tuple(share(counts[column], len(those)).value for column in columns)


def _one_each(found: list[Finding]) -> list[Finding]:
    """Of each kind its strongest ending: the others follow from it."""
    kept: dict[tuple[str, str], Finding] = {}
    for one in found:
        kept.setdefault((one.side, one.label), one)
    return list(kept.values())


def _clusters(reason: str, those: list[Facts]) -> list[Cluster]:
    counts = Counter(one.signature for one in those)
    leaders: list[tuple[str, int]] = []
    holding: dict[str, list[int]] = defaultdict(list)  # leaders, by a word of theirs
    of: dict[str, str] = {}
    for text, _ in counts.most_common():
        words = frozenset(text.lower().split())
        shared = Counter(leader for word in words for leader in holding.get(word, ()))
        near = min(
            (at for at, n in shared.items() if n >= _ALIKE * (len(words) + leaders[at][1] - n)), default=None
        )
        of[text] = text if near is None else leaders[near][0]
        if near is None and len(leaders) < LEADERS:
            for word in words:
                holding[word].append(len(leaders))
            leaders.append((text, len(words)))
    sums: Counter[str] = Counter()
    for text, count in counts.items():
        sums[of[text]] += count
    found = []
    for leader, count in sums.most_common(CLUSTERS):
        members = [one for one in those if of[one.signature] == leader]
        first = next(one for one in members if one.signature == leader)
        found.append(
            Cluster(
                reason,
                leader,
                count,
                len(those),
                first.detail,
                tuple(one.sequence_id for one in members[:EXAMPLES]),
            )
        )
    return found

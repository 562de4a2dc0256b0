"""Families: sequences that share a name template, or terms up to prefix, shift and sign.

A family is the unit of the cap and of the split, so that no near-copy of a training problem is held out for
evaluation. Sequences are compared by 64-bit keys alone: the terms need not be kept.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codeseq_ray.cases import draw

LEVELS = (12, 18, 27, 40)
"""Window lengths in terms. Windows this long rarely agree by chance; 22 % of sequences share their first 8."""
SHIFTS = 4
"""Leading terms that one of two copies may lack, and so the starts at which windows are taken: 0 … SHIFTS."""
_SLICES = 8
"""Term keys are compared in as many passes (a power of two), so that work arrays stay small beside the keys."""
FEWEST_VALUES = 3
"""A window with fewer different absolute values is no evidence of anything."""

_PRIME = (1 << 61) - 1
_BASE = 0x0B5E_55ED_5E9A_11D3
_POWERS = tuple(pow(_BASE, level, _PRIME) for level in LEVELS)

_MASKED = re.compile(r"\ba\d{6,}\b|\d+")
_LEFT_SIDE = re.compile(r"^a\(n\)=")
_IGNORED = re.compile(r"[\s*.;:]+")


def template_key(name: str) -> int:
    """62-bit key of the name with numbers and A-numbers masked; 0 for an empty name.

    Also the same: "a(n) = 3*n + 2." and "5n+1" (left side, spaces, multiplication signs, full stops, case).
    """
    # The A-number is masked by another sign than the number: "n + 2" is no kin of "n + A000045(n)".
    masked = _MASKED.sub(lambda m: "@" if m[0][0] == "a" else "#", name.lower())
    template = _LEFT_SIDE.sub("", _IGNORED.sub("", masked))
    return draw(0, "template", template) >> 2 if template else 0


def term_keys(terms: tuple[int, ...]) -> tuple[int, ...]:
    """Keys of windows of |terms|: one per start 0 … SHIFTS and per level that fits, each below 2^62.

    The lowest bit is set on a window that the sequence is too short to continue to the next level: two
    sequences that agree on such a window agree as far as the shorter one can tell.
    """
    hashes = [0]
    for term in terms[: SHIFTS + LEVELS[-1]]:
        hashes.append((hashes[-1] * _BASE + abs(term) + 1) % _PRIME)
    known = len(hashes) - 1
    keys = set()
    for start in range(SHIFTS + 1):
        for i, level in enumerate(LEVELS):
            end = start + level
            if end > known:
                break
            if i == 0 and len({abs(t) for t in terms[start:end]}) < FEWEST_VALUES:
                break
            last = i + 1 == len(LEVELS) or start + LEVELS[i + 1] > known
            keys.add((hashes[end] - hashes[start] * _POWERS[i]) % _PRIME << 1 | last)
    return tuple(sorted(keys))


def group(
    templates: NDArray[np.int64], keys: NDArray[np.int64], owners: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Family of each of n sequences: the smallest position in it.

    `templates` has n entries (0: none); `keys` and `owners` run in parallel, one entry per term key, `owners`
    being positions (negative: not to be considered).
    """
    parents = array("i", range(len(templates)))

    def root(i: int) -> int:
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    def join(pairs: Iterable[tuple[int, int]]) -> None:
        for a, b in pairs:
            ra, rb = root(a), root(b)
            # The smaller position stays on top, so that the root is the family's smallest member.
            if ra < rb:
                parents[rb] = ra
            else:
                parents[ra] = rb

    named = np.flatnonzero(templates)
    join(_neighbours(templates[named], named))
    for part in range(_SLICES):
        # The slice is told by the bits above the lowest, which is no part of the window's hash.
        chosen = np.flatnonzero(keys & (2 * (_SLICES - 1)) == 2 * part)
        chosen = chosen[owners[chosen] >= 0]
        linking = chosen[_linking(keys[chosen])]
        join(_neighbours(keys[linking] >> 1, owners[linking]))
    return np.fromiter((root(i) for i in range(len(parents))), np.int32, len(parents))


def _linking(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where `keys` hold a window that links its holders: one of them ends there. Else longer windows decide."""
    ends = np.unique(keys[keys & 1 == 1])
    return np.flatnonzero(np.isin(keys | 1, ends))


def _neighbours(keys: NDArray[np.int64], positions: NDArray[Any]) -> Iterable[tuple[int, int]]:
    """Pairs of positions that link all holders of an equal key into one chain."""
    order = np.argsort(keys, kind="stable")
    equal = np.flatnonzero(np.diff(keys[order]) == 0)
    left, right = positions[order[equal]], positions[order[equal + 1]]
    different = left != right
    return zip(left[different].tolist(), right[different].tolist(), strict=True)

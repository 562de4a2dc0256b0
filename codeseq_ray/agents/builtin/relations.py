"""Exact linear relations between columns of integers: found modulo a prime, proved over the integers."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd, isqrt, lcm

import flint

PRIME = (1 << 61) - 1
"""Word-sized Mersenne prime: a relation that holds modulo it by chance has probability about 2⁻⁶¹."""

_BOUND = isqrt(PRIME // 2)


def relation(columns: Sequence[Sequence[int]], spare: int, wanted: int) -> tuple[int, ...] | None:
    """Integers v with Σ v[i]·columns[i] = 0 in every row; None if there are none.

    At least one of the first `wanted` entries is not 0, and the first of these is positive. There must be at
    least `spare` rows more than columns. Among several independent relations the one with the fewest non-zero
    entries is taken. The coefficients are coprime; each has at most about nine digits.
    """
    width, height = len(columns), len(columns[0])
    if height < width + spare:
        return None
    # A square block refutes most candidates at a fraction of the cost of all rows.
    first = min(height, width + 1)
    for rows in (first, height) if first < height else (height,):
        matrix = flint.nmod_mat(rows, width, [c[k] % PRIME for k in range(rows) for c in columns], PRIME)
        if matrix.rank() == width:
            return None
    basis, nullity = matrix.nullspace()
    # Reduced echelon form of the relations: sparse ones come first to the eye.
    reduced, _ = flint.nmod_mat(
        nullity, width, [int(basis[i, j]) for j in range(nullity) for i in range(width)], PRIME
    ).rref()
    lifted = [_lift([int(reduced[j, i]) for i in range(width)], wanted) for j in range(nullity)]
    for vector in sorted((v for v in lifted if v), key=_plainness):
        if all(sum(v * c[k] for v, c in zip(vector, columns, strict=True)) == 0 for k in range(height)):
            return vector
    return None


def _plainness(vector: tuple[int, ...]) -> tuple[int, int]:
    return sum(1 for v in vector if v), sum(abs(v) for v in vector)


def _lift(residues: list[int], wanted: int) -> tuple[int, ...] | None:
    """Rational reconstruction of a residue vector, scaled to coprime integers."""
    pivot = next((r for r in residues[:wanted] if r), None)
    if pivot is None:
        return None
    inverse = pow(pivot, -1, PRIME)
    ratios = [_ratio(r * inverse % PRIME) for r in residues]
    if any(r is None for r in ratios):
        return None
    known = [r for r in ratios if r is not None]
    scale = lcm(*(d for _, d in known))
    vector = [n * (scale // d) for n, d in known]
    shared = gcd(*vector)
    return tuple(v // shared for v in vector)


def _ratio(residue: int) -> tuple[int, int] | None:
    """Numerator and positive denominator, both below √(p/2), of the fraction that the residue stands for."""
    a, b, s, t = PRIME, residue, 0, 1
    while b > _BOUND:
        q = a // b
        a, b, s, t = b, a - q * b, t, s - q * t
    if t == 0 or abs(t) > _BOUND or gcd(b, t) != 1:
        return None
    return (b, t) if t > 0 else (-b, -t)


def berlekamp_massey(values: Sequence[int]) -> tuple[int, tuple[int, ...]]:
    """Shortest recurrence over the integers mod PRIME: (L, (1, c1, …)) with Σ c[j]·v[i−j] = 0 for i ≥ L."""
    s = [v % PRIME for v in values]
    current, previous = [1], [1]
    length, gap, last = 0, 1, 1
    for i in range(len(s)):
        d = sum(c * v for c, v in zip(current, s[i::-1], strict=False)) % PRIME
        if d == 0:
            gap += 1
            continue
        factor = d * pow(last, -1, PRIME) % PRIME
        old = current
        current = current + [0] * (len(previous) + gap - len(current))
        for j, x in enumerate(previous):
            current[j + gap] = (current[j + gap] - factor * x) % PRIME
        if 2 * length <= i:
            length, previous, last, gap = i + 1 - length, old, d, 1
        else:
            gap += 1
    return length, tuple(current)


def symmetric(residue: int) -> int:
    """The integer of least absolute value in the residue class."""
    residue %= PRIME
    return residue - PRIME if residue > PRIME // 2 else residue

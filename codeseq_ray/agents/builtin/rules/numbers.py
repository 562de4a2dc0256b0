"""How the agents compute in elementary number theory; programs do it in ways of their own (`sources`)."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from itertools import count
from math import isqrt

import flint


def prime_powers(m: int) -> list[tuple[int, int]]:
    return [(int(p), e) for p, e in flint.fmpz(m).factor()]


def divisors_of(m: int) -> list[int]:
    out = [1]
    for p, e in prime_powers(m):
        out = [d * p**k for d in out for k in range(e + 1)]
    return out


def digits_of(m: int, base: int) -> list[int]:
    """Most significant digit first; zero has no digit."""
    out = []
    while m:
        m, digit = divmod(m, base)
        out.append(digit)
    return out[::-1]


def valuation(m: int, p: int) -> int:
    return next(e for e in count() if m % p ** (e + 1))


@lru_cache(maxsize=1)
def small_primes() -> list[int]:
    limit = 1 << 15
    sieve = bytearray([1]) * limit
    sieve[:2] = b"\0\0"
    for p in range(2, isqrt(limit) + 1):
        if sieve[p]:
            sieve[p * p :: p] = bytes(len(range(p * p, limit, p)))
    return [p for p in range(limit) if sieve[p]]


def is_prime(m: int) -> bool:
    return m > 1 and bool(flint.fmpz(m).is_prime())


def nth_prime(m: int) -> int:
    primes = small_primes()
    if m <= len(primes):
        return primes[m - 1]
    candidate = primes[-1]
    for _ in range(m - len(primes)):
        candidate = next_prime(candidate)
    return candidate


def next_prime(m: int) -> int:
    return next(q for q in count(m + 1) if is_prime(q))


def nth_composite(m: int) -> int:
    """Fixed point of k = m + 1 + π(k)."""
    k = m
    while (moved := m + 1 + prime_count(k)) != k:
        k = moved
    return k


def prime_count(m: int) -> int:
    primes = small_primes()
    further = sum(1 for q in range(primes[-1] + 1, m + 1) if is_prime(q))
    return bisect_right(primes, m) + further

"""Pieces of Python that programs of the built-in agent share."""

from __future__ import annotations

FACTORS = '''def factors(m):
    """Primes of m with their exponents, by trial division."""
    found = []
    p = 2
    while p * p <= m:
        e = 0
        while m % p == 0:
            m //= p
            e += 1
        if e:
            found.append((p, e))
        p += 1
    if m > 1:
        found.append((m, 1))
    return found
'''

DIVISORS = '''from math import isqrt


def divisors(m):
    """All positive divisors: each one up to the root brings its partner."""
    found = set()
    for d in range(1, isqrt(m) + 1):
        if m % d == 0:
            found.update((d, m // d))
    return found
'''

PRIMES = """def sieve(limit):
    \"\"\"A byte for each number up to the limit: 1 if it is a prime.\"\"\"
    prime = bytearray([0, 0]) + bytearray([1]) * max(limit - 1, 0)
    for p in range(2, int(limit**0.5) + 1):
        if prime[p]:
            prime[p * p :: p] = bytes(len(range(p * p, limit + 1, p)))
    return prime
"""

DIGITS = """def digits_of(m, base):
    digits = []
    while m:
        m, digit = divmod(m, base)
        digits.append(digit)
    return digits
"""

"""What the contenders run: one program that does nothing, and twenty small ones as models write them.

Each answers eight inputs. Terms are listed, not computed, so that no contender is checked against itself.
"""

from __future__ import annotations

from dataclasses import dataclass

INPUTS = (1, 2, 3, 5, 8, 10, 15, 20)


@dataclass(frozen=True)
class Small:
    name: str
    source: str
    outputs: tuple[int, ...]
    """For `INPUTS`."""


TRIVIAL = (Small("itself", "print(input())", INPUTS),)

MIX = (
    Small("n-th prime", """
n = int(input())
count, candidate = 0, 1
while count < n:
    candidate += 1
    if all(candidate % d for d in range(2, int(candidate ** 0.5) + 1)):
        count += 1
print(candidate)
""", (2, 3, 5, 11, 19, 29, 47, 71)),
    Small("Fibonacci", """
def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a

print(fibonacci(int(input())))
""", (1, 1, 2, 5, 21, 55, 610, 6765)),
    Small("Catalan", """
from math import comb
n = int(input())
print(comb(2 * n, n) // (n + 1))
""", (1, 2, 5, 42, 1430, 16796, 9694845, 6564120420)),
    Small("sum of divisors", """
n = int(input())
print(sum(d for d in range(1, n + 1) if n % d == 0))
""", (1, 3, 4, 6, 15, 18, 24, 42)),
    Small("Euler's totient", """
from math import gcd
n = int(input())
print(sum(1 for k in range(1, n + 1) if gcd(k, n) == 1))
""", (1, 1, 2, 4, 4, 4, 8, 8)),
    Small("partitions", """
import functools

@functools.lru_cache(maxsize=None)
def partitions(n, most):
    if n == 0:
        return 1
    return sum(partitions(n - part, part) for part in range(1, min(n, most) + 1))

n = int(input())
print(partitions(n, n))
""", (1, 2, 3, 7, 22, 42, 176, 627)),
    Small("Bell numbers", """
n = int(input())
row = [1]
for _ in range(n - 1):
    new = [row[-1]]
    for value in row:
        new.append(new[-1] + value)
    row = new
print(row[-1])
""", (1, 2, 5, 52, 4140, 115975, 1382958545, 51724158235372)),
    Small("Collatz steps", """
n = int(input())
steps = 0
while n != 1:
    n = n // 2 if n % 2 == 0 else 3 * n + 1
    steps += 1
print(steps)
""", (0, 1, 7, 5, 3, 6, 17, 7)),
    Small("primes below by a sieve", """
n = 50 * int(input())
sieve = bytearray([1]) * (n + 1)
sieve[0:2] = b"\\0\\0"
for p in range(2, int(n ** 0.5) + 1):
    if sieve[p]:
        sieve[p * p :: p] = bytes(len(range(p * p, n + 1, p)))
print(sum(sieve))
""", (15, 25, 35, 53, 78, 95, 132, 168)),
    Small("digit sum of a factorial", """
import math
n = int(input())
print(sum(map(int, str(math.factorial(n)))))
""", (1, 2, 6, 3, 9, 27, 45, 54)),
    Small("binary ones", """
import sys
n = int(sys.stdin.readline())
print(bin(n).count("1"))
""", (1, 1, 2, 2, 1, 2, 4, 2)),
    Small("n-th palindrome", """
n = int(input())
k = -1
while n > 0:
    k += 1
    if str(k) == str(k)[::-1]:
        n -= 1
print(k)
""", (0, 1, 2, 4, 7, 9, 55, 101)),
    Small("tetrahedral", """
n = int(input())
print(n * (n + 1) * (n + 2) // 6)
""", (1, 4, 10, 35, 120, 220, 680, 1540)),
    Small("Josephus", """
from collections import deque
n = int(input())
ring = deque(range(1, n + 1))
while len(ring) > 1:
    ring.rotate(-1)
    ring.popleft()
print(ring[0])
""", (1, 1, 3, 3, 1, 5, 15, 9)),
    Small("denominator of a harmonic number", """
from fractions import Fraction
n = int(input())
print(sum(Fraction(1, k) for k in range(1, n + 1)).denominator)
""", (1, 2, 6, 60, 280, 2520, 360360, 15519504)),
    Small("derangements", """
import sys
sys.setrecursionlimit(10000)

def derangements(n):
    if n == 0:
        return 1
    return n * derangements(n - 1) + (-1) ** n

print(derangements(int(input())))
""", (0, 1, 2, 44, 14833, 1334961, 481066515734, 895014631192902121)),
    Small("Motzkin by convolution", """
n = int(input())
m = [1, 1]
for k in range(2, n + 1):
    m.append(m[k - 1] + sum(m[i] * m[k - 2 - i] for i in range(k - 1)))
print(m[n])
""", (1, 2, 4, 21, 323, 2188, 310572, 50852019)),
    Small("digits of a square root", """
from decimal import Decimal, getcontext
n = int(input())
getcontext().prec = n + 10
print(int(Decimal(2).sqrt() * 10 ** n))
""", (14, 141, 1414, 141421, 141421356, 14142135623, 1414213562373095, 141421356237309504880)),
    Small("n-th sum of two squares", """
from itertools import count
n = int(input())
found = 0
for k in count():
    if any(int((k - a * a) ** 0.5 + 0.5) ** 2 == k - a * a for a in range(int(k ** 0.5) + 1)):
        found += 1
        if found == n:
            print(k)
            break
""", (0, 1, 2, 5, 10, 16, 26, 37)),
    Small("look and say, its length", """
import re
n = int(input())
term = "1"
for _ in range(n - 1):
    term = re.sub(r"(.)\\1*", lambda m: str(len(m.group(0))) + m.group(1), term)
print(len(term))
""", (1, 2, 2, 6, 10, 20, 78, 302)),
)  # fmt: skip

assert all(len(small.outputs) == len(INPUTS) for small in (*TRIVIAL, *MIX))

"""Sources of standard-library programs, put together from functions written out here.

Nothing in a program comes from sympy: what sympy says of the same name is computed apart, on the trusted side.
"""

from __future__ import annotations

import re

_FUNCTIONS = {
    "is_prime": """
def is_prime(n):
    if n < 2:
        return False
    for p in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        if n % p == 0:
            return n == p
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        x = pow(base, odd, n)
        if x in (1, n - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True
""",
    "factors": """
def factors(n):
    found, p = {}, 2
    while p * p <= n:
        while n % p == 0:
            found[p] = found.get(p, 0) + 1
            n //= p
        p += 1
    if n > 1:
        found[n] = found.get(n, 0) + 1
    return found
""",
    "divisors": """
def divisors(n):
    small = [d for d in range(1, isqrt(n) + 1) if n % d == 0]
    return sorted({*small, *(n // d for d in small)})
""",
    "phi": """
def phi(n):
    for p in factors(n):
        n -= n // p
    return n
""",
    "sigma": """
def sigma(n, k=1):
    return sum(d**k for d in divisors(n))
""",
    "tau": """
def tau(n):
    return prod(e + 1 for e in factors(n).values())
""",
    "mu": """
def mu(n):
    exponents = factors(n).values()
    return 0 if any(e > 1 for e in exponents) else (-1) ** len(exponents)
""",
    "omega": """
def omega(n):
    return len(factors(n))
""",
    "bigomega": """
def bigomega(n):
    return sum(factors(n).values())
""",
    "rad": """
def rad(n):
    return prod(factors(n))
""",
    "gpf": """
def gpf(n):
    return max(factors(n))
""",
    "lpf": """
def lpf(n):
    return min(factors(n))
""",
    "prime": """
PRIMES = [2, 3]


def prime(i):
    while len(PRIMES) < i:
        candidate = PRIMES[-1] + 2
        while any(candidate % p == 0 for p in PRIMES[: 1 + isqrt(candidate)] if p * p <= candidate):
            candidate += 2
        PRIMES.append(candidate)
    return PRIMES[i - 1]
""",
    "primepi": """
def primepi(n):
    return sum(map(is_prime, range(2, n + 1)))
""",
    "nextprime": """
def nextprime(n):
    n += 1
    while not is_prime(n):
        n += 1
    return n
""",
    "fibonacci": """
def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a
""",
    "kronecker": """
def kronecker(a, n):
    if n == 0:
        return int(abs(a) == 1)
    result = -1 if n < 0 and a < 0 else 1
    n = abs(n)
    while n % 2 == 0:
        n //= 2
        result *= 0 if a % 2 == 0 else 1 if a % 8 in (1, 7) else -1
    a %= n
    while a:
        while a % 2 == 0:
            a //= 2
            if n % 8 in (3, 5):
                result = -result
        a, n = n, a
        if a % 4 == n % 4 == 3:
            result = -result
        a %= n
    return result if n == 1 else 0
""",
    "order": """
def order(base, modulus):
    power, steps = base % modulus, 1
    while power != 1 % modulus:
        power, steps = power * base % modulus, steps + 1
    return steps
""",
    "quotients": """
def quotients(n):
    root = isqrt(n)
    m, d, a = 0, 1, root
    while True:
        yield a
        if root * root == n:
            return
        m = d * a - m
        d = (n - m * m) // d
        a = (root + m) // d
""",
    "whole": """
def whole(x):
    assert x == int(x)
    return int(x)
""",
}
_IMPORTS = {
    "math": ("ceil", "comb", "factorial", "floor", "gcd", "isqrt", "lcm", "prod"),
    "fractions": ("Fraction",),
    "itertools": ("accumulate", "count", "islice"),
}
_WORD = re.compile(r"[A-Za-z_]\w*")


def _needed(text: str) -> list[str]:
    """Names of the functions that the text uses, those that they use before them."""
    found: list[str] = []
    begun: set[str] = set()

    def add(source: str) -> None:
        for word in dict.fromkeys(_WORD.findall(source)):
            if word in _FUNCTIONS and word not in begun:
                begun.add(word)
                add(_FUNCTIONS[word])
                found.append(word)

    add(text)
    return found


def program(body: str) -> str:
    """`body` with all that it uses before it."""
    parts = [_FUNCTIONS[name] for name in _needed(body)]
    text = "\n".join([*parts, "\n" + body.strip() + "\n"])
    words = set(_WORD.findall(text))
    imports = [
        f"from {module} import {', '.join(used)}"
        for module, names in _IMPORTS.items()
        if (used := [name for name in names if name in words])
    ]
    return "\n".join([*imports, text]).strip() + "\n"


def value(expression: str, variable: str = "n") -> str:
    """Prints an expression in the input."""
    return program(f"{variable} = int(input())\nprint({expression})")


def nth(first: int, least: int, condition: str, *, variable: str = "k") -> str:
    """Prints the member at the input's place among the integers from `least` on; places count from `first`."""
    return program(
        f"place = int(input()) - {first}\n"
        f"for {variable} in count({least}):\n"
        f"    if {condition}:\n"
        "        if place == 0:\n"
        f"            print({variable})\n"
        "            break\n"
        "        place -= 1"
    )

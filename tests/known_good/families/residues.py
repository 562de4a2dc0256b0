"""Residues, symbols and orders."""

from __future__ import annotations

import re
from itertools import count

import sympy
from sympy.functions.combinatorial import numbers as nt
from sympy.ntheory import residue_ntheory as residues

from known_good.families.base import Tie, every, family, flowing, listed, members
from known_good.families.wording import FORMULA
from known_good.notation import Formula
from known_good.solving import nth, program, value


def _set(text: str) -> set[int]:
    return {int(part) for part in re.findall(r"-?\d+", text)}


@family(
    "integers in residue classes", r"Numbers (?:that are )?congruent to \{([-\d, ]+)\} \(?mod (\d+)\)?\.?", 12
)
def _integers(said: re.Match[str], first: int) -> Tie:
    modulus = int(said[2])
    classes = sorted(k % modulus for k in _set(said[1]))
    wanted = {sympy.Mod(k, modulus) for k in classes}
    source = program(
        f"n = int(input()) - {first}\nclasses = {classes}\nturn, which = divmod(n, len(classes))\n"
        f"print({modulus} * turn + classes[which])"
    )
    return Tie(source, members(lambda k: sympy.Mod(k, modulus) in wanted, 0))


@family(
    "primes in residue classes",
    r"Primes (?:p )?congruent to (\d+|\{[\d, ]+\}) \(?mod(?:ulo)? (\d+)\)?\.?",
    27,
)
def _primes(said: re.Match[str], first: int) -> Tie:
    classes, modulus = _set(said[1]), int(said[2])
    source = nth(first, 2, f"k % {modulus} in {sorted(classes)} and is_prime(k)")
    return Tie(source, flowing(lambda: (p for p in sympy.primerange(10**6) if p % modulus in classes)))


@family("primes in progressions", r"Primes of (?:the )?form (\d+)\*?([knmj])\s*\+\s*(\d+)\.?", 12)
def _progression(said: re.Match[str], first: int) -> Tie:
    step, start = int(said[1]), int(said[3])
    if sympy.isprime(start):
        raise ValueError("whether the first may be 0 is left open")
    source = program(
        f"place = int(input()) - {first}\np = {start}\n"
        "while True:\n    if is_prime(p):\n        if place == 0:\n            break\n        place -= 1\n"
        f"    p += {step}\nprint(p)"
    )
    return Tie(source, flowing(lambda: (p for p in map(sympy.Integer, count(start, step)) if p.is_prime)))


@family("squares modulo m", r"Squares mod (\d+)\.?", 15)
def _squares(said: re.Match[str], first: int) -> Tie:
    m = said[1]
    source = program(f"n = int(input()) - {first}\nprint(sorted({{k * k % {m} for k in range({m})}})[n])")
    return Tie(source, listed(sorted(residues.quadratic_residues(int(m)))))


@family("Legendre symbols", r"Legendre symbol \(n,\s?(\d+)\)\.?", 14)
def _legendre(said: re.Match[str], first: int) -> Tie:
    p = int(said[1])
    # Euler's criterion.
    source = program(f"n = int(input())\nr = pow(n, ({p} - 1) // 2, {p})\nprint(-1 if r == {p} - 1 else r)")
    return Tie(source, every(lambda n: nt.legendre_symbol(n % p, p), first))


@family(
    "primes by Kronecker symbol",
    r"Primes (?:p )?(?:that have|with|which have) Kronecker symbol \(p\|(\d+)(?:\*(\d+))?\) = (-?1)\.",
    10,
)
def _by_kronecker(said: re.Match[str], first: int) -> Tie:
    m, sign = int(said[1]) * int(said[2] or 1), int(said[3])
    source = nth(first, 2, f"is_prime(k) and kronecker(k, {m}) == {sign}")
    return Tie(source, members(lambda p: sympy.isprime(p) and nt.kronecker_symbol(p, m) == sign, 2))


@family(
    "sums of a Kronecker symbol over divisors",
    r"Coefficients in expansion of Dirichlet series Product_p \(1-\(Kronecker\(m,p\)\+1\)\*p\^\(-s\)"
    r"\+Kronecker\(m,p\)\*p\^\(-2s\)\)\^\(-1\) for m = (-?\d+)\.",
    15,
)
def _dirichlet(said: re.Match[str], first: int) -> Tie:
    m = int(said[1])
    # The local factor is 1 / ((1 - x)(1 - c x)): its coefficients are the sums of the powers of c.
    source = program(
        "n = int(input())\nresult = 1\nfor p, e in factors(n).items():\n"
        f"    c = kronecker({m}, p)\n    result *= sum(c**i for i in range(e + 1))\nprint(result)"
    )
    return Tie(source, every(lambda n: sum(nt.kronecker_symbol(m, d) for d in sympy.divisors(n)), first))


@family("N a square modulo p", r"Primes p such that (\d+) is (not )?a square mod p\.?", 14)
def _square_mod(said: re.Match[str], first: int) -> Tie:
    number, negated = int(said[1]), bool(said[2])
    found = f"any((x * x - {number}) % k == 0 for x in range(k))"
    source = nth(first, 2, f"is_prime(k) and {'not ' if negated else ''}{found}")

    def test(p: int) -> bool:
        return sympy.isprime(p) and bool(residues.is_quad_residue(number % p, p)) != negated

    return Tie(source, members(test, 2))


@family("p a square modulo N", r"Primes that are (not |nonzero )?squares mod (\d+)\.", 15)
def _squares_mod(said: re.Match[str], first: int) -> Tie:
    kind, m = (said[1] or "").strip(), int(said[2])
    squares = f"{{x * x % {m} for x in range({int(kind == 'nonzero')}, {m})}}"
    source = nth(first, 2, f"is_prime(k) and k % {m} {'not ' if kind == 'not' else ''}in {squares}")

    def test(p: int) -> bool:
        if not sympy.isprime(p) or (kind == "nonzero" and p % m == 0):
            return False
        return bool(residues.is_quad_residue(p % m, m)) != (kind == "not")

    return Tie(source, members(test, 2))


@family("k-th power residues", r"Primes p such that x\^(\d+) = (\d+) has (a|no) solution mod p\.?", 30)
def _power_residue(said: re.Match[str], first: int) -> Tie:
    k, a, soluble = int(said[1]), int(said[2]), said[3] == "a"
    found = f"any(pow(x, {k}, k) == {a} % k for x in range(k))"
    source = nth(first, 2, f"is_prime(k) and {'' if soluble else 'not '}{found}")

    def test(p: int) -> bool:
        return sympy.isprime(p) and (a % p == 0 or bool(residues.is_nthpow_residue(a, k, p))) == soluble

    return Tie(source, members(test, 2))


@family("primes with a primitive root", r"Primes with primitive root (\d+)\.?", 15)
def _primitive(said: re.Match[str], first: int) -> Tie:
    g = int(said[1])
    source = nth(first, 2, f"is_prime(k) and {g} % k and order({g}, k) == k - 1")
    return Tie(
        source, members(lambda p: sympy.isprime(p) and g % p and residues.is_primitive_root(g % p, p), 2)
    )


@family("moduli with a primitive root", r"Numbers with primitive root (\d+)\.?", 15)
def _moduli(said: re.Match[str], first: int) -> Tie:
    g = int(said[1])
    source = nth(first, 2, f"gcd({g}, k) == 1 and order({g}, k) == phi(k)")
    return Tie(source, members(lambda m: sympy.gcd(g, m) == 1 and residues.n_order(g, m) == nt.totient(m), 2))


@family("powers modulo m", r"(?:a\(n\) = )?(\d+)\^n mod (\d+)\.?", 14)
def _powers(said: re.Match[str], first: int) -> Tie:
    base, m = int(said[1]), int(said[2])
    return Tie(value(f"pow({base}, n, {m})"), every(lambda n: sympy.Mod(sympy.Pow(base, n), m), first))


@family("multiplicative orders", rf"Multiplicative order of (\d+) \(?mod(?:ulo)? (?P<f>{FORMULA})\)?\.?", 15)
def _orders(said: re.Match[str], first: int) -> Tie:
    g, modulus = int(said[1]), Formula(said["f"].strip(), "n")
    source = value(f"order({g}, {modulus.whole})")
    return Tie(source, every(lambda n: _order(g, modulus.integer(n)), first))


def _order(base: int, modulus: int) -> int:
    # sympy leaves out the ring of one element, in which every power is 1.
    return 1 if modulus == 1 else int(residues.n_order(base, modulus))


@family(
    "orders at coprime moduli", r"Multiplicative order of (\d+) mod ([mn]), where gcd\(\2, ?\1\) = 1\.", 15
)
def _coprime_orders(said: re.Match[str], first: int) -> Tie:
    g = int(said[1])
    source = program(
        f"place = int(input()) - {first}\nm = 1\n"
        f"while place or gcd(m, {g}) != 1:\n    place -= gcd(m, {g}) == 1\n    m += 1\nprint(order({g}, m))"
    )
    return Tie(
        source,
        flowing(lambda: (_order(g, m) for m in count(1) if sympy.igcd(m, g) == 1)),
    )


@family(
    "periods of 1/n", r"Period of (?:repeating digits|decimal representation) of 1/n(?: in base (\d+))?\.", 10
)
def _periods(said: re.Match[str], first: int) -> Tie:
    base = int(said[1] or 10)
    source = program(
        f"n = int(input())\nseen, rest, step = {{}}, 1 % n, 0\n"
        f"while rest not in seen:\n    seen[rest] = step\n    rest, step = rest * {base} % n, step + 1\n"
        "print(step - seen[rest])"
    )

    def period(n: int) -> int:
        for p in sympy.primefactors(base):
            n //= p ** sympy.multiplicity(p, n)
        return _order(base, n)

    return Tie(source, every(period, first))

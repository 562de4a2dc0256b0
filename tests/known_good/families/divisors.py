"""Divisors and prime factors."""

from __future__ import annotations

import re

import sympy
from sympy.functions.combinatorial import numbers as nt

from known_good.families.base import Tie, every, family, listed, members
from known_good.families.wording import SUCH
from known_good.notation import Formula
from known_good.solving import nth, program, value


@family("divisors of a number", r"Divisors of (\d+)(?:\^(\d+) ([-+]) 1)?\.?", 20)
def _divisors(said: re.Match[str], first: int) -> Tie:
    number = int(said[1]) ** int(said[2] or 1) + (0 if not said[2] else 1 if said[3] == "+" else -1)
    if number > 10**9:
        raise ValueError("too long a search")
    return Tie(program(f"print(divisors({number})[int(input()) - {first}])"), listed(sympy.divisors(number)))


@family("powers of divisors", r"a\(n\) = sigma_(\d+)\(n\), the sum of the \d+(?:st|nd|rd|th) powers .*", 12)
def _sigma(said: re.Match[str], first: int) -> Tie:
    k = int(said[1])
    return Tie(value(f"sum(d**{k} for d in divisors(n))"), every(lambda n: nt.divisor_sigma(n, k), first))


_OF_FORM = r"of (?:the )?form (\d+)\*?k ?([-+] ?\d+)\.?"


@family("divisors of one form", rf"(Number|Sum) of divisors of n {_OF_FORM}", 15)
def _of_form(said: re.Match[str], first: int) -> Tie:
    return _counted_divisors(said[1], "n", int(said[2]), int(said[3].replace(" ", "")), first)


@family("divisors of one form of one form", rf"(Number|Sum) of divisors of (\d+\*?n[-+]\d+) {_OF_FORM}", 10)
def _form_of_form(said: re.Match[str], first: int) -> Tie:
    return _counted_divisors(said[1], said[2], int(said[3]), int(said[4].replace(" ", "")), first)


@family("divisors in a class", r"(Number) of divisors of n that are congruent to (\d+) modulo (\d+)\.", 15)
def _in_class(said: re.Match[str], first: int) -> Tie:
    return _counted_divisors(said[1], "n", int(said[3]), int(said[2]), first)


def _counted_divisors(what: str, of: str, step: int, rest: int, first: int) -> Tie:
    if first < 1:
        raise ValueError("the divisors of 0")
    counted = Formula(of, "n")
    term = "1" if what == "Number" else "d"
    source = value(f"sum({term} for d in divisors({counted.whole}) if (d - {rest}) % {step} == 0)")

    def reference(n: int) -> int:
        found = [d for d in sympy.divisors(counted.integer(n)) if sympy.Mod(d - rest, step) == 0]
        return len(found) if what == "Number" else sum(found)

    return Tie(source, every(reference, first))


@family("divisors that m does not divide", r"Sum of the divisors of n that are not divisible by (\d+)\.", 10)
def _not_divisible(said: re.Match[str], first: int) -> Tie:
    m = int(said[1])
    # sigma(n) less the divisors of n that are multiples of m
    source = value(f"sum(divisors(n)) - ({m} * sum(divisors(n // {m})) if n % {m} == 0 else 0)")
    return Tie(source, every(lambda n: sum(d for d in sympy.divisors(n) if d % m), first))


@family("divisors of powers", r"Number of divisors of n\^(\d+)\.?", 10)
def _divisors_of_powers(said: re.Match[str], first: int) -> Tie:
    k = int(said[1])
    if first < 1:
        raise ValueError("the divisors of 0")
    return Tie(
        value(f"prod({k} * e + 1 for e in factors(n).values())"),
        every(lambda n: sympy.divisor_count(sympy.Integer(n) ** k), first),
    )


@family("exactly k divisors", r"Numbers with (?:exactly )?(\d+) divisors\..*", 8)
def _exactly(said: re.Match[str], first: int) -> Tie:
    k = int(said[1])
    return Tie(nth(first, 1, f"tau(k) == {k}"), members(lambda n: sympy.divisor_count(n) == k, 1))


@family(
    "exactly k primes",
    r"(?:Numbers that are d|Numbers d|D)ivisible by exactly (\d+) primes \(?(?:counted )?with multiplicity\)?\.?",
    20,
)
def _almost_primes(said: re.Match[str], first: int) -> Tie:
    k = int(said[1])
    return Tie(nth(first, 1, f"bigomega(k) == {k}"), members(lambda n: nt.primeomega(n) == k, 1))


@family(
    "smooth numbers",
    r"(\d+)-smooth numbers: (?:positive |i\.e\., )?numbers whose prime divisors are all <= \1\.?",
    15,
)
def _smooth(said: re.Match[str], first: int) -> Tie:
    p = int(said[1])
    return Tie(
        nth(first, 1, f"max([1, *factors(k)]) <= {p}"),
        members(lambda n: max(sympy.primefactors(n), default=1) <= p, 1),
    )


@family("largest factor of k^2 - 1", rf"{SUCH}(\d+) is the largest prime factor of (?P=v)\^2 [-−] 1\.", 8)
def _stormer(said: re.Match[str], first: int) -> Tie:
    p = int(said[2])
    source = nth(first, 2, f"(k * k - 1) % {p} == 0 and gpf(k * k - 1) == {p}")
    return Tie(source, members(lambda n: max(sympy.primefactors(n * n - 1)) == p, 2))


@family("powers of one prime in n", r"(H|Exponent of h)ighest power of (\d+) dividing n\.?", 15)
def _valuations(said: re.Match[str], first: int) -> Tie:
    b = int(said[2])
    if first < 1:
        raise ValueError("every power divides 0")
    exponent = said[1] != "H"
    source = value(
        f"max(e for e in range(n) if n % {b}**e == 0)"
        if exponent
        else f"max({b}**e for e in range(n) if n % {b}**e == 0)"
    )

    def reference(n: int) -> int:
        e = sympy.multiplicity(b, n)
        return int(e) if exponent else b**e

    return Tie(source, every(reference, first))

"""Formulas that stand in the name itself."""

from __future__ import annotations

import re

import sympy

from known_good.families.base import FARTHEST, Tie, every, family, listed, members
from known_good.families.wording import FORMULA, SUCH
from known_good.notation import Formula
from known_good.solving import nth, program, value


def _polynomial(text: str, variable: str) -> Formula:
    formula = Formula(text.strip(), variable)
    if formula.exponential or formula.words or variable not in text or "," in text:
        raise ValueError("no polynomial")
    return formula


def _is_prime_value(formula: Formula, n: int) -> bool:
    found = formula(n)
    if not found.is_finite:
        raise ValueError(f"not defined at {n}")
    return bool(found.is_Integer and sympy.isprime(int(found)))


def _tested(formula: Formula) -> str:
    if not formula.exact:
        return f"is_prime({formula.program})"
    return f"(x := {formula.program}).denominator == 1 and is_prime(int(x))"


@family("k where a polynomial is prime", rf"{SUCH}(?P<f>{FORMULA}) is (?:a )?prime(?: number)?\.?", 27)
def _prime_at(said: re.Match[str], first: int) -> Tie:
    formula = _polynomial(said["f"], said["v"])
    return _all_prime([formula], said["v"], first)


@family(
    "k where two polynomials are prime",
    rf"{SUCH}(?:both )?(?P<f>{FORMULA}) and (?P<g>{FORMULA}) are (?:both )?primes?\.?",
    12,
)
def _both_prime(said: re.Match[str], first: int) -> Tie:
    return _all_prime([_polynomial(said[part], said["v"]) for part in "fg"], said["v"], first)


def _all_prime(formulas: list[Formula], variable: str, first: int) -> Tie:
    def test(n: int) -> bool:
        return all(_is_prime_value(formula, n) for formula in formulas)

    if test(0):
        raise ValueError("whether 0 belongs to it is left open")
    source = nth(first, 1, " and ".join(map(_tested, formulas)), variable=variable)
    return Tie(source, members(test, 1, FARTHEST // 2))


@family(
    "p where a polynomial is prime", rf"Primes p such that (?P<f>{FORMULA}) is (?:also )?(?:a )?prime\.?", 22
)
def _prime_at_primes(said: re.Match[str], first: int) -> Tie:
    formula = _polynomial(said["f"], "p")
    source = nth(first, 2, f"is_prime(p) and {_tested(formula)}", variable="p")
    return Tie(source, members(lambda p: sympy.isprime(p) and _is_prime_value(formula, p), 2))


@family("prime values of a polynomial", r"Primes of the form (?P<f>[-+*^ \d]*(?P<v>[nk])[-+*^ \dnk]*)\.?", 14)
def _prime_values(said: re.Match[str], first: int) -> Tie:
    variable = said["v"]
    formula = _polynomial(said["f"], variable)
    if _is_prime_value(formula, 0):
        raise ValueError("whether the first may be 0 is left open")
    reach = 250
    values = [formula.integer(n) for n in range(reach)]
    falling = [i for i in range(1, reach) if values[i] <= values[i - 1]]
    if falling and falling[-1] > 50:
        raise ValueError("it does not grow")
    source = program(
        f"place = int(input()) - {first}\n"
        f"found = sorted({{x for {variable} in range(1, {reach}) if is_prime(x := {formula.whole})}})\n"
        "print(found[place])"
    )
    return Tie(source, listed(sorted({x for x in values[1:] if sympy.isprime(x)})))


@family(
    "arithmetic functions at n",
    rf"a\(n\) = (?P<f>{FORMULA})(?:\.|, where (?!.*a\().*|, (?:the|i\.e\.) .*|)",
    86,
)
def _arithmetic(said: re.Match[str], first: int) -> Tie:
    formula = Formula(said["f"].strip().removesuffix("."), "n")
    if not formula.arithmetic or re.search(r"\^.*\^", said["f"]):
        raise ValueError("no function of number theory")
    if formula.too_large:
        raise ValueError("too large to be factored")
    if "d" in formula.words and "divisor" not in said[0]:
        raise ValueError("d is not said to be the number of divisors")
    return Tie(value(formula.whole), every(formula.integer, first))


@family("equal arithmetic functions", rf"{SUCH}(?P<f>{FORMULA}) = (?P<g>{FORMULA})\.?", 10)
def _equal(said: re.Match[str], first: int) -> Tie:
    left, right = (Formula(said[part].strip(), said["v"]) for part in "fg")
    if not (left.arithmetic or right.arithmetic) or left.exponential or right.exponential:
        raise ValueError("no function of number theory")
    source = nth(first, 1, f"({left.program}) == ({right.program})", variable=said["v"])
    return Tie(source, members(lambda n: left(n) == right(n), 1, FARTHEST // 3))


@family("one function divides another", rf"{SUCH}(?P<f>{FORMULA}) divides (?P<g>{FORMULA})\.?", 8)
def _divides(said: re.Match[str], first: int) -> Tie:
    left, right = (Formula(said[part].strip(), said["v"]) for part in "fg")
    if not (left.arithmetic or right.arithmetic) or left.exponential or right.exponential:
        raise ValueError("no function of number theory")
    source = nth(
        first, 1, f"({left.program}) and ({right.program}) % ({left.program}) == 0", variable=said["v"]
    )
    return Tie(source, members(lambda n: left(n) != 0 and right(n) % left(n) == 0, 1, FARTHEST // 3))

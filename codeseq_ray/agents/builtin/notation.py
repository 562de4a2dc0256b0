"""How formulas stand in a problem's text: written and read back by the same small grammar.

    sum     = ["-"] product (("+" | "-") product)*
    product = power ("*" power)* ["/" integer]
    power   = base ["^" exponent]
    base    = integer | name | name "(" anything without brackets ")" | "(" sum ")"

A formula is a polynomial with rational coefficients in *atoms*: a name such as `n`, or a call such as `t(n-1)`,
which is taken as one symbol.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import TypeAlias

Monomial: TypeAlias = tuple[tuple[str, int], ...]
"""Atoms with their exponents, sorted by atom; () is the constant monomial."""

Formula: TypeAlias = dict[Monomial, Fraction]
"""Monomial → coefficient; coefficients are never 0."""

_TOKEN = re.compile(r"\s*(?:(\d+)|([A-Za-z]\w*(?:\([^()]*\))?)|([-+*/^()]))")
_HIGHEST_POWER = 64
"""Bound on exponents read from a text, so that no text makes the reader work for long."""


class NotationError(ValueError):
    """The text is not a formula of this grammar."""


# ------------------------------------------------------------------------------------------------ writing


def sum_text(terms: Sequence[tuple[int, str]]) -> str:
    """`[(3, "n^2"), (-1, "n"), (5, "")]` as `3*n^2 - n + 5`; the empty name stands for the constant."""
    text = ""
    for coefficient, name in terms:
        if coefficient == 0:
            continue
        size = abs(coefficient)
        body = name if name and size == 1 else f"{size}*{name}" if name else str(size)
        sign = ("-" if coefficient < 0 else "") if not text else (" - " if coefficient < 0 else " + ")
        text += sign + body
    return text or "0"


def power_text(name: str, exponent: int) -> str:
    """`x^3`, `x`, or the empty text for the exponent 0."""
    return "" if exponent == 0 else name if exponent == 1 else f"{name}^{exponent}"


def polynomial_text(coefficients: Sequence[Fraction | int], name: str = "n") -> str:
    """Coefficients in ascending order as `(3*n^2 - n + 5)/2`, highest power first."""
    denominator = lcm(*(Fraction(c).denominator for c in coefficients)) if coefficients else 1
    numerators = [int(c * denominator) for c in coefficients]
    text = sum_text([(c, power_text(name, e)) for e, c in reversed(list(enumerate(numerators)))])
    return text if denominator == 1 else f"({text})/{denominator}"


def substituted(text: str, values: Mapping[str, int]) -> str:
    """The formula with atoms replaced by numbers; negative numbers get brackets."""

    def put(match: re.Match[str]) -> str:
        value = values.get(match[0])
        return match[0] if value is None else f"({value})" if value < 0 else str(value)

    return re.sub(r"[A-Za-z]\w*(?:\([^()]*\))?", put, text)


# ------------------------------------------------------------------------------------------------ reading


def parse(text: str) -> Formula:
    """Read a formula. Raises NotationError, saying where, if it is none."""
    return _Parser(text).formula()


def polynomial(formula: Formula, name: str = "n") -> tuple[Fraction, ...]:
    """Coefficients in ascending order of a formula in one atom. Raises NotationError if it holds others."""
    found: dict[int, Fraction] = {}
    for monomial, coefficient in formula.items():
        if any(atom != name for atom, _ in monomial):
            raise NotationError(f"expected a polynomial in {name}, found {monomial}")
        found[monomial[0][1] if monomial else 0] = coefficient
    return tuple(found.get(e, Fraction(0)) for e in range(max(found, default=0) + 1))


def split_off(formula: Formula, atom: str) -> tuple[Formula, Formula]:
    """The factor of `atom` (to the first power) and what does not hold it: formula = factor·atom + rest."""
    factor: Formula = {}
    rest: Formula = {}
    for monomial, coefficient in formula.items():
        powers = dict(monomial)
        exponent = powers.pop(atom, 0)
        if exponent > 1:
            raise NotationError(f"{atom} to a power above the first")
        target = factor if exponent else rest
        target[tuple(sorted(powers.items()))] = coefficient
    return factor, rest


def _times(a: Formula, b: Formula) -> Formula:
    out: Formula = {}
    for first, x in a.items():
        for second, y in b.items():
            powers = dict(first)
            for atom, exponent in second:
                powers[atom] = powers.get(atom, 0) + exponent
            monomial = tuple(sorted(powers.items()))
            out[monomial] = out.get(monomial, Fraction(0)) + x * y
    return {m: c for m, c in out.items() if c}


def _plus(a: Formula, b: Formula, sign: int) -> Formula:
    out = dict(a)
    for monomial, c in b.items():
        out[monomial] = out.get(monomial, Fraction(0)) + sign * c
    return {m: c for m, c in out.items() if c}


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def formula(self) -> Formula:
        value = self._sum()
        if self._text[self._at :].strip():
            raise self._error()
        return value

    def _error(self) -> NotationError:
        return NotationError(f"not a formula at character {self._at}: {self._text[self._at :][:30]!r}")

    def _peek(self) -> str:
        match = _TOKEN.match(self._text, self._at)
        return match[0].strip() if match else ""

    def _take(self) -> str:
        match = _TOKEN.match(self._text, self._at)
        if not match:
            raise self._error()
        self._at = match.end()
        return match[0].strip()

    def _sum(self) -> Formula:
        sign = 1
        if self._peek() == "-":
            self._take()
            sign = -1
        value = _plus({}, self._product(), sign)
        while self._peek() in ("+", "-"):
            sign = 1 if self._take() == "+" else -1
            value = _plus(value, self._product(), sign)
        return value

    def _product(self) -> Formula:
        value = self._power()
        while self._peek() == "*":
            self._take()
            value = _times(value, self._power())
        if self._peek() == "/":
            self._take()
            divisor = self._integer()
            if divisor == 0:
                raise self._error()
            value = {m: c / divisor for m, c in value.items()}
        return value

    def _power(self) -> Formula:
        value = self._base()
        if self._peek() != "^":
            return value
        self._take()
        exponent = self._integer()
        if exponent > _HIGHEST_POWER:
            raise self._error()
        out: Formula = {(): Fraction(1)}
        for _ in range(exponent):
            out = _times(out, value)
        return out

    def _integer(self) -> int:
        token = self._peek()
        if not token.isdecimal():
            raise self._error()
        return int(self._take())

    def _base(self) -> Formula:
        token = self._peek()
        if token == "(":
            self._take()
            value = self._sum()
            if self._peek() != ")":
                raise self._error()
            self._take()
            return value
        if token.isdecimal():
            number = Fraction(self._integer())
            return {(): number} if number else {}
        if token and token[0].isalpha():
            return {((self._take(), 1),): Fraction(1)}
        raise self._error()

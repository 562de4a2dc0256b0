"""The other way round: from a problem's text to the rule that it states. Sees the text and nothing else."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import accumulate
from math import lcm

from codeseq_ray.agents.builtin.notation import (
    Formula,
    NotationError,
    parse,
    polynomial,
    split_off,
)
from codeseq_ray.agents.builtin.rules import (
    AlgebraicSeries,
    ArithmeticRule,
    LinearRecurrence,
    PolynomialRecurrence,
    ProductSeries,
    QuasiPolynomial,
    Rule,
)
from codeseq_ray.agents.builtin.rules.functions import BY_SENTENCE
from codeseq_ray.agents.builtin.rules.window import trimmed

_INT = r"-?\d+"
_LIST = rf"{_INT}(?:, {_INT})*"
_PIECES = r"if r = 0 then [\s\S]*?|[a-z]\([nk]\) stands at place r of this list, [^:.]*: [^.]*"

_QUASI = re.compile(
    rf"Let r be the remainder of n after division by (?P<period>\d+), so that 0 <= r < (?P=period)\. "
    rf"For every integer n >= (?P<start>{_INT}) the rule is:\n(?P<pieces>{_PIECES})\."
)
_PERIODIC = re.compile(
    rf"Let r be the remainder of n after division by (?P<period>\d+), so that 0 <= r < (?P=period)\. "
    rf"For every integer n >= (?P<start>{_INT}) the rule is: (?P<s>\w)\(n\) is the sum of the first r \+ 1 "
    rf"numbers of this list: (?P<steps>{_LIST})\."
)
_LINEAR = re.compile(
    rf"For every integer n < (?P<start>{_INT}) the rule is: (?P<s>\w)\(n\) = 0\. "
    rf"For every integer n >= (?P=start) the rule is: (?P=s)\(n\) = (?P<right>[^=.]+)\. "
    rf"Here g\(n\) is a one-off extra: as n runs from (?P=start) to {_INT} the extras are, in order: "
    rf"(?P<gifts>{_LIST}); for every other n the extra is 0\."
)
_RECURRENCE = re.compile(
    rf"The first (?:\d+ values?|value), (?:from|at) n = (?P<start>{_INT})(?: on)?: begin with 0 and add"
    rf"(?:, one after the other,)? (?P<steps>{_LIST})(?:; each sum on the way is a value)?\. "
    rf"For every integer n >= (?P<first>{_INT}) the rule is: (?P<left>[^=.]+) = (?P<right>[^=.]+)\."
    rf"(?: The division that this asks for never leaves a remainder\.)?"
)
_PRODUCT = re.compile(
    rf"For every integer k >= 1 let (?:c\(k\) = (?P<formula>[^=.]+)|r be the remainder of k after division by "
    rf"(?P<period>\d+):\n(?P<pieces>{_PIECES}))\.\n"
    rf"Multiply out the infinite product .* into a power series in x\. "
    rf"For every integer n >= (?P<start>{_INT}) the rule is: (?P<s>\w)\(n\) is "
    rf"(?:(?P<factor>{_INT}) times )?the coefficient of x\^(?P<power>n|\([^()]+\)) in that series\."
    rf"(?: A negative power of x has the coefficient 0\.)?"
)
_ALGEBRAIC = re.compile(
    rf"Write the values into one power series A = (?P<s>\w)\((?P<start>{_INT})\) .*, "
    rf"so that the coefficient of x\^k is the value with the "
    rf"number [^.]+\. The rule is: at x = 0 the series has the value (?P<first>{_INT}), and 0 = (?P<right>[^=.]+)\. "
    rf"Exactly one power series satisfies both\."
)
_ARITHMETIC = re.compile(
    rf"For a whole number m let f\(m\) be (?P<says>.+?)\.(?P<sum> Let F\(n\) be the sum f\(1\) \+ f\(2\) \+ \.\.\. "
    rf"\+ f\(n\), and F\(0\) = 0\.)? "
    rf"For every integer n >= (?P<start>{_INT}) the rule is: (?P<s>\w)\(n\) = (?P<right>[^=.]+)\."
)
_POLYNOMIAL = re.compile(
    rf"For every integer n >= (?P<start>{_INT}) the rule is: (?P<s>\w)\(n\) = (?P<right>[^=.]+)\."
)


class UnreadableError(ValueError):
    """The description holds no definition that this reader knows."""


def read_rule(description: str) -> Rule:
    """The rule that a description states. Raises UnreadableError, saying why, if it states none."""
    for paragraph in description.split("\n\n"):
        for pattern, read in _READERS:
            match = pattern.fullmatch(paragraph.strip())
            if match:
                try:
                    return read(match)
                except NotationError as error:
                    raise UnreadableError(f"a formula in the description cannot be read: {error}") from error
    raise UnreadableError("no paragraph of the description is a definition of a known form")


def _polynomial(match: re.Match[str]) -> Rule:
    return QuasiPolynomial(int(match["start"]), (_piece(match["right"], "n"),))


def _quasi(match: re.Match[str]) -> Rule:
    return QuasiPolynomial(int(match["start"]), _pieces(match["pieces"], int(match["period"]), "n"))


def _periodic(match: re.Match[str]) -> Rule:
    values = _sums(match["steps"])
    if len(values) != int(match["period"]):
        raise UnreadableError(f"{len(values)} numbers for {match['period']} remainders")
    return QuasiPolynomial(int(match["start"]), tuple((Fraction(v),) if v else () for v in values))


def _sums(text: str) -> list[int]:
    return list(accumulate(map(int, text.split(", "))))


def _piece(text: str, name: str) -> tuple[Fraction, ...]:
    return _without_top_zeros(polynomial(parse(text), name))


def _without_top_zeros(coefficients: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    out = list(coefficients)
    while out and out[-1] == 0:
        out.pop()
    return tuple(out)


def _pieces(text: str, period: int, name: str) -> tuple[tuple[Fraction, ...], ...]:
    if text[0] != "i":
        numbers = text.partition(": ")[2].split(", ")
        lines = [f"if r = {r} then entry = {number}" for r, number in enumerate(numbers)]
    else:
        lines = text.split(";\n")
    if len(lines) != period:
        raise UnreadableError(f"{len(lines)} cases for {period} remainders")
    out = []
    for r, line in enumerate(lines):
        head, _, formula = line.partition(" = ")[2].partition(" = ")
        if not head.startswith(f"{r} then "):
            raise UnreadableError(f"the case of remainder {r} is missing")
        out.append(_piece(formula, name))
    return tuple(out)


def _linear(match: re.Match[str]) -> Rule:
    rest = parse(match["right"])
    coefficients: dict[int, int] = {}
    for i in _lags(rest, match["s"]):
        factor, rest = split_off(rest, f"{match['s']}(n-{i})")
        coefficients[i] = _whole(factor.get((), Fraction(0)))
    if rest != {(("g(n)", 1),): Fraction(1)}:
        raise UnreadableError("the right side is not a sum of earlier values and the extra")
    return LinearRecurrence(
        start=int(match["start"]),
        coefficients=tuple(coefficients.get(i, 0) for i in range(1, max(coefficients, default=0) + 1)),
        contributions=tuple(map(int, match["gifts"].split(", "))),
    )


def _lags(formula: Formula, symbol: str) -> list[int]:
    """The i of every t(n-i) that occurs."""
    atoms = {atom for monomial in formula for atom, _ in monomial}
    found = [re.fullmatch(rf"{symbol}\(n-(\d+)\)", atom) for atom in atoms]
    return sorted(int(m[1]) for m in found if m)


def _whole(value: Fraction) -> int:
    if value.denominator != 1:
        raise UnreadableError(f"{value} where a whole number has to stand")
    return value.numerator


def _whole_polynomial(formula: Formula) -> tuple[int, ...]:
    return trimmed([_whole(c) for c in polynomial(formula)])


def _recurrence(match: re.Match[str]) -> Rule:
    start, last = int(match["start"]), re.search(r"(\w)\(n\)", match["left"])
    if last is None:
        raise UnreadableError("the left side does not hold the n-th value")
    symbol = last[1]
    leading, nothing = split_off(parse(match["left"]), f"{symbol}(n)")
    if nothing:
        raise UnreadableError("the left side is not a multiple of the n-th value")
    rest = parse(match["right"])
    factors: dict[int, tuple[int, ...]] = {}
    for i in _lags(rest, symbol):
        factor, rest = split_off(rest, f"{symbol}(n-{i})")
        factors[i] = _whole_polynomial(factor)
    opening = _sums(match["steps"])
    if start + len(opening) != int(match["first"]):
        raise UnreadableError("the rule does not take over where the opening values end")
    return PolynomialRecurrence(
        start=start,
        leading=_whole_polynomial(leading),
        factors=tuple(factors.get(i, ()) for i in range(1, max(factors, default=0) + 1)),
        free=_whole_polynomial(rest),
        opening=tuple(opening),
    )


def _product(match: re.Match[str]) -> Rule:
    if match["formula"]:
        pieces: tuple[tuple[Fraction, ...], ...] = (_piece(match["formula"], "k"),)
    else:
        pieces = _pieces(match["pieces"], int(match["period"]), "k")
    power = polynomial(parse(match["power"]))
    if len(power) != 2 or power[1] != 1:
        raise UnreadableError("the power of x is not n shifted by a number")
    return ProductSeries(
        start=int(match["start"]),
        lead=-_whole(power[0]),
        factor=int(match["factor"] or 1),
        exponents=QuasiPolynomial(1, pieces),
    )


def _algebraic(match: re.Match[str]) -> Rule:
    equation = []
    for monomial, c in parse(match["right"]).items():
        powers = dict(monomial)
        i, j = powers.pop("A", 0), powers.pop("x", 0)
        if powers:
            raise UnreadableError("the equation holds more than A and x")
        equation.append((i, j, _whole(c)))
    rule = AlgebraicSeries(int(match["start"]), int(match["first"]), tuple(sorted(equation)))
    if not equation or rule.slope == 0:
        raise UnreadableError("the equation does not determine the series")
    return rule


def _arithmetic(match: re.Match[str]) -> Rule:
    if match["says"] not in BY_SENTENCE:
        raise UnreadableError("the function f is not one that this reader knows")
    formula = parse(match["right"])
    atoms = {atom for monomial in formula for atom, _ in monomial} - {"n"}
    if len(atoms) != 1:
        raise UnreadableError("the rule does not use f exactly in one way")
    (atom,) = atoms
    summed = bool(match["sum"])
    if atom[:2] != ("F(" if summed else "f("):
        raise UnreadableError(f"{atom} is not defined")
    divisor = lcm(*(c.denominator for c in formula.values()))
    parts: dict[int, dict[int, int]] = {0: {}, 1: {}, 2: {}}
    for monomial, c in formula.items():
        powers = dict(monomial)
        parts.setdefault(powers.get(atom, 0), {})[powers.get("n", 0)] = _whole(c * divisor)
    if len(parts) > 3 or set(parts[2]) - {0}:
        raise UnreadableError("the rule is of a higher degree in f than this reader knows")
    return ArithmeticRule(
        start=int(match["start"]),
        function=match["says"],
        argument=(0, 1) if summed else _whole_polynomial(parse(atom[2:-1])),
        summed=summed,
        divisor=divisor,
        plain=_dense(parts[0]),
        scaled=_dense(parts[1]),
        squared=parts[2].get(0, 0),
    )


def _dense(powers: dict[int, int]) -> tuple[int, ...]:
    return tuple(powers.get(e, 0) for e in range(max(powers, default=-1) + 1))


_READERS = (
    (_QUASI, _quasi),
    (_PERIODIC, _periodic),
    (_LINEAR, _linear),
    (_RECURRENCE, _recurrence),
    (_PRODUCT, _product),
    (_ALGEBRAIC, _algebraic),
    (_ARITHMETIC, _arithmetic),
    (_POLYNOMIAL, _polynomial),
)

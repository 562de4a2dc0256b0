"""Formulas as names write them: one text, read once by sympy and once, apart from it, for a program."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from itertools import pairwise
from types import CodeType
from typing import Any

import sympy
from sympy.functions.combinatorial import numbers as nt
from sympy.parsing import sympy_parser as parser

_TOKEN = re.compile(r"\s*(?:(?P<number>\d+)|(?P<word>[A-Za-z][A-Za-z_0-9]*)|(?P<sign>[-+*/^()!,]))")
_SIGMA = re.compile(r"sigma_(\d+)")


def _from(least: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """Of integers from `least` on: sympy has answers further out, where names do not define anything."""

    def at(*given: Any) -> Any:
        if not all(n.is_Integer and n >= least for n in map(sympy.sympify, given)):
            raise ValueError(f"at {given}")
        return function(*given)

    return at


# What names call a function: (in a program, by sympy).
_FUNCTIONS: dict[str, tuple[str, Callable[..., Any]]] = {
    **dict.fromkeys(("phi", "EulerPhi"), ("phi", _from(1, nt.totient))),
    "sigma": ("sigma", _from(1, nt.divisor_sigma)),
    **dict.fromkeys(("tau", "d"), ("tau", _from(1, sympy.divisor_count))),
    **dict.fromkeys(("mu", "moebius", "mobius"), ("mu", _from(1, nt.mobius))),
    "omega": ("omega", _from(1, nt.primenu)),
    **dict.fromkeys(("bigomega", "Omega", "BigOmega"), ("bigomega", _from(1, nt.primeomega))),
    **dict.fromkeys(("prime", "Prime"), ("prime", _from(1, sympy.prime))),
    **dict.fromkeys(("pi", "primepi", "PrimePi"), ("primepi", _from(0, nt.primepi))),
    **dict.fromkeys(("nextprime", "NextPrime"), ("nextprime", _from(1, sympy.nextprime))),
    "rad": ("rad", _from(1, lambda n: sympy.prod(sympy.primefactors(n)))),
    "gpf": ("gpf", _from(1, lambda n: sympy.primefactors(n)[-1])),
    **dict.fromkeys(("lpf", "spf"), ("lpf", _from(1, lambda n: sympy.primefactors(n)[0]))),
    **dict.fromkeys(("gcd", "GCD"), ("gcd", lambda *given: sympy.Integer(sympy.igcd(*given)))),
    **dict.fromkeys(("lcm", "LCM"), ("lcm", lambda *given: sympy.Integer(sympy.ilcm(*given)))),
    **dict.fromkeys(("Fibonacci", "fibonacci"), ("fibonacci", sympy.fibonacci)),
    **dict.fromkeys(("binomial", "C"), ("comb", _from(0, sympy.binomial))),
    **dict.fromkeys(("factorial",), ("factorial", sympy.factorial)),
    **dict.fromkeys(("floor",), ("floor", sympy.floor)),
    **dict.fromkeys(("ceiling", "ceil"), ("ceil", sympy.ceiling)),
    "abs": ("abs", sympy.Abs),
}
_OF_FRACTIONS = {"floor", "ceiling", "ceil", "abs"}
_FACTORED_LARGE = re.compile(r"\b(phi|sigma|sigma_\d+|tau|d|mu|omega|rad|gpf|lpf)\([^)]*[!^]", re.IGNORECASE)
_PLAIN = {"floor", "ceiling", "ceil", "abs", "binomial", "C", "factorial", "Fibonacci", "fibonacci"}
_TRANSFORMATIONS = (
    *parser.standard_transformations,
    parser.factorial_notation,
    parser.convert_xor,
    parser.implicit_multiplication,
)
_GLOBALS: dict[str, Any] = {"Integer": sympy.Integer, "factorial": sympy.factorial}


class Formula:
    """One formula in one variable. Raises ValueError for what is no formula of the kinds known here."""

    def __init__(self, text: str, variable: str) -> None:
        self.text, self.variable = text, variable
        body, _, modulus = text.partition(" mod ")
        if modulus and not modulus.isdecimal():
            raise ValueError(text)
        if "!!" in body:
            raise ValueError("a double factorial")
        tokens = _tokens(body)
        self.words = {word for kind, word in tokens if kind == "word"} - {variable}
        self.arithmetic = bool({_SIGMA.sub("sigma", word) for word in self.words} - _PLAIN)
        """Whether it holds a function of number theory."""
        self.too_large = bool(_FACTORED_LARGE.search(body))
        """Whether something is to be factored that soon has too many digits."""
        self.exponential = bool(re.search(rf"\^\(?[^-+*/)]*{variable}", body)) or "!" in body
        self.exact = _is_exact(tokens, variable)
        self.program = _for_program(tokens, variable, exact=self.exact)
        """For Python; a Fraction where it is exact."""
        if modulus:
            self.program = f"({self.program}) % {modulus}"
        self.whole = f"whole({self.program})" if self.exact else self.program
        self._modulus = int(modulus) if modulus else 0
        self._body = body

    def __call__(self, n: int) -> sympy.Expr:
        """Its value at n, by sympy. Raises ValueError where it has none."""
        try:
            found = eval(self._code, dict(_GLOBALS), {**self._names, self.variable: sympy.Integer(n)})
        except (IndexError, TypeError, ZeroDivisionError) as error:
            raise ValueError(f"{self.text} at {n}: {error}") from error
        found = sympy.sympify(found)
        return sympy.Mod(found, self._modulus) if self._modulus else found

    @cached_property
    def _names(self) -> dict[str, Callable[..., Any]]:
        return {word: _of_sympy(word) for word in self.words}

    @cached_property
    def _code(self) -> CodeType:
        names: dict[str, Any] = {**self._names, self.variable: sympy.Symbol(self.variable)}
        try:
            text = parser.stringify_expr(self._body, names, dict(_GLOBALS), _TRANSFORMATIONS)
            return compile(text, "<name>", "eval")
        except (SyntaxError, TypeError, parser.TokenError) as error:
            raise ValueError(self.text) from error

    def integer(self, n: int) -> int:
        found = self(n)
        if not found.is_Integer:
            raise ValueError(f"{self.text} at {n} is {found}")
        return int(found)


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(text)
        kind = match.lastgroup or ""
        found.append((kind, match[kind]))
        at = match.end()
    return found


def _called(word: str) -> tuple[str, Callable[..., Any]]:
    if word not in _FUNCTIONS:
        raise ValueError(word)
    return _FUNCTIONS[word]


def _of_sympy(word: str) -> Callable[..., Any]:
    if match := _SIGMA.fullmatch(word):
        power = int(match[1])
        return _from(1, lambda n: nt.divisor_sigma(n, power))
    return _called(word)[1]


def _is_exact(tokens: list[tuple[str, str]], variable: str) -> bool:
    """Whether Python needs fractions, where integers would turn into floats: divisions, exponents below zero."""
    exponents = [after for (_, sign), after in pairwise(tokens) if sign == "^"]
    return ("sign", "/") in tokens or any(kind != "number" and text != variable for kind, text in exponents)


def _for_program(tokens: list[tuple[str, str]], variable: str, *, exact: bool) -> str:
    """In Python: powers, products without a sign, factorials."""
    said: list[str] = []
    closings: list[str] = []
    before = ""
    for i, (kind, text) in enumerate(tokens):
        if before in ("value", ")") and (kind in ("number", "word") or text == "("):
            said.append("*")
        if kind == "number":
            said.append(text)
        elif text == variable:
            said.append(f"Fraction({text})" if exact else text)
        elif kind == "word":
            if tokens[i + 1 : i + 2] != [("sign", "(")]:
                raise ValueError(text)
            said.append(_opening(text, exact=exact))
            closings.append(_closing(text, exact=exact))
        elif text == "(":
            if before not in _FUNCTIONS and not _SIGMA.fullmatch(before):
                closings.append(")")
                said.append("(")
        elif text == ")":
            if not closings:
                raise ValueError("closed too often")
            said.append(closings.pop())
        elif text == ",":
            said.append("), whole(" if exact else ",")
        elif text == "!":
            if before != "value" or said[-2:-1] == ["**"]:
                raise ValueError("a factorial of more than one sign")
            said[-1] = f"Fraction(factorial(whole({said[-1]})))" if exact else f"factorial({said[-1]})"
        else:
            # The one makes the division exact, whatever stands on its two sides.
            said.append({"^": "**", "/": "/ Fraction(1) /"}.get(text, text))
        before = "value" if kind == "number" or text == variable else text
    if closings:
        raise ValueError("not closed")
    return " ".join(said)


def _opening(word: str, *, exact: bool) -> str:
    name = "sigma" if _SIGMA.fullmatch(word) else _called(word)[0]
    if not exact:
        return f"{name}("
    return f"Fraction({name}(" if word in _OF_FRACTIONS else f"Fraction({name}(whole("


def _closing(word: str, *, exact: bool) -> str:
    power = _SIGMA.fullmatch(word)
    more = f", {power[1]}" if power else ""
    if not exact:
        return f"{more})"
    return "))" if word in _OF_FRACTIONS else f"){more}))"

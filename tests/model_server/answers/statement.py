"""A rule as a formula: said in words, read back from words, computed, written as a program.

`W(n) = 2 * W(n - 1) + n, with W(0) = 1` is one; so is `W(n) = prime(n) + 3`. `/` is exact, or rounded down.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.model_server.answers.functions import FUNCTIONS

_FORMULA = re.compile(r"\b([A-Z])\(n\) = ([^.,;:\n]+)")
_LARGEST_POWER = 10_000
_MOST_STEPS = 20_000
_DO: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.floordiv,
}


class NotComputableError(ValueError):
    """The formula is none, or does not say what the value at this n is."""


@dataclass(frozen=True)
class Statement:
    formula: str
    """In n, `T(n - k)` of earlier values, and the known functions; `^` is a power."""
    starts: tuple[tuple[int, int], ...] = ()
    """(index, value) of the values that the formula builds on."""

    @property
    def functions(self) -> tuple[str, ...]:
        return tuple(name for name in FUNCTIONS if re.search(rf"\b{name}\(", self.formula))

    def said(self, letter: str) -> str:
        """The formula, what it starts from, and what its functions are, in words."""
        text = f"{letter}(n) = {self.formula.replace('T(', letter + '(')}"
        if self.starts:
            text += ", with " + " and ".join(f"{letter}({i}) = {value}" for i, value in self.starts)
        for name in self.functions:
            text += f". Here {name}(m) stands for {FUNCTIONS[name].words}"
        return text

    @classmethod
    def read(cls, text: str) -> Statement | None:
        """The first formula that a text says; None if there is none that can be computed."""
        for found in _FORMULA.finditer(text):
            letter, formula = found[1], found[2].strip()
            line = text[found.end() :].split("\n", 1)[0].split(". ", 1)[0]
            starts = tuple(
                (int(i), int(value)) for i, value in re.findall(rf"\b{letter}\((-?\d+)\) = (-?\d+)\b", line)
            )
            formula = re.sub(rf"\b{letter}\(", "T(", formula)
            try:
                statement = cls(formula, starts)
                statement.tree()
            except NotComputableError:
                continue
            return statement
        return None

    def tree(self) -> ast.expr:
        try:
            tree = ast.parse(self.formula.replace("^", "**"), mode="eval").body
        except (SyntaxError, ValueError) as error:
            raise NotComputableError(str(error)) from None
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            if (name != "T" and name not in FUNCTIONS) or len(call.args) != 1:
                raise NotComputableError(f"{name} is not known")
        return tree

    def value(self, n: int) -> int:
        """Raises NotComputableError."""
        tree = self.tree()
        known = dict(self.starts)
        if "T(" not in self.formula:
            return _value(tree, n, known)
        if not known or not min(known) <= n <= min(known) + _MOST_STEPS:
            raise NotComputableError(f"nothing is said of n = {n}")
        for i in range(min(known), n + 1):
            if i not in known:
                known[i] = _value(tree, i, known)
        return known[n]

    def program(self) -> str:
        """Python that reads n and prints the value."""
        formula = self.formula.replace("^", "**").replace("/", "//")
        lines = [FUNCTIONS[name].source for name in self.functions]
        if "T(" not in formula:
            return "\n".join([*lines, "n = int(input())", f"answer = {formula}", "print(answer)", ""])
        formula = re.sub(r"T\(([^()]*)\)", r"values[\1]", formula)
        starts = ", ".join(f"{i}: {value}" for i, value in self.starts)
        return "\n".join(
            [
                *lines,
                "last = int(input())",
                f"values = {{{starts}}}",
                f"for n in range({max(i for i, _ in self.starts) + 1}, last + 1):",
                f"    values[n] = {formula}",
                "print(values[last])",
                "",
            ]
        )


def _value(node: ast.expr, n: int, known: dict[int, int]) -> int:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id="n"):
            return n
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, n, known)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            base, power = _value(left, n, known), _value(right, n, known)
            if not 0 <= power <= _LARGEST_POWER:
                raise NotComputableError(f"power {power}")
            return int(base**power)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _DO:
            a, b = _value(left, n, known), _value(right, n, known)
            if isinstance(op, ast.Div) and b == 0:
                raise NotComputableError("division by zero")
            return _DO[type(op)](a, b)
        case ast.Call(func=ast.Name(id=name), args=[argument]):
            at = _value(argument, n, known)
            if name == "T":
                if at not in known:
                    raise NotComputableError(f"nothing is said of n = {at}")
                return known[at]
            if not 0 <= at <= _LARGEST_POWER:
                raise NotComputableError(f"{name}({at})")
            try:
                return FUNCTIONS[name].compute(at)
            except (ValueError, ZeroDivisionError) as error:
                raise NotComputableError(str(error)) from None
        case _:
            raise NotComputableError(f"{type(node).__name__} in a formula")


def constants(formula: str) -> Iterator[re.Match[str]]:
    """The numbers of a formula that are no exponents: what an inattentive mind gets wrong."""
    return re.finditer(r"(?<![\w^.])(?<!\^ )\d+", formula)

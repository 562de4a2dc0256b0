"""Is a program a table of the values instead of a way to compute them? (METHOD 2, *look-up table*)

A program that spells the known terms out passes every case without solving anything. Three signs, each measured
against the terms that are known of the sequence, never against how the program looks:

* a list, tuple, set, dict or text literal holds a run of consecutive terms that makes up at least half of all
  known terms (a short periodic list goes on repeating past what it spells out, so it stays below that);
* `n == 7` / `case 7:` branches answer at least half of the known terms with a literal;
* at least half of the larger distinct terms (three digits or more) appear among the program's literals.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from codeseq_ray.records import Case

FEWEST = 6
"""Spelled-out terms below this are initial values, not a table."""
_INTEGER = re.compile(r"-?\d+")
_LARGE = 100


def lookup_table(source: str, cases: Sequence[Case]) -> str:
    """Why the program is taken for a table of `cases`' outputs, or "" when it is not. Never raises."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    terms = [case.output for case in cases]
    enough = max(FEWEST, (len(terms) + 1) // 2)
    for literal in _containers(tree):
        run = _longest_run(terms, literal)
        if run >= enough:
            return f"a literal spells out {run} consecutive terms of {len(terms)} known"
    branches = _branches(tree)
    # Keys may be counted from another start than the inputs: look at the answers in the order of their keys.
    answered = _longest_run(terms, [value for _, value in sorted(branches)])
    if answered >= enough:
        return f"branches on single inputs answer {answered} consecutive terms of {len(terms)} known"
    large = {term for term in terms if abs(int(term)) >= _LARGE}
    spelled = large & set(_literals(tree))
    if len(spelled) >= FEWEST and 2 * len(spelled) >= len(large):
        return f"{len(spelled)} of the {len(large)} larger terms appear as literals"
    return ""


def _integer(node: ast.AST) -> str | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _integer(node.operand)
        return None if inner is None else str(-int(inner))
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return str(node.value)
    return None


def _containers(tree: ast.AST) -> Iterator[list[str]]:
    """The integers of every literal container, in the order in which they stand."""
    for node in ast.walk(tree):
        match node:
            case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
                yield [value for item in items if (value := _integer(item)) is not None]
                pairs = [item.elts for item in items if isinstance(item, ast.Tuple)]
                yield [v for pair in pairs if len(pair) == 2 and (v := _integer(pair[1])) is not None]
            case ast.Dict(values=items):
                yield [value for item in items if (value := _integer(item)) is not None]
            case ast.Constant(value=str() | bytes() as text):
                words = text if isinstance(text, str) else text.decode("latin-1")
                yield _INTEGER.findall(words)
            case _:
                pass


def _branches(tree: ast.AST) -> list[tuple[int, str]]:
    """(key, answer) of every branch that compares with one integer and whose body holds one integer."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.If(test=ast.Compare(ops=[ast.Eq()], comparators=[right]), body=body):
                key = _integer(right)
            case ast.match_case(pattern=ast.MatchValue(value=right), body=body):
                key = _integer(right)
            case ast.IfExp(test=ast.Compare(ops=[ast.Eq()], comparators=[right]), body=answer):
                key, body = _integer(right), [ast.Expr(answer)]
            case _:
                continue
        values = [v for part in body for item in ast.walk(part) if (v := _integer(item)) is not None]
        if key is not None and len(values) == 1:
            found.append((int(key), values[0]))
    return found


def _literals(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if (value := _integer(node)) is not None:
            yield value
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _INTEGER.findall(node.value)


def _longest_run(terms: Sequence[str], literal: Sequence[str]) -> int:
    """Length of the longest run of consecutive terms that stands consecutively in the literal."""
    best = 0
    previous = [0] * (len(literal) + 1)
    for term in terms:
        current = [0] * (len(literal) + 1)
        for j, value in enumerate(literal, 1):
            if value == term:
                current[j] = previous[j - 1] + 1
                best = max(best, current[j])
        previous = current
    return best

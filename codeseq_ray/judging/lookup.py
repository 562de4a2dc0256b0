"""Is a program a table of the values instead of a way to compute them? (METHOD 2, *look-up table*)

A program that spells the known terms out passes every case without solving anything. Three signs, each measured
against the terms that are known of the sequence, never against how the program looks:

* a list, tuple, set, dict or text literal, or the literals in the order of the source (nested rows, `d[5] = 8`,
  `.append(8)`), forwards or backwards, hold a run of consecutive terms that makes up at least half of the terms
  given (a short periodic list goes on repeating past what it spells out, so it stays below that);
* `n == 7` / `case 7:` branches answer at least half of the terms with a literal;
* at least half of the larger distinct terms (three digits or more) appear among the program's literals.

Doc strings, bare strings and assertions do not answer anything and are passed over. Not found: values encoded (as
differences, in another base, packed into one large number).
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence

from codeseq_ray.records import Case

FEWEST = 6
"""Spelled-out terms below this are initial values, not a table."""
LONGEST_LITERAL = 4000
"""Integers of one literal that are compared; bounds the time that a hostile program can take here."""
LONGEST_SOURCE = 50_000
"""Characters. The source is parsed in this process, which no limit guards; longer ones are not looked at."""
_INTEGER = re.compile(r"-?\d+")
_LARGE = 100


def lookup_table(source: str, cases: Sequence[Case]) -> str:
    """Why the program is taken for a table of `cases`' outputs, or "" when it is not. Never raises."""
    if len(source) > LONGEST_SOURCE:
        return f"{len(source)} characters: a program that computes needs a fraction of that"
    try:
        return _sign(_WorkingPart().visit(ast.parse(source)), [case.output for case in cases])
    except (SyntaxError, ValueError) as error:
        # It ran, in a newer Python perhaps (`--python`): what cannot be looked through is not accepted.
        ours = ".".join(map(str, sys.version_info[:2]))
        return f"the program cannot be looked through: Python {ours} says {error}"
    except (RecursionError, MemoryError):
        return "the program is nested too deeply to be looked through"


def _sign(tree: ast.AST, terms: list[str]) -> str:
    enough = max(FEWEST, (len(terms) + 1) // 2)
    single_digits = all(len(term) == 1 for term in terms)
    for literal in _containers(tree, single_digits=single_digits):
        cut = literal[:LONGEST_LITERAL]
        run = max(_longest_run(terms, cut), _longest_run(terms, cut[::-1]))
        if run >= enough:
            return f"literals spell out {run} consecutive terms of {len(terms)}"
    branches = _branches(tree)
    # Keys may be counted from another start than the inputs: look at the answers in the order of their keys.
    answered = _longest_run(terms, [value for _, value in sorted(branches)][:LONGEST_LITERAL])
    if answered >= enough:
        return f"branches on single inputs answer {answered} consecutive terms of {len(terms)}"
    large = {term for term in terms if len(term.lstrip("-")) >= len(str(_LARGE))}
    spelled = large & set(_literals(tree))
    if len(spelled) >= FEWEST and 2 * len(spelled) >= len(large):
        return f"{len(spelled)} of the {len(large)} larger terms appear as literals"
    return ""


class _WorkingPart(ast.NodeTransformer):
    """Leaves out what answers nothing."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        return ast.Pass() if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        return ast.Pass()


def _integer(node: ast.AST) -> str | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = node.operand
        if isinstance(inner, ast.Constant) and type(inner.value) is int:
            return str(-inner.value)
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return str(node.value)
    return None


def _containers(tree: ast.AST, *, single_digits: bool) -> Iterator[list[str]]:
    """The integers of every literal container in the order in which they stand; then those of the whole source."""
    assigned: list[str | None] = []
    yield _in_order(tree)
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
                if single_digits:
                    yield [letter for letter in words if letter.isdigit()]
            case ast.Assign(targets=[ast.Subscript()], value=value):
                assigned.append(_integer(value))
            case ast.Call(func=ast.Attribute(attr="append"), args=[value]):
                assigned.append(_integer(value))
            case _:
                pass
    yield [value for value in assigned if value is not None]


def _in_order(tree: ast.AST) -> list[str]:
    """All integer literals by their place in the source."""
    found = [
        (node.lineno, node.col_offset, value)
        for node in ast.walk(tree)
        if isinstance(node, ast.expr) and (value := _integer(node)) is not None
    ]
    return [value for _, _, value in sorted(found, key=lambda item: item[:2])]


def _branches(tree: ast.AST) -> list[tuple[int, str]]:
    """(key, answer) of every branch that compares with one integer: its answer is the first literal of its body."""
    found = []
    for node in ast.walk(tree):
        body: list[ast.AST]
        match node:
            case ast.If(test=ast.Compare(left=left, ops=[ast.Eq() | ast.LtE()], comparators=[right])):
                key, body = _integer(right) or _integer(left), list(node.body)
            case ast.IfExp(test=ast.Compare(left=left, ops=[ast.Eq() | ast.LtE()], comparators=[right])):
                key, body = _integer(right) or _integer(left), [node.body]
            case ast.match_case(pattern=ast.MatchValue(value=value)):
                key, body = _integer(value), list(node.body)
            case _:
                continue
        answers = [v for part in body for v in _in_order(part)]
        if key is not None and answers:
            found.append((int(key), answers[0]))
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

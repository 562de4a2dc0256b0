"""How strong a problem's cases are: small faults put into its accepted program, and how many of these the cases find.

A mutant is the program with one small thing changed (a comparison, an operator, a constant, a condition, a statement
left out). The hidden cases kill it when it does not pass all of them. Some mutants are no faults at all, equal in all
that they compute: the share that is killed says how much cases notice, and is no proof of anything.
"""

from __future__ import annotations

import ast
import asyncio
import copy
import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from codeseq_ray.cases import draw
from codeseq_ray.judging.verdicts import Manner, judge
from codeseq_ray.ports import Executor
from codeseq_ray.records import Case, Program, Verdict, VerdictKind

LONGEST = 8_000
"""Characters of a program that is changed; a longer one, made of data mostly, has no mutants."""
LEAST_SECONDS = 0.05
ROOM = 5
"""CPU time that a mutant has on a case: so many times what the program took on all cases together, and no less than
LEAST_SECONDS. One that needs more does not end, as a rule (how this was chosen: docs/design/mutants.md)."""
_CLOSE = 0.25
"""Of that time: a survivor that took as much might be killed on a slower machine."""
_LIMITED = {VerdictKind.TIME_LIMIT, VerdictKind.MEMORY_LIMIT}

_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_OPERATED: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add, ast.FloorDiv),
    ast.FloorDiv: (ast.Mult, ast.Mod),
    ast.Div: (ast.Mult,),
    ast.Mod: (ast.FloorDiv, ast.Mult),
    ast.Pow: (ast.Mult,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitXor: (ast.BitOr,),
}
_TALKS = frozenset({"print", "input", "open", "exit", "quit"})


@dataclass(frozen=True, slots=True)
class Strength:
    """Of a problem's hidden cases against mutants of its program."""

    mutants: int = 0
    killed: int = 0
    fewest: int = 0
    """Killed on any machine: without those that ended at a limit of time or memory."""
    most: int = 0
    """Killed on some machine: with the survivors that came close to their time."""


async def strength(
    executor: Executor, program: Program, cases: Sequence[Case], manner: Manner, most: int, passed: Verdict
) -> Strength:
    """Run up to `most` mutants on the cases. `passed` is the program's own verdict on them.

    Raises InfrastructureError when one of them got no judgement.
    """
    chosen = mutants(program.source, most)
    seconds = max(LEAST_SECONDS, ROOM * passed.cpu_ms / 1000)
    limits = replace(
        manner.limits, cpu_seconds=min(manner.limits.cpu_seconds, seconds), program_cpu_seconds=2 * seconds
    )
    tight = replace(manner, limits=limits)
    verdicts = await asyncio.gather(
        *(judge(executor, Program(source=source), cases, tight) for source in chosen)
    )
    killed = sum(not verdict.ok for verdict in verdicts)
    limited = sum(verdict.kind in _LIMITED for verdict in verdicts)
    close = sum(verdict.ok and verdict.cpu_ms > 1000 * _CLOSE * limits.cpu_seconds for verdict in verdicts)
    return Strength(len(chosen), killed, killed - limited, killed + close)


def mutants(source: str, most: int) -> tuple[str, ...]:
    """At most `most` mutants, all different and none equal to the program; always the same ones.

    Drawn by a hash of the program and of the place that is changed; a text is only written for what is drawn, since
    that takes a while for a long program. None for a program that cannot be read.
    """
    if most <= 0 or len(source) > LONGEST:
        return ()
    found: dict[str, None] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a program's odd escapes
            tree = ast.parse(source)
            own = ast.unparse(tree)
            changes = list(_changes(tree))
            key = hashlib.blake2b(own.encode("utf-8", "replace"), digest_size=8).hexdigest()
            for at in sorted(range(len(changes)), key=lambda at: draw(at, "mutant", key)):
                if len(found) == most:
                    break
                text = _text(tree, *changes[at])
                if text != own and _compiles(text):
                    found[text] = None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    return tuple(found)


def _text(tree: ast.Module, change: Callable[[], None], undo: Callable[[], None]) -> str:
    """The program's text after one change. The tree is changed in place and changed back."""
    change()
    try:
        return ast.unparse(tree)
    finally:
        undo()


Change = tuple[Callable[[], None], Callable[[], None]]


def _changes(tree: ast.Module) -> Iterator[Change]:
    for node in list(ast.walk(tree)):
        match node:
            case ast.Compare():
                for at, op in enumerate(node.ops):
                    for other in _COMPARED.get(type(op), ()):
                        yield _swap(node.ops, at, other())
            case ast.BinOp() | ast.AugAssign():
                for operator in _OPERATED.get(type(node.op), ()):
                    yield _set(node, "op", operator())
            case ast.BoolOp():
                yield _set(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
            case ast.UnaryOp(op=ast.USub() | ast.Not()):
                # The operand in the place of the whole: `+x` says the same and leaves the tree as it is.
                yield _set(node, "op", ast.UAdd()) if isinstance(node.op, ast.USub) else _negation_gone(node)
            case ast.Constant(value=bool()):
                yield _set(node, "value", not node.value)
            case ast.Constant(value=int() as number):
                yield _set(node, "value", number + 1)
                yield _set(node, "value", number - 1)
            case ast.If() | ast.While() | ast.IfExp():
                yield _set(node, "test", ast.UnaryOp(ast.Not(), copy.copy(node.test)))
            case _:
                pass
        for name in ("body", "orelse"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                yield from _statements(statements)


def _statements(statements: list[ast.stmt]) -> Iterator[Change]:
    for at, statement in enumerate(statements):
        match statement:
            case ast.Break():
                yield _swap(statements, at, ast.Continue())
            case ast.Continue():
                yield _swap(statements, at, ast.Break())
            case ast.Assign() | ast.AugAssign() | ast.Expr() if not _talks(statement):
                yield _swap(statements, at, ast.Pass())
            case _:
                pass


def _talks(statement: ast.stmt) -> bool:
    """Without its input or output any program fails: no test of the cases."""
    return any(isinstance(node, ast.Name) and node.id in _TALKS for node in ast.walk(statement)) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _negation_gone(node: ast.UnaryOp) -> Change:
    """`not x` → `not not x`: its truth."""
    return _set(node, "operand", ast.UnaryOp(ast.Not(), copy.copy(node.operand)))


def _set(node: ast.AST, name: str, value: object) -> Change:
    before = getattr(node, name)
    return lambda: setattr(node, name, value), lambda: setattr(node, name, before)


def _swap(items: list[Any], at: int, value: Any) -> Change:
    before = items[at]
    return lambda: items.__setitem__(at, value), lambda: items.__setitem__(at, before)


def _compiles(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "<mutant>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return False
    return True

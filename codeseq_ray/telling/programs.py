"""Programs, each with what changed since the one before, and what the judge and the agents said of it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from codeseq_ray.records import Acceptance, Analysis, FailingCase, Program, Round, Verdict, VerdictKind
from codeseq_ray.telling.lines import Line, Lines, Tone, block, field, head
from codeseq_ray.telling.words import counted, cut

LONGEST_PROGRAM = 200
"""Lines of a program, or of a difference, that are shown."""
LONGEST_THOUGHT = 600
"""Characters of the words around a program that are shown."""
_CONTEXT = 3


def rounds(made: Sequence[Round], *, full: bool) -> Lines:
    """The first program whole, the others as differences; the last one whole once more where it was corrected."""
    before: Program | None = None
    for one in made:
        how = "begun afresh, " if one.fresh else ""
        what = f"correction {one.number}, {how}what changed" if before is not None else how + "the first"
        yield Line()
        yield head(f"Program {one.number}  ({what.removesuffix(', ')})")
        if one.program.process:
            said = one.program.process if full else cut(one.program.process, LONGEST_THOUGHT)
            yield from field("words", said, Tone.QUIET)
        if before is None:
            yield from code(one.program.source, full=full)
        else:
            yield from difference(before.source, one.program.source, full=full)
        if one.others:
            others = ", ".join(f"{o.verdict.passed}/{o.verdict.total}" for o in one.others)
            yield from field(
                "beside", f"{counted(len(one.others), 'other candidate')}, cases passed: {others}"
            )
        yield from verdict(one.verdict)
        if one.failing is not None:
            yield from failing(one.failing, one.verdict, full=full)
        if one.analysis is not None:
            yield from analysis(one.analysis)
        before = one.program
    if len(made) > 1:
        yield Line()
        yield head("The last program, whole")
        yield from code(made[-1].program.source, full=full)


def code(source: str, *, full: bool) -> Lines:
    yield from _bounded([Line(text, Tone.CODE, indent=2) for text in _texts(source)], full=full)


def difference(old: str, new: str, *, full: bool) -> Lines:
    """The unified difference of two programs, without its file names."""
    if old == new:
        yield Line("the same program again", Tone.QUIET, indent=2)
        return
    tones = {"+": Tone.ADDED, "-": Tone.REMOVED, "@": Tone.QUIET}
    told = list(difflib.unified_diff(_texts(old), _texts(new), lineterm="", n=_CONTEXT))[2:]
    yield from _bounded([Line(text, tones.get(text[:1], Tone.CODE), indent=2) for text in told], full=full)


def _texts(source: str) -> list[str]:
    return source.rstrip("\n").split("\n")


def _bounded(lines: list[Line], *, full: bool) -> Lines:
    if full or len(lines) <= LONGEST_PROGRAM:
        yield from lines
        return
    yield from lines[:LONGEST_PROGRAM]
    yield Line(f"… ({len(lines):,} lines; --full shows all)", Tone.QUIET, indent=2)


def verdict(said: Verdict, label: str = "verdict") -> Lines:
    """What the judge says of a program on its cases."""
    tone = Tone.GOOD if said.ok else Tone.BAD
    kind = said.kind.value.replace("_", " ")
    yield from field(
        label,
        f"{kind}: {said.passed} of {counted(said.total, 'case')} passed, {said.cpu_ms:,.0f} ms of CPU",
        tone,
    )


def failing(case: FailingCase, said: Verdict, *, full: bool) -> Lines:
    """The one case that agents are told of, and what the program did with it."""
    expected, got = (text if full else cut(text) for text in (case.expected, case.got))
    yield from field(
        "failed", f"on input {case.input}: expected {expected}, got {got or 'nothing'}", Tone.BAD
    )
    if case.kind is VerdictKind.WRONG_ANSWER:
        return
    yield from field("error", said.message or case.message)
    if said.stderr.strip() and (full or said.stderr.strip() != said.message):
        trace = said.stderr.strip("\n").split("\n")
        shown = trace if full else trace[-8:]
        if len(shown) < len(trace):
            yield Line(f"… ({len(trace)} lines)", Tone.QUIET, indent=9)
        yield from block("\n".join(shown), Tone.QUIET, indent=9)


def analysis(said: Analysis) -> Lines:
    yield from field("why", said.why_expected)
    yield from field("wrong", said.what_is_wrong)


def acceptance(checks: Acceptance, *, full: bool) -> Lines:
    """The checks beyond the hidden cases."""
    far = (
        f"{checks.far_checked:,} of {counted(checks.far_total, 'further term')} checked, "
        f"{checks.far_unseen:,} of them seen by no agent"
    )
    yield from field("far", far)
    if checks.far is not None and not checks.far.ok:
        yield from verdict(checks.far, "")
        got = checks.far.got if full else cut(checks.far.got)
        yield from field("", f"{checks.far.message}; got {got or 'nothing'}", Tone.BAD)
    table = checks.lookup_table
    yield from field("table", table or "the program computes its values", Tone.BAD if table else Tone.PLAIN)
    if checks.rerun is not None:
        again = "printed the same" if checks.rerun.ok else f"did not: {checks.rerun.message}"
        how = "one process per case, another order and hash seed"
        yield from field(
            "again", f"a second run ({how}) {again}", Tone.PLAIN if checks.rerun.ok else Tone.BAD
        )
    if checks.mutants:
        yield from field(
            "mutants",
            f"{checks.mutants_killed} of {counted(checks.mutants, 'program')} with a small fault are found by the "
            "hidden cases",
        )

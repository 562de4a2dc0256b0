"""A program and its cases → a verdict. Only inputs go into the sandbox; outputs are compared on this side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from codeseq_ray.errors import InfrastructureError
from codeseq_ray.ports import Execution, ExecutionReport, Executor, Limits, Run
from codeseq_ray.records import Case, FailingCase, Program, Verdict, VerdictKind

TRIES = 3
"""How often a run that gave no judgement (wall-clock backstop, killed worker) is made before giving up."""
WAITS = "the program waits for what never comes"
"""What the sandbox notes of a program that spends its time asleep."""
SHOWN = 2000
"""Characters of a program's output or error text that a verdict keeps."""
SHOWN_ERROR = 300
"""Characters of an exception's text, and of the line that raised it, that a message repeats."""

_FOLDER = re.compile(r'^([ \t]*File ")(?:[^"\n]*[/\\])([^"/\\\n]+", line \d+)', re.MULTILINE)
_FRAME = re.compile(r'^  File "<program>", line (\d+).*\n(?:    (.*)\n)?', re.MULTILINE)


@dataclass(frozen=True)
class Manner:
    """How a program is run: limits per case, whether cases share a process, and which hash seed."""

    limits: Limits = field(default_factory=Limits)
    one_process_per_case: bool = False
    hash_seed: int = 0
    trusted: bool = False
    """Written by the built-in agents; may run where the kernel lacks the walls (`sandbox`)."""
    entry: str | None = None
    """Name of the function that answers; None: the program reads stdin and prints."""


def normalised(text: str) -> str:
    """Output as it is compared: white space at the end of lines and of the whole does not count.

    A line ends at a line feed. Python's `splitlines` knows nine further ends, and would take a form feed for one.
    """
    return "\n".join(line.rstrip() for line in text.rstrip().split("\n"))


async def judge(executor: Executor, program: Program, cases: Sequence[Case], manner: Manner) -> Verdict:
    """Run `program` on every case and compare exactly; the first case that fails decides.

    Cases share a process for speed alone: one that fails after others is run again in a process of its own, and only
    that run is believed. (Not one that ran out of time: that is too dear to see twice.) Raises InfrastructureError
    when the sandbox gave no judgement in `TRIES` tries.
    """
    execution = Execution(
        source=program.source,
        inputs=tuple(_as_given(case.input) for case in cases),
        limits=manner.limits,
        one_process_per_input=manner.one_process_per_case,
        hash_seed=manner.hash_seed,
        trusted=manner.trusted,
        entry=manner.entry,
    )
    report = await _judged(executor, execution)
    verdict = compared(report, cases, entry=manner.entry)
    at = verdict.failing_case
    if not at or manner.one_process_per_case or verdict.kind is VerdictKind.TIME_LIMIT:
        return verdict
    alone = await _judged(executor, replace(execution, inputs=execution.inputs[at : at + 1]))
    own = compared(ExecutionReport(alone.runs, report.walls), cases[at : at + 1], entry=manner.entry)
    if own.ok:  # an earlier case had left something behind
        return await judge(executor, program, cases, replace(manner, one_process_per_case=True))
    cpu_ms = round(verdict.cpu_ms + own.cpu_ms, 3)
    facts = {"failing_case": at, "passed": verdict.passed, "total": len(cases), "cpu_ms": cpu_ms}
    return own.model_copy(update=facts)


async def _judged(executor: Executor, execution: Execution) -> ExecutionReport:
    """A report in which every run is a judgement."""
    trouble = f"the wall-clock limit of {execution.limits.wall_seconds:.0f} s, or a killed process"
    for _ in range(TRIES):
        try:
            report = await executor.execute(execution)
        except InfrastructureError as error:
            trouble = str(error)
            continue
        if all(run.kind is not VerdictKind.INFRASTRUCTURE for run in report.runs):
            return report
    raise InfrastructureError(
        f"the sandbox gave no judgement in {TRIES} tries ({trouble}): is the machine overloaded?"
    )


def _as_given(text: str) -> str:
    """A text file ends in a line feed; an input that has one already gets no second, an empty one stays empty."""
    return text if not text or text.endswith("\n") else text + "\n"


def compared(report: ExecutionReport, cases: Sequence[Case], *, entry: str | None = None) -> Verdict:
    """The verdict that a report means for these cases."""
    passed = 0
    first: tuple[int, Run, VerdictKind] | None = None
    for position, (case, run) in enumerate(zip(cases, report.runs, strict=False)):
        kind = run.kind
        if kind is VerdictKind.PASSED and entry is not None and not run.stdout:
            # What returns is printed with a line feed: it ended its process instead.
            kind, run = VerdictKind.RUNTIME_ERROR, replace(run, stderr_tail=f"{entry} did not return")
        if kind is VerdictKind.PASSED and normalised(run.stdout) != normalised(case.output):
            kind = VerdictKind.WRONG_ANSWER
        if kind is VerdictKind.PASSED:
            passed += 1
        elif first is None:
            first = (position, run, kind)
    if first is None and len(report.runs) < len(cases):
        # The program's shared process ended before this case began (it closed its own channel, say).
        first = (
            len(report.runs),
            Run(VerdictKind.RUNTIME_ERROR, stderr_tail="the program ended early"),
            VerdictKind.RUNTIME_ERROR,
        )
    cpu_ms = round(sum(run.cpu_ms for run in report.runs), 3)
    if first is None:
        return Verdict(
            kind=VerdictKind.PASSED, passed=passed, total=len(cases), cpu_ms=cpu_ms, walls=report.walls
        )
    position, run, kind = first
    stderr = _FOLDER.sub(r"\1\2", run.stderr_tail)
    got = normalised(run.stdout)
    return Verdict(
        kind=kind,
        passed=passed,
        total=len(cases),
        failing_case=position,
        got=got[:SHOWN],
        message=_message(kind, got, stderr, entry),
        stderr=stderr[-SHOWN:],
        cpu_ms=cpu_ms,
        walls=report.walls,
    )


def failing_case(verdict: Verdict, cases: Sequence[Case]) -> FailingCase:
    """The one case that analyst and corrector may see of a failed verdict; of an error, the traceback's end."""
    assert verdict.failing_case is not None
    case = cases[verdict.failing_case]
    traced = verdict.stderr.strip() if verdict.kind is VerdictKind.RUNTIME_ERROR else ""
    return FailingCase(
        input=case.input,
        expected=case.output,
        got=verdict.got,
        kind=verdict.kind,
        message=traced or verdict.message,
    )


def _message(kind: VerdictKind, got: str, stderr: str, entry: str | None) -> str:
    match kind:
        case VerdictKind.WRONG_ANSWER if entry is not None:
            return f"what {entry} returned differs from the expected answer"
        case VerdictKind.WRONG_ANSWER if not got:
            return "the program printed nothing"
        case VerdictKind.WRONG_ANSWER:
            return "the printed answer differs from the expected one"
        case VerdictKind.TIME_LIMIT if stderr.rstrip().endswith(WAITS):
            return WAITS
        case VerdictKind.TIME_LIMIT:
            return "the program used up its CPU time"
        case VerdictKind.MEMORY_LIMIT:
            return "the program used up its memory"
        case VerdictKind.OUTPUT_LIMIT:
            return "the program printed more than it may"
        case VerdictKind.SECURITY_VIOLATION:
            return "the program tried something that it may not do (files, network, processes)"
        case _:
            return _error(stderr) or "the program ended with an error"


def _error(stderr: str) -> str:
    """What an error text says the error is, and where in the program it was raised."""
    lines = stderr.strip().splitlines()
    if not lines:
        return ""
    # An exception's text may have many lines. Its first stands behind the last frame, at the margin.
    at = max((i for i, line in enumerate(lines) if line.startswith("  File ")), default=len(lines) - 1)
    said = next((line for line in lines[at + 1 :] if line[:1].strip()), lines[-1]).strip()[:SHOWN_ERROR]
    frames = _FRAME.findall(stderr)
    if not frames:
        return said
    number, line = frames[-1]
    return f"{said} (line {number}{': ' + line.strip()[:SHOWN_ERROR] if line.strip() else ''})"

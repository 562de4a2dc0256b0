"""A program and its cases → a verdict. Only inputs go into the sandbox; outputs are compared on this side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from codeseq_ray.errors import InfrastructureError
from codeseq_ray.ports import Execution, ExecutionReport, Executor, Limits
from codeseq_ray.records import Case, FailingCase, Program, Verdict, VerdictKind

TRIES = 3
"""How often a run that gave no judgement (wall-clock backstop, killed worker) is made before giving up."""
SHOWN = 2000
"""Characters of a program's output or error text that a verdict keeps."""


@dataclass(frozen=True)
class Manner:
    """How a program is run: limits per case, whether cases share a process, and which hash seed."""

    limits: Limits = field(default_factory=Limits)
    one_process_per_case: bool = False
    hash_seed: int = 0
    trusted: bool = False
    """Written by the built-in agents; may run where the kernel lacks the walls (`sandbox`)."""


def normalised(text: str) -> str:
    """Output as it is compared: white space at the end of lines and of the whole does not count."""
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines())


async def judge(executor: Executor, program: Program, cases: Sequence[Case], manner: Manner) -> Verdict:
    """Run `program` on every case and compare exactly; the first case that fails decides.

    Raises InfrastructureError when the sandbox gave no judgement in `TRIES` tries.
    """
    execution = Execution(
        source=program.source,
        inputs=tuple(case.input + "\n" for case in cases),
        limits=manner.limits,
        one_process_per_input=manner.one_process_per_case,
        hash_seed=manner.hash_seed,
        trusted=manner.trusted,
    )
    for _ in range(TRIES):
        report = await executor.execute(execution)
        if all(run.kind is not VerdictKind.INFRASTRUCTURE for run in report.runs):
            return compared(report, cases)
    raise InfrastructureError(
        f"the sandbox gave no judgement in {TRIES} tries (wall-clock limit of "
        f"{manner.limits.wall_seconds:.0f} s or killed workers): is the machine overloaded?"
    )


def compared(report: ExecutionReport, cases: Sequence[Case]) -> Verdict:
    """The verdict that a report means for these cases."""
    passed = 0
    first: tuple[int, VerdictKind, str, str] | None = None
    for position, (case, run) in enumerate(zip(cases, report.runs, strict=False)):
        kind = run.kind
        if kind is VerdictKind.PASSED and normalised(run.stdout) != normalised(case.output):
            kind = VerdictKind.WRONG_ANSWER
        if kind is VerdictKind.PASSED:
            passed += 1
        elif first is None:
            first = (position, kind, run.stdout, run.stderr_tail)
    if first is None and len(report.runs) < len(cases):
        # The program's shared process ended before this case began (it closed its own channel, say).
        first = (len(report.runs), VerdictKind.RUNTIME_ERROR, "", "the program ended early")
    cpu_ms = round(sum(run.cpu_ms for run in report.runs), 3)
    if first is None:
        return Verdict(
            kind=VerdictKind.PASSED, passed=passed, total=len(cases), cpu_ms=cpu_ms, walls=report.walls
        )
    position, kind, stdout, stderr = first
    return Verdict(
        kind=kind,
        passed=passed,
        total=len(cases),
        failing_case=position,
        got=normalised(stdout)[:SHOWN],
        message=_message(kind, stderr),
        cpu_ms=cpu_ms,
        walls=report.walls,
    )


def failing_case(verdict: Verdict, cases: Sequence[Case]) -> FailingCase:
    """The one case that analyst and corrector may see of a failed verdict."""
    assert verdict.failing_case is not None
    case = cases[verdict.failing_case]
    return FailingCase(
        input=case.input,
        expected=case.output,
        got=verdict.got,
        kind=verdict.kind,
        message=verdict.message,
    )


def _message(kind: VerdictKind, stderr: str) -> str:
    match kind:
        case VerdictKind.WRONG_ANSWER:
            return "the printed answer differs from the expected one"
        case VerdictKind.TIME_LIMIT:
            return "the program used up its CPU time"
        case VerdictKind.MEMORY_LIMIT:
            return "the program used up its memory"
        case VerdictKind.OUTPUT_LIMIT:
            return "the program printed more than it may"
        case VerdictKind.SECURITY_VIOLATION:
            return "the program tried something that it may not do (files, network, processes)"
        case _:
            return stderr[-SHOWN:].strip() or "the program ended with an error"

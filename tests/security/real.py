"""One attack against the real executor, with all walls standing."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

from codeseq_ray.judging.verdicts import Manner, judge
from codeseq_ray.ports import Execution, Limits, Run
from codeseq_ray.records import Case, Program
from codeseq_ray.sandbox import SandboxExecutor

from .attack import BROKE_IN, REACHED, Attack, Wall
from .ring import Ring

_MOST_STDERR = 4096 + 100
"""What is kept of stderr, and a note of the watcher's."""


class Real:
    """Attempts attacks, and says of each what is not as it must be."""

    def __init__(self, executor: SandboxExecutor, ring: Ring) -> None:
        self.executor, self._ring = executor, ring

    def attempt(self, attack: Attack) -> tuple[str, str]:
        """The kind that it ended as, and the trouble: "" if it was held."""
        kind, trouble = self._deceive(attack) if attack.naive else self._run(attack)
        return kind, trouble or self._ring.damage()

    def _run(self, attack: Attack) -> tuple[str, str]:
        runs = self.executor.run(
            Execution(
                self._ring.fill(attack.program()),
                attack.inputs,
                attack.limits,
                one_process_per_input=Wall.OWN_INPUT in attack.walls,
            )
        ).runs
        trouble = attack.ends.trouble(runs) or _excess(runs, attack.limits)
        if not runs[0].stdout.startswith(REACHED):
            trouble = "it was not reached"
        if any(BROKE_IN in run.stdout for run in runs):
            trouble = "it broke in"
        if attack.after and not trouble:
            trouble = self._after(attack)
        return runs[-1].kind.value, trouble and f"{trouble}: {runs}"

    def _after(self, attack: Attack) -> str:
        """Whether the next program feels it."""
        run = self.executor.run(Execution(self._ring.fill(attack.after), ("",), attack.limits)).runs[0]
        if BROKE_IN in run.stdout:
            return "the next program was hit"
        if Wall.OWN_PROCESS in attack.walls and run.stdout != "nothing\n":
            return f"the next program did not say that it was untouched: {run}"
        return ""

    def _deceive(self, attack: Attack) -> tuple[str, str]:
        """Let our judge judge it, on an answer that it cannot guess."""
        answer = str(10**15 + secrets.randbelow(10**15))
        case = Case(input="7", output=answer)
        program = Program(source=attack.source)
        verdict = asyncio.run(
            judge(self.executor, program, [case], Manner(limits=attack.limits, entry=attack.entry))
        )
        if verdict.kind not in attack.ends.kinds:
            return verdict.kind.value, f"it was judged {verdict}"
        return verdict.kind.value, f"it knew the answer: {verdict}" if answer in verdict.got else ""


def _excess(runs: Sequence[Run], limits: Limits) -> str:
    for run in runs:
        if len(run.stdout) > limits.output_bytes:
            return f"{len(run.stdout)} letters on stdout"
        if len(run.stderr_tail) > _MOST_STDERR:
            return f"{len(run.stderr_tail)} letters of stderr"
    return ""

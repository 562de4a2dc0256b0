"""The two turns of an SFT row (v1 §3, case-based reflection): a problem, and how a program for it was found.

The assistant's turn walks the recorded rounds: first thoughts and program; a test case and what it should give;
what the program did instead and why; the next program; a final check; the final program. Every number in it
was recorded: cases are the sequence's own terms, wrong outputs are what the sandbox saw. What holds them together is
drawn from several phrasings (`phrases`).

Where a program was written anew from the problem alone, the walk begins with it: nothing before led to it. Candidates
that a round did not go on with are not told either.
"""

from __future__ import annotations

import hashlib
import re

from codeseq_ray.cases import draw
from codeseq_ray.dataset.phrases import phrase
from codeseq_ray.dataset.prompts import solver_prompt
from codeseq_ray.records import Cases, FailingCase, Problem, Round, VerdictKind

_BACKTICKS = re.compile(r"`{3,}")

_STOPPED = {
    VerdictKind.RUNTIME_ERROR: "it stops with an error",
    VerdictKind.TIME_LIMIT: "it does not finish in time",
    VerdictKind.MEMORY_LIMIT: "it needs more memory than is allowed",
    VerdictKind.OUTPUT_LIMIT: "it prints far more than it should",
    VerdictKind.SECURITY_VIOLATION: "it is stopped because it does something that programs may not do here",
    VerdictKind.NONDETERMINISTIC: "it does not give the same answer every time",
}


def messages(problem: Problem, cases: Cases, rounds: tuple[Round, ...]) -> list[dict[str, str]]:
    """The user's and the assistant's turn. `rounds` must not be empty; the last one passed all cases."""
    chain = _since_fresh_start(_about_this_problem(cases, rounds))
    return [
        {"role": "user", "content": solver_prompt(problem)},
        {"role": "assistant", "content": _Walk(problem, cases, chain).told()},
    ]


def _about_this_problem(cases: Cases, rounds: tuple[Round, ...]) -> tuple[Round, ...]:
    """Without the rounds that ended with the problem told anew under another shift: their cases are not its own."""
    own = {(case.input, case.output) for case in (*cases.hidden, *cases.examples)}
    foreign = [
        i for i, r in enumerate(rounds) if r.failing and (r.failing.input, r.failing.expected) not in own
    ]
    return rounds[foreign[-1] + 1 :] if foreign else rounds


def _since_fresh_start(rounds: tuple[Round, ...]) -> tuple[Round, ...]:
    """The chain that led to the final program."""
    begun = max((i for i, r in enumerate(rounds) if r.fresh), default=0)
    return rounds[begun:]


class _Walk:
    """The assistant's turn, put together place by place."""

    def __init__(self, problem: Problem, cases: Cases, rounds: tuple[Round, ...]) -> None:
        self._problem, self._cases, self._rounds = problem, cases, rounds
        self._key = hashlib.blake2b(problem.text().encode(), digest_size=8).hexdigest()

    def told(self) -> str:
        first, *later = self._rounds
        parts = [first.program.process, fenced(first.program.source, "python")]
        for at, (before, now) in enumerate(zip(self._rounds, later, strict=False)):
            parts += self._failure(before, at)
            parts += [self._say("revised", at), now.program.process, fenced(now.program.source, "python")]
        parts += self._final_check()
        parts += [self._say("final"), fenced(self._rounds[-1].program.source, "python")]
        return "\n\n".join(stripped for part in parts if (stripped := part.strip("\n")))

    def _say(self, place: str, at: int = 0, **values: str) -> str:
        return phrase(place, self._key, at, **values)

    def _failure(self, failed: Round, at: int) -> list[str]:
        """From the test of a program to what is wrong with it, as far as it was recorded."""
        case, analysis = failed.failing, failed.analysis
        parts: list[str] = []
        if case is not None:
            parts.append(self._say("test", at, input=_shown(case.input), expected=_shown(case.expected)))
        if analysis is not None:
            parts.append(analysis.why_expected)
        if case is not None:
            parts.append(self._what_happened(case, at))
        if analysis is not None:
            parts.append(analysis.what_is_wrong)
        return parts

    def _what_happened(self, case: FailingCase, at: int) -> str:
        if case.kind in _STOPPED:
            message = f":\n{fenced(case.message)}" if case.message.strip() else "."
            return self._say("stopped", at, what=_STOPPED[case.kind]) + message
        if not case.got.strip():
            return self._say("silent", at)
        return self._say("wrong", at, got=_shown(case.got))

    def _final_check(self) -> list[str]:
        """On the case that failed last, which the final program is known to pass. Where none did, on a worked example
        and on one of the hidden cases: a model that learns from it makes cases of its own, too."""
        failed = [r.failing for r in self._rounds[:-1] if r.failing is not None]
        if failed:
            return [self._say("again", input=_shown(failed[-1].input), expected=_shown(failed[-1].expected))]
        parts: list[str] = []
        if self._problem.examples:
            example = self._problem.examples[0]
            why = f" {example.explanation}" if example.explanation else ""
            given, said = _shown(example.input), _shown(example.output)
            parts.append(self._say("example", input=given, expected=said, why=why))
        if self._cases.hidden:
            own = self._cases.hidden[draw(0, "own", self._key) % len(self._cases.hidden)]
            parts.append(self._say("own", input=_shown(own.input), expected=_shown(own.output)))
        return parts


def _shown(text: str) -> str:
    """A value inside a sentence, or on lines of its own where it has several."""
    text = text.strip()
    return f"\n{fenced(text)}\n" if "\n" in text else f"`{text}`"


def fenced(text: str, language: str = "") -> str:
    """A Markdown code block whose fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"

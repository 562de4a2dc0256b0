"""The two turns of an SFT row (v1 §3, case-based reflection): a problem, and how a program for it was found.

The assistant's turn walks the recorded rounds: first thoughts and program; a test case and what it should give;
what the program did instead and why; the next program; a final check; the final program. Every number in it
was recorded: cases are the sequence's own terms, wrong outputs are what the sandbox saw.

Where a program was written anew from the problem alone, the walk begins with it: nothing before led to it. Candidates
that a round did not go on with are not told either.
"""

from __future__ import annotations

import re

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
    """The user's and the assistant's turn. `rounds` must not be empty; the last one passed `cases.hidden`."""
    return [
        {"role": "user", "content": problem.text()},
        {
            "role": "assistant",
            "content": _walk(problem, _since_fresh_start(_about_this_problem(cases, rounds))),
        },
    ]


def _about_this_problem(cases: Cases, rounds: tuple[Round, ...]) -> tuple[Round, ...]:
    """Without the rounds that ended with the problem told anew under another shift: their cases are not its own."""
    own = {(case.input, case.output) for case in cases.hidden}
    foreign = [
        i for i, r in enumerate(rounds) if r.failing and (r.failing.input, r.failing.expected) not in own
    ]
    return rounds[foreign[-1] + 1 :] if foreign else rounds


def _since_fresh_start(rounds: tuple[Round, ...]) -> tuple[Round, ...]:
    """The chain that led to the final program."""
    begun = max((i for i, r in enumerate(rounds) if r.fresh), default=0)
    return rounds[begun:]


def _walk(problem: Problem, rounds: tuple[Round, ...]) -> str:
    first, *later = rounds
    parts = [first.program.process, fenced(first.program.source, "python")]
    for before, now in zip(rounds, later, strict=False):
        parts += _failure(before)
        parts += ["Here is the revised program.", now.program.process, fenced(now.program.source, "python")]
    parts.append(_final_check(problem, rounds))
    parts += ["The final program:", fenced(rounds[-1].program.source, "python")]
    return "\n\n".join(stripped for part in parts if (stripped := part.strip("\n")))


def _failure(failed: Round) -> list[str]:
    """From the test of a program to what is wrong with it, as far as it was recorded."""
    parts: list[str] = []
    if failed.failing is not None:
        case = failed.failing
        parts.append(f"Let me test it on input {_shown(case.input)}: it should give {_shown(case.expected)}.")
    if failed.analysis is not None:
        parts.append(failed.analysis.why_expected)
    if failed.failing is not None:
        parts.append(_what_happened(failed.failing))
    if failed.analysis is not None:
        parts.append(failed.analysis.what_is_wrong)
    return parts


def _what_happened(case: FailingCase) -> str:
    if case.kind in _STOPPED:
        message = f":\n{fenced(case.message)}" if case.message.strip() else "."
        return f"But {_STOPPED[case.kind]}{message}"
    if not case.got.strip():
        return "But it prints nothing."
    return f"But it prints {_shown(case.got)}."


def _final_check(problem: Problem, rounds: tuple[Round, ...]) -> str:
    """On the case that failed last, which the final program is known to pass; else on a worked example."""
    failed = [r.failing for r in rounds[:-1] if r.failing is not None]
    if failed:
        case = failed[-1]
        return (
            f"Final check: on input {_shown(case.input)} the revised program prints {_shown(case.expected)}, "
            "as it should."
        )
    if not problem.examples:
        return ""
    example = problem.examples[0]
    why = f" {example.explanation}" if example.explanation else ""
    return (
        f"Let me check it on input {_shown(example.input)}: it should give {_shown(example.output)}.{why} "
        "The program follows the same steps, so it stands."
    )


def _shown(text: str) -> str:
    """A value inside a sentence, or on lines of its own where it has several."""
    text = text.strip()
    return f"\n{fenced(text)}\n" if "\n" in text else f"`{text}`"


def fenced(text: str, language: str = "") -> str:
    """A Markdown code block whose fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"

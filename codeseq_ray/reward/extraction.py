"""What a completion holds that a reward looks at: its last program, and the cases that it made itself.

Cases count wherever they stand: in thoughts, in the answer, in fenced blocks, in the programs themselves. The program
counts only after the thoughts. Never raises; the time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass

from codeseq_ray.agents.structured import last_code_block, split_thoughts
from codeseq_ray.reward.claims import HELPERS, Claim, in_prose
from codeseq_ray.reward.listings import comments, in_code, names_of
from codeseq_ray.reward.tables import in_tables
from codeseq_ray.reward.values import CLOSE, OPEN, canonical, only_integers, plain

LONGEST = 1 << 18
"""Characters of a completion that is read for cases, five times what 10,240 tokens are. A longer one claims nothing,
so that nothing can be hidden past a cut; its program is looked for in the last so many."""

_THINK = re.compile(r"</?think>")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[ \t]*([\w+#.-]*)")
_LONG_FENCE = re.compile(r"^([ \t]*[`~]{3})[^\n]{200,}$", re.MULTILINE)
_CODE = frozenset({"python", "python3", "py", "py3", "pycon", "ipython"})
_OF_CODE = ("print(", "def ", ">>>", "assert ")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found. `cases`: distinct (input, output) pairs as exact text, in the order in which they stand."""

    program: str | None
    cases: tuple[tuple[str, str], ...]
    too_long: bool = False


def read(completion: str) -> Reading:
    """Read a completion's free text."""
    program = last_program(completion)
    if len(completion) > LONGEST:
        return Reading(program, (), too_long=True)
    kept: list[str] = []
    claims = list(_claims(_THINK.sub("\n", completion), kept, names_of(program or "")))
    letters = {claim.name for claim in claims if len(claim.name) == 1}
    passed_over = HELPERS if letters - HELPERS else frozenset()
    pairs = (
        (canonical(claim.given, kept), canonical(claim.said, kept))
        for claim in claims
        if claim.name not in passed_over
    )
    return Reading(program, tuple(dict.fromkeys(pairs)))


def last_program(completion: str) -> str | None:
    """The last program of what stands after the thoughts."""
    # A fence with a very long rest of its line is none; to find that out would take quadratic time.
    text = _LONG_FENCE.sub("", completion[-LONGEST:]) if "```" in completion or "~~~" in completion else ""
    block = last_code_block(split_thoughts(text)[0])
    return block.source if block else None


def _claims(text: str, kept: list[str], names: Set[str]) -> Iterator[Claim]:
    """Claims as they stand; `kept` takes the values of several lines that they refer to."""
    prose: list[str] = []
    for block, language in _parts(text):
        if language is None:
            prose.append(plain(block))
        elif (value := only_integers(block)) is not None:
            # `on input\n```\n5\n```\nit should give` is one sentence.
            prose = [*prose[:-1], prose[-1].rstrip()] if prose else []
            prose.append(f" {_held(value, kept)} ")
        elif language.lower() in _CODE or any(mark in block for mark in _OF_CODE):
            yield from in_code(block, names)
            prose.append(f"\n\n{plain(comments(block))}\n\n")
        else:
            prose.append(f"\n\n{plain(block)}\n\n")
    joined = "".join(prose)
    yield from in_prose(joined, names)
    if "|" in joined:
        yield from in_tables(joined)


def _held(value: str, kept: list[str]) -> str:
    if "\n" not in value and " " not in value:
        return value
    kept.append(value)
    return f"{OPEN}{len(kept) - 1}{CLOSE}"


def _parts(text: str) -> Iterator[tuple[str, str | None]]:
    """Prose (None) and fenced blocks (their language, perhaps empty) in turn; an open block goes on to the end."""
    lines: list[str] = []
    fence, language = "", ""
    for line in text.split("\n"):
        mark = _FENCE.match(line) if "```" in line or "~~~" in line else None
        if mark and not fence:
            yield "\n".join(lines) + "\n", None
            lines, fence, language = [], mark[1], mark[2]
        elif mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
            yield "\n".join(lines), language
            lines, fence = [], ""
        else:
            lines.append(line)
    yield "\n".join(lines), language if fence else None

"""What was asked of the agents, call by call, and what it came to."""

from __future__ import annotations

from collections.abc import Sequence

from codeseq_ray.records import Call
from codeseq_ray.telling.lines import Lines, Tone, block, field, table
from codeseq_ray.telling.words import columns, counted, cut, seconds

_HEADS = ("stage", "round", "prompt", "cached", "written", "thoughts", "seconds", "tries", "agent")
_LONGEST_AGENT = 30


def calls(made: Sequence[Call], *, full: bool) -> Lines:
    """A table of all calls, their sum, and with `full` every answer."""
    asked = [call for call in made if call.prompt_id]
    if not asked:
        if made:
            yield from field(
                "", f"{counted(len(made), 'step')} of built-in agents; no model was asked", Tone.QUIET
            )
        return
    yield from table(columns(_HEADS, map(_row, asked), left=(0, 8)))
    yield from field("", total(asked), Tone.QUIET)
    if not full:
        return
    for number, call in enumerate(asked, 1):
        yield from field("", f"answer {number}, {call.stage} (prompt {call.prompt_id})", Tone.HEAD)
        if call.reasoning:
            yield from block(call.reasoning, Tone.QUIET, indent=4)
        yield from block(call.answer or "(nothing)", indent=2)


def _row(call: Call) -> tuple[str, ...]:
    return (
        call.stage,
        str(call.round),
        f"{call.prompt_tokens:,}",
        f"{call.cached_tokens:,}",
        f"{call.completion_tokens:,}",
        f"{call.reasoning_tokens:,}",
        "cache" if call.replayed else f"{call.seconds:.1f}",
        str(call.attempts),
        cut(call.agent, _LONGEST_AGENT),
    )


def total(made: Sequence[Call]) -> str:
    """One line: calls, tokens, and the time that servers took."""
    read = sum(call.prompt_tokens for call in made)
    written = sum(call.completion_tokens for call in made)
    replayed = sum(call.replayed for call in made)
    text = f"{counted(len(made), 'call')}: {read:,} tokens read, {written:,} written, "
    text += f"{seconds(sum(call.seconds for call in made))} of model servers"
    return text + (f"; {replayed:,} from the cache, whose time is not known" if replayed else "")

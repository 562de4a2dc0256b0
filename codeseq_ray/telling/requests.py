"""What was sent to a model and what came back, long texts that were shown before only named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeseq_ray.agents.structured import split_thoughts
from codeseq_ray.ports import ChatAnswer
from codeseq_ray.synthesis.watching import Exchange
from codeseq_ray.telling.lines import Lines, Tone, field
from codeseq_ray.telling.words import counted, seconds

LONG = 160
"""Characters from which on a message that was shown before is not shown again."""
_WHO = {"system": "system", "user": "user", "assistant": "model"}


class Shown:
    """Messages that the reader has seen, and where."""

    def __init__(self) -> None:
        self._where: dict[str, str] = {}

    def message(self, role: str, text: str, here: str) -> Lines:
        """A message whole, or where it stands."""
        label = _WHO.get(role, role)
        where = self._where.get(text)
        if where is not None and len(text) >= LONG:
            yield from field(label, f"({counted(len(text), 'character')}, the same as {where})", Tone.QUIET)
            return
        self._where.setdefault(text, f"in {here}")
        yield from field(label, text or "(nothing)")

    def answered(self, text: str, here: str) -> None:
        self._where.setdefault(text, f"answered in {here}")


def exchange(one: Exchange, here: str, shown: Shown) -> Lines:
    """One request with all its messages, its answer, and what it took. `here` names the step."""
    request = one.request
    bounds = f"at most {request.max_tokens:,} tokens, temperature {request.temperature:g}"
    form = f", as a JSON object of {_fields(request.json_schema)}" if request.json_schema else ""
    yield from field("asked", f"{one.model}: {bounds}{form}", Tone.QUIET)
    for message in request.messages:
        yield from shown.message(message["role"], message["content"], here)
    if one.answer is None:
        return
    text, thoughts = split_thoughts(one.answer.text)
    apart = "\n\n".join(part for part in (one.answer.reasoning.strip(), thoughts) if part)
    if apart:
        yield from field("thoughts", apart, Tone.QUIET)
    # The answer in a colour of its own: a reader sees at once who speaks.
    yield from field("answer", text or "(nothing)", Tone.ANSWER)
    shown.answered(text, here)
    yield from field("took", took(one.answer), Tone.QUIET)


def took(answer: ChatAnswer) -> str:
    """Tokens, time, tries, and how it ended where that is worth a word."""
    cached = f" ({answer.cached_tokens:,} of them known to the engine)" if answer.cached_tokens else ""
    thought = f" ({answer.reasoning_tokens:,} of them thoughts)" if answer.reasoning_tokens else ""
    text = f"{answer.prompt_tokens:,} tokens read{cached}, {answer.completion_tokens:,} written{thought}, "
    text += f"{seconds(answer.seconds)}"
    if answer.attempts > 1:
        text += f", {answer.attempts} requests until one was answered"
    if answer.finish_reason not in ("stop", ""):
        text += f"; ended by {answer.finish_reason}"
    return text


def _fields(schema: Mapping[str, Any]) -> str:
    return ", ".join(schema.get("properties", {}))

"""What was sent to a model and what came back, of what was shown before only where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from codeseq_ray.agents.structured import split_thoughts
from codeseq_ray.ports import ChatAnswer
from codeseq_ray.synthesis.overhearing import Exchange
from codeseq_ray.telling.lines import Line, Lines, Tone, field
from codeseq_ray.telling.words import counted, seconds

LONG = 80
"""Characters from which on a text that was shown before is not shown again."""
_HINT = 40
"""Characters of its beginning that say which text is meant."""
_WHO = {"system": "system", "user": "user", "assistant": "model"}
_GAP = "\n\n"


class Shown:
    """Messages and their paragraphs that the reader has seen, and where first."""

    def __init__(self) -> None:
        self._messages: dict[str, str] = {}
        self._paragraphs: dict[str, str] = {}

    def message(self, role: str, text: str, here: str) -> Lines:
        """A message; of what stands in an earlier one, only where. Every part of it was shown whole once."""
        label = _WHO.get(role, role)
        where = self._messages.get(text)
        if where is not None and len(text) >= LONG:
            yield from field(label, f"({counted(len(text), 'character')}, the same as {where})", Tone.QUIET)
            return
        if not text:
            yield from field(label, "(nothing)", Tone.QUIET)
        before = ""
        for at, (part, seen) in enumerate(self._parts(text)):
            if at and not (seen and before):
                yield Line()
            before = seen
            if seen:
                begins = part.split("\n")[0][:_HINT].rstrip(" .,:") + " …"
                said = f"({begins} – {len(part):,} characters, as {seen})"
                yield from field("" if at else label, said, Tone.QUIET)
            elif part:
                yield from field("" if at else label, part)
        self._messages.setdefault(text, f"in {here}")
        for paragraph in text.split(_GAP):
            self._paragraphs.setdefault(paragraph, f"in {here}")

    def answered(self, text: str, here: str) -> None:
        self._messages.setdefault(text, f"answered in {here}")

    def _parts(self, text: str) -> Iterator[tuple[str, str]]:
        """Runs of paragraphs, each with where the whole run was shown; empty where it was not, or is short."""
        for new, group in groupby(self._known(text), key=lambda part: part[1]):
            yield _GAP.join(paragraph for paragraph, _ in group), new

    def _known(self, text: str) -> Iterator[tuple[str, str]]:
        """Its paragraphs, each with where it was shown, in runs that are long enough to be left out."""
        paragraphs = [(paragraph, self._paragraphs.get(paragraph, "")) for paragraph in text.split(_GAP)]
        for where, group in groupby(paragraphs, key=lambda part: part[1]):
            run = [paragraph for paragraph, _ in group]
            long = len(_GAP.join(run)) >= LONG
            yield from ((paragraph, where if long else "") for paragraph in run)


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

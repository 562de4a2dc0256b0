"""One question to a model, from prompt to value: every call accounted for, every unusable answer typed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel

from codeseq_ray.agents.prompting import Prompt, Prompts
from codeseq_ray.agents.roles import Answer
from codeseq_ray.agents.structured import declines, last_code_block, parse, sound, split_thoughts
from codeseq_ray.agents.visibility import View
from codeseq_ray.errors import InfrastructureError
from codeseq_ray.ports import ChatAnswer, ChatClient, ChatRequest
from codeseq_ray.records import Call, Program, Reason

T = TypeVar("T")
U = TypeVar("U")
M = TypeVar("M", bound=BaseModel)

REFUSALS = frozenset({"refusal", "content_filter"})
SHOWN_BROKEN = 8000
"""Characters of a broken answer that the repair turn repeats to the model."""


def mapped(answer: Answer[T], make: Callable[[T], U]) -> Answer[U]:
    """The same answer with its value made into another."""
    return Answer(
        value=None if answer.value is None else make(answer.value),
        calls=answer.calls,
        why_none=answer.why_none,
        reason=answer.reason,
    )


@contextmanager
def paid(calls: Sequence[Call]) -> Iterator[None]:
    """Trouble that comes within takes these calls along: they were answered, and cost tokens."""
    try:
        yield
    except InfrastructureError as trouble:
        trouble.calls = (*calls, *trouble.calls)
        raise


@dataclass(frozen=True)
class Turn:
    """One question as it is put: its stage, its prompt, and what sets it apart from an equal one."""

    stage: str
    prompt: Prompt
    max_tokens: int
    before: tuple[Mapping[str, str], ...] = ()
    """The conversation that it goes on with."""
    sample: int = 0
    attempt: int = 0

    @property
    def messages(self) -> tuple[Mapping[str, str], ...]:
        return (*self.before, *self.prompt.messages)


@dataclass(frozen=True)
class Reply:
    """A model's answer with its thoughts taken out of the text."""

    text: str
    finish_reason: str
    call: Call

    @property
    def truncated(self) -> bool:
        # The client says `context_length` of an answer that the context ended before its own bound did.
        return self.finish_reason in ("length", "context_length")

    def unusable(self) -> tuple[Reason, str] | None:
        """Why nothing can be read from it whatever was asked; None if that remains to be seen."""
        wrote = self.text or self.call.reasoning or self.call.completion_tokens
        if self.finish_reason == "context_length" and not wrote:
            return Reason.PROMPT_TOO_LONG, "the prompt does not fit the model's context"
        if self.finish_reason in REFUSALS:
            return Reason.ANSWER_REFUSED, self.text[:200] or self.finish_reason
        if not self.text:
            return self.cut_off() if self.truncated else (Reason.ANSWER_EMPTY, "the model wrote nothing")
        return None

    def cut_off(self) -> tuple[Reason, str]:
        by = " by the end of the model's context" if self.finish_reason == "context_length" else ""
        return (
            Reason.ANSWER_TRUNCATED,
            f"the answer was cut off after {self.call.completion_tokens} tokens{by}",
        )

    def misshapen(self, what: str) -> tuple[Reason, str]:
        """Why the form that was asked for is not in it."""
        if self.truncated:
            return self.cut_off()
        if declines(self.text):
            return Reason.ANSWER_REFUSED, self.text[:200]
        return Reason.ANSWER_UNREADABLE, what


@dataclass(frozen=True)
class Asker:
    """Asks one model, in the two forms of answer that the roles need."""

    client: ChatClient
    prompts: Prompts
    temperature: float

    def render(self, prompt: str, view: View, **values: Any) -> Prompt:
        return self.prompts.render(prompt, view=view, **values)

    async def object(self, turn: Turn, model: type[M]) -> Answer[M]:
        """Ask for a JSON object."""
        # In this mode every field is required, as strict servers want it and as steps before an output need it.
        schema = model.model_json_schema(mode="serialization")

        def read(reply: Reply) -> tuple[M | None, str]:
            parsed = parse(reply.text, model)
            return parsed.value, parsed.fault

        return await self._answered(turn, read, schema)

    async def program(self, turn: Turn) -> Answer[Program]:
        """Ask for a program: the last Python block of the answer, the text around it as its process."""

        def read(reply: Reply) -> tuple[Program | None, str]:
            block = last_code_block(reply.text)
            if block is None or (reply.truncated and not block.closed):
                return None, "it holds no ```python block"
            return Program(source=block.source, process=block.before or block.after), ""

        return await self._answered(turn, read)

    async def _answered(
        self,
        turn: Turn,
        read: Callable[[Reply], tuple[T | None, str]],
        schema: Mapping[str, Any] | None = None,
    ) -> Answer[T]:
        """Ask; where nothing can be read from the answer, say what is wrong with it and ask once more."""
        request = ChatRequest(
            turn.messages, turn.max_tokens, self.temperature, schema, sample=turn.sample, attempt=turn.attempt
        )
        stage, prompt_id = turn.stage, turn.prompt.id
        calls: list[Call] = []
        while True:
            with paid(calls):
                reply = await ask(self.client, stage, prompt_id, request)
            calls.append(reply.call)
            if why := reply.unusable():
                return _none(calls, why)
            value, fault = read(reply)
            if value is not None:
                return Answer(value, tuple(calls))
            why = reply.misshapen(fault)
            if why[0] is not Reason.ANSWER_UNREADABLE or len(calls) > 1:
                return _none(calls, why)
            shape = "" if schema is None else json.dumps(_shape(schema))
            repair = self.prompts.render("repair", fault=fault, shape=shape)
            stage, prompt_id = f"{turn.stage}.repair", repair.id
            broken = {"role": "assistant", "content": reply.text[:SHOWN_BROKEN]}
            request = replace(request, messages=(*request.messages, broken, *repair.messages))


async def ask(client: ChatClient, stage: str, prompt_id: str, request: ChatRequest) -> Reply:
    """One request, and its answer read as far as it can be whatever was asked."""
    answer = await client.chat(request)
    text, thoughts = split_thoughts(answer.text)
    return Reply(text, answer.finish_reason, _call(stage, prompt_id, answer, text, thoughts))


def _none(calls: Sequence[Call], why: tuple[Reason, str]) -> Answer[Any]:
    reason, words = why
    return Answer(None, tuple(calls), why_none=words, reason=reason)


def _call(stage: str, prompt_id: str, answer: ChatAnswer, text: str, thoughts: str) -> Call:
    return Call(
        stage=stage,
        agent=answer.model,
        prompt_id=prompt_id,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        cached_tokens=answer.cached_tokens,
        reasoning_tokens=answer.reasoning_tokens,
        attempts=answer.attempts,
        seconds=round(answer.seconds, 3),
        replayed=answer.replayed,
        answer=text,
        reasoning="\n\n".join(part for part in (sound(answer.reasoning).strip(), thoughts) if part),
    )


def _shape(schema: Mapping[str, Any], root: Mapping[str, Any] | None = None) -> Any:
    """An example of the shape that a schema asks for: easier to follow than the schema itself."""
    root = root or schema
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if schema.get("type") == "object":
        return {name: _shape(part, root) for name, part in schema["properties"].items()}
    if schema.get("type") == "array":
        return [_shape(schema["items"], root)]
    if schema.get("type") == "boolean":
        return True
    return "..."

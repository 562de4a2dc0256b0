"""One question to a model, from prompt to value: every call accounted for, every unusable answer typed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel

from codeseq_ray.agents.prompting import Prompts
from codeseq_ray.agents.roles import Answer
from codeseq_ray.agents.structured import Unusable, last_code_block, parse, sound, split_thoughts
from codeseq_ray.agents.visibility import AnalystView, CorrectorView, SolverView, ValidatorView, WriterView
from codeseq_ray.ports import ChatAnswer, ChatClient, ChatRequest
from codeseq_ray.records import Call, Program

T = TypeVar("T")
U = TypeVar("U")
M = TypeVar("M", bound=BaseModel)
View = WriterView | ValidatorView | SolverView | AnalystView | CorrectorView

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


@dataclass(frozen=True)
class _Reply:
    """A model's answer with its thoughts taken out of the text."""

    text: str
    finish_reason: str
    call: Call

    @property
    def truncated(self) -> bool:
        return self.finish_reason == "length"

    def unusable(self) -> str:
        """Why nothing can be read from it whatever was asked; empty if that remains to be seen."""
        if self.finish_reason == "context_length":
            return _why(Unusable.CONTEXT_LENGTH, "the prompt does not fit the model's context")
        if self.finish_reason in REFUSALS:
            return _why(Unusable.REFUSAL, self.text[:200] or self.finish_reason)
        if not self.text:
            return self.cut_off() if self.truncated else _why(Unusable.EMPTY, "the model wrote nothing")
        return ""

    def cut_off(self) -> str:
        return _why(Unusable.TRUNCATED, f"the answer was cut off after {self.call.completion_tokens} tokens")


@dataclass(frozen=True)
class Asker:
    """Asks one model, in the two forms of answer that the roles need."""

    client: ChatClient
    prompts: Prompts
    temperature: float

    async def object(self, stage: str, prompt: str, view: View, model: type[M], max_tokens: int) -> Answer[M]:
        """Ask for a JSON object; where none can be read, say what is wrong and ask once more."""
        # In this mode every field is required, as strict servers want it and as steps before an output need it.
        schema = model.model_json_schema(mode="serialization")
        asked = self.prompts.render(prompt, view=view)
        request = ChatRequest(asked.messages, max_tokens, self.temperature, schema)
        calls: list[Call] = []
        for repairing in (False, True):
            reply = await self._ask(f"{stage}.repair" if repairing else stage, asked.id, request)
            calls.append(reply.call)
            if why := reply.unusable():
                return Answer(None, tuple(calls), why)
            parsed = parse(reply.text, model)
            if parsed.value is not None:
                return Answer(parsed.value, tuple(calls))
            if reply.truncated:
                return Answer(None, tuple(calls), reply.cut_off())
            asked = self.prompts.render("repair", fault=parsed.fault, shape=json.dumps(_shape(schema)))
            broken = {"role": "assistant", "content": reply.text[:SHOWN_BROKEN]}
            request = replace(request, messages=(*request.messages, broken, *asked.messages))
        return Answer(None, tuple(calls), _why(Unusable.BROKEN_JSON, parsed.fault))

    async def program(self, stage: str, prompt: str, view: View, max_tokens: int) -> Answer[Program]:
        """Ask for a program: the last Python block of the answer, the text around it as its process."""
        asked = self.prompts.render(prompt, view=view)
        reply = await self._ask(stage, asked.id, ChatRequest(asked.messages, max_tokens, self.temperature))
        calls = (reply.call,)
        if why := reply.unusable():
            return Answer(None, calls, why)
        block = last_code_block(reply.text)
        if reply.truncated and (block is None or not block.closed):
            return Answer(None, calls, reply.cut_off())
        if block is None:
            return Answer(None, calls, _why(Unusable.NO_CODE_BLOCK, "no ```python block in the answer"))
        return Answer(Program(source=block.source, process=block.before or block.after), calls)

    async def _ask(self, stage: str, prompt_id: str, request: ChatRequest) -> _Reply:
        answer = await self.client.chat(request)
        text, thoughts = split_thoughts(answer.text)
        return _Reply(text, answer.finish_reason, _call(stage, prompt_id, answer, text, thoughts))


def _call(stage: str, prompt_id: str, answer: ChatAnswer, text: str, thoughts: str) -> Call:
    return Call(
        stage=stage,
        agent=answer.model,
        prompt_id=prompt_id,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        attempts=answer.attempts,
        seconds=round(answer.seconds, 3),
        answer=text,
        reasoning="\n\n".join(part for part in (sound(answer.reasoning).strip(), thoughts) if part),
    )


def _why(kind: Unusable, detail: str) -> str:
    return f"{kind.value}: {detail}"


def _shape(schema: Mapping[str, Any], root: Mapping[str, Any] | None = None) -> Any:
    """An example of the shape that a schema asks for: easier to follow than the schema itself."""
    root = root or schema
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if schema.get("type") == "object":
        return {name: _shape(part, root) for name, part in schema["properties"].items()}
    if schema.get("type") == "array":
        return [_shape(schema["items"], root)]
    return "..."

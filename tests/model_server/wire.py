"""The shapes that go over the wire: completions, chunks of a stream, usage, errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Choice:
    text: str
    reasoning: str
    finish_reason: str


@dataclass(frozen=True)
class Answer:
    """A chat completion before it is sent."""

    id: str
    model: str
    choices: tuple[Choice, ...]
    usage: dict[str, int]
    """prompt, completion, cached and reasoning tokens."""
    reasoning_field: str

    @property
    def tokens(self) -> int:
        return self.usage["completion_tokens"]

    def completion(self) -> dict[str, Any]:
        return {
            **self._head("chat.completion"),
            "choices": [
                {
                    "index": i,
                    "message": {"role": "assistant", "content": choice.text, **self.thoughts(choice)},
                    "logprobs": None,
                    "finish_reason": choice.finish_reason,
                }
                for i, choice in enumerate(self.choices)
            ],
            "usage": self._usage(),
        }

    def chunk(self, index: int, delta: Mapping[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        """A part of a stream."""
        choice = {"index": index, "delta": dict(delta), "finish_reason": finish_reason}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def usage_chunk(self) -> dict[str, Any]:
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": self._usage()}

    def thoughts(self, choice: Choice) -> dict[str, str]:
        return {self.reasoning_field: choice.reasoning} if choice.reasoning else {}

    def _head(self, what: str) -> dict[str, Any]:
        return {"id": self.id, "object": what, "created": 0, "model": self.model}

    def _usage(self) -> dict[str, Any]:
        prompt, completion = self.usage["prompt_tokens"], self.usage["completion_tokens"]
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": self.usage["cached_tokens"]},
            "completion_tokens_details": {"reasoning_tokens": self.usage["reasoning_tokens"]},
        }


def error(status: int, message: str, kind: str, headers: dict[str, str] | None = None) -> web.Response:
    said = {"message": message, "type": kind, "param": None, "code": status}
    return web.json_response({"error": said}, status=status, headers=headers)


def most_tokens(body: Mapping[str, Any]) -> int | None:
    """The bound on the answer that a request names."""
    most = body.get("max_completion_tokens") or body.get("max_tokens")
    return None if most is None else int(most)


def text_of(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else json.dumps(content)

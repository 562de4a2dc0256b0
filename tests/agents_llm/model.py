"""A stand-in for a model: it fills the schema it is given, or writes a program, in the manners that models have.

Everything is drawn by a hash of the request; what the manners are is the only thing a test may choose.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from codeseq_ray.ports import ChatAnswer, ChatRequest
from codeseq_ray.records import Reason

READABLE = (
    "plain",
    "fenced",
    "prose",
    "thoughts",
    "thoughts without opening",
    "trailing commas",
    "raw line breaks",
    "latex",
    "numbers",
    "draft before",
    "rambling to the limit",
    "rambling to the end of the context",
)
BROKEN = ("prose only", "unclosed", "other shape", "blank field")
DEAD = {
    "empty": Reason.ANSWER_EMPTY,
    "cut off": Reason.ANSWER_TRUNCATED,
    "cut off in thought": Reason.ANSWER_TRUNCATED,
    "cut off in the server's thought": Reason.ANSWER_TRUNCATED,
    "cut off by the context": Reason.ANSWER_TRUNCATED,
    "cut off by the context in the server's thought": Reason.ANSWER_TRUNCATED,
    "cut off by the context in thought that is not shown": Reason.ANSWER_TRUNCATED,
    "refused": Reason.ANSWER_REFUSED,
    "refused in words": Reason.ANSWER_REFUSED,
    "filtered": Reason.ANSWER_REFUSED,
    "too long": Reason.PROMPT_TOO_LONG,
}
RAMBLING = {"rambling to the limit": "length", "rambling to the end of the context": "context_length"}


@dataclass
class Model:
    """`manners` are taken in turn, the last one for ever."""

    manners: tuple[str, ...]
    requests: list[ChatRequest] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    answered: list[ChatAnswer] = field(default_factory=list)

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        manner = self.manners[min(len(self.requests), len(self.manners) - 1)]
        self.requests.append(request)
        digest = hashlib.sha256(repr(request).encode()).hexdigest()
        if request.json_schema is not None:
            text, finish, reasoning = in_json(request.json_schema, manner, digest)
        else:
            text, finish, reasoning = in_code(manner, digest)
        self.sent.append(text)
        answer = ChatAnswer(
            text=text,
            finish_reason=finish,
            model="drawn-by-hash@1",
            reasoning=reasoning,
            prompt_tokens=int(digest[:3], 16),
            completion_tokens=0 if manner == "too long" else 1 + int(digest[3:6], 16),
            cached_tokens=int(digest[7:9], 16),
            reasoning_tokens=int(digest[9:11], 16),
            attempts=1 + int(digest[6], 16) % 3,
            seconds=0.5,
        )
        self.answered.append(answer)
        return answer

    async def close(self) -> None: ...


def filled(schema: Mapping[str, Any], digest: str, root: Mapping[str, Any] | None = None) -> Any:
    """A value that fits the schema, its leaves drawn by hash."""
    root = root or schema
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    digest = hashlib.sha256(f"{digest}{schema.get('title')}".encode()).hexdigest()
    if schema["type"] == "object":
        return {name: filled(part, digest + name, root) for name, part in schema["properties"].items()}
    if schema["type"] == "array":
        return [filled(schema["items"], f"{digest}{i}", root) for i in range(schema.get("minItems", 1))]
    if schema["type"] == "boolean":
        return int(digest[0], 16) % 2 == 0
    number = int(digest[:10], 16) - 2**39
    return str(number) if "pattern" in schema else f"Take {number} and the set {{{digest[:4]}}}."


def in_json(schema: Mapping[str, Any], manner: str, digest: str) -> tuple[str, str, str]:
    value = filled(schema, digest)
    text = json.dumps(value, indent=int(digest[0], 16) % 3 or None)
    key = next(iter(value))
    if manner in ("fenced", "draft before", *RAMBLING):
        text = f"```json\n{text}\n```"
    if manner == "draft before":
        text = f'I first thought of {{"{key}": 1}} and of f(n) = {{n}}.\n{text}\nThat is my {{answer}}.'
    elif manner == "prose":
        text = f"Sure! Here is the object you asked for:\n\n{text}\n\nIs there anything else?"
    elif manner == "trailing commas":
        text = text.replace("]", ",]").replace("}", ", }")
    elif manner == "raw line breaks":
        text = text.replace("and the set", "and\nthe\tset")
    elif manner == "latex":
        text = text.replace("and the set", r"and \(\sigma\) the set")
    elif manner == "numbers":
        text = json.dumps(_with_numbers(value))
    elif manner == "prose only":
        text = "I would begin by looking at the values {1, 2, 3}."
    elif manner == "unclosed":
        text = text.rstrip("}]\n ")
    elif manner == "other shape":
        text = json.dumps({"result": value})[:-1] + ', "n": {"m": 1}}'
    elif manner == "blank field":
        text = json.dumps(dict.fromkeys(value, " "))
    elif manner in RAMBLING:
        return text + "\nLet me also say that" * 9, RAMBLING[manner], ""
    return around(text, manner, digest)


def in_code(manner: str, digest: str) -> tuple[str, str, str]:
    text = (
        f"The rule adds {digest[:4]}.\n\n```python\nprint('draft')\n```\n\nBetter:\n\n"
        f"```python\nn = int(input())\nprint(n + 0x{digest[:4]})\n```"
    )
    if manner == "prose only":
        text = "One adds the two values before."
    elif manner == "unclosed":
        text = text.removesuffix("```")
    elif manner in RAMBLING:
        return text + "\nLet me also say that" * 9, RAMBLING[manner], ""
    return around(text, manner, digest)


def around(text: str, manner: str, digest: str) -> tuple[str, str, str]:
    """What does not depend on the form of the answer: thoughts and ends. (text, finish reason, reasoning)"""
    thought = f"Hmm, {{{digest[:5]}}} ```python\nprint('thought')\n``` perhaps."
    return {
        "thoughts": (f"<think>{thought}</think>\n{text}", "stop", ""),
        "thoughts without opening": (f"{thought}</think>\n{text}", "stop", "the server's own"),
        "empty": (" \n", "stop", thought),
        "cut off": (text[: text.rindex(" ")], "length", ""),
        "cut off by the context": (text[: text.rindex(" ")], "context_length", ""),
        "cut off by the context in the server's thought": ("", "context_length", thought),
        "cut off by the context in thought that is not shown": ("", "context_length", ""),
        "cut off in thought": (f"<think>{thought}", "length", ""),
        "cut off in the server's thought": ("", "length", thought),
        "refused in words": ("I'm sorry, but I can't help with that.", "stop", ""),
        "refused": ("I cannot help with that.", "refusal", ""),
        "filtered": ("", "content_filter", ""),
        "too long": ("", "context_length", ""),
    }.get(manner, (text, "stop", ""))


def _with_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_numbers(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_with_numbers(part) for part in value]
    return int(value) if isinstance(value, str) and value.lstrip("-").isdigit() else value

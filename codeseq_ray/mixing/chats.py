"""One chat as it is read from a file, or what is wrong with it. Nothing here raises for a row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

ROLES = ("system", "user", "assistant")
_SHOWN = 60


class Reason(StrEnum):
    """Why a row is not in the mix, in the order in which it is asked."""

    NOT_JSON = "not_json"
    NOT_TEXT = "not_text"
    NO_MESSAGES = "no_messages"
    ROLE_ORDER = "role_order"
    EMPTY_CONTENT = "empty_content"
    NO_ANSWER = "no_answer"
    SOURCE = "source"
    CODE = "code"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    TOO_MANY_TOKENS = "too_many_tokens"
    LANGUAGE = "language"
    LEAK_WORDS = "leak_words"
    LEAK_TERMS = "leak_terms"
    DUPLICATE = "duplicate"
    RATIO = "ratio"


MEANINGS = {
    Reason.NOT_JSON: "the line is no JSON object, no UTF-8, or longer than 64 MiB",
    Reason.NOT_TEXT: "a text holds half of a surrogate pair, which is no character",
    Reason.NO_MESSAGES: "no list of messages with role and content as text",
    Reason.ROLE_ORDER: "not: system or nothing, then user and assistant in turn",
    Reason.EMPTY_CONTENT: "a turn of the user or the assistant holds nothing but white space",
    Reason.NO_ANSWER: "does not end with the assistant's turn",
    Reason.SOURCE: "its source fits a pattern of --drop-sources",
    Reason.CODE: "a fenced code block or displayed maths, with --drop-code",
    Reason.TOO_SHORT: "fewer characters than --min-chars",
    Reason.TOO_LONG: "more characters than --max-chars",
    Reason.TOO_MANY_TOKENS: "more tokens than --max-tokens",
    Reason.LANGUAGE: "not in the language asked for",
    Reason.LEAK_WORDS: "shares a run of words with an evaluation set",
    Reason.LEAK_TERMS: "shares a run of terms with an evaluation set",
    Reason.DUPLICATE: "another row has the same text but for case and white space",
    Reason.RATIO: "usable, and more than the ratio takes",
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is left out, and what is to be said of it."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Chat:
    """A well-formed chat."""

    id: str
    messages: tuple[tuple[str, str], ...]
    """Role and content of each turn."""
    source: str
    license: str | None
    """What the row itself says."""
    source_url: str | None

    @property
    def text(self) -> str:
        """All turns, one below the other."""
        return "\n\n".join(content for _, content in self.messages)

    def digest(self) -> bytes:
        """16 bytes for roles and contents; the same where they differ in case and white space alone."""
        turns = (f"{role}\x1f{' '.join(content.lower().split())}" for role, content in self.messages)
        return digest_of("\x1e".join(turns).encode())

    def whole_digest(self) -> bytes:
        """16 bytes for all of the row, letter by letter."""
        row = [self.id, self.source, self.license, self.source_url, self.messages]
        return digest_of(json.dumps(row, ensure_ascii=False).encode())


def digest_of(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


def decoded(line: bytes | None) -> dict[str, Any] | Refused:
    """The object that a line holds; None is a line too long to be read."""
    if line is None:
        return Refused(Reason.NOT_JSON, "the line is longer than may be read")
    try:
        value = json.loads(line)
    except UnicodeDecodeError as error:
        return Refused(Reason.NOT_JSON, f"is not UTF-8 (at byte {error.start + 1})")
    except ValueError as error:
        return Refused(Reason.NOT_JSON, f"is not JSON: {error}")
    except RecursionError:
        return Refused(Reason.NOT_JSON, "is nested too deeply")
    if not isinstance(value, dict):
        return Refused(Reason.NOT_JSON, f"expected an object, got {type(value).__name__}")
    return value


def chat(values: Mapping[str, Any]) -> Chat | Refused:
    """The chat that a row of Tulu 3's columns holds."""
    turns = values.get("messages")
    if not isinstance(turns, list | tuple) or not turns:
        keys = ", ".join(sorted(map(str, values)))[:_SHOWN]
        return Refused(Reason.NO_MESSAGES, f"no list of messages (the row has {keys or 'nothing'})")
    messages: list[tuple[str, str]] = []
    for number, turn in enumerate(turns):
        if not isinstance(turn, Mapping) or not isinstance(turn.get("role"), str):
            return Refused(Reason.NO_MESSAGES, f"messages[{number}] has no role")
        if not isinstance(turn.get("content"), str):
            return Refused(Reason.NO_MESSAGES, f"messages[{number}].content is no text")
        messages.append((turn["role"], turn["content"]))
    found = Chat(
        id=_text(values.get("id")),
        messages=tuple(messages),
        source=source_of(values),
        license=_text(values.get("license")) or None,
        source_url=_text(values.get("source_url")) or None,
    )
    return _refused(found) or found


def source_of(values: Mapping[str, Any]) -> str:
    """The source that a row names; empty where it names none."""
    return _text(values.get("source"))


def _refused(found: Chat) -> Refused | None:
    try:
        "".join((found.text, found.id, found.source, found.license or "", found.source_url or "")).encode()
    except UnicodeEncodeError:
        return Refused(Reason.NOT_TEXT, "half of a surrogate pair")
    turns = found.messages[1:] if found.messages[0][0] == "system" else found.messages
    for number, (role, _) in enumerate(turns):
        if role != ("user", "assistant")[number % 2]:
            roles = " ".join(role for role, _ in found.messages)
            return Refused(Reason.ROLE_ORDER, roles if len(roles) <= _SHOWN else f"{roles[:_SHOWN]}…")
    for number, (_, content) in enumerate(turns):
        if not content.strip():
            return Refused(Reason.EMPTY_CONTENT, f"turn {number + 1} is empty")
    if not turns or turns[-1][0] != "assistant":
        return Refused(Reason.NO_ANSWER, f"ends with a turn of the {found.messages[-1][0]}")
    return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)

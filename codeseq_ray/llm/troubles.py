"""What can go wrong between the client and a server: the one place that reads foreign exceptions.

Everything that the SDK, its transport or a strange server raises becomes a `Trouble` of one kind; the client
decides by the kind alone. What is not recognised here is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

import email.utils
import json
import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import openai

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0
LONGEST_RETRY_AFTER_SECONDS = 300.0
"""A server that asks for a longer pause is taken for down until then."""
SHOWN_CHARACTERS = 300
_CONTEXT_TOKENS = re.compile(r"context length (?:is|of) (\d{1,9})", re.IGNORECASE)
_PROMPT_TOKENS = re.compile(
    r"(\d{1,9}) (?:input tokens|(?:tokens )?in the (?:messages|prompt))", re.IGNORECASE
)


class Kind(StrEnum):
    BUSY = "busy"
    """429."""
    SERVER = "server error"
    """5xx, 408, 409, or an answer that is not a chat completion."""
    CONNECTION = "no connection"
    TIMEOUT = "time-out"
    REFUSED = "refused"
    """401, 403, 404, 405: no request will ever fare better."""
    TOO_LONG = "context length"
    FILTERED = "content filter"
    BAD_REQUEST = "bad request"
    """Any other 4xx: something in this request."""


PASSING = frozenset({Kind.BUSY, Kind.SERVER, Kind.CONNECTION, Kind.TIMEOUT})
"""Kinds that another try may overcome."""


@dataclass(frozen=True)
class Trouble:
    kind: Kind
    text: str
    """The server's own words, whole: may hold the API key. `Endpoint.public` makes them fit to be shown."""
    status: int | None = None
    retry_after: float | None = None
    """Seconds that the server asks us to wait."""
    room: int | None = None
    """Of a context that is too short: the tokens that the server says are left beside the prompt."""

    @property
    def asks_for_a_pause(self) -> bool:
        """Does the server want to be left alone for longer than a request should wait by itself?"""
        return self.retry_after is not None and self.retry_after > LONGEST_RETRY_AFTER_SECONDS


class BrokenAnswerError(Exception):
    """Status 200, but the body is not what was asked for, or the server says that it broke off."""


def recognise(error: Exception) -> Trouble | None:
    """The trouble that an exception of one request stands for; None for anything that is not the server's."""
    # The order matters: a TimeoutError of ours is an OSError too, and the SDK takes every connection that drops
    # for a time-out, so only our own clock says that time ran out.
    if isinstance(error, TimeoutError):
        return Trouble(Kind.TIMEOUT, "no answer in time")
    if isinstance(error, openai.APIStatusError):
        return _of_status(error)
    if isinstance(error, openai.APIConnectionError):
        cause = error.__cause__
        return Trouble(Kind.CONNECTION, (str(cause) or type(cause).__name__) if cause else str(error))
    if isinstance(
        error,
        (BrokenAnswerError, openai.APIResponseValidationError, json.JSONDecodeError, UnicodeDecodeError),
    ):
        return Trouble(Kind.SERVER, f"the answer cannot be used ({error})", status=200)
    if isinstance(error, OSError):
        return Trouble(Kind.CONNECTION, str(error))
    return None


def _of_status(error: openai.APIStatusError) -> Trouble:
    status = error.status_code
    said = error.body.get("message") if isinstance(error.body, dict) else None
    text = said if isinstance(said, str) and said else error.message
    if status == 429:
        # OpenAI's own 429 for an empty account will not pass by waiting.
        kind = Kind.REFUSED if error.code == "insufficient_quota" else Kind.BUSY
        return Trouble(kind, text, status, retry_after(error.response.headers))
    if status >= 500 and status != 501:
        return Trouble(Kind.SERVER, text, status, retry_after(error.response.headers))
    if status in (408, 409):
        return Trouble(Kind.SERVER, text, status)
    if status in (401, 403, 404, 405):
        return Trouble(Kind.REFUSED, text, status)
    if error.code == "content_filter":
        return Trouble(Kind.FILTERED, text, status)
    # Servers agree on no code for this: OpenAI has one, vLLM, SGLang and llama.cpp say it in words.
    if error.code == "context_length_exceeded" or any(
        words in error.message.lower()
        for words in ("context length", "context size", "maximum context", "max_model_len")
    ):
        return Trouble(Kind.TOO_LONG, text, status, room=_room(error.message))
    return Trouble(Kind.BAD_REQUEST, text, status)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by `Retry-After` (seconds or an HTTP date); None when absent or unreadable."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    # `nan` and `inf` are floats too.
    return max(0.0, seconds) if seconds < float("inf") else None


def wait_before_retry(trouble: Trouble, retry: int) -> float:
    """Seconds to wait before the `retry`-th further try (from 1).

    Full jitter over an exponentially growing span, so that clients that failed together do not return together;
    on top of what the server asked for, never less than that.
    """
    span = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(retry - 1, 16))
    return (trouble.retry_after or 0.0) + random.uniform(0, span)


def _room(message: str) -> int | None:
    """Tokens left beside the prompt, where the server says both numbers (vLLM, OpenAI)."""
    context, prompt = _CONTEXT_TOKENS.search(message), _PROMPT_TOKENS.search(message)
    return int(context[1]) - int(prompt[1]) if context and prompt else None


def short(text: str) -> str:
    """One line, cut to what a user reads of it."""
    text = " ".join(text.split())
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"

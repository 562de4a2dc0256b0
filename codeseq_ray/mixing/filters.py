"""Which well-formed general rows a mix wants: by source, content, length and language."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate
from functools import lru_cache
from pathlib import Path
from typing import Any

from codeseq_ray.errors import UsageError
from codeseq_ray.mixing import language
from codeseq_ray.mixing.chats import Chat, Reason, Refused
from codeseq_ray.mixing.settings import MixingSettings

_CODE = re.compile(r"^ {0,3}(?:```|~~~)|\$\$|\\\[|\\boxed\{|\\begin\{(?:align|equation|gather)", re.MULTILINE)


class Filters:
    """The filters of one worker."""

    def __init__(self, settings: MixingSettings) -> None:
        self._settings = settings
        patterns = [translate(pattern) for pattern in settings.drop_sources]
        self._dropped_sources = re.compile("|".join(patterns)) if patterns else None
        self._tokenizer = (
            tokenizer(settings.tokenizer) if settings.max_tokens and settings.tokenizer else None
        )

    def refusal(self, chat: Chat, text: str, words: Sequence[str]) -> Refused | None:
        """Why a chat is not wanted; None if it is. `text` and `words` are its own, taken once for all checks."""
        ask = self._settings
        if self._dropped_sources and self._dropped_sources.match(chat.source.lower()):
            return Refused(Reason.SOURCE, chat.source)
        if ask.drop_code and (found := _CODE.search(text)):
            return Refused(Reason.CODE, f"has {found[0].strip()}")
        characters = sum(len(content) for _, content in chat.messages)
        if characters < ask.min_chars:
            return Refused(Reason.TOO_SHORT, f"{characters} characters")
        if characters > ask.max_chars:
            return Refused(Reason.TOO_LONG, f"{characters} characters")
        if self._tokenizer is not None and ask.max_tokens is not None:
            tokens = len(self._tokenizer.encode(text, add_special_tokens=False).ids)
            if tokens > ask.max_tokens:
                return Refused(Reason.TOO_MANY_TOKENS, f"{tokens} tokens")
        if ask.language == "latin" and not language.latin(text):
            return Refused(Reason.LANGUAGE, "not in Latin letters")
        if ask.language == "english" and not language.english(text, words):
            return Refused(Reason.LANGUAGE, "not English")
        return None


@lru_cache(maxsize=1)
def tokenizer(place: str) -> Any:
    """The tokenizer of a `tokenizer.json`, or of the folder with one. Raises UsageError saying what is missing."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise UsageError(
            "--tokenizer needs the package tokenizers: pip install tokenizers (on every node)"
        ) from None
    path = Path(place).expanduser()
    file = path / "tokenizer.json" if path.is_dir() else path
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises bare Exceptions
        raise UsageError(f"--tokenizer {place}: {file} cannot be read as a tokenizer: {error}") from None

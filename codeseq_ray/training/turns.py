"""A chat as tokens, and which of them are trained on: those of the assistant's turns.

The chat is rendered once by the tokenizer's template. Where a turn begins and ends in that text is seen by rendering
the chat up to it: a template that renders a beginning otherwise than the whole (some drop earlier thoughts) would
train on something else than what is asked for at inference, and such rows are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from codeseq_ray.errors import UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

UNTRAINED = -100
"""The label that PyTorch's loss passes over."""

UNKNOWN = 10**7
"""Transformers gives more than this where a tokenizer does not say how long its model's texts may be."""

Turns = Sequence[Mapping[str, str]]


class Refusal(StrEnum):
    """Why a row is not trained on."""

    NO_ANSWER = "no_answer"
    TEMPLATE_REFUSES = "template_refuses"
    TEMPLATE_REWRITES = "template_rewrites"
    TOO_LONG = "too_long"
    HELD_OUT = "also_held_out"
    """The same text is kept back or measured."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A chat as tokens; `labels` are the same where a token is trained on, else `UNTRAINED`."""

    input_ids: list[int]
    labels: list[int]

    @property
    def trained(self) -> int:
        return sum(label != UNTRAINED for label in self.labels)


class Renderer:
    """Chats → samples with one tokenizer. Raises UsageError for a tokenizer that cannot do this."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        if not tokenizer.chat_template:
            raise UsageError(
                f"--model {tokenizer.name_or_path}: its tokenizer has no chat template. Give the instruction-tuned "
                "model, or put a chat_template.jinja into a copy of the folder."
            )
        if not tokenizer.is_fast:
            raise UsageError(
                f"--model {tokenizer.name_or_path}: needs a fast tokenizer (tokenizer.json): only those tell where "
                "in the text a token stands"
            )
        self._tokenizer = tokenizer

    def sample(self, turns: Turns) -> Sample | Refusal:
        """The whole chat up to its last answer."""
        answers = [place for place, turn in enumerate(turns) if turn["role"] == "assistant"]
        if not answers:
            return Refusal.NO_ANSWER
        turns = turns[: answers[-1] + 1]
        try:
            text = self._text(turns)
            spans = [
                (self._text(turns[:place], asked=True), self._text(turns[: place + 1])) for place in answers
            ]
        except Exception:  # a template is a program of the model's makers and may raise anything
            return Refusal.TEMPLATE_REFUSES
        if not all(text.startswith(end) and end.startswith(begin) for begin, end in spans):
            return Refusal.TEMPLATE_REWRITES
        told: Any = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        wanted = [(len(begin), len(end)) for begin, end in spans]
        ids, labels, now = list(told["input_ids"]), [], 0
        for token, (start, _) in zip(ids, told["offset_mapping"], strict=True):
            while now < len(wanted) and start >= wanted[now][1]:
                now += 1
            labels.append(token if now < len(wanted) and start >= wanted[now][0] else UNTRAINED)
        return Sample(ids, labels)

    def _text(self, turns: Turns, *, asked: bool = False) -> str:
        text = self._tokenizer.apply_chat_template(
            [dict(turn) for turn in turns], tokenize=False, add_generation_prompt=asked
        )
        assert isinstance(text, str)
        return text


def open_tokenizer(model: str, revision: str | None = None) -> PreTrainedTokenizerBase:
    """Raises UsageError where there is none, or where the packages of `[train]` are lacking."""
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise UsageError(
            "training needs packages that are not here: pip install 'codeseq-ray[train]', or `make install-train`"
        ) from None
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(model, revision=revision)
    except Exception as error:  # offline, unknown, gated, broken: each has its own class
        raise UsageError(f"--model {model}: no tokenizer can be loaded from it: {error}") from None
    return tokenizer


def longest(tokenizer: PreTrainedTokenizerBase, asked: int | None, otherwise: int = 4096) -> int:
    """The length cap in tokens. Raises UsageError for one that is above what the tokenizer says of the model."""
    told = tokenizer.model_max_length
    says = told if told < UNKNOWN else None
    if asked is None:
        return min(otherwise, says or otherwise)
    if says is not None and asked > says:
        raise UsageError(f"--max-tokens {asked:,}: the tokenizer says that this model takes {says:,}")
    return asked

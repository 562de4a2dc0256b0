"""From what a model writes to what was asked for: thoughts apart, JSON objects, code blocks. Never raises.

Models wrap JSON in fences and prose, leave commas behind, break lines inside strings and escape LaTeX wrongly.
What can be read beyond doubt is read; the rest is described, so that the model can be told.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    WithJsonSchema,
)

from codeseq_ray.cases import EXAMPLES

T = TypeVar("T", bound=BaseModel)

REPAIRED_STARTS = 16
"""Opening braces from which a repair is tried, at most: bounds the work on an answer made of braces."""


# --------------------------------------------------------------------------------------------- what is asked


def _exact(value: Any) -> Any:
    """An integer as exact text. Models also write it as a number, or in a few words around one integer."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        integer = re.search(r"(?<![\w.−-])[−-]?[0-9]+(?!\w)", value)
        if integer and len(re.findall(r"\d+", value)) == 1:
            return integer[0].replace("−", "-")
        return value.strip()
    return value


def _filled(text: str) -> str:
    text = sound(text).strip()
    if not text:
        raise ValueError("is empty")
    return text


def _decision(value: Any) -> Any:
    """Keep or drop. Models also write the word where a truth value is asked for."""
    said = value.strip().strip(".").lower() if isinstance(value, str) else value
    return {"keep": True, "drop": False}.get(said, said) if isinstance(said, str) else said


def _text(characters: int, fewest: int = 1) -> WithJsonSchema:
    """A string in the schema, with bounds: a small model that repeats itself is made to close its quotes, and one
    that would leave the text out is made to go on."""
    return WithJsonSchema({"type": "string", "minLength": fewest, "maxLength": characters})


Text = Annotated[str, AfterValidator(_filled)]
LongText = Annotated[Text, _text(2400)]
Description = Annotated[Text, _text(2400, fewest=100)]
ShortText = Annotated[Text, _text(1200)]
ExactText = Annotated[
    str,
    BeforeValidator(_exact),
    AfterValidator(_filled),
    WithJsonSchema({"type": "string", "pattern": "^-?[0-9]+$"}),
]
Decision = Annotated[bool, BeforeValidator(_decision)]
TWO: dict[str, JsonValue] = {"minItems": EXAMPLES, "maxItems": EXAMPLES}
"""Asked of the server only: an answer with another number of items is for the mechanical checks to refuse."""


class Asked(BaseModel):
    """Base of the objects that models are asked for. The schema is strict, the reader is lenient."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={"additionalProperties": False},
        json_schema_serialization_defaults_required=True,
    )


class ExampleDraft(Asked):
    input: ExactText
    output: ExactText
    explanation: ShortText


class ProblemDraft(Asked):
    # The rule of this entry first, in plain words: what is written after it stays with it. It is not kept.
    rule: Annotated[str, _text(1200)] = ""
    description: Description
    input_format: ShortText
    output_format: ShortText
    examples: list[ExampleDraft] = Field(json_schema_extra=TWO)


class ParaphraseDraft(Asked):
    description: Description


class WorkedAnswer(Asked):
    # In this order a model that follows the schema must write the steps before the output.
    input: ExactText
    steps: Annotated[str, _text(2400)] = ""
    output: ExactText


class WorkedAnswers(Asked):
    answers: list[WorkedAnswer] = Field(json_schema_extra=TWO)


class FilterDraft(Asked):
    # As above: first what to look for, then what is seen, then the word.
    plan: ShortText
    reason: ShortText
    keep: Decision


class ReflectionDraft(Asked):
    reflection: ShortText
    reason: ShortText
    keep: Decision


class AnalysisDraft(Asked):
    why_expected: LongText
    what_is_wrong: LongText


# ---------------------------------------------------------------------------------------------------- text


def sound(text: str) -> str:
    """The text without lone surrogates, which no file takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def split_thoughts(text: str) -> tuple[str, str]:
    """(answer, thoughts): `<think>…</think>` blocks taken out, also where only one of the two tags is there."""
    answer: list[str] = []
    thoughts: list[str] = []
    thinking = False
    for part in re.split(r"(</?think>)", text):
        if part == "<think>":
            # A truncated answer never closes it.
            thinking = True
        elif part == "</think>":
            if not thinking:
                # Some chat templates write the opening tag into the prompt: all before was thought.
                thoughts.extend(answer)
                answer = []
            thinking = False
        else:
            (thoughts if thinking else answer).append(part)
    return sound("".join(answer)).strip(), sound("\n\n".join(t.strip() for t in thoughts if t.strip()))


_DECLINES = re.compile(
    r"(?:I['’]?m|I am|We are|We're)? ?(?:very |so )?sorry\b.{0,40}\b(?:can(?:not|['’]t)|unable|won['’]t)"
    r"|(?:Unfortunately,? )?I (?:cannot|can['’]t|won['’]t|am unable to|am not able to) "
    r"(?:help|assist|comply|answer|provide|fulfil|do|write|create|continue)",
    re.IGNORECASE | re.DOTALL,
)
LONGEST_REFUSAL = 600
"""Characters: what is longer is an answer that also says sorry."""


def declines(text: str) -> bool:
    """Is it a short text that begins by saying that the model will not answer?"""
    return len(text) <= LONGEST_REFUSAL and _DECLINES.match(text) is not None


# ---------------------------------------------------------------------------------------------------- JSON


@dataclass(frozen=True)
class Parsed(Generic[T]):
    """The object, or what is wrong with the answer in words that a model understands."""

    value: T | None
    fault: str = ""


def parse(text: str, model: type[T]) -> Parsed[T]:
    """The last object in the text that is a `model`; objects as they stand before repaired ones."""
    fault = "it holds no JSON object"
    for found in _objects(text):
        try:
            return Parsed(model.model_validate(found))
        except ValidationError as error:
            # The parts of a broken object are objects too: only one with a wanted field is worth a word.
            if found.keys() & model.model_fields.keys():
                fault = _faults(error)
        except RecursionError:
            fault = "it is nested too deeply"
    return Parsed(None, fault)


def _faults(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'the object'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False, include_context=False)[:5]
    )


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Every object that can be read, last first: those that are valid JSON, then those that need repair."""
    yield from reversed(list(_valid_objects(text)))
    yield from reversed(list(_repaired_objects(text)))


def _valid_objects(text: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder(strict=False)  # line breaks inside strings are let through
    start = text.find("{")
    while start >= 0:
        try:
            found, end = decoder.raw_decode(text, start)
        except RecursionError:
            return
        except ValueError:
            end = start + 1
        else:
            yield found
        start = text.find("{", end)


def _repaired_objects(text: str) -> Iterator[dict[str, Any]]:
    start = text.find("{")
    for _ in range(REPAIRED_STARTS):
        if start < 0:
            return
        end = start + 1
        repaired = _repaired(text, start)
        if repaired is not None:
            try:
                found = json.loads(repaired[0], strict=False)
            except (ValueError, RecursionError):
                pass
            else:
                yield found
                end = repaired[1]
        start = text.find("{", end)


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]|,(?=\s*[}\]])', re.DOTALL)
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|\\')


def _repaired(text: str, start: int) -> tuple[str, int] | None:
    """The bracketed text from `start` without trailing commas and wrong escapes, and where it ends."""
    depth = 0
    pieces: list[str] = []
    position = start
    for token in _TOKEN.finditer(text, start):
        pieces.append(text[position : token.start()])
        position = token.end()
        word = token[0]
        if word[0] == '"':
            word = _ESCAPE.sub(lambda m: m[0] if len(m[0]) > 1 else "\\\\", word)
        depth += (word in "{[") - (word in "}]")
        pieces.append("" if word == "," else word)
        if depth == 0:
            return "".join(pieces), position
    return None


# ---------------------------------------------------------------------------------------------------- code


@dataclass(frozen=True)
class CodeBlock:
    source: str
    before: str
    """The text up to the block, and"""
    after: str
    """what follows it."""
    closed: bool
    """False: the text ends inside the block."""


_FENCE = re.compile(r"^([ \t]*)(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^\n`]*$", re.MULTILINE)
_PYTHON = frozenset({"python", "python3", "py", "py3"})
_MARK_BELOW = re.compile(r"\n[ \t]*(python3?|py3?)[ \t]*(?=\n)", re.IGNORECASE)
"""The mark on a line of its own, below an opening fence without one: a habit of small models."""


def last_code_block(text: str) -> CodeBlock | None:
    """The last block marked as Python; if there is none, the last one without a mark."""
    fences = list(_fenced(text))
    for languages in (_PYTHON, frozenset({""})):
        for opening, closing in reversed(fences):
            below = None if opening[3] else _MARK_BELOW.match(text, opening.end())
            if (below[1] if below else opening[3]).lower() not in languages:
                continue
            begun = (below or opening).end()
            inside = text[begun : closing.start() if closing else len(text)]
            source = textwrap.dedent(inside.lstrip("\n").rstrip())
            if source:
                return CodeBlock(
                    source=source + "\n",
                    before=text[: opening.start()].strip(),
                    after=text[closing.end() :].strip() if closing else "",
                    closed=closing is not None,
                )
    return None


def _fenced(text: str) -> Iterator[tuple[re.Match[str], re.Match[str] | None]]:
    """Opening and closing fence of each block; the last one may lack the closing."""
    position = 0
    while opening := _FENCE.search(text, position):
        closing = re.compile(rf"^[ \t]*{opening[2]}[ \t]*$", re.MULTILINE).search(text, opening.end())
        yield opening, closing
        if closing is None:
            return
        position = closing.end()

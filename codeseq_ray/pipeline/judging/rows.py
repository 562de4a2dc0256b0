"""What a row asks of the judge, or what is wrong with it.

Rows come from other programs: what they carry besides is passed over, and what is missing or of another kind is
said by its place, with what to write instead. Nothing here raises for a row.
"""

from __future__ import annotations

import json
import keyword
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from codeseq_ray.records import Case

SHOWN_PROBLEMS = 3
_SHOWN_VALUE = 40


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be judged: its id, if that much can be read, and why."""

    id: str | None
    message: str


class _Integer(str):
    """An integer of a JSON text by its digits: they may be thousands, and are only compared."""


class _Fraction(str):
    """A number of a JSON text that is no integer."""


def _text(value: Any) -> str:
    if isinstance(value, _Integer):
        return "0" if value == "-0" else str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Decimal) and value.as_tuple().exponent == 0:
        return str(value)
    return _only_text(value)


def _only_text(value: Any) -> str:
    if isinstance(value, _Integer | _Fraction | float | Decimal) or type(value) is not str:
        hint = "; write it as text, digit by digit" if isinstance(value, _Fraction | float | Decimal) else ""
        raise ValueError(f"expected text, got {_kind_of(value)}{hint}")
    return value


def _unicode(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError("half of a surrogate pair is no character") from error
    if not value:
        raise ValueError("is empty")
    return value


def _name(value: Any) -> str | None:
    if value is None:
        return None
    name = _only_text(value)
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"expected the name of a function, got {_described(value)}")
    return name


Text = Annotated[str, BeforeValidator(_text)]
"""Text; an integer counts as its digits."""
Id = Annotated[str, BeforeValidator(lambda value: _unicode(_text(value)))]


class RowCase(BaseModel):
    model_config = ConfigDict(frozen=True)

    input: Text
    output: Text


class Row(BaseModel):
    """One program and its cases."""

    model_config = ConfigDict(frozen=True)

    id: Id
    program: Annotated[str, BeforeValidator(_only_text)]
    cases: tuple[RowCase, ...] = Field(min_length=1)
    entry: Annotated[str | None, BeforeValidator(_name)] = None

    @model_validator(mode="after")
    def _inputs_are_arguments(self) -> Row:
        if self.entry is not None:
            for position, case in enumerate(self.cases):
                if why := _not_json_values(case.input):
                    raise ValueError(
                        f"cases[{position}].input: {why}; with `entry`, an input is the function's arguments: JSON "
                        "values with white space between them"
                    )
        return self

    def judged_cases(self) -> list[Case]:
        return [Case(input=case.input, output=case.output) for case in self.cases]


class _TwiceError(ValueError):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(next(name for name in names if names.count(name) > 1))
    return found


def decoded(line: bytes) -> dict[str, Any] | str:
    """The object that a line holds, or why it holds none."""
    try:
        value = json.loads(
            line.decode().removeprefix("\ufeff"),
            parse_int=_Integer,
            parse_float=_Fraction,
            parse_constant=_Fraction,
            object_pairs_hook=_once,
        )
    except _TwiceError as error:
        return f"the key {_cut(str(error))} stands there twice"
    except UnicodeDecodeError as error:
        return f"is not UTF-8 (at byte {error.start + 1})"
    except json.JSONDecodeError as error:
        return f"is not JSON: {error.msg} at character {error.pos + 1}"
    except RecursionError:
        return "is nested too deeply"
    if not isinstance(value, dict):
        return f"expected an object with id, program and cases, got {_kind_of(value)}"
    return value


def read_id(values: Mapping[str, Any]) -> str | None:
    """The row's id, or None where it cannot be read."""
    try:
        return _unicode(_text(values.get("id")))
    except ValueError:
        return None


def parse(values: Mapping[str, Any]) -> Row | BadRow:
    try:
        return Row.model_validate(values)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        if any(problem["loc"][:1] == ("cases",) and len(problem["loc"]) > 1 for problem in problems):
            # Cases that cannot be used are left out and counted as missing, too.
            problems = [problem for problem in problems if problem["type"] != "too_short"]
        said = "; ".join(_said(dict(problem)) for problem in problems[:SHOWN_PROBLEMS])
        more = len(problems) - SHOWN_PROBLEMS
        return BadRow(read_id(values), f"{said}; and {more} more" if more > 0 else said)


def _said(problem: dict[str, Any]) -> str:
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"])
    where = where.removeprefix(".")
    match problem["type"]:
        case "missing":
            what = "is missing"
        case "too_short":
            what = "is empty; at least one case is needed"
        case "tuple_type":
            what = f"expected a list of cases, got {_kind_of(problem['input'])}"
        case "model_type" | "model_attributes_type":
            what = f"expected an object with input and output, got {_kind_of(problem['input'])}"
        case "value_error":
            what = str(problem["ctx"]["error"])
        case _:
            what = problem["msg"]
    return f"{where}: {what}" if where else what


def _kind_of(value: Any) -> str:
    """For what may hold an expected output, which no message repeats."""
    match value:
        case _Integer() | _Fraction() | int() | float() | Decimal() if not isinstance(value, bool):
            return "a number"
        case str():
            return "text"
        case bytes():
            return "bytes (cast the column to string)"
        case _:
            return _described(value)


def _described(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case _Integer() | _Fraction() | int() | float() | Decimal():
            return f"the number {_cut(str(value))}"
        case str():
            return f"the text {json.dumps(_cut(value))}"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "an object"
        case _:
            return f"a value of type {type(value).__name__}"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_VALUE else f"{text[:_SHOWN_VALUE]}… ({len(text)} characters)"


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


_VALUES = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_number)


def _not_json_values(text: str) -> str:
    """Why a text is not JSON values with white space between them, or ""."""
    at, end = 0, len(text)
    while True:
        begun = at
        while at < end and text[at] in " \t\r\n":
            at += 1
        if at == end:
            return ""
        if 0 < begun == at:
            return f"no white space before character {at + 1}"
        try:
            _, at = _VALUES.raw_decode(text, at)
        except json.JSONDecodeError as error:
            return f"is not JSON: {error.msg} at character {error.pos + 1}"
        except ValueError as error:
            return str(error)
        except RecursionError:
            return "is nested too deeply"

"""What a prompt asks for, read as a model reads it: from the schema, the shape it shows, and its wording."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

REPAIR = "could not be read"
REFLECTION = "Look once more at your answer"
_INTEGERS = re.compile(r"(?<![\w.^/])-?\d+(?:\s*,\s*-?\d+){4,}(?![\w(])")


@dataclass(frozen=True)
class Question:
    """One chat request. `kind` says whose work it is; a repair turn keeps its kind and says so."""

    model: str
    messages: tuple[Mapping[str, Any], ...]
    schema: Mapping[str, Any] | None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Question:
        asked = body.get("response_format") or {}
        schema = (
            (asked.get("json_schema") or {}).get("schema") if asked.get("type") == "json_schema" else None
        )
        return cls(str(body.get("model", "")), tuple(body["messages"]), schema)

    @cached_property
    def _asked_at(self) -> int:
        """Position of the question itself: after worked examples, before turns that look back at its answer."""
        return max(
            (i for i, m in enumerate(self.messages) if m.get("role") == "user" and not _looks_back(m)),
            default=0,
        )

    @cached_property
    def text(self) -> str:
        """The user's turn that says what the work is."""
        return _content(self.messages[self._asked_at]) if self.messages else ""

    @cached_property
    def repairs(self) -> bool:
        return len(self.messages) - 1 > self._asked_at and REPAIR in _content(self.messages[-1])

    @property
    def name(self) -> str:
        return f"{self.kind}.repair" if self.repairs else self.kind

    @cached_property
    def kind(self) -> str:
        """problem, paraphrase, validation, program, analysis, correction, filter, filter.reflection, next number, or
        other."""
        fields = set(self.fields)
        if fields == {"description"}:
            return "paraphrase"
        if "input_format" in fields:
            return "problem"
        if "answers" in fields:
            return "validation"
        if "what_is_wrong" in fields or "why_expected" in fields:
            return "analysis"
        if "keep" in fields:
            return "filter.reflection" if "reflection" in fields else "filter"
        if "comes next" in self.text:
            return "next number"
        if "in one ```python block" in self.text:
            return "program"
        if "int(input())" in "\n".join(map(_content, self.messages)):
            return "correction" if re.search(r"\breviewer\b|\bfails on\b", self.text) else "program"
        return "other"

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Names of the object's fields: by the schema, or else by the shape that the prompt shows."""
        if self.schema is not None:
            return tuple(self.schema.get("properties", ()))
        looking_back = len(self.messages) - 1 > self._asked_at
        shown = "\n".join(map(_content, self.messages[-1:] if looking_back else self.messages))
        return tuple(dict.fromkeys(re.findall(r"(?m)(?:\"|^- )(\w+)\"?: ", shown)))

    # --------------------------------------------------------------------------------------- an entry

    @cached_property
    def entry_values(self) -> tuple[int, tuple[int, ...]] | None:
        """(first index, values in a row) that the entry shows, own checks included."""
        lines = [line for line in self.text.split("\n") if not line.startswith("- ")]
        listed = next((line for line in lines if line.startswith("Its first values")), "")
        shown = {
            int(n): int(v)
            for n, v in re.findall(r"\ba\((-?\d+)\) = (-?\d+)(?!\d*…)", listed)
            or re.findall(r"(?m)^\W*(?:index|n =) (-?\d+)(?::| gives) (-?\d+)\s*$", self.text)
        }
        if not shown:
            return None
        first = min(shown)
        values = [shown[n] for n in range(first, first + len(shown)) if n in shown]
        own = [found[0] for line in lines if "check" in line for found in _INTEGERS.finditer(line)]
        if own and len(shown) <= 2:
            values += [int(v) for v in re.findall(r"-?\d+", own[-1])]
        return first, tuple(values)

    @cached_property
    def listed(self) -> tuple[int, ...]:
        """The longest row of numbers in the text."""
        rows = [[int(v) for v in re.findall(r"-?\d+", found[0])] for found in _INTEGERS.finditer(self.text)]
        return tuple(max(rows, key=len, default=()))

    @cached_property
    def kept_before(self) -> bool | None:
        """What it said of the entry in an earlier turn of this conversation; None if nothing."""
        turns = self.messages[self._asked_at :]
        said = " ".join(_content(m) for m in turns if m.get("role") == "assistant")
        found = re.findall(r'"keep": *"?(true|false|keep|drop)\b', said)
        return found[-1] in ("true", "keep") if found else None

    # ------------------------------------------------------------------------------------- a problem

    @cached_property
    def description(self) -> str:
        """The problem's story: the text up to its input format."""
        return re.split(r"\n\s*Input\b", self.text, maxsplit=1)[0]

    @cached_property
    def examples(self) -> tuple[tuple[int, int], ...]:
        """(input, output) of the examples that a solver is shown."""
        pairs = re.findall(r"Input:\s*(-?\d+)\s*\nOutput:\s*(-?\d+)", self.text)
        return tuple((int(n), int(v)) for n, v in pairs)

    @cached_property
    def inputs(self) -> tuple[int, ...]:
        """Inputs that a validator has to work out: as the shape in the prompt repeats them, or as listed."""
        shaped = re.findall(r'"input": "(-?\d+)"', self.text)
        listed = re.search(r"inputs?: (-?\d+(?:, -?\d+)*)", self.text)
        return tuple(int(n) for n in shaped or (listed[1].split(", ") if listed else ()))

    @cached_property
    def failing(self) -> tuple[int, str]:
        """(input, expected output) of the case that a program fails."""
        found = re.search(r"Input: (-?\d+)\s*\nExpected output: (\S+)", self.text)
        return (int(found[1]), found[2]) if found else (0, "?")

    @cached_property
    def program(self) -> str:
        found = re.search(r"```python\n(.*?)```", self.text, re.DOTALL)
        return found[1] if found else ""


def _looks_back(message: Mapping[str, Any]) -> bool:
    content = _content(message)
    return REPAIR in content[:200] or content.startswith(REFLECTION)


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return str(content)

"""The stand-in for a model: honest work, spoiled in such shares as its skill says, drawn by the request's hash."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from tests.model_server import tokens
from tests.model_server.answers import programs, writing
from tests.model_server.answers.reading import Question
from tests.model_server.draws import chance

REFUSALS = ("I'm sorry, but I can't help with that.", "I cannot assist with this request.")
RAMBLING = "Let me say it once more, to be sure of it. "


@dataclass(frozen=True)
class Skill:
    """Shares of answers. The first five: right ones, of each kind. The rest: how the text itself goes wrong."""

    problems: float = 0.85
    validations: float = 0.9
    programs: float = 0.45
    analyses: float = 0.8
    corrections: float = 0.55
    keeps: float = 0.7
    """Entries that the filter agent keeps although it sees no rule."""
    changes_mind: float = 0.15
    """Reflections of the filter agent that end otherwise than its first answer."""
    broken_json: float = 0.04
    cut_off: float = 0.01
    """Runs on until the token limit ends it."""
    empty: float = 0.01
    refusals: float = 0.01
    thoughts: float = 0.15
    """Answers with thoughts: before the text in <think> tags, or in a field of their own."""
    thoughts_apart: bool = False
    """The server takes thoughts out of the text, as vLLM with a reasoning parser does."""


@dataclass(frozen=True)
class Reply:
    text: str
    reasoning: str
    runs_on: bool
    """It would go on for ever: the token limit ends it."""


class StandIn:
    """Answers chat requests. The same question, asked for the n-th time, gets the same answer."""

    def __init__(self, skill: Skill | None = None, *, thinks: bool = True) -> None:
        self.skill = skill or Skill()
        self.thinks = thinks
        """False: it reads nothing, and fills any shape at once. For benchmarks of what is around it."""

    def reply(self, question: Question, asked: str, turn: int, choice: int = 0) -> Reply:
        """`asked` is the request's digest, `turn` how often it was answered before."""
        words = f"{asked} {turn} {choice}"
        if not self.thinks:
            return Reply(_short(question, words), "", False)
        answer = _honest(question, words, self.skill)
        if question.kind == "other":
            # Somebody tries what the server can: it keeps to schemas.
            return Reply(answer if isinstance(answer, str) else json.dumps(answer), "", False)
        text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
        return self._spoil(text, isinstance(answer, dict), words)

    def _spoil(self, text: str, is_object: bool, words: str) -> Reply:
        drawn = chance("manner", words)
        skill = self.skill
        thought = ""
        if chance("thoughts", words) < skill.thoughts:
            thought = f"Hmm, {{let me see}}. {RAMBLING * (1 + int(chance('long', words) * 6))}"
        runs_on = False
        for manner, share in (
            ("broken", skill.broken_json if is_object else 0.0),
            ("cut", skill.cut_off),
            ("empty", skill.empty),
            ("refusal", skill.refusals),
        ):
            drawn -= share
            if drawn < 0:
                if manner == "broken":
                    text = text[: -1 - int(chance("where", words) * len(text) / 2)]
                elif manner == "cut":
                    text, runs_on = text[: len(text) // 3], True
                else:
                    text = "" if manner == "empty" else REFUSALS[int(drawn * 1e9) % 2]
                break
        if thought and not skill.thoughts_apart:
            return Reply(f"<think>{thought}</think>\n{text}", "", runs_on)
        return Reply(text, thought, runs_on)


def _honest(question: Question, words: str, skill: Skill) -> dict[str, Any] | str:
    drawn = chance("right", words)
    match question.kind:
        case "problem":
            return writing.problem(question, words, drawn < skill.problems)
        case "paraphrase":
            return writing.paraphrase(question, words, drawn < skill.problems)
        case "validation":
            return writing.validation(question, words, drawn < skill.validations)
        case "program":
            return programs.program(question, words, drawn < skill.programs)
        case "correction":
            return programs.program(question, words, drawn < skill.corrections)
        case "next number":
            return writing.next_number(question, words, drawn < skill.programs)
        case "analysis":
            return writing.analysis(question, drawn < skill.analyses)
        case "filter" | "filter.reflection":
            return writing.screening(question, words, skill.keeps, skill.changes_mind)
    return writing.anything(question, words)


def _short(question: Question, words: str) -> str:
    if question.schema is None:
        number = hashlib.sha256(words.encode()).hexdigest()[:6]
        return f"The rule adds 0x{number}.\n\n```python\nn = int(input())\nprint(n + 0x{number})\n```"
    return _shape(json.dumps(question.schema, sort_keys=True))


@functools.lru_cache(maxsize=64)
def _shape(schema: str) -> str:
    return json.dumps(writing.shaped(Question("", (), json.loads(schema)), True, "It is so."))


def cut(text: str, most: int | None, runs_on: bool) -> tuple[str, int, str]:
    """(text, tokens, finish reason) of a text that may take so many tokens."""
    written = tokens.count(text)
    if runs_on and most is not None:
        while written <= most:
            text += RAMBLING * (1 + (most - written) // tokens.count(RAMBLING))
            written = tokens.count(text)
    if most is not None and written > most:
        return tokens.first(text, most), most, "length"
    return text, written, "stop"

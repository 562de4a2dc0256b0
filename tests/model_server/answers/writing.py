"""The stand-in's honest work: what it would answer to each kind of question if nothing went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.model_server.answers.finding import find
from tests.model_server.answers.reading import Question
from tests.model_server.answers.statement import NotComputableError, Statement, constants
from tests.model_server.draws import chance, choice

PEOPLE = (
    "A miller",
    "The harbour master",
    "A weaver",
    "An old clockmaker",
    "The baker's daughter",
    "A ferryman",
)
THINGS = ("sacks", "lanterns", "threads", "gears", "loaves", "ropes", "tiles", "letters")
PLACES = ("the mill", "the harbour", "the loft", "the workshop", "the market", "the bridge")
LETTERS = ("W", "K", "B", "G", "L", "R")


def problem(question: Question, words: str, right: bool) -> dict[str, Any]:
    """A story around the rule that the values follow; a poor one where no rule is found, or the writer errs."""
    seen = question.entry_values
    if seen is None:
        return _told(
            "Something is counted. Given n, how much is it?", THINGS[0], ((1, 1), (2, 2)), "so it is"
        )
    first, values = seen
    shown = tuple((first + i, value) for i, value in enumerate(values[:2]))
    person, things = choice(PEOPLE, words, "who"), choice(THINGS, words, "what")
    place, letter = choice(PLACES, words, "where"), choice(LETTERS, words, "letter")
    rule = find(first, values)
    if rule is None and chance(words, "poor") < 0.4:
        text = f"{person} counts the {things} at {place} every day, and they grow as the custom has it."
        return _told(f"{text} Given n, how many {things} are there?", things, shown, "The custom has it so.")
    if rule is None:
        # What hasty writers do: the straight line through the two values that they show.
        step = shown[1][1] - shown[0][1]
        rule = find(first, tuple(shown[0][1] + step * i for i in range(6))) or Statement(str(shown[0][1]))
    elif not right:
        rule = spoiled(rule, words)
    text = (
        f"{person} counts the {things} at {place}. {letter}(n) is their number on day n, and the old rule is "
        f"{rule.said(letter)}. Given n, print {letter}(n)."
    )
    return _told(
        text, things, shown, f"The rule {letter}(n) = {rule.formula.replace('T(', letter + '(')} says so."
    )


def paraphrase(question: Question, words: str, right: bool) -> dict[str, Any]:
    """The problem's rule in another story; now and then a false one, or the same words again."""
    before = question.description.strip()
    rule = Statement.read(before)
    if rule is None or chance(words, "lazy") < 0.1:
        return {"description": before if rule else f"Once more, and in other words. {before}"}
    if not right:
        rule = spoiled(rule, words)
    person, things = choice(PEOPLE, words, "who"), choice(THINGS, words, "what")
    place, letter = choice(PLACES, words, "where"), choice(LETTERS, words, "letter")
    return {
        "description": f"On day n there are {letter}(n) {things} at {place}. {person} keeps the book of them, in "
        f"which an old rule is written down: {rule.said(letter)}. You are told n. Find {letter}(n), and print it."
    }


def _told(
    description: str, things: str, shown: tuple[tuple[int, int], ...], explanation: str
) -> dict[str, Any]:
    return {
        "description": description,
        "input_format": "One integer n, the number of the day.",
        "output_format": f"One integer, the number of {things}.",
        "examples": [
            {"input": str(n), "output": str(value), "explanation": f"On day {n}: {explanation}"}
            for n, value in shown
        ],
    }


def validation(question: Question, words: str, right: bool) -> dict[str, Any]:
    rule = Statement.read(question.description)
    answers = []
    for n in question.inputs:
        value = _worked_out(rule, n, words)
        if not right:
            value += 1
        said = f"the formula {rule.formula}" if rule else "what the text seems to mean"
        answers.append({"input": str(n), "steps": f"Take {said} at {n}.", "output": str(value)})
    return {"answers": answers}


def next_number(question: Question, words: str, right: bool) -> str:
    """The next of the listed numbers by the rule that they follow; a step further, as a poor guess."""
    listed = question.listed or (0,)
    rule = find(0, listed) if right else None
    step = listed[-1] - listed[-2] if len(listed) > 1 else 1
    value = _worked_out(rule, len(listed), words) if rule else listed[-1] + step
    return f"The rule: {rule.formula if rule else 'it goes on by as much'}.\n\nAnswer: {value}"


def _worked_out(rule: Statement | None, n: int, words: str) -> int:
    try:
        if rule is not None:
            return rule.value(n)
    except NotComputableError:
        pass
    return n + int(chance(words, "guess", n) * 100)


def solution(question: Question) -> Statement:
    """The rule of the problem; where the text holds none, the line through its examples."""
    if rule := Statement.read(question.description):
        return rule
    if len(question.examples) < 2:
        return Statement("n")
    (n, value), (_, after) = question.examples[:2]
    return find(n, tuple(value + (after - value) * i for i in range(6))) or Statement("n")


def analysis(question: Question, right: bool) -> dict[str, Any]:
    """Names no value but the failing case's: what it says goes on to the corrector."""
    n, expected = question.failing
    rule = Statement.read(question.description)
    if rule is None or not right:
        return {
            "why_expected": f"The text asks for it at {n}.",
            "what_is_wrong": "The program does not follow the text.",
        }
    formula = rule.said("T").split(", with")[0].split(". ")[0]
    mine, theirs = rule.program().splitlines(), question.program.splitlines()
    wrong = next((line for line in theirs if line.strip() and line not in mine), theirs[-1] if theirs else "")
    return {
        "why_expected": f"The rule of the text is {formula}. Put {n} for n and follow it: it gives {expected}.",
        "what_is_wrong": f"The line `{wrong.strip()}` is not what the rule says. "
        f"Compute {formula} and print it alone.",
    }


def screening(question: Question, words: str, keeps: float, changes_mind: float) -> dict[str, Any]:
    """Keep or drop, by what rules it sees and by luck; fills whatever fields are asked for.

    In a reflection, where its first answer stands in the conversation, it mostly stays with that.
    """
    seen = question.entry_values
    rule = find(*seen) if seen else None
    keep = chance(words, "keep") < (keeps if rule is None else (1 + keeps) / 2)
    if (before := question.kept_before) is not None:
        keep = before != (chance(words, "mind") < changes_mind)
    reason = f"A rule can be told: {rule.formula}." if rule else "No simple rule shows in the values."
    if keep != (rule is not None):
        reason += " Yet there is enough to go on." if keep else " Yet too little is said around it."
    return shaped(question, keep, reason)


def shaped(question: Question, keep: bool, reason: str) -> dict[str, Any]:
    """An object of the asked shape."""
    root = question.schema or {"properties": {name: {"type": "string"} for name in question.fields}}
    return {name: filled(name, part, keep, reason, root) for name, part in root.get("properties", {}).items()}


def filled(name: str, part: Mapping[str, Any], keep: bool, reason: str, root: Mapping[str, Any]) -> Any:
    if "$ref" in part:
        part = root["$defs"][part["$ref"].rsplit("/", 1)[1]]
    if options := part.get("enum"):
        wanted = ("keep", "yes", "true") if keep else ("drop", "no", "false")
        return next((option for option in options if str(option).lower() in wanted), options[0])
    match part.get("type"):
        case "boolean":
            return keep
        case "integer" | "number":
            return 8 if keep else 2
        case "array":
            size = max(1, part.get("minItems", 1))
            return [filled(name, part.get("items", {}), keep, reason, root) for _ in range(size)]
        case "object":
            return {n: filled(n, p, keep, reason, root) for n, p in part.get("properties", {}).items()}
    if name in ("keep", "decision", "verdict"):
        return "keep" if keep else "drop"
    if name == "plan":
        return "Look for a definition, a formula, a way to compute a value, and worked terms."
    if "pattern" in part:
        return str(len(reason))
    return reason


def anything(question: Question, words: str) -> dict[str, Any] | str:
    """An object of the asked shape, or a line of text: to questions that are nobody's here."""
    if question.schema is None:
        return "Here is a short answer, " + choice(PEOPLE, words).lower() + " would say."
    return shaped(question, True, "It is so.")


def spoiled(rule: Statement, words: str) -> Statement:
    """The rule with one number off by one: a coefficient, or a value that it starts from."""
    numbers = list(constants(rule.formula))
    at = int(chance(words, "which") * (len(numbers) + len(rule.starts)))
    off = choice((1, -1, 2), words, "off")
    if at < len(numbers):
        found = numbers[at]
        value = max(1, int(found[0]) + off)
        if value == int(found[0]):
            value += 2
        return Statement(
            rule.formula[: found.start()] + str(value) + rule.formula[found.end() :], rule.starts
        )
    if rule.starts:
        which = at - len(numbers)
        starts = list(rule.starts)
        starts[which] = (starts[which][0], starts[which][1] + off)
        return Statement(rule.formula, tuple(starts))
    return Statement(f"{rule.formula} + 1", rule.starts)

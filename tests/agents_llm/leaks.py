"""What a request gives away that its role may not see: METHOD's table, read once more, apart from the house's code.

Checked: a term of four digits or more that its role may not see, as a number of the text (also with its digits in
groups of three); and a pair of any length, as "a(20) = 7", "a_20 = 7", "n = 20 gives 7", "20 -> 7", "20: 7", "the
20th is 7", "input 20, output 7", or as one of three or more known terms listed in order.

Not checked: a short term that stands by itself; a term in words, or one that an expression works out to. And what
models or their programs said before (`told`) is their own computation: a number that one of them wrote may stand in
a later request, unless its writer had been shown it (the problem's writer sees the hidden cases, so a hidden term
in a problem's text counts wherever the text goes).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from codeseq_ray.agents.prompting import BUILT_IN
from codeseq_ray.agents.visibility import Visibility
from codeseq_ray.cases import divide, shifted
from codeseq_ray.records import Case, Cases, FailingCase, SequenceRecord

LONG = 4
STAGES = {
    "filter": "filter",
    "write_problem": "problem",
    "validate": "validation",
    "write_program": "program",
    "analyse": "analysis",
    "correct": "correction",
    "paraphrase": "paraphrase",
}
"""Prompt file → stage of its calls."""
PROMPT_TEXTS = "\n".join(file.read_text(encoding="utf-8") for file in sorted(BUILT_IN.glob("*.j2")))
"""What stands in every request of a kind, whatever the sequence: its numbers say nothing of any."""
SEES_HIDDEN = ("filter", "problem")

Told = Iterable[tuple[str, str]]
"""(stage, text) of what models wrote or their programs printed earlier."""


def leaks(
    cases: Cases, stage: str, text: str, *, failing: FailingCase | None = None, told: Told = ()
) -> list[str]:
    """What `text`, sent at `stage` (`program`, `analysis.repair` …), holds and its reader may not see.

    `cases` count their inputs as the text does: as the entry for filter and problem, else as the problem.
    """
    role = stage.split(".")[0]
    told = [*told, ("prompt", PROMPT_TEXTS)]
    may = [] if role == "validation" else [*cases.examples]
    secret = [*cases.far]
    if role in SEES_HIDDEN:
        may += cases.hidden
    else:
        secret += cases.hidden
    if failing is not None:
        may.append(Case(input=failing.input, output=failing.expected))
    may_pairs = {(case.input, case.output) for case in may}
    visible = {digits(case.output) for case in (*may, *cases.examples)}
    hidden = {(case.input, case.output) for case in cases.hidden}
    by_anyone = "\n".join(said for _, said in told)
    by_the_blind = "\n".join(said for said_at, said in told if said_at.split(".")[0] not in SEES_HIDDEN)
    computed, computed_blindly = numbers_of(by_anyone), numbers_of(by_the_blind)
    numbers = numbers_of(text)
    known = [digits(case.output) for case in (*cases.examples, *cases.hidden, *cases.far)]
    found = []
    for position, case in enumerate((*cases.hidden, *cases.far), len(cases.examples)):
        pair = (case.input, case.output)
        if pair in may_pairs or case not in secret:
            continue
        term = digits(case.output)
        if term not in numbers:
            continue
        own = by_the_blind if pair in hidden else by_anyone
        own_numbers = computed_blindly if pair in hidden else computed
        if len(term) >= LONG and term not in visible | own_numbers:
            found.append(f"{stage}: the term {case.output[:60]} of input {case.input}")
        elif (tells(text, case) or lists(text, known, position, visible)) and not (
            tells(own, case) or lists(own, known, position, visible)
        ):
            found.append(f"{stage}: the pair {case.input} -> {case.output[:60]}")
    if role == "validation":
        found += [
            f"{stage}: the example {case.input} -> {case.output[:60]}"
            for case in cases.examples
            if tells(text, case)
        ]
    return found


def leaks_of_record(record: SequenceRecord, stage: str, text: str) -> list[str]:
    """`leaks` of one request of a record's, with everything that its models and programs said taken into account."""
    cases = cases_at(record, stage)
    if cases is None:
        return []
    told = [(call.stage, f"{call.reasoning}\n{call.answer}") for call in record.calls]
    if record.problem is not None:
        told.append(("problem", record.problem.text()))
    failing = None
    answers = [answer for paraphrase in record.paraphrases for answer in paraphrase.answers]
    for judged in (*record.rounds, *(judged for answer in answers for judged in answer.rounds)):
        verdict = judged.verdict
        told += [("program", f"{verdict.got}\n{verdict.message}\n{verdict.stderr}")]
        if judged.failing is not None and judged.program.source.strip() in text:
            failing = judged.failing if stage.split(".")[0] in ("analysis", "correction") else None
    return leaks(cases, stage, text, failing=failing, told=told)


def cases_at(record: SequenceRecord, stage: str) -> Cases | None:
    """The record's cases with inputs as the text of this stage counts them."""
    if record.cases is None:
        return divide(record.sequence, 0)
    return shifted(record.cases, -record.cases.shift) if stage.split(".")[0] in SEES_HIDDEN else record.cases


def asks_about(record: SequenceRecord, stage: str, text: str) -> bool:
    """Is a request of this stage about this record's sequence, by the texts in it?"""
    if stage.split(".")[0] not in SEES_HIDDEN:
        problems = (record.problem, *(paraphrase.problem for paraphrase in record.paraphrases))
        return any(problem is not None and problem.description in text for problem in problems)
    cases = cases_at(record, stage)
    if cases is None:
        return False
    view = Visibility(record.sequence, cases, fitter=False).writer()
    return view.name in text and all(case.output[:20] in text for case in (*view.examples, *view.hidden))


def stage_of(messages: Sequence[Mapping[str, str]]) -> str:
    """The stage that a conversation with the built-in prompts belongs to; its repair and reflection turns too."""
    system = messages[0]["content"] if messages[0]["role"] == "system" else ""
    return {line: STAGES[name] for name, line in first_lines().items()}[system.split("\n")[0]]


def first_lines() -> dict[str, str]:
    """The system part's first line of each prompt that begins a conversation."""
    parts = {}
    for name in STAGES:
        text = (BUILT_IN / f"{name}.j2").read_text(encoding="utf-8")
        block = re.search(r"{% block system %}(.*?){% endblock %}", text, re.DOTALL)
        assert block is not None
        parts[name] = block[1].strip().split("\n")[0]
    return parts


def digits(number: str) -> str:
    return number.lstrip("-")


def numbers_of(text: str) -> set[str]:
    grouped = (re.sub(r"\D", "", m[0]) for m in re.finditer(r"(?<!\d)\d{1,3}(?:[, _]\d{3})+(?!\d)", text))
    return {*re.findall(r"\d+", text), *grouped}


def tells(text: str, case: Case) -> bool:
    """Does the text say that this input gives this output?"""
    if case.input not in text or case.output not in text:
        return False
    n, value = re.escape(case.input), f"{re.escape(case.output)}(?![0-9.]*[0-9])(?!\\s*[-+*/^!(·×])"
    between = r"[^\n.;\d]{0,30}?(?<![\d.])"
    forms = (
        rf"\w\s*[\[(]\s*{n}\s*[\])]\s*(?:=|:|->|is|equals)\s*{value}",
        rf"\w_\{{?{n}\}}?\s*=\s*{value}",
        rf"\bn\s*=\s*{n}\b(?!\s*[-+*/^]){between}{value}",
        rf"(?<![\d.]){n}\s*(?:->|→|=>|↦|\|)\s*{value}",
        rf"(?m)^\W*{n}\s*:\s*{value}",
        rf"(?<![\d.]){n}-?(?:st|nd|rd|th)\b{between}{value}",
        rf"(?i)input:?\s*{n}\s+(?:expected )?output:?\s*{value}",
    )
    return any(re.search(form, text) for form in forms)


def lists(text: str, known: list[str], position: int, visible: set[str]) -> bool:
    """Does a list of the text hold this term beside its neighbours, three known terms or more in their order?

    Not where all of them are terms that the reader may see: then it may be a list of those.
    """
    for start in range(max(0, position - 2), min(position, len(known) - 3) + 1):
        run = known[start : start + 3]
        if not visible.issuperset(run) and re.search(rf"(?<![\d.])-?{', ?-?'.join(run)}(?!\d)", text):
            return True
    return False

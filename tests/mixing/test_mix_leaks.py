"""What rows share with evaluation sets: planted runs are found, and what is no evidence is left alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from codeseq_ray.errors import InputError
from codeseq_ray.mixing.chats import Reason
from codeseq_ray.mixing.leaks import Against, EvaluationSet, known_terms
from codeseq_ray.mixing.ratio import GENERAL
from codeseq_ray.mixing.screening import Screen, Told
from codeseq_ray.overlap import words
from tests.mixing.mix_inputs import chat, problem, settings

QUESTION = (
    "A baker stacks loaves on nine shelves so that every shelf holds one loaf more than the shelf below it; how many "
    "loaves are there when the lowest shelf holds four of them and the door is closed?"
)
TERMS = [1, 1, 2, 5, 14, 42, 132, 429, 1430, 4862, 16796, 58786, 208012]


def against(*rows: dict[str, Any], columns: Sequence[str] = (), **given: Any) -> Against:
    one = EvaluationSet("set")
    for row in rows:
        one.add(row, columns)
    return Against.of([one], settings(**given))


def reason(looked_for: Against, text: str) -> Reason | None:
    (leak,) = looked_for.leaks([text], [words(text)])
    return leak.reason if leak else None


def test_a_planted_run_of_thirteen_words_is_found_and_twelve_are_not() -> None:
    looked_for = against({"question": QUESTION})
    run = words(QUESTION)[5:18]
    assert reason(looked_for, f"He wrote: {' '.join(run).upper()}, and left.") == Reason.LEAK_WORDS
    assert reason(looked_for, f"He wrote: {' '.join(run[:-1])}, and left.") is None
    assert reason(against({"question": QUESTION}, leak_words=12), " ".join(run[:-1])) == Reason.LEAK_WORDS


def test_a_run_over_two_turns_of_a_row_is_found() -> None:
    held = chat(1)
    run = words(QUESTION)[:13]
    held["messages"][0]["content"] += " " + " ".join(run[:6])
    held["messages"][1]["content"] = " ".join(run[6:]) + " " + held["messages"][1]["content"]
    told = account(against({"question": QUESTION}), held)
    assert told.leaks == {("set", "leak_words"): 1}


@pytest.mark.parametrize(
    "written",
    [
        ", ".join(map(str, TERMS)),
        " then ".join(map(str, TERMS[1:])),
        "\n".join(f"{i}: {term}" for i, term in enumerate(TERMS)),
        "\n".join(f"| {term} | {i} |" for i, term in enumerate(TERMS)),
        ", ".join(f"{term:05d}" for term in TERMS),
    ],
)
def test_a_planted_run_of_terms_is_found_however_it_is_written(written: str) -> None:
    looked_for = against(problem(1, TERMS))
    assert reason(looked_for, f"The values are {written} and so on.") == Reason.LEAK_TERMS


def test_fewer_terms_or_another_order_are_no_overlap() -> None:
    looked_for = against(problem(1, TERMS))
    assert reason(looked_for, ", ".join(map(str, TERMS[:11]))) is None
    assert reason(looked_for, ", ".join(map(str, reversed(TERMS)))) is None


def test_numbered_lists_are_no_overlap_with_the_natural_numbers() -> None:
    looked_for = against(problem(1, range(1, 40)), problem(2, [0, 1] * 20))
    assert looked_for.terms.passed_over == 2
    assert reason(looked_for, "\n".join(f"{i}. a step" for i in range(1, 40))) is None


def test_a_short_list_of_terms_counts_whole() -> None:
    looked_for = against({"terms": "1, 1, 2, 5, 14, 42, 132, 429"})
    assert reason(looked_for, "1 1 2 5 14 42 132 429 1430") == Reason.LEAK_TERMS
    assert reason(looked_for, "1 1 2 5 14 42 132 430") is None


@pytest.mark.parametrize(
    "row",
    [
        {"terms": TERMS},
        {"terms": [str(term) for term in TERMS]},
        {"terms": ",".join(map(str, TERMS))},
        {"known_cases": json.dumps({"inputs": [], "outputs": [str(term) for term in TERMS]})},
        problem(1, TERMS),
    ],
)
def test_terms_are_taken_from_every_shape_that_evaluation_sets_have(row: dict[str, Any]) -> None:
    leak = against(row).leak_of_terms([str(term) for term in TERMS])
    assert leak is not None
    assert (leak.reason, leak.set_name) == (Reason.LEAK_TERMS, "set")


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": "94"}]},
        {"prompt": QUESTION},
        {"prompt": [{"role": "user", "content": QUESTION}]},
        {"question": QUESTION, "choices": ["1", "2"]},
        {"task_id": 1, "text": QUESTION},
        {"description": QUESTION},
    ],
)
def test_texts_are_taken_from_the_columns_that_evaluation_sets_have(row: dict[str, Any]) -> None:
    assert reason(against(row), QUESTION) == Reason.LEAK_WORDS


def test_columns_that_are_named_are_the_only_ones() -> None:
    row = {"prompt": "One two three four five six seven eight nine.", "story": QUESTION}
    assert reason(against(row, columns=["story"]), QUESTION) == Reason.LEAK_WORDS
    assert reason(against(row), QUESTION) is None


def test_a_set_without_a_text_says_what_it_has() -> None:
    with pytest.raises(InputError, match=r"set: row 1 has no text in .*; it has story, id"):
        against({"story": QUESTION, "id": 1})


def test_a_sentence_that_five_texts_share_is_boilerplate() -> None:
    instruction = "Answer in one word and do not explain how you came to it, nor repeat the question."
    rows = [
        {"prompt": f"{instruction} Where does {name} live now?"}
        for name in ("Ann", "Ben", "Cid", "Dan", "Eve")
    ]
    assert reason(against(*rows), instruction) is None
    assert reason(against(*rows[:4]), instruction) == Reason.LEAK_WORDS


def account(looked_for: Against, *rows: dict[str, Any], **given: Any) -> Told:
    tables = list(Screen(GENERAL, settings(**given), looked_for).tables(("here", row) for row in rows))
    return Told.from_json(tables[-1]["told"][0].as_py())


def test_rows_that_overlap_are_dropped_or_only_reported() -> None:
    held = chat(1)
    held["messages"][1]["content"] += " " + QUESTION
    rows = [chat(2), held, chat(3)]
    dropped = account(against({"prompt": QUESTION}), *rows)
    assert (dropped.kept, dropped.reasons()) == (2, {"leak_words": 1})
    reported = account(against({"prompt": QUESTION}), *rows, leaks="report")
    assert (reported.kept, reported.reasons()) == (3, {})
    assert dropped.leaks == reported.leaks == {("set", "leak_words"): 1}
    assert "a baker stacks loaves" in reported.examples["leak_words"][0]


def test_known_terms_are_all_terms_in_order() -> None:
    assert known_terms(problem(1, TERMS)) == [str(term) for term in TERMS]

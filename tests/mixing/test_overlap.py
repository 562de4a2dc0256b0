"""Runs that a text shares with given texts."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.overlap import Match, Runs, integers, telling, words

tokens = st.lists(st.sampled_from("abcd"), max_size=40)


def naive(given_texts: list[list[str]], text: list[str], length: int, fewest: int) -> set[tuple[int, int]]:
    """Position and length of every shared run, by comparing all with all."""
    found = set()
    for one in given_texts:
        size = min(length, len(one))
        if size < fewest:
            continue
        runs = {tuple(one[i : i + size]) for i in range(len(one) - size + 1)}
        found |= {(i, size) for i in range(len(text) - size + 1) if tuple(text[i : i + size]) in runs}
    return found


@given(st.lists(tokens, max_size=5), st.lists(tokens, max_size=4))
def test_runs_are_those_that_comparing_everything_finds(
    known: list[list[str]], texts: list[list[str]]
) -> None:
    runs = Runs.of(enumerate(known), 5, 3)
    found: dict[int, set[tuple[int, int]]] = {i: set() for i in range(len(texts))}
    for at, match in runs.matches(texts):
        found[at].add((match.position, match.length))
        size = match.length
        run = texts[at][match.position : match.position + size]
        assert run in [known[match.owner][i : i + size] for i in range(len(known[match.owner]))]
    assert found == {i: naive(known, text, 5, 3) for i, text in enumerate(texts)}


@given(st.lists(tokens, min_size=1, max_size=5), st.lists(tokens, max_size=4))
def test_asking_together_is_asking_one_by_one(known: list[list[str]], texts: list[list[str]]) -> None:
    runs = Runs.of(enumerate(known), 4, 2)
    assert runs.firsts(texts) == [runs.first(text) for text in texts]


def test_no_run_goes_over_the_border_of_two_texts() -> None:
    runs = Runs.of([(0, list("abcdef"))], 6, 6)
    assert runs.firsts([list("abc"), list("def"), list("xabcdefx")]) == [None, None, Match(1, 6, 0)]


def test_runs_that_many_texts_have_are_boilerplate() -> None:
    texts = [[*"answer", str(i), *"unique", str(i)] for i in range(5)]
    texts[0] += list("answer")  # twice in one text counts once
    runs = Runs.of(enumerate(texts), 6, 6, common=5)
    assert runs.first(list("answer")) is None
    assert runs.first([*"wer", "3", *"un"]) == Match(0, 6, 3)
    assert runs.boilerplate == 2  # "answer" and "unique"
    assert Runs.of(enumerate(texts), 6, 6, common=6).first(list("answer")) == Match(0, 6, 0)


def test_short_texts_count_whole_and_shorter_ones_are_passed_over() -> None:
    runs = Runs.of([(0, list("abcd")), (1, list("xy"))], 8, 3)
    assert runs.first(list("zabcdz")) == Match(1, 4, 0)
    assert runs.first(list("zabcz")) is None
    assert runs.first(list("xyxyxyxyxy")) is None
    assert (runs.texts, runs.passed_over) == (1, 1)


def test_runs_survive_the_way_to_a_worker() -> None:
    runs = pickle.loads(pickle.dumps(Runs.of([(0, list("abcdefgh"))], 4, 4)))
    assert runs.first(list("xcdef")) == Match(1, 4, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1, 2, -3", ["1", "2", "-3"]),
        ("a(5) = 007; −4 and 10-5", ["5", "7", "-4", "10", "5"]),
        ("3.14 and 2.0, version 1.2.3, x4 and 4th", []),
        ("ends with 9.", ["9"]),
        ("-0 and 000", ["0", "0"]),
        (f"1{chr(48) * 5000}!", ["1" + "0" * 5000]),
    ],
)
def test_integers_are_whole_numbers_of_any_size_and_no_parts_of_others(
    text: str, expected: list[str]
) -> None:
    assert integers(text) == expected


@given(st.text())
def test_words_of_ascii_are_words_of_unicode(text: str) -> None:
    ascii_only = text.encode("ascii", "replace").decode()
    assert [*words(ascii_only), "é"] == words(f"{ascii_only} é")


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("1 2 3 4 5 6 7 8", False),
        ("9 7 5 3 1 -1 -3 -5", False),
        ("0 1 0 1 0 1 0 1", False),
        ("1 1 2 3 5 8 13 21", True),
        ("1 2 3 4 5 6 7 1" + "0" * 4100, True),
    ],
)
def test_lists_in_even_steps_and_of_few_values_are_no_evidence(run: str, expected: bool) -> None:
    assert telling(run.split()) is expected

"""Rules: each drops what it is for, with its reason, and nothing on grounds of what is unknown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from codeseq_ray.records import Sequence
from codeseq_ray.selection.rules import A_NUMBER, EXPLANATIONS, LONGEST_NAME, Drop, SelectionSettings, screen

DEFAULTS = SelectionSettings()
SQUARES = tuple(n * n for n in range(30))


def _entry(**changes: object) -> Sequence:
    fields: dict[str, object] = {"id": "A000290", "name": "The squares of the integers n.", "terms": SQUARES}
    return Sequence.model_validate(fields | changes)


def test_an_ordinary_sequence_is_kept() -> None:
    assert screen(_entry(), DEFAULTS) == ""


@pytest.mark.parametrize("keyword", [*DEFAULTS.drop_keywords, "fini", "full", "tabl", "tabf"])
def test_a_dropping_keyword_drops(keyword: str) -> None:
    reason = screen(_entry(keywords=("nonn", keyword)), DEFAULTS)
    assert Drop(reason) is not Drop.KEYWORD, "each keyword of METHOD has a reason of its own"


@pytest.mark.parametrize("keywords", [None, (), ("nonn", "easy", "nice", "base", "sign")])
def test_unknown_and_harmless_keywords_do_not_drop(keywords: tuple[str, ...] | None) -> None:
    assert screen(_entry(keywords=keywords), DEFAULTS) == ""


def test_switches_let_tables_and_finite_ones_through() -> None:
    lenient = SelectionSettings(allow_tables=True, allow_finite=True)
    assert screen(_entry(keywords=("fini", "full", "tabl", "tabf")), lenient) == ""
    assert screen(_entry(name="Square array T(n,k) = n*k, read by antidiagonals."), lenient) == ""


def test_the_user_may_drop_any_keyword() -> None:
    strict = SelectionSettings(drop_keywords=("base",))
    assert screen(_entry(keywords=("base",)), strict) == Drop.KEYWORD
    assert screen(_entry(keywords=("hard",)), strict) == ""


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Duplicate of A000001.", Drop.DEAD),
        ("Probably an erroneous version of A000001.", Drop.DEAD),
        ("Essentially the same as A001611.", Drop.DEAD),
        ("allocated for Somebody", Drop.DEAD),
        ("recycled", Drop.DEAD),
        ("Decimal expansion of Pi.", Drop.CONSTANT),
        ("Decimal expansion of e.", Drop.CONSTANT),
        ("Continued fraction for sqrt(7).", Drop.CONSTANT),
        ("a(n) = numerator of n/(n+2).", Drop.CONSTANT),
        ("Expansion of sqrt(2) in base 3.", Drop.CONSTANT),
        ("Triangle of coefficients.", Drop.TABLE),
        ("Generalized Pascal triangle with signs.", Drop.TABLE),
        ("T(n,k) = n + k, read by rows.", Drop.TABLE),
        ("", Drop.NO_DEFINITION),
        ("Related to bees.", Drop.NO_DEFINITION),
        ("Numbers of a kind; see Comments.", Drop.NO_DEFINITION),
        ("Partial sums of A000203.", Drop.CITES_SEQUENCE),
        ("Number of n X 3 0..1 arrays with no two equal neighbours.", Drop.ARRAY_COUNT),
        ("n " * LONGEST_NAME, Drop.NAME_TOO_LONG),
    ],
)
def test_a_name_can_say_what_unknown_keywords_do_not(name: str, reason: Drop) -> None:
    assert screen(_entry(name=name), DEFAULTS) == reason


@pytest.mark.parametrize(
    "name",
    [
        "n-3.",
        "Powers of 7.",
        "Twin primes.",
        "Sum of the decimal digits of n.",
        "Binary digits of n in reverse order, read as a number.",
        "Number of triangles in a wheel with n spokes.",
        "Determinant of the n X n matrix of least common multiples.",
        "Number of fractions with denominator at most n.",
        "Triangular numbers that are squares.",
    ],
)
def test_names_near_to_a_rule_are_kept(name: str) -> None:
    assert screen(_entry(name=name), DEFAULTS) == ""


def test_a_formula_or_program_makes_up_for_a_vague_name() -> None:
    assert screen(_entry(name="Related to bees.", formulas=("a(n) = n^2",)), DEFAULTS) == ""
    assert screen(_entry(name="Bees; see Comments.", programs=("(PARI) a(n)=n^2",)), DEFAULTS) == ""


def test_known_keywords_outweigh_the_name() -> None:
    assert screen(_entry(name="Decimal expansion of n in a line.", keywords=("nonn",)), DEFAULTS) == ""


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ((), Drop.TOO_FEW_TERMS),
        (SQUARES[:9], Drop.TOO_FEW_TERMS),
        (SQUARES[:10], ""),
        ((0, 1) * 20, Drop.TOO_FEW_VALUES),
        ((0, 1) * 6 + (2, 3, 4), Drop.TOO_FEW_VALUES),
        ((*SQUARES, 10**100 - 1), ""),
        ((*SQUARES, 10**100), Drop.TOO_MANY_DIGITS),
        ((*SQUARES, -(10**100)), Drop.TOO_MANY_DIGITS),
    ],
)
def test_terms_are_counted_exactly(terms: tuple[int, ...], reason: str) -> None:
    assert screen(_entry(terms=terms), DEFAULTS) == reason


def test_further_known_terms_do_not_count() -> None:
    assert screen(_entry(terms=SQUARES[:9], more_terms=SQUARES[9:]), DEFAULTS) == Drop.TOO_FEW_TERMS
    assert screen(_entry(more_terms=(10**5000,)), DEFAULTS) == ""


def test_every_reason_is_explained_in_one_line() -> None:
    assert set(EXPLANATIONS) == set(Drop)
    assert all(text and "\n" not in text for text in EXPLANATIONS.values())


def test_shares_that_are_all_zero_are_refused() -> None:
    with pytest.raises(ValidationError, match="give at least one of them a share"):
        SelectionSettings(split_sft=0, split_rl=0, split_eval=0)


@given(
    name=st.text(max_size=400) | st.sampled_from(["Sum of A000045 and n.", "n^2", "Table of n, k."]),
    terms=st.lists(st.integers(min_value=-(10**120), max_value=10**120) | st.integers(-3, 3), max_size=40),
    keywords=st.none() | st.lists(st.sampled_from(["nonn", "easy", "tabl", "cons", "x", ""]), max_size=4),
)
def test_what_is_kept_satisfies_every_rule(name: str, terms: list[int], keywords: list[str] | None) -> None:
    reason = screen(_entry(name=name, terms=terms, keywords=keywords), DEFAULTS)
    if reason:
        assert Drop(reason) in EXPLANATIONS
    else:
        assert len(terms) >= DEFAULTS.min_terms
        assert len(set(terms[:12])) >= DEFAULTS.min_distinct
        assert all(len(str(abs(t))) <= DEFAULTS.max_digits for t in terms)
        assert name.strip()
        assert not A_NUMBER.search(name)
        assert not set(keywords or ()) & {*DEFAULTS.drop_keywords, "tabl"}

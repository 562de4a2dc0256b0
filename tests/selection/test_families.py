"""Families: copies up to prefix, shift and sign are found, look-alikes are not joined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.selection.families import LEVELS, SHIFTS, group, template_key, term_keys


def _together(*sequences: tuple[int, ...]) -> bool:
    """Whether the terms alone put all sequences into one family."""
    keys = [term_keys(s) for s in sequences]
    families = group(
        np.zeros(len(sequences), dtype=np.int64),
        np.array([k for ks in keys for k in ks], dtype=np.int64),
        np.repeat(np.arange(len(sequences), dtype=np.int32), [len(ks) for ks in keys]),
    )
    return len(set(families.tolist())) == 1


TERMS = st.lists(st.integers(), min_size=60, max_size=60, unique_by=abs).map(tuple)
SHORTEST = SHIFTS + LEVELS[0]


@given(TERMS, st.integers(0, SHIFTS), st.integers(0, SHIFTS), st.integers(SHORTEST, 60))
def test_a_shifted_prefix_joins_the_whole(terms: tuple[int, ...], a: int, b: int, end: int) -> None:
    assert _together(terms[a:], terms[b:end])


@given(TERMS, st.lists(st.booleans(), min_size=60, max_size=60))
def test_signs_do_not_tell_sequences_apart(terms: tuple[int, ...], flip: list[bool]) -> None:
    assert _together(terms, tuple(-t if f else t for t, f in zip(terms, flip, strict=True)))


@given(TERMS, TERMS, st.integers(SHORTEST, 39))
def test_long_sequences_that_part_company_stay_apart(
    a: tuple[int, ...], b: tuple[int, ...], common: int
) -> None:
    # Both go on for more than 20 terms beyond what they share, so no window of either ends in the shared part.
    other = tuple(abs(t) + 1 + max(map(abs, a)) for t in b[common:])
    assert not _together(a, a[:common] + other)


@given(TERMS, TERMS)
def test_other_terms_make_another_family(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    assert not _together(a, tuple(abs(t) + 1 + max(map(abs, a)) for t in b))


def test_a_short_sequence_joins_what_it_may_be_the_beginning_of() -> None:
    squares = tuple(n * n for n in range(40))
    assert _together(squares[:13], squares)
    assert not _together((*squares[:11], 0), squares)


@given(st.lists(st.integers(-1, 1), max_size=50).map(tuple))
def test_two_values_are_evidence_of_nothing(terms: tuple[int, ...]) -> None:
    assert term_keys(terms) == ()


@given(st.lists(st.integers(-(10**400), 10**400), max_size=60).map(tuple))
def test_keys_are_few_and_fit_a_signed_64_bit_column(terms: tuple[int, ...]) -> None:
    keys = term_keys(terms)
    assert len(keys) <= (SHIFTS + 1) * len(LEVELS)
    assert all(0 <= key < 2**62 for key in keys)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("a(n) = 3*n + 2.", "5n+17"),
        ("Powers of 7.", "powers of  12"),
        ("Primes congruent to 3 mod 11.", "Primes congruent to 12 mod 35."),
        ("Sum of A000045.", "sum of A123456"),
    ],
)
def test_names_of_one_template_share_a_key(a: str, b: str) -> None:
    assert template_key(a) == template_key(b) != 0


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("a(n) = 3*n + 2.", "a(n) = 3*n - 2."),
        ("Powers of 7.", "Primes of 7."),
        ("n + 2", "n + A000045"),
    ],
)
def test_other_names_have_other_keys(a: str, b: str) -> None:
    assert template_key(a) != template_key(b)


@pytest.mark.parametrize("name", ["", " ", "."])
def test_no_name_is_no_template(name: str) -> None:
    assert template_key(name) == 0


def test_shared_templates_and_shared_terms_link_across() -> None:
    families = group(
        np.array([7, 7, 9, 0, 0], dtype=np.int64),
        np.array([21, 21, 40, 40], dtype=np.int64),  # 21 ends there, 40 goes on
        np.array([1, 2, 3, 4], dtype=np.int32),
    )
    assert families.tolist() == [0, 0, 0, 3, 4]

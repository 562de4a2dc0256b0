"""A rule is found from its terms, holds far past them, and is not seen where there is none."""

from __future__ import annotations

import gzip
import itertools
import pickle
import random
import time
from fractions import Fraction
from math import isqrt
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from rule_strategies import FAMILIES

from codeseq_ray.agents.builtin.fitting import FitRequest, fit
from codeseq_ray.agents.builtin.rules import ArithmeticRule, LinearRecurrence, QuasiPolynomial, Rule
from codeseq_ray.agents.builtin.rules.functions import BY_SENTENCE

WINDOW = 40
FURTHER = 10


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_rule_behind_the_terms_is_found_and_goes_on_as_they_do(family: str, data: st.DataObject) -> None:
    rule = data.draw(FAMILIES[family])
    last = rule.start + WINDOW + FURTHER
    if family == "algebraic":
        # Equations of a higher degree than the family searches need not be found: any answer must go on rightly.
        last = rule.start + 24 + FURTHER
    true = rule.values(last)
    window = tuple(true[:-FURTHER])
    # Windows that hardly change tell nothing; so does a function that hardly bends on so few arguments.
    assume(sum(1 for a, b in itertools.pairwise(window[3:]) if a != b) >= 8)
    if isinstance(rule, ArithmeticRule):
        bends = list(window)
        for _ in range(3):
            bends = [b - a for a, b in itertools.pairwise(bends)]
        assume(sum(map(bool, bends)) >= 8)
    found = fit(FitRequest(window, rule.start, rule.start))
    if found is None and (family == "algebraic" or _about_two_digits(rule, window)):
        return
    assert found is not None
    assert found.start == rule.start
    assert found.values(last) == true


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(10, 60), st.sampled_from([2, 10, 10**6, 10**40]))
def test_noise_is_no_rule(seed: int, size: int, bound: int) -> None:
    draw = random.Random(seed)
    if bound == 2:
        size = max(size, 50)  # short strings of bits do repeat
    terms = tuple(draw.randrange(bound) for _ in range(size))
    assert fit(FitRequest(terms, 1, 1)) is None


@pytest.mark.parametrize("place", [9, 11, 12])
def test_one_exception_at_the_end_of_a_short_window_is_not_explained_away(place: int) -> None:
    """Among many functions one always jumps where the exception stands."""
    terms = [n * n + 3 * (n == place) for n in range(13)]
    assert fit(FitRequest(tuple(terms), 0, 0)) is None


@pytest.mark.parametrize("kind", ["square", "2^n", "catalan"])
def test_one_wrong_term_anywhere_spoils_the_rule(kind: str) -> None:
    catalan = [1]
    for n in range(30):
        catalan.append(catalan[-1] * (4 * n + 2) // (n + 2))
    terms = {"square": [n * n for n in range(30)], "2^n": [2**n for n in range(30)], "catalan": catalan[:30]}[
        kind
    ]
    assert fit(FitRequest(tuple(terms), 0, 0)) is not None
    for place in range(15, 30):  # earlier ones may count as one-off extras of a recurrence
        broken = [t + (i == place) for i, t in enumerate(terms)]
        found = fit(FitRequest(tuple(broken), 0, 0))
        assert found is None, place


def test_exceptional_terms_before_the_first_example_do_not_matter() -> None:
    terms = (77, *(n * n + 1 for n in range(3, 25)))
    found = fit(FitRequest(terms, 2, 3))
    assert found == QuasiPolynomial(3, ((Fraction(1), Fraction(0), Fraction(1)),))
    assert fit(FitRequest(terms, 2, 2)) != found


def test_the_plainer_of_two_rules_is_taken() -> None:
    squares = tuple(n * n for n in range(20))
    assert isinstance(fit(FitRequest(squares, 0, 0)), QuasiPolynomial)
    thirds = tuple(n * n // 12 for n in range(60))
    found = fit(FitRequest(thirds, 0, 0))
    assert found is not None
    assert found.parameters < 16


def test_rules_of_too_many_or_too_large_numbers_are_no_rules() -> None:
    draw = random.Random(5)
    block = [draw.randrange(10**6) for _ in range(20)]
    assert fit(FitRequest(tuple(block * 4), 0, 0)) is None
    huge = 10**13 + 1
    assert fit(FitRequest(tuple(huge**k for k in range(20)), 0, 0)) is None


def test_few_terms_are_not_enough_for_many_parameters() -> None:
    rule = LinearRecurrence(0, (1, 2, -1, 1, 3), (1, 5, 2, 7, 4))
    assert fit(FitRequest(tuple(rule.values(13)), 0, 0)) is None
    assert fit(FitRequest(tuple(rule.values(14)), 0, 0)) == rule


@pytest.mark.parametrize("window", [(), (5,), (0,) * 12, (1, 2, 3)])
def test_windows_with_hardly_anything_are_data_not_errors(window: tuple[int, ...]) -> None:
    found = fit(FitRequest(window, 1, 1))
    assert found is None or found.values(len(window)) == list(window)


def test_no_window_takes_long() -> None:
    draw = random.Random(7)
    windows = [
        tuple(draw.randrange(10**1000) for _ in range(100)),
        tuple(draw.randrange(3) for _ in range(2000)),
        tuple(itertools.accumulate(range(1, 100), lambda a, b: a * b)),
        tuple(10**9 * n + draw.randrange(2) for n in range(300)),
    ]
    fit(FitRequest(windows[1][:30], 1, 1))  # tables of the process
    for window in windows:
        began = time.process_time()
        fit(FitRequest(window, 1, 1))
        assert time.process_time() - began < 1.0


def test_requests_and_rules_travel() -> None:
    request = FitRequest(tuple(2**n for n in range(12)), 0, 0)
    rule: Rule | None = fit(pickle.loads(pickle.dumps(request)))
    assert rule is not None
    assert pickle.loads(pickle.dumps(rule)) == rule


def test_real_sequences_are_found_and_hold_past_the_window(test_data: Path) -> None:
    found = held = 0
    with gzip.open(test_data / "stripped.gz", "rt") as lines:
        for line in itertools.islice((x for x in lines if x.startswith("A")), 0, None, 800):
            terms = tuple(map(int, line.split(",")[1:-1]))
            if len(terms) < 15:
                continue
            rule = fit(FitRequest(terms[: max(10, 2 * len(terms) // 3)], 1, 1))
            if rule:
                found += 1
                held += rule.values(len(terms)) == list(terms)
    assert found >= 40
    assert held >= 0.9 * found


@pytest.mark.parametrize("scale", [1, 7])
@pytest.mark.parametrize(
    ("square", "over"), [(2, 1), (3, 2), (5, 3), (7, 5), (146, 7)], ids=lambda value: str(value)
)
def test_multiples_of_an_irrational_number_rounded_down_are_not_taken_for_periodic(
    square: int, over: int, scale: int
) -> None:
    beatty = [scale * (isqrt(square * n * n) // over) - 2 * n for n in range(1, 60)]
    for window in (beatty[:20], beatty[:40]):
        rule = fit(FitRequest(tuple(window), 1, 1))
        assert not isinstance(rule, QuasiPolynomial | LinearRecurrence)


def test_exact_fractions_with_small_denominators_and_repeating_values_are_still_found() -> None:
    for terms in (
        [n // 3 for n in range(40)],
        [(2 * n) // 3 + n for n in range(40)],
        [5 * (n % 7) for n in range(40)],
    ):
        assert isinstance(fit(FitRequest(tuple(terms), 0, 0)), QuasiPolynomial | LinearRecurrence)


def _about_two_digits(rule: Rule, window: tuple[int, ...]) -> bool:
    """Rules about digits are only believed where the window reaches numbers of three digits."""
    if not isinstance(rule, ArithmeticRule):
        return False
    at = sum(c * (rule.start + len(window) - 1) ** e for e, c in enumerate(rule.argument))
    return bool(at < BY_SENTENCE[rule.function].base ** 2)


def test_two_digits_are_no_proof_of_a_rule_about_digits() -> None:
    squared_digits = tuple(sum(int(d) ** 2 for d in str(n)) for n in range(54))
    rule = fit(FitRequest(squared_digits, 0, 2))
    assert rule is None or [rule.value(n) for n in (99, 100, 101, 345)] == [162, 1, 2, 50]

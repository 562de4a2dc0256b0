"""An interval holds the truth as often as it says, and never leaves what is possible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.reporting.intervals import difference, paired_difference, ratio, share, z_of

counts = st.integers(0, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_a_share_lies_in_its_interval_and_that_between_0_and_1(pair: tuple[int, int]) -> None:
    one = share(*pair)
    assert 0 <= one.low <= one.value <= one.high <= 1


@given(counts, counts)
def test_a_difference_turned_round_is_its_opposite(a: tuple[int, int], b: tuple[int, int]) -> None:
    one, other = difference(*a, *b), difference(*b, *a)
    assert -1 <= one.low <= one.value <= one.high <= 1
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_a_paired_difference_turned_round_is_its_opposite(b: int, c: int, rest: int) -> None:
    one, other = paired_difference(b, c, b + c + rest), paired_difference(c, b, b + c + rest)
    assert -1 <= one.low <= one.value <= one.high <= 1
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))


@pytest.mark.parametrize(("p", "q"), [(0.02, 0.02), (0.1, 0.3), (0.5, 0.45)])
def test_intervals_hold_the_truth_in_about_95_of_100_draws(p: float, q: float) -> None:
    draw, n, of = np.random.default_rng(0), 80, 1500
    a, b = draw.binomial(n, p, of), draw.binomial(n, q, of)
    shares = [share(int(x), n) for x in a]
    gaps = [difference(int(x), n, int(y), n) for x, y in zip(a, b, strict=True)]
    cells = draw.multinomial(n, [p * (1 - q), q * (1 - p), 1 - p * (1 - q) - q * (1 - p)], of)
    paired = [paired_difference(int(x), int(y), n) for x, y, _ in cells]
    assert np.mean([one.low <= p <= one.high for one in shares]) > 0.92
    assert np.mean([one.low <= p - q <= one.high for one in gaps]) > 0.92
    assert np.mean([one.low <= p - q <= one.high for one in paired]) > 0.92
    # … and are no wider than they need be.
    assert np.mean([one.high - one.low for one in gaps]) < 6 * np.sqrt((p * (1 - p) + q * (1 - q) + 0.02) / n)


def test_with_more_looked_at_more_is_asked_for() -> None:
    assert z_of(1) == pytest.approx(1.95996, abs=1e-4)
    assert z_of(1) < z_of(10) < z_of(1000)


def test_a_ratio_of_sums_is_not_a_mean_of_ratios_and_has_no_end_where_few_were_accepted() -> None:
    tokens, accepted = np.array([100.0] * 50 + [900.0]), np.array([0] * 50 + [1])
    one = ratio(tokens, accepted)
    assert one is not None
    assert one.value == 5900
    assert one.low <= one.value
    assert one.high == np.inf
    assert ratio(tokens, np.zeros(51)) is None

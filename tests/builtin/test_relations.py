"""Linear relations are exact, found when they are there, and not found in noise."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from codeseq_ray.agents.builtin.relations import PRIME, berlekamp_massey, relation, symmetric

wide = st.integers(-(10**12), 10**12)


@settings(deadline=None)
@given(st.lists(st.lists(wide, min_size=12, max_size=12), min_size=2, max_size=4), st.data())
def test_a_planted_relation_is_found_and_holds_exactly(columns: list[list[int]], data: st.DataObject) -> None:
    factors = data.draw(st.lists(st.integers(-50, 50), min_size=len(columns), max_size=len(columns)))
    planted = [sum(f * c[k] for f, c in zip(factors, columns, strict=True)) for k in range(12)]
    everything = [planted, *columns]
    found = relation(everything, 4, wanted=1)
    assert found is not None
    assert found[0] > 0
    for k in range(12):
        assert sum(v * c[k] for v, c in zip(found, everything, strict=True)) == 0


def test_a_relation_only_modulo_the_prime_is_none() -> None:
    draw = random.Random(1)
    first = [draw.randrange(10**9) for _ in range(12)]
    assert relation([[x + PRIME for x in first], first], 4, wanted=2) is None


def test_noise_has_no_relation_and_spare_rows_are_demanded() -> None:
    draw = random.Random(2)
    noise = [[draw.randrange(100) for _ in range(12)] for _ in range(4)]
    assert relation(noise, 4, wanted=4) is None
    doubled = [noise[0][:5], [2 * x for x in noise[0][:5]]]
    assert relation(doubled, 3, wanted=1) == (2, -1)
    assert relation(doubled, 4, wanted=1) is None


def test_berlekamp_massey_finds_the_shortest_recurrence() -> None:
    terms = [0, 1]
    while len(terms) < 12:
        terms.append(terms[-1] + terms[-2])
    order, connection = berlekamp_massey(terms)
    assert (order, [symmetric(c) for c in connection]) == (2, [1, -1, -1])
    assert berlekamp_massey([0] * 9)[0] == 0

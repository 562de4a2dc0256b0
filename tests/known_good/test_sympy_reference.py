"""sympy, OEIS terms and programs made from names alone agree on number theory; no wrong case goes through."""

from __future__ import annotations

from collections import Counter

import pytest

from codeseq_ray.records import Sequence
from codeseq_ray.sandbox import SandboxExecutor
from known_good.corpus import Neighbourhood
from known_good.exceptions import EXCEPTIONS
from known_good.families import FAMILIES
from known_good.judged import not_caught, not_passed, taken_for_neighbours
from known_good.ties import Tied, all_of_them, short_selection


@pytest.fixture(scope="module")
def tied(oeis: dict[str, Sequence], neighbourhood: Neighbourhood) -> list[Tied]:
    return short_selection(oeis, neighbourhood)


def test_at_least_five_hundred_sequences_of_all_families_are_tied(tied: list[Tied]) -> None:
    assert len({one.sequence.id for one in tied}) == len(tied) >= 500
    families = Counter(one.family for one in tied)
    assert set(families) == {family.title for family in FAMILIES}
    assert max(families.values()) <= len(tied) // 4, "one kind outweighs the others"
    assert all(
        len(one.known.terms) >= 8 for one in tied if not one.family.startswith(("divisors", "squares"))
    )


def test_programs_hold_nothing_of_sympy(tied: list[Tied]) -> None:
    assert not [one.sequence.id for one in tied if "sympy" in one.known.source]


def test_sympy_says_the_listed_terms(tied: list[Tied]) -> None:
    differing = {
        one.sequence.id: (one.sequence.name, one.by_sympy[:8])
        for one in tied
        if tuple(one.by_sympy) != one.known.terms
    }
    assert differing == {}


async def test_every_program_passes(executor: SandboxExecutor, tied: list[Tied]) -> None:
    assert await not_passed(executor, (one.known for one in tied)) == {}


async def test_no_program_passes_with_one_case_altered_and_that_case_is_named(
    executor: SandboxExecutor, tied: list[Tied]
) -> None:
    assert await not_caught(executor, (one.known for one in tied)) == {}


@pytest.mark.slow
async def test_no_program_passes_for_the_nearest_neighbour_of_its_sequence(
    executor: SandboxExecutor, tied: list[Tied], neighbourhood: Neighbourhood
) -> None:
    assert await taken_for_neighbours(executor, (one.known for one in tied), neighbourhood.nearest) == {}


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_all_names_of_the_families_are_true_but_for_the_exceptions(
    executor: SandboxExecutor, oeis: dict[str, Sequence]
) -> None:
    """Exceptions must differ, so that none can be listed that does not need to be."""
    everything = list(all_of_them(oeis))
    differing = {one.sequence.id for one in everything if tuple(one.by_sympy) != one.known.terms}
    assert differing == set(EXCEPTIONS)
    assert set(await not_passed(executor, (one.known for one in everything))) == set(EXCEPTIONS)
    assert len(everything) > 5000

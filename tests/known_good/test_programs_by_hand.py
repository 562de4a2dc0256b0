"""Programs written by hand for the bundled sample: right ones pass, and no wrong case goes through."""

from __future__ import annotations

import ast
from functools import cache

import pytest

from codeseq_ray.bundled import sample_path
from codeseq_ray.records import Sequence
from codeseq_ray.sandbox import SandboxExecutor
from codeseq_ray.selection.plan import make_plan, screen_record
from codeseq_ray.selection.rules import SelectionSettings
from known_good.corpus import TERMS, Known, Neighbourhood, by_hand, read
from known_good.judged import not_caught, not_passed, taken_for_neighbours
from known_good.sympy_of_sample import SYMPY

UNSOLVED = {
    "A387509": "allocated to a contributor: nothing says what its terms are",
}
"""Sequences of the sample that have terms and no program."""
REACHED = {"A000066": 4, "A048365": 14}
"""Terms within the limits, where a plain search gets no further."""


@cache
def programs() -> list[Known]:
    return [
        Known(known.id, known.source, known.start, known.terms[: REACHED.get(known.id)])
        for known in by_hand()
    ]


@cache
def sample() -> dict[str, Sequence]:
    return read(str(sample_path()))


def test_two_hundred_programs_for_different_sequences_all_written_differently() -> None:
    assert len({known.id for known in programs()}) >= 200
    # By what they do, not by their names: no template with other numbers in it.
    shapes = {_shape(known.source) for known in programs()}
    assert len(shapes) >= 200


def _shape(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = "x"
        elif isinstance(node, ast.Constant):
            node.value = 0
    return ast.dump(tree)


def test_every_sequence_of_the_sample_with_terms_has_a_program_but_those_named() -> None:
    assert set(sample()) - {known.id for known in programs()} == set(UNSOLVED)


def test_every_family_reason_and_keyword_of_the_sample_is_covered() -> None:
    settings = SelectionSettings()
    covered = {known.id for known in programs()}
    plan = [
        row
        for row in make_plan((screen_record(s, settings) for s in sample().values()), settings)
        if row.sequence_id not in UNSOLVED
    ]
    assert {row.family for row in plan if row.sequence_id in covered} == {row.family for row in plan}
    assert {row.reason for row in plan if row.sequence_id in covered} == {row.reason for row in plan}
    assert len({row.reason for row in plan}) > 10
    words = {anum: set(s.keywords or ()) for anum, s in sample().items() if anum not in UNSOLVED}
    assert set().union(*(words[anum] for anum in covered)) == set().union(*words.values())


async def test_every_program_passes(executor: SandboxExecutor) -> None:
    assert await not_passed(executor, programs(), TERMS) == {}


async def test_no_program_passes_with_one_case_altered_and_that_case_is_named(
    executor: SandboxExecutor,
) -> None:
    assert await not_caught(executor, programs(), TERMS) == {}


@pytest.mark.slow
async def test_no_program_passes_for_the_nearest_neighbour_of_its_sequence(
    executor: SandboxExecutor, neighbourhood: Neighbourhood
) -> None:
    reachable = [
        known for known in programs() if neighbourhood.nearest(known.id).shared < REACHED.get(known.id, 80)
    ]
    assert len(reachable) >= 200
    assert await taken_for_neighbours(executor, reachable, neighbourhood.nearest) == {}


@pytest.mark.parametrize("anum", sorted(SYMPY))
def test_sympy_says_the_same_as_the_terms_that_the_programs_are_judged_by(anum: str) -> None:
    known = next(known for known in programs() if known.id == anum)
    terms = known.terms[:TERMS]
    assert [int(SYMPY[anum](known.start + i)) for i in range(len(terms))] == list(terms)

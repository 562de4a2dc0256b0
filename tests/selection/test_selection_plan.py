"""The plan: one row for every id, families undivided and capped, nothing moved by order or by strangers."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.oeis.source import open_source
from codeseq_ray.records import PlanRow, Sequence, Split
from codeseq_ray.selection.plan import (
    PlanBuilder,
    Screened,
    a_number,
    family_split,
    limited,
    make_plan,
    screen_record,
)
from codeseq_ray.selection.rules import Drop, SelectionSettings

SETTINGS = SelectionSettings(split_sft=0.4, split_rl=0.3, split_eval=0.3)

# Few different keys, so that families of many shapes arise; keys ending in 1 link, others need such a partner.
SCREENED = st.lists(
    st.builds(
        lambda number, reason, template, keys: (
            Screened(number, reason) if reason else Screened(number, "", template, tuple(keys))
        ),
        number=st.integers(1, 400),
        reason=st.sampled_from(["", "", "", "dead", "table"]),
        template=st.integers(0, 25),
        keys=st.sets(st.integers(2, 60), max_size=4),
    ),
    max_size=120,
    unique_by=lambda s: s.number,
)
CAPS = st.integers(1, 4).map(lambda cap: SETTINGS.model_copy(update={"family_cap": cap}))


@given(SCREENED, CAPS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(
    screened: list[Screened], settings: SelectionSettings, chance: random.Random
) -> None:
    shuffled = screened.copy()
    chance.shuffle(shuffled)
    assert list(make_plan(shuffled, settings)) == list(make_plan(screened, settings))


@given(SCREENED, CAPS)
def test_every_id_has_exactly_one_row_in_ascending_order(
    screened: list[Screened], settings: SelectionSettings
) -> None:
    rows = list(make_plan(screened, settings))
    assert [r.sequence_id for r in rows] == [a_number(n) for n in sorted(s.number for s in screened)]
    reasons = {a_number(s.number): s.reason for s in screened}
    for row in rows:
        assert row.selected == (row.reason == "")
        assert reasons[row.sequence_id] in (row.reason, "")
        assert row.reason in (reasons[row.sequence_id], Drop.FAMILY_CAP)


@given(SCREENED, CAPS)
def test_families_are_capped_never_emptied_and_never_in_two_splits(
    screened: list[Screened], settings: SelectionSettings
) -> None:
    rows = list(make_plan(screened, settings))
    passed = [r for r in rows if r.reason in ("", Drop.FAMILY_CAP)]
    sizes = Counter(r.family for r in passed)
    kept = Counter(r.family for r in passed if r.selected)
    assert kept == {family: min(size, settings.family_cap) for family, size in sizes.items()}
    splits = {(r.family, r.split) for r in rows}
    assert len(splits) == len({r.family for r in rows})


@given(SCREENED)
def test_kin_share_a_family_named_after_its_first_member(screened: list[Screened]) -> None:
    family = {int(r.sequence_id[1:]): r.family for r in make_plan(screened, SETTINGS)}
    passed = [s for s in screened if not s.reason]
    for a, b in itertools.combinations(passed, 2):
        common = {k >> 1 for k in a.term_keys} & {k >> 1 for k in b.term_keys}
        ends = any(k & 1 and k >> 1 in common for k in (*a.term_keys, *b.term_keys))
        if ends or (a.template_key and a.template_key == b.template_key):
            assert family[a.number] == family[b.number]
    members: dict[str, list[int]] = {}
    for number, name in family.items():
        members.setdefault(name, []).append(number)
    assert all(name == a_number(min(numbers)) for name, numbers in members.items())


@given(SCREENED, st.lists(st.integers(401, 500), unique=True, max_size=20))
def test_strangers_move_nothing(screened: list[Screened], strangers: list[int]) -> None:
    before = list(make_plan(screened, SETTINGS))
    more = [*screened, *(Screened(n, "", 10**6 + n, (2 * (10**6 + n) + 1,)) for n in strangers)]
    after = [r for r in make_plan(more, SETTINGS) if int(r.sequence_id[1:]) <= 400]
    assert after == before


@given(SCREENED)
def test_a_repeated_id_is_counted_and_the_first_wins(screened: list[Screened]) -> None:
    builder = PlanBuilder(SETTINGS)
    for row in (*screened, *(Screened(s.number, "", 3, (9,)) for s in screened)):
        builder.add(row)
    assert builder.duplicates == len(screened)
    assert list(builder.rows()) == list(make_plan(screened, SETTINGS))


def test_splits_take_their_shares_and_depend_on_the_seed() -> None:
    families = [a_number(n) for n in range(4000)]
    splits = Counter(family_split(f, SETTINGS) for f in families)
    for split, share in ((Split.SFT, 0.4), (Split.RL, 0.3), (Split.EVAL, 0.3)):
        assert abs(splits[split] / len(families) - share) < 0.03
    other = SETTINGS.model_copy(update={"seed": 1})
    assert sum(family_split(f, SETTINGS) != family_split(f, other) for f in families) > 1000


@pytest.mark.parametrize("only", list(Split))
def test_a_split_without_share_gets_nothing(only: Split) -> None:
    shares = {f"split_{s.value}": float(s is only) for s in Split}
    settings = SelectionSettings.model_validate(shares)
    assert {family_split(a_number(n), settings) for n in range(300)} == {only}


@given(st.sets(st.integers(1, 10**6), max_size=60), st.integers(0, 40), st.integers(0, 40), st.integers())
def test_a_smaller_limit_draws_a_subset_of_a_larger_one(numbers: set[int], a: int, b: int, seed: int) -> None:
    ids = [a_number(n) for n in numbers]
    few, many = (limited(ids, n, seed) for n in sorted((a, b)))
    assert set(few) <= set(many) <= set(ids)
    assert len(few) == min(len(ids), a, b)
    assert many == sorted(many, key=lambda i: int(i[1:]))
    assert limited(reversed(ids), a, seed) == limited(ids, a, seed)


def _plan_of(path: Path, count: int | None) -> list[PlanRow]:
    settings = SelectionSettings()
    builder = PlanBuilder(settings)
    for shard in open_source(str(path)).shards():
        entries = (e for e in shard.read() if isinstance(e, Sequence))
        for entry in itertools.islice(entries, count):
            builder.add(screen_record(entry, settings))
    return list(builder.rows())


def test_on_real_records_near_half_is_kept_and_no_family_swallows_the_rest(test_data: Path) -> None:
    rows = _plan_of(test_data / "stripped.gz", 10_000)
    _check_funnel(rows, 10_000)


@pytest.mark.slow
def test_on_all_real_records_near_half_is_kept(test_data: Path) -> None:
    rows = _plan_of(test_data / "stripped.gz", None)
    _check_funnel(rows, 155_706)
    assert 65_000 <= sum(r.selected for r in rows) <= 80_000


def _check_funnel(rows: list[PlanRow], count: int) -> None:
    assert len(rows) == count
    kept = [r for r in rows if r.selected]
    assert 0.4 <= len(kept) / count <= 0.75
    passed = Counter(r.family for r in rows if r.reason in ("", Drop.FAMILY_CAP))
    assert max(passed.values()) < 0.1 * passed.total(), "families chain into one"

"""Rows to train on: drawn by their content, counted to the last one, never trained on where they are kept back."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.errors import UsageError
from codeseq_ray.training.prepared import HELD_OUT, MEASURED, TRAIN, Prepared, Read, prepare
from codeseq_ray.training.turns import Refusal, Sample

SAMPLES = st.lists(st.integers(0, 9), min_size=1, max_size=12).map(lambda ids: Sample(ids, ids))
READS = st.lists(
    st.tuples(
        st.just("row"), st.sampled_from(["codeseq", "general"]), SAMPLES | st.sampled_from(list(Refusal))
    ),
    max_size=30,
)
LIMITS = st.none() | st.integers(1, 12)
CAP = 8


Made = tuple[Prepared, dict[str, bytes]]


def made(reads: list[Read], limit: int | None = None, held_out: int = 0, seed: int = 0) -> Made:
    files: dict[str, bytes] = {}
    with TemporaryDirectory() as scratch:
        told = prepare(
            reads,
            files.__setitem__,
            Path(scratch),
            most_tokens=CAP,
            seed=seed,
            limit=limit,
            held_out=held_out,
        )
    return told, files


def rows(told: Prepared, files: dict[str, bytes], part: str) -> list[tuple[str, tuple[int, ...]]]:
    return [
        (row["origin"], tuple(row["input_ids"]))
        for name in told.files[part]
        for row in pq.read_table(pa.BufferReader(files[name])).to_pylist()
    ]


def usable(reads: list[Read]) -> list[Read]:
    return [read for read in reads if isinstance(read[2], Sample) and len(read[2].input_ids) <= CAP]


@given(READS, LIMITS, st.integers(0, 4))
def test_every_row_is_trained_on_kept_back_or_left_out_with_a_reason(
    reads: list[Read], limit: int | None, held_out: int
) -> None:
    try:
        told, files = made(reads, limit, held_out)
    except UsageError:
        # Nothing is left when every text there is was kept back.
        assert len({str(read[2]) for read in usable(reads)}) <= 2 * held_out
        return
    counted = {part: sum(one.rows for one in told.parts[part].values()) for part in (TRAIN, HELD_OUT)}
    refused = sum(sum(reasons.values()) for reasons in told.refused.values())
    assert counted[TRAIN] + counted[HELD_OUT] + refused + told.beyond_limit == len(reads)
    assert len(rows(told, files, TRAIN)) == counted[TRAIN]
    # Texts: one that is kept back of one origin is not trained on as another's either.
    trained, back = ([ids for _, ids in rows(told, files, part)] for part in (TRAIN, HELD_OUT))
    assert not set(trained) & set(back)
    assert len(set(back)) == len(back)
    assert limit is None or counted[TRAIN] <= limit
    for part in told.parts[HELD_OUT].values():
        assert part.rows <= held_out
    assert told.longest <= CAP


@given(st.data(), READS.filter(lambda reads: len(usable(reads)) > 4), st.integers(0, 3))
def test_the_order_of_files_does_not_decide_what_is_drawn(
    data: st.DataObject, reads: list[Read], seed: int
) -> None:
    shuffled = data.draw(st.permutations(reads))
    try:
        one, other = made(reads, 2, 1, seed), made(list(shuffled), 2, 1, seed)
    except UsageError:
        return
    for part in (TRAIN, HELD_OUT):
        assert set(rows(*one, part)) == set(rows(*other, part))


@given(READS, READS.map(lambda reads: [("row", MEASURED, read[2]) for read in reads]), st.integers(0, 3))
def test_what_is_measured_is_never_trained_on(reads: list[Read], measured: list[Read], held_out: int) -> None:
    try:
        told, files = made([*reads, *measured], held_out=held_out)
    except UsageError:
        return
    contents = {tuple(sample.input_ids) for _, _, sample in usable(measured) if isinstance(sample, Sample)}
    assert {ids for origin, ids in rows(told, files, HELD_OUT) if origin == MEASURED} == contents
    assert not {ids for _, ids in rows(told, files, TRAIN)} & contents
    counted = sum(part.rows for parts in told.parts.values() for part in parts.values())
    assert counted + sum(sum(one.values()) for one in told.refused.values()) == len(reads) + len(measured)


def test_another_seed_draws_others() -> None:
    reads: list[Read] = [("row", "codeseq", Sample([a, b], [a, b])) for a in range(10) for b in range(10)]
    assert set(rows(*made(reads, 10, seed=0), TRAIN)) != set(rows(*made(reads, 10, seed=1), TRAIN))


def test_the_digest_is_of_what_is_trained_on() -> None:
    one: Read = ("a", "codeseq", Sample([1, 2], [-100, 2]))
    other: Read = ("a", "codeseq", Sample([1, 2], [1, 2]))
    assert made([one])[0].digest == made([one])[0].digest != made([other])[0].digest


def test_what_is_told_can_be_read_again() -> None:
    told, _ = made([("a", "codeseq", Sample([1, 2], [-100, 2])), ("b", "general", Refusal.NO_ANSWER)])
    assert Prepared.of(told.as_dict()) == told
    assert any("no_answer" in line for line in told.lines())


def test_nothing_left_is_an_error_that_says_why() -> None:
    with pytest.raises(UsageError, match="too_long 1"):
        made([("a", "codeseq", Sample([1] * 9, [1] * 9))])

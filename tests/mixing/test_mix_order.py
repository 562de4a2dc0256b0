"""Order and choice come from texts and seed alone: not from files, tables, buckets or their order."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codeseq_ray.errors import UsageError
from codeseq_ray.mixing.drawing import Draw, usable
from codeseq_ray.mixing.ratio import CODESEQ, GENERAL, Ratio, shares
from codeseq_ray.mixing.screening import ROWS, Screen
from codeseq_ray.mixing.spill import Buckets
from codeseq_ray.mixing.writing import FILE_ROWS, MIXED, Files, mixed_rows, require_room
from codeseq_ray.store.objects import open_store
from tests.mixing import mix_inputs
from tests.mixing.mix_inputs import chat

Row = dict[str, Any]


def kept(rows: list[Row], side: str, seed: int = 0) -> list[pa.Table]:
    asked = mix_inputs.settings(seed=seed, language="any", min_chars=1)
    tables = list(Screen(side, asked).tables(("here", row) for row in rows))
    return tables[:-1]


def mix(
    folder: Path, tables: list[pa.Table], ratio: str = "1:1", *, buckets: int = 3, dedup: bool = True
) -> tuple[list[Row], Counter[tuple[str, str]]]:
    folder.mkdir()
    spilled = Buckets(folder, buckets)
    for table in tables:
        spilled.add(table)
        if random.Random(buckets).random() < 0.5:
            spilled.flush()
    found = usable(spilled.sorted(["sample", "source", "reason"]), dedup=dedup)
    taken = shares(Ratio.parse(ratio), found.count(GENERAL), found.count(CODESEQ))
    drawn = Draw(found, taken, dedup=dedup).split(spilled.sorted())
    rows = [row for table, _ in drawn for row in mixed_rows(table).to_pylist()]
    assert Counter(row["origin"] for row in rows) == {GENERAL: taken.general, CODESEQ: taken.codeseq}
    return rows, found.duplicates


def ours(numbers: range) -> list[Row]:
    return [{"id": row["problem_id"], **row} for row in map(mix_inputs.sft, numbers)]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 60),
    st.integers(1, 20),
    st.integers(1, 9),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
def test_neither_order_nor_cuts_nor_buckets_show(
    tmp_path_factory: pytest.TempPathFactory,
    general: int,
    codeseq: int,
    buckets: int,
    pieces: int,
    chance: random.Random,
) -> None:
    rows = [chat(i) for i in range(general)] + [chat(i, id=f"again{i}") for i in range(0, general, 3)]
    if not general:
        return
    folder = tmp_path_factory.mktemp("mix")
    one, duplicates = mix(folder / "a", [*kept(rows, GENERAL), *kept(ours(range(codeseq)), CODESEQ)])
    chance.shuffle(rows)
    tables = [table for at in range(pieces) for table in kept(rows[at::pieces], GENERAL)]
    tables += kept(ours(range(codeseq))[::-1], CODESEQ)
    chance.shuffle(tables)
    other, again = mix(folder / "b", tables, buckets=buckets)
    assert one == other
    assert duplicates == again


def test_another_seed_is_another_order_and_another_choice(tmp_path: Path) -> None:
    general, mine = [chat(i) for i in range(200)], ours(range(20))

    def by_seed(seed: int) -> list[str]:
        tables = [*kept(general, GENERAL, seed), *kept(mine, CODESEQ, seed)]
        return [row["id"] for row in mix(tmp_path / str(seed), tables)[0]]

    first, second = by_seed(1), by_seed(2)
    assert first != second
    assert {i for i in first if i.startswith("g")} != {i for i in second if i.startswith("g")}
    assert {i for i in first if i.startswith("A")} == {i for i in second if i.startswith("A")}


def test_who_is_taken_does_not_hang_together_with_the_place(tmp_path: Path) -> None:
    """If one key decided both, all general rows of the mix would come from one end of the order."""
    tables = [*kept([chat(i) for i in range(2000)], GENERAL), *kept(ours(range(200)), CODESEQ)]
    rows, _ = mix(tmp_path / "m", tables)
    for half in (rows[:200], rows[200:]):
        assert 70 < sum(row["origin"] == GENERAL for row in half) < 130


def test_of_equal_texts_one_stays_and_ours_before_theirs(tmp_path: Path) -> None:
    mine = ours(range(3))
    copied = {"id": "0 stolen", "messages": mine[1]["messages"], "source": "web"}
    spaced = chat(5, id="g5 again")
    spaced["messages"] = [
        {**turn, "content": f"  {turn['content'].upper()}\n"} for turn in spaced["messages"]
    ]
    rows = [chat(i) for i in range(9)] + [copied, spaced, chat(7, id="a7")]
    found, duplicates = mix(tmp_path / "m", [*kept(rows, GENERAL), *kept(mine, CODESEQ)], "3:1")
    assert duplicates == {(GENERAL, "web"): 1, (GENERAL, mix_inputs.CHAT): 2}
    ids = {row["id"] for row in found}
    assert {"a7", "g5", *(row["id"] for row in mine)} <= ids  # the smaller id of two
    assert not ids & {"0 stolen", "g7", "g5 again"}
    every, none = mix(tmp_path / "n", [*kept(rows, GENERAL), *kept(mine, CODESEQ)], "4:1", dedup=False)
    assert len(every) == 15
    assert not none


def test_files_are_the_same_however_their_rows_came(tmp_path: Path) -> None:
    rows = [
        {
            "id": str(i),
            "messages": [{"role": "user", "content": "x" * (i % 50)}],
            "source": "s",
            "origin": "general",
            "license": "MIT",
            "source_url": None if i % 2 else "u",
        }
        for i in range(FILE_ROWS + 1500)
    ]
    table = pa.Table.from_pylist(rows, schema=MIXED)
    made = []
    for step in (table.num_rows, 777, 3000):
        folder = tmp_path / str(step)
        folder.mkdir()
        files = Files(folder, "data/train", MIXED)
        for start in range(0, table.num_rows, step):
            files.add(table.slice(start, step))
        made.append([(file.name, file.rows, file.path.read_bytes()) for file in files.finish()])
    assert made[0] == made[1] == made[2]
    assert [rows for _, rows, _ in made[0]] == [FILE_ROWS, 1500]
    assert made[0][1][0] == "data/train-00001-of-00002.parquet"


def test_rows_pass_the_disk_as_they_are(tmp_path: Path) -> None:
    tables = kept([chat(i, source_url="u" if i % 2 else None) for i in range(300)], GENERAL)
    buckets = Buckets(tmp_path, 7)
    for table in tables:
        buckets.add(table)
    back = pa.concat_tables(buckets.sorted()).to_pylist()
    assert back == sorted(pa.concat_tables(tables).to_pylist(), key=lambda row: (row["order"], row["digest"]))
    assert next(iter(buckets.sorted(["sample"]))).schema.names == [
        n for n in ROWS.names if n in (*ROWS.names[:6],)
    ]


def test_a_place_that_is_taken_is_refused(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    require_room(store, "here", overwrite=False)
    store.put("data/train-00000-of-00001.parquet", b"half a mix")
    with pytest.raises(UsageError, match="--overwrite"):
        require_room(store, "here", overwrite=False)
    require_room(store, "here", overwrite=True)
    store.put("thesis.txt", b"all my work")
    with pytest.raises(UsageError, match=r"thesis\.txt lies there"):
        require_room(store, "here", overwrite=True)

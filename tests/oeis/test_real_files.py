"""The long real files (CODESEQ_TEST_DATA): complete, exact, in little memory and time."""

from __future__ import annotations

import gzip
import itertools
import re
import shutil
import time
import tracemalloc
from pathlib import Path

import pytest
from rendering import read

from codeseq_ray.oeis import Diagnostic, open_source
from codeseq_ray.oeis.files import BLOCK
from codeseq_ray.records import Sequence

RECORDS = 155_706


def heads(source: Path, folder: Path, count: int) -> Path:
    """The first `count` records of the bulk files."""
    for name in ("stripped.gz", "names.gz", "meta.tsv.gz"):
        comments = 1 if name.startswith("meta") else 4
        with gzip.open(source / name) as whole, gzip.open(folder / name, "wb", compresslevel=1) as part:
            part.writelines(itertools.islice(whole, count + comments))
    return folder


def test_the_bulk_files_are_read_completely_and_without_complaint(test_data: Path) -> None:
    (shard,) = open_source(str(test_data), str(test_data / "terms80.gz")).shards()
    started = time.process_time()
    count = terms = further = large = negative = unknown = named_not_ascii = with_keywords = 0
    for s in shard.read():
        assert isinstance(s, Sequence)
        count += 1
        terms += len(s.terms)
        further += len(s.more_terms)
        large += any(abs(t) >= 10**18 for t in (*s.terms, *s.more_terms))
        negative += any(t < 0 for t in s.terms)
        unknown += s.offset is None
        with_keywords += s.keywords is not None
        named_not_ascii += not s.name.isascii()
    assert count == RECORDS
    assert (unknown, with_keywords, named_not_ascii) == (0, 5632, 415)
    assert terms == 7_362_215
    assert further == 992_123
    assert negative > 10_000
    assert large > 42_000  # 28 %
    # 5 s on a quiet core; the bound only catches a change of order.
    assert time.process_time() - started < 40


def test_refused_entries_cost_little(test_data: Path) -> None:
    (shard,) = open_source(str(test_data)).shards()
    started = time.process_time()
    assert list(shard.read(lambda number: False)) == []
    assert time.process_time() - started < 8


def test_memory_is_bounded_by_blocks_and_not_by_the_file(test_data: Path, tmp_path: Path) -> None:
    """Four files of 25 MB together, decompressed; one small object kept per record would already show."""
    folder = heads(test_data, tmp_path, 40_000)
    (shard,) = open_source(str(folder), str(test_data / "terms80.gz")).shards()
    tracemalloc.start()
    try:
        for _ in shard.read(lambda number: number % 10 == 0):
            pass
        assert tracemalloc.get_traced_memory()[1] < 12 * BLOCK
    finally:
        tracemalloc.stop()


def test_a_long_json_list_streams_in_flat_memory(test_data: Path, tmp_path: Path) -> None:
    with gzip.open(test_data / "records.jsonl.gz", "rt", encoding="utf-8") as stream:
        rows = stream.read().splitlines()

    def peak(repeats: int) -> int:
        again = (re.sub(r'"number": \d+', f'"number": {i}', row) for i, row in enumerate(rows * repeats, 1))
        path = tmp_path / "e.json"
        path.write_text("[" + ",\n".join(again) + "]", "utf-8")
        (shard,) = open_source(str(path)).shards()
        tracemalloc.start()
        try:
            assert sum(isinstance(s, Sequence) for s in shard.read()) == len(rows) * repeats
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(10) < 1.2 * peak(2)


def test_two_formats_tell_the_same_of_the_same_entry(test_data: Path) -> None:
    """A000045 and others as entries of a clone, as JSON and in the bulk files."""
    clone = {s.id: s for s in read(test_data / "seq")[0]}
    entries = {s.id: s for s in read(test_data / "records.jsonl.gz")[0]}
    numbers = {int(i[1:]) for i in (*clone, *entries)}
    (shard,) = open_source(str(test_data)).shards()
    bulk = {s.id: s for s in shard.read(numbers.__contains__) if isinstance(s, Sequence)}
    compared = 0
    for whole in (*clone.values(), *entries.values()):
        plain = bulk.get(whole.id)
        if plain is not None:
            known = min(len(plain.terms), len(whole.terms))
            assert plain.terms[:known] == whole.terms[:known]
            compared += known
    assert compared > 500


def test_real_entries_of_a_clone(test_data: Path) -> None:
    found, diagnostics = read(test_data / "seq")
    entries = {s.id: s for s in found}
    assert diagnostics == []
    assert len(entries) == 8
    fibonacci = entries["A000045"]
    assert fibonacci.offset == 0
    assert fibonacci.terms[:8] == (0, 1, 1, 2, 3, 5, 8, 13)
    assert all(
        a + b == c for a, b, c in zip(fibonacci.terms, fibonacci.terms[1:], fibonacci.terms[2:], strict=False)
    )
    assert fibonacci.keywords is not None
    assert "core" in fibonacci.keywords
    assert len(fibonacci.formulas) > 50
    assert fibonacci.programs[0] == "(Maple)"
    assert len(entries["A000001"].terms) == 94
    assert entries["A000017"].keywords == ("dead",)
    assert entries["A395003"].terms[-1] == 17178680799


def test_real_json_entries_are_read_without_complaint(test_data: Path) -> None:
    found, diagnostics = read(test_data / "records.jsonl.gz")
    assert (len(found), diagnostics) == (203, [])
    root = next(s for s in found if s.id == "A000006")
    assert root.offset == 1
    assert root.keywords == ("nonn", "easy", "nice")
    assert "(Python)" in root.programs
    assert any("Hervé" in comment for comment in root.comments)


@pytest.mark.parametrize("number", [3825, 18787])
def test_a_real_b_file_extends_a_shortened_entry(number: int, test_data: Path, tmp_path: Path) -> None:
    shutil.copy(test_data / "bfiles" / f"b{number:06d}.head400.txt", tmp_path / f"b{number:06d}.txt")
    (tmp_path / "e.jsonl").write_text(
        f'{{"number": {number}, "name": "N.", "data": "87539319,119824488,143604279", "offset": "1,1"}}'
    )
    (entry,), diagnostics = read(tmp_path / "e.jsonl", tmp_path)
    assert not [d for d in diagnostics if isinstance(d, Diagnostic)]
    assert 390 <= len(entry.more_terms) <= 397
    assert list(entry.more_terms) == sorted(entry.more_terms)

"""Real records with random bytes changed: nothing crashes, and every record is read or reported."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from codeseq_ray.errors import InputError
from codeseq_ray.oeis import Diagnostic, open_source
from codeseq_ray.oeis.internal import GroupShard
from codeseq_ray.oeis.json_entries import JsonShard
from codeseq_ray.oeis.stripped import StrippedShard
from codeseq_ray.records import Sequence

BATCH = 250
SPECIAL = [*(bytes([code]) for code in b'\n\r\0,- \t"{}[]%\\A#'), b"\xff", b"\xc3"]


def mangled(chance: random.Random, text: bytes) -> bytes:
    """The text after one to four edits; lines may be split or joined."""
    body = bytearray(text)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(body) + 1)
        end = min(len(body), at + int(chance.expovariate(0.2)))
        match chance.randrange(6):
            case 0:
                body[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                body[at:at] = chance.choice(SPECIAL)
            case 2:
                del body[at:end]
            case 3:
                body[at:at] = body[at:end]
            case 4:
                body[at:at] = bytes(body[chance.randrange(len(body) + 1) :][:20])
            case 5:
                if chance.random() < 0.2:
                    del body[at:]
    return bytes(body)


def checked(items: Iterator[Sequence | Diagnostic]) -> tuple[dict[str, Sequence], list[Diagnostic]]:
    """All that was read: each id once, each sequence valid and writable, each diagnostic printable."""
    found: dict[str, Sequence] = {}
    diagnostics: list[Diagnostic] = []
    for item in items:
        if isinstance(item, Diagnostic):
            diagnostics.append(item)
            assert str(item).isprintable() or item.message
        else:
            assert item.id not in found
            found[item.id] = item
            assert Sequence.model_validate_json(item.model_dump_json().encode()) == item
    return found, diagnostics


def accounted(body: bytes, name: str, found: dict[str, Sequence], diagnostics: list[Diagnostic]) -> None:
    """Every line that holds something gave a sequence of its id, or a diagnostic of its place."""
    reported = {d.line for d in diagnostics if d.file == name}
    for number, line in enumerate(body.split(b"\n"), 1):
        text = line.strip()
        if text and not text.startswith(b"#") and number not in reported:
            assert text[:7].decode("ascii") in found or text.split()[0].decode("ascii") in found, (
                number,
                text,
            )


def batches(rows: list[bytes], count: int) -> Iterator[list[bytes]]:
    endless = itertools.islice(itertools.cycle(rows), count)
    while batch := list(itertools.islice(endless, BATCH)):
        yield batch


def bulk_rows(test_data: Path, name: str, count: int) -> list[bytes]:
    with gzip.open(test_data / name) as stream:
        return [line for line in itertools.islice(stream, count + 4) if not line.startswith((b"#", b"anum"))]


def mangle_stripped(test_data: Path, tmp_path: Path, count: int) -> None:
    chance = random.Random(1)
    rows, names = bulk_rows(test_data, "stripped.gz", count), bulk_rows(test_data, "names.gz", count)
    shard = StrippedShard(tmp_path / "stripped", tmp_path / "names")
    for batch, named in zip(batches(rows, count), batches(names, count), strict=False):
        body = b"".join(mangled(chance, row) for row in batch)
        shard.stripped.write_bytes(body)
        (tmp_path / "names").write_bytes(b"".join(named))
        accounted(body, "stripped", *checked(shard.read()))


def mangle_names(test_data: Path, tmp_path: Path, count: int) -> None:
    chance = random.Random(2)
    shard = StrippedShard(tmp_path / "stripped", tmp_path / "names")
    shard.stripped.write_bytes(b"A000001 ,1,2,\n")
    for batch in batches(bulk_rows(test_data, "names.gz", count), count):
        body = b"".join(mangled(chance, row) for row in batch)
        (tmp_path / "names").write_bytes(body)
        accounted(body, "names", *checked(shard.read()))


def mangle_metadata(test_data: Path, tmp_path: Path, count: int) -> None:
    chance = random.Random(3)
    rows = bulk_rows(test_data, "stripped.gz", count)
    meta = bulk_rows(test_data, "meta.tsv.gz", count)
    shard = StrippedShard(tmp_path / "stripped", None, tmp_path / "meta.tsv")
    head = b"anum\toffset\tkeywords_recorded\tkeywords_source\tkeywords_inferred\tn\tn80\tmax_digits\tops\n"
    for batch, about in zip(batches(rows, count), batches(meta, count), strict=False):
        shard.stripped.write_bytes(b"".join(batch))
        (tmp_path / "meta.tsv").write_bytes(head + b"".join(mangled(chance, row) for row in about))
        found, _ = checked(shard.read())
        assert list(found) == [row[:7].decode() for row in batch]


def mangle_internal(test_data: Path, tmp_path: Path, count: int) -> None:
    chance = random.Random(4)
    sources = {path.stem: path.read_bytes() for path in (test_data / "seq").rglob("*.seq")}
    (tmp_path / "A000").mkdir()
    names = sorted(sources)
    shard = GroupShard(tmp_path / "A000")
    for number in range(count):
        for old in (tmp_path / "A000").iterdir():
            old.unlink()
        name = names[number % len(names)]
        # Edits near the terms and the short fields: in the long texts most would change nothing that is checked.
        text = b"\n".join(row[:300] for row in sources[name].split(b"\n")[:: chance.randint(1, 4)])
        (tmp_path / "A000" / f"{name}.seq").write_bytes(mangled(chance, text))
        found, diagnostics = checked(shard.read())
        assert list(found) == [name] or diagnostics


def mangle_lines_of_json(test_data: Path, tmp_path: Path, count: int) -> None:
    chance = random.Random(5)
    with gzip.open(test_data / "records.jsonl.gz") as stream:
        rows = sorted(stream.readlines(), key=len)[:100]  # the short ones, so that edits meet the structure
    shard = JsonShard(tmp_path / "e.jsonl")
    for row in itertools.islice(itertools.cycle(rows), count):
        body = mangled(chance, row)
        shard.path.write_bytes(body)
        found, diagnostics = checked(shard.read())
        assert found or diagnostics or not body.strip()


def mangle_json_document(test_data: Path, tmp_path: Path, count: int) -> None:
    chance = random.Random(6)
    with gzip.open(test_data / "records.jsonl.gz") as stream:
        rows = sorted(stream.readlines(), key=len)[:40]
    shard = JsonShard(tmp_path / "e.json")
    for number in range(count // 10):
        batch = chance.sample(rows, 10)
        text = b",\n".join(batch)
        text = b"[" + text + b"]" if number % 2 else b'{"count": 10, "results": [' + text + b"]}"
        body = mangled(chance, text)
        shard.path.write_bytes(body)
        found, diagnostics = checked(shard.read())
        assert len(found) == 10 or diagnostics


def mangle_b_files(test_data: Path, tmp_path: Path, count: int) -> None:
    chance = random.Random(7)
    source = next((test_data / "bfiles").iterdir()).read_bytes().split(b"\n")
    text = b"\n".join(source[:40])
    terms = tuple(int(row.split()[1]) for row in source[2:12])
    entry = {"number": 7, "name": "N.", "data": ",".join(map(str, terms))}
    (tmp_path / "e.jsonl").write_text(json.dumps(entry))
    (tmp_path / "b000007.txt").write_bytes(text)
    (shard,) = open_source(str(tmp_path / "e.jsonl"), str(tmp_path)).shards()
    assert len(checked(shard.read())[0]["A000007"].more_terms) == 28
    for _ in range(count):
        (tmp_path / "b000007.txt").write_bytes(mangled(chance, text))
        found, diagnostics = checked(shard.read())
        assert found["A000007"].terms == terms
        assert not diagnostics or not found["A000007"].more_terms


MANGLERS: dict[Callable[[Path, Path, int], None], int] = {
    # in the fast suite, 5,000 records in all; the slow one takes twenty times as many
    mangle_stripped: 2000,
    mangle_names: 1000,
    mangle_metadata: 500,
    mangle_internal: 400,
    mangle_lines_of_json: 500,
    mangle_json_document: 400,
    mangle_b_files: 200,
}


@pytest.mark.parametrize("mangle", MANGLERS, ids=lambda mangle: mangle.__name__)
def test_nothing_crashes_and_nothing_is_lost_in_silence(
    mangle: Callable[[Path, Path, int], None], test_data: Path, tmp_path: Path
) -> None:
    mangle(test_data, tmp_path, MANGLERS[mangle])


@pytest.mark.slow
@pytest.mark.parametrize("mangle", MANGLERS, ids=lambda mangle: mangle.__name__)
def test_nothing_crashes_in_a_hundred_thousand_records(
    mangle: Callable[[Path, Path, int], None], test_data: Path, tmp_path: Path
) -> None:
    mangle(test_data, tmp_path, 20 * MANGLERS[mangle])


def test_mangled_compressed_bytes_are_reported(test_data: Path, tmp_path: Path) -> None:
    """Every edit of a compressed file is noticed: refused at once, or reported while reading."""
    chance = random.Random(8)
    rows = bulk_rows(test_data, "stripped.gz", 1000)
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, filename="") as stream:
        stream.writelines(rows)
    sound = buffer.getvalue()
    expected = [row[:7].decode() for row in rows]
    for _ in range(25):
        body = bytearray(sound)
        at = chance.randrange(10, len(body))  # behind the header, whose time stamp nobody checks
        body[at] ^= 1 << chance.randrange(8)
        (tmp_path / "stripped.gz").write_bytes(body)
        try:
            (shard,) = open_source(str(tmp_path)).shards()
        except InputError:
            continue
        found, diagnostics = checked(shard.read())
        assert any(d.code in ("corrupt", "truncated") for d in diagnostics), at
        assert set(found) <= set(expected) or len(diagnostics) > 1

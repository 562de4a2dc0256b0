"""What is published: everything selected, once, in order, unchanged for ever, and the same bytes every time."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from synthetic import WALLS, MemoryStore, plan_row, record

from codeseq_ray.dataset.schemas import CONFIGS
from codeseq_ray.errors import IncompleteRunError, StoreError, UsageError
from codeseq_ray.records import Outcome, PlanRow, SequenceRecord, Split
from codeseq_ray.store import releases, shards, spill
from codeseq_ray.store.ledger import LedgerWriter, read_ledger
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.releases import Release, publish, read_latest
from codeseq_ray.store.run import RunStore

SPLITS = list(Split)


def outcome_of(number: int) -> Outcome:
    return [Outcome.ACCEPTED, Outcome.REJECTED, Outcome.ACCEPTED, Outcome.FAILED][number % 4]


def outcomes(numbers: Iterable[int], *, seconds: float = 0.25) -> list[SequenceRecord]:
    return [
        record(n, outcome_of(n), split=SPLITS[n % 3], corrections=n % 3, seconds=seconds) for n in numbers
    ]


def plan(numbers: Iterable[int]) -> list[PlanRow]:
    """The given numbers selected, and five more dropped by a rule."""
    rows = [plan_row(n, split=SPLITS[n % 3]) for n in numbers]
    return [*rows, *(plan_row(900_000 + n, reason="keyword") for n in range(5))]


def written(run: RunStore, records: Iterable[SequenceRecord], *, every: int = 7) -> RunStore:
    writer = LedgerWriter(run, "w", every=every)
    for one in records:
        writer.add(one)
    writer.flush()
    return run


def files_of(run: RunStore, release: Release) -> dict[str, bytes]:
    return {
        name.removeprefix(f"{release.name}/"): run.store.get(run.key(name))
        for name in run.list(f"{release.name}/")
    }


def download(run: RunStore, release: Release, to: Path) -> Path:
    for name, body in files_of(run, release).items():
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_bytes(body)
    return to


def rows_of(run: RunStore, release: Release, config: str, split: str, to: Path) -> list[dict[str, Any]]:
    folder = download(run, release, to) / "data" / config
    return [row for file in sorted(folder.glob(f"{split}-*")) for row in pq.read_table(file).to_pylist()]


@pytest.fixture
def run() -> RunStore:
    return RunStore(MemoryStore(), "r")


def test_a_release_holds_every_outcome_once_in_order(
    store_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARD_ROWS", 6)
    monkeypatch.setattr(shards, "GROUP_ROWS", 4)
    monkeypatch.setattr(spill, "BUCKET_RECORDS", 5)
    numbers = [99_999, 100_000, 1_000_000, *range(1, 60)]
    run = RunStore(open_store(store_uri), "r")
    written(run, outcomes(sorted(numbers, key=lambda n: hashlib.sha256(b"%d" % n).digest())))
    release = publish(run, plan(numbers), read_ledger(run))

    ordered = sorted(numbers)
    wanted = {
        **{
            ("problems", s): [n for n in ordered if outcome_of(n) is Outcome.ACCEPTED and SPLITS[n % 3] == s]
            for s in SPLITS
        },
        ("rejected", "train"): [n for n in ordered if outcome_of(n) is Outcome.REJECTED],
    }
    wanted["sft", "train"] = wanted["problems", "sft"]
    for (config, split), expected in wanted.items():
        rows = rows_of(run, release, config, split, tmp_path / "copy")
        assert [int(row["sequence_id"][1:]) for row in rows] == expected
        files = sorted((tmp_path / "copy/data" / config).glob(f"{split}-*"))
        whole = -(-len(expected) // 8)  # two groups of 4 pass the 6 rows that end a shard
        assert [f.name for f in files] == [f"{split}-{i:05d}-of-{whole:05d}.parquet" for i in range(whole)]
        assert all(pq.read_schema(f).equals(CONFIGS[config]) for f in files)
    counts = release.manifest["counts"]
    assert counts["selected"] == len(numbers)
    assert counts["planned"] == len(numbers) + 5
    assert counts["dropped"] == {"keyword": 5}
    assert counts["accepted"] + counts["rejected"] + counts["failed"] == len(numbers)
    assert counts["failed"] == sum(outcome_of(n) is Outcome.FAILED for n in numbers)
    assert run.read_json("latest.json") == {"release": "releases/0001"}


def test_the_manifest_tells_each_files_rows_size_and_digest(run: RunStore) -> None:
    release = publish(
        written(run, outcomes(range(1, 30))),
        plan(range(1, 30)),
        read_ledger(run),
        info={"fingerprint": "f00"},
    )
    files = files_of(run, release)
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest == release.manifest
    assert (manifest["run_id"], manifest["fingerprint"], manifest["partial"]) == ("r", "f00", False)
    assert set(manifest["files"]) == set(files)
    for name, told in manifest["files"].items():
        assert told["sha256"] == hashlib.sha256(files[name]).hexdigest()
        assert told["bytes"] == len(files[name])
        if name.endswith(".parquet"):
            config, split = name.split("/")[1], name.split("/")[2].split("-")[0]
            assert told["rows"] == manifest["counts"]["rows"][config][split]


def test_equal_outcomes_give_equal_bytes_whoever_wrote_them_when_and_in_what_order(run: RunStore) -> None:
    numbers = range(1, 50)
    one = publish(written(run, outcomes(numbers)), plan(numbers), read_ledger(run), info={"seed": 1})
    other_run = RunStore(MemoryStore(), "r")
    other_run.store.put("r/releases/0041/half-published", b"")
    # Other segments, other order, other latencies, and failed first attempts.
    again = [one.model_copy(update={"attempt": 2}) for one in reversed(outcomes(numbers, seconds=9.75))]
    written(other_run, [record(n, Outcome.FAILED) for n in numbers])
    written(other_run, again, every=3)
    two = publish(other_run, plan(numbers), read_ledger(other_run), info={"seed": 1})
    assert (one.name, two.name) == ("releases/0001", "releases/0042")
    assert files_of(run, one) == files_of(other_run, two)


def test_nothing_is_published_when_nothing_changed(run: RunStore) -> None:
    numbers = range(1, 20)
    written(run, outcomes(numbers))
    first = publish(run, plan(numbers), read_ledger(run), info={"seed": 1})
    before = dict(run.store.objects)  # type: ignore[attr-defined]  # a MemoryStore
    second = publish(run, plan(numbers), read_ledger(run), info={"seed": 1})
    assert (first.new, second.new, second.name) == (True, False, first.name)
    assert second.manifest == first.manifest
    assert run.store.objects == before  # type: ignore[attr-defined]
    assert publish(run, plan(numbers), read_ledger(run), info={"seed": 2}).name == "releases/0002"
    written(run, [record(3, Outcome.ACCEPTED, attempt=2)])  # failed before
    third = publish(run, plan(numbers), read_ledger(run), info={"seed": 2})
    assert third.name == "releases/0003"
    assert third.manifest["outcome_digest"] != first.manifest["outcome_digest"]


def test_another_record_of_the_same_outcome_is_a_change(run: RunStore) -> None:
    """A later attempt may end in the same outcome with another problem: the release has to follow."""
    written(run, [record(1, Outcome.REJECTED, detail="one")])
    assert publish(run, plan([1]), read_ledger(run)).name == "releases/0001"
    written(run, [record(1, Outcome.REJECTED, attempt=2, detail="two")])
    assert publish(run, plan([1]), read_ledger(run)).name == "releases/0002"


def test_an_incomplete_run_is_refused_and_leaves_no_trace(run: RunStore) -> None:
    written(run, outcomes(range(1, 10)))
    before = dict(run.store.objects)  # type: ignore[attr-defined]
    with pytest.raises(
        IncompleteRunError, match=r"2 of 11 selected sequences of run r have no outcome.*--partial"
    ):
        publish(run, plan(range(1, 12)), read_ledger(run))
    assert run.store.objects == before  # type: ignore[attr-defined]


def test_a_partial_release_says_so_and_how_much(run: RunStore) -> None:
    written(run, outcomes(range(1, 10)))
    release = publish(run, plan(range(1, 12)), read_ledger(run), partial=True)
    assert release.manifest["partial"]
    counts = release.manifest["counts"]
    assert (counts["selected"], counts["missing"]) == (11, 2)
    card = files_of(run, release)["README.md"].decode()
    assert "**Partial.** 2 of 11 selected sequences (18.2 %)" in card
    written(run, outcomes(range(10, 12)))
    whole = publish(run, plan(range(1, 12)), read_ledger(run), partial=True)
    assert not whole.manifest["partial"]
    assert "**Partial.**" not in files_of(run, whole)["README.md"].decode()


def test_outcomes_outside_the_plan_are_counted_and_left_out(run: RunStore, tmp_path: Path) -> None:
    written(run, outcomes(range(1, 30)))
    release = publish(run, plan(range(1, 10)), read_ledger(run))
    shown = rows_of(run, release, "rejected", "train", tmp_path)
    assert [row["sequence_id"] for row in shown] == ["A000001", "A000005", "A000009"]


def test_a_plan_with_an_id_twice_is_refused(run: RunStore) -> None:
    with pytest.raises(UsageError, match="A000007 twice"):
        publish(run, [plan_row(7), plan_row(7, reason="keyword")], read_ledger(run))


def test_a_publisher_that_dies_anywhere_spoils_nothing(run: RunStore) -> None:
    numbers = range(1, 20)
    written(run, outcomes(numbers))
    store = run.store
    assert isinstance(store, MemoryStore)
    ledger = read_ledger(run)
    reference: dict[str, bytes] | None = None
    deaths = 0
    while True:
        start = dict(store.objects)
        store.writes, store.fail_at = 0, deaths + 1
        try:
            release = publish(run, plan(numbers), ledger)
        except StoreError:
            assert read_latest(run) is None
            assert all(store.objects[key] == body for key, body in start.items())
            deaths += 1
            store.fail_at = None
            continue
        break
    # claim, 3 + 1 + 1 + 1 data files, card, manifest, latest: each was the last thing some publisher tried.
    assert deaths == 10
    assert release.name == f"releases/{deaths:04d}"  # the first death left not even a claim
    store.fail_at = None
    reference = files_of(run, release)
    other = RunStore(MemoryStore(), "r")
    clean = publish(written(other, outcomes(numbers)), plan(numbers), read_ledger(other))
    assert files_of(other, clean) == reference


def test_two_publishers_at_once_get_different_numbers(run: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    written(run, outcomes(range(1, 10)))
    ledger = read_ledger(run)
    others: list[Release] = []
    original = releases._claim_number

    def overtaken(where: RunStore, drawn_from: str) -> str:
        if not others:
            others.append(Release("", "", {}, new=True))  # only the first is overtaken
            others.append(publish(where, plan(range(1, 10)), ledger))
        return original(where, drawn_from)

    monkeypatch.setattr(releases, "_claim_number", overtaken)
    mine = publish(run, plan(range(1, 10)), ledger)
    assert (others[1].name, mine.name) == ("releases/0001", "releases/0002")
    assert files_of(run, mine) == files_of(run, others[1])


def test_a_record_that_went_missing_stops_the_release_and_is_named(run: RunStore) -> None:
    written(run, outcomes(range(1, 9)))
    gone = next(iter(run.list("records/")))
    body = run.store.get(run.key(gone))
    run.store.delete(run.key(gone))
    with pytest.raises(StoreError, match=rf"{gone}.*missing"):
        publish(run, plan(range(1, 9)), read_ledger(run))
    other = RunStore(MemoryStore(), "r")
    written(other, outcomes([1]))
    run.store.put(run.key(gone), other.store.get(other.key(next(iter(other.list("records/"))))))
    with pytest.raises(StoreError, match=rf"{gone}.*A00000\d is missing"):
        publish(run, plan(range(1, 9)), read_ledger(run))
    assert read_latest(run) is None
    run.store.put(run.key(gone), body)
    assert publish(run, plan(range(1, 9)), read_ledger(run)).new


def test_a_run_without_any_row_is_still_published(run: RunStore) -> None:
    written(run, [record(1, Outcome.FAILED)])
    release = publish(run, plan([1]), read_ledger(run))
    only = "data/outcomes/train-00000-of-00001.parquet"
    assert set(files_of(run, release)) == {"README.md", "manifest.json", only}
    assert release.manifest["counts"]["failed"] == 1


def test_datasets_opens_a_release_offline(
    store_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("datasets")
    monkeypatch.setattr(shards, "SHARD_ROWS", 5)
    monkeypatch.setattr(shards, "GROUP_ROWS", 5)
    numbers = range(1, 60)
    run = written(RunStore(open_store(store_uri), "r"), outcomes(numbers))
    release = publish(run, plan(numbers), read_ledger(run), info={"versions": {"codeseq-ray": "1"}})
    folder = download(run, release, tmp_path / "release")
    script = (
        "import json, sys\n"
        "from datasets import get_dataset_config_names, load_dataset\n"
        "path = sys.argv[1]\n"
        "found = {c: {s: [len(d), d[0]] for s, d in load_dataset(path, c).items()}\n"
        "         for c in get_dataset_config_names(path)}\n"
        "print(json.dumps([found, list(load_dataset(path))]))\n"
    )
    environment = {
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "hf"),
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
    }
    told = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    found, default = json.loads(told.stdout.splitlines()[-1])
    assert {c: {s: rows for s, (rows, _) in splits.items()} for c, splits in found.items()} == (
        release.manifest["counts"]["rows"]
    )
    assert default == ["sft", "rl", "eval"]
    assert found["problems"]["rl"][1]["walls"] == list(WALLS)
    first = found["sft"]["train"][1]
    assert [m["role"] for m in first["messages"]] == ["user", "assistant"]


PUBLISH = """
import resource, sys
from codeseq_ray.store.ledger import read_ledger
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.releases import publish
from codeseq_ray.store.run import RunStore
run = RunStore(open_store(sys.argv[1]), "r")
release = publish(run, run.read_plan(), read_ledger(run))
print(release.manifest["counts"]["accepted"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_of_a_publish_does_not_grow_with_the_run(tmp_path: Path) -> None:
    """Two and a half times the records (20 → 50 MB of JSON): nearly the same peak."""
    peaks = []
    for size in (2_000, 5_000):
        run = RunStore(open_store(str(tmp_path / str(size))), "r")
        run.write_plan(plan_row(n) for n in range(1, size + 1))
        written(run, (record(n, padding=6_000) for n in range(1, size + 1)), every=250)
        told = subprocess.run(
            [sys.executable, "-c", PUBLISH, str(tmp_path / str(size))],
            capture_output=True,
            text=True,
            check=True,
        )
        accepted, peak = told.stdout.split()
        assert int(accepted) == size
        peaks.append(int(peak) / 1024)
    assert peaks[1] < peaks[0] + 20, f"peaks of {peaks[0]:.0f} and {peaks[1]:.0f} MB"

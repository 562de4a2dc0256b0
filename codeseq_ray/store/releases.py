"""Releases: what the ledger says, drawn as a dataset that never changes again.

A release gets its number by claiming it (`releases/NNNN.claim`, which one publisher can win), then its data,
README.md and manifest.json, and last `latest.json` points to it. A publisher that dies on the way leaves a
number that nothing points to; the next one takes the next number. The claim also holds a digest of all that the
release is drawn from, by which a later publish sees that nothing has changed.

Nothing in a release tells when, where or by which attempt it was made: the same outcomes give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from codeseq_ray.crashpoints import CrashPoint, reach
from codeseq_ray.dataset import outcomes, views
from codeseq_ray.dataset.card import card
from codeseq_ray.dataset.counts import Counts
from codeseq_ray.dataset.schemas import CONFIGS
from codeseq_ray.errors import IncompleteRunError, StoreError
from codeseq_ray.records import Outcome, PlanRow
from codeseq_ray.store.ledger import Ledger, LedgerRow
from codeseq_ray.store.objects import put_once
from codeseq_ray.store.planned import Planned
from codeseq_ray.store.run import RunStore, json_bytes
from codeseq_ray.store.shards import ShardWriter
from codeseq_ray.store.spill import records_in_order

FORMAT_VERSION = 5
"""Of the release's files; goes up whenever the same outcomes are to be drawn in another way."""

LATEST = "latest.json"
_NUMBER = re.compile(r"releases/(\d{4,})[./]")


@dataclass(frozen=True)
class Release:
    """A published release. `name` is relative to the run, as in `releases/0001`."""

    name: str
    uri: str
    manifest: dict[str, Any]
    new: bool
    """False: nothing had changed, so this is the release that already was the latest."""

    @property
    def rows(self) -> dict[str, int]:
        """Rows per config, over all splits."""
        counts: dict[str, int] = {}
        for name, file in self.manifest["files"].items():
            if name.startswith("data/"):
                config = name.split("/")[1]
                counts[config] = counts.get(config, 0) + file["rows"]
        return counts


def publish(
    run: RunStore,
    plan: Iterable[PlanRow],
    ledger: Ledger,
    *,
    partial: bool = False,
    info: Mapping[str, Any] | None = None,
) -> Release:
    """Draw a release of the selected sequences' outcomes and make it the latest.

    `plan` is the whole plan, dropped rows included (`run.read_plan()`). `info` goes into the manifest as it is
    and must be the same for the same work: the run's fingerprint, settings that change rows, versions of what
    made them (`fingerprint` and `versions` also show in the card).

    Raises IncompleteRunError when a selected sequence has no outcome, unless `partial` allows that (the card
    then says how many are missing); StoreError when the store fails: publish again, nothing was half published.
    """
    planned = Planned(plan)
    info = dict(info or {})
    drawn_from, ends, ended = hashlib.sha256(), hashlib.sha256(), 0
    for row in planned:
        drawn_from.update(_line(row.sequence_id, row.family, row.split, row.reason))
    for done in ledger:
        if int(done.sequence_id[1:]) in planned.selected:
            ended += 1
            ends.update(outcome_line(done.sequence_id, done.outcome, done.stage, done.reason))
            drawn_from.update(_line(done.sequence_id, done.attempt, done.record_key, done.outcome))
    missing = len(planned.selected) - ended
    if missing and not partial:
        raise IncompleteRunError(
            f"{missing} of {len(planned.selected)} selected sequences of run {run.run_id} have no outcome yet. "
            "Run again to go on, or publish what there is with --partial."
        )
    drawn_from.update(json_bytes({"format": FORMAT_VERSION, "info": info}))
    digest = drawn_from.hexdigest()
    if (latest := unchanged(run, digest)) is not None:
        return latest
    manifest = {
        "format": FORMAT_VERSION,
        "run_id": run.run_id,
        "fingerprint": info.get("fingerprint", ""),
        "partial": missing > 0,
        "outcome_digest": ends.hexdigest(),
        "info": info,
    }
    counts = Counts()

    def counted(rows: Iterator[views.Row]) -> Iterator[views.Row]:
        for row in rows:
            if row.config == "outcomes":
                counts.add(row.fields)
            counts.add_row(row.config, row.split)
            yield row

    def finish() -> tuple[str, dict[str, Any]]:
        return card(run.run_id, counts, info), {**manifest, "counts": counts.as_json()}

    with tempfile.TemporaryDirectory(prefix="codeseq-records-") as buckets:
        return draw(run, digest, counted(_rows(run, planned, ledger, Path(buckets))), CONFIGS, finish)


def unchanged(run: RunStore, drawn_from: str) -> Release | None:
    """The latest release, if it was drawn from the same."""
    latest = read_latest(run)
    same = latest is not None and _claim(run, latest.name).get("drawn_from") == drawn_from
    return latest if same else None


def read_latest(run: RunStore) -> Release | None:
    """The release that `latest.json` points to; None before the first one."""
    pointer = run.read_json(LATEST)
    if pointer is None:
        return None
    name = str(pointer.get("release", ""))
    manifest = run.read_json(f"{name}/manifest.json") if _NUMBER.match(f"{name}/") else None
    if manifest is None:
        raise StoreError(f"{run.uri}/{LATEST} points to {name!r}, which is not a whole release: restore it")
    return Release(name, f"{run.uri}/{name}", manifest, new=False)


def draw(
    run: RunStore,
    drawn_from: str,
    rows: Iterable[views.Row],
    schemas: Mapping[str, pa.Schema],
    finish: Callable[[], tuple[str, dict[str, Any]]],
) -> Release:
    """Make all files on the local disk, then claim a number, put them, and make this release the latest.

    `drawn_from` is a digest of all that the release is made of. `finish` is called when all rows have been taken: the
    card, and the manifest but for its `files`.
    """
    with tempfile.TemporaryDirectory(prefix="codeseq-release-") as shards:
        writer = ShardWriter(Path(shards), schemas)
        try:
            for row in rows:
                writer.add(row)
            finished = list(writer.finish())
        finally:
            writer.close()
        name = _claim_number(run, drawn_from)
        reach(CrashPoint.RELEASE_CLAIMED)
        files: dict[str, dict[str, Any]] = {}
        for shard in finished:
            body = shard.path.read_bytes()
            put_once(run.store, run.key(f"{name}/{shard.name}"), body)
            reach(CrashPoint.RELEASE_FILE_PUT)
            files[shard.name] = _file(body, rows=shard.rows)
    text, manifest = finish()
    readme = text.encode()
    put_once(run.store, run.key(f"{name}/README.md"), readme)
    reach(CrashPoint.RELEASE_CARD_PUT)
    files["README.md"] = _file(readme)
    manifest = {**manifest, "files": files}
    put_once(run.store, run.key(f"{name}/manifest.json"), json_bytes(manifest))
    reach(CrashPoint.RELEASE_MANIFEST_PUT)
    run.store.put(run.key(LATEST), json_bytes({"release": name}))
    reach(CrashPoint.RELEASE_LATEST_PUT)
    return Release(name, f"{run.uri}/{name}", manifest, new=True)


def _rows(run: RunStore, planned: Planned, ledger: Ledger, folder: Path) -> Iterator[views.Row]:
    """Every row of the release, sequence by sequence in A-number order."""

    def of_plan() -> Iterator[LedgerRow]:
        return (done for done in ledger if int(done.sequence_id[1:]) in planned.selected)

    records = records_in_order(run, (d for d in of_plan() if d.outcome is not Outcome.FAILED), folder)
    ended = of_plan()
    done = next(ended, None)
    for row in planned:
        if not row.selected:
            yield outcomes.dropped_row(row)
        elif done is None or done.sequence_id != row.sequence_id:
            yield outcomes.missing_row(row)
        else:
            if done.outcome is Outcome.FAILED:
                yield outcomes.failed_row(row, done.stage.value, done.reason)
            else:
                yield from outcomes.judged_rows(row, next(records))
            done = next(ended, None)


def _claim_number(run: RunStore, drawn_from: str) -> str:
    """The next number that no release or claim has, made ours."""
    taken = [int(found[1]) for name in run.list("releases/") if (found := _NUMBER.match(name))]
    number = max(taken, default=0) + 1
    claim = json_bytes({"drawn_from": drawn_from, "publisher": uuid.uuid4().hex})
    while True:
        key = run.key(f"releases/{number:04d}.claim")
        # Not ours, but with our bytes: ours after all, and only the reply was lost.
        if run.store.put_new(key, claim) or run.store.get(key) == claim:
            return f"releases/{number:04d}"
        number += 1


def _claim(run: RunStore, name: str) -> dict[str, Any]:
    return run.read_json(f"{name}.claim") or {}


def _file(body: bytes, **more: int) -> dict[str, Any]:
    return {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest(), **more}


def outcome_line(sequence_id: str, outcome: str, stage: str, reason: str) -> bytes:
    """What the manifest's `outcome_digest` is taken over, outcome by outcome by ascending A-number."""
    return _line(sequence_id, outcome, "" if outcome == Outcome.ACCEPTED else stage, reason)


def _line(*words: object) -> bytes:
    return json.dumps([str(word) for word in words]).encode() + b"\n"

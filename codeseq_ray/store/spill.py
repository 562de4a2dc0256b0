"""The records that a release is drawn from, in A-number order, without holding them all in memory.

Segments hold records in the order in which they were finished. Each is read once; the records that won go to
buckets on the local disk, by ranges of A-numbers; then one bucket after the other is sorted in memory. Needs
free space in the temporary folder (`TMPDIR`) for these records as plain JSON.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from codeseq_ray.errors import StoreError
from codeseq_ray.records import SequenceRecord
from codeseq_ray.store import parquet
from codeseq_ray.store.ledger import LedgerRow
from codeseq_ray.store.run import RunStore
from codeseq_ray.store.segments import RECORD_SCHEMA

BUCKET_RECORDS = 1_000
"""Records per bucket: about 10 MB of JSON."""
MOST_BUCKETS = 200
"""All are open at once; systems allow 256 files and more."""
READ_ROWS = 64


def records_in_order(run: RunStore, winners: Iterable[LedgerRow], folder: Path) -> Iterator[SequenceRecord]:
    """The record of each ledger row, by ascending A-number; `folder` must be empty and is used for buckets.

    Raises StoreError when the store lacks a record that the ledger acknowledges.
    """
    wanted: dict[str, dict[int, int]] = defaultdict(dict)
    numbers: list[int] = []
    for row in winners:
        number = int(row.sequence_id[1:])
        wanted[row.record_key][number] = row.attempt
        numbers.append(number)
    numbers.sort()
    size = max(BUCKET_RECORDS, -(-len(numbers) // MOST_BUCKETS))
    starts = numbers[::size]
    del numbers
    _spill(run, wanted, starts, folder)
    for bucket in range(len(starts)):
        path = folder / str(bucket)
        lines = [_split(line) for line in path.read_bytes().splitlines()]
        path.unlink()
        lines.sort(key=lambda line: line[0])
        for _, text in lines:
            yield SequenceRecord.model_validate_json(text)


def _spill(run: RunStore, wanted: dict[str, dict[int, int]], starts: Sequence[int], folder: Path) -> None:
    """Read each segment once and append the wanted records to their buckets."""
    with ExitStack() as files:
        buckets = [files.enter_context(open(folder / str(i), "wb")) for i in range(len(starts))]
        for name, body in _segments(run, sorted(wanted)):
            missing = wanted.pop(name)
            table = parquet.decode(body, RECORD_SCHEMA, f"{run.uri}/{name}")
            for batch in table.to_batches(max_chunksize=READ_ROWS):
                for row in batch.to_pylist():
                    number = int(row["sequence_id"][1:])
                    if missing.get(number) != row["attempt"]:
                        continue
                    del missing[number]  # the first of several with the same attempt stands, as in the ledger
                    buckets[bisect_right(starts, number) - 1].write(
                        b"%d\t%s\n" % (number, row["record"].encode())
                    )
            if missing:
                raise _lost(run, name, f"the record of A{min(missing):06d}")


def _segments(run: RunStore, names: list[str]) -> Iterator[tuple[str, bytes]]:
    try:
        yield from run.read_all(names)
    except KeyError as error:
        raise _lost(run, str(error.args[0]), "it") from error


def _lost(run: RunStore, name: str, what: str) -> StoreError:
    return StoreError(
        f"{name} in {run.uri}: {what} is missing although the ledger acknowledges it. Something outside this "
        "program changed the run: restore the object, or delete the ledger segment of the same name to have its "
        "sequences done again."
    )


def _split(line: bytes) -> tuple[int, bytes]:
    number, _, text = line.partition(b"\t")
    return int(number), text

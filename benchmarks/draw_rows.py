"""Rows of a run drawn by seed, whole, as Markdown with a place for a reader's note on each.

python -m benchmarks.draw_rows --run runs/ID --rows 20 --seed 0 [--outcome accepted]
"""

from __future__ import annotations

import argparse

from codeseq_ray.cases import draw
from codeseq_ray.records import Outcome, SequenceRecord
from codeseq_ray.store.ledger import read_ledger, read_record
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.run import RunStore
from codeseq_ray.summary import whole


def drawn(run: RunStore, outcome: Outcome | None, rows: int, seed: int) -> list[SequenceRecord]:
    """The records whose ids have the smallest hashes under the seed."""
    chosen = sorted(
        (row for row in read_ledger(run) if outcome is None or row.outcome is outcome),
        key=lambda row: draw(seed, "reader", row.sequence_id),
    )
    return [read_record(run, row) for row in chosen[:rows]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--run", required=True)
    parser.add_argument("--rows", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--outcome", type=Outcome, choices=list(Outcome))
    arguments = parser.parse_args()
    root, _, run_id = arguments.run.rstrip("/").rpartition("/")
    for record in drawn(
        RunStore(open_store(root), run_id), arguments.outcome, arguments.rows, arguments.seed
    ):
        print(f"## {record.sequence.id}\n\n**Note.** \n\n```text\n{whole(record)}\n```\n")


if __name__ == "__main__":
    main()

"""`jobs/gc.py` with a grace that is over at once: an hour cannot be waited for here.

python benchmarks/faults/sweeping.py s3://bucket/prefix
"""

from __future__ import annotations

import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from codeseq_ray.store import sweeping
from codeseq_ray.store.objects import open_store

if __name__ == "__main__":
    store = open_store(sys.argv[1])
    sweeping.SHORTEST_GRACE = timedelta(hours=-1)
    found = list(sweeping.sweepable(store, sweeping.runs_below(store), timedelta(hours=-1)))
    gone: Counter[str] = Counter()
    sweeping.sweep(store, found, lambda one: gone.update([one.why.name]))
    print(", ".join(f"{count} {why}" for why, count in sorted(gone.items())) or "nothing", flush=True)

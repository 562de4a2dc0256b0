"""Sweeps away what crashes and merging left in an output (docs/design/ledger.md: what that is, and why it is safe).

    python jobs/gc.py --output s3://bucket/prefix                shows what would go
    python jobs/gc.py --output s3://bucket/prefix --no-dry-run   deletes it
    python jobs/gc.py --output runs --run-id first --grace-hours 1

May run beside a run that is at work. Exit status: 0 done; 1 the store failed on the way (start it again); 2 the
request cannot be carried out.
"""

from __future__ import annotations

import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

# A job runs from a bare copy of this repository where the package may not be installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codeseq_ray.errors import CodeseqError, UsageError
from codeseq_ray.settings import SweepSettings, load
from codeseq_ray.store.opening import open_patiently
from codeseq_ray.store.sweeping import Sweepable, Why, runs_below, sweep, sweepable


def main(argv: list[str] | None = None) -> int:
    settings = load(argv, schema=SweepSettings, program="gc.py")
    if "://" not in settings.output and not Path(settings.output).expanduser().is_dir():
        raise UsageError(f"there is no folder {settings.output}")  # opening a store would make it
    store = open_patiently(settings.output, settings, warn)
    runs = runs_below(store)
    if not runs:
        raise UsageError(f"there are no runs below {store.uri}: give the folder or prefix that runs lie in")
    if settings.run_id is not None:
        if settings.run_id not in runs:
            raise UsageError(f"there is no run {settings.run_id!r} below {store.uri} (there are: {runs})")
        runs = [settings.run_id]
    grace = timedelta(hours=settings.grace_hours)
    found = list(sweepable(store, runs, grace, cache=settings.run_id is None))
    print(table(found, len(runs), settings.grace_hours))
    if settings.dry_run:
        print("\nNothing was deleted. --no-dry-run deletes." if found else "")
        return 0
    gone: Counter[Why] = Counter()
    sweep(store, found, lambda one: gone.update([one.why]))
    print(f"\n{gone.total():,} objects deleted.")
    return 0


def table(found: list[Sweepable], runs: int, hours: float) -> str:
    """By reason: how many objects, and how large."""
    counts, sizes = Counter(one.why for one in found), Counter[Why]()
    for one in found:
        sizes[one.why] += one.entry.bytes
    lines = [f"{runs} runs; what is older than {hours:g} hours and needed by nobody:"]
    lines += [
        f"  {counts[why]:>9,} objects  {sizes[why] / 1e6:>10,.1f} MB  {why.value}"
        for why in Why
        if counts[why]
    ]
    return "\n".join(lines if found else [f"{runs} runs; nothing to sweep away."])


def warn(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CodeseqError as error:
        warn(f"gc: {error}")
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        warn("stopped; the same command goes on from here")
        sys.exit(1)

"""Read exports again: each file's checksum, and that no family or sequence crosses between sft, rl and eval.

    python -m codeseq_ray.exporting exports/lf exports/verl      # together: one model is trained on both

Exit status 0: whole, and apart. 1: not; what crosses is printed. 2: no export there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from codeseq_ray.errors import UsageError
from codeseq_ray.exporting.checking import SPLITS, check

SHOWN = 20


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m codeseq_ray.exporting", description=__doc__)
    parser.add_argument("folder", nargs="+", type=Path)
    try:
        found = check(parser.parse_args(argv).folder)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    for split in SPLITS:
        families = sum(split in splits for splits in found.splits_of["family"].values())
        sequences = sum(split in splits for splits in found.splits_of["sequence"].values())
        print(f"{split:<5} {found.rows[split]:>9,} rows  {sequences:>9,} sequences  {families:>9,} families")
    for name in found.damaged:
        print(f"damaged or missing: {name}")
    for kind, crossing in found.crossing().items():
        print(f"in two splits: {len(crossing)} of {len(found.splits_of[kind])} by {kind}")
        for name, splits in list(crossing.items())[:SHOWN]:
            print(f"  {name}: {', '.join(splits)}")
    return 0 if found.sound else 1


if __name__ == "__main__":
    sys.exit(main())

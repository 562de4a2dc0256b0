"""Writes a release in the files that a trainer reads (docs/export.md).

    python jobs/export.py --dataset runs/first/releases/0001 --to trl --output exports/trl
    python jobs/export.py --dataset runs/first --rollouts runs/policy --to verl --output s3://bucket/verl
    python jobs/export.py --dataset runs/first --to llama-factory --output lf --tokenizer MODEL --max-tokens 4096

Targets: trl, verl, llama-factory, jsonl, hub-folder. Needs no Ray. Exit status: 0 written; 1 the release or the store
is not as it should be; 2 the request cannot be carried out.
"""

from __future__ import annotations

import sys
from pathlib import Path

# A job runs from a bare copy of this repository where the package may not be installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codeseq_ray.errors import CodeseqError, UsageError
from codeseq_ray.exporting.report import closing
from codeseq_ray.exporting.run import execute
from codeseq_ray.settings import ExportSettings, load, store_of


def main(argv: list[str] | None = None) -> int:
    settings = load(argv, schema=ExportSettings, program="export.py")
    print(closing(execute(settings, store_of(settings), say)))
    return 0


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CodeseqError as error:
        print(f"export: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        print("stopped; nothing was written", file=sys.stderr)
        sys.exit(1)

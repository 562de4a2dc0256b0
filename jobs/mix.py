"""Mixes the config sft of a release with a general chat set at an exact ratio (docs/mixing.md).

    python jobs/mix.py --codeseq runs/first --general tulu-3/data --output mixed
    python jobs/mix.py --codeseq s3://bucket/runs/first --general s3://bucket/tulu-3 --output s3://bucket/mixed \
        [--ratio 1:1] [--total 100000] [--against humaneval.jsonl,mbpp.parquet]
    ray job submit --working-dir . -- python jobs/mix.py --codeseq s3://… --general s3://… --output s3://…

Exit status: 0 the mix is written; 1 stopped before the end, nothing is written; 2 the request cannot be carried out.
"""

from __future__ import annotations

import sys
from pathlib import Path

# A job runs from a bare copy of this repository where the package may not be installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codeseq_ray.errors import CodeseqError, UsageError
from codeseq_ray.settings import MixSettings, load


def main(argv: list[str] | None = None) -> int:
    settings = load(argv, schema=MixSettings, program="mix.py")
    from codeseq_ray.pipeline.mixing import run  # Ray is only loaded when there is work for it

    mixed = run.execute(settings, say)
    print()
    print(run.closing(mixed))
    return 0


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CodeseqError as error:
        print(f"mix: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        print("stopped; begin anew (with --overwrite if it was writing already)", file=sys.stderr)
        sys.exit(1)

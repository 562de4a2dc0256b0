"""Measures a policy on held-out problems: programs for the n-th term, or the next number (docs/evaluate.md).

    python jobs/evaluate.py --dataset runs/first --policy-url http://host:8000/v1 --policy-model org/name
    python jobs/evaluate.py --dataset runs/first … --task next-number --beside runs/base --run-id tuned

Results as JSON, Markdown and a plot in the run's folder; `--beside` shows other evaluations in the same table. Exit
status: 0 measured on all problems in scope, or a cap of the user's ended the run; 1 some answers are not judged, or
the run was stopped (the same command with --run-id goes on); 2 the request cannot be carried out.
"""

from __future__ import annotations

import sys
from pathlib import Path

# A job runs from a bare copy of this repository where the package may not be installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codeseq_ray.errors import CodeseqError, UsageError
from codeseq_ray.settings import EvaluateSettings, load


def main(argv: list[str] | None = None) -> int:
    settings = load(argv, schema=EvaluateSettings, program="evaluate.py")
    from codeseq_ray.pipeline.sampling import evaluation  # Ray is only loaded when there is work for it

    result = evaluation.execute(settings, say)
    print()
    print(evaluation.closing(result))
    sampled = result.sampled
    if sampled.missing and not sampled.capped:
        warn(f"\n{sampled.missing} answers were not judged; {sampled.going_on()}.")
        return 1
    return 0


def say(line: str) -> None:
    print(line, flush=True)


def warn(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CodeseqError as error:
        warn(f"evaluate: {error}")
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        warn("stopped; the same command with --run-id (its first line above) goes on from here")
        sys.exit(1)

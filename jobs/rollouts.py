"""Samples a policy on finished problems, judges every answer, and keeps the problems of a band of solvability.

    python jobs/rollouts.py --dataset runs/first --policy-url http://host:8000/v1 --policy-model org/name
    ray job submit --working-dir . -- python jobs/rollouts.py --dataset s3://bucket/first --output s3://bucket …

What comes of it: docs/rollouts.md. Exit status: 0 when every rollout is judged, or a cap of the user's ended the run;
1 when some are not, or the run was stopped (the same command with --run-id goes on); 2 the request cannot be carried
out.
"""

from __future__ import annotations

import sys
from pathlib import Path

# A job runs from a bare copy of this repository where the package may not be installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codeseq_ray.errors import CodeseqError, UsageError
from codeseq_ray.settings import RolloutSettings, load


def main(argv: list[str] | None = None) -> int:
    settings = load(argv, schema=RolloutSettings, program="rollouts.py")
    from codeseq_ray.pipeline.sampling import rollouts  # Ray is only loaded when there is work for it

    result = rollouts.execute(settings, say)
    print()
    print(rollouts.closing(result))
    sampled = result.sampled
    if sampled.missing and not sampled.capped:
        print(
            f"\n{sampled.missing} rollouts were not judged; {sampled.going_on()}.",
            file=sys.stderr,
        )
        return 1
    return 0


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CodeseqError as error:
        print(f"rollouts: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        print(
            "stopped; the same command with --run-id (its first line above) goes on from here",
            file=sys.stderr,
        )
        sys.exit(1)

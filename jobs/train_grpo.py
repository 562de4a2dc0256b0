"""Trains a model on the problems that jobs/rollouts.py kept, by GRPO with the case-synergy reward (docs/training.md).

    python jobs/train_grpo.py --model Qwen/Qwen2.5-7B-Instruct --dataset runs/policy --dry-run
    python jobs/train_grpo.py --config jobs/presets/qwen2.5-7b-grpo.yaml --dataset s3://bucket/runs/policy \
        --output s3://bucket/runs --run-id grpo

Needs codeseq-ray[train]. Exit status: 0 the model is written; 1 stopped or failed, and the same command with --run-id
goes on from the last checkpoint; 2 the request cannot be carried out.
"""

from __future__ import annotations

import sys
from pathlib import Path

# A job runs from a bare copy of this repository where the package may not be installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codeseq_ray.errors import CodeseqError, UsageError
from codeseq_ray.settings import GrpoSettings, load


def main(argv: list[str] | None = None) -> int:
    settings = load(argv, schema=GrpoSettings, program="train_grpo.py")
    from codeseq_ray.pipeline.training import grpo, run  # Ray is only loaded when there is work for it

    if settings.dry_run:
        grpo.dry_run(settings, say)
        return 0
    trained = grpo.execute(settings, say)
    print()
    print(run.closing(trained))
    return 0


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CodeseqError as error:
        print(f"train_grpo: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        print(
            "stopped; the same command with --run-id (its first line above) goes on from the last checkpoint",
            file=sys.stderr,
        )
        sys.exit(1)

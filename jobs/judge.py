"""The judge: programs and their cases in, one verdict for each out. docs/judge.md says what rows and answers hold.

    python jobs/judge.py --input rows.jsonl --output answers.jsonl
    python jobs/judge.py --input s3://bucket/rows/ --output s3://bucket/answers/ [--cpu-seconds 2] [--profile NAME]
    ray job submit --working-dir . -- python jobs/judge.py --input s3://… --output s3://…

Exit status: 0 every row is answered, whatever the verdicts; 1 stopped before the end, or some programs got no
judgement; 2 the request cannot be carried out.
"""

from __future__ import annotations

import sys
from pathlib import Path

# A job runs from a bare copy of this repository where the package may not be installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codeseq_ray.errors import CodeseqError, UsageError
from codeseq_ray.settings import JudgeSettings, load


def main(argv: list[str] | None = None) -> int:
    settings = load(argv, schema=JudgeSettings, program="judge.py")
    from codeseq_ray.pipeline.judging import run  # Ray is only loaded when there is work for it

    result = run.execute(settings, say, warn)
    print()
    print(run.closing(result))
    if result.unjudged:
        warn(f"\n{result.unjudged} programs got no judgement; {run.way_on(result)}")
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
        warn(f"judge: {error}")
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        warn("stopped; where the output is a folder, the same command goes on from here")
        sys.exit(1)

"""Checks a published release again: its programs in the sandbox, every verdict, every count (docs/verify.md).

    python jobs/verify.py --dataset runs/first/releases/0001          or a run's folder: its latest release
    python jobs/verify.py --dataset s3://bucket/copy --sample 500 --report differences.jsonl
    ray job submit --working-dir . -- python jobs/verify.py --dataset s3://bucket/copy

Needs nothing but the release: works on a copy anywhere. Exit status: 0 all is as the release says; 1 something is
not, or a program got no judgement; 2 the request cannot be carried out.
"""

from __future__ import annotations

import sys
from pathlib import Path

# A job runs from a bare copy of this repository where the package may not be installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codeseq_ray.errors import CodeseqError, UsageError
from codeseq_ray.settings import VerifySettings, load


def main(argv: list[str] | None = None) -> int:
    settings = load(argv, schema=VerifySettings, program="verify.py")
    from codeseq_ray.pipeline import verifying  # Ray is only loaded when there is work for it
    from codeseq_ray.verifying.report import report_to

    with report_to(settings.report) as hand_on:
        result = verifying.execute(settings, say, hand_on)
    print()
    print(verifying.closing(result))
    return 0 if result.findings.sound else 1


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CodeseqError as error:
        print(f"verify: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        print("stopped; nothing was changed", file=sys.stderr)
        sys.exit(1)

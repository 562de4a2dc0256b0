"""Tells a run as one page: what became of every sequence, why, what it cost, what to change (docs/report.md).

    python jobs/report.py --run runs/first --output report.html
    python jobs/report.py --run s3://bucket/runs/new --compare s3://bucket/runs/old --rollouts s3://bucket/runs/policy

Exit status: 0 done; 1 the store failed; 2 the request cannot be carried out.
"""

from __future__ import annotations

import sys
from pathlib import Path

# A job runs from a bare copy of this repository where the package may not be installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codeseq_ray.errors import CodeseqError, UsageError
from codeseq_ray.settings import ReportSettings, load
from codeseq_ray.store.opening import open_run


def main(argv: list[str] | None = None) -> int:
    settings = load(argv, schema=ReportSettings, program="report.py")
    try:
        from codeseq_ray.reporting.report import report
    except ModuleNotFoundError as error:
        raise UsageError(f"{error.name} is not installed: pip install 'codeseq-ray[report]'") from None
    runs = [
        None if uri is None else open_run(uri, settings, say)
        for uri in (settings.run, settings.compare, settings.rollouts)
    ]
    run, against, rollouts = runs
    assert run is not None
    text = report(
        run,
        say,
        against=against,
        rollouts=rollouts,
        records=settings.records,
        seed=settings.seed,
        address=settings.run,
    )
    path = Path(settings.output)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--output {settings.output}: cannot be written ({error.strerror})") from None
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB; open it in a browser, it needs no network")
    return 0


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CodeseqError as error:
        say(f"report: {error}")
        sys.exit(2 if isinstance(error, UsageError) else 1)

"""Estimates what a larger run takes, from a small one that was measured (docs/sizing.md).

    python jobs/estimate.py --run runs/trial                                   the run's whole selection
    python jobs/estimate.py --run s3://bucket/runs/trial --sequences 180000 \\
        --answer-tokens-per-second 2400 --gpu-hour 2.5 --core-hour 0.04 --slots 512

Exit status: 0 done; 1 the store failed; 2 the request cannot be carried out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

# A job runs from a bare copy of this repository where the package may not be installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codeseq_ray.errors import CodeseqError, UsageError
from codeseq_ray.estimating.forecast import as_json, forecast, table
from codeseq_ray.estimating.measuring import measure
from codeseq_ray.settings import EstimateSettings, load
from codeseq_ray.store.opening import open_run


def main(argv: list[str] | None = None) -> int:
    settings = load(argv, schema=EstimateSettings, program="estimate.py")
    measured = measure(open_run(settings.run, settings, warn), settings.records, settings.seed)
    lines = forecast(measured, settings)
    print(table(measured, settings, lines))
    if settings.json_file:
        told = json.dumps(as_json(measured, settings, lines), indent=1)
        Path(settings.json_file).write_text(told + "\n", encoding="utf-8")
    return 0


def warn(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CodeseqError as error:
        warn(f"estimate: {error}")
        sys.exit(2 if isinstance(error, UsageError) else 1)

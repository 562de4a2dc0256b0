"""Shows records of a run in the terminal, and what became of all its sequences (docs/show.md).

    python jobs/show.py --run runs/first A000045 A000027       whole records
    python jobs/show.py --run s3://bucket/runs/first --reasons
    python jobs/show.py --run runs/first --sample rejected:not_validated:5
    python jobs/show.py --run runs/first --sample rejected:100 --json | jq .detail

The run may be going on. Exit status: 0 done; 1 the store failed; 2 the request cannot be carried out, or nothing of
what was asked for is there.

(Not `inspect.py`: a job's folder is first on the path of what it imports, so that `import inspect` of the standard
library would run this file, in every job of the folder. We tried it: `import dataclasses` did.)
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

# A job runs from a bare copy of this repository where the package may not be installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codeseq_ray.errors import CodeseqError, UsageError
from codeseq_ray.settings import ShowSettings, load
from codeseq_ray.store.opening import open_run
from codeseq_ray.telling.reading import Seen
from codeseq_ray.telling.screen import Screen
from codeseq_ray.telling.showing import show
from codeseq_ray.telling.words import visible


def main(argv: list[str] | None = None) -> int:
    settings = load(argv, schema=ShowSettings, program="show.py")
    shown = show(Seen(open_run(settings.run, settings, warn)), settings, Screen(), warn)
    return 0 if shown else 2


def warn(line: str) -> None:
    print(visible(line), file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CodeseqError as error:
        warn(f"show: {error}")
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except BrokenPipeError:  # `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        sys.exit(1)

"""The main job over a folder of OEIS records: wall and CPU seconds, memory by role, funnel.

    python -m benchmarks.spine --input FOLDER --output URI [--records N] [--result FILE] [-- more flags of the job]

`--records N` works on the first N records only (of `stripped.gz` and the files beside it). Without `--input`, the
bundled sample. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.process_tree import measure


def first_records(folder: Path, records: int, into: Path) -> None:
    """The official files cut after so many records; all are sorted by A-number."""
    last = ""
    with gzip.open(folder / "stripped.gz", "rt") as lines, gzip.open(into / "stripped.gz", "wt") as out:
        for line in lines:
            if line.startswith("A"):
                if not records:
                    break
                records -= 1
                last = line.split(" ", 1)[0]
            out.write(line)
    for name in ("names.gz", "meta.tsv.gz"):
        if (folder / name).exists():
            with gzip.open(folder / name, "rt") as lines, gzip.open(into / name, "wt") as out:
                out.writelines(line for line in lines if not line.startswith("A") or line[:7] <= last)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--input", type=Path)
    parser.add_argument("--output", default=None)
    parser.add_argument("--records", type=int, default=0)
    parser.add_argument("--result", type=Path)
    parser.add_argument("more", nargs="*")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.input
        if arguments.records:
            folder = Path(temporary)
            first_records(arguments.input, arguments.records, folder)
        job = Path(__file__).resolve().parents[1] / "jobs" / "synthesize.py"
        command = [sys.executable, str(job), "--run-id", time.strftime("bench-%Y%m%d-%H%M%S")]
        command += ["--input", str(folder)] if folder else []
        command += ["--output", arguments.output or temporary, *arguments.more]
        usage = measure(command, {**os.environ, "RAY_AUTH_MODE": "disabled"})
    print(usage.output)
    figures = {
        "exit_code": usage.exit_code,
        "wall_seconds": round(usage.wall_seconds, 1),
        "cpu_seconds": round(usage.cpu_seconds, 1),
        "machine_cpu_seconds": round(usage.machine_cpu_seconds, 1),
        "cpu_by_role": {role: round(seconds, 1) for role, seconds in sorted(usage.cpu_by_role.items())},
        "processes": usage.processes,
        "peak_mib": {role: round(mib) for role, mib in sorted(usage.peak_mib.items())},
        "machine": {
            "cpus": os.cpu_count(),
            "kernel": platform.release(),
            "python": platform.python_version(),
        },
    }
    print(json.dumps(figures, indent=1))
    if arguments.result:
        arguments.result.write_text(
            json.dumps({**figures, "output": usage.output.splitlines()}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()

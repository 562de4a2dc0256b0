"""Estimates from small runs against what larger runs then took.

    python -m benchmarks.sizing [--result FILE.md]

Two pairs of runs: the built-in agents on the long OEIS file (CODESEQ_TEST_DATA), and the tests' model server on the
bundled sample. A line says whether the larger run's figure lies within the interval that the small one gave.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from codeseq_ray.estimating.forecast import forecast
from codeseq_ray.estimating.measuring import NAMES, Measured, measure
from codeseq_ray.estimating.settings import EstimatingSettings
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.run import RunStore
from tests.model_server.process import served

COMPARED = {
    "accepted sequences": "accepted",
    "model calls": "calls",
    "prompt tokens": "prompt_tokens",
    "answer tokens": "answer_tokens",
    "records": "record_bytes",
}


def run(output: Path, run_id: str, limit: int | None, *flags: str) -> Measured:
    command = [sys.executable, "jobs/synthesize.py", "--output", str(output), "--run-id", run_id, *flags]
    if limit is not None:
        command += ["--limit", str(limit)]
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    return measure(RunStore(open_store(str(output)), run_id), 1_000_000, 0)


def compared(name: str, small: Measured, large: Measured) -> list[str]:
    settings = EstimatingSettings(run="r", sequences=len(large.took))
    lines = []
    for line in forecast(small, settings):
        scale = 1e9 if line.unit == "GB" else 1
        if line.name == "CPU of the sandbox":
            sums = dict(zip(NAMES, large.took.sum(axis=0), strict=True))
            found = (sums["program_seconds"] + 0.003 * sums["executions"]) / 3600
        elif line.name == "objects written":
            found = 2.0 * large.segments
        elif line.name in COMPARED:
            found = large.took[:, NAMES.index(COMPARED[line.name])].sum() / scale
        else:
            continue
        if not found and not line.value.expected:
            continue
        value = line.value
        held = "yes" if value.low <= found <= value.high else "**no**"
        lines.append(
            f"| {name} | {len(small.took):,} → {len(large.took):,} | {line.name} | {value.expected:,.4g} "
            f"({value.low:,.4g} to {value.high:,.4g}) | {found:,.4g} | {held} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--result", type=Path)
    options = parser.parse_args()
    data = os.environ["CODESEQ_TEST_DATA"]
    lines = ["| runs | sequences | figure | estimated | found | within |", "|---|---|---|---:|---:|---|"]
    with tempfile.TemporaryDirectory(prefix="sizing") as name:
        folder = Path(name)
        builtin = [run(folder / "b", f"r{n}", n, "--input", data) for n in (300, 3000)]
        lines += compared("built-in agents", *builtin)
        with served(folder / "requests.jsonl") as server:
            models = [run(folder / f"m{n}", "r", n, "--agents", "llm", *server.flags) for n in (50, None)]
        lines += compared("models (stand-in)", *models)
    text = "\n".join(lines)
    print(text)
    if options.result:
        options.result.write_text(text + "\n")


if __name__ == "__main__":
    main()

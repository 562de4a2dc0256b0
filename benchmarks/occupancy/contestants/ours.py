"""Ours, the whole pipeline as `jobs/synthesize.py` runs it: plan, loop actors on Ray, ledger, release."""

from __future__ import annotations

from benchmarks.occupancy.contestants import Task, told
from benchmarks.occupancy.crew import crew, write_input
from benchmarks.occupancy.workload import MODEL, MOST_ROUNDS
from codeseq_ray.settings import Settings, load


def settings_of(task: Task) -> Settings:
    """The settings of the run; its input is written first."""
    data = task.folder / "oeis"
    write_input(task.records, data)
    return load(
        [
            *("--input", str(data), "--output", str(task.folder / "runs"), "--run-id", "occupancy"),
            *("--agents", "llm", "--no-agent-filter"),
            *("--requests-in-flight", str(task.slots), "--records-in-flight", str(task.open_records)),
            *("--generator-url", task.url, "--generator-model", MODEL),
            *("--verifier-url", task.url, "--verifier-model", MODEL),
            *("--corrections", str(MOST_ROUNDS - 1), "--family-cap", str(len(task.records))),
        ]
    )


def work(task: Task) -> None:
    from codeseq_ray.pipeline.run import execute

    result = execute(settings_of(task), print, crew=crew)
    print(result.ledger.outcomes)


if __name__ == "__main__":
    work(told())

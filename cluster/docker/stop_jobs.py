"""Stop what runs on this Ray head, before its pod goes: a preStop hook.

    python cluster/docker/stop_jobs.py SECONDS

Kubernetes ends Ray and the drivers at the same moment, and a driver without Ray can only fail. Stopped as a Ray job,
it gets SIGTERM first: open sequences have `--grace-seconds` to end, and everything is written. Ray kills it after
RAY_JOB_STOP_WAIT_TIME_S. This waits for that, for SECONDS at most. Exit status 0 in any case: the pod goes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Protocol


class Jobs(Protocol):
    """The part of `ray.job_submission.JobSubmissionClient` that is used here."""

    def list_jobs(self) -> list[Any]: ...
    def stop_job(self, job_id: str) -> bool: ...


def running(jobs: Jobs) -> list[str]:
    """Submission ids of drivers that have not ended."""
    return [
        job.submission_id for job in jobs.list_jobs() if job.submission_id and not job.status.is_terminal()
    ]


def stop_all(
    jobs: Jobs,
    seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[str]:
    """Ask every driver to end, once, and wait; returns those that had not ended after `seconds`."""
    until = clock() + seconds
    for job in running(jobs):
        jobs.stop_job(job)
    while (left := running(jobs)) and clock() < until:
        sleep(1.0)
    return left


def main(seconds: float) -> None:
    from ray.job_submission import JobSubmissionClient

    try:
        left = stop_all(JobSubmissionClient("http://127.0.0.1:8265"), seconds)
    except Exception as error:  # Ray is gone already: nothing to stop
        print(f"stop_jobs: {error}", file=sys.stderr)
    else:
        print(f"stop_jobs: still running: {', '.join(left)}" if left else "stop_jobs: nothing runs")


if __name__ == "__main__":
    main(float(sys.argv[1]))

"""Dockerfiles, and what pods run of them before and after their work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ray.job_submission import JobStatus

from cluster.checks import images
from cluster.checks.rendering import CLUSTER
from cluster.docker import fetch_input, stop_jobs
from codeseq_ray.errors import UsageError

DOCKERFILE = (CLUSTER / "docker" / "cpu.Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("FROM python:3.11-slim-bookworm\n", "FROM python\n", "no fixed version"),
        ("FROM python:3.11-slim-bookworm\n", "FROM python:latest\n", "no fixed version"),
        ("USER 10001:10001", "USER root", "USER has to be"),
        ('ENTRYPOINT ["tini", "--"]', "", "no ENTRYPOINT"),
        ("HEALTHCHECK", "#", "no HEALTHCHECK"),
        ("ENV PYTHONUNBUFFERED=1", "ENV AWS_SECRET_ACCESS_KEY=abc PYTHONUNBUFFERED=1", "no secret"),
        ("ENV PYTHONUNBUFFERED=1", "ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1", "compiles"),
        ("bash tini wget", "bash tini", "wget is missing"),
        ("image.licenses", "image.license", "licenses is missing"),
        ("COPY LICENSE /opt", "COPY LICENCE /opt", "no such file"),
        ("COPY LICENSE /opt", "COPY tests /opt", "leaves it out"),
    ],
)
def test_a_spoiled_dockerfile_is_told(old: str, new: str, said: str) -> None:
    assert old in DOCKERFILE
    path = Path("cpu.Dockerfile")
    assert not list(images.problems(path, DOCKERFILE))
    assert any(said in problem for problem in images.problems(path, DOCKERFILE.replace(old, new)))


def test_hadolint_finds_what_it_should(tmp_path: Path) -> None:
    program = images.hadolint()
    if program is None:
        pytest.skip("hadolint is not installed")
    spoiled = tmp_path / "Dockerfile"
    spoiled.write_text(DOCKERFILE.replace("USER 10001:10001", "RUN cd /tmp && wget x"))
    assert any("DL3003" in line for line in images.lint(spoiled, program))
    assert not list(images.lint(CLUSTER / "docker" / "cpu.Dockerfile", program))


RUNNING, STOPPED = JobStatus.RUNNING, JobStatus.STOPPED


class _Jobs:
    """Drivers that end so many looks after they were asked to."""

    def __init__(self, **looks: int) -> None:
        self.left = looks
        self.asked: list[str] = []

    def list_jobs(self) -> list[Any]:
        for job in self.asked:
            self.left[job] -= 1
        return [
            type("Job", (), {"submission_id": job, "status": RUNNING if left > 0 else STOPPED})
            for job, left in self.left.items()
        ]

    def stop_job(self, job_id: str) -> bool:
        self.asked.append(job_id)
        return True


def test_drivers_are_asked_once_and_waited_for() -> None:
    jobs, slept = _Jobs(a=3, b=1, ended=0), [0.0]
    left = stop_jobs.stop_all(jobs, 95, clock=lambda: sum(slept), sleep=lambda seconds: slept.append(seconds))
    assert (left, jobs.asked) == ([], ["a", "b"])
    assert 0 < sum(slept) < 95


def test_a_driver_that_does_not_end_is_given_up_in_time() -> None:
    slept = [0.0]
    left = stop_jobs.stop_all(
        _Jobs(a=10_000), 95, clock=lambda: sum(slept), sleep=lambda seconds: slept.append(seconds)
    )
    assert left == ["a"]
    assert sum(slept) <= 96


def test_an_input_is_copied_whole_under_its_names(tmp_path: Path) -> None:
    source, target = tmp_path / "store", tmp_path / "input"
    (source / "seq").mkdir(parents=True)
    (source / "stripped.gz").write_bytes(b"\x1f\x8b" + bytes(1000))
    (source / "seq" / "a.seq").write_bytes(b"%I")
    assert fetch_input.fetch(str(source), target) == 2
    copied = {
        str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()
    }
    assert copied == {"stripped.gz": b"\x1f\x8b" + bytes(1000), "seq/a.seq": b"%I"}


def test_an_input_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="nothing lies there"):
        fetch_input.fetch(str(tmp_path / "empty"), tmp_path / "input")

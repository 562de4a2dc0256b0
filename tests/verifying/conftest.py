"""A small real release, made once by the real job."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from codeseq_ray.pipeline.run import execute
from codeseq_ray.settings import load
from tests.model_server.process import served


@pytest.fixture(scope="session")
def made(small_ray: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made by models that err: it holds accepted, rejected and corrected programs in all splits."""
    output = tmp_path_factory.mktemp("made")
    with served(output / "requests.jsonl", "--skill-keeps", "0.95", "--skill-validations", "0.97") as server:
        told_again = ["--paraphrases", "2", "--paraphrase-answers", "2"]
        flags = [
            "--output",
            str(output / "runs"),
            "--run-id",
            "r",
            "--limit",
            "60",
            *told_again,
            *server.flags,
        ]
        release = execute(load(flags), lambda line: None).release
    return Path(release.uri)


@pytest.fixture
def release(made: Path, tmp_path: Path) -> Path:
    """A copy of this test's own, far from its run."""
    return Path(shutil.copytree(made, tmp_path / "copy"))

"""What the served models can be told, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from codeseq_ray.errors import UsageError
from codeseq_ray.serving.settings import ServingSettings
from codeseq_ray.settings import load


def told(*flags: str) -> ServingSettings:
    return load(list(flags), schema=ServingSettings, program="serving")


@pytest.mark.parametrize("hardware", ["one-gpu", "several-gpus", "cpu"])
def test_without_more_than_the_hardware_both_roles_have_a_model_of_another_family(hardware: str) -> None:
    settings = told("--hardware", hardware)
    assert settings.generator.partition("/")[0] != settings.verifier.partition("/")[0]
    assert settings.generator_model != settings.verifier_model


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--hardware", "cpu", "--generator-gpus", "2"], "--generator-gpus"),
        (["--hardware", "several-gpus", "--verifier-gpu-share", "0.2"], "--verifier-gpu-share"),
        (["--hardware", "one-gpu", "--cpu-threads", "2"], "--cpu-threads"),
        (["--hardware", "one-gpu", "--generator-replicas-max", "2"], "--generator-replicas-max"),
        (["--generator-gpu-share", "0.7"], "1.1"),
        (["--verifier-model", "generator"], "generator"),
        (["--hardware", "several-gpus", "--generator-replicas-min", "4"], "generator"),
        (["--verifier", " "], "verifier"),
        (["--max-num-seqs", "0"], "--max-num-seqs"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(flags: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        told(*flags)


def test_flags_win_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "serving.yaml"
    file.write_text("hardware: several-gpus\nmax-num-seqs: 8\ngenerator-gpus: 4\nport: 9000\n")
    monkeypatch.setenv("CODESEQ_MAX_NUM_SEQS", "16")
    monkeypatch.setenv("CODESEQ_PORT", "9001")
    settings = told("--config", str(file), "--port", "9002")
    assert (settings.generator_gpus, settings.max_num_seqs, settings.port) == (4, 16, 9002)
    assert settings.hardware == "several-gpus"


def test_a_misspelt_name_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "serving.yaml"
    file.write_text("generator-gpu: 4\n")
    with pytest.raises(UsageError, match="generator_gpu"):
        told("--config", str(file))
    monkeypatch.setenv("CODESEQ_GENERATOR_GPU", "4")
    with pytest.raises(UsageError, match="CODESEQ_GENERATOR_GPU"):
        told()

"""Tests of training need `make install-train`; where it was not run they skip and say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.tiny import tiny_model, tiny_tokenizer

NEEDED = "needs the packages of [train]: make install-train"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model and its tokenizer."""
    pytest.importorskip("trl", reason=NEEDED)
    return tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers", reason=NEEDED)
    return tiny_tokenizer(tmp_path_factory.mktemp("tokenizer"))

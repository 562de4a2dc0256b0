"""One small real Ray for the room: one CPU, its own folder, no token file in anyone's home."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray


@pytest.fixture(scope="session")
def small_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    os.environ["RAY_AUTH_MODE"] = "disabled"
    os.environ.pop("RAY_ADDRESS", None)
    # Ray's socket paths must be short.
    folder = Path("/tmp") / f"cr{os.getpid()}"
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, _temp_dir=str(folder))
    yield
    ray.shutdown()

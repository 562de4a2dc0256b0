"""The full data, read once; one warm executor for a module's tests, as in a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from codeseq_ray.records import Sequence
from codeseq_ray.sandbox import SandboxExecutor, walls
from known_good.corpus import Neighbourhood, read


@pytest.fixture(scope="module")
def executor() -> Iterator[SandboxExecutor]:
    if lacking := walls.missing():
        pytest.skip(f"this machine lacks {'; '.join(lacking)}")
    with SandboxExecutor() as it:
        yield it


@pytest.fixture(scope="session")
def oeis(test_data: Path) -> dict[str, Sequence]:
    return read(str(test_data))


@pytest.fixture(scope="session")
def neighbourhood(oeis: dict[str, Sequence]) -> Neighbourhood:
    return Neighbourhood(oeis)

"""One executor for a module's tests: its zygotes stay warm, as in a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from codeseq_ray.sandbox import SandboxExecutor, walls


@pytest.fixture(scope="module")
def executor() -> Iterator[SandboxExecutor]:
    if lacking := walls.missing():
        pytest.skip(f"this machine lacks {'; '.join(lacking)}")
    with SandboxExecutor() as it:
        yield it

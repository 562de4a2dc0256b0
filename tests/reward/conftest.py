"""One scorer for a module's tests: its sandboxes stay warm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from codeseq_ray.reward import RewardSettings, Scorer
from codeseq_ray.sandbox import walls


@pytest.fixture(scope="module")
def scorer() -> Iterator[Scorer]:
    if lacking := walls.missing():
        pytest.skip(f"this machine lacks {'; '.join(lacking)}")
    with Scorer(RewardSettings(workers=2, cpu_seconds=1.0, reference_cpu_seconds=0.5)) as it:
        yield it

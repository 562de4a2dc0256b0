"""Every attack of the table against the real executor: none gets through, and each ends as it must."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from codeseq_ray.ports import Execution
from codeseq_ray.sandbox import SandboxExecutor, walls, warm

from .attack import SECRET, Wall
from .real import Real
from .ring import Ring
from .table import ATTACKS, LISTED


@pytest.fixture(scope="module")
def real() -> Iterator[Real]:
    if lacking := walls.missing():
        pytest.skip(f"this machine lacks {'; '.join(lacking)}")
    with (
        tempfile.TemporaryDirectory(prefix="codeseq-attacks-") as folder,
        pytest.MonkeyPatch.context() as patch,
        SandboxExecutor() as executor,
    ):
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        ring = Ring(Path(folder), walls.NOBODY if os.getuid() == 0 else os.getuid())
        yield Real(executor, ring)
        ring.close()


OPEN: dict[str, str] = {}
"""Attacks that get through, and how."""


def attacks() -> list[object]:
    return [
        pytest.param(name, marks=pytest.mark.xfail(reason=OPEN[name], strict=True)) if name in OPEN else name
        for name in ATTACKS
    ]


@pytest.mark.parametrize("name", attacks())
def test_an_attack_fails(real: Real, name: str) -> None:
    """As the user that runs the tests; where that is root, the programs run as nobody."""
    _, trouble = real.attempt(ATTACKS[name])
    assert not trouble


@pytest.mark.parametrize("name", attacks())
def test_an_attack_fails_where_the_worker_is_unprivileged(
    of_unprivileged: dict[str, tuple[str, str]], name: str
) -> None:
    _, trouble = of_unprivileged[name]
    assert not trouble


def test_the_environment_of_a_program_is_the_zygotes_alone(real: Real) -> None:
    run = real.executor.run(Execution("import os\nprint(*os.environ)", ("",))).runs[0]
    assert set(run.stdout.split()) == set(warm._environment(0))
    assert not set(warm._environment(0)) & {"HOME", "PATH", "AWS_SECRET_ACCESS_KEY"}


def test_the_table_is_whole() -> None:
    assert len(ATTACKS) == LISTED, "two attacks have one name"
    assert len(ATTACKS) >= 150
    assert {wall for attack in ATTACKS.values() for wall in attack.walls} == set(Wall), (
        "a wall that nothing attacks"
    )
    assert [a.name for a in ATTACKS.values() if not a.walls] == []

"""The two long runs go on beside the tests in this process; each starts once, and only if a test asks for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from codeseq_ray.sandbox import walls

if TYPE_CHECKING:
    from .controls import Controls


@pytest.fixture(scope="session", autouse=True)
def beside(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Any]]]:
    """What the chosen tests will ask for, started together. (Not when they are collected: tests of other folders
    count processes and descriptors.)"""
    from . import controls, unprivileged

    asked = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    pool = ThreadPoolExecutor(2)
    futures: dict[str, Future[Any]] = {}
    if not walls.missing():
        if "of_unprivileged" in asked and os.getuid() == 0:
            futures["of_unprivileged"] = pool.submit(unprivileged.attempt_all)
        if "of_controls" in asked:
            futures["of_controls"] = pool.submit(controls.run)
    yield futures
    pool.shutdown()


@pytest.fixture(scope="session")
def of_unprivileged(beside: dict[str, Future[Any]]) -> dict[str, tuple[str, str]]:
    """Attack → (kind, trouble)."""
    if os.getuid() != 0:
        pytest.skip("the suite runs unprivileged already")
    found = _result(beside, "of_unprivileged")
    if isinstance(found, str):
        pytest.skip(found)
    return found  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def of_controls(beside: dict[str, Future[Any]]) -> Controls:
    found: Controls = _result(beside, "of_controls")
    if found.refused:
        pytest.skip(found.refused)
    return found


def _result(beside: dict[str, Future[Any]], name: str) -> Any:
    if name not in beside:
        pytest.skip(f"this machine lacks {'; '.join(walls.missing())}")
    return beside[name].result()

"""Renderings for the tests, and ways into them.

This folder has no `__init__.py`: pytest puts `tests` on the path, and it would hide the package `cluster`.
"""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest

from cluster.checks import rendering
from cluster.checks.pods import ray_cluster
from cluster.checks.rendering import CLUSTER, Document, Rendering

needs_kustomize = pytest.mark.skipif(
    rendering.kustomize() is None, reason="neither kubectl nor kustomize is installed"
)
OVERLAYS = ["trial", "gpu", "interactive"]
JOB, SERVICE, CLUSTER_KIND = "RayJob", "RayService", "RayCluster"


@cache
def untouched(name: str) -> Rendering:
    return rendering.render(CLUSTER / "overlays" / name)


def rendered(name: str) -> Rendering:
    """A copy that a test may spoil."""
    return copy.deepcopy(untouched(name))


def the(found: Rendering, kind: str, name: str | None = None) -> Document:
    (document,) = [each for each in found.of_kind(kind) if name in (None, each["metadata"]["name"])]
    return document


def group(document: Document, name: str) -> dict[str, Any]:
    cluster = ray_cluster(document)
    assert cluster is not None
    (found,) = [each for each in cluster["workerGroupSpecs"] if each["groupName"] == name]
    return found  # type: ignore[no-any-return]


def pod_spec(document: Document, name: str) -> dict[str, Any]:
    cluster = ray_cluster(document)
    assert cluster is not None
    part = cluster["headGroupSpec"] if name == "head" else group(document, name)
    spec: dict[str, Any] = part["template"]["spec"]
    return spec


def container(document: Document, name: str) -> dict[str, Any]:
    first: dict[str, Any] = pod_spec(document, name)["containers"][0]
    return first

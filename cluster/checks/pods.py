"""The pods that the objects of a rendering bring about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from cluster.checks.rendering import Document, Rendering, named

Part = Literal["head", "worker", "submitter", "other"]
RAY_CLUSTERS = {"RayCluster": (), "RayJob": ("rayClusterSpec",), "RayService": ("rayClusterConfig",)}
"""Where the spec of the Ray cluster stands in an object's spec."""


@dataclass(frozen=True)
class Pod:
    """A template of pods."""

    where: str
    part: Part
    labels: dict[str, str]
    spec: dict[str, Any]
    group: dict[str, Any]
    """Head or worker group of a Ray cluster; empty for other pods."""
    autoscaler: dict[str, Any] | None = None
    """What KubeRay makes the autoscaler's container of, beside a head."""

    def containers(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each container, with its place. KubeRay's own init container takes its settings from Ray's."""
        for field in ("initContainers", "containers"):
            for container in self.spec.get(field, []):
                yield f"{self.where}, container {container.get('name')}", container
        if self.autoscaler is not None:
            yield f"{self.where}, container autoscaler", self.autoscaler

    @property
    def main(self) -> dict[str, Any]:
        """The first container: Ray's, where it is a pod of Ray."""
        first: dict[str, Any] = self.spec["containers"][0]
        return first

    @property
    def start(self) -> dict[str, str]:
        """Parameters of `ray start`."""
        params: dict[str, str] = self.group.get("rayStartParams", {})
        return params


def ray_cluster(document: Document) -> dict[str, Any] | None:
    """The spec of the Ray cluster that the object makes, if it makes one."""
    if document.get("apiVersion") != "ray.io/v1" or document["kind"] not in RAY_CLUSTERS:
        return None
    spec: dict[str, Any] = document["spec"]
    for name in RAY_CLUSTERS[document["kind"]]:
        spec = spec.get(name, {})
    return spec


def pods(rendering: Rendering) -> Iterator[Pod]:
    for document in rendering.documents:
        yield from of(document)


def of(document: Document) -> Iterator[Pod]:
    """The templates that an object holds."""
    where, cluster = named(document), ray_cluster(document)
    if cluster is not None:
        if "submitterPodTemplate" in document["spec"]:
            yield _pod(f"{where}, submitter", "submitter", document["spec"]["submitterPodTemplate"])
        head = cluster.get("headGroupSpec", {})
        autoscaler = None
        if cluster.get("enableInTreeAutoscaling") and head:
            options = cluster.get("autoscalerOptions", {})
            image = head["template"]["spec"]["containers"][0].get("image")
            autoscaler = {"image": image, **options}
        yield _pod(f"{where}, head", "head", head.get("template", {}), head, autoscaler)
        for group in cluster.get("workerGroupSpecs", []):
            yield _pod(f"{where}, group {group.get('groupName')}", "worker", group.get("template", {}), group)
    elif isinstance(template := document.get("spec", {}).get("template"), dict):
        yield _pod(where, "other", template)


def _pod(
    where: str,
    part: Part,
    template: dict[str, Any],
    group: dict[str, Any] | None = None,
    autoscaler: dict[str, Any] | None = None,
) -> Pod:
    labels = template.get("metadata", {}).get("labels", {})
    return Pod(where, part, labels, template.get("spec", {}), group or {}, autoscaler)


_UNITS = {"": 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def quantity(text: Any) -> float:
    """Kubernetes' way to write an amount: `500m`, `7Gi`. Raises ValueError for anything else."""
    digits = str(text).rstrip("mkMGTi")
    unit = str(text)[len(digits) :]
    if unit not in _UNITS:
        raise ValueError(f"{text!r} is no amount")
    return float(digits) * _UNITS[unit]

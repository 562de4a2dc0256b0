"""House rules for every pod that a schema cannot say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cluster.checks.pods import Pod, pods, quantity
from cluster.checks.rendering import Rendering

POD_SECURITY: dict[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "runAsGroup": 10001,
    "fsGroup": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY: dict[str, Any] = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""Under which the sandbox stands (docs/design/sandbox.md), and the Pod Security Standard `restricted` with it."""

_KUBERAYS = re.compile(r"app\.kubernetes\.io/(name|created-by)$|ray\.io/")
"""Labels by which KubeRay's services find their pods."""
_FIXED_TAG = re.compile(r"[\w.-]*\d[\w.-]*")


def problems(rendering: Rendering) -> Iterator[str]:
    for pod in pods(rendering):
        yield from _pod_problems(pod)
        for where, container in pod.containers():
            yield from (f"{where}: {problem}" for problem in _container_problems(container))


def _pod_problems(pod: Pod) -> Iterator[str]:
    spec = pod.spec
    security = spec.get("securityContext", {})
    for name, wanted in POD_SECURITY.items():
        if security.get(name) != wanted:
            yield f"{pod.where}: securityContext.{name} is {security.get(name)!r}, not {wanted!r}"
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            yield f"{pod.where}: {name} opens the node to the pod"
    for volume in spec.get("volumes", []):
        if "hostPath" in volume:
            yield f"{pod.where}: volume {volume.get('name')} is the node's {volume['hostPath'].get('path')}"
        if "emptyDir" in volume and not (volume["emptyDir"] or {}).get("sizeLimit"):
            yield f"{pod.where}: volume {volume.get('name')}: an emptyDir without sizeLimit fills the node's disk"
    if spec.get("enableServiceLinks") is not False:
        # Kubernetes would put CODESEQ_…_SERVICE_HOST into the environment for a service codeseq-…, and the jobs
        # refuse names with their prefix that are no settings.
        yield f"{pod.where}: enableServiceLinks has to be false: the jobs refuse the variables that it makes"
    yield from (f"{pod.where}: {problem}" for problem in _token_problems(pod))
    if pod.part in ("head", "worker"):
        for label in pod.labels:
            if _KUBERAYS.match(label):
                yield f"{pod.where}: label {label} is KubeRay's; its services would not find the pod"
    for _, container in pod.containers():
        paths = [mount.get("mountPath") for mount in container.get("volumeMounts", [])]
        if "/tmp" not in paths:
            yield f"{pod.where}: no volume at /tmp, and the root file system is read-only"
        known = {volume.get("name") for volume in spec.get("volumes", [])}
        for mount in container.get("volumeMounts", []):
            if mount.get("name") not in known:
                yield f"{pod.where}: volume {mount.get('name')} is mounted and nowhere declared"


def _token_problems(pod: Pod) -> Iterator[str]:
    automount = pod.spec.get("automountServiceAccountToken")
    if pod.autoscaler is not None:
        if automount is False:
            yield "the autoscaler needs the token of its service account"
    elif automount is not False:
        yield "automountServiceAccountToken has to be false: nothing here asks the API server"


def _container_problems(container: dict[str, Any]) -> Iterator[str]:
    security = container.get("securityContext", {})
    for name, wanted in CONTAINER_SECURITY.items():
        if security.get(name) != wanted:
            yield f"securityContext.{name} is {security.get(name)!r}, not {wanted!r}"
    if security.get("privileged"):
        yield "securityContext.privileged takes every wall down"
    yield from _image_problems(str(container.get("image", "")))
    given = container.get("resources", {})
    for side in ("requests", "limits"):
        for kind in ("cpu", "memory"):
            if kind not in given.get(side, {}):
                yield f"resources.{side}.{kind} is missing"
    for kind, least in given.get("requests", {}).items():
        most = given.get("limits", {}).get(kind)
        if most is not None and quantity(least) > quantity(most):
            yield f"resources: requests {least} {kind} above the limit {most}"


def _image_problems(image: str) -> Iterator[str]:
    name, _, tag = image.rpartition("/")[2].partition(":")
    if "@sha256:" in image:
        return
    if not name or not tag:
        yield f"image {image!r} has no tag"
    elif tag.startswith("latest") or not _FIXED_TAG.fullmatch(tag):
        yield f"image {image!r}: tag {tag!r} is no fixed version"

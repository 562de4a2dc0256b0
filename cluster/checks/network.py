"""Who may talk to whom, as the policies of a rendering say it for its own pods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cluster.checks.pods import Pod, pods
from cluster.checks.rendering import Document, Rendering, named


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """A label selector, as Kubernetes reads it: an empty one selects everything."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for wanted in selector.get("matchExpressions", []):
        has = labels.get(wanted["key"])
        match wanted["operator"]:
            case "In":
                fits = has in wanted["values"]
            case "NotIn":
                fits = has not in wanted["values"]
            case "Exists":
                fits = wanted["key"] in labels
            case _:
                fits = wanted["key"] not in labels
        if not fits:
            return False
    return True


def _opens(rules: Iterable[dict[str, Any]], peers: str, other: dict[str, str], port: int) -> bool:
    """Whether one of the rules lets pods with these labels pass at this port."""
    for rule in rules:
        ports = rule.get("ports")
        if ports is not None and port not in [each.get("port") for each in ports]:
            continue
        if peers not in rule:
            return True
        for peer in rule[peers]:
            if (
                "podSelector" in peer
                and "namespaceSelector" not in peer
                and selects(peer["podSelector"], other)
            ):
                return True
    return False


def allowed(rendering: Rendering, source: dict[str, str], target: dict[str, str], port: int) -> bool:
    """Whether a pod of this rendering may open a connection to another one's port."""

    def side(kind: str, field: str, peers: str, mine: dict[str, str], other: dict[str, str]) -> bool:
        policies = [
            policy["spec"]
            for policy in rendering.of_kind("NetworkPolicy")
            if kind in policy["spec"].get("policyTypes", ["Ingress"])
            and selects(policy["spec"]["podSelector"], mine)
        ]
        return not policies or any(_opens(spec.get(field, []), peers, other, port) for spec in policies)

    return side("Egress", "egress", "to", source, target) and side(
        "Ingress", "ingress", "from", target, source
    )


def problems(rendering: Rendering) -> Iterator[str]:
    """Selectors that meet no pod, pods without walls, and programs that reach what they must not."""
    templates = list(pods(rendering))
    for policy in rendering.of_kind("NetworkPolicy"):
        yield from _idle_selectors(policy, templates)
    denied = [
        policy
        for policy in rendering.of_kind("NetworkPolicy")
        if policy["spec"]["podSelector"] == {}
        and set(policy["spec"].get("policyTypes", [])) == {"Ingress", "Egress"}
        and not policy["spec"].get("ingress")
        and not policy["spec"].get("egress")
    ]
    if not denied:
        yield f"{rendering.name}: no NetworkPolicy denies everything that no other allows"
    for budget in rendering.of_kind("PodDisruptionBudget"):
        if not _meets(budget["spec"]["selector"], templates):
            yield f"{named(budget)}: its selector meets no pod"
        if not isinstance(budget["spec"].get("minAvailable"), int):
            yield f"{named(budget)}: only minAvailable as a number works for pods of a RayCluster"
    for service in rendering.of_kind("Service"):
        if not _meets({"matchLabels": service["spec"].get("selector", {})}, templates):
            yield f"{named(service)}: its selector meets no pod"
    yield from _untrusted(rendering, templates)


def _meets(selector: dict[str, Any], templates: list[Pod]) -> bool:
    return any(selects(selector, pod.labels) for pod in templates)


def _idle_selectors(policy: Document, templates: list[Pod]) -> Iterator[str]:
    spec = policy["spec"]
    if not _meets(spec["podSelector"], templates):
        yield f"{named(policy)}: podSelector meets no pod"
    for field, peers in (("ingress", "from"), ("egress", "to")):
        for rule in spec.get(field, []):
            for peer in rule.get(peers, []):
                if "namespaceSelector" in peer or "podSelector" not in peer:
                    continue
                if not _meets(peer["podSelector"], templates):
                    yield f"{named(policy)}: {field}.{peers} meets no pod"


def _untrusted(rendering: Rendering, templates: list[Pod]) -> Iterator[str]:
    """Pods that run programs reach their own Ray cluster, and of the others at most the store."""
    for pod in templates:
        if pod.labels.get("codeseq/role") != "sandboxes":
            continue
        for other in templates:
            same = other.labels.get("codeseq/cluster") == pod.labels.get("codeseq/cluster")
            inside = same and other.labels.get("codeseq/role") in ("head", "loops", "sandboxes")
            if inside or other.labels.get("codeseq/role") == "store":
                continue
            for port in (8000, 8265, 6379, 443):
                if allowed(rendering, pod.labels, other.labels, port):
                    yield f"{pod.where}: where programs run may reach {other.where}, port {port}"

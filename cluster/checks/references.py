"""Names that one object uses of another: secrets, settings, service accounts, hosts in URLs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cluster.checks.pods import Pod, pods
from cluster.checks.rendering import Rendering, user_supplied


def problems(rendering: Rendering) -> Iterator[str]:
    """References that lead nowhere: not into the rendering, and not to what the user is told to bring."""
    if not rendering.complete:
        return  # what kustomize generates is not there
    secrets = user_supplied() | {
        document["metadata"]["name"]: {*document.get("data", {}), *document.get("stringData", {})}
        for document in rendering.of_kind("Secret")
    }
    maps = {
        document["metadata"]["name"]: {*document.get("data", {}), *document.get("binaryData", {})}
        for document in rendering.of_kind("ConfigMap")
    }
    accounts = {
        document["metadata"]["name"]: document.get("automountServiceAccountToken", True)
        for document in rendering.of_kind("ServiceAccount")
    }
    for pod in pods(rendering):
        for where, kind, name, key in references(pod):
            known = secrets if kind == "Secret" else maps
            if name not in known:
                yield f"{where}: {kind} {name} is neither here nor in cluster/secrets.example.yaml"
            elif key is not None and key not in known[name]:
                yield f"{where}: {kind} {name} has no {key}"
        account = pod.spec.get("serviceAccountName")
        if account is not None and account not in accounts:
            yield f"{pod.where}: ServiceAccount {account} is not here"
        elif account is not None and pod.autoscaler is not None and not accounts[account]:
            yield f"{pod.where}: the autoscaler needs a token, and ServiceAccount {account} gives none"
    yield from _namespaces(rendering)


def references(pod: Pod) -> Iterator[tuple[str, str, str, str | None]]:
    """(place, Secret or ConfigMap, its name, the key that is asked for) of everything that a pod refers to."""
    for where, container in pod.containers():
        for source in container.get("envFrom", []):
            for field, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
                if field in source:
                    yield where, kind, source[field].get("name", ""), None
        for variable in container.get("env", []):
            chosen: dict[str, Any] = variable.get("valueFrom", {})
            for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
                if field in chosen:
                    yield where, kind, chosen[field].get("name", ""), chosen[field].get("key")
    for volume in pod.spec.get("volumes", []):
        if "configMap" in volume:
            yield pod.where, "ConfigMap", volume["configMap"].get("name", ""), None
        if "secret" in volume:
            yield pod.where, "Secret", volume["secret"].get("secretName", ""), None


def _namespaces(rendering: Rendering) -> Iterator[str]:
    made = {document["metadata"]["name"] for document in rendering.of_kind("Namespace")}
    for document in rendering.documents:
        used = document["metadata"].get("namespace")
        if document["kind"] != "Namespace" and used not in made:
            yield f"{document['kind']}/{document['metadata']['name']}: namespace {used} is not made here"

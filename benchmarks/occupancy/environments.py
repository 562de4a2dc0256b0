"""Environments of the peers: built once under a cache folder, from PyPI, by `uv`."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Environment:
    """A peer's pinned packages."""

    name: str
    packages: tuple[str, ...]
    overrides: tuple[str, ...] = ()
    """Requirements of dependencies that are loosened, where the index lacks what is asked for."""

    def python(self, cache: Path) -> Path:
        """The interpreter of this environment; built if it is not there. Raises CalledProcessError."""
        wanted = "\n".join((sys.version, *self.packages, *self.overrides))
        folder = (cache / f"{self.name}-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}").absolute()
        python, built = folder / "bin" / "python", folder / "built"
        if not built.exists():
            shutil.rmtree(folder, ignore_errors=True)
            cache.mkdir(parents=True, exist_ok=True)
            uv("venv", "--python", sys.executable, str(folder))
            overrides = folder / "overrides.txt"
            overrides.write_text("\n".join(self.overrides) + "\n")
            uv("pip", "install", "--python", str(python), "--overrides", str(overrides), *self.packages)
            built.touch()
        return python


def uv(*arguments: str) -> None:
    found = shutil.which("uv")
    if found is None:
        raise SystemExit("the peers' environments are built by `uv`, which is not on the path")
    subprocess.run([found, *arguments, "--quiet"], check=True)


DATA_DESIGNER = Environment(
    "data-designer",
    ("data-designer==0.9.7",),
    # It asks for a certifi that our index does not have yet; nothing here is encrypted.
    ("certifi>=2026.1",),
)
CURATOR = Environment("curator", ("bespokelabs-curator==0.1.31",))

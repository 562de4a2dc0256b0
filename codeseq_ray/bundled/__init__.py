"""The bundled sample: a few hundred real sequences in the official bulk formats (see README.md there)."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def sample_path() -> Path:
    """The folder that holds stripped.gz, names.gz and meta.tsv.gz; an input like any other."""
    # The package is always installed as plain files, so this is a real folder.
    return Path(str(files(__name__)))

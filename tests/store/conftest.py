"""Both kinds of store for the tests of this room."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(params=["folder", "s3"])
def store_uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place of each kind that is this test's own."""
    if request.param == "folder":
        return str(tmp_path / "store")
    request.getfixturevalue("s3_server")
    return f"s3://codeseq/{tmp_path.name}"

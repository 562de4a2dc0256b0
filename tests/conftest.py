"""Shared by all rooms: where the long OEIS files are, and no surprises from the caller's environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples at every run: a change is blamed for what it breaks, not for what was drawn. New ones are drawn
# with `--hypothesis-profile=explore`.
# No deadlines: on a busy machine they test the machine.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", derandomize=False, deadline=None)
settings.load_profile("same")

# Only this name of ours may be set while tests run: a developer's CODESEQ_… would change what is tested.
for _name in [n for n in os.environ if n.startswith("CODESEQ_") and n != "CODESEQ_TEST_DATA"]:
    del os.environ[_name]


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder with the long OEIS files (CODESEQ_TEST_DATA)."""
    folder = os.environ.get("CODESEQ_TEST_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("CODESEQ_TEST_DATA does not name a folder with the long OEIS files")
    return Path(folder)

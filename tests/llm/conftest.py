"""Outages that last no longer than a test may."""

from __future__ import annotations

import pytest

from codeseq_ray.llm import health, troubles
from codeseq_ray.llm import server as server_module


@pytest.fixture
def quick_outages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of milliseconds instead of seconds."""
    monkeypatch.setattr(troubles, "FIRST_WAIT_SECONDS", 0.002)
    monkeypatch.setattr(troubles, "LONGEST_WAIT_SECONDS", 0.02)
    monkeypatch.setattr(health, "FIRST_PROBE_SECONDS", 0.05)
    monkeypatch.setattr(health, "LONGEST_PROBE_SECONDS", 0.2)
    monkeypatch.setattr(server_module, "DOUBT_SECONDS", 0.02)

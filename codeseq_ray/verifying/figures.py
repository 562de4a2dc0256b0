"""Figures counted again: the manifest's, and every line of the card."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from codeseq_ray.dataset.card import card
from codeseq_ray.dataset.counts import Counts
from codeseq_ray.verifying.findings import Code, Finding
from codeseq_ray.verifying.published import CARD, MANIFEST, Published


def checked_figures(release: Published, counts: Counts, outcome_digest: str) -> Iterator[Finding]:
    """What manifest and card say otherwise than the rows."""
    manifest = release.manifest
    told: dict[str, Any] = {
        **{f"counts.{name}": value for name, value in manifest["counts"].items()},
        "partial": manifest.get("partial"),
        "outcome_digest": manifest.get("outcome_digest"),
    }
    so: dict[str, Any] = {
        **{f"counts.{name}": value for name, value in counts.as_json().items()},
        "partial": counts.partial,
        "outcome_digest": outcome_digest,
    }
    for name in sorted({*told, *so}):
        if told.get(name) != so.get(name):
            said = f"{name} is {_short(told.get(name))}; the rows give {_short(so.get(name))}"
            yield Finding(Code.COUNT, MANIFEST, said)
    try:
        shown = release.get(CARD).decode("utf-8", "replace")
    except KeyError:
        return  # said already, of the files
    wanted = card(manifest["run_id"], counts, manifest["info"])
    for line in difflib.unified_diff(shown.splitlines(), wanted.splitlines(), lineterm="", n=0):
        if line.startswith(("---", "+++", "@@")):
            continue
        side = "says" if line[0] == "-" else "should say"
        yield Finding(Code.CARD, CARD, f"{side}: {line[1:].strip()}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"

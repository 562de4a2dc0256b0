"""Figures counted again: the manifest's, every line of the card, and the fingerprint of the run's settings."""

from __future__ import annotations

import difflib
import hashlib
from typing import Any

from codeseq_ray.dataset.card import card
from codeseq_ray.dataset.counts import Counts
from codeseq_ray.exporting.cards import hub_card
from codeseq_ray.settings import fingerprint
from codeseq_ray.store.released import CARD, MANIFEST
from codeseq_ray.verifying.findings import Code, Finding, Found
from codeseq_ray.verifying.published import Published


def check_figures(release: Published, counts: Counts, outcome_digest: str, found: Found) -> None:
    """What manifest and card say otherwise than the rows."""
    manifest = release.manifest
    told: dict[str, Any] = {
        **{f"counts.{name}": value for name, value in manifest.counts.items()},
        "partial": manifest.partial,
        "outcome_digest": manifest.outcome_digest,
    }
    so: dict[str, Any] = {
        **{f"counts.{name}": value for name, value in counts.as_json().items()},
        "partial": counts.partial,
        "outcome_digest": outcome_digest,
    }
    for name in sorted({*told, *so}):
        if told.get(name) != so.get(name):
            said = f"{name} is {_short(told.get(name))}; the rows give {_short(so.get(name))}"
            found(Finding(Code.COUNT, MANIFEST, said))
    mark = fingerprint(manifest.info.row_settings, manifest.info.input_digest)
    if not mark == manifest.info.fingerprint == manifest.fingerprint:
        said = f"{manifest.fingerprint}, {manifest.info.fingerprint}; its settings and input give {mark}"
        found(Finding(Code.FINGERPRINT, MANIFEST, said))
    _check_card(release, counts, found)


def _check_card(release: Published, counts: Counts, found: Found) -> None:
    try:
        shown = release.get(CARD)
    except KeyError:
        return  # said already, of the files
    own = card(release.manifest.run_id, counts, release.manifest.info.model_dump())
    if release.rollouts_card is not None:
        told = release.manifest.files.get(CARD)
        if told is not None and told.sha256 != hashlib.sha256(own.encode()).hexdigest():
            found(Finding(Code.CHECKSUM, CARD, "the release's own part is not the one of the manifest"))
    wanted = hub_card(own, release.rollouts_card)
    if shown == wanted.encode():
        return
    lines = shown.decode("utf-8", "replace").splitlines(), wanted.splitlines()
    differing = list(difflib.unified_diff(*lines, lineterm="", n=0))[2:]
    for line in differing:
        if not line.startswith("@@"):
            side = "says" if line[0] == "-" else "should say"
            found(Finding(Code.CARD, CARD, f"{side}: {line[1:].strip()}"))
    if not differing:
        found(Finding(Code.CARD, CARD, "the same lines with other line ends"))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"

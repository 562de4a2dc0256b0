"""A folder for the Hub: the files of the releases as they are, byte for byte, under one card."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from codeseq_ray.errors import UsageError
from codeseq_ray.exporting.cards import Written, hub_card
from codeseq_ray.exporting.source import Source
from codeseq_ray.store.released import CARD, MANIFEST, Place, Released, Row

ROLLOUTS_MANIFEST = "rollouts.manifest.json"
ROLLOUTS_CARD = "rollouts.README.md"
"""The rollouts' card as it was; README.md is made of it and the release's."""
HOUSES = {"rl": "rl", "rl_dropped": "rl"}
"""Configs whose rows are all of one split."""

See = Callable[[str, str | None, Row], None]
"""Takes a config, the split of its families (None: the row's own) and a row."""


def copy(source: Source, folder: Path, see: See) -> Iterator[Written]:
    """Write everything but licence note and manifest into `folder`; yields the data files."""
    for name, release in source.releases():
        for place in release.places:
            yield from _data(release, place, folder)
            _look(release, place, see)
        manifest = MANIFEST if name == "dataset" else ROLLOUTS_MANIFEST
        _write(folder / manifest, release.get(MANIFEST))
    below = None if source.rollouts is None else _card(source.rollouts)
    if below is not None:
        _write(folder / ROLLOUTS_CARD, below.encode())
    _write(folder / CARD, hub_card(_card(source.release), below).encode())


def _data(release: Released, place: Place, folder: Path) -> Iterator[Written]:
    for name in release.files(place):
        if (folder / name).exists():
            raise UsageError(
                f"{name} is in both releases: --dataset and --rollouts must hold different configs"
            )
        _write(folder / name, release.get_whole(name))
        rows = int(release.told["files"][name]["rows"])
        yield Written(name, *place, rows, release.schema(place))


def _look(release: Released, place: Place, see: See) -> None:
    """Families and texts of a config's split, where it has any."""
    config, split = place
    wanted = (
        "sequence_id",
        "problem_id",
        "family",
        "split",
        "prompt",
        "description",
        "input_format",
        "output_format",
    )
    columns = [name for name in wanted if name in release.schema(place).names]
    house = split if config == "problems" else HOUSES.get(config)
    if "family" in columns:
        for row in release.rows(place, columns):
            see(config, house, row)


def _card(release: Released) -> str:
    return release.get_whole(CARD).decode("utf-8")


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)

"""The README.md of a release of rollouts."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from codeseq_ray.dataset.card import environment, size_category
from codeseq_ray.records import ATTRIBUTION, LICENSE


def card(figures: Mapping[str, Any], manifest: Mapping[str, Any], rows: Mapping[str, int]) -> str:
    """The card as Markdown with YAML front matter.

    `figures`: `release.Figures.as_json`. `manifest`: the run's. `rows`: config → rows of the release.
    """
    template = files("codeseq_ray.rollouts").joinpath("templates/card.md.j2").read_text(encoding="utf-8")
    text = (
        environment()
        .from_string(template)
        .render(
            f=figures,
            partial=figures["fates"]["too_few_rollouts"] > 0,
            configs=[name for name, count in rows.items() if count],
            size=size_category(sum(rows.values())),
            settings=manifest["row_settings"],
            dataset=manifest["dataset"],
            versions=dict(sorted(manifest["versions"].items())),
            license=LICENSE,
            attribution=ATTRIBUTION,
        )
    )
    return text.rstrip("\n") + "\n"

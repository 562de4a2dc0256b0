"""The README.md of a release, written from its own counts; the Hub and `datasets` read its front matter."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from codeseq_ray.dataset.counts import Counts
from codeseq_ray.dataset.schemas import CONFIGS
from codeseq_ray.records import ATTRIBUTION, LICENSE

DEFAULT_CONFIG = "problems"
_SPLITS = ("sft", "rl", "eval", "train")
"""The order in which splits are listed."""

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def card(run_id: str, counts: Counts, info: Mapping[str, Any]) -> str:
    """The card as Markdown with YAML front matter.

    `info` is what the caller says of the run; `versions` and `fingerprint` are shown when they are there.
    """
    configs = [
        {
            "name": name,
            "default": name == DEFAULT_CONFIG,
            "splits": [(split, counts.rows[name][split]) for split in _SPLITS if counts.rows[name][split]],
        }
        for name in CONFIGS
        if counts.rows.get(name)
    ]
    text = (
        environment()
        .from_string(_template())
        .render(
            run_id=run_id,
            counts=counts,
            configs=configs,
            size=size_category(sum(sum(splits.values()) for splits in counts.rows.values())),
            license=LICENSE,
            attribution=ATTRIBUTION,
            versions=dict(sorted(info.get("versions", {}).items())),
            fingerprint=info.get("fingerprint", ""),
        )
    )
    return text.rstrip("\n") + "\n"


def size_category(rows: int) -> str:
    """The Hub's word for a number of rows."""
    return next((word for bound, word in _SIZES if rows < bound), "1M<n<10M")


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _cell(text: object) -> str:
    """Text fit for one cell of a Markdown table."""
    return " ".join(str(text).replace("|", "\\|").split()) or "–"


def _template() -> str:
    return files("codeseq_ray.dataset").joinpath("templates/card.md.j2").read_text(encoding="utf-8")


def environment() -> Environment:
    """For cards: what a template lacks is an error."""
    # Markdown, not HTML: nothing is to be escaped, and a name that the template lacks is a bug.
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    environment.filters["share"] = _share
    environment.filters["cell"] = _cell
    return environment

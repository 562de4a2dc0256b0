"""The manifest and the README.md of a mix, from its own counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from codeseq_ray.dataset.card import size_category
from codeseq_ray.mixing.chats import MEANINGS, Reason
from codeseq_ray.mixing.leaks import Against
from codeseq_ray.mixing.ratio import CODESEQ, GENERAL, Ratio, Shares
from codeseq_ray.mixing.screening import Told
from codeseq_ray.mixing.sources import HUB_IDS, UNKNOWN, is_tulu
from codeseq_ray.records import ATTRIBUTION, LICENSE

SHOWN_SOURCES = 100
MOST_SOURCES = 1000
FORMAT_VERSION = 1


@dataclass
class Side:
    """What became of one side's rows: those read are those used and those dropped."""

    told: Told
    duplicates: Counter[str]
    """By source."""
    used: int = 0

    @property
    def dropped(self) -> Counter[str]:
        """By reason; those that the ratio leaves out are among them."""
        counts = self.told.reasons()
        counts[Reason.DUPLICATE.value] += self.duplicates.total()
        counts[Reason.RATIO.value] += self.usable - self.used
        return Counter({reason.value: counts[reason.value] for reason in Reason if counts[reason.value]})

    @property
    def usable(self) -> int:
        return self.told.kept - self.duplicates.total()

    def by_source(self) -> dict[str, dict[str, Any]]:
        """Rows read and dropped of each source (of the largest, where there are very many)."""
        dropped: dict[str, dict[str, int]] = {}
        for (reason, source), count in self.told.dropped.items():
            dropped.setdefault(source, {})[reason] = count
        for source, count in self.duplicates.items():
            dropped.setdefault(source, {})[Reason.DUPLICATE.value] = count
        largest = sorted(self.told.by_source.items(), key=lambda one: (-one[1], one[0]))[:MOST_SOURCES]
        return {source: {"read": count, "dropped": dropped.get(source, {})} for source, count in largest}


@dataclass
class Figures:
    """All that a mix says of itself. Nothing in it tells when, where or in which order it was made."""

    ratio: Ratio
    shares: Shares
    sides: dict[str, Side]
    sources: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Rows of the mix by origin, source and licence."""
    against: Mapping[str, Against | None] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    release: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    fingerprint: str = ""

    def manifest(self) -> dict[str, Any]:
        return {
            "format": FORMAT_VERSION,
            "fingerprint": self.fingerprint,
            "seed": self.settings["seed"],
            "ratio": {
                "asked": str(self.ratio),
                "general": self.shares.general,
                "codeseq": self.shares.codeseq,
                "limited_by": self.shares.limited_by,
            },
            "rows": self.shares.total,
            "sides": {
                name: {
                    "read": side.told.rows,
                    "usable": side.usable,
                    "used": side.used,
                    "dropped": dict(side.dropped),
                    "content": f"{side.told.content:032x}",
                    "by_source": side.by_source(),
                }
                for name, side in self.sides.items()
            },
            "sources": [
                {"origin": origin, "source": source, "license": license_, "rows": rows}
                for (origin, source, license_), rows in sorted(self.sources.items())
            ],
            "leaks": self.leaks(),
            "release": self.release,
            "settings": self.settings,
            "versions": self.versions,
        }

    def leaks(self) -> list[dict[str, Any]]:
        """For each side and evaluation set, the rows that overlap; also where that is none."""
        return [
            {
                "set": name,
                "side": side,
                **{
                    reason: self.sides[side].told.leaks[name, reason]
                    for reason in ("leak_words", "leak_terms")
                },
            }
            for side, against in self.against.items()
            if against is not None
            for name in against.names
        ]

    def card(self) -> str:
        """README.md as Markdown with YAML front matter."""
        licenses = sorted({license_ for _, _, license_ in self.sources})
        by_source = sorted(self.sources.items(), key=lambda one: (one[0][0], -one[1], one[0]))
        text = _template().render(
            figures=self,
            sides=self.sides,
            total=self.shares.total,
            licenses=licenses,
            hub_licenses=sorted({HUB_IDS.get(one, "other") for one in licenses}),
            sources=[(*key, rows) for key, rows in by_source[:SHOWN_SOURCES]],
            more_sources=[(*key, rows) for key, rows in by_source[SHOWN_SOURCES:]],
            has_tulu=any(is_tulu(source) for _, source, _ in self.sources),
            unknown=UNKNOWN in licenses,
            meanings={reason.value: text for reason, text in MEANINGS.items()},
            size=size_category(self.shares.total),
            our_license=LICENSE,
            attribution=ATTRIBUTION,
            general_side=GENERAL,
            codeseq_side=CODESEQ,
        )
        return str(text).rstrip("\n") + "\n"


def _template() -> Any:
    # Markdown, not HTML: nothing is to be escaped, and a name that the template lacks is a bug.
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    environment.filters["cell"] = lambda text: " ".join(str(text).replace("|", "\\|").split()) or "–"
    return environment.from_string(
        files("codeseq_ray.mixing").joinpath("templates/mix.md.j2").read_text(encoding="utf-8")
    )

"""Charts as SVG that fits a page: drawn once for wide and once for narrow screens, coloured by the page's theme.

A chart is a Vega-Lite one, made with Altair and drawn when the report is built: the page needs neither Vega nor a
script to show it, paints at once, prints, and can forbid itself everything (docs/design/report.md).
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import altair as alt
import vl_convert as vlc

WIDE, NARROW = 900, 300
"""Width in pixels of a chart's plot with its labels, on a desk and on a telephone."""

# Colours that stand for variables of the page's style sheet; none is ever seen as it is.
INK, FAINT, GRID = "#010101", "#010102", "#010103"
GOOD, BAD, BROKEN, OPEN, ACCENT = "#010111", "#010112", "#010113", "#010114", "#010115"
SERIES = tuple(f"#0102{number:02x}" for number in range(8))
_THEMED = {
    INK: "ink",
    FAINT: "faint",
    GRID: "grid",
    GOOD: "good",
    BAD: "bad",
    BROKEN: "broken",
    OPEN: "open",
    ACCENT: "accent",
    **{colour: f"s{number}" for number, colour in enumerate(SERIES)},
}
_TAGS = frozenset({"svg", "g", "path", "line", "rect", "text", "tspan", "circle"})
_ATTRIBUTES = frozenset(
    (
        *(
            "viewBox",
            "transform",
            "d",
            "x",
            "y",
            "x1",
            "y1",
            "x2",
            "y2",
            "dx",
            "dy",
            "r",
            "cx",
            "cy",
            "width",
            "height",
        ),
        *(
            "fill",
            "fill-opacity",
            "stroke",
            "stroke-width",
            "stroke-dasharray",
            "stroke-miterlimit",
            "stroke-opacity",
        ),
        *("opacity", "text-anchor", "font-size", "font-weight"),
    )
)
_SVG = "{http://www.w3.org/2000/svg}"

Make = Callable[[int], alt.TopLevelMixin]
"""Gives the chart for a width in pixels."""


def drawn(make: Make) -> dict[str, str]:
    """The chart's two SVG texts: `wide` and `narrow`."""
    return {name: to_svg(make(width)) for name, width in (("wide", WIDE), ("narrow", NARROW))}


def to_svg(chart: alt.TopLevelMixin) -> str:
    """The chart as inline SVG of nothing but shapes and texts.

    A mark's description becomes `data-tip`, which the page shows under the pointer.
    """
    spec: dict[str, Any] = chart.to_dict()
    spec["config"] = {**spec.get("config", {}), **_CONFIG}
    root = ET.fromstring(vlc.vegalite_to_svg(spec))
    _clean(root)
    root.attrib.pop("width", None)
    root.attrib.pop("height", None)
    # Without a prefix, as inline SVG in HTML has it.
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
    root.set("aria-hidden", "true")  # its data stand in a table below it
    root.set("focusable", "false")
    return ET.tostring(root, encoding="unicode")


def _clean(element: ET.Element) -> None:
    tip = element.get("aria-label") if element.get("role") == "graphics-symbol" else None
    if "role-axis" in element.get("class", "") or "role-legend" in element.get("class", ""):
        tip = None
    for name, value in list(element.attrib.items()):
        if name not in _ATTRIBUTES:
            del element.attrib[name]
        elif name in ("fill", "stroke") and value in _THEMED:
            element.set(name, f"var(--{_THEMED[value]})")
    if tip:
        element.set("data-tip", tip)
    for child in list(element):
        if child.tag.removeprefix(_SVG) not in _TAGS:
            element.remove(child)
        else:
            _clean(child)


_CONFIG: dict[str, Any] = {
    "background": None,
    "view": {"stroke": None},
    "font": "sans-serif",
    "axis": {
        "labelColor": INK,
        "titleColor": FAINT,
        "titleFontWeight": "normal",
        "gridColor": GRID,
        "domainColor": GRID,
        "tickColor": GRID,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "labelLimit": 190,
    },
    "legend": {
        "labelColor": INK,
        "titleColor": FAINT,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "orient": "top",
        "symbolType": "square",
        "labelLimit": 240,
    },
    "bar": {"discreteBandSize": {"band": 0.74}},
    "text": {"color": INK, "fontSize": 12},
    "rule": {"color": INK},
}

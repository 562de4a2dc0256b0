"""A plot of evaluations as SVG: a bar for each policy and figure, with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

_COLOURS = ("#4269d0", "#efb118", "#3ca951", "#ff725c", "#a463f2", "#6cc5b0", "#97bbf5", "#9c6b4e")
_LEFT, _TOP, _HEIGHT, _BAR, _GAP = 48, 24, 220, 26, 28


def svg(results: Sequence[Mapping[str, Any]]) -> str:
    """Figures in groups, a bar for each policy in each; the axis goes from 0 to 100 %."""
    names = list(dict.fromkeys(name for result in results for name in result["figures"]))
    group = _BAR * len(results) + _GAP
    width = _LEFT + group * len(names) + _GAP
    base = _TOP + _HEIGHT
    parts = [
        f'<text x="{_LEFT - 8}" y="{_y(share) + 4:.1f}" text-anchor="end">{100 * share:.0f} %</text>'
        f'<line x1="{_LEFT}" x2="{width}" y1="{_y(share):.1f}" y2="{_y(share):.1f}" stroke="#ddd"/>'
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    for g, name in enumerate(names):
        left = _LEFT + _GAP + g * group
        for b, result in enumerate(results):
            figure = result["figures"].get(name)
            if figure is not None:
                parts.append(_bar(left + b * _BAR, figure, _COLOURS[b % len(_COLOURS)]))
        middle = left + _BAR * len(results) / 2
        parts.append(f'<text x="{middle:.1f}" y="{base + 18}" text-anchor="middle">{escape(name)}</text>')
    for b, result in enumerate(results):
        y = base + 42 + 18 * b
        said = escape(f"{result['policy']} ({result['task']}, {result['problems']:,} problems)")
        parts.append(
            f'<rect x="{_LEFT}" y="{y - 10}" width="12" height="12" fill="{_COLOURS[b % len(_COLOURS)]}"/>'
            f'<text x="{_LEFT + 18}" y="{y}">{said}</text>'
        )
    height = base + 42 + 18 * len(results)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{max(width, 420)}" height="{height}" '
        f'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _bar(x: float, figure: Mapping[str, float], colour: str) -> str:
    top, low, high = (_y(figure[name]) for name in ("mean", "low", "high"))
    middle = x + (_BAR - 4) / 2
    return (
        f'<rect x="{x:.1f}" y="{top:.1f}" width="{_BAR - 4}" height="{_TOP + _HEIGHT - top:.1f}" fill="{colour}"/>'
        f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="{low:.1f}" y2="{high:.1f}" stroke="#222"/>'
    )


def _y(share: float) -> float:
    return _TOP + _HEIGHT * (1 - share)

"""Figures of several rounds → medians, ratios to the plain loop and to the bare SDK, aims, and a page.

python -m benchmarks.occupancy.report RESULT.json … > benchmarks/results/occupancy.md
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks.occupancy.race import CONTESTANTS, Result

BAR, BARE = "plain", "sdk"


def summary(found: dict[str, list[Result]]) -> dict[str, Any]:
    """Per contestant the median of each figure with its least and most, and ratios made within each round."""
    rows: dict[str, Any] = {}
    for name, results in found.items():
        row: dict[str, Any] = {
            figure: _middle([result.figures[figure] for result in results]) for figure in results[0].figures
        }
        # Other calls have another span.
        beside = None if CONTESTANTS[name].single_turn else found.get(BAR)
        row["span_to_plain"] = _ratio(results, beside, "span")
        row["cpu_to_sdk"] = _ratio(results, found.get(BARE), "cpu_ms")
        row["cpu_ms_by_role"] = {
            role: statistics.median(result.cpu_ms_by_role.get(role, 0.0) for result in results)
            for role in sorted({role for result in results for role in result.cpu_ms_by_role})
        }
        row["faults"] = sorted({fault for result in results for fault in result.faults})
        rows[name] = row
    return rows


def _middle(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def _ratio(results: list[Result], beside: list[Result] | None, figure: str) -> dict[str, float] | None:
    if not beside:
        return None
    pairs = zip(results, beside, strict=False)
    return _middle([one.figures[figure] / other.figures[figure] for one, other in pairs])


def aims(rows: dict[str, Any]) -> list[tuple[str, str, float, bool]]:
    """What was aimed at: words, bound, found, held. Only aims whose contestants ran."""
    checked = []
    ours, peer = rows.get("ours"), rows.get("data-designer")
    if ours and ours["span_to_plain"]:
        ratio = ours["span_to_plain"]["median"]
        checked.append(("span of ours, in multiples of the plain loop's", "≤ 1.02", ratio, ratio <= 1.02))
    if ours and peer:
        ratio = ours["span"]["median"] / peer["span"]["median"]
        checked.append(("span of ours, in multiples of Data Designer's", "≤ 1", ratio, ratio <= 1))
    if ours:
        fed = ours["fed"]["median"]
        checked.append(("fed occupancy of ours", "≥ 0.97", fed, fed >= 0.97))
    if ours and ours["cpu_to_sdk"]:
        ratio = ours["cpu_to_sdk"]["median"]
        checked.append(("CPU per call of ours, in multiples of the bare SDK's", "≤ 1.4", ratio, ratio <= 1.4))
    return checked


def section(result: dict[str, Any]) -> str:
    """The figures of one run in Markdown."""
    rows, setting = result["contestants"], result["setting"]
    lines = [
        f"## {setting['slots']} slots",
        "",
        f"{setting['records']} records, {setting['calls']} calls, {setting['slots']} slots, {setting['rounds']} "
        f"rounds; medians, in brackets the least and the most. Load average before: {setting['load_average']}.",
        "",
        "| | span s | ÷ plain | fed | fed while new | whole | CPU ms per call | ÷ bare SDK | peak PSS MiB "
        "| s to first call |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in result["reckoned"].items():
        lines.append(
            f"| *{name}* | {row['span']:.1f} | | {row['fed']:.3f} | {row['fed_while_new']:.3f} | {row['whole']:.3f} "
            "| | | | |"
        )
    for name, row in rows.items():
        lines.append(
            f"| {CONTESTANTS[name].title} | {_shown(row['span'], 1)} | {_shown(row['span_to_plain'], 3)} "
            f"| {_shown(row['fed'], 3)} | {_shown(row['fed_while_new'], 3)} | {_shown(row['whole'], 3)} "
            f"| {_shown(row['cpu_ms'], 2)} | {_shown(row['cpu_to_sdk'], 2)} | {_shown(row['memory_mib'], 0)} "
            f"| {_shown(row['seconds_to_first'], 1)} |"
        )
    lines += [
        "",
        "| | a free slot's wait: median ms | 99 % ms | most waiting at the server | server CPU ms | calls "
        "| calls/s per core of client CPU | calls as asked |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for name, row in rows.items():
        lines.append(
            f"| {CONTESTANTS[name].title} | {row['refill_median_ms']['median']:.1f} "
            f"| {row['refill_p99_ms']['median']:.0f} | {row['most_waiting']['most']:.0f} "
            f"| {row['server_cpu_ms']['median']:.2f} | {row['calls']['most']:.0f} "
            f"| {1000 / row['cpu_ms']['median']:.0f} | {'; '.join(row['faults']) or 'all'} |"
        )
    lines += ["", "CPU per call by process, ms:", ""]
    for name, row in rows.items():
        if len(row["cpu_ms_by_role"]) > 1:
            parts = ", ".join(f"{role} {ms:.2f}" for role, ms in row["cpu_ms_by_role"].items())
            lines.append(f"- {CONTESTANTS[name].title}: {parts}")
    if result["aims"]:
        lines += ["", "| aim | bound | found | |", "|---|---:|---:|---|"]
    for what, bound, value, held in result["aims"]:
        lines.append(f"| {what} | {bound} | {value:.3f} | {'held' if held else '**missed**'} |")
    for name, why in result["failed"].items():
        lines += ["", f"Did not come to its end: {CONTESTANTS[name].title}: {why.strip().splitlines()[-1]}"]
    return "\n".join(lines) + "\n"


def _shown(value: dict[str, float] | None, digits: int) -> str:
    if value is None:
        return ""
    middle, least, most = (f"{value[name]:.{digits}f}" for name in ("median", "least", "most"))
    return middle if least == most else f"{middle} ({least} – {most})"


def main() -> None:
    """Print how it is measured, and a section for every result file named on the command line."""
    print(Path(__file__).with_name("how.md").read_text())
    print("\n".join(section(json.loads(Path(name).read_text())) for name in sys.argv[1:]), end="")


if __name__ == "__main__":
    main()

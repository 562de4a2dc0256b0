"""From what sequences took to what so many will take, with ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from codeseq_ray.estimating.measuring import CALL_MS, EXECUTION_MS, NAMES, Measured
from codeseq_ray.estimating.settings import EstimatingSettings

RESAMPLES = 2_000
ROWS_OF_A_SEGMENT = 64
"""As a busy loop actor writes them (`--flush-every`); a slow one writes after 2 seconds whatever it has."""
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Range:
    """An expectation with its 95 % interval."""

    expected: float
    low: float
    high: float

    def as_json(self) -> dict[str, float]:
        return {"expected": self.expected, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Line:
    name: str
    unit: str
    value: Range
    how: str = ""


def forecast(measured: Measured, settings: EstimatingSettings) -> list[Line]:
    """What `sequences` selected sequences take.

    Intervals come from drawing the measured sequences anew (percentile bootstrap), with the draw of the larger run
    itself on top: they say how far chance may carry it, not what another model, prompt or input changes.
    """
    count = settings.sequences or measured.selected
    totals = _totals(measured.took, count, settings.seed)

    def line(name: str, unit: str, values: _Floats, how: str = "") -> Line:
        low, high = np.quantile(values[1:], (0.025, 0.975))
        return Line(name, unit, Range(float(values[0]), float(low), float(high)), how)

    prompts, answers = totals["prompt_tokens"], totals["answer_tokens"]
    accepted = totals["accepted"]
    sandbox = totals["program_seconds"] + EXECUTION_MS / 1000 * totals["executions"]
    loops = CALL_MS / 1000 * totals["calls"]
    cores = (sandbox + loops) / 3600
    # Every segment is two objects; merging and releases add about one in a thousand.
    fullest = np.full_like(accepted, 2 * count / ROWS_OF_A_SEGMENT)
    as_measured = 2 * measured.segments / measured.outcomes * count
    lines = [
        line("accepted sequences", "", accepted),
        line("model calls", "", totals["calls"]),
        line("prompt tokens", "", prompts),
        line("answer tokens", "", answers),
        line("tokens for each accepted one", "", (prompts + answers) / np.maximum(accepted, 1)),
    ]
    gpu_hours = np.zeros_like(accepted)
    if settings.answer_tokens_per_second is not None:
        rate = settings.answer_tokens_per_second
        gpu_hours = answers / rate / 3600 * settings.gpus_per_replica
        lines.append(
            line("GPU-hours", "h", gpu_hours, f"at {rate:,.0f} answer tokens/s a replica, always busy")
        )
    timed = answers - totals["replayed_tokens"]
    if settings.slots is not None and totals["slot_seconds"][0] and timed[0] > 0:
        # What the cache answered would have taken as long, token for token, as what a server did.
        seconds = totals["slot_seconds"] * answers / np.maximum(timed, 1) / settings.slots
        how = f"{settings.slots:,} slots always taken, latency as measured"
        lines.append(line("wall with models", "h", seconds / 3600, how))
        busy = sandbox / np.maximum(seconds, 1e-9)
        lines.append(line("CPU cores for the sandbox meanwhile", "", busy))
        per_actor = loops / np.maximum(seconds, 1e-9)
        lines.append(line("CPU cores for loop actors meanwhile", "", per_actor, "one actor uses one at most"))
    lines += [
        line("CPU of the sandbox", "core-h", sandbox / 3600, "programs' own, and 3 ms for each process"),
        line(
            "CPU of loops",
            "core-h",
            loops / 3600,
            "4 ms for each model call; fits of built-in agents not counted",
        ),
        Line(
            "objects written",
            "",
            Range(
                float(as_measured), float(min(fullest[0], as_measured)), float(max(fullest[0], as_measured))
            ),
            "from full segments to as few rows in each as measured",
        ),
        line("records", "GB", totals["record_bytes"] / 1e9, "before compression"),
    ]
    price = (
        settings.gpu_hour * gpu_hours
        + settings.core_hour * cores
        + settings.million_prompt_tokens * prompts / 1e6
        + settings.million_answer_tokens * answers / 1e6
    )
    if price[0] > 0:
        price = price + settings.thousand_puts * as_measured / 1000
        lines.append(line("price", "", price))
        lines.append(line("price for each accepted one", "", price / np.maximum(accepted, 1)))
    return lines


def _totals(took: _Floats, count: int, seed: int) -> dict[str, _Floats]:
    """By figure: the expectation first, then draws of what `count` sequences may sum up to."""
    generator = np.random.default_rng(seed)
    size = len(took)
    sums = np.empty((RESAMPLES + 1, took.shape[1]))
    sums[0] = took.mean(axis=0) * count
    for i in range(1, RESAMPLES + 1):
        drawn = took[generator.integers(size, size=size)]
        mean = drawn.mean(axis=0)
        # The larger run is a draw itself: of a sum of so many, the normal distribution is near enough. One weight for
        # each sequence keeps the figures' covariance.
        noise = generator.standard_normal(size) @ (drawn - mean) * np.sqrt(count / size)
        sums[i] = np.maximum(0.0, mean * count + noise)
    return dict(zip(NAMES, sums.T, strict=True))


def as_json(measured: Measured, settings: EstimatingSettings, lines: list[Line]) -> dict[str, Any]:
    return {
        "run": measured.run.uri,
        "measured": len(measured.took),
        "failed": measured.failed,
        "sequences": settings.sequences or measured.selected,
        "estimates": {line.name: {**line.value.as_json(), "unit": line.unit} for line in lines},
    }


def table(measured: Measured, settings: EstimatingSettings, lines: list[Line]) -> str:
    """For a person."""
    count = settings.sequences or measured.selected
    rows = [
        (line.name, *map(_shown, (line.value.expected, line.value.low, line.value.high))) for line in lines
    ]
    widths = [max(len(row[i]) for row in [*rows, ("", "expected", "low", "high")]) for i in range(4)]
    parts = [
        f"measured  {measured.run.uri}: {len(measured.took):,} of {measured.outcomes:,} outcomes",
        f"for       {count:,} selected sequences, with 95 % intervals",
        "",
        f"{'':{widths[0]}}  {'expected':>{widths[1]}}  {'low':>{widths[2]}}  {'high':>{widths[3]}}",
    ]
    for line, row in zip(lines, rows, strict=True):
        figures = f"{row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}"
        parts.append(f"{row[0]:{widths[0]}}  {figures}  {line.unit:6}  {line.how}".rstrip())
    if measured.failed:
        parts += ["", f"{measured.failed:,} sequences failed for reasons of infrastructure and are left out."]
    return "\n".join(parts)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"

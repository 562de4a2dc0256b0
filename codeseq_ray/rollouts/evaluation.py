"""How well a policy does: shares over problems with their intervals (METHOD 4), and tables of several policies.

Problems are the units: rollouts of one problem hang together, so intervals are taken over problems by the bootstrap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

RESAMPLES = 2000
PAIRED = ("avg", "coverage")
"""Figures of which each problem's own value is kept, so that two policies can be compared problem by problem."""
_Floats = npt.NDArray[np.float64]


def pass_at(k: int, rollouts: int, passes: int) -> float:
    """The chance that at least one of k rollouts passes, without bias (Chen et al. 2021): 1 − C(n−c, k) / C(n, k)."""
    if not 1 <= k <= rollouts:
        raise ValueError(f"k must be in 1 … {rollouts}, got {k}")
    if rollouts - passes < k:
        return 1.0
    return 1.0 - math.prod(1.0 - k / i for i in range(rollouts - passes + 1, rollouts + 1))


@dataclass(frozen=True)
class Share:
    """A mean over problems, in 0 … 1, with its 95 % interval."""

    mean: float
    low: float
    high: float

    def as_json(self) -> dict[str, float]:
        return {"mean": self.mean, "low": self.low, "high": self.high}


def mean_share(of_problems: Sequence[float], seed: int) -> Share:
    """Mean over problems; the interval by resampling problems (percentile bootstrap, drawn by the seed)."""
    values: _Floats = np.asarray(of_problems, dtype=np.float64)
    generator = np.random.default_rng(seed)
    means = np.array(
        [values[generator.integers(len(values), size=len(values))].mean() for _ in range(RESAMPLES)]
    )
    low, high = np.quantile(means, (0.025, 0.975))
    return Share(float(values.mean()), float(low), float(high))


def evaluate(
    rollouts: pa.Table, numbers: Sequence[int], samples: int, ks: Sequence[int], seed: int
) -> dict[str, Any]:
    """Figures of a policy over the problems `numbers`, as plain JSON values.

    `rollouts`: columns of `store.rollouts.FIGURES`. Problems that lack a rollout are left out and counted: answers
    that happened to be judged early are not a fair sample of a problem's.
    """
    ks = [k for k in dict.fromkeys(ks) if k <= samples]
    counts: dict[str, list[float]] = {
        "avg": [],
        "coverage": [],
        **{f"pass@{k}": [] for k in ks},
    }
    reasons: dict[str, int] = {}
    tokens = whole = passes = judged = replayed = 0
    table = rollouts.filter(pc.less(rollouts["sample"], samples))
    of_number = by_number(table)
    measured: list[int] = []
    for number in numbers:
        rows = of_number(number)
        if len(rows) < samples:
            continue
        whole += 1
        measured.append(number)
        good = sum(row["passed"] for row in rows)
        passes, judged = passes + good, judged + len(rows)
        counts["avg"].append(good / samples)
        counts["coverage"].append(
            sum(row["cases_passed"] / row["cases"] if row["cases"] else 0.0 for row in rows) / samples
        )
        for k in ks:
            counts[f"pass@{k}"].append(pass_at(k, samples, good))
        tokens += sum(row["completion_tokens"] for row in rows)
        replayed += sum(row["replayed"] for row in rows)
        for row in rows:
            if not row["passed"]:
                reasons[row["reason"]] = reasons.get(row["reason"], 0) + 1
    return {
        "problems": whole,
        "left_out": len(numbers) - whole,
        "samples": samples,
        "rollouts": judged,
        "passes": passes,
        "replayed": replayed,
        "figures": {name: mean_share(values, seed).as_json() for name, values in counts.items() if values},
        "of_problems": {
            name: {str(number): value for number, value in zip(measured, counts[name], strict=True)}
            for name in PAIRED
        },
        "reasons": dict(sorted(reasons.items())),
        "tokens_per_rollout": tokens / judged if judged else 0.0,
    }


def by_number(table: pa.Table) -> Callable[[int], list[dict[str, Any]]]:
    """The rows of one number, of a table in the order of its numbers."""
    numbers = table["number"].to_numpy()

    def rows(number: int) -> list[dict[str, Any]]:
        first, last = (int(numbers.searchsorted(number, side)) for side in ("left", "right"))
        found: list[dict[str, Any]] = table.slice(first, last - first).to_pylist()
        return found

    return rows


WORDS = {
    "gtg": "general-term generation (the program for the n-th term)",
    "next-number": "next-number prediction",
}


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Results of several policies side by side as Markdown; figures that one lacks are a dash."""
    names = list(dict.fromkeys(name for result in results for name in result["figures"]))
    shown = {"avg": "avg@{n}", "coverage": "cases met"}
    heads = ["policy", "task", "problems", *(shown.get(name, name) for name in names), "tokens per answer"]
    lines = ["| " + " | ".join(heads) + " |", "|---|---|" + "---:|" * (len(heads) - 2)]
    for result in results:
        cells = [result["policy"], result["task"], f"{result['problems']:,}"]
        for name in names:
            figure = result["figures"].get(name)
            cells.append(_percent(figure) if figure else "–")
        cells.append(f"{result['tokens_per_rollout']:.0f}")
        lines.append("| " + " | ".join(cells) + " |")
    samples = {result["samples"] for result in results}
    return "\n".join(lines).replace("{n}", str(samples.pop()) if len(samples) == 1 else "n")


def _percent(figure: Mapping[str, float]) -> str:
    return f"{100 * figure['mean']:.1f} % ({100 * figure['low']:.1f}–{100 * figure['high']:.1f})"


_COMPARED = ("input_digest", "split", "limit", "seed", "samples", "temperature", "max_tokens")
"""What evaluations have to have in common to be compared; the digest is that of the problems."""


def differences(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each further result that was measured otherwise than the first, with what is different."""
    first, *others = results
    lines = []
    for other in others:
        pairs = [(name, other.get(name), first.get(name)) for name in _COMPARED]
        apart = [
            "problems" if name == "input_digest" else f"{name} {_said(theirs)} (here {_said(ours)})"
            for name, theirs, ours in pairs
            if theirs != ours
        ]
        if apart:
            lines.append(
                f"**Not comparable:** {other['policy']} ({other['task']}) differs in {', '.join(apart)}."
            )
    return lines


def gains(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table of the first result's figures less those of each other one that was measured alike, problem by problem.

    The interval is of the mean of these differences: problems that are hard for both do not widen it. Evaluations
    from before each problem's values were kept, and those that differ, have no line.
    """
    first, *others = results
    lines = []
    for other in others:
        if differences([first, other]) or other["task"] != first["task"]:
            continue
        cells = []
        for name in PAIRED:
            ours, theirs = (result.get("of_problems", {}).get(name, {}) for result in (first, other))
            both = sorted(set(ours) & set(theirs))
            if both:
                gain = mean_share([ours[number] - theirs[number] for number in both], first["seed"] or 0)
                cells.append(f"{100 * gain.mean:+.1f} ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})")
        if len(cells) == len(PAIRED):
            lines.append(f"| {other['policy']} | {' | '.join(cells)} |")
    if not lines:
        return []
    head = f"| {first['policy']} less … | avg@{first['samples']}, points | cases met, points |"
    return [head, "|---|---:|---:|", *lines]


def _said(value: object) -> str:
    return "not given" if value is None else str(value)


def report(results: Sequence[Mapping[str, Any]]) -> str:
    """The whole report as Markdown."""
    first = results[0]
    lines = [
        f"# {first['policy']}: {WORDS.get(first['task'], first['task'])}",
        "",
        table(results),
        "",
        "Means over problems, with 95 % intervals from resampling problems. avg: share of answers that pass; pass@k:",
        "chance that one of k passes, unbiased; cases met: share of hidden cases that an answer's program gives",
        "before one ends it (out of time, say).",
        "",
        f"Problems: `{first['dataset']}` ({first['split']}), {first['left_out']} left out for lack of rollouts. "
        f"Temperature {first['temperature']}, at most {first['max_tokens']} tokens, prompt {first['prompt']}.",
    ]
    for line in differences(results):
        lines += ["", line]
    if gained := gains(results):
        lines += ["", *gained]
    if replayed := first.get("replayed"):
        lines += ["", f"{replayed} of {first['rollouts']} answers were replayed from the response cache."]
    if first["reasons"]:
        lines += ["", "| why an answer did not pass | answers |", "|---|---:|"]
        lines += [f"| {reason} | {count} |" for reason, count in first["reasons"].items()]
    return "\n".join(lines) + "\n"

"""From rollouts to the rows of their release: `rl`, `rl_dropped` and `rollouts`, and the figures of its card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa

from codeseq_ray.dataset.rl import COLUMNS, RL, Estimate, rl_row
from codeseq_ray.dataset.views import Row
from codeseq_ray.rollouts.evaluation import by_number
from codeseq_ray.rollouts.questions import reading
from codeseq_ray.rollouts.solvability import (
    Band,
    Fate,
    Tally,
    histogram,
    interval,
    split_half,
    stopped_estimate,
    until_decided,
)

FORMAT_VERSION = 2

_ESTIMATE = (
    pa.field("solvability_low", pa.float64()),
    pa.field("solvability_high", pa.float64()),
    pa.field("stopped_early", pa.bool_(), nullable=False),
    pa.field("rollout_tokens", pa.int64(), nullable=False),
)

KEPT = pa.schema([*RL, *_ESTIMATE])
DROPPED = pa.schema([*RL, *_ESTIMATE, pa.field("why", pa.string(), nullable=False)])
ROLLOUTS = pa.schema(
    [
        pa.field("problem_id", pa.string(), nullable=False),
        pa.field("sequence_id", pa.string(), nullable=False),
        pa.field("sample", pa.int32(), nullable=False),
        pa.field("passed", pa.bool_(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("cases_passed", pa.int32(), nullable=False),
        pa.field("cases", pa.int32(), nullable=False),
        pa.field("prompt_tokens", pa.int64(), nullable=False),
        pa.field("completion_tokens", pa.int64(), nullable=False),
        pa.field("policy", pa.string(), nullable=False),
        pa.field("license", pa.string(), nullable=False),
        pa.field("source_url", pa.string(), nullable=False),
    ]
)
CONFIGS = {"rl": KEPT, "rl_dropped": DROPPED, "rollouts": ROLLOUTS}


@dataclass(frozen=True)
class Selection:
    """By what problems are kept."""

    policy: str
    samples: int
    band: Band
    early_stop: bool


@dataclass
class Figures:
    """What the card says; counted while rows are drawn."""

    problems: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    rollouts: int = 0
    passes: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Of rollouts that did not pass."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    first_passes: Counter[int] = field(default_factory=Counter)
    """Problems by the number of the first sample that passed."""
    stopped_early: int = 0
    solvabilities: list[float] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    """Of problems whose fate is known: the split halves are taken of them."""

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def as_json(self, chosen: Selection) -> dict[str, Any]:
        # Those that were not stopped are no fair sample of all: the undecided ones, and all that were never solved.
        agreement = None if self.stopped_early else split_half(self.tallies, chosen.band)
        return {
            "policy": chosen.policy,
            "samples": chosen.samples,
            "keep_above": chosen.band.above,
            "keep_most": chosen.band.most,
            "early_stop": chosen.early_stop,
            "problems": self.problems,
            "fates": {fate.value: self.fates[fate.value] for fate in Fate},
            "rollouts": self.rollouts,
            "passes": self.passes,
            "reasons": dict(sorted(self.reasons.items())),
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "tokens_per_kept": self.tokens // self.fates[Fate.KEPT] if self.fates[Fate.KEPT] else None,
            "stopped_early": self.stopped_early,
            "histogram": histogram(self.solvabilities),
            "first_pass": {str(at): count for at, count in sorted(self.first_passes.items())},
            "split_half": None if agreement is None else asdict(agreement),
        }


def check_publishable(problem: Mapping[str, Any]) -> None:
    """Raises InputError when the release's row of this problem could not be made, whatever its rollouts say."""
    with reading(problem, COLUMNS):
        pa.Table.from_pylist([rl_row(problem, 0, Estimate())], schema=RL)


def release_rows(
    problems: Iterable[Mapping[str, Any]], rollouts: pa.Table, chosen: Selection, figures: Figures
) -> Iterator[Row]:
    """Every row of the release, problem by problem in the order given; `figures` is filled on the way.

    `rollouts`: columns of `store.rollouts.FIGURES`, by number, then sample; those of other problems are passed over.
    """
    of_problem = by_number(rollouts)
    places: Counter[str] = Counter()
    for problem in problems:
        number = int(problem["sequence_id"][1:])
        taken = [row for row in of_problem(number) if row["sample"] < chosen.samples]
        figures.problems += 1
        for row in taken:
            yield Row("rollouts", "train", _rollout(problem, row, chosen.policy, figures))
        fate, counted, stopped = _judged(taken, chosen)
        config = "rl" if fate is Fate.KEPT else "rl_dropped"
        tally = Tally(tuple(row["passed"] for row in counted))
        first = next((row["sample"] for row in counted if row["passed"]), None)
        row = rl_row(problem, places[config], Estimate(chosen.policy, tally.rollouts, tally.passes, first))
        if stopped:
            row["solvability"] = row["extra_info"]["solvability"] = stopped_estimate(
                tally.passed, chosen.band
            )
        low, high = interval(tally.passes, tally.rollouts) if tally.rollouts else (None, None)
        tokens = sum(one["prompt_tokens"] + one["completion_tokens"] for one in taken)
        row |= {
            "solvability_low": low,
            "solvability_high": high,
            "stopped_early": stopped,
            "rollout_tokens": tokens,
        }
        places[config] += 1
        figures.fates[fate.value] += 1
        if fate is not Fate.TOO_FEW_ROLLOUTS:
            figures.stopped_early += stopped
            figures.solvabilities.append(row["solvability"])
            figures.first_passes.update([] if first is None else [first])
            figures.tallies.append(tally)
        yield Row(config, "train", row if fate is Fate.KEPT else {**row, "why": fate.value})


def _judged(taken: list[dict[str, Any]], chosen: Selection) -> tuple[Fate, list[dict[str, Any]], bool]:
    """The fate, the samples that count, and whether these are fewer than were to be asked.

    All count that are judged; where a problem was stopped early, those up to the one that decided.
    """
    in_order = [row for place, row in enumerate(taken) if row["sample"] == place]
    passed = [row["passed"] for row in in_order]
    if len(passed) == chosen.samples:
        return chosen.band.fate(sum(passed), chosen.samples), in_order, False
    if chosen.early_stop:
        at = until_decided(passed, chosen.samples, chosen.band)
        passes = sum(passed[:at])
        if chosen.band.decided(passes, at, chosen.samples):
            # What is missing is taken for failed: it cannot change the fate.
            return chosen.band.fate(passes, chosen.samples), in_order[:at], True
    return Fate.TOO_FEW_ROLLOUTS, taken, False


def _rollout(
    problem: Mapping[str, Any], row: dict[str, Any], policy: str, figures: Figures
) -> dict[str, Any]:
    figures.rollouts += 1
    figures.passes += row["passed"]
    if not row["passed"]:
        figures.reasons[row["reason"]] += 1
    figures.prompt_tokens += row["prompt_tokens"]
    figures.completion_tokens += row["completion_tokens"]
    return {
        **{name: row[name] for name in ROLLOUTS.names if name in row},
        **{name: problem[name] for name in ("problem_id", "sequence_id", "license", "source_url")},
        "policy": policy,
    }

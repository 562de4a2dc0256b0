"""Reports of the workers as lines for people."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

FIGURES = {
    "loss": "loss",
    "reward": "reward",
    "cssr/passed": "passed",
    "cssr/pass_part": "for programs",
    "cssr/case_part": "for cases",
    "cssr/not_judged": "not judged",
    "frac_reward_zero_std": "groups alike",
    "completions/mean_length": "tokens a completion",
    "completions/clipped_ratio": "cut off",
    "kl": "KL",
    "entropy": "entropy",
    "mean_token_accuracy": "tokens right",
    "grad_norm": "gradient",
    "learning_rate": "learning rate",
    "step_time": "s a step",
    "cssr/seconds": "s for verdicts",
    "train_loss": "mean loss",
}
"""Of what the trainers log, what a line shows; log.json and TensorBoard have all."""


class Telling:
    """Takes what `following` passes on; remembers why a worker was lost."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._begun = time.monotonic()
        self.failure = ""
        """Of the last worker that was lost."""

    def __call__(self, told: Mapping[str, Any]) -> None:
        if "failed" in told:
            self.failure = str(told["failed"])
            self._say(f"a worker was lost: {self.failure}")
        else:
            where = f"step {told['step']:,} of {told.get('of', 0):,}"
            if told.get("saved"):
                self._say(f"{where}: checkpoint saved")
                return
            figures = [
                f"{words} {told[name]:.4g}"
                for name, words in FIGURES.items()
                if isinstance(told.get(name), int | float)
            ]
            self._say(f"{where}: {', '.join(figures)}; {(time.monotonic() - self._begun) / 60:.1f} min")

"""The Case-Synergy Solvability Scaling Reward: what the paper names, in three forms of our own (METHOD 3).

The paper says that log-scaled solvability with a smoothing ε is put together with the success rate of self-made
cases; it does not print the formula. s is the solvability of the problem, c the share of the completion's own cases
that are true:

    w(s) = −ln(s + ε), and not below 0
    additive         R = [passed] · w(s) + λ · c
    multiplicative   R = [passed] · w(s) · (1 + λ · c)
    normalised       R = [passed] · w(s) / w(1 / rollouts), at most 1, + λ · c
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from codeseq_ray.errors import UsageError

UNKNOWN_WEIGHT = 1.0
"""Weight of a pass where no solvability was estimated: R is then what an unscaled reward would be, in every form."""


class Form(StrEnum):
    ADDITIVE = "additive"
    MULTIPLICATIVE = "multiplicative"
    NORMALISED = "normalised"


@dataclass(frozen=True, slots=True)
class Cssr:
    """One form with its constants. Raises UsageError for constants that make no reward."""

    form: Form = Form.ADDITIVE
    epsilon: float = 1e-3
    """Keeps w finite at s = 0."""
    case_weight: float = 1.0
    """λ: what true cases count beside the program. 1 is the formula as we read it. Below w(s) of the easiest problem,
    every pass is worth more than any failure (docs/reward.md)."""
    rollouts: int = 32
    """Behind each s: 1 / rollouts is the smallest one above 0, whose weight the normalised form calls 1."""

    def __post_init__(self) -> None:
        if self.form not in set(Form):
            raise UsageError(f"there is no reward form {self.form!r}; choose one of {', '.join(Form)}")
        object.__setattr__(self, "form", Form(self.form))  # a trainer's configuration says it as text
        if not 0 < self.epsilon < 1:
            raise UsageError(f"epsilon {self.epsilon!r} is not between 0 and 1")
        if not (math.isfinite(self.case_weight) and self.case_weight >= 0):
            raise UsageError(f"case_weight {self.case_weight!r} is not a number from 0 up")
        if self.rollouts < 1 or 1 / self.rollouts + self.epsilon >= 1:
            raise UsageError(
                f"of {self.rollouts} rollouts the smallest solvability above 0 is 1/{self.rollouts}: with epsilon "
                f"{self.epsilon} its weight is not above 0, and nothing can be scaled by it"
            )

    def weight(self, solvability: float | None) -> float:
        """w(s) of this form, from 0 up; at most 1 in the normalised form. None: not estimated, `UNKNOWN_WEIGHT`.

        Raises UsageError for a solvability that is no share.
        """
        if solvability is None:
            return UNKNOWN_WEIGHT
        if not 0 <= solvability <= 1:  # also not a number
            raise UsageError(f"solvability {solvability!r} is not a share from 0 to 1 (null: not estimated)")
        weight = self._log(solvability)
        if self.form is not Form.NORMALISED:
            return weight
        # s = 0 lies below the smallest measured share, and weighs no more than that.
        return min(1.0, weight / self._log(1 / self.rollouts))

    def _log(self, solvability: float) -> float:
        # −ln(1 + ε) is below 0: a right program would be worth less than a wrong one.
        return max(0.0, -math.log(solvability + self.epsilon))

    def reward(self, *, passed: bool, solvability: float | None, case_share: float) -> float:
        """R of a completion whose cases are true to the share c (0 without cases)."""
        return sum(self.parts(passed=passed, solvability=solvability, case_share=case_share))

    def parts(self, *, passed: bool, solvability: float | None, case_share: float) -> tuple[float, float]:
        """What the program earns and what the cases earn; together, R."""
        if not 0 <= case_share <= 1:
            raise UsageError(f"case share {case_share!r} is not a share from 0 to 1")
        weight = self.weight(solvability) if passed else 0.0
        earned = self.case_weight * case_share
        return weight, weight * earned if self.form is Form.MULTIPLICATIVE else earned

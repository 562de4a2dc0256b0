"""How hard the problems of a run are for a policy: from a run of jobs/rollouts.py (METHOD 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codeseq_ray.errors import UsageError
from codeseq_ray.records import Outcome
from codeseq_ray.rollouts.solvability import histogram
from codeseq_ray.store.merging import read_rows
from codeseq_ray.store.run import RunStore


@dataclass(frozen=True)
class Solvability:
    """Of each problem with a judged rollout: passes ÷ rollouts."""

    policy: str
    shares: tuple[float, ...]
    rollouts: int

    def bars(self) -> list[tuple[str, int]]:
        return list(histogram(self.shares).items())

    def words(self) -> str:
        never = sum(share == 0 for share in self.shares)
        always = sum(share == 1 for share in self.shares)
        return (
            f"Solvability for {self.policy}: {len(self.shares):,} problems, {self.rollouts:,} judged rollouts; "
            f"{never:,} were never solved, {always:,} always. Bars: never, then tenths."
        )


def read_solvability(run: RunStore) -> Solvability:
    """Raises UsageError where there is no run of rollouts, or nothing in it is judged."""
    manifest = run.read_manifest()
    if manifest is None or manifest.get("kind") != "rollouts":
        raise UsageError(f"--rollouts {run.uri}: this is no run of jobs/rollouts.py")
    table = read_rows(run).table
    judged = np.array(
        [outcome != Outcome.FAILED.value for outcome in table["outcome"].to_pylist()], dtype=bool
    )
    passed = np.array(
        [outcome == Outcome.ACCEPTED.value for outcome in table["outcome"].to_pylist()], dtype=bool
    )
    numbers = table["number"].to_numpy()[judged]
    if not len(numbers):
        raise UsageError(f"--rollouts {run.uri}: no rollout is judged yet")
    _, places, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    passes = np.bincount(places, weights=passed[judged])
    return Solvability(str(manifest.get("policy", "")), tuple((passes / counts).tolist()), len(numbers))

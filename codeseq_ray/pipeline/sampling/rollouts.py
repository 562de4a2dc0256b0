"""Rollouts for RL: sample, judge, estimate solvability, publish what is kept and what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from codeseq_ray.pipeline.sampling.actor import SamplerMaker, sampler
from codeseq_ray.pipeline.sampling.run import Sampled
from codeseq_ray.pipeline.sampling.run import execute as sample
from codeseq_ray.rollouts.release import Selection
from codeseq_ray.rollouts.solvability import Fate
from codeseq_ray.settings import RolloutSettings
from codeseq_ray.store.releases import Release
from codeseq_ray.store.rollout_releases import publish_rollouts

Say = Callable[[str], None]


@dataclass
class RolloutResult:
    sampled: Sampled
    release: Release


def execute(settings: RolloutSettings, say: Say, make: SamplerMaker = sampler) -> RolloutResult:
    """Bring the rollouts as far as the settings ask, and publish. Errors as those of `sampling.run.execute`."""
    published: list[Release] = []

    def conclude(sampled: Sampled) -> None:
        say("publish: drawing the release …")
        chosen = Selection(sampled.manifest["policy"], settings.samples, settings.band, settings.early_stop)
        published.append(
            publish_rollouts(
                sampled.run,
                sampled.problems.in_order(),
                sampled.problems.numbers.tolist(),
                sampled.rows,
                sampled.manifest,
                chosen,
            )
        )

    return RolloutResult(sample(settings, say, conclude, make), published[0])


def closing(result: RolloutResult) -> str:
    """What came of it, for a person."""
    sampled, release = result.sampled, result.release
    figures: dict[str, Any] = release.manifest["figures"]
    fates = figures["fates"]
    lines = [f"{figures['problems']:>9,}  problems asked, {figures['rollouts']:,} rollouts judged"]
    words = {
        Fate.NEVER_SOLVED: "never solved",
        Fate.TOO_HARD: f"too hard (s ≤ {figures['keep_above']:g})",
        Fate.TOO_EASY: f"too easy (s > {figures['keep_most']:g})",
        Fate.TOO_FEW_ROLLOUTS: "not all rollouts judged yet",
        Fate.KEPT: "kept",
    }
    lines += [
        f"{fates[fate]:>9,}  {said}" for fate, said in words.items() if fates[fate] or fate is Fate.KEPT
    ]
    lines += ["", "rollouts"]
    lines += [f"{figures['passes']:>9,}  passed"]
    lines += [
        f"{count:>9,}  {reason}"
        for reason, count in sorted(figures["reasons"].items(), key=lambda one: (-one[1], one[0]))
    ]
    if agreement := figures["split_half"]:
        told = f"split halves: s differs by {agreement['difference']:.3f} on average"
        if agreement["correlation"] is not None:
            told += f", correlation {agreement['correlation']:.3f}"
        lines += ["", f"{told}, {agreement['same_fate']:.1%} of problems the same fate"]
    lines += [
        "",
        f"release   {release.uri}{'' if release.new else ' (unchanged)'}",
        *sampled.ending(figures["reasons"]),
    ]
    return "\n".join(lines)

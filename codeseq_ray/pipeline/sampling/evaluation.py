"""An evaluation: sample a policy on held-out problems, and write down how well it does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from codeseq_ray.errors import UsageError
from codeseq_ray.pipeline.sampling.actor import SamplerMaker, sampler
from codeseq_ray.pipeline.sampling.run import Sampled
from codeseq_ray.pipeline.sampling.run import execute as sample
from codeseq_ray.rollouts import evaluation, plot
from codeseq_ray.settings import EvaluateSettings
from codeseq_ray.store.opening import open_patiently
from codeseq_ray.store.rollouts import read_figures
from codeseq_ray.store.run import json_bytes

Say = Callable[[str], None]
RESULTS = "results.json"


@dataclass
class Evaluated:
    """What was measured, and what stands beside it."""

    sampled: Sampled
    results: list[dict[str, Any]]
    """This evaluation's first."""
    report: str
    where: str


def execute(settings: EvaluateSettings, say: Say, make: SamplerMaker = sampler) -> Evaluated:
    """Sample as far as the settings ask, then write `results.json`, `results.md` and `results.svg` into the run.

    Raises UsageError before any work when one of `--beside` is no evaluation; else as `sampling.run.execute`.
    """
    beside = [_results_of(uri, settings, say) for uri in settings.beside]
    done: list[Evaluated] = []

    def conclude(sampled: Sampled) -> None:
        run = sampled.run
        mine = _measured(sampled, settings)
        run.store.put(run.key(RESULTS), json_bytes(mine))
        results = [mine, *beside]
        report = evaluation.report(results)
        run.store.put(run.key("results.md"), report.encode())
        run.store.put(run.key("results.svg"), plot.svg(results).encode())
        done.append(Evaluated(sampled, results, report, run.uri))

    sample(settings, say, conclude, make)
    return done[0]


def closing(result: Evaluated) -> str:
    """What was measured, for a person."""
    where = f"results   {result.where}/results.json, results.md, results.svg"
    return "\n".join([result.report, where, *result.sampled.ending(result.results[0]["reasons"])])


def _measured(sampled: Sampled, settings: EvaluateSettings) -> dict[str, Any]:
    told = sampled.manifest["row_settings"]
    figures = evaluation.evaluate(
        read_figures(sampled.run, sampled.rows),
        sampled.problems.numbers.tolist(),
        settings.samples,
        settings.pass_at,
        settings.seed,
    )
    return {
        "format": 1,
        "policy": sampled.manifest["policy"],
        "task": told["task"],
        "dataset": sampled.problems.uri,
        "input_digest": sampled.problems.digest,
        "limit": settings.limit,
        "seed": settings.seed,
        **{name: told[name] for name in ("split", "temperature", "max_tokens", "prompt")},
        **figures,
    }


def _results_of(uri: str, settings: EvaluateSettings, say: Say) -> dict[str, Any]:
    store = open_patiently(uri, settings, say, look=uri.lower().startswith("s3://"))
    try:
        told: dict[str, Any] = json.loads(store.get(RESULTS))
    except KeyError:
        raise UsageError(
            f"--beside {uri}: holds no {RESULTS}; give the folder of an evaluation's run"
        ) from None
    except ValueError as error:
        raise UsageError(f"--beside {uri}/{RESULTS} is not JSON: {error}") from None
    try:  # what cannot be shown alone cannot be shown beside another, once that is paid for
        evaluation.report([told])
        plot.svg([told])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"--beside {uri}/{RESULTS} is no evaluation's: {error!r}") from None
    return told

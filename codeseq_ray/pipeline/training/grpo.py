"""GRPO: problems of a release of rollouts, in the driver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow.parquet as pq

from codeseq_ray.errors import InputError, UsageError
from codeseq_ray.pipeline.judging.inputs import filesystem
from codeseq_ray.pipeline.training.run import Say, Trained, Work, conduct
from codeseq_ray.pipeline.training.showing import problem_lines, shown
from codeseq_ray.settings import GrpoSettings
from codeseq_ray.store.released import Released, find_release
from codeseq_ray.training.prepared import Prepared, Put
from codeseq_ray.training.problems import prepare
from codeseq_ray.training.turns import open_tokenizer

CONFIG = "rl"


def execute(settings: GrpoSettings, say: Say) -> Trained:
    """Train, or go on. Raises UsageError and its kin before any work where possible."""

    def workers() -> Work:
        from codeseq_ray.pipeline.training.grpo_worker import work  # brings torch

        return work

    return conduct(settings, say, "grpo", make=lambda put, _: _prepared(settings, say, put), work=workers)


def dry_run(settings: GrpoSettings, say: Say) -> None:
    """Which problems would be trained on, and the first one's prompt."""
    shown(
        settings, say, lambda put, _: _prepared(settings, say, put), lambda row: problem_lines(settings, row)
    )


def _prepared(settings: GrpoSettings, say: Say, put: Put) -> Prepared:
    tokenizer = open_tokenizer(settings.model, settings.model_revision)
    say(
        f"problems: {settings.dataset}, prompts of up to {settings.prompt_tokens:,} tokens of {settings.model}"
    )
    return prepare(
        _rows(settings, say),
        put,
        tokenizer,
        most_tokens=settings.prompt_tokens,
        seed=settings.seed,
        limit=settings.limit,
    )


def _rows(settings: GrpoSettings, say: Say) -> Iterator[Mapping[str, Any]]:
    if settings.dataset.endswith(".parquet"):
        fs, path = filesystem(settings.dataset)
        try:
            yield from pq.read_table(path, filesystem=fs).to_pylist()
        except (OSError, ValueError) as error:
            raise InputError(f"--dataset {settings.dataset}: cannot be read as Parquet: {error}") from error
        return
    release = Released(*find_release(settings.dataset, settings, say))
    places = [place for place in release.places if place[0] == CONFIG]
    if not places:
        raise UsageError(
            f"--dataset {settings.dataset}: the release has no rows of the config rl. Give a run of jobs/rollouts.py "
            "that kept some (jobs/train_sft.py reads sft)"
        )
    for place in places:
        yield from release.rows(place)

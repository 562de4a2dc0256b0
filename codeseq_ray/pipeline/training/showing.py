"""The dry run: how many rows and tokens would be trained on, and the first row token by token."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from codeseq_ray.pipeline.training.run import Make, Say, shape_lines
from codeseq_ray.settings import GrpoSettings, SftSettings, TrainSettings
from codeseq_ray.telling.words import visible
from codeseq_ray.training.prepared import TRAIN
from codeseq_ray.training.turns import UNTRAINED, open_tokenizer

SHOWN_TOKENS = 1200


def shown(
    settings: TrainSettings, say: Say, make: Make, lines: Callable[[dict[str, Any]], Iterator[str]]
) -> None:
    """Make the rows, keep none of them, and say what they are; `lines` tells the first one."""
    files: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory(prefix="codeseq-training-") as scratch:
        told = make(files.__setitem__, Path(scratch))
    for line in (*told.lines(), *shape_lines(settings)):
        say(line)
    say("")
    first = pq.read_table(pa.BufferReader(files[told.files[TRAIN][0]])).slice(0, 1)
    for line in lines(first.to_pylist()[0]):
        say(line)


def sample_lines(settings: SftSettings, row: dict[str, Any]) -> Iterator[str]:
    """Runs of tokens that are trained on, or not, with | between tokens."""
    tokenizer = open_tokenizer(settings.model, settings.model_revision)
    ids, labels = row["input_ids"], row["labels"]
    yield f"first row: {row['id']} of {row['origin']}, {len(ids)} tokens"
    told = list(zip(ids, labels, strict=True))[:SHOWN_TOKENS]
    for untrained, run in groupby(told, key=lambda pair: pair[1] == UNTRAINED):
        tokens = [token for token, _ in run]
        yield f"--- {'not trained on' if untrained else 'TRAINED ON'}: {len(tokens)} tokens"
        yield visible("|".join(tokenizer.decode([token]) for token in tokens))
    if len(ids) > SHOWN_TOKENS:
        yield f"--- and {len(ids) - SHOWN_TOKENS} more tokens"


def problem_lines(settings: GrpoSettings, row: dict[str, Any]) -> Iterator[str]:
    """The prompt as the model reads it, and what a completion can earn."""
    from codeseq_ray.reward.forms import Cssr
    from codeseq_ray.reward.tasks import RewardTask

    tokenizer = open_tokenizer(settings.model, settings.model_revision)
    text = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, tokenize=False)
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    yield f"first problem: {row['problem_id']}, {len(tokens)} tokens, and up to {settings.completion_tokens:,} more"
    yield visible("|".join(tokenizer.decode([token]) for token in tokens))
    form = Cssr(settings.reward_form, settings.reward_epsilon, settings.reward_case_weight)
    task = RewardTask.of_row(row)
    earned = form.parts(passed=True, solvability=task.solvability, case_share=1.0)
    yield (
        f"--- reward, {form.form}: {earned[0]:.3f} for a program that gives all {len(task.hidden)} hidden cases "
        f"(s = {task.solvability}), {earned[1]:.3f} more where all of its own cases are true"
    )

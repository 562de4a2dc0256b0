"""Supervised fine-tuning: rows of a release, a mix or files, as tokens, in the driver."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from codeseq_ray.errors import UsageError
from codeseq_ray.mixing.chats import Chat, Refused, chat
from codeseq_ray.mixing.ratio import CODESEQ
from codeseq_ray.mixing.screening import Unread
from codeseq_ray.mixing.writing import MANIFEST as MIX
from codeseq_ray.pipeline.mixing.inputs import SFT, chat_files, chat_rows, sft_rows
from codeseq_ray.pipeline.training.run import Say, Trained, Work, conduct
from codeseq_ray.pipeline.training.showing import sample_lines, shown
from codeseq_ray.ports import ObjectStore
from codeseq_ray.settings import SftSettings
from codeseq_ray.store.released import MANIFEST, Released, find_release
from codeseq_ray.training.prepared import MEASURED, Prepared, Put, Read, prepare
from codeseq_ray.training.turns import Renderer, longest, open_tokenizer

GIVEN = "given"
"""Origin of rows that do not say theirs."""


def execute(settings: SftSettings, say: Say) -> Trained:
    """Train, or go on. Raises UsageError and its kin before any work where possible."""

    def workers() -> Work:
        from codeseq_ray.pipeline.training.sft_worker import work  # brings torch

        return work

    return conduct(
        settings, say, "sft", make=lambda put, scratch: _prepared(settings, say, put, scratch), work=workers
    )


def dry_run(settings: SftSettings, say: Say) -> None:
    """What would be trained on, and one sample token by token."""
    shown(
        settings,
        say,
        lambda put, scratch: _prepared(settings, say, put, scratch),
        lambda row: sample_lines(settings, row),
    )


def _prepared(settings: SftSettings, say: Say, put: Put, scratch: Path) -> Prepared:
    tokenizer = open_tokenizer(settings.model, settings.model_revision)
    renderer, most = Renderer(tokenizer), longest(tokenizer, settings.max_tokens)
    say(f"rows: {settings.dataset}, as {settings.model} reads them, up to {most:,} tokens")

    def rows() -> Iterator[Read]:
        for place, origin, told in chain(_chats(settings, say), _measured(settings)):
            if isinstance(told, Chat):
                turns = [{"role": role, "content": content} for role, content in told.messages]
                yield told.id or place, origin, renderer.sample(turns)
            else:
                yield place, origin, told.reason.value

    return prepare(
        rows(),
        put,
        scratch,
        most_tokens=most,
        seed=settings.seed,
        limit=settings.limit,
        held_out=settings.held_out,
    )


def _chats(settings: SftSettings, say: Say) -> Iterator[tuple[str, str, Chat | Refused]]:
    """Place, origin and chat of every row."""
    store, folder = find_release(settings.dataset, settings, say)
    if not _holds(store, folder + MANIFEST):
        # A mix has its rows in data/; what it dropped, with --keep-dropped, lies beside them.
        mixed = _holds(store, MIX)
        yield from _of_files(f"{settings.dataset.rstrip('/')}/data" if mixed else settings.dataset)
        return
    release = Released(store, folder)
    if not release.files(SFT):
        raise UsageError(
            f"--dataset {settings.dataset}: the release has no rows of the config sft (jobs/train_grpo.py reads rl)"
        )
    for name in release.files(SFT):
        for place, values in sft_rows(release, name):
            yield place, CODESEQ, values.refused if isinstance(values, Unread) else chat(values)


def _measured(settings: SftSettings) -> Iterator[tuple[str, str, Chat | Refused]]:
    if settings.measure is not None:
        yield from ((place, MEASURED, told) for place, _, told in _of_files(settings.measure, "--measure"))


def _of_files(uri: str, flag: str = "--dataset") -> Iterator[tuple[str, str, Chat | Refused]]:
    for part in chat_files(uri, flag, chats=True).slices:
        for place, values in chat_rows(part):
            if isinstance(values, Unread):
                yield place, GIVEN, values.refused
            else:
                yield place, str(values.get("origin") or GIVEN), chat(values)


def _holds(store: ObjectStore, key: str) -> bool:
    try:
        store.get(key)
    except KeyError:
        return False
    return True

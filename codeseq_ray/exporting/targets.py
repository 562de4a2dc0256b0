"""Which files each target has, and what stands in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from codeseq_ray.dataset.rl import RL
from codeseq_ray.exporting.settings import ExportingSettings
from codeseq_ray.exporting.shapes import (
    Shape,
    counted,
    rl_flat,
    rl_verl,
    sft_bare,
    sft_messages,
    sft_prompt_completion,
    whole,
)
from codeseq_ray.exporting.source import Source
from codeseq_ray.store.released import Released, Row

SFT_COUNTS: Final = ("prompt_tokens", "completion_tokens")
LLAMA_FACTORY_NAME = "codeseq_sft"


@dataclass(frozen=True)
class Part:
    """One file of an export."""

    name: str
    config: str
    split: str
    """As `datasets` calls it."""
    house: str | None
    """The split of its families (`sft`, `rl`, `eval`); None: each row says it in `split`, or has none."""
    rows: Callable[[], Iterator[Row]]
    shape: Shape


def parts(source: Source, settings: ExportingSettings) -> Iterator[Part]:
    """The files of every target but the hub folder, which is a copy."""
    match settings.to:
        case "trl":
            ending = settings.format or "jsonl"
            sft = sft_prompt_completion if settings.prompt_completion else sft_messages
            yield from _trained(source, settings, ending, sft, rl_flat)
        case "verl":
            yield from _trained(source, settings, "parquet", sft_bare, rl_verl)
        case "llama-factory":
            yield from _sft(source, settings, f"{LLAMA_FACTORY_NAME}.jsonl", sft_bare)
        case "jsonl":
            yield from _trained(source, settings, "jsonl", sft_messages, whole, eval_too=False)
            for _, release in source.releases():
                yield from _plain(release)


def extra_files(settings: ExportingSettings) -> dict[str, bytes]:
    """Further files that a target's reader needs, by name."""
    if settings.to != "llama-factory":
        return {}
    info = {
        LLAMA_FACTORY_NAME: {
            "file_name": f"{LLAMA_FACTORY_NAME}.jsonl",
            "formatting": "sharegpt",
            "columns": {"messages": "messages"},
            "tags": {
                "role_tag": "role",
                "content_tag": "content",
                "user_tag": "user",
                "assistant_tag": "assistant",
                "system_tag": "system",
            },
        }
    }
    return {"dataset_info.json": (json.dumps(info, indent=2) + "\n").encode()}


def _trained(
    source: Source,
    settings: ExportingSettings,
    ending: str,
    sft: Callable[..., Shape],
    rl: Callable[..., Shape],
    *,
    eval_too: bool = True,
) -> Iterator[Part]:
    yield from _sft(source, settings, f"sft.{ending}", sft)
    counts = ("prompt_tokens",) if settings.tokenizer else ()
    shape = rl(counted(source.rl_schema, *counts))
    yield Part(f"rl.{ending}", "rl", "train", "rl", source.rl, shape)
    if eval_too:
        yield Part(f"eval.{ending}", "eval", "test", "eval", source.eval, rl(counted(RL, *counts)))


def _sft(
    source: Source, settings: ExportingSettings, name: str, shape: Callable[..., Shape]
) -> Iterator[Part]:
    columns = source.sft_schema
    if columns is not None:
        columns = counted(columns, *(SFT_COUNTS if settings.tokenizer else ()))
        yield Part(name, "sft", "train", "sft", source.sft, shape(columns))


def _plain(release: Released) -> Iterator[Part]:
    """Every config that is not written already, a file for each split."""
    for config, split in release.places:
        if config in ("sft", "rl"):
            continue
        several = len([place for place in release.places if place[0] == config]) > 1 or config == "problems"
        name = f"{config}-{split}.jsonl" if several else f"{config}.jsonl"
        house = {"problems": split, "paraphrases": "sft", "rl_dropped": "rl"}.get(config)
        place = (config, split)
        yield Part(name, config, split, house, partial(release.rows, place), whole(release.schema(place)))

"""What an export says of itself: a card that `datasets` reads, and a note on licence and attribution."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import yaml

from codeseq_ray.dataset.card import size_category
from codeseq_ray.exporting.source import Source
from codeseq_ray.records import ATTRIBUTION, LICENSE

NOTICE_NAME = "LICENSE.md"
_FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)


@dataclass(frozen=True)
class Written:
    """A data file of an export."""

    name: str
    config: str
    split: str
    rows: int
    schema: pa.Schema


def notice(source: Source) -> str:
    """Goes with every copy: the licence asks for it."""
    lines = [
        "# Licence and attribution",
        "",
        f"Data: Creative Commons Attribution-ShareAlike 4.0 International (`{LICENSE}`),",
        "https://creativecommons.org/licenses/by-sa/4.0/.",
        "",
        f"Derived from the On-Line Encyclopedia of Integer Sequences: {ATTRIBUTION}. Every row links its entry.",
        "The problems, explanations and programs are changes, made by the agents that the release's card names; the",
        "OEIS does not endorse them. Whoever shares this data, or data made of it, gives the same attribution, says",
        "what was changed, and shares it under the same licence.",
        "",
        "Exported by codeseq-ray from",
    ]
    for name, told in source.made_from().items():
        lines.append(f"- {name}: run `{told['run_id']}`, fingerprint `{told['fingerprint']}`")
    if source.rollouts is not None and (policy := source.rollouts.told.get("policy")):
        lines += ["", f"Solvability was estimated with `{policy}`."]
    return "\n".join(lines) + "\n"


def folder_card(target: str, files: Sequence[Written], source: Source) -> str:
    """README.md of an export: with it, `datasets.load_dataset(FOLDER, CONFIG)` reads every file."""
    front: dict[str, Any] = {
        "pretty_name": f"CodeSeq for {target}",
        "license": LICENSE.lower(),
        "language": ["en"],
        "size_categories": [size_category(sum(file.rows for file in files))],
        "configs": _configs(files),
    }
    # Where the first rows of a JSON file have only nulls in a column, its type has to be told.
    told = {file.config: file.schema for file in files if file.name.endswith(".jsonl")}
    if told:
        front["dataset_info"] = [
            {"config_name": config, "features": features(schema)} for config, schema in told.items()
        ]
    partial = any(told["partial"] for told in source.made_from().values())
    lines = [f"# CodeSeq for {target}", "", "| file | config | split | rows |", "|---|---|---|---:|"]
    lines += [f"| `{file.name}` | `{file.config}` | `{file.split}` | {file.rows} |" for file in files]
    if partial:
        lines += [
            "",
            "> **Partial.** Some selected sequences had no outcome yet: the release's card says how many.",
        ]
    lines += ["", "`export.json` has what it was made from, and each file's SHA-256.", ""]
    return _joined(front, "\n".join(lines) + "\n" + notice(source).replace("# ", "## ", 1))


def hub_card(release: str, rollouts: str | None) -> str:
    """The release's card as it is; with rollouts, their card below it and the configs of both."""
    if rollouts is None:
        return release
    (front, body), (more, below) = _parted(release), _parted(rollouts)
    names = {config["config_name"] for config in front.get("configs", ())}
    further = [dict(config) for config in more.get("configs", ()) if config["config_name"] not in names]
    for config in further:
        config.pop("default", None)
    front["configs"] = [*front.get("configs", ()), *further]
    front["tags"] = list(dict.fromkeys([*front.get("tags", ()), *more.get("tags", ())]))
    return _joined(front, f"{body.rstrip()}\n\n{_lowered(below.strip())}\n")


def features(schema: pa.Schema) -> list[dict[str, Any]]:
    """The columns as `datasets` writes them into a card."""
    return [{"name": field.name, **_feature(field.type)} for field in schema]


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_list(kind):
        inner = _feature(kind.value_type)
        return {"list": inner.get("struct") or inner["dtype"]}
    if pa.types.is_struct(kind):
        fields = [kind.field(i) for i in range(kind.num_fields)]
        return {"struct": [{"name": field.name, **_feature(field.type)} for field in fields]}
    return {"dtype": {"double": "float64"}.get(str(kind), str(kind))}


def _configs(files: Sequence[Written]) -> list[dict[str, Any]]:
    by_config: dict[str, list[dict[str, str]]] = defaultdict(list)
    for file in files:
        by_config[file.config].append({"split": file.split, "path": file.name})
    return [{"config_name": config, "data_files": splits} for config, splits in by_config.items()]


def _parted(card: str) -> tuple[dict[str, Any], str]:
    found = _FRONT.match(card)
    if found is None:
        return {}, card
    return yaml.safe_load(found[1]) or {}, card[found.end() :]


def _joined(front: Mapping[str, Any], body: str) -> str:
    said = yaml.safe_dump(dict(front), sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{said}---\n\n{body.lstrip()}"


def _lowered(body: str) -> str:
    """Every heading one level lower; lines of code blocks are none."""
    lines, fenced = [], False
    for line in body.splitlines():
        fenced ^= line.startswith("```")
        lines.append(f"#{line}" if line.startswith("#") and not fenced else line)
    return "\n".join(lines)

"""Rows for the proof of value: some of a release's, and a control in which every answer is another problem's.

    python -m benchmarks.training.rows --dataset runs/whole --model MODEL --rows 200 --most-tokens 704 --into rows

Writes rows/ours.jsonl and rows/control.jsonl: the same problems in the same order and the same answers, but in the
control the answers have moved on by one place. Whatever a model learns of form (a fence, a check, a last block), it
can learn from both; what the problem asks for, from ours alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

from codeseq_ray.pipeline.mixing.inputs import SFT
from codeseq_ray.store.released import Released, find_release
from codeseq_ray.store.settings import StoreSettings
from codeseq_ray.training.turns import Renderer, Sample, open_tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--model", required=True, help="whose tokens are counted")
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--most-tokens", type=int, default=704)
    parser.add_argument("--into", type=Path, required=True)
    asked = parser.parse_args()
    renderer = Renderer(open_tokenizer(asked.model))
    release = Released(*find_release(asked.dataset, StoreSettings(), print))
    found, families = [], {}
    for row in release.rows(("problems", "sft"), ("problem_id", "family")):
        families[row["problem_id"]] = row["family"]
    drawn = sorted(release.rows(SFT), key=lambda row: hashlib.sha256(row["problem_id"].encode()).digest())
    seen: set[str] = set()
    for row in drawn:
        told = renderer.sample(row["messages"])
        family = families[row["problem_id"]]
        if isinstance(told, Sample) and len(told.input_ids) <= asked.most_tokens and family not in seen:
            seen.add(family)  # a family each, so that no answer of the control fits its problem after all
            found.append(row)
        if len(found) == asked.rows:
            break
    asked.into.mkdir(parents=True, exist_ok=True)
    write(asked.into / "ours.jsonl", [(row, row) for row in found])
    write(asked.into / "control.jsonl", list(zip(found, [*found[1:], found[0]], strict=True)))
    print(f"{len(found)} rows of as many families in {asked.into}/ours.jsonl and control.jsonl")


def write(path: Path, pairs: list[tuple[dict, dict]]) -> None:
    with path.open("w", encoding="utf-8") as out:
        for row, answered_as in pairs:
            messages = [*row["messages"][:-1], answered_as["messages"][-1]]
            told = {"id": row["problem_id"], "messages": messages, "answer_of": answered_as["problem_id"]}
            out.write(json.dumps({**told, "license": row["license"], "source_url": row["source_url"]}) + "\n")


if __name__ == "__main__":
    main()

"""General rows where no general chat set can be had: the worked examples that lm_eval carries for MMLU and BBH.

    PYTHON_WITH_LM_EVAL -m benchmarks.training.general --into rows [--kept-back 40]

Writes rows/general.jsonl (what jobs/mix.py reads) and rows/general-kept-back.jsonl (for --measure; in no mix). They
are questions with a reasoned answer: a few hundred, and no Tulu.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import lm_eval.tasks
import yaml


class _Loader(yaml.SafeLoader):
    """Passes over the tags that name functions."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: None)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--kept-back", type=int, default=40)
    asked = parser.parse_args()
    rows = sorted(examples(), key=lambda row: hashlib.sha256(row["messages"][0]["content"].encode()).digest())
    asked.into.mkdir(parents=True, exist_ok=True)
    for name, part in (
        ("general-kept-back.jsonl", rows[: asked.kept_back]),
        ("general.jsonl", rows[asked.kept_back :]),
    ):
        (asked.into / name).write_text("".join(json.dumps(row) + "\n" for row in part), encoding="utf-8")
        print(f"{len(part)} rows in {asked.into / name}")


def examples() -> Iterator[dict]:
    tasks = Path(lm_eval.tasks.__file__).parent
    for folder, asked in (("mmlu/flan_cot_fewshot", "question"), ("bbh/cot_fewshot", "input")):
        for path in sorted((tasks / folder).glob("*.yaml")):
            told = yaml.load(path.read_text(encoding="utf-8"), _Loader)
            for number, sample in enumerate((told.get("fewshot_config") or {}).get("samples") or []):
                turns = [
                    {"role": "user", "content": sample[asked].strip()},
                    {"role": "assistant", "content": sample["target"].strip()},
                ]
                source = f"lm_eval {folder.split('/')[0]}"
                yield {"id": f"{path.stem}-{number}", "messages": turns, "source": source}


if __name__ == "__main__":
    main()

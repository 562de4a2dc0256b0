"""Tokens are those that the trainer will see; rows above a limit are left out, each with its reason."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from building import LONG, export, file_rows, lines_of, rows_of

from codeseq_ray.errors import UsageError
from codeseq_ray.exporting.tokens import Tokens, open_counter

CONVERSATION = (
    [{"role": "user", "content": "Print n squared: ünïcode, 𝛴, and <|im_end|> as text."}],
    [{"role": "assistant", "content": "```python\nprint(int(input()) ** 2)\n```"}],
)


def test_a_chat_template_is_counted_as_transformers_renders_it(tokenizer_folder: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    reference = transformers.AutoTokenizer.from_pretrained(tokenizer_folder)
    counter = open_counter(str(tokenizer_folder))
    assert counter.renders
    prompt, answer = CONVERSATION

    def length(turns: list[dict[str, str]], *, begin: bool) -> int:
        text = reference.apply_chat_template(turns, add_generation_prompt=begin, tokenize=False)
        return len(reference(text, add_special_tokens=False)["input_ids"])

    told = counter.count([CONVERSATION, (prompt, [])])
    asked = length(prompt, begin=True)
    assert told == [Tokens(asked, length([*prompt, *answer], begin=False) - asked), Tokens(asked, 0)]


def test_a_bare_tokenizer_counts_the_texts_alone(tokenizer_folder: Path) -> None:
    from tokenizers import Tokenizer

    counter = open_counter(str(tokenizer_folder / "tokenizer.json"))
    assert not counter.renders
    plain = Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))
    prompt, answer = (turns[0]["content"] for turns in CONVERSATION)
    (told,) = counter.count([CONVERSATION])
    assert told.prompt == len(plain.encode(prompt).ids)
    assert told.total == len(plain.encode(prompt + answer).ids)


def test_a_file_that_cuts_texts_off_is_not_believed(tokenizer_folder: Path, tmp_path: Path) -> None:
    told = json.loads((tokenizer_folder / "tokenizer.json").read_text(encoding="utf-8"))
    told["truncation"] = {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0}
    (tmp_path / "tokenizer.json").write_text(json.dumps(told), encoding="utf-8")
    counts = [
        open_counter(str(f)).count([CONVERSATION]) for f in (tmp_path, tokenizer_folder / "tokenizer.json")
    ]
    assert counts[0] == counts[1]


def test_rows_above_the_limit_are_left_out_by_name_and_the_others_kept(
    release: Path, tokenizer_folder: Path, tmp_path: Path
) -> None:
    flags = ("--tokenizer", str(tokenizer_folder))
    whole = export(release, "trl", tmp_path / "whole", *flags)
    rows = lines_of(tmp_path / "whole/sft.jsonl")
    assert all(row["prompt_tokens"] > 0 and row["completion_tokens"] > 0 for row in rows)
    assert not (tmp_path / "whole/left_out.jsonl").exists()
    lengths = {row["sequence_id"]: row["prompt_tokens"] + row["completion_tokens"] for row in rows}
    limit = sorted(lengths.values())[len(lengths) // 2]

    export(release, "trl", tmp_path / "cut", *flags, "--max-tokens", str(limit))
    kept = {row["sequence_id"] for row in lines_of(tmp_path / "cut/sft.jsonl")}
    assert kept == {name for name, length in lengths.items() if length <= limit}
    left = [row for row in lines_of(tmp_path / "cut/left_out.jsonl") if row["config"] == "sft"]
    assert {row["sequence_id"]: row["tokens"] for row in left} == {
        name: length for name, length in lengths.items() if length > limit
    }
    assert {(row["reason"], row["most"]) for row in left} == {("too_long", limit)}
    assert f"A{LONG:06d}" in {row["sequence_id"] for row in lines_of(tmp_path / "cut/left_out.jsonl")}
    told = json.loads((tmp_path / "cut/export.json").read_text(encoding="utf-8"))
    assert told["left_out"]["sft"] == {"too_long": len(left)}
    assert told["tokens"] == whole.quantiles()
    assert told["tokens"]["sft"]["p100"] == max(lengths.values())
    assert told["tokens"]["sft"]["p0"] == min(lengths.values())


def test_prompts_have_a_limit_of_their_own_and_verl_rows_their_count(
    release: Path, tokenizer_folder: Path, tmp_path: Path
) -> None:
    flags = ("--tokenizer", str(tokenizer_folder))
    export(release, "verl", tmp_path / "whole", *flags)
    rows = file_rows(tmp_path / "whole/rl.parquet")
    lengths = [row["extra_info"]["prompt_tokens"] for row in rows]
    limit = min(lengths)
    export(release, "verl", tmp_path / "cut", *flags, "--max-prompt-tokens", str(limit))
    kept = file_rows(tmp_path / "cut/rl.parquet")
    assert kept == [row for row in rows if row["extra_info"]["prompt_tokens"] == limit]
    reasons = {row["reason"] for row in lines_of(tmp_path / "cut/left_out.jsonl")}
    assert reasons == {"prompt_too_long"}


def test_an_export_without_a_row_left_is_none(release: Path, tokenizer_folder: Path, tmp_path: Path) -> None:
    flags = ("--tokenizer", str(tokenizer_folder), "--max-tokens", "1")
    with pytest.raises(UsageError, match="no row"):
        export(release, "llama-factory", tmp_path / "x", *flags)
    assert not list(tmp_path.iterdir())


def test_what_is_no_tokenizer_is_said_in_words(
    tokenizer_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UsageError, match="is no tokenizer"):
        open_counter(str(tmp_path / "tokenizer.json"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"holds no tokenizer\.json"):
        open_counter(str(tmp_path / "empty"))
    with pytest.raises(UsageError, match="the Hub does not give it"):
        open_counter("org/unknown")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UsageError, match=r"pip install 'codeseq-ray\[export\]'"):
        open_counter(str(tokenizer_folder))


def test_a_template_that_refuses_our_turns_is_said_in_words(tokenizer_folder: Path, tmp_path: Path) -> None:
    body = (tokenizer_folder / "tokenizer.json").read_bytes()
    (tmp_path / "tokenizer.json").write_bytes(body)
    (tmp_path / "chat_template.jinja").write_text("{{ raise_exception('no user turns') }}", encoding="utf-8")
    with pytest.raises(UsageError, match="refuses our turns: no user turns"):
        open_counter(str(tmp_path)).count([CONVERSATION])


def test_a_tokenizer_is_found_in_the_hubs_cache_by_its_name(
    tokenizer_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub: Any = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--org--tiny/snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    for file in tokenizer_folder.iterdir():
        (snapshot / file.name).write_bytes(file.read_bytes())
    (tmp_path / "models--org--tiny/refs").mkdir()
    (tmp_path / "models--org--tiny/refs/main").write_text("0" * 40, encoding="utf-8")
    here, there = (open_counter(name) for name in (str(tokenizer_folder), "org/tiny"))
    assert there.renders
    assert here.count([CONVERSATION]) == there.count([CONVERSATION])


def test_every_row_is_counted_once(release: Path, tokenizer_folder: Path, tmp_path: Path) -> None:
    done = export(release, "jsonl", tmp_path / "x", "--tokenizer", str(tokenizer_folder))
    assert {config: len(counts) for config, counts in done.tokens.items()} == {
        "sft": len(rows_of(release, "sft")),
        "rl": len(rows_of(release, "problems", "rl")),
    }

"""The card says what the counts say, and its front matter is what the Hub expects."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
import yaml
from synthetic import plan_row, record

from codeseq_ray.dataset import outcomes
from codeseq_ray.dataset.card import card, size_category
from codeseq_ray.dataset.counts import Counts
from codeseq_ray.records import Outcome, SequenceRecord, Split


def counted(records: list[SequenceRecord], *, dropped: int = 0, missing: int = 0) -> Counts:
    counts = Counts()
    rows = [
        outcomes.dropped_row(plan_row(1000 + i, reason="too|few" if i % 3 else "keyword"))
        for i in range(dropped)
    ]
    rows += [outcomes.missing_row(plan_row(2000 + i)) for i in range(missing)]
    for one in records:
        planned = plan_row(one.sequence.number, split=one.split)
        if one.outcome is Outcome.FAILED:
            rows.append(outcomes.failed_row(planned, one.stage.value, one.reason))
        else:
            rows += outcomes.judged_rows(planned, one)
    for row in rows:
        if row.config == "outcomes":
            counts.add(row.fields)
        else:
            counts.add_row(row.config, row.split)
    return counts


def front_matter(text: str) -> dict[str, Any]:
    found = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    assert found
    value = yaml.safe_load(found[1])
    assert isinstance(value, dict)
    return value


RECORDS = [record(n, split=Split.SFT, corrections=n % 3) for n in range(1, 8)] + [
    record(n, Outcome.REJECTED) for n in range(10, 14)
]


def test_the_front_matter_lists_each_config_that_has_rows() -> None:
    matter = front_matter(card("run-1", counted(RECORDS), {}))
    assert matter["license"] == "cc-by-sa-4.0"
    assert matter["size_categories"] == ["n<1K"]
    assert matter["configs"] == [
        {
            "config_name": "problems",
            "default": True,
            "data_files": [{"split": "sft", "path": "data/problems/sft-*.parquet"}],
        },
        {"config_name": "sft", "data_files": [{"split": "train", "path": "data/sft/train-*.parquet"}]},
        {
            "config_name": "rejected",
            "data_files": [{"split": "train", "path": "data/rejected/train-*.parquet"}],
        },
    ]
    only_rejected = front_matter(card("run-1", counted(RECORDS[7:]), {}))
    assert [c["config_name"] for c in only_rejected["configs"]] == ["rejected"]
    assert "configs" not in front_matter(card("run-1", counted([]), {}))


def test_the_funnel_adds_up_from_planned_to_accepted() -> None:
    text = card("run-1", counted(RECORDS, dropped=9), {})
    figures = {
        label.strip(" –*"): int(figure.strip("* "))
        for label, figure in re.findall(r"^\| ([^|]*(?:\\\|[^|]*)*) \| (\**\d+\**) \|", text, re.MULTILINE)
    }
    drops = {label: n for label, n in figures.items() if label.startswith("dropped")}
    assert drops == {"dropped by a rule: keyword": 3, "dropped by a rule: too\\|few": 6}
    assert figures["planned"] - sum(drops.values()) == figures["selected"] == 11
    assert figures["rejected at problem: no_rule_found"] == 4
    assert figures["accepted"] == 7
    assert "11 selected = 7 accepted + 4 rejected + 0 failed." in text
    assert "| 0 | 2 |\n| 1 | 3 |\n| 2 | 2 |" in text
    assert "**Partial.**" not in text


def test_a_partial_card_opens_with_what_is_missing() -> None:
    text = card("run-1", counted(RECORDS, missing=9), {})
    assert "> **Partial.** 9 of 20 selected sequences (45.0 %)" in text.split("## What is in it")[0]
    assert "20 selected = 7 accepted + 4 rejected + 0 failed + 9 without an outcome." in text


def test_what_made_the_data_is_named() -> None:
    counts = counted(RECORDS)
    counts.models = Counter({"org/model | @main": 3})
    text = card("run-1", counts, {"fingerprint": "abc", "versions": {"ray": "2", "codeseq-ray": "1"}})
    assert "| model | org/model \\| @main | 3 |" in text
    assert "Run `run-1`, settings `abc`." in text
    assert "Made with codeseq-ray 1, ray 2." in text
    for word in ("Apache-2.0", "CC BY-SA 4.0", "The OEIS Foundation Inc."):
        assert word in text


def test_tables_are_whole() -> None:
    """A blank or a missing cell in a table would end it for every Markdown reader."""
    text = card("run-1", counted(RECORDS, dropped=4, missing=2), {"versions": {"a": "1"}})
    assert "\n\n\n" not in text
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block
        assert re.match(r"\|[^\n]*\n\|[-:| ]+\|\n", block), block


@pytest.mark.parametrize(
    ("rows", "word"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (10**5, "100K<n<1M"), (10**6, "1M<n<10M")],
)
def test_sizes_are_the_hubs_words(rows: int, word: str) -> None:
    assert size_category(rows) == word


def test_strength_is_told_as_a_distribution_that_adds_up() -> None:
    found = [(10, 10), (10, 9), (7, 7), (10, 4), (3, 2), (0, 0), (11, 10)]
    records = []
    for number, (mutants, killed) in enumerate(found, 1):
        one = record(number)
        assert one.acceptance is not None
        told = one.acceptance.model_copy(update={"mutants": mutants, "mutants_killed": killed})
        records.append(one.model_copy(update={"acceptance": told}))
    counts = counted(records)
    assert counts.killed_tenths == {10: 2, 9: 2, 6: 1, 4: 1}
    assert (counts.tested, counts.strong, counts.weak) == (6, 2, 1)
    text = card("run-1", counts, {})
    assert (
        "| with mutants | 6 | |\n| all of them found | 2 | 33.3 % |\n| 90 to 100 % found | 2 | 33.3 % |"
        in text
    )
    assert "| 60 to 70 % found | 1 |" in text
    assert "| 40 to 50 % found | 1 |" in text
    assert "fewer than half found (`weak_cases`) | 1 |" in text
    assert "find 42 of 51 (82.4 %)" in text
    assert "strong the hidden cases" not in card("run-1", counted(RECORDS), {})

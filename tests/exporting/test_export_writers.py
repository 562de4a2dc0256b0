"""Whatever a text holds, it comes back as it was, from both kinds of file and by `datasets`, too."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeseq_ray.errors import UsageError
from codeseq_ray.exporting.cards import features, hub_card
from codeseq_ray.exporting.shapes import TURNS
from codeseq_ray.exporting.writers import open_writer
from codeseq_ray.settings import ExportSettings, load

SCHEMA = pa.schema(
    [
        pa.field("messages", TURNS),
        pa.field("text", pa.string()),
        pa.field("n", pa.int64()),
        pa.field("s", pa.float64()),
    ]
)
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["\u2028", "a\u2029b", "\r\n", "\0", "\x85", '"\\', "9" * 5000, "</script>", "\ufeff"]
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "messages": st.lists(st.fixed_dictionaries({"role": TEXT, "content": TEXT}), max_size=3),
            "text": st.none() | TEXT,
            "n": st.integers(-(2**63), 2**63 - 1),
            "s": st.none() | st.floats(0, 1),
        }
    ),
    min_size=1,
    max_size=6,
)


@given(ROWS)
@settings(max_examples=60)
def test_rows_come_back_as_they_were(rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("jsonl", "parquet"):
            path = Path(folder, f"rows.{ending}")
            writer = open_writer(path, SCHEMA)
            for row in rows:
                writer.add(row)
            writer.close()
        assert [json.loads(line) for line in Path(folder, "rows.jsonl").read_bytes().splitlines()] == rows
        assert pq.read_table(Path(folder, "rows.parquet")).to_pylist() == rows


def test_datasets_takes_the_types_from_the_card() -> None:
    datasets: Any = pytest.importorskip("datasets", reason="the package datasets is not installed")
    lists = pa.schema([*SCHEMA, pa.field("names", pa.list_(pa.string())), pa.field("yes", pa.bool_())])
    read = datasets.Features._from_yaml_list(features(lists))
    assert read.arrow_schema.remove_metadata().equals(lists)


def test_a_card_below_another_keeps_its_code_and_loses_its_rank() -> None:
    upper = "---\nlicense: x\nconfigs:\n- config_name: a\n  default: true\n---\n\n# Upper\n"
    front = "---\nconfigs:\n- config_name: a\n- config_name: b\n  default: true\n---\n"
    lower = f"{front}# Lower\n```\n# no heading\n```\n## Two\n"
    card = hub_card(upper, lower)
    assert card.endswith("# Upper\n\n## Lower\n```\n# no heading\n```\n### Two\n")
    assert card.count("default: true") == 1
    assert card.count("config_name") == 2
    assert hub_card(upper, None) == upper


@pytest.mark.parametrize("flags", [["--against", "a,b"], ["--against", "a", "--against", "b"]])
def test_benchmarks_may_be_given_together_or_one_by_one(flags: list[str]) -> None:
    argv = ["--dataset", "d", "--to", "trl", "--output", "o", *flags]
    assert load(argv, schema=ExportSettings, program="export.py").against == ("a", "b")


def test_settings_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODESEQ_AGAINST", "a, b")
    monkeypatch.setenv("CODESEQ_TO", "verl")
    settings_read = load(["--dataset", "d", "--output", "o"], schema=ExportSettings, program="export.py")
    assert (settings_read.to, settings_read.against) == ("verl", ("a", "b"))
    with pytest.raises(UsageError, match="--dataset"):
        load(["--output", "o"], schema=ExportSettings, program="export.py")

"""What a line means: any bytes give a row or say what is wrong; files are cut into slices without losing a line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.errors import InputError, UsageError
from codeseq_ray.judging.verdicts import Manner
from codeseq_ray.pipeline import tasks
from codeseq_ray.pipeline.judging import answering, inputs, scan
from codeseq_ray.pipeline.judging.answering import JudgeJob, _contains, _line_blocks, _table_blocks
from codeseq_ray.pipeline.judging.answers import _stretches, no_rows
from codeseq_ray.pipeline.judging.inputs import Kind, Slice, lines, slices
from codeseq_ray.pipeline.judging.rows import BadRow, Row, decoded, parse, read_id
from codeseq_ray.ports import Execution, ExecutionReport, Run
from codeseq_ray.records import VerdictKind
from codeseq_ray.sandbox.settings import SandboxSettings

ROWS = 32
GOOD: dict[str, Any] = {"id": "a", "program": "print(1)", "cases": [{"input": "1", "output": "1"}]}


def parsed(line: bytes) -> Row | BadRow:
    values = decoded(line)
    return parse(values) if isinstance(values, dict) else BadRow(None, values)


def bad(**changes: Any) -> str:
    row = parsed(json.dumps({k: v for k, v in {**GOOD, **changes}.items() if v is not ...}).encode())
    assert isinstance(row, BadRow), row
    return row.message


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NEAR_ROWS = st.fixed_dictionaries(
    {},
    optional={
        "id": ANY_JSON,
        "program": ANY_JSON,
        "entry": st.none() | st.text(max_size=5) | ANY_JSON,
        "cases": ANY_JSON
        | st.lists(
            st.fixed_dictionaries({}, optional={"input": ANY_JSON, "output": ANY_JSON}) | ANY_JSON,
            max_size=3,
        ),
    },
)


@given(st.binary(max_size=60) | NEAR_ROWS.map(lambda row: json.dumps(row).encode()))
def test_no_line_is_too_odd_to_be_answered(line: bytes) -> None:
    row = parsed(line)
    if isinstance(row, BadRow):
        assert row.message
        row.message.encode("utf-8", "backslashreplace")
    else:
        row.id.encode()
        assert row.cases
    values = decoded(line)
    if isinstance(values, dict):
        assert row.id == read_id(values)


@given(st.text(min_size=1), st.text(), st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=3))
def test_a_good_row_arrives_letter_by_letter(row_id: str, program: str, cases: list[tuple[str, str]]) -> None:
    given_ = {
        "id": row_id,
        "program": program,
        "cases": [{"input": i, "output": o, "weight": 3} for i, o in cases],
        "source": "elsewhere",
    }
    for line in (json.dumps(given_), json.dumps(given_, ensure_ascii=False)):
        row = parsed(line.encode())
        assert isinstance(row, Row)
        assert (row.id, row.program, row.entry) == (row_id, program, None)
        assert [(c.input, c.output) for c in row.judged_cases()] == cases


@given(st.integers(), st.integers(10**30, 10**40))
def test_integers_count_as_their_digits_and_no_digit_is_lost(small: int, large: int) -> None:
    cases = [{"input": small, "output": large}, {"input": -large, "output": 0}]
    row = parsed(json.dumps({"id": small, "program": "", "cases": cases}).encode())
    assert isinstance(row, Row)
    assert row.id == str(small)
    assert [(c.input, c.output) for c in row.judged_cases()] == [
        (str(small), str(large)),
        (str(-large), "0"),
    ]


def test_an_integer_of_a_hundred_thousand_digits_is_read_at_once() -> None:
    digits = "7" * 100_000
    line = json.dumps(GOOD).replace('"output": "1"', f'"output": {digits}').encode()
    row = parsed(line)
    assert isinstance(row, Row)
    assert row.cases[0].output == digits


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": ...}, "id: is missing"),
        ({"id": None}, "id: expected text, got null"),
        ({"id": ""}, "id: is empty"),
        ({"id": 1.5}, "id: expected text, got a number"),
        ({"id": True}, "id: expected text, got true"),
        ({"id": "\ud800"}, "id: half of a surrogate pair"),
        ({"program": ...}, "program: is missing"),
        ({"program": 5}, "program: expected text, got a number"),
        ({"program": ["print(1)"]}, "program: expected text, got a list"),
        ({"cases": ...}, "cases: is missing"),
        ({"cases": []}, "cases: is empty; at least one case is needed"),
        ({"cases": "[]"}, "cases: expected a list of cases, got text"),
        ({"cases": {"input": "1"}}, "cases: expected a list of cases, got an object"),
        ({"cases": ["1"]}, "cases[0]: expected an object with input and output, got text"),
        ({"cases": [{"input": "1"}]}, "cases[0].output: is missing"),
        (
            {"cases": [GOOD["cases"][0], {"input": "1", "output": 5.0}]},
            "cases[1].output: expected text, got a number; write it as text, digit by digit",
        ),
        ({"cases": [{"input": [1], "output": "1"}]}, "cases[0].input: expected text, got a list"),
        ({"entry": "two words"}, 'entry: expected the name of a function, got the text "two words"'),
        ({"entry": "class"}, "entry: expected the name of a function"),
        ({"entry": ""}, "entry: expected the name of a function"),
        ({"entry": 5}, "entry: expected text, got a number"),
        (
            {"entry": "f", "cases": [{"input": "1 two", "output": "1"}]},
            "cases[0].input: is not JSON: Expecting value at character 3; with `entry`, an input is",
        ),
        ({"entry": "f", "cases": [{"input": "[1][2]", "output": "1"}]}, "no white space before character 4"),
        ({"entry": "f", "cases": [{"input": "NaN", "output": "1"}]}, "NaN is not JSON"),
        (
            {"entry": "f", "cases": [{"input": "[" * 100_000, "output": "1"}]},
            "cases[0].input: is nested too deeply",
        ),
    ],
)
def test_a_bad_row_is_told_what_is_wrong_and_where(changes: dict[str, Any], said: str) -> None:
    assert said in bad(**changes)


def test_one_cause_is_told_once_and_many_are_counted() -> None:
    assert bad(cases=[{"input": "1", "output": 5.0}]).count(";") == 1
    assert bad(cases=[{}, {}, {}]).endswith("and 3 more")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{nonsense", "is not JSON: Expecting property name enclosed in double quotes at character 2"),
        (b'{"id": "\xff"}', "is not UTF-8 (at byte 9)"),
        (b"[1, 2]", "expected an object with id, program and cases, got a list"),
        (b"5", "expected an object with id, program and cases, got a number"),
        (b"[" * 100_000, "is nested too deeply"),
        (b'{"id": "a"} {"id": "b"}', "is not JSON: Extra data at character 13"),
    ],
)
def test_a_line_that_is_no_object_is_told_why(line: bytes, said: str) -> None:
    row = parsed(line)
    assert isinstance(row, BadRow)
    assert (row.id, row.message) == (None, said)


@pytest.mark.parametrize(
    "text", ["", " ", "5", '1 "two" [3, {"four": null}]\n', "1\t2\r\n3", '"a b"', "-1e5"]
)
def test_json_values_with_white_space_between_them_are_arguments(text: str) -> None:
    row = parse({**GOOD, "entry": "f", "cases": [{"input": text, "output": "1"}]})
    assert isinstance(row, Row)


# ------------------------------------------------------------------------------------------------ slices


def whole(parts: list[Slice]) -> list[bytes]:
    return [line for part in parts for line in lines(part) if line is not None]


LINE = st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"."))


@given(st.lists(LINE, max_size=12), st.booleans(), st.integers(1, 30), st.integers(1, 9))
def test_slices_of_any_size_hold_every_line_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, texts: list[bytes], ended: bool, size: int, block: int
) -> None:
    body = b"\n".join(texts) + (b"\n" if ended and texts else b"")
    expected = body.split(b"\n")[: -1 if body.endswith(b"\n") or not body else None]
    file = tmp_path_factory.mktemp("lines") / "rows.jsonl"
    file.write_bytes(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inputs, "SLICE_BYTES", size)
        patch.setattr(inputs, "_BLOCK", block)
        parts = slices(str(file))
        assert whole(parts) == expected
        assert len(parts) == -(-len(body) // size)


def test_a_line_that_is_too_long_is_passed_over_and_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "LONGEST_LINE", 100)
    monkeypatch.setattr(inputs, "_BLOCK", 64)
    (tmp_path / "a.jsonl").write_bytes(b"first\n" + b"x" * 1000 + b"\n" + b"y" * 100 + b"\nlast")
    (part,) = slices(str(tmp_path / "a.jsonl"))
    assert list(lines(part)) == [b"first", None, b"y" * 100, b"last"]


def test_a_folder_is_read_by_the_order_of_its_names_and_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "2.jsonl").write_bytes(b"two\n")
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(b"three\n") + gzip.compress(b"four\n"))
    (tmp_path / "a.json").write_bytes(b"one\n")
    (tmp_path / "README.md").write_text("no rows")
    for hidden in ("_SUCCESS.jsonl", ".part.jsonl"):
        (tmp_path / hidden).write_text("hidden\n")
    parts = slices(str(tmp_path))
    assert [part.name for part in parts] == ["a.json", "b/2.jsonl", "c.jsonl.gz"]
    assert whole(parts) == [b"one", b"two", b"three", b"four"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.jsonl", None, "there is no such file or folder"),
        ("rows.csv", b"a,b\n", "the name has to end in .jsonl"),
        ("folder", ..., "no file in this folder ends in .jsonl"),
        ("rows.parquet", b"not parquet", "cannot be read"),
    ],
)
def test_an_input_that_cannot_be_used_is_named(tmp_path: Path, name: str, content: Any, said: str) -> None:
    if content is ...:
        (tmp_path / name).mkdir()
    elif content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        slices(str(tmp_path / name))
    with pytest.raises(UsageError, match="s3://bucket/key"):
        slices("https://example.org/rows.jsonl")


def test_a_parquet_file_without_the_columns_is_refused_and_says_which_it_has(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a"], "code": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"has no column program, cases; its columns are id, code"):
        slices(str(tmp_path / "a.parquet"))


# ------------------------------------------------------------------------------------------------ blocks


@given(st.sets(st.integers(0, 60)), st.integers(0, 60))
def test_stretches_hold_the_rows_that_they_are_made_of_and_no_other(rows: set[int], row: int) -> None:
    stretches = _stretches(rows)
    ranges = np.array(stretches, dtype=np.int64) if stretches else no_rows()
    assert _contains(ranges, row) == (row in rows)
    assert sum(end - start for start, end in stretches) == len(rows)


def blocks(part: Slice, done: list[list[int]]) -> Iterator[dict[str, Any]]:
    ranges = np.array(done, dtype=np.int64) if done else no_rows()
    return (_table_blocks if part.kind is Kind.PARQUET else _line_blocks)(part, ranges, ROWS)


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_blocks_number_rows_and_lines_as_the_file_does_and_leave_out_what_is_done(
    tmp_path: Path, kind: str
) -> None:
    rows = [{**GOOD, "id": f"r{i}"} for i in range(3 * ROWS)]
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet", row_group_size=40)
        word, blank = "row", 0
    else:
        # A blank line is no row, but counts as a line.
        text = "\n".join(["", *map(json.dumps, rows)])
        (tmp_path / "a.jsonl").write_text(text)
        word, blank = "line", 1
    seen: dict[int, str] = {}
    first = 0
    for part in slices(str(tmp_path)):
        part = Slice(**{**vars(part), "first_row": first})
        for block in blocks(part, [[3, 5], [50, 90]]):
            assert 0 < len(block["rows"]) <= ROWS
            seen.update(zip(block["rows"], block["places"], strict=True))
        first += 40
    assert sorted(seen) == [i for i in range(3 * ROWS) if not (3 <= i < 5 or 50 <= i < 90)]
    for row, place in seen.items():
        assert place == f"a.{kind} {word} {row + 1 + blank}"


# ------------------------------------------------------------------------------- all of it, without Ray


class Echo:
    """A sandbox in which every program prints its input."""

    def run(self, execution: Execution) -> ExecutionReport:
        return ExecutionReport(tuple(Run(VerdictKind.PASSED, i) for i in execution.inputs), ("seccomp",))


ROW_LINES = st.builds(
    lambda row_id, output: json.dumps(
        {**GOOD, "id": row_id, "cases": [{"input": "1", "output": output}]}
    ).encode(),
    st.sampled_from(["a", "b", "c", 5, "5", None, "\u00e9"]),
    st.sampled_from(["1", 1, "2", 1.0]),
)


@given(
    st.lists(LINE | ROW_LINES | st.sampled_from([b"", b" \t", b"\xff", b"{", b"null"]), max_size=14),
    st.integers(1, 400),
    st.integers(1, 5),
)
def test_whatever_the_lines_are_each_row_or_its_id_is_answered_once(
    tmp_path_factory: pytest.TempPathFactory, texts: list[bytes], size: int, most: int
) -> None:
    file = tmp_path_factory.mktemp("any") / "rows.jsonl"
    file.write_bytes(b"\n".join(texts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inputs, "SLICE_BYTES", size)
        patch.setattr(scan, "read", lambda parts, tables, **_: [t for part in parts for t in tables(part)])
        patch.setattr(scan, "stream", lambda tables: (r for t in tables for r in t.to_pylist()))
        patch.setattr(scan, "ray", Store)
        found = scan.scan(slices(str(file)))
        patch.setattr(tasks, "executor_here", lambda _: Echo())
        patch.setattr(answering, "_shared", lambda shared: shared)
        job = JudgeJob(SandboxSettings(), Manner(), True, "jsonl", found.shared)
        told = [
            block
            for part in found.slices
            for made in _line_blocks(part, no_rows(), most)
            for block in answering.answer_blocks(
                pa.Table.from_pylist([made], schema=answering.BLOCK), job
            ).to_pylist()
        ]
    rows = [line for line in b"\n".join(texts).split(b"\n") if line.strip()]
    assert (
        sorted(row for block in told for row in block["rows"])
        == list(range(len(rows)))
        == list(range(found.rows))
    )
    assert sum(block["id_sum"] for block in told) % (1 << 64) == found.id_sum
    ids = [read_id(values) if isinstance(values := decoded(line), dict) else None for line in rows]
    answers = [json.loads(line) for block in told for line in block["body"].splitlines()]
    named = [answer["id"] for answer in answers if answer["id"] is not None]
    assert sorted(named) == sorted({i for i in ids if i is not None})
    assert len(answers) - len(named) == ids.count(None)
    for answer in answers:
        if answer["id"] is not None and ids.count(answer["id"]) > 1:
            assert answer["message"].startswith(f"{ids.count(answer['id'])} rows have this id")


class Store:
    """Ray's object store, as far as a scan needs it."""

    @staticmethod
    def put(value: Any) -> Any:
        return value

    @staticmethod
    def get(value: Any) -> Any:
        return value


def test_a_key_that_stands_twice_makes_a_bad_row() -> None:
    assert decoded(b'{"id": "a", "id": "b"}') == "the key id stands there twice"
    assert decoded(b'{"id": "a", "cases": [{"input": "1", "output": "2", "output": "3"}]}') == (
        "the key output stands there twice"
    )

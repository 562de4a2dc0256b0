"""Reading what models write: never an exception, and what is there is found."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from codeseq_ray.agents.structured import (
    AnalysisDraft,
    ExactText,
    ProblemDraft,
    WorkedAnswers,
    last_code_block,
    parse,
    sound,
    split_thoughts,
)

# Pieces that steer random text towards the grammar.
PIECES = st.sampled_from(
    [
        *("{", "}", "[", "]", '"', ",", ":", "\\", "\n", " ", "1", "-", "null", "\\u12", "\ud800", "\x00"),
        *("```", "```python\n", "```json\n", "~~~", "<think>", "</think>"),
        *('"why_expected"', '"what_is_wrong": "x"'),
    ]
)
MESSY = st.lists(PIECES | st.text(max_size=8), max_size=60).map("".join)
WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60).filter(lambda t: bool(t.strip()))
BIG = st.integers(-(10**60), 10**60)
PROSE = st.text("abc {}[]n=,.:123\n", max_size=60)


class Number(BaseModel):
    value: ExactText


@given(MESSY)
def test_nothing_that_a_model_writes_raises(text: str) -> None:
    for model in (ProblemDraft, WorkedAnswers, AnalysisDraft):
        parsed = parse(text, model)
        assert (parsed.value is None) == bool(parsed.fault)
    block = last_code_block(text)
    assert block is None or block.source.strip()
    answer, thoughts = split_thoughts(text)
    (answer + thoughts).encode()
    assert "<think>" not in answer
    assert "</think>" not in answer


@given(MESSY, st.binary())
def test_a_damaged_object_never_raises(noise: str, at: bytes) -> None:
    whole = json.dumps({"why_expected": "a\nb", "what_is_wrong": "c"})
    position = sum(at) % (len(whole) + 1)
    parse(whole[:position] + noise + whole[position:], AnalysisDraft)


@given(WORDS, WORDS, PROSE, PROSE, st.booleans(), st.sampled_from([None, 1, 4]), st.booleans())
def test_an_object_is_found_within_prose(
    why: str, wrong: str, before: str, after: str, fenced: bool, indent: int | None, ascii_only: bool
) -> None:
    told = {"why_expected": why, "what_is_wrong": wrong}
    text = json.dumps(told, indent=indent, ensure_ascii=ascii_only)
    if fenced:
        text = f"```json\n{text}\n```"
    parsed = parse(f"{before}\n{text}\n{after}", AnalysisDraft)
    assert parsed.value is not None, parsed.fault
    assert parsed.value.why_expected == why.strip()
    assert parsed.value.what_is_wrong == wrong.strip()


@given(st.lists(st.tuples(BIG, BIG, WORDS), min_size=1, max_size=4), WORDS, st.booleans(), st.booleans())
def test_an_object_with_trailing_commas_and_raw_line_breaks_is_found(
    examples: list[tuple[int, int, str]], words: str, commas: bool, breaks: bool
) -> None:
    told: dict[str, Any] = {
        "description": "one\ntwo",
        "input_format": words,
        "output_format": words,
        "examples": [{"input": i, "output": str(o), "explanation": e} for i, o, e in examples],
    }
    text = json.dumps(told)
    if commas:
        text = text.replace("}]}", ",},\n],\n}")
    if breaks:
        text = text.replace(r"one\ntwo", "one\ntwo")
    parsed = parse(text, ProblemDraft)
    assert parsed.value is not None, parsed.fault
    assert parsed.value.description == "one\ntwo"
    assert [(e.input, e.output) for e in parsed.value.examples] == [(str(i), str(o)) for i, o, _ in examples]


def test_wrong_escapes_are_kept_as_text() -> None:
    text = r'{"why_expected": "\(\sigma\) of \"n\" is C:\x, \u12", "what_is_wrong": "a \\ b\n"}'
    parsed = parse(text, AnalysisDraft)
    assert parsed.value is not None
    assert parsed.value.why_expected == r'\(\sigma\) of "n" is C:\x, \u12'
    assert parsed.value.what_is_wrong == r"a \ b"


def test_the_last_of_several_objects_counts() -> None:
    one, two = ({"why_expected": w, "what_is_wrong": w} for w in ("first", "second"))
    parsed = parse(f"{json.dumps(one)} No: {json.dumps(two)} {{}}", AnalysisDraft)
    assert parsed.value is not None
    assert parsed.value.why_expected == "second"


def test_the_fault_names_the_field() -> None:
    assert "what_is_wrong" in parse('{"why_expected": "x"}', AnalysisDraft).fault
    assert "no JSON object" in parse("I do not know.", AnalysisDraft).fault
    nested = '{"answers": [{"input": "1", "steps": "", "output": null}]}'
    assert "answers.0.output" in parse(nested, WorkedAnswers).fault


def test_lone_surrogates_do_not_reach_a_file() -> None:
    parsed = parse(r'{"why_expected": "\ud83d!", "what_is_wrong": "\ude00"}', AnalysisDraft)
    assert parsed.value is not None
    parsed.value.model_dump_json().encode()
    assert sound("a\ud800b") == "a?b"


@pytest.mark.parametrize("piece", ["{", '{"a":', '{"a":[', "[{", '{"', "{,", '{"a":1,}', "<think>", "```\n"])
def test_hostile_repetition_is_read_in_bounded_time(piece: str) -> None:
    text = piece * 6_000
    begun = time.process_time()
    parse(text, AnalysisDraft)
    last_code_block(text)
    split_thoughts(text)
    assert time.process_time() - begun < 3


@given(BIG)
def test_an_exact_integer_is_kept_however_it_is_dressed(number: int) -> None:
    for dressed in (number, str(number), f" {number}\n", f"n = {number}", f"The answer is {number}."):
        assert Number.model_validate({"value": dressed}).value == str(number)


@pytest.mark.parametrize("text", ["1 and 2", "2.5", "10^5", "1,000", "x5", "n-5", "f(3) = 8", "none", "1e3"])
def test_what_is_not_beyond_doubt_stays_as_it_is(text: str) -> None:
    assert Number.model_validate({"value": text}).value == text


@pytest.mark.parametrize("value", [True, None, 2.0, [], {}, "", "  "])
def test_what_is_no_integer_is_refused(value: object) -> None:
    assert parse(json.dumps({"value": value}), Number).value is None


@given(
    st.lists(st.tuples(st.sampled_from(["python", "py", "Python3", "", "c"]), st.integers(0, 99)), max_size=5)
)
def test_the_last_python_block_is_taken_else_the_last_unmarked_one(blocks: list[tuple[str, int]]) -> None:
    text = "Well.\n" + "\n".join(f"```{mark}\nprint({i})\n```\nand" for mark, i in blocks)
    found = last_code_block(text)
    python = [i for mark, i in blocks if mark.lower() in ("python", "py", "python3")]
    wanted = python or [i for mark, i in blocks if mark == ""]
    assert (found.source if found else None) == (f"print({wanted[-1]})\n" if wanted else None)
    assert found is None or (found.closed and found.before.startswith("Well."))


@pytest.mark.parametrize("mark", ["python", "Python3", "  py "])
def test_a_mark_may_stand_on_a_line_of_its_own(mark: str) -> None:
    found = last_code_block(f"So:\n```\n{mark}\nn = int(input())\nprint(n)\n```\nIt prints:\n```\n7\n```")
    assert found is not None
    assert found.source == "n = int(input())\nprint(n)\n"
    variable = last_code_block("```\npython = 3\nprint(python)\n```")
    assert variable is not None
    assert variable.source.startswith("python = 3\n")
    assert last_code_block("```\npython\n```") is None


def test_blocks_may_be_indented_longer_or_unclosed() -> None:
    listed = last_code_block("1. So:\n   ```python\n   if n:\n       print(n)\n   ```\nDone.")
    assert listed is not None
    assert (listed.source, listed.after) == ("if n:\n    print(n)\n", "Done.")
    longer = last_code_block("````python\ns = '''\n```\n'''\n````")
    assert longer is not None
    assert longer.source == "s = '''\n```\n'''\n"
    unclosed = last_code_block("```python\nprint(1)\n```\n```python\nprint(2")
    assert unclosed is not None
    assert (unclosed.source, unclosed.closed) == ("print(2\n", False)


@given(WORDS, WORDS)
def test_thoughts_are_kept_apart(thought: str, said: str) -> None:
    if "<" in thought + said:
        return
    for text in (f"<think>{thought}</think>{said}", f"{thought}</think>{said}", f"{said}<think>{thought}"):
        assert split_thoughts(text) == (said.strip(), thought.strip())

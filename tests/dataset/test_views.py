"""Rows hold what the record holds, in the declared columns, and nothing that differs from run to run."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from synthetic import WALLS, record

from codeseq_ray.dataset import views
from codeseq_ray.dataset.schemas import CONFIGS
from codeseq_ray.records import (
    Acceptance,
    Call,
    Outcome,
    SequenceRecord,
    Split,
    Stage,
    Verdict,
    VerdictKind,
)


def rows(one: SequenceRecord) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row.config, row.split): row.fields for row in views.rows(one)}


EVERY_KIND = [
    record(1),
    record(2, split=Split.RL, corrections=3),
    record(3, split=Split.EVAL),
    record(4, corrections=5),
    record(5, Outcome.REJECTED),
    record(6, corrections=2).model_copy(
        update={"outcome": Outcome.REJECTED, "stage": Stage.REFLECTION, "reason": "rounds_used_up"}
    ),
    record(7, Outcome.REJECTED).model_copy(
        update={"problem": None, "cases": None, "calls": (), "stage": Stage.CASES}
    ),
    record(8, Outcome.FAILED),
]


@pytest.mark.parametrize("one", EVERY_KIND, ids=lambda r: f"{r.outcome}-{r.split}-{r.corrections}")
def test_rows_fill_exactly_the_declared_columns(one: SequenceRecord) -> None:
    for (config, _), fields in rows(one).items():
        schema = CONFIGS[config]
        assert list(fields) == schema.names
        assert [n for n in schema.names if fields[n] is None and not schema.field(n).nullable] == []
        table = pa.Table.from_pylist([fields], schema=schema)
        table.validate(full=True)
        assert table.to_pylist() == [fields]


def test_which_rows_an_outcome_gives() -> None:
    assert set(rows(record(1))) == {("problems", "sft"), ("sft", "train")}
    assert set(rows(record(1, split=Split.RL))) == {("problems", "rl")}
    assert set(rows(record(1, split=Split.EVAL))) == {("problems", "eval")}
    assert set(rows(record(1, Outcome.REJECTED))) == {("rejected", "train")}
    assert rows(record(1, Outcome.FAILED)) == {}


def test_a_problem_row_carries_the_contracts_values_and_all_integers_as_strings() -> None:
    one = record(10**30 % 999_983, corrections=2)
    row = rows(one)["problems", "sft"]
    assert one.cases is not None
    assert row["cases"] == [{"input": c.input, "output": c.output} for c in one.cases.hidden]
    assert row["far_cases"] == [{"input": c.input, "output": c.output} for c in one.cases.far]
    assert [e["output"] for e in row["examples"]] == [c.output for c in one.cases.examples]
    assert (row["offset"], row["rounds"], row["far_checked"], row["tokens"]) == ("0", 2, 20, 7)
    assert row["program"] == one.rounds[-1].program.source
    assert row["license"] == "CC-BY-SA-4.0"
    assert row["source_url"] == f"https://oeis.org/{one.sequence.id}"
    unknown = one.model_copy(update={"sequence": one.sequence.model_copy(update={"offset": None})})
    assert rows(unknown)["problems", "sft"]["offset"] is None


def test_an_offset_of_any_size_is_a_row_not_an_error() -> None:
    one = record(1)
    huge = one.model_copy(update={"sequence": one.sequence.model_copy(update={"offset": 10**40})})
    fields = rows(huge)["problems", "sft"]
    assert fields["offset"] == str(10**40)
    pa.Table.from_pylist([fields], schema=CONFIGS["problems"])


@pytest.mark.parametrize("one", EVERY_KIND, ids=lambda r: f"{r.outcome}-{r.split}-{r.corrections}")
def test_time_and_attempt_do_not_reach_a_row(one: SequenceRecord) -> None:
    def later(verdict: Verdict) -> Verdict:
        return verdict.model_copy(update={"cpu_ms": verdict.cpu_ms + 1})

    acceptance = one.acceptance
    if acceptance is not None:
        assert acceptance.far is not None
        assert acceptance.rerun is not None
        moved = {"far": later(acceptance.far), "rerun": later(acceptance.rerun)}
        acceptance = acceptance.model_copy(update=moved)
    other = one.model_copy(
        update={
            "attempt": one.attempt + 3,
            "calls": tuple(c.model_copy(update={"seconds": 99.0, "attempts": 4}) for c in one.calls),
            "rounds": tuple(r.model_copy(update={"verdict": later(r.verdict)}) for r in one.rounds),
            "acceptance": acceptance,
        }
    )
    assert other != one
    assert rows(other) == rows(one)


def test_a_problem_id_follows_the_text_of_the_problem() -> None:
    one = record(1)
    assert one.problem is not None
    assert views.problem_id(one) == rows(one)["sft", "train"]["problem_id"]
    assert views.problem_id(one).startswith("A000001-")
    other = one.model_copy(update={"problem": one.problem.model_copy(update={"description": "Another."})})
    assert views.problem_id(other) != views.problem_id(one)
    assert views.problem_id(record(1, attempt=2, corrections=3, seconds=7)) == views.problem_id(one)


def test_only_walls_around_every_run_count() -> None:
    full = Verdict(kind=VerdictKind.PASSED, passed=1, total=1, walls=WALLS)
    bare = full.model_copy(update={"walls": ("rlimits",)})
    nothing_ran = Verdict(kind=VerdictKind.PASSED, passed=0, total=0)
    one = record(1)

    def walls(far: Verdict | None, rerun: Verdict | None) -> list[str]:
        checks = Acceptance(far_checked=0, far_total=0, far=far, rerun=rerun)
        return views.walls(one.model_copy(update={"acceptance": checks}))

    assert walls(full, full) == list(WALLS)
    assert walls(full, bare) == ["rlimits"]
    assert walls(None, None) == walls(nothing_ran, full) == list(WALLS)
    assert views.walls(record(1, Outcome.REJECTED)) == []


def test_models_and_prompts_are_named_once_and_in_order() -> None:
    calls = [("b@1", "p2"), ("a@2", "p1"), ("b@1", "p1"), ("b@1", "")]
    one = record(1).model_copy(
        update={"calls": tuple(Call(stage="s", agent=a, prompt_id=p) for a, p in calls)}
    )
    row = rows(one)["problems", "sft"]
    assert (row["models"], row["prompt_ids"]) == (["a@2", "b@1"], ["p1", "p2"])


def test_a_rejection_shows_what_had_been_made() -> None:
    row = rows(EVERY_KIND[5])["rejected", "train"]
    assert (row["stage"], row["reason"], row["rounds"]) == ("reflection", "rounds_used_up", 2)
    assert row["program"] == EVERY_KIND[5].rounds[-1].program.source
    assert row["description"]
    nothing = rows(EVERY_KIND[6])["rejected", "train"]
    assert [nothing[c] for c in ("description", "examples", "program", "verdict")] == [None] * 4

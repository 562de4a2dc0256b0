"""`jobs/show.py` on runs of all kinds: what is shown is what the run holds; what is not there is explained."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from codeseq_ray.errors import StoreError, UsageError
from codeseq_ray.records import (
    Call,
    Outcome,
    PlanRow,
    Reason,
    Rollout,
    SequenceRecord,
    Split,
    Verdict,
    VerdictKind,
)
from codeseq_ray.store.ledger import LedgerWriter
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.run import RunStore
from codeseq_ray.telling.record import brief, whole
from codeseq_ray.telling.screen import plain
from codeseq_ray.telling.settings import a_number, sample_of
from jobs import show
from tests.store.synthetic import plan_row, record
from tests.telling.hostile import STORABLE, acting, poisoned

FREE_TEXT = frozenset(
    (
        *(
            "name",
            "keywords",
            "family",
            "agents",
            "agent",
            "detail",
            "description",
            "input_format",
            "output_format",
        ),
        *(
            "explanation",
            "source",
            "process",
            "got",
            "message",
            "stderr",
            "why_expected",
            "what_is_wrong",
            "stage_",
        ),
        *("answer", "reasoning", "expected", "input", "lookup_table", "plan", "reflection", "first_reason"),
    )
)
DROPPED = 77
UNREACHED = 88
RETRIED = 5


def stored(uri: str, *, planned: bool = True) -> RunStore:
    """A run in the middle of its work: 20 accepted, 12 rejected, 2 failed, one rejected twice, no release."""
    run = RunStore(open_store(uri), "r")
    manifest: dict[str, Any] = {"run_id": "r", "settings": {"limit": 50}}
    rows = [plan_row(n) for n in (*range(1, 35), UNREACHED)]
    rows.append(plan_row(DROPPED, reason="table"))
    if planned:
        manifest["plan"] = {"rows": run.write_plan(rows)}
    run.write_manifest(manifest)
    writer = LedgerWriter(run, "loop", every=8, seconds=1e9)
    writer.add(record(RETRIED, Outcome.REJECTED))
    for n in range(1, 35):
        outcome = Outcome.ACCEPTED if n <= 20 else Outcome.REJECTED if n <= 32 else Outcome.FAILED
        writer.add(record(n, outcome, attempt=2 if n == RETRIED else 1, corrections=n % 3))
    writer.flush()
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return stored(str(tmp_path_factory.mktemp("runs")))


def shown(capsys: pytest.CaptureFixture[str], run: RunStore, *flags: str) -> tuple[int, str, str]:
    status = show.main(["--run", run.uri, *flags])
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.mark.parametrize("written", ["A000003", "3", "a3", "A3", "000003"])
def test_a_number_is_taken_in_every_usual_form(
    written: str, run: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = shown(capsys, run, written)
    assert (status, err) == (0, "")
    assert out.startswith("A000003  Multiples of 3.\n")
    assert "print(3 * int(input()))" in out


@pytest.mark.parametrize("written", ["B5", "", "-3", "4.0", "A", "A12x", "٣"])
def test_what_is_no_a_number_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="A000045"):
        a_number(written)


def test_a_record_is_told_whole_with_the_difference_between_its_programs(
    run: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = shown(capsys, run, "A000020")  # two corrections
    assert out.index("Program 0") < out.index("Program 1") < out.index("Program 2")
    assert "-print(0 * int(input()))\n  +print(1 * int(input()))" in out
    assert "-print(1 * int(input()))\n  +print(20 * int(input()))" in out
    assert out.count("on input 3: expected 60, got 7001") == 2
    for words in (
        "Three times 20.",
        "0 is not 20.",
        "A box holds 20 pens.",
        "20 of 20 further terms",
        "Guess number 1.",
    ):
        assert words in out
    assert "\x1b" not in out
    assert out.rstrip().endswith("walls    landlock:7 seccomp rlimits")


def test_long_values_are_cut_with_their_length_unless_all_is_asked_for(tmp_path: Path, capsys: Any) -> None:
    one = record(1)
    digits = "7" * 500
    long = one.model_copy(update={"sequence": one.sequence.model_copy(update={"terms": (int(digits), 1, 2)})})
    run = RunStore(open_store(str(tmp_path)), "r")
    run.write_manifest({})
    writer = LedgerWriter(run, "loop")
    writer.add(long)
    writer.flush()
    _, out, _ = shown(capsys, run, "1")
    assert "(500 characters)" in out
    assert digits not in out
    _, out, _ = shown(capsys, run, "1", "--full")
    assert digits in out


def test_the_attempt_that_counts_is_shown_and_all_on_request(
    run: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = shown(capsys, run, str(RETRIED))
    assert "attempt 2" in out
    assert "rejected" not in out
    _, out, _ = shown(capsys, run, str(RETRIED), "--attempts")
    assert out.count(f"A{RETRIED:06d}  Multiples") == 2
    assert out.index("rejected at problem") < out.index("attempt 2")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (DROPPED, "dropped by the rule table: a triangle or table read entry by entry; --allow-tables"),
        (UNREACHED, "has no outcome yet"),
        (999999, "not in the plan"),
    ],
)
def test_a_sequence_without_a_record_is_explained_and_the_status_says_whether_anything_was_shown(
    asked: int, said: str, run: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = shown(capsys, run, str(asked))
    assert (status, out) == (2, "")
    assert said in err
    status, out, err = shown(capsys, run, str(asked), "1")
    assert status == 0
    assert said in err
    assert "Multiples of 1." in out


def test_before_the_plan_is_whole_a_run_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = shown(capsys, stored(str(tmp_path), planned=False), "999")
    assert status == 2
    assert "not written whole yet" in err


def test_the_counts_are_the_ledgers_and_every_reason_has_words(
    run: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = shown(capsys, run, "--reasons", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    counts = Counter({row["outcome"]: row["count"] for row in rows})
    assert counts == {"accepted": 20, "rejected": 12, "failed": 2, "dropped": 1}
    accepted = next(row for row in rows if row["outcome"] == "accepted")
    assert accepted["tokens"] == 20 * 7
    assert accepted["corrections"] == sum(n % 3 for n in range(1, 21))
    assert accepted["timed"] == 20
    assert accepted["model_seconds"] == pytest.approx(20 * 0.25)
    # Of each: as many rounds as corrections, and one, and far cases and second run, 10 ms each.
    assert accepted["program_seconds"] == pytest.approx(0.01 * (20 * 3 + accepted["corrections"]))
    assert (accepted["example"], accepted["reason"]) == ("A000001", "")
    _, out, _ = shown(capsys, run, "--reasons")
    assert "36 planned, 35 selected; 34 have an outcome, 1 without one yet" in out
    assert "no rule that fits the terms" in out
    assert "a triangle or table read entry by entry" in out
    assert "58.8%" in out, "accepted of 34"
    assert max(map(len, out.splitlines()[1:])) <= 100


def test_seconds_come_from_as_many_records_as_asked_for_and_counts_from_all(
    run: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = shown(capsys, run, "--reasons", "--json", "--records", "1")
    rows = [json.loads(line) for line in out.splitlines()]
    assert 1 <= sum(row.get("timed", 0) for row in rows) <= 8, "one segment"
    assert sum(row["count"] for row in rows) == 35


def test_a_sample_has_its_outcome_and_size_and_is_the_seeds(
    run: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    def drawn(*flags: str) -> list[str]:
        status, out, _ = shown(capsys, run, "--json", *flags)
        records = [SequenceRecord.model_validate_json(line) for line in out.splitlines()]
        assert status == 0
        assert {one.outcome for one in records} == {Outcome(flags[1].split(":")[0])}
        return [one.sequence_id for one in records]

    first = drawn("--sample", "accepted:5")
    assert len(set(first)) == 5
    assert first == drawn("--sample", "accepted:5")
    assert first != drawn("--sample", "accepted:5", "--seed", "1")
    assert len(drawn("--sample", "rejected:no_rule_found:99")) == 12
    assert len(drawn("--sample", "failed:1")) == 1


def test_a_sample_of_what_is_not_there_says_so(run: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = shown(capsys, run, "--sample", "rejected:lookup_table:3")
    assert (status, out) == (2, "")
    assert "0 rejected for lookup_table" in err


@pytest.mark.parametrize(
    "wrong", ["5", "rejected:nonsense:3", "rejected:0", "accepted:1:2:3", "selected:3", "", ":"]
)
def test_a_sample_that_cannot_be_meant_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"expected|no reason"):
        sample_of(wrong)


@pytest.mark.parametrize("flags", [[], ["3", "--reasons"], ["--reasons", "--sample", "failed:1"], ["x"]])
def test_one_thing_at_a_time_is_asked_for(flags: list[str], run: RunStore) -> None:
    with pytest.raises(UsageError):
        show.main(["--run", run.uri, *flags])


@pytest.mark.parametrize("where", ["", "/nowhere", "/r/ledger"])
def test_what_is_no_run_is_refused_and_nothing_is_made_there(where: str, tmp_path: Path) -> None:
    stored(str(tmp_path))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError):
        show.main(["--run", f"{tmp_path}{where}", "1"])
    assert sorted(tmp_path.rglob("*")) == before


def test_json_lines_are_the_records_and_hold_no_character_that_acts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = SequenceRecord.model_validate(poisoned(record(7, corrections=1).model_dump(mode="json"), FREE_TEXT))
    run = RunStore(open_store(str(tmp_path)), "r")
    run.write_manifest({})
    writer = LedgerWriter(run, "loop")
    writer.add(one)
    writer.flush()
    _, out, _ = shown(capsys, run, "7", "--json")
    assert not acting(out)
    assert SequenceRecord.model_validate_json(out) == one


@pytest.mark.parametrize("full", [False, True])
def test_a_record_of_hostile_texts_is_shown_without_a_character_that_acts(full: bool) -> None:
    """Names, programs, errors, agents' words, answers: each of them tries."""
    plain_one = record(7, corrections=2).model_dump(mode="json")
    for made in plain_one["rounds"]:
        made["verdict"]["stderr"] = "Traceback\n  File"
        if made["failing"]:
            made["failing"]["kind"] = "runtime_error"
    plain_one["calls"][0]["prompt_id"] = "p"
    one = SequenceRecord.model_validate(poisoned(plain_one, FREE_TEXT))
    for told in (plain(whole(one, full=full)), plain(brief(one))):
        assert not acting(told)
        assert "[bold red]markup[/bold red]" in told
        assert "\\x1b[31mred" in told
        assert "\\u202eevil" in told
        # No text of others begins a line of ours.
        assert sum(line.startswith("outcome ") for line in told.split("\n")) <= 2


def test_rollouts_are_shown_by_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = RunStore(open_store(str(tmp_path)), "policy")
    run.write_manifest({"kind": "rollouts"})
    writer = LedgerWriter(run, "loop")
    wrong = Verdict(
        kind=VerdictKind.WRONG_ANSWER,
        passed=2,
        total=8,
        failing_case=2,
        got=STORABLE,
    )
    right = Verdict(kind=VerdictKind.PASSED, passed=8, total=8)
    for sample in range(4):
        ok = sample == 3
        call = Call(stage="gtg", agent="m", prompt_id="p", prompt_tokens=10, completion_tokens=5, seconds=1.0)
        writer.add(
            Rollout(
                sequence_id="A000009",
                sample=sample,
                outcome=Outcome.ACCEPTED if ok else Outcome.REJECTED,
                reason="" if ok else "wrong_answer",
                answer=f"n = int(input())\nprint({sample})",
                verdict=right if ok else wrong,
                call=call,
            )
        )
    writer.flush()
    status, out, _ = shown(capsys, run, "9")
    assert status == 0
    assert "4, of them 4 judged, 1 right, s = 0.250" in out
    assert all(f"print({sample})" in out for sample in range(4))
    assert out.count("2 of 8 cases passed") == 3
    assert not acting(out)
    _, out, _ = shown(capsys, run, "--sample", "rejected:wrong_answer:2")
    assert out.count("Sample ") == 2
    assert "s = " not in out
    status, _, err = shown(capsys, run, "10")
    assert status == 2
    assert "no rollout" in err
    _, out, _ = shown(capsys, run, "--reasons")
    assert "4 of 1 problems" in out


def test_a_run_on_s3_is_shown_as_one_in_a_folder(
    s3_server: Any, run: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away = stored(f"s3://codeseq/{tmp_path.name}")
    for flags in (("20", str(DROPPED)), ("--reasons",), ("--sample", "rejected:3", "--json")):
        (_, there, said_there), (_, here, said_here) = shown(capsys, away, *flags), shown(capsys, run, *flags)
        assert there.replace(away.uri, "") == here.replace(run.uri, "")
        assert said_there.replace(away.uri, "") == said_here.replace(run.uri, "")


def test_the_job_runs_from_anywhere_into_a_pipe_that_ends_early(run: RunStore, tmp_path: Path) -> None:
    job = Path(show.__file__)
    ended = subprocess.run(
        f"{sys.executable} {job} --run {run.uri} --sample accepted:20 | head -1",
        shell=True, capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert ended.stdout.startswith("A0000")
    assert "Traceback" not in ended.stderr, ended.stderr


def test_a_record_that_is_gone_is_named_with_what_to_do(tmp_path: Path, capsys: Any) -> None:
    run = stored(str(tmp_path))
    gone = sorted(tmp_path.glob("r/records/**/*.parquet"))[0]
    gone.unlink()
    with pytest.raises(StoreError, match=f"{gone.name} is missing although the ledger names it"):
        shown(capsys, run, "--reasons")


def test_reasons_and_rules_have_words_for_every_code() -> None:
    from codeseq_ray.selection.rules import Drop
    from codeseq_ray.telling.reasons import words

    assert all(words(code) for code in (*Reason, *Drop, *VerdictKind))


def test_a_plan_row_of_a_rule_that_is_not_known_any_more_is_told(tmp_path: Path, capsys: Any) -> None:
    run = RunStore(open_store(str(tmp_path)), "r")
    row = PlanRow(sequence_id="A000001", family="A000001", split=Split.SFT, selected=False, reason="of_old")
    run.write_manifest({"plan": {"rows": run.write_plan([row])}})
    status, _, err = shown(capsys, run, "1")
    assert status == 2
    assert "of_old" in err
    status, out, _ = shown(capsys, run, "--reasons")
    assert "no sequence has come to an outcome yet" in out

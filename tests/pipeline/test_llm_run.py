"""The main job on a real Ray with models behind HTTP: what is asked, what is paid for, and what weather changes.

The models are stand-ins that work and err as models do (`tests/model_server`), in a process of their own.
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import ray

from codeseq_ray.agents.prompting import BUILT_IN
from codeseq_ray.errors import EndpointRefusedError
from codeseq_ray.pipeline.run import RunResult, execute
from codeseq_ray.records import Call, Outcome, Reason, SequenceRecord, Split
from codeseq_ray.settings import load
from codeseq_ray.store.answers import StoredAnswers
from codeseq_ray.store.ledger import read_record
from codeseq_ray.store.objects import open_store
from tests.agents_llm.leaks import asks_about, leaks_of_record
from tests.model_server.process import ROOT, Served, served

pytestmark = pytest.mark.usefixtures("small_ray")

SEQUENCES = 40
FEW = 16
SKILL = ("--skill-keeps", "0.9", "--skill-validations", "0.97", "--skill-corrections", "0.7")
"""Models a little abler than the stand-in is by itself: more of so few sequences get as far as corrections."""


@dataclass(frozen=True)
class Done:
    """A start of the main job and what the server saw of it."""

    result: RunResult
    said: list[str]
    asked: list[dict[str, Any]]
    stats: dict[str, Any]

    @property
    def records(self) -> list[SequenceRecord]:
        return [read_record(self.result.run, row) for row in self.result.ledger]

    @property
    def calls(self) -> list[Call]:
        return [call for record in self.records for call in record.calls]

    @property
    def answered(self) -> list[dict[str, Any]]:
        return [entry for entry in self.asked if entry["end"] == "answered"]


def serving(log: Path, *flags: str) -> AbstractContextManager[Served]:
    """All servers here have the same wits: what differs is around them."""
    return served(log, *SKILL, *flags)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def started(server: Served, output: Path, *flags: str) -> Done:
    """One start against a server whose counts begin anew: the same requests meet the same answers."""
    server.reset()
    said: list[str] = []
    result = execute(
        load(["--output", str(output), "--log-seconds", "2", *server.flags, *flags]), said.append
    )
    return Done(result, said, server.logged(), server.stats())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("server") / "requests.jsonl") as up:
        yield up


@pytest.fixture(scope="module")
def fair(server: Served, outputs: Path) -> Done:
    return started(server, outputs / "fair", "--run-id", "fair", "--limit", str(SEQUENCES))


def outcomes(done: Done, of: Done | None = None) -> dict[str, tuple[str, str, str]]:
    """What became of each sequence; only of those that the other start worked on, too."""
    only = None if of is None else {row.sequence_id for row in of.result.ledger}
    return {
        row.sequence_id: (row.outcome.value, row.stage.value, row.reason)
        for row in done.result.ledger
        if only is None or row.sequence_id in only
    }


def test_corrected_programs_are_among_the_accepted(fair: Done) -> None:
    counted = Counter(record.outcome for record in fair.records)
    assert counted.total() == SEQUENCES
    assert counted[Outcome.FAILED] == 0
    accepted = [record for record in fair.records if record.outcome is Outcome.ACCEPTED]
    assert len(accepted) >= 6
    corrected = [record for record in accepted if record.corrections]
    assert corrected
    for record in corrected:
        assert record.rounds[0].failing is not None
        assert record.rounds[0].analysis is not None
        assert record.rounds[0].program != record.rounds[-1].program
    assert len({record.reason for record in fair.records}) > 3


def owned_leaks(done: Done) -> tuple[list[tuple[str, list[str]]], int]:
    """What requests hold that their roles may not see, by sequence; and how many are no sequence's own."""
    records = done.records
    unowned, found = 0, []
    for entry in done.asked:
        messages = entry["body"]["messages"]
        text = "\n\n".join(message["content"] for message in messages)
        stage = entry["kind"]
        owners = [record for record in records if asks_about(record, stage, text)]
        unowned += not owners
        # A request may fit two records with the same first terms; it is one's own if it leaks nothing of that.
        leaked = [leaks_of_record(record, stage, text) for record in owners]
        if owners and all(leaked):
            found.append((owners[0].sequence.id, leaked[0]))
    return found, unowned


def test_no_request_holds_what_its_role_may_not_see(fair: Done) -> None:
    found, unowned = owned_leaks(fair)
    assert not found
    assert not unowned
    assert {entry["kind"] for entry in fair.asked} >= {
        *("filter", "filter.reflection", "problem", "validation", "program", "analysis", "correction")
    }


def test_tokens_by_stage_are_what_the_server_counted(fair: Done) -> None:
    told: dict[str, Counter[str]] = {}
    for call in fair.calls:
        account = told.setdefault(call.stage, Counter())
        account["answered"] += 1
        for name in ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens"):
            account[name] += getattr(call, name)
    served_of = {
        kind: {name: value for name, value in account.items() if name != "arrived" and value}
        for kind, account in fair.stats["kinds"].items()
        if kind != "other"
    }
    assert {kind: +account for kind, account in told.items()} == served_of
    other = fair.stats["kinds"]["other"]
    paid = fair.result.standing.spent
    assert paid.requests == fair.stats["answered"] - other["answered"]
    assert paid.tokens == sum(
        account[name]
        for kind, account in fair.stats["kinds"].items()
        if kind != "other"
        for name in ("prompt_tokens", "completion_tokens")
    )


def test_a_second_start_of_a_run_sends_no_request(fair: Done, server: Served, outputs: Path) -> None:
    again = started(server, outputs / "fair", "--run-id", "fair", "--limit", str(SEQUENCES))
    assert again.asked == []
    assert outcomes(again) == outcomes(fair)


def test_weather_changes_no_outcome(fair: Done, tmp_path: Path) -> None:
    bad = ("--busy", "0.1", "--error", "0.05", "--dropped", "0.02", "--broken", "0.02")
    with serving(tmp_path / "requests.jsonl", *bad) as stormy:
        done = started(stormy, tmp_path / "runs", "--run-id", "bad", "--limit", str(SEQUENCES))
    assert {"busy", "error", "dropped", "broken"} <= set(done.stats["ends"])
    assert outcomes(done) == outcomes(fair)
    assert (
        sum(call.attempts for call in done.calls) == len(done.asked) > len(done.answered) == len(done.calls)
    )


def test_a_server_that_is_away_pauses_its_records_and_rejects_none(fair: Done, tmp_path: Path) -> None:
    hours = ("--refused-for", "1", "--loading-for", "1", "--down-after", "30", "--down-for", "2")
    with serving(tmp_path / "requests.jsonl", *hours) as away:
        limit = ("--limit", str(FEW))
        said: list[str] = []
        settings = load(["--output", str(tmp_path), *limit, "--await-endpoints", *away.flags])
        done = Done(execute(settings, said.append), said, away.logged(), away.stats())
    assert outcomes(done) == outcomes(fair, of=done)
    down, back = (
        [i for i, line in enumerate(said) if line.startswith(f"{away.urls[0]} is {word}")]
        for word in ("down", "back")
    )
    assert down, said
    assert back, said
    assert min(down) < max(back)


def test_what_one_server_cannot_take_the_other_does(fair: Done, tmp_path: Path) -> None:
    hours = ("--replicas", "2", "--down-replica", "1", "--down-after", "30", "--down-for", "3600")
    with serving(tmp_path / "requests.jsonl", *hours) as two:
        done = started(two, tmp_path, "--limit", str(FEW))
    assert outcomes(done) == outcomes(fair, of=done)
    ports = Counter(entry["port"] for entry in done.answered)
    assert len(ports) == 2
    assert min(ports.values()) <= 31


def test_a_refused_key_stops_the_run_at_once_with_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(tmp_path / "requests.jsonl", "--revoked-after", "30") as revoking:
        output = str(tmp_path / "runs")
        job = ["synthesize.py", "--output", output, "--limit", str(FEW), *revoking.flags]
        monkeypatch.setattr(sys, "argv", job)
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(ROOT / "jobs" / "synthesize.py"), run_name="__main__")
        stats = revoking.stats()
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert revoking.urls[0] in message
    assert "401" in message
    # What was out when the first refusal came is refused too; nothing is tried again.
    assert stats["ends"]["status 401"] <= FEW
    assert stats["answered"] <= 30 + FEW


def test_a_wrong_model_is_refused_before_any_work(server: Served, tmp_path: Path) -> None:
    with pytest.raises(EndpointRefusedError, match="generator"):
        started(server, tmp_path, "--generator-model", "another")
    assert not any(tmp_path.iterdir())


def test_caps_end_a_run_cleanly_and_count_all_its_starts_together(server: Served, tmp_path: Path) -> None:
    job = ("--run-id", "capped", "--limit", str(FEW))
    first = started(server, tmp_path, *job, "--cap-requests", "30")
    assert "--cap-requests" in first.result.capped
    assert len(first.answered) == first.result.standing.spent.requests == 30
    # As a job that is restarted: the cap is known to be reached before anything is sent.
    again = started(server, tmp_path, *job, "--cap-requests", "30")
    assert "--cap-requests" in again.result.capped
    assert not again.answered
    spent, more = sum(map(tokens, first.answered)), 10_000
    second = started(server, tmp_path, *job, "--cap-tokens", str(spent + more))
    assert "--cap-tokens" in second.result.capped
    sizes = [tokens(entry) for entry in second.answered]
    assert more <= sum(sizes) < more + FEW * max(sizes)
    third = started(server, tmp_path, *job)
    assert third.result.capped == ""
    assert third.result.ledger.outcomes.total() == FEW
    assert third.result.ledger.outcomes[Outcome.FAILED] == 0
    # Every answer that was paid for, by whichever start, is in a record: nothing was asked twice.
    paid = sum(len(start.answered) for start in (first, second, third))
    assert len(third.calls) == paid


@pytest.mark.slow
def test_a_killed_run_pays_only_for_what_was_not_kept(small_ray: None, tmp_path: Path) -> None:
    job = ("--output", str(tmp_path / "runs"), "--run-id", "killed", "--limit", str(FEW))
    with serving(tmp_path / "first.jsonl", "--per-token", "0.01") as slow:
        environment = os.environ | {"RAY_ADDRESS": ray.get_runtime_context().gcs_address}
        command = [sys.executable, str(ROOT / "jobs" / "synthesize.py"), *job, *slow.flags]
        driver = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        keys = tmp_path / "runs" / "cache" / "keys"
        wait_until(lambda: keys.is_dir() and any(keys.iterdir()))
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        wait_until(lambda: slow.stats()["open"] == 0)
        before = [entry for entry in slow.logged() if entry["end"] == "answered"]
    kept = StoredAnswers(open_store(str(tmp_path / "runs"))).refresh()
    assert 0 < kept <= len(before)
    with serving(tmp_path / "second.jsonl") as quick:
        done = started(quick, tmp_path / "runs", *job[2:])
    assert done.result.ledger.outcomes.total() == FEW
    assert done.result.ledger.outcomes[Outcome.FAILED] == 0
    # Answers of the killed start are in records now, but for those that were not yet in the cache.
    assert len(before) + len(done.answered) - len(done.calls) <= len(before) - kept


def test_another_run_over_the_same_sequences_replays_what_was_paid_for(
    fair: Done, server: Served, outputs: Path
) -> None:
    copy = started(server, outputs / "fair", "--run-id", "copy", "--limit", str(SEQUENCES))
    assert copy.asked == []
    assert outcomes(copy) == outcomes(fair)
    assert all(call.replayed and not call.attempts for call in copy.calls)
    assert copy.result.standing.spent.requests == 0


def test_outcomes_done_again_are_asked_anew_and_no_others(fair: Done, server: Served, outputs: Path) -> None:
    job = ("--run-id", "retried", "--limit", str(SEQUENCES))
    first = started(server, outputs / "fair", *job)
    assert first.asked == []
    reason = Counter(r.reason for r in first.records if r.outcome is Outcome.REJECTED).most_common(1)[0][0]
    wanted = {r.sequence.id for r in first.records if r.reason == reason}
    retry = ("--retry", f"rejected:{reason}")
    second = started(server, outputs / "fair", *job, *retry)
    assert f"retry: {len(wanted)} outcomes re-opened" in second.said
    assert {r.sequence.id for r in second.records if r.attempt == 2} == wanted
    assert {r.attempt for r in second.records if r.sequence.id not in wanted} == {1}
    anew = [call for r in second.records if r.attempt == 2 for call in r.calls]
    assert anew
    assert not any(call.replayed for call in anew)
    assert len(anew) == len(second.answered)
    # Both traces are there, and the next start has nothing to do.
    for record in first.records:
        row = first.result.ledger.get(record.sequence.number)
        assert row is not None
        assert read_record(first.result.run, row) == record
    third = started(server, outputs / "fair", *job)
    assert third.asked == []
    assert outcomes(third) == outcomes(second)


def test_a_changed_prompt_pays_only_from_where_it_is_used(
    fair: Done, server: Served, outputs: Path, tmp_path: Path
) -> None:
    text = (BUILT_IN / "correct.j2").read_text(encoding="utf-8")
    changed = text.replace("{% block user %}", "{% block user %}\nTake your time.\n")
    assert changed != text
    (tmp_path / "correct.j2").write_text(changed, encoding="utf-8")
    flags = ("--run-id", "changed", "--limit", str(SEQUENCES), "--prompts", str(tmp_path))
    done = started(server, outputs / "fair", *flags)
    assert {entry["kind"].split(".")[0] for entry in done.asked} == {"analysis", "correction"}
    before = [record for record in fair.records if len(record.rounds) > 1]
    corrections = ([call for call in r.calls if call.stage == "correction"] for r in done.records)
    firsts = [asked[0] for asked in corrections if asked]
    assert len(firsts) == len(before) > 0
    assert not any(call.replayed for call in firsts)
    assert {r.sequence.id for r in done.records if not r.rounds} == {
        r.sequence.id for r in fair.records if not r.rounds
    }


def test_candidates_are_so_many_answers_and_stay_so_many(server: Served, tmp_path: Path) -> None:
    job = ("--limit", str(FEW), "--candidates", "3", "--corrections", "1")
    first = started(server, tmp_path, "--run-id", "first", *job)
    asked = Counter(repr(e["body"]["messages"]) for e in first.answered if e["kind"] == "program")
    assert set(asked.values()) == {3}
    programs = written(first)
    assert any(len(set(sources)) > 1 for sources in programs)
    assert max(map(len, programs)) == 3
    again = started(server, tmp_path, "--run-id", "again", *job)
    assert again.asked == []
    assert written(again) == programs


@pytest.fixture(scope="module")
def told_again(server: Served, outputs: Path) -> Done:
    job = ("--limit", str(SEQUENCES), "--paraphrases", "3", "--paraphrase-answers", "2", "--split-sft", "8")
    return started(server, outputs / "told again", "--run-id", "told-again", *job)


def test_paraphrases_are_other_problems_of_the_same_sequence(told_again: Done) -> None:
    accepted = [r for r in told_again.records if r.outcome is Outcome.ACCEPTED]
    told = [r for r in accepted if r.split is Split.SFT]
    assert told
    assert not [r for r in told_again.records if r.paraphrases and r not in told]
    assert {len(r.paraphrases) for r in told} == {3}
    answers = [a for r in told for p in r.paraphrases for a in p.answers]
    assert {len(p.answers) for r in told for p in r.paraphrases} == {0, 2}
    assert any(a.rounds[-1].number for a in answers if not a.reason)
    for record in told:
        assert record.problem is not None
        for paraphrase in record.paraphrases:
            kept = [a for a in paraphrase.answers if not a.reason]
            assert not (kept and paraphrase.reason)
            if kept:
                assert paraphrase.problem is not None
                assert paraphrase.problem.description != record.problem.description
                assert paraphrase.problem.examples == record.problem.examples
            for answer in kept:
                assert answer.rounds[-1].verdict.ok
                assert answer.acceptance is not None
                assert answer.acceptance.far_checked > 0
    reasons = Counter(p.reason for r in told for p in r.paraphrases)
    assert reasons[""] > reasons[Reason.REPEATS_ANOTHER] > 0


def test_paraphrases_leave_what_was_accepted_as_it_was(told_again: Done, fair: Done) -> None:
    before = {r.sequence.id: r for r in fair.records}
    for record in told_again.records:
        same = before[record.sequence.id]
        assert (record.outcome, record.problem) == (same.outcome, same.problem)
        assert [r.program for r in record.rounds] == [r.program for r in same.rounds]


def test_what_paraphrases_cost_stands_apart_and_is_what_the_server_counted(
    told_again: Done, fair: Done
) -> None:
    theirs = [call for call in told_again.calls if call.stage.startswith("paraphrase")]
    assert {call.stage for call in theirs} >= {"paraphrase", "paraphrase.validation", "paraphrase.program"}
    assert len(told_again.calls) - len(theirs) == len(fair.calls)
    assert len(told_again.answered) == len(told_again.calls)
    paid = sum(call.prompt_tokens + call.completion_tokens for call in told_again.calls)
    assert paid == sum(map(tokens, told_again.answered)) == told_again.result.standing.spent.tokens


def test_no_request_of_a_paraphrase_holds_what_its_role_may_not_see(told_again: Done) -> None:
    found, unowned = owned_leaks(told_again)
    assert not found
    assert not unowned
    assert "paraphrase" in {entry["kind"] for entry in told_again.asked}


def test_hybrid_asks_models_only_for_what_the_rules_give_up(server: Served, tmp_path: Path) -> None:
    done = started(server, tmp_path, "--limit", str(FEW), "--agents", "hybrid")
    by_rule = [record for record in done.records if record.agents == "builtin"]
    by_model = [record for record in done.records if record.agents != "builtin"]
    assert by_rule
    assert by_model
    assert all(record.outcome is Outcome.ACCEPTED for record in by_rule)
    assert all([one.agents for one in record.earlier] == ["builtin"] for record in by_model)
    asking = [call for record in by_model for call in record.calls if call.agent != "builtin"]
    assert len(asking) == len(done.answered) > 0
    assert not [call for record in by_rule for call in record.calls if call.agent != "builtin"]


def written(done: Done) -> list[list[str]]:
    """The sources of each round's candidates."""
    return [
        [judged.program.source, *(one.program.source for one in judged.others)]
        for record in done.records
        for judged in record.rounds
    ]


def wait_until(reached: Callable[[], bool], seconds: float = 120.0) -> None:
    until = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.05)


def tokens(entry: dict[str, Any]) -> int:
    return int(entry["usage"]["prompt_tokens"] + entry["usage"]["completion_tokens"])

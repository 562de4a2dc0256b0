"""An estimate is what was measured, scaled; its intervals hold what larger runs really take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codeseq_ray.errors import UsageError
from codeseq_ray.estimating.forecast import Line, forecast
from codeseq_ray.estimating.measuring import NAMES, Measured, measure, of_record
from codeseq_ray.estimating.settings import EstimatingSettings
from codeseq_ray.records import (
    Acceptance,
    Call,
    Outcome,
    Program,
    Round,
    Sequence,
    SequenceRecord,
    Split,
    Stage,
    Verdict,
    VerdictKind,
)
from codeseq_ray.store.ledger import LedgerWriter
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.run import RunStore
from jobs import estimate

PASSED = Verdict(kind=VerdictKind.PASSED, passed=8, total=8, cpu_ms=250.0)


def record(
    number: int, *, tokens: int = 100, accepted: bool = True, replayed: bool = False
) -> SequenceRecord:
    call = Call(
        stage="program",
        agent="m",
        prompt_id="p",
        prompt_tokens=tokens,
        completion_tokens=tokens // 2,
        seconds=0.0 if replayed else 2.0,
        attempts=0 if replayed else 1,
        replayed=replayed,
    )
    checks = Acceptance(far_checked=40, far_total=40, far=PASSED, rerun=PASSED, mutants=6)
    return SequenceRecord(
        sequence=Sequence(id=f"A{number:06d}", name="n", terms=(1, 2)),
        split=Split.SFT,
        family=f"A{number:06d}",
        attempt=1,
        agents="m",
        outcome=Outcome.ACCEPTED if accepted else Outcome.REJECTED,
        stage=Stage.ACCEPTANCE,
        rounds=(Round(number=0, program=Program(source="x"), verdict=PASSED),),
        acceptance=checks if accepted else None,
        calls=(call, call.model_copy(update={"prompt_id": "", "prompt_tokens": 0, "completion_tokens": 0})),
    )


def run_of(folder: Path, records: list[SequenceRecord], every: int = 10) -> RunStore:
    run = RunStore(open_store(str(folder)), "r")
    run.write_manifest({"run_id": "r", "counts": {"selected": 1000}})
    writer = LedgerWriter(run, "loop", every=every, seconds=1e9)
    for one in records:
        writer.add(one)
    writer.flush()
    return run


def figures(lines: list[Line]) -> dict[str, Line]:
    return {line.name: line for line in lines}


def test_a_record_is_counted_whole_and_answers_from_the_cache_like_paid_ones() -> None:
    one = of_record(record(1), 777)
    replayed = of_record(record(1, replayed=True), 777)
    assert (replayed.prompt_tokens, replayed.answer_tokens, replayed.calls) == (100, 50, 1)
    assert (replayed.slot_seconds, replayed.replayed_tokens) == (0.0, 50)
    assert (one.prompt_tokens, one.answer_tokens, one.calls, one.slot_seconds) == (100, 50, 1, 2.0)
    assert one.program_seconds == pytest.approx(0.75)
    # One process for the round, two for forty far cases, one for each of eight cases of the second run, six mutants.
    assert one.executions == 1 + 2 + 8 + 6
    assert one.record_bytes == 777


def test_expectations_are_the_measured_means_times_the_count(tmp_path: Path) -> None:
    records = [record(n, tokens=100 if n % 2 else 300, accepted=n % 4 == 0) for n in range(1, 41)]
    measured = measure(run_of(tmp_path, records), 10_000, 0)
    assert (len(measured.took), measured.outcomes, measured.selected) == (40, 40, 1000)
    told = figures(forecast(measured, EstimatingSettings(run="r")))
    assert told["prompt tokens"].value.expected == pytest.approx(200 * 1000)
    assert told["accepted sequences"].value.expected == pytest.approx(250)
    assert told["tokens for each accepted one"].value.expected == pytest.approx(1200)
    larger = figures(forecast(measured, EstimatingSettings(run="r", sequences=10_000)))
    assert larger["prompt tokens"].value.expected == pytest.approx(200 * 10_000)
    assert larger["objects written"].value.expected == pytest.approx(2 * 4 / 40 * 10_000)


def test_money_hours_and_cores_follow_from_tokens_rates_and_prices(tmp_path: Path) -> None:
    measured = measure(run_of(tmp_path, [record(n) for n in range(1, 21)]), 10_000, 0)
    settings = EstimatingSettings(
        run="r",
        sequences=72_000,
        answer_tokens_per_second=1000,
        gpus_per_replica=2,
        slots=100,
        gpu_hour=3.0,
        core_hour=0.0,
        thousand_puts=0.0,
    )
    told = figures(forecast(measured, settings))
    assert told["GPU-hours"].value.expected == pytest.approx(72_000 * 50 / 1000 / 3600 * 2)
    assert told["price"].value.expected == pytest.approx(6.0)
    assert told["wall with models"].value.expected == pytest.approx(72_000 * 2 / 100 / 3600)
    hours = told["wall with models"].value.expected
    cores = told["CPU cores for the sandbox meanwhile"].value.expected
    assert cores == pytest.approx(told["CPU of the sandbox"].value.expected / hours)


def test_wall_time_is_the_same_with_half_of_the_answers_from_the_cache(tmp_path: Path) -> None:
    walls = {}
    for name, replayed in (("none", 0), ("half", 2), ("all", 1)):
        records = [record(n, replayed=bool(replayed) and n % replayed == 0) for n in range(1, 41)]
        measured = measure(run_of(tmp_path / name, records), 10_000, 0)
        walls[name] = figures(forecast(measured, EstimatingSettings(run="r", slots=10))).get(
            "wall with models"
        )
    assert walls["none"] is not None
    assert walls["half"] is not None
    assert walls["half"].value.expected == pytest.approx(walls["none"].value.expected)
    assert walls["all"] is None


def test_the_interval_of_a_ratio_is_as_wide_as_chance_makes_it() -> None:
    """Tokens and acceptance that have nothing to do with each other, against samples that are drawn anew twice."""
    generator = np.random.default_rng(2)
    took = np.zeros((300, len(NAMES)))
    tokens, accepted = NAMES.index("prompt_tokens"), NAMES.index("accepted")
    took[:, tokens] = generator.lognormal(6, 1, 300)
    took[:, accepted] = generator.random(300) < 0.1
    measured = Measured(RunStore(open_store("/tmp"), "r"), took, 300, 0, 300, 5)
    value = figures(forecast(measured, EstimatingSettings(run="r")))["tokens for each accepted one"].value
    ratios = []
    for _ in range(3000):
        drawn = took[generator.integers(300, size=300)]
        again = drawn[generator.integers(300, size=300)].sum(axis=0)
        ratios.append(again[tokens] / max(1.0, again[accepted]))
    low, high = np.quantile(ratios, (0.025, 0.975))
    assert value.high - value.low == pytest.approx(high - low, rel=0.15)


def test_intervals_hold_what_larger_runs_sum_up_to() -> None:
    """Of 60 small runs from one population, about 95 in 100 intervals hold a larger run's sum."""
    generator = np.random.default_rng(1)
    population = np.zeros((20_000, len(NAMES)))
    population[:, NAMES.index("prompt_tokens")] = generator.lognormal(6, 1, 20_000)
    population[:, NAMES.index("accepted")] = generator.random(20_000) < 0.3
    held: dict[str, int] = {"prompt tokens": 0, "accepted sequences": 0}
    runs = 60
    for i in range(runs):
        took = population[generator.integers(20_000, size=200)]
        larger = population[generator.integers(20_000, size=2_000)].sum(axis=0)
        measured = Measured(RunStore(open_store("/tmp"), "r"), took, 200, 0, 2_000, 20)
        told = figures(forecast(measured, EstimatingSettings(run="r", seed=i)))
        for name, column in (("prompt tokens", "prompt_tokens"), ("accepted sequences", "accepted")):
            value = told[name].value
            held[name] += value.low <= larger[NAMES.index(column)] <= value.high
    assert all(count >= 0.85 * runs for count in held.values()), held


def test_only_so_many_records_are_read_in_whole_segments(tmp_path: Path) -> None:
    run = run_of(tmp_path, [record(n) for n in range(1, 101)], every=10)
    part = measure(run, 25, 0)
    assert (len(part.took), part.outcomes, part.segments) == (30, 100, 10)
    assert measure(run, 25, 0).took.tolist() == part.took.tolist()


def test_what_is_no_run_is_refused_in_words(tmp_path: Path, capsys: Any) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        estimate.main(["--run", str(tmp_path / "none")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="is no run of jobs/synthesize"):
        estimate.main(["--run", str(tmp_path / "empty")])
    run_of(tmp_path, [])
    with pytest.raises(UsageError, match="no sequence has come to an outcome"):
        estimate.main(["--run", str(tmp_path / "r")])


def test_the_job_prints_a_table_and_writes_the_same_figures(tmp_path: Path, capsys: Any) -> None:
    run_of(tmp_path, [record(n) for n in range(1, 31)])
    told = tmp_path / "estimate.json"
    assert estimate.main(["--run", str(tmp_path / "r"), "--json-file", str(told)]) == 0
    out = capsys.readouterr().out
    assert "30 of 30 outcomes" in out
    assert "100,000" in out
    assert json.loads(told.read_text())["estimates"]["prompt tokens"]["expected"] == pytest.approx(100_000)

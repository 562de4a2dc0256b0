"""The judge's job, whole: real Ray with one CPU, the real sandbox, files in and out."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray

from codeseq_ray.errors import InputError, RunMismatchError, StoreError, UsageError
from codeseq_ray.pipeline.judging import answers, run
from codeseq_ray.pipeline.judging.answering import answer_blocks
from codeseq_ray.pipeline.judging.run import JudgeResult, execute
from codeseq_ray.sandbox import walls
from codeseq_ray.settings import JudgeSettings, load

pytestmark = [
    pytest.mark.usefixtures("small_ray"),
    pytest.mark.skipif(bool(walls.missing()), reason=f"this machine lacks {'; '.join(walls.missing())}"),
]

FIELDS = ["id", "verdict", "passed", "total", "failing_case", "got", "message", "cpu_ms", "walls"]
SQUARE = "n = int(input())\nprint(n * n)"
CASES = [{"input": str(n), "output": str(n * n)} for n in range(3)]

Row = dict[str, Any]


def row(row_id: str, program: str = SQUARE, **more: Any) -> Row:
    return {"id": row_id, "program": program, "cases": CASES, **more}


def write(path: Path, *rows: Row | str) -> Path:
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows))
    return path


def settings(input_: object, output: object, *flags: str) -> JudgeSettings:
    return load(
        ["--input", str(input_), "--output", str(output), *flags], schema=JudgeSettings, program="judge.py"
    )


def start(input_: object, output: object, *flags: str, said: list[str] | None = None) -> JudgeResult:
    lines = said if said is not None else []
    return execute(settings(input_, output, *flags), lines.append, lines.append)


def answered(path: Path) -> list[Row]:
    """The answers in a file, or in all of a folder's parts."""
    if path.is_dir():
        return [a for p in sorted(path.glob("part-*")) + sorted(path.glob("unjudged*")) for a in answered(p)]
    if path.suffix == ".parquet":
        return list(pq.read_table(path).to_pylist())
    return [json.loads(line) for line in path.read_text().splitlines()]


def by_id(path: Path) -> dict[str, Row]:
    found = answered(path)
    assert len({a["id"] for a in found}) == len(found)
    return {a["id"]: a for a in found}


# ---------------------------------------------------------------------------------------------- verdicts

LEANING = """import builtins
n = int(input())
builtins.seen = getattr(builtins, "seen", -1) + 1
print(n * n if builtins.seen == n else "x")"""
"""Right as long as its cases share a process in their order."""
OUTCOMES: dict[str, tuple[str, dict[str, Any], int | None]] = {
    SQUARE: ("passed", {"passed": 3}, None),
    "n = int(input())\nprint(n * n + n // 2)": ("wrong_answer", {"got": "5", "passed": 2}, 2),
    "n = int(input())\nif n < 2: print(n * n); exit()\nprint(n // (2 - n))": (
        "runtime_error",
        {"message": "ZeroDivisionError: integer division or modulo by zero (line 3: print(n // (2 - n)))"},
        2,
    ),
    "n = int(input())\nwhile n: pass\nprint(0)": ("time_limit", {"passed": 1}, 1),
    "n = int(input())\nx = [0] * (n * 10**9)\nprint(n * n)": ("memory_limit", {"passed": 1}, 1),
    "print('0' * 10**6)": ("output_limit", {"passed": 0}, 0),
    "import socket\nsocket.socket()": ("security_violation", {"passed": 0}, 0),
    LEANING: (
        "nondeterministic",
        {"got": "x"},
        ...,  # type: ignore[dict-item]  # whichever of the cases 1 and 2 is run first
    ),
    "def print(": ("runtime_error", {"passed": 0}, 0),
}


def test_every_verdict_comes_through_and_all_judged_is_exit_status_0(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = [row(str(i), program) for i, program in enumerate(OUTCOMES)]
    write(tmp_path / "rows.jsonl", *rows)
    flags = ["--cpu-seconds", "0.5", "--memory-mb", "128", "--output-bytes", "10000"]
    status = job(
        ["--input", str(tmp_path / "rows.jsonl"), "--output", str(tmp_path / "out.jsonl"), *flags], tmp_path
    )
    assert status == 0
    found = by_id(tmp_path / "out.jsonl")
    for i, (program, (verdict, more, failing)) in enumerate(OUTCOMES.items()):
        answer = found[str(i)]
        assert list(answer) == FIELDS
        assert (answer["verdict"], program) == (verdict, program)
        assert {k: answer[k] for k in more} == more
        assert answer["total"] == 3
        assert answer["failing_case"] == failing or (failing is ... and answer["failing_case"] in {1, 2})
        assert answer["cpu_ms"] > 0
        assert any(wall.startswith("landlock") for wall in answer["walls"])
        assert (answer["message"] == "") == (verdict == "passed")
    said = capfd.readouterr().out
    for verdict, count in Counter(verdict for verdict, _, _ in OUTCOMES.values()).items():
        assert f"{count}  {verdict}\n" in said
    assert "landlock" in said
    assert str(tmp_path / "out.jsonl") in said


def job(arguments: list[str], tmp_path: Path) -> int:
    """`jobs/judge.py`'s own main, in this process and its Ray."""
    file = Path(__file__).parents[2] / "jobs" / "judge.py"
    spec = importlib.util.spec_from_file_location("judge_job", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    try:
        spec.loader.exec_module(module)
        return int(module.main(arguments))
    finally:
        sys.path[:] = path


def test_functions_integers_and_outputs_of_a_hundred_thousand_digits(tmp_path: Path) -> None:
    huge = "1" + "0" * 10**5
    rows = [
        row(
            "f", "def f(a, b):\n    return a ** b", entry="f", cases=[{"input": "10 100000", "output": huge}]
        ),
        row("p", "print(10 ** int(input()))", cases=[{"input": 100000, "output": huge}]),
        row(
            "one digit",
            "print(10 ** int(input()) + 1)",
            cases=[{"input": "1", "output": 11}, {"input": 10**5, "output": huge}],
        ),
        row("g", "def f(a):\n    return a", entry="g", cases=[{"input": "1", "output": "1"}]),
        row("no float", "print(2.0)", cases=[{"input": "", "output": 2}]),
    ]
    start(write(tmp_path / "rows.jsonl", *rows), tmp_path / "out.jsonl")
    found = by_id(tmp_path / "out.jsonl")
    assert {i: a["verdict"] for i, a in found.items()} == {
        "f": "passed",
        "p": "passed",
        "one digit": "wrong_answer",
        "g": "runtime_error",
        "no float": "wrong_answer",
    }
    assert found["one digit"]["failing_case"] == 1
    assert len(found["one digit"]["got"]) == 2000
    assert "'g'" in found["g"]["message"]


def test_without_confirmation_a_program_runs_once(tmp_path: Path) -> None:
    write(tmp_path / "rows.jsonl", row("a", LEANING))
    start(tmp_path / "rows.jsonl", tmp_path / "out.jsonl", "--no-confirm")
    assert by_id(tmp_path / "out.jsonl")["a"]["verdict"] == "passed"


# ----------------------------------------------------------------------------------- rows, good and bad


def test_bad_rows_are_answered_with_their_place_and_the_others_judged(tmp_path: Path) -> None:
    rows: list[Row | str] = [
        row("good"),
        "{broken",
        "",
        row("float", cases=[{"input": "1", "output": 1.0}]),
        '{"id": 7, "program": "print(1)"}',
        "null",
        row("entry", entry="no name"),
        row("last"),
    ]
    result = start(write(tmp_path / "rows.jsonl", *rows), tmp_path / "out.jsonl")
    found = answered(tmp_path / "out.jsonl")
    assert len(found) == result.rows == 7
    bad = {a["message"].split(":")[0]: a for a in found if a["verdict"] == "bad_row"}
    assert {place: a["id"] for place, a in bad.items()} == {
        "rows.jsonl line 2": None,
        "rows.jsonl line 4": "float",
        "rows.jsonl line 5": "7",
        "rows.jsonl line 6": None,
        "rows.jsonl line 7": "entry",
    }
    assert "cases[0].output: expected text, got a number" in bad["rows.jsonl line 4"]["message"]
    assert all(list(a) == FIELDS and a["walls"] == [] and a["failing_case"] is None for a in bad.values())
    assert {a["id"] for a in found if a["verdict"] == "passed"} == {"good", "last"}
    assert result.verdicts == {"passed": 2, "bad_row": 5}


def test_an_id_that_several_rows_have_is_answered_once_and_names_them(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / "a.jsonl", row("once"), row("twice"), row("many"), row("many"))
    write(folder / "b.jsonl", row("twice"), row("many"), row("many"), row("many"), row("broken", cases=[]))
    write(folder / "c.jsonl", row("broken"), row("last"))
    result = start(folder, tmp_path / "out.jsonl")
    found = by_id(tmp_path / "out.jsonl")
    assert {i: a["verdict"] for i, a in found.items()} == {
        "once": "passed",
        "last": "passed",
        "twice": "bad_row",
        "many": "bad_row",
        "broken": "bad_row",
    }
    assert (
        "2 rows have this id and none was judged (a.jsonl line 2, b.jsonl line 1)"
        in found["twice"]["message"]
    )
    assert "5 rows" in found["many"]["message"]
    assert "and 2 more" in found["many"]["message"]
    assert result.rows == 11


def test_equal_digests_of_different_ids_are_no_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from codeseq_ray.pipeline.judging import scan

    part = next(iter(_slices(write(tmp_path / "rows.jsonl", row("a"), row("b"), row("a"), row("c")))))
    monkeypatch.setattr(scan, "digest_of", lambda row_id: 7 if row_id in "ab" else 8)
    monkeypatch.setattr(scan, "stream", lambda tables: (r for t in tables for r in t.to_pylist()))
    monkeypatch.setattr(scan, "read", lambda slices, tables, **_: [t for s in slices for t in tables(s)])
    found = scan.scan([part])
    assert list(found.shared) == ["a"]
    assert (found.shared["a"].count, found.shared["a"].first_row) == (2, 0)


def _slices(path: Path) -> list[Any]:
    from codeseq_ray.pipeline.judging.inputs import slices

    return slices(str(path))


def test_files_of_all_kinds_in_one_folder_become_parquet_parts(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / "a.jsonl", row("lines"), row("odd \u00e9\u4e2d"))
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(json.dumps(row("packed")).encode() + b"\n"))
    table = [{**row(f"t{i}"), "entry": None, "extra": 1.5} for i in range(40)]
    table[39]["program"] = None
    pq.write_table(pa.Table.from_pylist(table), folder / "c.parquet", row_group_size=18)
    result = start(folder, tmp_path / "out", "--format", "parquet")
    assert result.verdicts == {"passed": 42, "bad_row": 1}
    found = by_id(tmp_path / "out")
    assert set(found) == {"lines", "odd \u00e9\u4e2d", "packed", *(f"t{i}" for i in range(40))}
    assert found["t39"]["message"] == "c.parquet row 40: program: expected text, got null"
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["verdicts"] == {"passed": 42, "bad_row": 1}
    assert summary["rows"] == 43
    start(folder, tmp_path / "one.parquet", "--no-confirm")
    assert by_id(tmp_path / "one.parquet").keys() == found.keys()


def test_no_rows_are_answered_by_no_answers(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("\n\n")
    for name in ("out.jsonl", "out.parquet"):
        assert start(tmp_path / "rows.jsonl", tmp_path / name).rows == 0
        assert answered(tmp_path / name) == []


# --------------------------------------------------------------------------- stopping, going on, trouble


def slow_rows(count: int) -> list[Row]:
    """Each takes some 10 ms of CPU time, twice."""
    program = "for _ in range(150000): pass\nprint(input())"
    return [row(f"s{i}", program, cases=[{"input": str(i), "output": str(i)}]) for i in range(count)]


def test_a_stopped_start_is_gone_on_with_and_nothing_is_judged_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = slow_rows(128)
    rows[5]["id"] = rows[120]["id"] = "shared"
    write(tmp_path / "rows.jsonl", *rows)
    monkeypatch.setattr(answers, "PART_SECONDS", 0.0)

    def stop_after_two(line: str) -> None:
        if line.startswith("judged: 64"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(
            settings(tmp_path / "rows.jsonl", tmp_path / "out", "--log-seconds", "0.001"),
            stop_after_two,
            stop_after_two,
        )
    kept = {p.name: p.read_bytes() for p in (tmp_path / "out").glob("part-*")}
    marks = [json.loads(p.read_text()) for p in (tmp_path / "out" / "marks").iterdir()]
    before = sum(end - start for mark in marks for start, end in mark["rows"])
    assert 0 < before < 128
    assert len(kept) == len(marks)
    assert not (tmp_path / "out" / "summary.json").exists()
    # A part that was cut short before its mark was written is written anew.
    (tmp_path / "out" / f"part-{len(kept):05d}.jsonl").write_text('{"id": "cut sho')
    said: list[str] = []
    result = start(tmp_path / "rows.jsonl", tmp_path / "out", said=said)
    assert {p: (tmp_path / "out" / p).read_bytes() for p in kept} == kept
    assert result.judged_now == 128 - before
    assert any(f"resume: {before} rows are answered" in line for line in said)
    found = by_id(tmp_path / "out")
    assert set(found) == {r["id"] for r in rows}
    assert result.verdicts == Counter(a["verdict"] for a in found.values()) == {"passed": 126, "bad_row": 1}
    again = start(tmp_path / "rows.jsonl", tmp_path / "out")
    assert (again.judged_now, again.verdicts) == (0, result.verdicts)


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(tmp_path: Path) -> None:
    rows = slow_rows(96)
    write(tmp_path / "rows.jsonl", *rows)
    killed: list[int] = []

    def kill_one() -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until and not killed:
            time.sleep(0.02)
            for pid in our_judging_workers():
                time.sleep(0.3)
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
                return

    killer = threading.Thread(target=kill_one)
    killer.start()
    result = start(tmp_path / "rows.jsonl", tmp_path / "out.jsonl")
    killer.join()
    assert killed
    assert not Path(f"/proc/{killed[0]}").exists()
    assert set(by_id(tmp_path / "out.jsonl")) == {r["id"] for r in rows}
    assert result.verdicts == {"passed": 96}


def our_judging_workers() -> list[int]:
    """Ray workers below this process that run a judging task now."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and b"ray::MapBatches" in (entry / "cmdline").read_bytes():
                pid = int(entry.name)
                ancestor = pid
                while ancestor > 1 and ancestor != os.getpid():
                    ancestor = int(
                        (Path("/proc") / str(ancestor) / "stat").read_text().rpartition(")")[2].split()[1]
                    )
                if ancestor == os.getpid():
                    found.append(pid)
        except OSError:
            continue
    return found


def test_what_got_no_judgement_is_answered_so_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "rows.jsonl", row("a"), row("b", SQUARE + "  # TROUBLE"), row("c"))

    # Defined here, so that it travels to the workers whole: their sandbox gives out on some programs.
    def troubled(table: Any, job: Any) -> Any:
        from codeseq_ray.errors import InfrastructureError
        from codeseq_ray.pipeline import tasks
        from codeseq_ray.pipeline.judging import answering

        real = tasks.executor_here

        class GivesOut:
            def run(self, execution: Any) -> Any:
                if "TROUBLE" in execution.source:
                    raise InfrastructureError("the interpreter died")
                return real(job.sandbox).run(execution)

        tasks.executor_here = lambda settings: GivesOut()  # type: ignore[assignment,return-value]
        try:
            return answering.answer_blocks(table, job)
        finally:
            tasks.executor_here = real

    with monkeypatch.context() as patch:
        patch.setattr(run, "answer_blocks", troubled)
        for output in ("out", "out.jsonl"):
            status = job(
                ["--input", str(tmp_path / "rows.jsonl"), "--output", str(tmp_path / output)], tmp_path
            )
            assert status == 1
            found = by_id(tmp_path / output)
            assert {i: a["verdict"] for i, a in found.items()} == {
                "a": "passed",
                "b": "infrastructure",
                "c": "passed",
            }
            assert "the interpreter died" in found["b"]["message"]
            assert "1 programs got no judgement" in capfd.readouterr().err
    result = start(tmp_path / "rows.jsonl", tmp_path / "out")
    assert result.judged_now == 1
    assert {i: a["verdict"] for i, a in by_id(tmp_path / "out").items()} == dict.fromkeys("abc", "passed")
    assert result.verdicts == {"passed": 3}


def test_an_input_that_changes_while_it_is_judged_is_noticed_and_nothing_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "rows.jsonl", row("a"), row("b"))
    real = run._require_walls

    def meanwhile(*arguments: Any) -> None:
        real(*arguments)
        write(path, row("a"), row("z"))

    monkeypatch.setattr(run, "_require_walls", meanwhile)
    with pytest.raises(InputError, match="changed while it was judged"):
        start(path, tmp_path / "out.jsonl")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rows.jsonl"]


# ------------------------------------------------------------------------------------------- refusals


def test_answers_that_are_there_are_not_overwritten_unless_asked(tmp_path: Path) -> None:
    write(tmp_path / "rows.jsonl", row("a"))
    (tmp_path / "out.jsonl").write_text("mine")
    with pytest.raises(UsageError, match="--overwrite replaces it"):
        start(tmp_path / "rows.jsonl", tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text() == "mine"
    start(tmp_path / "rows.jsonl", tmp_path / "out.jsonl", "--overwrite")
    assert set(by_id(tmp_path / "out.jsonl")) == {"a"}


def test_a_name_that_is_taken_meanwhile_keeps_both(tmp_path: Path) -> None:
    file = answers.LocalFile(tmp_path / "out.jsonl", replace=False)
    file.write(b"ours")
    (tmp_path / "out.jsonl").write_text("theirs")
    with pytest.raises(StoreError, match="the answers are in"):
        file.commit()
    assert {p.read_text() for p in tmp_path.iterdir()} == {"ours", "theirs"}


@pytest.mark.parametrize("change", ["settings", "input", "nothing of ours"])
def test_a_folder_that_was_begun_otherwise_is_refused(tmp_path: Path, change: str) -> None:
    write(tmp_path / "rows.jsonl", row("a"))
    if change == "nothing of ours":
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "notes.txt").write_text("x")
        with pytest.raises(UsageError, match=r"holds something else \(notes.txt"):
            start(tmp_path / "rows.jsonl", tmp_path / "out")
        return
    start(tmp_path / "rows.jsonl", tmp_path / "out")
    flags = ["--cpu-seconds", "1"] if change == "settings" else []
    if change == "input":
        write(tmp_path / "rows.jsonl", row("a", SQUARE + " "))
    with pytest.raises(RunMismatchError, match="cpu_seconds: was 4.0, is now 1.0" if flags else "input: was"):
        start(tmp_path / "rows.jsonl", tmp_path / "out", *flags)


def test_a_memory_budget_that_no_node_has_is_refused_with_both_figures(tmp_path: Path) -> None:
    write(tmp_path / "rows.jsonl", row("a"))
    with pytest.raises(UsageError, match=r"a task needs \d{6,} MiB, and the largest node .* gives \d+ MiB"):
        start(tmp_path / "rows.jsonl", tmp_path / "out.jsonl", "--memory-mb", "1000000")
    assert not (tmp_path / "out.jsonl").exists()


def test_an_interpreter_that_is_not_there_is_refused_in_a_word(tmp_path: Path) -> None:
    write(tmp_path / "rows.jsonl", row("a"))
    with pytest.raises(UsageError, match="--python /nowhere") as caught:
        start(tmp_path / "rows.jsonl", tmp_path / "out.jsonl", "--python", "/nowhere")
    assert "Traceback" not in str(caught.value)
    assert "File" not in str(caught.value)


def test_a_damaged_file_ends_the_job_before_anything_is_judged(tmp_path: Path) -> None:
    body = gzip.compress("".join(json.dumps(row(f"r{i}")) + "\n" for i in range(2000)).encode())
    (tmp_path / "rows.jsonl.gz").write_bytes(body[: len(body) // 2])
    with pytest.raises(InputError, match=r"rows\.jsonl\.gz cannot be read to its end"):
        start(tmp_path / "rows.jsonl.gz", tmp_path / "out.jsonl")


def test_an_output_inside_the_input_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "rows.jsonl", row("a"))
    for output in (tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"):
        with pytest.raises(UsageError, match="lies in the input"):
            start(tmp_path / "rows.jsonl" if output.name == "rows.jsonl" else tmp_path, output, "--overwrite")


def test_a_file_of_a_kind_that_is_not_written_is_no_folder(tmp_path: Path) -> None:
    write(tmp_path / "rows.jsonl", row("a"))
    with pytest.raises(UsageError, match=r"has to end in \.jsonl or \.parquet"):
        start(tmp_path / "rows.jsonl", tmp_path / "out.jsonl.gz")


def test_in_a_ray_job_the_output_must_not_lie_in_the_working_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    with pytest.raises(UsageError, match="temporary copy"):
        run.places(settings("s3://bucket/rows", "out.jsonl"))
    assert run.places(settings("s3://b/rows", "s3://b/out")) == ("s3://b/rows", "s3://b/out")


# ------------------------------------------------------------------------------------------ without walls


def test_without_walls_programs_run_only_when_asked_and_the_answers_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "rows.jsonl", row("a"), row("f", "def f(n):\n    return n * n", entry="f"))

    # Both are defined here, so that they travel to the workers whole.
    def unwalled(function: Callable[..., Any], *arguments: Any) -> Any:
        from codeseq_ray.pipeline import tasks
        from codeseq_ray.sandbox import walls

        real, walls.missing = walls.missing, lambda *_, **__: ["Landlock"]
        tasks.executor_here.cache_clear()
        try:
            return function(*arguments)
        finally:
            walls.missing = real
            tasks.executor_here.cache_clear()

    def standing(sandbox: Any) -> Any:
        from codeseq_ray.pipeline import tasks

        return unwalled(tasks.standing_walls._function, sandbox)

    monkeypatch.setattr(run, "standing_walls", ray.remote(num_cpus=0.8)(standing))
    monkeypatch.setattr(run, "answer_blocks", lambda table, job: unwalled(answer_blocks, table, job))
    with pytest.raises(UsageError, match="Landlock"):
        start(tmp_path / "rows.jsonl", tmp_path / "out.jsonl")
    said: list[str] = []
    start(tmp_path / "rows.jsonl", tmp_path / "out.jsonl", "--allow-unconfined", said=said)
    assert any(line.startswith("UNCONFINED") for line in said)
    for answer_ in by_id(tmp_path / "out.jsonl").values():
        assert (answer_["verdict"], answer_["walls"]) == ("passed", ["rlimits", "unconfined:unpublishable"])

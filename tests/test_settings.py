from __future__ import annotations

from pathlib import Path

import pytest

from codeseq_ray.errors import UsageError
from codeseq_ray.sandbox.settings import SandboxSettings
from codeseq_ray.settings import JudgeSettings, Settings, fingerprint, load, sandbox_of


def test_flags_win_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("limit: 1\nseed: 1\nfamily-cap: 1\ncorrections: 4\n")
    monkeypatch.setenv("CODESEQ_SEED", "2")
    monkeypatch.setenv("CODESEQ_LIMIT", "2")
    settings = load(["--config", str(file), "--limit", "3"])
    assert (settings.limit, settings.seed, settings.family_cap, settings.corrections) == (3, 2, 1, 4)
    assert load([f"--config={file}"]).limit == 2


def test_without_anything_there_are_defaults() -> None:
    settings = load([])
    assert settings.agents == "builtin"
    assert settings.input is None


@pytest.mark.parametrize(
    "flags", [["--nonsense", "1"], ["--limit", "many"], ["--limit", "0"], ["--agents", "human"]]
)
def test_a_flag_that_cannot_be_used_is_an_error_that_names_it(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises((UsageError, SystemExit)) as caught:
        load(flags)
    assert flags[0] in f"{caught.value} {capsys.readouterr().err}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("limti: 3", "limti"),
        ("- a list", "list"),
        ("limit: {", "YAML"),
        ("limit: 0", "limit"),
        ("\udcff", "YAML"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_that_says_where(
    tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "run.yaml"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match=said):
        load(["--config", str(file)])


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.yaml"):
        load(["--config", str(tmp_path / "none.yaml")])


def test_an_unknown_name_in_the_environment_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODESEQ_LIMTI", "3")
    with pytest.raises(UsageError, match="CODESEQ_LIMTI"):
        load([])


def test_only_settings_that_change_a_row_change_the_fingerprint() -> None:
    def mark(*flags: str) -> str:
        return fingerprint(load(list(flags)).row_settings(), "digest")

    same = [
        ("--limit", "100"),
        ("--loop-actors-max", "9"),
        ("--log-seconds", "3"),
        ("--output", "elsewhere"),
        ("--run-id", "x"),
        ("--requests-in-flight", "7"),
    ]
    other = [("--seed", "1"), ("--min-terms", "12"), ("--cpu-seconds", "2"), ("--agents", "llm")]
    assert {mark(*flags) for flags in same} == {mark()}
    assert len({mark(*flags) for flags in other} | {mark()}) == len(other) + 1


def test_models_belong_to_the_fingerprint_only_where_models_work() -> None:
    for flags in (["--generator-model", "a"], ["--candidates", "3"], ["--no-agent-filter"]):
        assert load(flags).row_settings() == load([]).row_settings()
        assert load(["--agents", "llm", *flags]).row_settings() != load(["--agents", "llm"]).row_settings()
    with_model = load(["--agents", "llm", "--generator-model", "a"]).row_settings()
    assert with_model != load(["--agents", "llm", "--generator-model", "b"]).row_settings()


@pytest.mark.parametrize("schema", [Settings, JudgeSettings])
def test_every_setting_explains_itself(schema: type[Settings] | type[JudgeSettings]) -> None:
    assert [name for name, field in schema.model_fields.items() if not field.description] == []


def judge_settings(*flags: str) -> JudgeSettings:
    return load(["--input", "a.jsonl", "--output", "b", *flags], schema=JudgeSettings, program="judge.py")


def test_the_judge_has_its_own_settings_from_the_same_three_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "judge.yaml"
    file.write_text("input: rows\ncpu-seconds: 1\nmemory-mb: 100\nconfirm: false\n")
    monkeypatch.setenv("CODESEQ_MEMORY_MB", "200")
    monkeypatch.setenv("CODESEQ_CPU_SECONDS", "2")
    settings = load(
        ["--config", str(file), "--output", "b", "--cpu-seconds", "3"],
        schema=JudgeSettings,
        program="judge.py",
    )
    assert (settings.input, settings.cpu_seconds, settings.memory_mb) == ("rows", 3, 200)
    assert not settings.confirm
    assert judge_settings("--no-confirm").confirm is False
    assert judge_settings().confirm is True


def test_a_name_of_the_other_job_is_an_error_in_the_file_and_passed_over_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODESEQ_AGENTS", "llm")
    monkeypatch.setenv("CODESEQ_OVERWRITE", "true")
    assert judge_settings().overwrite
    assert load([]).agents == "llm"
    (tmp_path / "a.yaml").write_text("agents: llm\n")
    with pytest.raises(UsageError, match="agents"):
        judge_settings("--config", str(tmp_path / "a.yaml"))
    monkeypatch.setenv("CODESEQ_AGENST", "llm")
    with pytest.raises(UsageError, match="CODESEQ_AGENST"):
        judge_settings()


@pytest.mark.parametrize("missing", ["input", "output"])
def test_the_judge_says_which_setting_it_cannot_do_without(missing: str) -> None:
    given = [flag for name in ("input", "output") if name != missing for flag in (f"--{name}", "x")]
    with pytest.raises(UsageError, match=f"--{missing}"):
        load(given, schema=JudgeSettings, program="judge.py")


def test_only_settings_that_change_an_answer_count_for_the_judge() -> None:
    def mark(*flags: str) -> str:
        return fingerprint(judge_settings(*flags).row_settings(), "digest")

    same = [("--output", "c"), ("--log-seconds", "3"), ("--local-cpus", "2"), ("--overwrite",)]
    other = [
        ("--cpu-seconds", "1"),
        ("--program-cpu-seconds", "9"),
        ("--memory-mb", "99"),
        ("--output-bytes", "9"),
        ("--recursion", "99"),
        ("--no-confirm",),
        ("--allow-unconfined",),
        ("--profile", "scientific"),
    ]
    assert {mark(*flags) for flags in same} == {mark()}
    assert len({mark(*flags) for flags in other} | {mark()}) == len(other) + 1


def test_a_format_that_the_output_contradicts_is_refused() -> None:
    with pytest.raises(UsageError, match="--format parquet does not go with"):
        load(
            ["--input", "a", "--output", "b.jsonl", "--format", "parquet"], schema=JudgeSettings, program="x"
        )


def test_the_usual_profile_leaves_the_marks_of_older_runs_as_they_were() -> None:
    assert "profile" not in load([]).row_settings()
    assert load(["--profile", "scientific"]).row_settings()["profile"] == "scientific"


def test_the_sandbox_part_of_both_jobs_is_the_same_small_value() -> None:
    here = sandbox_of(load(["--profile", "scientific", "--seed", "3"]))
    there = sandbox_of(judge_settings("--profile", "scientific", "--memory-mb", "99"))
    assert type(here) is SandboxSettings
    assert here == there
    assert len({here, there, sandbox_of(load([]))}) == 2


def test_secrets_show_nowhere() -> None:
    settings = load(["--generator-api-key", "sk-secret"])
    assert "sk-secret" not in repr(settings)
    assert "sk-secret" not in str(settings.public())
    assert "generator_api_key" not in settings.public()

from __future__ import annotations

from pathlib import Path

import pytest

from codeseq_ray.errors import UsageError
from codeseq_ray.settings import Settings, fingerprint, load


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
    assert load(["--generator-model", "a"]).row_settings() == load([]).row_settings()
    with_model = load(["--agents", "llm", "--generator-model", "a"]).row_settings()
    assert with_model != load(["--agents", "llm", "--generator-model", "b"]).row_settings()


def test_every_setting_explains_itself() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_secrets_show_nowhere() -> None:
    settings = load(["--generator-api-key", "sk-secret"])
    assert "sk-secret" not in repr(settings)
    assert "sk-secret" not in str(settings.public())
    assert "generator_api_key" not in settings.public()

"""Settings of the endpoints: one URL or several from every source, and which of them change a row."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from codeseq_ray.errors import UsageError
from codeseq_ray.llm.roles import clients
from codeseq_ray.llm.settings import LLMSettings
from codeseq_ray.settings import load

KEY = SecretStr("sk-very-secret-0123456789")
TWO = ("http://a:8000/v1", "http://b:8000/v1")


def test_one_or_several_urls_come_from_flags_environment_and_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load(["--generator-url", "http://a:8000/v1/"]).generator_url == TWO[:1]
    assert load(["--generator-url", ",".join(TWO)]).generator_url == TWO
    assert load(["--generator-url", TWO[0], "--generator-url", TWO[1]]).generator_url == TWO
    monkeypatch.setenv("CODESEQ_VERIFIER_URL", " , ".join(TWO))
    assert load([]).verifier_url == TWO
    monkeypatch.setenv("CODESEQ_VERIFIER_URL", TWO[1])
    assert load([]).verifier_url == TWO[1:]
    file = tmp_path / "a.yaml"
    file.write_text(f"generator_url:\n  - {TWO[0]}\n  - {TWO[1]}\n")
    assert load(["--config", str(file)]).generator_url == TWO
    file.write_text(f"generator-url: {TWO[0]}, {TWO[1]}\n")
    assert load(["--config", str(file)]).generator_url == TWO


def test_the_same_url_twice_is_one_server() -> None:
    assert LLMSettings(generator_url=("http://a/v1", "http://a/v1/")).generator_url == ("http://a/v1",)


@pytest.mark.parametrize(
    "wrong", ["host:8000/v1", "ftp://host", "http://", "", "http://a/v1,", "http://a/v1?key=1"]
)
def test_a_wrong_url_is_refused_naming_its_setting(wrong: str) -> None:
    with pytest.raises(UsageError, match="--verifier-url"):
        load(["--verifier-url", wrong])


def test_no_url_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one URL"):
        LLMSettings(generator_url=())


def test_keys_stay_out_of_urls_and_reprs() -> None:
    with pytest.raises(ValueError, match="API key setting") as caught:
        LLMSettings(generator_url=("http://me:hidden@host/v1",))
    assert "hidden" not in str(caught.value.errors(include_input=False))  # type: ignore[attr-defined]
    settings = LLMSettings(generator_url=("http://host/v1/",), generator_api_key=KEY)
    assert KEY.get_secret_value() not in f"{settings!r} {settings.model_dump_json()}"


def test_clients_name_the_settings_that_are_missing() -> None:
    with pytest.raises(UsageError, match="--generator-model, --verifier-url"):
        clients(LLMSettings(generator_url=("http://host/v1",), verifier_model="m"))


def test_only_what_changes_a_row_is_marked() -> None:
    """Where the models are and how patiently they are asked may differ from one start of a run to the next."""
    row = {
        name
        for name, info in LLMSettings.model_fields.items()
        if isinstance(info.json_schema_extra, dict) and info.json_schema_extra.get("row")
    }
    changing = ("_model", "_revision", "_temperature", "_max_tokens")
    assert {name for name in LLMSettings.model_fields if name.endswith(changing)} <= row
    for name in ("generator_url", "requests_in_flight", "follow_engine_queue", "await_endpoints"):
        assert name not in row
    assert all(info.description for info in LLMSettings.model_fields.values())

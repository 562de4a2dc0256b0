"""Before a run: what may begin begins, with warnings; what cannot is refused in seconds, saying why."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Any

import pytest
from pydantic import SecretStr

from codeseq_ray.errors import EndpointRefusedError, UsageError
from codeseq_ray.llm.preflight import preflight
from codeseq_ray.llm.settings import LLMSettings

from .server import ModelServer, Weather

KEY = SecretStr("sk-very-secret-0123456789")
NOWHERE = "http://127.0.0.1:9/v1"


def settings_of(generator: list[str], verifier: list[str] | None = None, **other: Any) -> LLMSettings:
    given: dict[str, Any] = {
        "generator_url": generator,
        "verifier_url": verifier or generator,
        "generator_model": "generator",
        "verifier_model": "verifier",
        **other,
    }
    return LLMSettings(**given)


@pytest.mark.filterwarnings("error")
async def test_all_well_is_no_word_and_leaves_nothing_open() -> None:
    async with ModelServer().running() as server:
        assert await preflight(settings_of([server.url])) == ()
    assert [body["model"] for body in server.asked] == ["generator", "verifier"]
    assert all(body["max_tokens"] <= 16 and "response_format" in body for body in server.asked)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
    gc.collect()


async def test_one_server_of_a_role_is_enough_and_the_others_are_named() -> None:
    async with ModelServer().running() as server:
        warnings = await preflight(settings_of([server.url, NOWHERE], [server.url]))
    assert len(warnings) == 1
    assert NOWHERE in warnings[0]
    assert "no connection" in warnings[0]


async def test_nothing_that_answers_stops_the_run_unless_it_is_to_wait() -> None:
    async with ModelServer().running() as server:
        begun = time.monotonic()
        with pytest.raises(
            UsageError, match=f"verifier[\\s\\S]*{NOWHERE}[\\s\\S]*--await-endpoints"
        ) as caught:
            await preflight(settings_of([server.url], [NOWHERE]))
        assert time.monotonic() - begun < 12
        assert not isinstance(caught.value, EndpointRefusedError)
        warnings = await preflight(settings_of([server.url], [NOWHERE], await_endpoints=True))
    assert len(warnings) == 1
    assert NOWHERE in warnings[0]


async def test_a_server_that_is_starting_is_waited_for() -> None:
    async with ModelServer(starts_after=60).running() as server:
        warnings = await preflight(settings_of([server.url]))
    assert len(warnings) == 1
    assert "starting" in warnings[0]
    assert "503" in warnings[0]
    assert server.asked == []


async def test_a_server_that_is_ready_within_the_time_needs_no_warning() -> None:
    async with ModelServer(starts_after=0.8).running() as server:
        assert await preflight(settings_of([server.url])) == ()


async def test_a_model_that_is_not_there_is_refused_naming_those_that_are() -> None:
    async with ModelServer().running() as server:
        with pytest.raises(
            EndpointRefusedError, match=r"no-such-model[\s\S]*generator, verifier[\s\S]*--verifier-model"
        ):
            await preflight(settings_of([server.url], verifier_model="no-such-model"))
        with pytest.raises(EndpointRefusedError, match="no-such-model"):
            await preflight(settings_of([server.url], verifier_model="no-such-model", await_endpoints=True))


async def test_a_wrong_key_is_refused_without_showing_it() -> None:
    async with ModelServer(api_key="another").running() as server:
        with pytest.raises(EndpointRefusedError, match="CODESEQ_GENERATOR_API_KEY") as caught:
            await preflight(settings_of([server.url], generator_api_key=KEY, verifier_api_key=KEY))
    assert KEY.get_secret_value() not in f"{caught.value!r} {caught.value}"


async def test_a_server_without_schemas_is_a_warning() -> None:
    async with ModelServer(schemas=False).running() as server:
        warnings = await preflight(settings_of([server.url]))
    assert len(warnings) == 2
    assert all("does not take JSON schemas" in warning for warning in warnings)


async def test_a_server_that_pays_no_heed_to_schemas_is_a_warning() -> None:
    async with ModelServer(obeys_schemas=False, wordy=False).running() as server:
        warnings = await preflight(settings_of([server.url]))
    assert len(warnings) == 2
    assert all("does not keep to them" in warning for warning in warnings)


async def test_a_server_too_busy_to_answer_is_a_warning_within_ten_seconds() -> None:
    async with ModelServer(weather=Weather(hanging=1.0)).running() as server:
        begun = time.monotonic()
        warnings = await preflight(settings_of([server.url]))
        assert time.monotonic() - begun < 12
    assert len(warnings) == 2
    assert all("was not checked" in warning for warning in warnings)


async def test_one_model_in_both_roles_is_a_warning() -> None:
    async with ModelServer().running() as server:
        warnings = await preflight(settings_of([server.url], verifier_model="generator"))
    assert len(warnings) == 1
    assert "same model (generator)" in warnings[0]


async def test_a_server_without_a_list_is_a_warning() -> None:
    async with ModelServer(lists_models=False).running() as server:
        warnings = await preflight(settings_of([server.url]))
    assert len(warnings) == 2
    assert all("no list of models" in warning for warning in warnings)


async def test_missing_settings_are_named() -> None:
    with pytest.raises(UsageError, match="--generator-model, --verifier-url"):
        await preflight(LLMSettings(generator_url=("http://host/v1",), verifier_model="m"))


async def test_a_path_that_serves_nothing_is_refused_before_the_run() -> None:
    async with ModelServer().running() as server:
        with pytest.raises(EndpointRefusedError, match="mostly /v1"):
            await preflight(settings_of([server.url.removesuffix("/v1")]))

"""The client against a server that behaves like one, in fair and bad weather."""

from __future__ import annotations

import asyncio
import email.utils
import itertools
import logging
import pickle
import time
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import pytest

from codeseq_ray.errors import CapReachedError, EndpointRefusedError, InfrastructureError, UsageError
from codeseq_ray.llm import troubles
from codeseq_ray.llm.client import OpenAIChatClient
from codeseq_ray.llm.endpoint import Endpoint
from codeseq_ray.llm.roles import clients
from codeseq_ray.llm.settings import LLMSettings
from codeseq_ray.llm.troubles import SHOWN_CHARACTERS, BrokenAnswerError

from .asking import KEY, client_of, request
from .server import ModelServer, Weather


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Backoff of milliseconds; what the server asks for is kept."""
    monkeypatch.setattr(troubles, "FIRST_WAIT_SECONDS", 0.002)
    monkeypatch.setattr(troubles, "LONGEST_WAIT_SECONDS", 0.02)


async def test_the_answer_carries_what_the_server_said() -> None:
    async with ModelServer().running() as server:
        client = client_of(server)
        answers = [await client.chat(request(f"question {i}", max_tokens=100)) for i in range(30)]
        await client.close()
    for i, answer in enumerate(answers):
        assert answer.model == "generator"
        assert answer.completion_tokens == len(answer.text.split())
        assert answer.prompt_tokens == 2
        assert answer.attempts == 1
        assert 0 < answer.seconds < 20
        assert answer.finish_reason == ("length" if answer.completion_tokens == 100 else "stop"), i
        assert answer.reasoning == "" or answer.reasoning.endswith(answer.text.split()[0])
    assert {a.finish_reason for a in answers} == {"stop", "length"}
    assert any(a.reasoning for a in answers)
    assert all("seed" not in body for body in server.asked)


async def test_no_more_requests_are_out_than_allowed_and_the_bound_is_reached() -> None:
    async with ModelServer(slots=64).running() as server:
        client = client_of(server, in_flight=7)
        await asyncio.gather(*(client.chat(request(f"question {i}")) for i in range(80)))
        await client.close()
    assert server.most_open == 7
    assert server.listings == 1, "the list of models is asked for once"


async def test_two_roles_on_one_endpoint_share_its_slots() -> None:
    async with ModelServer(slots=64).running() as server:
        settings = LLMSettings(
            generator_url=(server.url,),
            verifier_url=(server.url + "/",),
            generator_model="generator",
            verifier_model="verifier",
            requests_in_flight=5,
        )
        pair = clients(settings)
        answers = await asyncio.gather(*(pair[i % 2].chat(request(f"question {i}")) for i in range(40)))
        await asyncio.gather(*(client.close() for client in pair))
    assert server.most_open == 5
    assert Counter(a.model for a in answers) == {"generator": 20, "verifier": 20}


@pytest.mark.usefixtures("quick")
async def test_in_bad_weather_nothing_is_lost_and_every_retry_is_counted() -> None:
    weather = Weather(
        busy=0.15,
        error=0.1,
        dropped=0.1,
        broken=0.05,
        not_json=0.05,
        aborted=0.05,
        blank=0.05,
        faults_per_request=5,
    )
    async with ModelServer(weather=weather, slots=32).running() as server:
        client = client_of(server, in_flight=16, retries=5)
        answers = await asyncio.gather(*(client.chat(request(f"question {i}")) for i in range(200)))
        await client.close()
    assert len(answers) == 200
    assert server.most_open <= 16
    assert sum(a.attempts for a in answers) == len(server.asked)
    assert all(len(a.text) >= 12 for a in answers), "a piece is no answer"
    for name in ("busy", "error", "dropped", "broken", "not_json", "aborted", "blank"):
        assert server.outcomes[name] > 0, name
    assert server.outcomes["answered"] == 200


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("fault", "tries"),
    [("error", 4), ("broken", 4), ("not_json", 4), ("aborted", 4), ("blank", 4), ("busy", 13)],
)
async def test_retries_end_in_infrastructure_trouble_after_their_bound(fault: str, tries: int) -> None:
    always: dict[str, Any] = {fault: 1.0}
    async with ModelServer(weather=Weather(**always)).running() as server:
        client = client_of(server, retries=3)
        with pytest.raises(InfrastructureError, match=f"after {tries} tries") as caught:
            await client.chat(request())
        await client.close()
    assert len(server.asked) == tries
    assert server.url in str(caught.value)
    assert not isinstance(caught.value, UsageError)


async def test_retry_after_in_seconds_is_honoured() -> None:
    weather = Weather(busy=1.0, retry_after="0.4", faults_per_request=2)
    async with ModelServer(weather=weather).running() as server:
        client = client_of(server)
        answers = await asyncio.gather(*(client.chat(request(f"question {i}")) for i in range(10)))
        await client.close()
    assert {a.attempts for a in answers} == {3}
    times: defaultdict[str, list[float]] = defaultdict(list)
    for digest, at in server.arrivals:
        times[digest].append(at)
    gaps = [later - at for of in times.values() for at, later in itertools.pairwise(of)]
    assert len(gaps) == 20
    assert min(gaps) >= 0.4
    assert len({round(gap, 3) for gap in gaps}) > 5, "clients that failed together return apart"


def test_retry_after_is_read_as_seconds_or_as_a_date() -> None:
    soon = email.utils.formatdate(time.time() + 60, usegmt=True)
    assert troubles.retry_after({"retry-after": "7"}) == 7
    assert 57 <= (troubles.retry_after({"retry-after": soon}) or 0) <= 61
    past = email.utils.formatdate(time.time() - 60, usegmt=True)
    assert troubles.retry_after({"retry-after": past}) == 0
    for unreadable in ("", "soon", "nan", "inf", "1e999"):
        assert troubles.retry_after({"retry-after": unreadable}) is None, unreadable


def test_the_wait_grows_within_its_span_and_never_undercuts_the_server() -> None:
    for retry in range(1, 12):
        span = min(troubles.LONGEST_WAIT_SECONDS, troubles.FIRST_WAIT_SECONDS * 2 ** (retry - 1))
        plain = troubles.Trouble(troubles.Kind.SERVER, "")
        waits = [troubles.wait_before_retry(plain, retry) for _ in range(200)]
        assert max(waits) <= span
        assert max(waits) > span / 2 > min(waits)
        asked = troubles.Trouble(troubles.Kind.BUSY, "", retry_after=3.0)
        assert min(troubles.wait_before_retry(asked, retry) for _ in range(50)) >= 3.0


@pytest.mark.usefixtures("quick")
async def test_a_time_out_is_tried_once_more_only_and_the_server_is_told_to_stop() -> None:
    async with ModelServer(weather=Weather(hanging=1.0)).running() as server:
        client = client_of(server, timeout=0.3, retries=5)
        with pytest.raises(InfrastructureError, match="time-out"):
            await client.chat(request())
        await asyncio.sleep(0.2)
        assert len(server.asked) == 2
        assert server.abandoned == 2, "an abandoned request must not go on paying for tokens"
        await client.close()


@pytest.mark.usefixtures("quick")
async def test_a_dropped_connection_is_not_taken_for_a_time_out() -> None:
    async with ModelServer(weather=Weather(dropped=1.0, faults_per_request=4)).running() as server:
        client = client_of(server, retries=5)
        answer = await client.chat(request())
        await client.close()
    assert answer.attempts == 5


@pytest.mark.parametrize("listing", [True, False])
async def test_a_refused_key_stops_at_once_and_stays_secret(
    listing: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with ModelServer(api_key="another", lists_models=listing).running() as server:
        client = client_of(server, key=KEY)
        with pytest.raises(EndpointRefusedError) as caught:
            await client.chat(request())
        await client.close()
    assert server.listings + len(server.asked) == 1
    shown = f"{caught.value!r} {caught.value} {client!r} {vars(client.pool.servers[0].endpoint)}"
    assert server.url in str(caught.value)
    assert "API_KEY" in str(caught.value)
    assert KEY.get_secret_value() not in shown + caplog.text


async def test_an_unknown_model_stops_at_once_and_says_where_to_look() -> None:
    async with ModelServer().running() as server:
        client = client_of(server, "genrator")
        with pytest.raises(EndpointRefusedError, match=r"genrator[\s\S]*/v1/models"):
            await client.chat(request())
        await client.close()
    assert len(server.asked) == 1


async def test_the_right_key_is_sent() -> None:
    async with ModelServer(api_key=KEY.get_secret_value()).running() as server:
        client = client_of(server, key=KEY)
        assert (await client.chat(request())).text
        await client.close()


async def test_a_server_without_schemas_is_asked_without_them_from_then_on() -> None:
    async with ModelServer(schemas=False).running() as server:
        client = client_of(server)
        first = await client.chat(request("one", schema={"type": "object"}))
        second = await client.chat(request("two", schema={"type": "object"}))
        await client.close()
    assert (first.attempts, second.attempts) == (2, 1)
    assert ["response_format" in body for body in server.asked] == [True, False, False]


async def test_a_server_with_schemas_is_given_them() -> None:
    async with ModelServer().running() as server:
        client = client_of(server)
        await client.chat(request("one", schema={"type": "object"}))
        await client.close()
    assert server.asked[0]["response_format"]["json_schema"]["schema"] == {"type": "object"}


def test_a_client_serves_one_event_loop_after_another_and_can_be_sent_before_use() -> None:
    """Actors get the client made elsewhere, and run it on a loop of their own."""

    async def ask(server: ModelServer) -> str:
        async with server.running():
            answer = await client.chat(request())
            await client.close()
            return answer.text

    server = ModelServer(port=_free_port())
    client: OpenAIChatClient = pickle.loads(pickle.dumps(client_of(server)))
    assert asyncio.run(ask(server)) == asyncio.run(ask(server)) != ""


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def test_rows_name_model_and_revision_and_the_wire_the_bare_name() -> None:
    async with ModelServer().running() as server:
        client = client_of(server, revision="abc123")
        answer = await client.chat(request())
        await client.close()
    assert client.model == answer.model == "generator@abc123"
    assert server.asked[0]["model"] == "generator"


async def test_a_model_that_answers_under_another_name_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async with ModelServer(echoes="somebody-else").running() as server:
        client = client_of(server)
        answers = [await client.chat(request(f"question {i}")) for i in range(3)]
        await client.close()
    assert {answer.model for answer in answers} == {"generator"}
    assert caplog.text.count("somebody-else") == 1


async def test_tokens_from_the_cache_and_of_thoughts_are_counted() -> None:
    async with ModelServer(counts_details=True).running() as server:
        client = client_of(server)
        answers = [await client.chat(request(f"some longer question {i}")) for i in range(20)]
        await client.close()
    assert all(answer.cached_tokens == answer.prompt_tokens - 1 for answer in answers)
    assert all(bool(answer.reasoning_tokens) == bool(answer.reasoning) for answer in answers)
    assert any(answer.reasoning_tokens for answer in answers)


async def test_sample_and_attempt_stay_at_home() -> None:
    async with ModelServer().running() as server:
        client = client_of(server)
        await client.chat(request())
        await client.chat(replace(request(), sample=3, attempt=2))
        await client.close()
    assert server.asked[0] == server.asked[1]


@pytest.mark.parametrize("said", ["null", "[]", "1", '"x"', "{}", '{"data": null}', '{"data": {}}'])
async def test_what_is_no_list_of_models_is_a_broken_answer(said: str) -> None:
    async with ModelServer(lists=said).running() as server:
        endpoint = Endpoint(server.url)
        with pytest.raises(BrokenAnswerError):
            await endpoint.models()
        await endpoint.close()


async def test_strange_entries_of_a_list_of_models_are_passed_over() -> None:
    said = (
        '{"data": [null, 1, "x", {"id": 3}, {"id": "m", "metadata": 7}, {"id": "n", "max_model_len": "9"}]}'
    )
    async with ModelServer(lists=said).running() as server:
        endpoint = Endpoint(server.url)
        assert await endpoint.models() == {"m": None, "n": None}
        await endpoint.close()


def test_no_part_of_a_key_is_shown_wherever_a_long_text_is_cut() -> None:
    secret = KEY.get_secret_value()
    endpoint = Endpoint("http://127.0.0.1:1/v1", KEY)
    for before in range(SHOWN_CHARACTERS - 2 * len(secret), SHOWN_CHARACTERS + 5):
        trouble = troubles.recognise(OSError("x" * before + secret + " is wrong. " * 40))
        assert trouble is not None
        shown = endpoint.public(trouble.text)
        assert len(shown) <= SHOWN_CHARACTERS
        assert secret[:4] not in shown


@pytest.mark.usefixtures("quick")
async def test_leave_is_asked_for_before_every_request_and_with_the_slot_in_hand() -> None:
    weather = Weather(busy=0.2, error=0.2, faults_per_request=3)
    asked = 0

    def before_sending() -> None:
        nonlocal asked
        assert 1 <= client.pool.servers[0].limit.open <= 4
        # What is asked for now has not been sent yet.
        assert len(server.asked) <= asked
        asked += 1

    async with ModelServer(weather=weather).running() as server:
        client = client_of(server, in_flight=4, before_sending=before_sending)
        answers = await asyncio.gather(*(client.chat(request(f"question {i}")) for i in range(40)))
        await client.close()
    assert asked == len(server.asked) == sum(answer.attempts for answer in answers) > 40


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("allowed", [0, 2])
async def test_a_leave_that_is_refused_reaches_the_caller_and_gives_the_slot_back(allowed: int) -> None:
    left = allowed

    def before_sending() -> None:
        nonlocal left
        if not left:
            raise CapReachedError("no more requests")
        left -= 1

    async with ModelServer(weather=Weather(error=1.0)).running() as server:
        client = client_of(server, in_flight=1, before_sending=before_sending)
        for _ in range(2):
            with pytest.raises(CapReachedError, match="no more requests"):
                await asyncio.wait_for(client.chat(request()), 20)
            assert client.pool.servers[0].limit.open == 0
        await client.close()
    assert len(server.asked) == allowed

"""A model server for tests: `python -m tests.model_server --port 8100 --slots 64 --log requests.jsonl …`

It prints `serving URL …` once it listens, tells at /stats what it was asked and how full it was (POST /stats/reset
begins anew), and ends with SIGTERM or SIGINT. For benchmarks: `--latency lognormal --answers fill`.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import functools
import signal
from collections.abc import Sequence
from typing import Any

from tests.model_server.answers import Skill
from tests.model_server.engine import Batching, LogNormal
from tests.model_server.protocol import Manners
from tests.model_server.server import ModelServer
from tests.model_server.weather import Outage, Weather


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m tests.model_server",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--port", type=int, default=8100, help="of the first replica; 0: any")
    made.add_argument(
        "--replicas", type=int, default=1, help="servers on ports in a row, with common statistics"
    )
    made.add_argument("--slots", type=int, default=64, help="of each replica")
    made.add_argument("--models", default="generator,verifier")
    made.add_argument("--context", type=int, default=8192, help="max_model_len; 0: not told, not checked")
    made.add_argument("--api-key", default="")
    made.add_argument("--schemas", choices=("follow", "ignore", "refuse"), default="follow")
    made.add_argument("--no-list", action="store_true", help="/v1/models answers 404")
    made.add_argument("--revoked-after", type=int, help="answers, after which any key is refused (401)")
    made.add_argument("--log", help="file for every chat request, a JSON line each")
    made.add_argument(
        "--answers", choices=("think", "fill"), default="think", help="fill: any shape, at once"
    )
    made.add_argument(
        "--same-again", action="store_true", help="what is asked twice is answered alike, not drawn anew"
    )
    made.add_argument("--cache-blocks", type=int, default=1 << 14, help="of the prefix cache, 16 tokens each")

    pace = made.add_argument_group("latency")
    pace.add_argument("--latency", choices=("batching", "lognormal"), default="batching")
    pace.add_argument("--median", type=float, default=0.5, help="lognormal: seconds")
    pace.add_argument("--sigma", type=float, default=0.8, help="lognormal")
    pace.add_argument("--first-token", type=float, default=0.01, help="batching: seconds")
    pace.add_argument("--per-prompt-token", type=float, default=0.0, help="batching: seconds")
    pace.add_argument("--per-token", type=float, default=0.0002, help="batching: seconds, for one alone")
    pace.add_argument(
        "--crowding", type=float, default=0.02, help="batching: slower by this share per other one"
    )

    weather = made.add_argument_group("weather: shares of requests")
    for name in ("busy", "error", "dropped", "broken", "hanging"):
        weather.add_argument(f"--{name}", type=float, default=0.0)
    weather.add_argument("--retry-after", default="0", help="seconds, said with 429")
    weather.add_argument("--most-faults", type=int, help="of one request")

    hours = made.add_argument_group("hours: seconds")
    hours.add_argument("--refused-for", type=float, default=0.0, help="nobody listens at first")
    hours.add_argument("--loading-for", type=float, default=0.0, help="after that, 503")
    hours.add_argument("--down-for", type=float, default=0.0)
    hours.add_argument(
        "--down-after", type=int, default=0, help="answers, of all replicas, before it goes down"
    )
    hours.add_argument("--down-replica", type=int, help="whose hours these are, from 0; default: all")

    skill = made.add_argument_group("skill: shares of right answers, and of texts that go wrong")
    for field in dataclasses.fields(Skill):
        flag = "--skill-" + field.name.replace("_", "-")
        if field.type == "bool":
            skill.add_argument(flag, action="store_true")
        else:
            skill.add_argument(flag, type=float, default=field.default)
    return made


def server(argv: Sequence[str] | None = None) -> ModelServer:
    given = parser().parse_args(argv)
    values: dict[str, Any] = vars(given)

    def taken(kind: type[Any], prefix: str = "") -> Any:
        names = [f.name for f in dataclasses.fields(kind)]
        return kind(**{name: values[prefix + name] for name in names if prefix + name in values})

    who = range(given.replicas) if given.down_replica is None else [given.down_replica]
    return ModelServer(
        port=given.port,
        replicas=given.replicas,
        slots=given.slots,
        pace=functools.partial(LogNormal, given.median, given.sigma)
        if given.latency == "lognormal"
        else functools.partial(
            Batching, given.first_token, given.per_prompt_token, given.per_token, given.crowding
        ),
        manners=Manners(
            models=tuple(given.models.split(",")),
            context=given.context or None,
            api_key=given.api_key,
            schemas=given.schemas,
            lists_models=not given.no_list,
            revoked_after=given.revoked_after,
        ),
        skill=taken(Skill, "skill_"),
        thinks=given.answers == "think",
        same_again=given.same_again,
        weather=taken(Weather),
        outages=dict.fromkeys(who, taken(Outage)),
        cache_blocks=given.cache_blocks,
        log=given.log,
    )


async def serve(made: ModelServer) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with made.running():
        print("serving " + " ".join(made.urls), flush=True)
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(serve(server()))

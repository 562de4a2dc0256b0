"""One model server, or several replicas of it on ports in a row, with the hours at which they are away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from tests.model_server.accounts import Accounts, Log
from tests.model_server.answers import Skill, StandIn
from tests.model_server.draws import Turns
from tests.model_server.engine import Batching, Engine, Pace
from tests.model_server.protocol import Manners, Replica, Shared
from tests.model_server.tokens import PrefixCache
from tests.model_server.weather import Outage, Sky, Weather


@dataclass
class ModelServer:
    """`async with ModelServer(...).running() as server` serves at `server.urls`; `server.shared.accounts` counts."""

    port: int = 0
    """Of the first replica; the others follow. 0: any that are free."""
    replicas: int = 1
    slots: int = 64
    """Of each replica."""
    pace: Callable[[], Pace] = Batching
    manners: Manners = field(default_factory=Manners)
    skill: Skill = field(default_factory=Skill)
    thinks: bool = True
    same_again: bool = False
    """The same question gets the same answer, however often it is asked."""
    weather: Weather = field(default_factory=Weather)
    outages: dict[int, Outage] = field(default_factory=dict)
    """By number of the replica, from 0."""
    cache_blocks: int = 1 << 14
    log: str | Path | None = None

    shared: Shared = field(init=False)
    served: list[Replica] = field(init=False, default_factory=list)

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(f"http://127.0.0.1:{replica.port}/v1" for replica in self.served)

    @property
    def url(self) -> str:
        return self.urls[0]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[ModelServer]:
        self.shared = Shared(
            accounts=Accounts(self.slots * self.replicas),
            log=Log(self.log),
            stand_in=StandIn(self.skill, thinks=self.thinks),
            sky=Sky(self.weather),
            turns=Turns(same_again=self.same_again),
        )
        listeners: list[_Listener] = []
        hours: list[asyncio.Task[None]] = []
        try:
            for number in range(self.replicas):
                engine = Engine(self.slots, self.pace(), self.shared.accounts)
                replica = Replica(self.manners, engine, self.shared, PrefixCache(self.cache_blocks))
                listener = _Listener(replica, self.port + number if self.port else 0)
                listeners.append(listener)
                self.served.append(replica)
                outage = self.outages.get(number, Outage())
                replica.loading = outage.loading_for > 0
                await listener.open()
                if outage.refused_for:
                    await listener.shut()
                hours.append(asyncio.create_task(_keep_hours(listener, outage, self.shared.accounts)))
            yield self
        finally:
            for task in hours:
                task.cancel()
            await asyncio.gather(*hours, return_exceptions=True)
            for listener in listeners:
                await listener.shut()
            self.shared.log.close()


class _Listener:
    """A replica's port, which may be open or shut. Shut: connections are reset, new ones refused."""

    def __init__(self, replica: Replica, port: int) -> None:
        self.replica, self.port = replica, port
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        # One app serves one runner only; a replica keeps its handlers over all of them.
        app = web.Application(client_max_size=64 << 20)
        app.add_routes(self.replica.routes)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, backlog=1024, reuse_address=True).start()
        self.port = self.replica.port = self._runner.addresses[0][1]

    async def shut(self) -> None:
        runner, self._runner = self._runner, None
        if runner is None:
            return
        for site in list(runner.sites):
            await site.stop()
        if runner.server is not None:
            for connection in runner.server.connections:
                if connection.transport is not None:
                    connection.transport.abort()
        await runner.cleanup()


async def _keep_hours(listener: _Listener, outage: Outage, accounts: Accounts) -> None:
    await asyncio.sleep(outage.refused_for)
    if outage.refused_for:
        await listener.open()
    await asyncio.sleep(outage.loading_for)
    listener.replica.loading = False
    if outage.down_for:
        await accounts.answers(outage.down_after).wait()
        await listener.shut()
        await asyncio.sleep(outage.down_for)
        await listener.open()

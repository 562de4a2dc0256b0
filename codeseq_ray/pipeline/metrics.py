"""A run's figures for Prometheus, through Ray's own exporter on every node (docs/metrics.md lists them).

Names do not change from one version to the next without a word in the changelog. What OpenTelemetry has a name for in
its conventions for generative AI is called by it (`gen_ai.client.…`, with underscores). Ray puts `ray_` before all
names and adds tags of its own (node, worker), so that sums over a tag are sums over actors.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, wraps
from typing import ParamSpec

from ray.util.metrics import Counter, Gauge, Histogram

from codeseq_ray.errors import CodeseqError
from codeseq_ray.llm.health import State
from codeseq_ray.llm.pool import Pool
from codeseq_ray.llm.troubles import Trouble
from codeseq_ray.ports import ChatAnswer, ExecutionReport
from codeseq_ray.records import Outcome, VerdictKind
from codeseq_ray.store.segments import Recorded
from codeseq_ray.watching.tally import Tally, kind_of

# As OpenTelemetry advises for these two histograms, up to what programs with long thoughts take.
_TOKENS = [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0]
_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640, 1280]


log = logging.getLogger(__name__)

P = ParamSpec("P")


def _harmless(hook: Callable[P, None]) -> Callable[P, None]:
    """What only counts must not end the work that it counts."""

    @wraps(hook)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            hook(*args, **kwargs)
        except Exception:
            log.exception("a metric could not be told")

    return guarded


def _tag(text: str) -> str:
    """A tag's value as Ray can send it: in ASCII."""
    return text.encode("ascii", "backslashreplace").decode()


@dataclass(frozen=True)
class Kept:
    """How an actor's writing stands; totals since it began, but for the first two."""

    unwritten: int = 0
    """Outcomes and answers that nobody else can see yet."""
    lag_seconds: float = 0.0
    """How long the oldest outcome among them has waited."""
    segments: int = 0
    retries: int = 0
    """Of the store's operations, tries after failed ones."""


@dataclass
class Figures:
    """What one actor of a run counts. Used on the actor's event loop; fills `llm.observing.Observer`."""

    run: str
    tally: Tally = field(default_factory=Tally)
    """Counts the same for the driver's eyes."""
    _kept: Kept = Kept()

    def __post_init__(self) -> None:
        def counter(name: str, said: str, *tags: str) -> Counter:
            return Counter(f"codeseq_{name}", said, tag_keys=("run", *tags))

        def gauge(name: str, said: str, *tags: str) -> Gauge:
            return Gauge(f"codeseq_{name}", said, tag_keys=("run", *tags))

        at = ("role", "endpoint")
        asked = ("run", *at, "gen_ai_operation_name", "gen_ai_request_model")
        self._outcomes = counter(
            "outcomes", "Sequences or rollouts brought to an outcome", "outcome", "stage", "reason"
        )
        self._rounds = counter("accepted", "Accepted sequences by corrections", "rounds")
        self._replayed = counter("llm_replayed", "Answers read from the response cache", "stage")
        self._requests = counter("llm_requests", "Requests sent to models", *at, "result")
        self._tokens = counter("llm_tokens", "Tokens of answered requests", *at, "kind")
        # Ray reckons a histogram's sum from its buckets: what is to be exact has a counter.
        self._usage = Histogram(
            "gen_ai_client_token_usage", "Tokens of a request", _TOKENS, (*asked, "gen_ai_token_type")
        )
        self._seconds = Histogram(
            "gen_ai_client_operation_duration_seconds",
            "Seconds of a request",
            _SECONDS,
            (*asked, "error_type"),
        )
        self._in_flight = gauge("llm_in_flight", "Requests out at a model server", *at)
        self._limit = gauge("llm_limit", "Requests that may be out at it", *at)
        self._up = gauge("llm_up", "1 while the server answers", *at)
        self._waiting = gauge("llm_waiting", "Requests that wait for a slot", "role")
        self._open = gauge("open", "Sequences or problems that are being worked on")
        self._ran = counter("sandbox_runs", "Runs of a program on an input", "result")
        self._cpu = counter("sandbox_cpu_seconds", "CPU seconds of these programs")
        self._backlog = gauge("backlog", "Fits and programs without a result", "kind")
        self._puts = counter("ledger_segments", "Ledger segments written")
        self._retries = counter("store_retries", "Further tries at the store")
        self._unwritten = gauge("ledger_unwritten", "Outcomes and answers not stored yet")
        self._lag = gauge("ledger_lag_seconds", "Age of the oldest outcome not stored yet")

    # ------------------------------------------------------------------------------------------ what happens

    @_harmless
    def outcome(self, record: Recorded) -> None:
        accepted = record.outcome is Outcome.ACCEPTED
        self._outcomes.inc(
            1,
            {
                "run": self.run,
                "outcome": record.outcome.value,
                "stage": "" if accepted else record.stage.value,
                "reason": record.reason,
            },
        )
        if accepted:
            self._rounds.inc(1, {"run": self.run, "rounds": str(record.corrections)})
        for call in record.calls:
            if call.replayed:
                self._replayed.inc(1, {"run": self.run, "stage": call.stage})

    @_harmless
    def replied(
        self, role: str, url: str, model: str, reply: ChatAnswer | Trouble | None, seconds: float
    ) -> None:
        self.tally.replied(role, url, reply)
        at = {"run": self.run, "role": role, "endpoint": _tag(url)}
        result = kind_of(reply)
        self._requests.inc(1, {**at, "result": result})
        asked = {**at, "gen_ai_operation_name": "chat", "gen_ai_request_model": _tag(model)}
        answered = isinstance(reply, ChatAnswer)
        self._seconds.observe(max(seconds, 1e-6), {**asked, "error_type": "" if answered else result})
        if isinstance(reply, ChatAnswer):
            for kind, tokens in (("input", reply.prompt_tokens), ("output", reply.completion_tokens)):
                if tokens:
                    self._tokens.inc(tokens, {**at, "kind": kind})
                    self._usage.observe(tokens, {**asked, "gen_ai_token_type": kind})

    def serves(self, pool: Pool) -> None:
        self.tally.pools.append(pool)

    @_harmless
    def ran(self, result: ExecutionReport | CodeseqError) -> None:
        self.tally.ran(result)
        if not isinstance(result, ExecutionReport):
            self._ran.inc(1, {"run": self.run, "result": VerdictKind.INFRASTRUCTURE.value})
            return
        for run in result.runs:
            self._ran.inc(1, {"run": self.run, "result": run.kind.value})
        if (seconds := sum(run.cpu_ms for run in result.runs) / 1000) > 0:
            self._cpu.inc(seconds, {"run": self.run})

    def watch_backlog(self, kind: str, backlog: Callable[[], int]) -> None:
        self.tally.backlogs[kind] = backlog

    # ------------------------------------------------------------------------------------------- how it stands

    @_harmless
    def tell(self, open_rows: int, kept: Kept) -> None:
        """Set the gauges; called every second."""
        run = {"run": self.run}
        self._open.set(open_rows, run)
        for kind, backlog in self.tally.backlogs.items():
            self._backlog.set(backlog(), {**run, "kind": kind})
        for pool in self.tally.pools:
            self._waiting.set(pool.waiting, {**run, "role": pool.role})
            for server in pool.servers:
                at = {**run, "role": pool.role, "endpoint": _tag(server.endpoint.url)}
                self._in_flight.set(server.limit.open, at)
                self._limit.set(server.limit.bound, at)
                self._up.set(float(server.health.state is State.UP), at)
        self._unwritten.set(kept.unwritten, run)
        self._lag.set(kept.lag_seconds, run)
        for total, now, before in (
            (self._puts, kept.segments, self._kept.segments),
            (self._retries, kept.retries, self._kept.retries),
        ):
            if now > before:
                total.inc(now - before, run)
        self._kept = kept


@cache
def zygotes_lost() -> Counter:
    """Of the sandboxes of one worker: warm interpreters that died under a program and were replaced."""
    return Counter("codeseq_sandbox_zygotes_lost", "Warm interpreters that died and were replaced")

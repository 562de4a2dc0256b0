"""A server of the OpenAI chat protocol with a fixed number of slots, made to cost little and to keep account.

    python -m benchmarks.occupancy.server --slots 64 --expect 3549

Events go to stdout as JSON lines: where it listens, the first call, the last of the expected calls, and, when stdin
is closed, the account. Requests beyond the slots wait in order of arrival, as in an engine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

from benchmarks.occupancy.workload import MODEL, Workload, answer, marked

MODELS = {
    "object": "list",
    "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "benchmark", "max_model_len": 32768}],
}


@dataclass
class Call:
    """One request for a (record, round); times by the monotonic clock."""

    record: int
    round: int
    arrived: float
    connection: Connection
    started: float = 0.0
    ended: float = 0.0
    delivered: bool = False


class Slots:
    """The engine: runs at most `count` calls at a time and writes down when."""

    def __init__(self, count: int, work: Workload, expected: int) -> None:
        self.count, self.work, self.expected = count, work, expected
        self.free = count
        self.waiting: deque[Call] = deque()
        self.calls: list[Call] = []
        self.answered: set[tuple[int, int]] = set()
        self.other_requests: Counter[str] = Counter()
        self.most_waiting = 0

    def arrive(self, call: Call) -> None:
        if not self.calls:
            tell("first")
        self.calls.append(call)
        if self.free:
            self._start(call)
        else:
            self.waiting.append(call)
            self.most_waiting = max(self.most_waiting, len(self.waiting))

    def _start(self, call: Call) -> None:
        self.free -= 1
        call.started = time.monotonic()
        # From the start on, not from this line's end: the loop's own delay is not the call's latency.
        asyncio.get_running_loop().call_at(
            call.started + self.work.seconds(call.record, call.round), self._end, call
        )

    def _end(self, call: Call) -> None:
        call.ended = time.monotonic()
        again = self.work.again(call.record, call.round)
        call.delivered = call.connection.send(completion(answer(call.record, call.round, again)))
        self.free += 1
        if self.waiting:
            self._start(self.waiting.popleft())
        if call.delivered:
            before = len(self.answered)
            self.answered.add((call.record, call.round))
            if before < len(self.answered) == self.expected:
                tell("complete")

    def account(self) -> dict[str, Any]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "calls": [
                [call.record, call.round, call.arrived, call.started, call.ended, call.delivered]
                for call in self.calls
            ],
            "other_requests": dict(self.other_requests),
            "most_waiting": self.most_waiting,
            "cpu_seconds": used.ru_utime + used.ru_stime,
        }


class Connection(asyncio.Protocol):
    """One connection: requests one after another, parsed by hand."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None

    def send(self, response: bytes) -> bool:
        """False: the client has gone."""
        if self._transport is None or self._transport.is_closing():
            return False
        self._transport.write(response)
        return True

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        while (head_end := received.find(b"\r\n\r\n")) >= 0:
            head = bytes(received[:head_end])
            length = _content_length(head)
            end = head_end + 4 + length
            if len(received) < end:
                return
            body = bytes(received[head_end + 4 : end])
            del received[:end]
            self._handle(head, body)

    def _handle(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"POST /v1/chat/completions"):
            found = marked(body)
            if found:
                self._slots.arrive(Call(*found, time.monotonic(), self))
            else:  # a health check, or a question for the server's limits
                self._slots.other_requests["chat without a record"] += 1
                self.send(completion("ready"))
        elif head.startswith(b"GET /v1/models"):
            self._slots.other_requests["models"] += 1
            self.send(response("200 OK", MODELS))
        else:
            self._slots.other_requests[head.split(b"\r\n", 1)[0].decode("latin-1")] += 1
            self.send(response("404 Not Found", {"error": {"message": "not found", "code": 404}}))


def _content_length(head: bytes) -> int:
    at = head.lower().find(b"\r\ncontent-length:")
    return int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def completion(text: str) -> bytes:
    """A chat completion as engines answer it, `usage` included."""
    return response(
        "200 OK",
        {
            "id": "chatcmpl-0",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": MODEL,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 400, "completion_tokens": 250, "total_tokens": 650},
        },
    )


def response(status: str, content: dict[str, Any]) -> bytes:
    body = json.dumps(content).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def tell(event: str, **facts: Any) -> None:
    print(json.dumps({"event": event, **facts}), flush=True)


async def serve(slots: Slots) -> None:
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Connection(slots), "127.0.0.1", 0, backlog=1024)
    tell("listening", port=listening.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, sys.stdin.read)  # until the benchmark closes it
    tell("account", **slots.account())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument(
        "--expect", type=int, required=True, help="different calls that make the work complete"
    )
    parser.add_argument("--chance", type=float, default=Workload.chance)
    parser.add_argument("--seed", type=int, default=Workload.seed)
    given = parser.parse_args()
    asyncio.run(serve(Slots(given.slots, Workload(chance=given.chance, seed=given.seed), given.expect)))


if __name__ == "__main__":
    main()

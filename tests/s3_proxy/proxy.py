"""The proxy itself. It passes the client's Host on unchanged, because S3 signatures cover it.

Below `/-/`, which no bucket can be named, it listens to commands:

    GET  /-/counts                                                        what it did so far
    POST /-/command   {"trouble": "busy", "times": 3, "method": "PUT", "target": "/ledger/"}
    POST /-/shares    {"seed": 1, "shares": {"busy": 0.05, "unanswered": 0.02}}
"""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from tests.s3_proxy.troubles import Asked, Trouble, Troubles

REMEMBERED = 8
"""Answers to one listing, the oldest of which is served as a stale one."""
UPSTREAM_SECONDS = 120.0
_OWN_HEADERS = {"connection", "content-length", "expect", "keep-alive", "transfer-encoding"}
_ERRORS = {
    Trouble.BUSY: (503, "SlowDown"),
    Trouble.FAILED: (500, "InternalError"),
    Trouble.FAILED_AFTER: (500, "InternalError"),
    Trouble.CONFLICT: (409, "ConditionalRequestConflict"),
}


class S3Proxy:
    """Serves on 127.0.0.1 while it is entered; `port` 0 takes a free one."""

    def __init__(
        self,
        upstream: str,
        *,
        port: int = 0,
        shares: Mapping[Trouble, float] | None = None,
        seed: int = 0,
        delay_seconds: float = 1.0,
    ) -> None:
        parts = urlsplit(upstream)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"not the address of an S3 server: {upstream!r} (http://host:port)")
        self.troubles = Troubles(dict(shares or {}), seed)
        self.delay_seconds = delay_seconds
        self._upstream = parts.hostname, parts.port or 80
        self._listings: dict[str, deque[_Answer]] = {}
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, name="s3-proxy", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> S3Proxy:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(*self._upstream, timeout=UPSTREAM_SECONDS)

    def remember(self, target: str, answer: _Answer) -> None:
        with self._lock:
            self._listings.setdefault(target, deque(maxlen=REMEMBERED)).append(answer)

    def earlier(self, target: str) -> _Answer | None:
        with self._lock:
            remembered = self._listings.get(target)
            return remembered[0] if remembered else None


class _Answer:
    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is its own affair."""


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client, with a connection of its own to the server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy: S3Proxy
    upstream: http.client.HTTPConnection | None = None

    def do_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/-/"):
            self._control(body)
            return
        troubles = self.proxy.troubles
        asked = Asked(self.command, self.path, bool(body), "If-None-Match" in self.headers)
        trouble = troubles.meet(asked)
        troubles.count("requests")
        troubles.count(trouble or "passed")
        match trouble:
            case Trouble.UNREACHED:
                linger = struct.pack("ii", 1, 0)  # close with a reset
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self._hang_up()
                return
            case Trouble.BUSY | Trouble.FAILED | Trouble.CONFLICT:
                self._refuse(*_ERRORS[trouble])
                return
            case Trouble.DELAY:
                time.sleep(self.proxy.delay_seconds)
            case Trouble.FLIPPED_REQUEST:
                body = _flipped(body)
        stale = self.proxy.earlier(self.path) if trouble is Trouble.STALE else None
        try:
            answer = stale or self._pass_on(body)
        except (OSError, http.client.HTTPException):
            troubles.count("no answer from the server")
            self._hang_up()
            return
        if asked.is_listing and stale is None and answer.status == 200:
            self.proxy.remember(self.path, answer)
        if trouble is Trouble.UNANSWERED:
            self._hang_up()
        elif trouble is Trouble.FAILED_AFTER:
            self._refuse(*_ERRORS[trouble])
        else:
            if trouble is Trouble.FLIPPED_ANSWER and answer.status == 200:
                answer.body = _flipped(answer.body)
            self._send(answer, cut=trouble is Trouble.CUT)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_any  # noqa: N815  # names that http.server looks for

    def finish(self) -> None:
        super().finish()
        if self.upstream is not None:
            self.upstream.close()

    def log_message(self, format: str, *args: object) -> None:
        return

    def _pass_on(self, body: bytes) -> _Answer:
        for is_last in (False, True):
            fresh = self.upstream is None
            if self.upstream is None:
                self.upstream = self.proxy.connect()
            try:
                self.upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() not in _OWN_HEADERS:
                        self.upstream.putheader(name, value)
                if body or self.command in ("PUT", "POST"):
                    self.upstream.putheader("Content-Length", str(len(body)))
                self.upstream.endheaders(body or None)
                found = self.upstream.getresponse()
                return _Answer(found.status, found.getheaders(), found.read())
            except http.client.RemoteDisconnected:
                self.upstream = None
                if is_last or fresh:  # only a connection that had been idle may just have been closed
                    raise
            except BaseException:
                self.upstream = None
                raise
        raise AssertionError("the last try returns or raises")

    def _send(self, answer: _Answer, *, cut: bool = False) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in _OWN_HEADERS:
                self.send_header(name, value)
        is_bodiless = self.command == "HEAD" or answer.status in (204, 304)
        if not is_bodiless:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if not is_bodiless:
            self.wfile.write(answer.body[: len(answer.body) // 2] if cut else answer.body)
        self.close_connection = self.close_connection or cut

    def _refuse(self, status: int, code: str) -> None:
        text = f"<Error><Code>{code}</Code><Message>by the proxy</Message></Error>"
        self._send(_Answer(status, [("Content-Type", "application/xml")], text.encode()))

    def _hang_up(self) -> None:
        self.close_connection = True

    def _control(self, body: bytes) -> None:
        try:
            match self.command, self.path:
                case "GET", "/-/counts":
                    said: Any = self.proxy.troubles.counts
                case "POST", "/-/command":
                    self.proxy.troubles.command(**json.loads(body))
                    said = {}
                case "POST", "/-/shares":
                    told = json.loads(body)
                    self.proxy.troubles.draw_from(told["shares"], int(told.get("seed", 0)))
                    said = {}
                case _:
                    self._refuse(404, "NoSuchCommand")
                    return
        except (KeyError, TypeError, ValueError) as error:
            self._refuse(400, f"InvalidCommand: {error}")
            return
        headers = [("Content-Type", "application/json")]
        self._send(_Answer(200, headers, json.dumps(said).encode()))


def _handler_of(proxy: S3Proxy) -> type[_Handler]:
    return type("Handler", (_Handler,), {"proxy": proxy})


def _flipped(body: bytes) -> bytes:
    """Another bit in the middle."""
    if not body:
        return body
    at = len(body) // 2
    return body[:at] + bytes([body[at] ^ 4]) + body[at + 1 :]

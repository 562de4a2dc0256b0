"""The download against a real HTTP server on this machine: polite, resumed, and never replacing good with bad."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from codeseq_ray.errors import InfrastructureError, UsageError
from codeseq_ray.oeis import download as module
from codeseq_ray.oeis.download import Downloader, Result

BODY = gzip.compress(b"".join(b"A%06d ,%d,\n" % (n, 3**n) for n in range(1, 1500)), mtime=0)
DAY = 24 * 3600


@dataclass
class Server:
    """Serves `body` under every name, and does once each of what `mischief` lists."""

    url: str = ""
    body: bytes = BODY
    etag: str = '"one"'
    modified: str = "Mon, 23 Nov 2026 00:00:00 GMT"
    ranges: bool = True
    mischief: list[Callable[[Any], bool]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    """The headers of every request, in order."""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        headers = dict(request.headers.items())
        self.asked.append(headers)
        if self.mischief and self.mischief.pop(0)(request):
            return
        if self.etag and headers.get("If-None-Match") == self.etag:
            send(request, 304)
            return
        start = 0
        if "Range" in headers and headers.get("If-Range") in (self.etag, self.modified) and self.ranges:
            start = int(headers["Range"].removeprefix("bytes=").removesuffix("-"))
            if start >= len(self.body):
                send(request, 416)
                return
        about = {"ETag": self.etag, "Last-Modified": self.modified}
        if start:
            about["Content-Range"] = f"bytes {start}-{len(self.body) - 1}/{len(self.body)}"
        send(request, 206 if start else 200, self.body[start:], about)

    def cut_at(self, size: int) -> Callable[[Any], bool]:
        """Announce the whole body and break off after `size` bytes."""

        def cut(request: Any) -> bool:
            request.send_response(200)
            request.send_header("Content-Length", str(len(self.body)))
            request.send_header("ETag", self.etag)
            request.send_header("Last-Modified", self.modified)
            request.end_headers()
            request.wfile.write(self.body[:size])
            request.close_connection = True
            return True

        return cut


def send(request: Any, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> bool:
    request.send_response(status)
    for key, value in (headers or {}).items():
        if value:
            request.send_header(key, value)
    if status != 304:
        request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
    return True


def refuse(status: int, **headers: str) -> Callable[[Any], bool]:
    return lambda request: send(request, status, b"", {k.replace("_", "-"): v for k, v in headers.items()})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.answer(self)

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state.url = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        http.shutdown()
        thread.join()


class Clock:
    """Time that only passes when someone sleeps."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def get(server: Server, clock: Clock, tmp_path: Path) -> Callable[..., module.Fetched]:
    def once(**options: Any) -> module.Fetched:
        downloader = Downloader(
            into=tmp_path / "oeis",
            contact="someone@example.org",
            base_url=server.url,
            now=clock.now,
            sleep=clock.sleep,
            timeout=options.pop("timeout", 5),
            **options,
        )
        return downloader.fetch("stripped.gz")

    return once


Get = Callable[..., module.Fetched]


def test_a_first_run_brings_the_file_and_notes_its_checksum(get: Get, server: Server) -> None:
    fetched = get()
    assert fetched.result is Result.NEW
    assert fetched.path.read_bytes() == BODY
    assert fetched.sha256 == hashlib.sha256(BODY).hexdigest()
    assert fetched.size == len(BODY)
    assert sorted(p.name for p in fetched.path.parent.iterdir()) == ["fetch.json", "stripped.gz"]
    assert "someone@example.org" in server.asked[0]["User-Agent"]
    assert server.asked[0]["User-Agent"].startswith("codeseq-ray/")
    assert server.asked[0]["Accept-Encoding"] == "identity"


def test_within_a_day_the_server_is_not_asked_again(get: Get, server: Server, clock: Clock) -> None:
    get()
    clock.time += DAY - 60
    fetched = get()
    assert fetched.result is Result.TOO_SOON
    assert len(server.asked) == 1
    assert fetched.again_at.timestamp() == clock.time + 60
    assert fetched.size == len(BODY)


def test_after_a_day_an_unchanged_file_is_not_sent_again(get: Get, server: Server, clock: Clock) -> None:
    get()
    clock.time += DAY + 1
    assert get().result is Result.UNCHANGED
    assert server.asked[1]["If-None-Match"] == '"one"'
    assert get().result is Result.TOO_SOON, "an answer 304 counts as asked"
    assert len(server.asked) == 2


def test_after_a_day_a_changed_file_replaces_the_old_one(get: Get, server: Server, clock: Clock) -> None:
    get()
    clock.time += DAY + 1
    server.etag, server.body = '"two"', gzip.compress(b"A000001 ,1,\n")
    fetched = get()
    assert fetched.result is Result.NEW
    assert fetched.path.read_bytes() == server.body


def test_force_asks_at_once_and_unconditionally(get: Get, server: Server) -> None:
    get()
    assert get(force=True).result is Result.NEW
    assert "If-None-Match" not in server.asked[1]


@pytest.mark.parametrize(
    "spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(BODY[:-1] + b"x")]
)
def test_a_missing_or_changed_local_file_is_fetched_although_the_day_is_not_over(
    spoil: Callable[[Path], None], get: Get, server: Server
) -> None:
    spoil(get().path)
    fetched = get()
    assert fetched.result is Result.NEW
    assert fetched.path.read_bytes() == BODY
    assert "If-None-Match" not in server.asked[1]


def test_a_cut_download_goes_on_where_it_stopped(get: Get, server: Server, clock: Clock) -> None:
    server.mischief = [server.cut_at(1000)]
    assert get().path.read_bytes() == BODY
    assert server.asked[1]["Range"] == "bytes=1000-"
    assert server.asked[1]["If-Range"] == '"one"'
    assert clock.slept, "it does not ask again at once"


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(get: Get, server: Server) -> None:
    server.mischief = [server.cut_at(1000)] + [refuse(503)] * 4
    with pytest.raises(InfrastructureError, match="goes on where it stopped"):
        get()
    assert get().path.read_bytes() == BODY
    assert server.asked[-1]["Range"] == "bytes=1000-"


def test_half_of_a_new_file_does_not_make_the_old_one_pass_for_it(
    get: Get, server: Server, clock: Clock
) -> None:
    path = get().path
    clock.time += DAY + 1
    server.etag, server.modified = '"two"', "Tue, 24 Nov 2026 00:00:00 GMT"
    server.body = gzip.compress(b"".join(b"A%06d ,%d,\n" % (n, 5**n) for n in range(1, 500)))
    server.mischief = [server.cut_at(1000)] + [refuse(503)] * 4
    with pytest.raises(InfrastructureError):
        get()
    assert path.read_bytes() == BODY
    assert get().result is Result.NEW
    assert path.read_bytes() == server.body


def test_a_file_that_changed_between_two_halves_is_taken_anew(get: Get, server: Server) -> None:
    cut = server.cut_at(1000)

    def cut_and_change(request: Any) -> bool:
        cut(request)
        server.etag, server.modified = '"two"', "Tue, 24 Nov 2026 00:00:00 GMT"
        server.body = gzip.compress(b"A000001 ,1,\n" * 500)
        return True

    server.mischief = [cut_and_change]
    assert get().path.read_bytes() == server.body


def test_without_validators_or_ranges_a_cut_download_starts_over(get: Get, server: Server) -> None:
    server.etag = server.modified = ""
    server.mischief = [server.cut_at(1000)]
    assert get().path.read_bytes() == BODY
    assert "Range" not in server.asked[1]


def test_a_weak_etag_is_no_ground_for_going_on(get: Get, server: Server) -> None:
    server.etag = 'W/"one"'
    server.mischief = [server.cut_at(1000)]
    assert get().path.read_bytes() == BODY
    assert server.asked[1]["If-Range"] == server.modified


def test_a_server_that_goes_on_elsewhere_is_not_believed(get: Get, server: Server) -> None:
    def elsewhere(request: Any) -> bool:
        return send(request, 206, BODY[500:], {"Content-Range": f"bytes 500-{len(BODY) - 1}/{len(BODY)}"})

    server.mischief = [server.cut_at(1000), elsewhere]
    assert get().path.read_bytes() == BODY


def test_a_partial_file_that_is_already_whole_is_not_asked_beyond_its_end(
    get: Get, server: Server, tmp_path: Path
) -> None:
    server.mischief = [server.cut_at(1000)] + [refuse(503)] * 4
    with pytest.raises(InfrastructureError):
        get()
    (tmp_path / "oeis" / "stripped.gz.part").write_bytes(BODY + b"more")
    assert get().path.read_bytes() == BODY


@pytest.mark.parametrize("body", [b"<html>busy</html>", BODY[:-10], BODY[:-8] + b"\0" * 8, b""])
def test_a_corrupt_body_replaces_nothing(body: bytes, get: Get, server: Server, clock: Clock) -> None:
    path = get().path
    clock.time += DAY + 1
    server.etag, server.body = '"bad"', body
    with pytest.raises(InfrastructureError, match="not a whole gzip file"):
        get()
    assert path.read_bytes() == BODY
    assert not path.with_name("stripped.gz.part").exists()
    server.etag, server.body = '"two"', gzip.compress(b"A000001 ,1,\n")
    assert get().result is Result.NEW, "a failed run does not count as the daily one"


def test_retry_after_is_honoured(get: Get, server: Server, clock: Clock) -> None:
    server.mischief = [refuse(503, Retry_After="7"), refuse(429, Retry_After="11")]
    assert get().result is Result.NEW
    assert clock.slept == [7, 11]


def test_a_date_in_retry_after_is_understood(get: Get, server: Server, clock: Clock) -> None:
    clock.time = 1_795_392_000.0  # Mon, 23 Nov 2026 00:00:00 GMT
    server.mischief = [refuse(503, Retry_After="Mon, 23 Nov 2026 00:00:30 GMT")]
    assert get().result is Result.NEW
    assert clock.slept == [30]


def test_a_long_retry_after_is_left_to_the_user(get: Get, server: Server, clock: Clock) -> None:
    server.mischief = [refuse(503, Retry_After="7200")]
    with pytest.raises(InfrastructureError, match="7200 s"):
        get()
    assert clock.slept == []


@pytest.mark.parametrize(("status", "advice"), [(403, "--contact"), (404, "--base-url"), (400, "--base-url")])
def test_a_refusal_is_not_repeated_and_says_what_to_do(
    status: int, advice: str, get: Get, server: Server
) -> None:
    server.mischief = [refuse(status)] * 5
    with pytest.raises(UsageError, match=advice):
        get()
    assert len(server.asked) == 1


def test_silence_and_a_closed_port_are_infrastructure(get: Get, server: Server, clock: Clock) -> None:
    release = threading.Event()

    def silent(request: Any) -> bool:
        release.wait(5)
        return True

    server.mischief = [silent] * 5
    with pytest.raises(InfrastructureError, match="timed out"):
        get(timeout=0.05)
    release.set()
    assert len(clock.slept) == 4
    server.url = "http://127.0.0.1:9"
    with pytest.raises(InfrastructureError, match="refused"):
        get()


def test_a_full_disk_is_named_and_the_old_file_stays(
    get: Get, server: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = get().path
    clock.time += DAY + 1
    server.etag = '"two"'

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UsageError, match="disk is full"):
        get()
    assert path.read_bytes() == BODY


@pytest.mark.parametrize("note", ["", "{", "[]", '{"stripped.gz": 5}', '{"stripped.gz": {"colour": 1}}'])
def test_a_spoiled_note_only_means_that_the_file_is_fetched_again(
    note: str, get: Get, server: Server
) -> None:
    path = get().path
    path.with_name("fetch.json").write_text(note)
    assert get().result is Result.NEW
    assert json.loads(path.with_name("fetch.json").read_text())["stripped.gz"]["etag"] == '"one"'


@pytest.mark.parametrize("contact", ["", "  ", "a\nX-Evil: 1", "é@example.org"])
def test_who_asks_must_be_said_and_fit_a_header(contact: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--contact"):
        Downloader(into=tmp_path, contact=contact)


def test_a_folder_that_cannot_be_made_and_a_strange_address_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--into"):
        Downloader(into=tmp_path / "file" / "oeis", contact="x")
    with pytest.raises(UsageError, match="--base-url"):
        Downloader(into=tmp_path, contact="x", base_url="file:///etc")


def test_the_job_fetches_both_files_and_says_what_happened(server: Server, tmp_path: Path) -> None:
    job = Path(__file__).parents[2] / "jobs" / "fetch_oeis.py"

    def run(url: str) -> subprocess.CompletedProcess[str]:
        into = str(tmp_path / "oeis")
        command = [sys.executable, str(job), "--into", into, "--base-url", url, "--contact", "me@example.org"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    first = run(server.url)
    assert first.returncode == 0, first.stderr
    assert first.stdout.count(": new, ") == 2
    assert (tmp_path / "oeis" / "names.gz").read_bytes() == BODY
    again = run(server.url)
    assert again.stdout.count("already asked within the day; ask again after ") == 2
    assert len(server.asked) == 2
    server.mischief = [refuse(404)]
    refused = run(server.url + "/elsewhere")
    assert refused.returncode == 2
    assert "there is no such file (404)" in refused.stderr
    assert "Traceback" not in refused.stderr

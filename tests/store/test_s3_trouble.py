"""An S3 server that fails on request: what is retried, what is reported, and that nothing is taken for done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from codeseq_ray.errors import StoreError
from codeseq_ray.store import s3
from codeseq_ray.store.objects import put_once
from codeseq_ray.store.s3 import S3Store


class Script:
    """What the server answers next: (status, error code or body, bytes of the body to hold back)."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, str, int]] = []
        self.requests: list[str] = []


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:  # the name that http.server looks for
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.answer("PUT new" if self.headers.get("If-None-Match") == "*" else "PUT")

        def do_GET(self) -> None:
            self.answer("GET")

        def do_DELETE(self) -> None:
            self.answer("DELETE")

        def answer(self, request: str) -> None:
            script.requests.append(request)
            status, text, held_back = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
            if status >= 300:
                text = f"<Error><Code>{text}</Code><Message>scripted</Message></Error>"
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode()[: len(text) - held_back])
            self.close_connection = held_back > 0

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    # The delays between retries are botocore's own; here only their number matters.
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(s3, "ATTEMPTS", 3)
    yield script
    server.shutdown()
    server.server_close()
    thread.join()


BUSY = (503, "SlowDown", 0)
DONE = (200, "", 0)


def test_a_busy_server_is_asked_again(script: Script) -> None:
    script.answers = [BUSY, BUSY, DONE]
    S3Store("bucket").put("k", b"x")
    assert script.requests == ["PUT"] * 3


def test_a_server_that_stays_busy_is_a_store_error(script: Script) -> None:
    script.answers = [BUSY]
    with pytest.raises(StoreError, match=r"cannot write s3://bucket/k after all retries.*SlowDown"):
        S3Store("bucket").put_new("k", b"x")
    assert script.requests == ["PUT new"] * 3


def test_an_own_write_whose_reply_was_lost_counts_as_done_once_compared(script: Script) -> None:
    """The server wrote, answered 503, and refuses the retry because the object is there."""
    script.answers = [BUSY, (412, "PreconditionFailed", 0), (200, "mine", 0)]
    put_once(S3Store("bucket"), "k", b"mine")
    assert script.requests == ["PUT new", "PUT new", "GET"]
    script.answers = [(412, "PreconditionFailed", 0), (200, "theirs", 0)]
    with pytest.raises(StoreError, match="other contents"):
        put_once(S3Store("bucket"), "k", b"mine")


def test_a_race_undecided_at_first_is_tried_again(script: Script) -> None:
    script.answers = [(409, "ConditionalRequestConflict", 0), (412, "PreconditionFailed", 0)]
    assert S3Store("bucket").put_new("k", b"x") is False
    script.answers = [(409, "ConditionalRequestConflict", 0), DONE]
    assert S3Store("bucket").put_new("k", b"x") is True


def test_a_race_that_stays_undecided_is_a_trouble_that_may_pass(script: Script) -> None:
    script.answers = [(409, "ConditionalRequestConflict", 0)]
    with pytest.raises(StoreError, match="ConditionalRequestConflict") as caught:
        S3Store("bucket").put_new("k", b"x")
    assert caught.value.transient
    assert len(script.requests) == s3.CONFLICT_ATTEMPTS


@pytest.mark.parametrize(
    ("status", "code", "curable"),
    [
        (500, "InternalError", True),
        (502, "", True),
        (503, "SlowDown", True),
        (503, "ServiceUnavailable", True),
        (429, "TooManyRequests", True),
        (400, "RequestTimeout", True),
        (400, "BadDigest", True),
        (501, "NotImplemented", False),
        (507, "InsufficientStorage", False),
        (403, "AccessDenied", False),
        (403, "InvalidAccessKeyId", False),
        (404, "NoSuchBucket", False),
        (301, "PermanentRedirect", False),
        (400, "InvalidArgument", False),
    ],
)
def test_only_what_time_can_cure_is_transient(script: Script, status: int, code: str, curable: bool) -> None:
    script.answers = [(status, code, 0)]
    store = S3Store("bucket")
    for attempt in (
        lambda: store.put("k", b"x"),
        lambda: store.put_new("k", b"x"),
        lambda: store.get("k"),
        lambda: list(store.list("")),
        lambda: list(store.entries("")),
        lambda: store.delete("k"),
    ):
        with pytest.raises(StoreError) as caught:
            attempt()
        assert caught.value.transient is curable


def test_a_server_that_is_not_there_may_come_back(monkeypatch: pytest.MonkeyPatch, script: Script) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StoreError, match="no answer from") as caught:
        S3Store("bucket").get("k")
    assert caught.value.transient


def test_a_listing_that_was_cut_is_never_taken_for_a_short_one(script: Script) -> None:
    page = (
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>k</Key><Size>1</Size>"
        "<LastModified>2026-01-01T00:00:00Z</LastModified></Contents></ListBucketResult>"
    )
    script.answers = [(200, page, 0)]
    assert list(S3Store("bucket").list("")) == ["k"]
    # Cut on the way, and cut by a proxy that also tells the shorter length.
    for answer in ((200, page, 40), (200, page[:-40], 0), (200, "", 0)):
        script.answers = [answer]
        with pytest.raises(StoreError) as caught:
            list(S3Store("bucket").list(""))
        assert caught.value.transient


def test_a_body_that_was_cut_is_never_returned(script: Script) -> None:
    script.answers = [(200, "whole body", 4), (200, "whole body", 0)]
    assert S3Store("bucket").get("k") == b"whole body"
    script.answers = [(200, "whole body", 4)]
    with pytest.raises(StoreError, match="cannot read s3://bucket/k"):
        S3Store("bucket").get("k")


def test_a_server_without_conditional_writes_is_told_from_one_in_trouble(script: Script) -> None:
    script.answers = [(501, "NotImplemented", 0)]
    with pytest.raises(StoreError, match="lacks conditional writes"):
        S3Store("bucket").put_new("k", b"x")


def test_an_absent_bucket_is_not_an_absent_object(script: Script) -> None:
    script.answers = [(404, "NoSuchKey", 0)]
    with pytest.raises(KeyError):
        S3Store("bucket").get("k")
    script.answers = [(404, "NoSuchBucket", 0)]
    with pytest.raises(StoreError, match="no bucket 'bucket'"):
        S3Store("bucket").get("k")

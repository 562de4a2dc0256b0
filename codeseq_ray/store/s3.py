"""`ports.ObjectStore` over S3, by boto3 and the standard AWS settings (environment, profiles, roles).

`AWS_ENDPOINT_URL` points it to any other server of the protocol. `put_new` needs conditional writes
(`If-None-Match: *`), which AWS, SeaweedFS, MinIO and Ceph have.
"""

from __future__ import annotations

import os
import random
import re
import threading
import time
from array import array
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ResponseStreamingError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from codeseq_ray.errors import StoreError, UsageError
from codeseq_ray.ports import Entry
from codeseq_ray.store.objects import checked_key, checked_prefix, is_key

ATTEMPTS = 3
"""Tries of one request, with botocore's *standard* back-off between them: about 1.5 s. That bridges a connection that
the server had closed, or one 503. Whatever lasts longer is `PatientStore`'s, which says so and knows how long."""
CONFLICT_ATTEMPTS = 6
"""Tries of one conditional write that is answered 409, within about 1.5 s."""
CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
CONNECTIONS = 16
"""Kept per client; as many threads may use it without waiting for a connection."""
PAGE_KEYS = 1000
"""Keys per listing request; the most that S3 gives."""

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
_TAKEN = {"PreconditionFailed", "412"}
_CONFLICT = {"ConditionalRequestConflict", "409"}
_MISSING = {"NoSuchKey", "NotFound", "404"}
_BAD_KEYS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}
# Answered 400, and cured by another try: the body came late, in part, or altered.
_PASSING = {
    "BadDigest",
    "IncompleteBody",
    "RequestTimeout",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "XAmzContentSHA256Mismatch",
}
_NO_ANSWER = (ConnectionError, HTTPClientError, CredentialRetrievalError, MetadataRetrievalError)
_BROKEN_ANSWER = (FlexibleChecksumError, IncompleteReadError, ResponseParserError, ResponseStreamingError)
_TROUBLE = (BotoCoreError, ResponseParserError)
"""What boto3 raises besides the server's own errors."""


class S3Store:
    """Whole objects below `s3://bucket/prefix`. Safe to use from threads; can be pickled (without its client)."""

    def __init__(self, bucket: str, prefix: str = "") -> None:
        self._bucket = bucket
        self._start = f"{prefix}/" if prefix else ""
        self.uri = f"s3://{bucket}/{prefix}".rstrip("/")
        self._lock = threading.Lock()
        self._session: Any = None
        self._client: Any = None
        self._process = 0

    @classmethod
    def from_uri(cls, uri: str) -> S3Store:
        # By hand: urlsplit drops line ends and tabs, and what is left names another place.
        bucket, _, prefix = uri.partition("://")[2].partition("/")
        prefix = prefix.strip("/")
        if not _BUCKET.fullmatch(bucket) or (prefix and not is_key(prefix)):
            raise UsageError(
                f"cannot read {uri!r} as a place in S3: write s3://bucket/prefix, with letters, digits and "
                "._=+@- in the prefix, no segment beginning with a dot"
            )
        return cls(bucket, prefix)

    def __getstate__(self) -> dict[str, str]:
        return {"bucket": self._bucket, "prefix": self._start.rstrip("/")}

    def __setstate__(self, state: dict[str, str]) -> None:
        self.__init__(state["bucket"], state["prefix"])  # type: ignore[misc]  # the plain way to start anew

    def put(self, key: str, body: bytes) -> None:
        self._call("write", key, "put_object", Body=body)

    def put_new(self, key: str, body: bytes) -> bool:
        # Another conditional write of the same key in flight is answered 409: who won shows at a later try.
        for attempt in range(1, CONFLICT_ATTEMPTS + 1):
            try:
                self._client_here().put_object(
                    Bucket=self._bucket, Key=self._start + checked_key(key), Body=body, IfNoneMatch="*"
                )
            except ClientError as error:
                if _code(error) in _TAKEN:
                    return False
                if attempt == CONFLICT_ATTEMPTS or _code(error) not in _CONFLICT:
                    raise self._error("write", key, error) from error
                _pause(attempt)
            except _TROUBLE as error:
                raise self._error("write", key, error) from error
            else:
                return True
        raise AssertionError("the last try returns or raises")

    def get(self, key: str) -> bytes:
        # botocore retries the request but not the reading of its body, where it compares the server's checksum.
        for attempt in range(1, ATTEMPTS + 1):
            answer = self._call("read", key, "get_object")
            try:
                return bytes(answer["Body"].read())
            except _TROUBLE as error:
                if attempt == ATTEMPTS:
                    raise self._error("read", key, error) from error
                _pause(attempt)
        raise AssertionError("the last try returns or raises")

    def list(self, prefix: str) -> Iterator[str]:
        keys = [found["Key"].removeprefix(self._start) for found in self._listed(prefix)]
        # Servers that keep folders list them in folder order, which is not that of the keys.
        yield from sorted(key for key in keys if is_key(key))

    def entries(self, prefix: str) -> Iterator[Entry]:
        # Columns: 400,000 dicts of a listing would be half a gigabyte.
        keys: list[str] = []
        sizes, times = array("q"), array("d")
        for found in self._listed(prefix):
            keys.append(found["Key"].removeprefix(self._start))
            sizes.append(found["Size"])
            times.append(found["LastModified"].timestamp())
        for at in sorted(range(len(keys)), key=keys.__getitem__):
            if is_key(keys[at]):
                yield Entry(keys[at], sizes[at], datetime.fromtimestamp(times[at], UTC))

    def _listed(self, prefix: str) -> Iterator[dict[str, Any]]:
        """What the server says of each object, in its order, page by page."""
        whole = self._start + checked_prefix(prefix)
        try:
            pages = self._client_here().get_paginator("list_objects_v2")
            for page in pages.paginate(
                Bucket=self._bucket, Prefix=whole, PaginationConfig={"PageSize": PAGE_KEYS}
            ):
                if "IsTruncated" not in page:  # an answer without a body parses as a listing of nothing
                    raise ResponseParserError("the listing came without its body")
                yield from page.get("Contents", ())
        except (ClientError, *_TROUBLE) as error:
            raise self._error("list", prefix, error) from error

    def delete(self, key: str) -> None:
        try:
            self._call("delete", key, "delete_object")
        except KeyError:
            return

    def check(self) -> None:
        """Raises UsageError, naming the cure, unless the bucket can be listed with the credentials at hand."""
        try:
            with self._lock:
                client = self._new_client(attempts=2, connect_seconds=5.0, read_seconds=20.0)
            client.list_objects_v2(Bucket=self._bucket, Prefix=self._start, MaxKeys=1)
        except (ClientError, *_TROUBLE) as error:
            raise UsageError(f"cannot use {self.uri}: {_cure(error, self._bucket)}") from error

    def _call(self, doing: str, key: str, operation: str, **arguments: Any) -> Any:
        name = self._start + checked_key(key)
        try:
            return getattr(self._client_here(), operation)(Bucket=self._bucket, Key=name, **arguments)
        except ClientError as error:
            if _code(error) in _MISSING:
                raise KeyError(key) from None
            raise self._error(doing, key, error) from error
        except _TROUBLE as error:
            raise self._error(doing, key, error) from error

    def _error(self, doing: str, key: str, error: Exception) -> StoreError:
        return StoreError(
            f"cannot {doing} {self.uri}/{key} after all retries: {_cure(error, self._bucket)} "
            "Then run again: what is in the ledger is not done twice.",
            transient=_is_transient(error),
        )

    def _client_here(self) -> Any:
        """This process' own client: a forked child must not share its parent's connections."""
        with self._lock:
            if self._client is None or self._process != os.getpid():
                self._client = self._new_client(ATTEMPTS, CONNECT_SECONDS, READ_SECONDS)
            return self._client

    def _new_client(self, attempts: int, connect_seconds: float, read_seconds: float) -> Any:
        """Holds the lock: clients are safe across threads, their making is not."""
        if self._session is None or self._process != os.getpid():
            self._session, self._client, self._process = boto3.session.Session(), None, os.getpid()
        try:
            return self._session.client(
                "s3",
                config=Config(
                    retries={"mode": "standard", "total_max_attempts": attempts},
                    connect_timeout=connect_seconds,
                    read_timeout=read_seconds,
                    max_pool_connections=CONNECTIONS,
                ),
            )
        except ValueError as error:  # what botocore says of an address without http://
            raise UsageError(
                f"cannot use {self.uri}: {error}. AWS_ENDPOINT_URL is written as http://host:port"
            ) from error


def _pause(attempt: int) -> None:
    """Up to 0.1 s, 0.2 s, 0.4 s …: those who met once shall not meet again."""
    time.sleep(random.uniform(0, 0.05 * 2**attempt))


def _is_transient(error: Exception) -> bool:
    """May the same request succeed later, with nothing changed but the time?"""
    if isinstance(error, ClientError):
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if status in (501, 507):  # not implemented; no space
            return False
        return status >= 500 or status in (408, 409, 429) or _code(error) in _PASSING
    if isinstance(error, SSLError):
        return False
    return isinstance(error, _NO_ANSWER + _BROKEN_ANSWER)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _cure(error: Exception, bucket: str) -> str:
    """What happened and what to do about it, in a sentence or two."""
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return (
            "no credentials found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run "
            "with a role."
        )
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError | HTTPClientError):
        where = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "AWS"
        return f"no answer from {where} ({error}). Check AWS_ENDPOINT_URL and the network."
    if not isinstance(error, ClientError):
        return f"{error}. Check the AWS_… settings."
    code = _code(error)
    if code == "NoSuchBucket":
        return f"there is no bucket {bucket!r}. Make it, or give another one."
    if code in _BAD_KEYS:
        return f"the credentials are refused ({code}). Check the AWS_… settings."
    if code in {"AccessDenied", "403"}:
        return f"access denied. The credentials need to list, read and write the bucket {bucket!r}."
    if code in {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}:
        return f"the bucket {bucket!r} is in another region ({error}). Set AWS_REGION to it."
    if code in {"NotImplemented", "501"}:
        return (
            "the server lacks conditional writes (If-None-Match), which unique names need. Use another one, or "
            "--single-writer."
        )
    return f"{error}."

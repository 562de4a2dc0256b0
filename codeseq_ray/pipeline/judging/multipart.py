"""An S3 object written as a stream: nothing is to be seen of it before the last part is there."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from codeseq_ray.errors import StoreError, UsageError

FIRST_PART = 16 << 20
GROWTH = 1.001
"""Parts grow a little: S3 takes 10,000 of them, which hold 4 TB so, and 160 GB if all were as the first."""
MOST_PART = 512 << 20
_MISSING = {"404", "NoSuchKey", "NotFound"}


class MultipartObject:
    def __init__(self, uri: str, *, overwrite: bool) -> None:
        parts = urlsplit(uri)
        self._uri, self._bucket, self._key = uri, parts.netloc, parts.path.lstrip("/")
        self._client: Any = boto3.session.Session().client(
            "s3", config=Config(retries={"mode": "standard", "total_max_attempts": 6})
        )
        self._upload: str | None = None
        self._held = bytearray()
        self._part_bytes = float(FIRST_PART)
        self._parts: list[dict[str, Any]] = []
        try:
            self._client.head_object(Bucket=self._bucket, Key=self._key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _MISSING:
                raise UsageError(
                    f"--output {uri}: cannot be used: {error}. Check the AWS_… settings."
                ) from error
            self._call("head_bucket", UsageError, bucket_only=True)
        except BotoCoreError as error:
            raise UsageError(f"--output {uri}: cannot be used: {error}. Check the AWS_… settings.") from error
        else:
            if not overwrite:
                raise UsageError(f"--output {uri}: is there already; --overwrite replaces it")

    def write(self, body: bytes) -> int:
        self._held += body
        while len(self._held) >= self._part_bytes:
            size = int(self._part_bytes)
            self._send(bytes(self._held[:size]))
            del self._held[:size]
            self._part_bytes = min(MOST_PART, GROWTH * self._part_bytes)
        return len(body)

    def commit(self) -> None:
        if self._upload is None:
            self._call("put_object", StoreError, Body=bytes(self._held))
            return
        if self._held:
            self._send(bytes(self._held))
        self._call(
            "complete_multipart_upload",
            StoreError,
            UploadId=self._upload,
            MultipartUpload={"Parts": self._parts},
        )

    def abort(self) -> None:
        if self._upload is not None:
            with suppress(StoreError):
                self._call("abort_multipart_upload", StoreError, UploadId=self._upload)

    def _send(self, body: bytes) -> None:
        if self._upload is None:
            self._upload = str(self._call("create_multipart_upload", StoreError)["UploadId"])
        number = len(self._parts) + 1
        answer = self._call("upload_part", StoreError, UploadId=self._upload, PartNumber=number, Body=body)
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})

    def _call(
        self,
        operation: str,
        kind: type[StoreError] | type[UsageError],
        *,
        bucket_only: bool = False,
        **arguments: Any,
    ) -> Any:
        if not bucket_only:
            arguments["Key"] = self._key
        try:
            return getattr(self._client, operation)(Bucket=self._bucket, **arguments)
        except (ClientError, BotoCoreError) as error:
            raise kind(f"cannot write {self._uri}: {error}. Check the AWS_… settings.") from error

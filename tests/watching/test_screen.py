"""The view on a real pseudo-terminal: what is sent, and that the terminal is left as it was."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time

import pytest

from codeseq_ray.errors import UsageError
from codeseq_ray.watching.screen import live
from tests.model_server.process import ROOT


def on_terminal(
    how: str, *, seconds: float = 1.2, columns: int = 80, rows: int = 24, **environment: str
) -> tuple[bytes, list[object], list[object]]:
    """All that the process sent, and the terminal's modes before and after."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    before = termios.tcgetattr(theirs)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.watching.on_a_terminal", how, str(seconds)],
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        # A session with the terminal as its own, as a shell gives it.
        preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)),
        env={**os.environ, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **environment},
    )
    sent, quiet = b"", False
    until = time.monotonic() + 30
    os.set_blocking(ours, False)
    while time.monotonic() < until:
        ended = process.poll() is not None
        try:
            sent += os.read(ours, 1 << 16)
            quiet = quiet or not termios.tcgetattr(theirs)[3] & termios.ECHO
        except BlockingIOError:
            if ended:
                break
            time.sleep(0.02)
    assert process.poll() is not None
    assert quiet or environment.get("TERM") == "dumb", "what is typed would move the view"
    after = termios.tcgetattr(theirs)
    os.close(ours)
    os.close(theirs)
    return sent, before, after


@pytest.mark.parametrize("how", ["ends", "fails", "interrupted", "interrupted twice", "stopped"])
def test_the_terminal_is_left_as_it_was_however_it_ends(how: str) -> None:
    sent, before, after = on_terminal(how)
    assert before == after
    assert b"100 of 500" in sent
    assert sent.count(b"\x1b[?25l") == sent.count(b"\x1b[?25h") == 1
    assert sent.rindex(b"\x1b[?25h") > sent.rindex(b"100 of 500")
    end = sent[sent.rindex(b"\x1b[?25h") :]
    expected = {"ends": b"after it", "fails": b"ValueError: in the middle"}.get(how, b"KeyboardInterrupt")
    assert expected in end, "what comes after is below the last state"
    assert b"25l" not in end


@pytest.mark.parametrize("then", ["fg", "wait"])
def test_a_view_that_went_on_in_the_background_comes_back_and_loses_no_word(then: str) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    shell = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "--noediting", "-i"],
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)),
        env={**os.environ, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", "PS1": "ready> "},
    )
    sent = b""

    def until(word: bytes, seconds: float = 30) -> bytes:
        """What is sent up to a word, which comes before time is over."""
        nonlocal sent
        end = time.monotonic() + seconds
        while word not in sent:
            left = end - time.monotonic()
            assert left > 0, (word, sent)
            if select.select([ours], [], [], left)[0]:
                sent += os.read(ours, 1 << 16)
        before, _, sent = sent.partition(word)
        return before

    try:
        os.write(ours, f"{sys.executable} -m tests.watching.on_a_terminal ends 6\n".encode())
        until(b"100 of 500")
        os.write(ours, b"\x1a")
        until(b"Stopped")
        os.write(ours, b"bg\n")
        until(b"&")
        os.write(ours, f"{then}\n".encode())
        if then == "fg":
            until(b"\x1b[?25l")
        until(b"said past Python")
        until(b"100 of 500")
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)
        os.close(theirs)


def test_what_is_said_meanwhile_is_shown_above_and_harmless() -> None:
    sent, _, _ = on_terminal("ends")
    assert b"\x1b[2J" not in sent
    assert b"\x1b]0;" not in sent
    assert "\u202e".encode() not in sent
    assert "\u2066".encode() not in sent
    assert b"said [bold red]b[/]\r\n" in sent
    assert b"said past Python\r\n  with its indentation\r\n" in sent


def test_the_view_is_drawn_twice_a_second_and_in_place() -> None:
    sent, _, _ = on_terminal("ends", seconds=3.0)
    frames = sent.split(b"\x1b[?2026h")[1:]
    assert 5 <= len(frames) <= 10, "3 seconds, two things said, and the end"
    heights = [frame.count(b"\x1b[K\r\n") for frame in frames]
    for before, frame in zip(heights, frames[1:], strict=False):
        assert frame.startswith(f"\r\x1b[{before}A".encode()), "over the frame before, not below it"


def test_without_colours_and_without_a_terminal_that_can(monkeypatch: pytest.MonkeyPatch) -> None:
    sent, _, _ = on_terminal("ends", seconds=0.6, NO_COLOR="1")
    assert b"\x1b[32m" not in sent
    sent, _, _ = on_terminal("ends", seconds=0.6, TERM="dumb")
    assert sent == b"no view here\r\n"


def test_a_view_that_is_asked_for_where_none_can_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codeseq_ray.watching.screen.can_be_live", lambda: False)
    with pytest.raises(UsageError, match="--progress lines"):
        live("live", inside_job=False)
    assert not live("auto", inside_job=False)
    monkeypatch.setattr("codeseq_ray.watching.screen.can_be_live", lambda: True)
    assert live("auto", inside_job=False)
    assert not live("auto", inside_job=True)
    assert not live("lines", inside_job=False)
    assert live("live", inside_job=True)

"""What stands on the screen and in the line: all figures, at any size, whatever the texts hold."""

from __future__ import annotations

import io
import unicodedata
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from codeseq_ray.watching.line import line
from codeseq_ray.watching.plain import plain
from codeseq_ray.watching.snapshot import Ending, Snapshot, clock, duration, per
from codeseq_ray.watching.standing import Ended, Serving, Spent, Standing
from codeseq_ray.watching.view import drawn, frame
from tests.watching.moments import HOSTILE, snapshot, standing


def shown(now: Snapshot, columns: int, rows: int) -> str:
    return "\n".join(text.plain for text in frame(now, columns, rows))


def test_a_terminal_of_80_by_24_shows_every_figure() -> None:
    text = shown(snapshot(), 80, 24)
    for words in (
        *("run first", "runs/first", "running 0:02:00", "100 of 500  20.0%"),
        *("40 accepted (40.0%)", "59 rejected (59.0%)", "1 failed", "24 open"),
        *("to go     about 8 min (", "50.0/min"),
        *("generator  two:8000/v1", "down", "5 errors", "30/64 out", "3 errors", "7 waiting"),
        *("123,456 in 789 requests", "3,086 per accepted row"),
        *("5,000 runs", "3 fits, 1 program"),
        *("no_rule_found 50", "A000012", "worked out [12]"),
    ):
        assert words in text, words
    assert len(text.splitlines()) <= 20


@given(st.integers(4, 260), st.integers(1, 70))
def test_no_line_is_wider_and_no_view_higher_than_the_terminal(columns: int, rows: int) -> None:
    now = snapshot(ending=Ending("stopped by SIGINT", 12.0), notices=Counter({"down": 3}), seconds=30.0)
    lines = frame(now, columns, rows)
    assert 1 <= len(lines) <= max(1, rows - 1)
    assert all("\n" not in text.plain and cell_len(text.plain) < columns for text in lines)


@pytest.mark.parametrize("rows", range(1, 24))
def test_where_rows_are_few_the_progress_stays_and_reasons_go_first(rows: int) -> None:
    text = shown(snapshot(), 80, rows)
    assert "100 of 500" in text
    if "A000012" in text:
        assert "tokens" in text
    if "tokens" in text:
        assert "to go" in text


def test_a_large_terminal_shows_more() -> None:
    small, large = shown(snapshot(), 80, 24), shown(snapshot(), 200, 50)
    assert "A000001" in large
    assert "A000001" not in small
    assert large.count("not_validated") > small.count("not_validated")


def test_before_there_is_anything_the_view_says_so() -> None:
    text = shown(snapshot(Standing(), seconds=2.0), 80, 24)
    assert "0 of 500" in text
    assert "not known yet" in text
    assert "nan" not in text
    assert shown(snapshot(Standing(), total=0), 80, 24)


def test_a_run_that_was_told_to_stop_says_how_long_it_will_take() -> None:
    now = snapshot(ending=Ending("stopped by SIGINT", 12.4))
    for text in (shown(now, 80, 24), line(now)):
        assert "stopped by SIGINT" in text
        assert "24 open have 12 s to end" in text
    assert "Ctrl-C again: now" in shown(now, 80, 24)
    assert "storing" in line(replace(now, ending=Ending("stopped by SIGINT", 0.0)))


def hostile() -> Snapshot:
    return snapshot(
        standing(
            last=(Ended(1.0, HOSTILE, "rejected", HOSTILE, HOSTILE, HOSTILE * 50),),
            outcomes=Counter({("rejected", HOSTILE, HOSTILE): 3}),
            servers={(HOSTILE, HOSTILE): Serving(1, 2, 1, 0, Counter({"busy": 1}))},
        ),
        run=HOSTILE,
        uri=HOSTILE,
        notices=Counter({HOSTILE: 4}),
        ending=Ending(HOSTILE, 3.0),
    )


def obeyed(text: str) -> set[str]:
    """Characters that a terminal obeys, or that turn or hide what it shows."""
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")}


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
def test_hostile_text_reaches_no_terminal_as_anything_but_text(size: tuple[int, int]) -> None:
    lines = frame(hostile(), *size)
    assert not obeyed("".join(text.plain for text in lines))
    assert "[bold red]" in "".join(text.plain for text in lines), "shown as it is, not taken for markup"
    plainly = drawn(lines, io.StringIO(), size[0])
    assert "".join(plainly).count("\x1b") == "".join(plainly).count("\x1b["), "only our own colours"
    assert not any("\x1b]" in text or "\x1b[2J" in text for text in plainly)


def test_the_line_holds_the_same_figures_and_no_control_characters() -> None:
    text = line(snapshot())
    for words in ("100 of 500", "40 accepted, 59 rejected, 1 failed", "20 problem, 4 program", "8 min ("):
        assert words in text, words
    for words in ("3,086 per accepted row", "1 of 2 servers down", "8 errors (connection 5, busy 3)"):
        assert words in text, words
    assert "5,000 runs" in text
    assert "last: A000012 not_validated (validation)" in text
    assert not obeyed(line(hostile()))
    assert len(line(hostile()).splitlines()) == 1


def test_without_models_or_programs_the_line_says_nothing_of_them() -> None:
    text = line(snapshot(Standing(Spent(1234, 5), open=40), seconds=12.0, total=100))
    assert "0 of 100" in text
    assert "40 sequences open" in text
    assert "1,234 tokens paid for in 5 requests" in text
    assert "not known yet" in text
    assert "sandbox" not in text


@given(st.text(), st.integers(1, 300))
def test_plain_text_is_one_short_harmless_line(text: str, most: int) -> None:
    line = plain(text, most)
    assert not obeyed(line)
    assert len(line) <= most
    assert plain(line, most) == line


def test_colours_go_where_they_are_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[32m" in "".join(drawn(frame(snapshot(), 80, 24), io.StringIO(), 80))
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in "".join(drawn(frame(snapshot(), 80, 24), io.StringIO(), 80))


def test_times_and_rates_are_said_in_units_that_can_be_read() -> None:
    assert [duration(s) for s in (0, 99.4, 100, 3600, 6001, 7200, 86400 * 3)] == [
        *("0 s", "99 s", "2 min", "60 min", "1 h 40 min", "2 h", "3.0 days"),
    ]
    assert [per(r) for r in (0, 1234.5, 3, 0.5, 0.001)] == ["0/s", "1,234/s", "3.0/s", "30.0/min", "3.6/h"]
    assert clock(3725.9) == "1:02:05"

"""Whatever text comes, a terminal or a pipe gets nothing that acts, and loses nothing that is printable."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.telling.lines import Line, Tone, block, field
from codeseq_ray.telling.screen import Screen, plain
from codeseq_ray.telling.words import columns, cut, visible
from tests.telling.hostile import HOSTILE, acting, unwrapped

ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=60) | st.just(HOSTILE)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    return io.StringIO()


@given(ANY)
def test_no_text_keeps_a_character_that_acts(text: str) -> None:
    shown = visible(text)
    assert not acting(shown)
    assert "\n" not in shown


@given(st.text(st.characters(exclude_categories=("C", "Z")), max_size=40))
def test_a_printable_text_is_shown_as_it_is(text: str) -> None:
    assert visible(text) == text


@given(st.lists(st.builds(Line, ANY, st.sampled_from(list(Tone)), ANY, st.integers(0, 12)), max_size=5))
def test_in_a_pipe_each_line_is_one_line_without_control_characters(lines: list[Line]) -> None:
    told = plain(lines)
    assert not acting(told)
    assert told.count("\n") == max(0, len(lines) - 1)


@given(ANY)
def test_no_text_of_others_stands_at_the_margin_of_a_field(text: str) -> None:
    """A name with a line break cannot feign a line `outcome  accepted` of ours."""
    lines = plain(field("name", text)).split("\n")
    assert lines[0].startswith("name")
    assert all(line.startswith(" " * 9) or not line for line in lines[1:])


def test_a_terminal_gets_colours_of_ours_alone_and_markup_as_letters(terminal: io.StringIO) -> None:
    screen = Screen(terminal)
    assert screen.is_terminal
    screen.show(Line(HOSTILE, tone, "label") for tone in Tone)
    printed = terminal.getvalue()
    assert not acting(printed, coloured=True)
    assert "[bold red]markup[/bold red]" in unwrapped(printed)
    assert "[link=http://evil]x[/link] :smile:" in unwrapped(printed)
    assert "evil\x1b\\" not in printed
    assert "\x1b[32m" in printed, "what is good is green"


def test_on_a_narrow_terminal_long_lines_are_wrapped_under_their_begin_and_no_word_is_lost(
    terminal: io.StringIO,
) -> None:
    words = [f"word{i}" for i in range(60)]
    Screen(terminal).show([*field("label", " ".join(words)), *block("x" * 100, Tone.CODE)])
    printed = terminal.getvalue()
    lines = unwrapped(printed.replace("\n", "\n|")).split("|")
    assert max(len(line) for line in lines) <= 41
    assert [word for word in unwrapped(printed).split() if word.startswith("word")] == words
    assert unwrapped(printed).replace(" ", "").endswith("x" * 100)


def test_a_pipe_that_takes_ascii_alone_gets_every_line() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    Screen(stream).show([Line("a → b"), Line("after")])
    assert raw.getvalue() == b"a \\u2192 b\nafter\n"


@given(st.text(max_size=200), st.integers(20, 100))
def test_a_cut_text_is_its_beginning_and_its_length(text: str, most: int) -> None:
    shown = cut(text, most)
    if len(text) <= most:
        assert shown == text
    else:
        assert text.startswith(shown.split("…")[0][: most - 12])
        assert shown.endswith(f"({len(text)} characters)")


@given(st.lists(st.tuples(st.text("ab", max_size=9), st.text("12", max_size=9)), max_size=5))
def test_columns_of_a_table_stand_under_their_heads(rows: list[tuple[str, str]]) -> None:
    lines = columns(("name", "n"), rows, left=(0,))
    width = max(4, *(len(name) for name, _ in rows)) if rows else 4
    for line, (name, count) in zip(lines[1:], rows, strict=True):
        assert line[:width].rstrip() == name
        assert line[width:].strip() == count

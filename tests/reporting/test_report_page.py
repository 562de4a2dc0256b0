"""The page is one file that trusts nothing in a run, and is the same for the same run."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from codeseq_ray.errors import UsageError
from codeseq_ray.records import Outcome, Program, Reason, SequenceRecord, Stage
from codeseq_ray.reporting import explorer
from codeseq_ray.reporting.report import report
from codeseq_ray.store.run import RunStore
from jobs import report as job
from tests.reporting.made import HOSTILE, failed, record, run_of

pytest.importorskip("altair", reason="altair draws the report's charts: pip install -e '.[report]'")

ALLOWED = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "a",
        "header",
        "div",
        "h1",
        "h2",
        "span",
        "button",
        "p",
        "nav",
    ),
    *(
        "main",
        "section",
        "dl",
        "dt",
        "dd",
        "small",
        "ul",
        "ol",
        "li",
        "figure",
        "figcaption",
        "table",
        "caption",
    ),
    *(
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "code",
        "details",
        "summary",
        "strong",
        "em",
        "b",
        "br",
        "kbd",
        "noscript",
    ),
    *("form", "label", "input", "select", "option", "article", "footer", "script"),
    *("svg", "g", "path", "line", "rect", "text", "tspan", "circle"),
}


class Page(HTMLParser):
    """Every tag and attribute of a page, and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in = tag

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        self.texts.append((self._in, data))


def quiet(_: str) -> None:
    return None


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    made = [record(number, hostile=True) for number in range(1, 81)] + [failed(500)]
    return run_of(tmp_path_factory.mktemp("hostile"), made, dropped=range(600, 640), missing=3)


@pytest.fixture(scope="module")
def text(hostile: RunStore) -> str:
    return report(hostile, quiet, against=hostile)


def test_no_text_of_a_run_becomes_markup(text: str) -> None:
    page = Page(text)
    assert {tag for tag, _ in page.tags} <= ALLOWED
    for tag, attributes in page.tags:
        assert not [
            name for name in attributes if name.startswith("on") or name in ("style", "src", "srcdoc")
        ], tag
        address = attributes.get("href") or "#"
        assert re.fullmatch(r"#\w*|https://oeis\.org", address), address
    scripts = [attributes for tag, attributes in page.tags if tag == "script"]
    assert [one.get("type") for one in scripts] == ["application/octet-stream"] * 2 + [None]


def test_hostile_texts_are_shown_as_they_are(text: str) -> None:
    shown = "".join(data for where, data in Page(text).texts if where not in ("script", "style"))
    assert HOSTILE[0][:40] in shown
    told = [json.loads(line) for line in _data(text, "data-records").split("\n") if line]
    assert any(HOSTILE[1] in one["name"] for one in told)
    assert {one["id"] for one in told} >= {f"A{number:06d}" for number in range(1, 81)}


def test_only_the_pages_own_script_and_style_may_run(text: str) -> None:
    page = Page(text)
    said = next(a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv"))
    assert said is not None
    for where in ("script", "style"):
        body = (
            "".join(data for tag, data in page.texts if tag == where) if where == "style" else _script(text)
        )
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{where}-src 'sha256-{digest}'" in said
    assert said.startswith("default-src 'none'")
    assert "unsafe" not in said


def test_every_text_stands_out_from_its_ground_by_day_and_by_night(text: str) -> None:
    style = text.partition("<style>")[2].partition("</style>")[0]
    day, night = (
        dict(re.findall(r"--([\w-]+):([^;}]+)", found))
        for found in (
            style.partition("}")[0],
            style.partition(":root[data-theme=dark]{")[2].partition("}")[0],
        )
    )
    inks = set(re.findall(r"(?<![\w-])color:var\(--([\w-]+)\)", style)) - {"bg"}  # that one stands on ink
    assert inks >= {"ink", "faint", "accent"}
    for colours in (day, night):
        for ink in inks:
            colour = colours[ink]
            colour = colours[colour[6:-1]] if colour.startswith("var(--") else colour
            for ground in ("bg", "card"):
                assert _contrast(colour, colours[ground]) >= 4.5, (ink, ground)  # WCAG 2.2, 1.4.3


def _contrast(one: str, other: str) -> float:
    low, high = sorted(map(_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)
    ]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_same_run_gives_the_same_page(hostile: RunStore, text: str) -> None:
    assert report(hostile, quiet, against=hostile) == text


def test_every_sequence_is_in_the_index_and_what_was_dropped_with_its_rule(text: str) -> None:
    index = json.loads(_data(text, "data-index"))
    numbers = [sum(index["steps"][: at + 1]) for at in range(len(index["steps"]))]
    assert numbers == [*range(1, 81), 500]
    assert [sum(index["dropped"]["family_cap"][: at + 1]) for at in range(40)] == list(range(600, 640))
    endings = [index["endings"][at] for at in index["ending"]]
    assert endings[-1] == ["failed", "infrastructure"]
    for number, (outcome, reason) in zip(numbers[:-1], endings[:-1], strict=True):
        one = record(number, hostile=True)
        assert (outcome, reason) == (one.outcome.value, one.reason or "accepted")


def test_a_changed_line_is_shown_whatever_it_begins_with() -> None:
    one = record(3, accept=1)
    rounds = [
        one.rounds[0].model_copy(update={"number": at, "program": Program(source=source)})
        for at, source in enumerate(("n = 3\n--n\nprint(n)", "n = 3\n++n\nprint(n)"))
    ]
    shown = explorer.told(one.model_copy(update={"rounds": tuple(rounds)}))["rounds"][1]["diff"]
    assert shown == ["@@ -1,3 +1,3 @@", " n = 3", "---n", "+++n", " print(n)"]


def test_a_page_stays_small_and_says_how_many_records_it_holds(tmp_path: Path) -> None:
    run = run_of(tmp_path, [record(number) for number in range(1, 301)])
    text = report(run, quiet, records=40)
    assert "40 of them can be opened here" in text
    assert _data(text, "data-records").count("\n") == 40
    assert len(text) < 400_000


@pytest.mark.parametrize(("count", "accept"), [(1, 0.0), (1, 1.0), (9, 0.5)])
def test_a_run_that_has_hardly_begun_has_a_report(tmp_path: Path, count: int, accept: float) -> None:
    run = run_of(tmp_path, [record(number, accept=accept) for number in range(1, count + 1)], missing=5)
    assert "5 selected sequences have no outcome yet" in report(run, quiet, against=run)


def test_what_a_histogram_shows_stands_in_a_table_too(tmp_path: Path) -> None:
    made = [record(number, accept=1) for number in range(1, 16)]  # `number % 7` of 6 mutants are found
    text = report(run_of(tmp_path, made), quiet).partition('<h2 id="strength">')[2]
    rows = dict(re.findall(r'<th scope="row">([^<]*)</th><td class="n">(\d+)</td>', text))
    assert (rows["0 to 9 %"], rows["50 to 59 %"], rows["all"]) == ("2", "2", "2")
    assert sum(map(int, rows.values())) == len(made)


def test_headlines_claim_no_majority_and_no_best_that_their_figures_are_not(tmp_path: Path) -> None:
    # Each of two reasons stops a third; the last third, which alone begins at index 0, is accepted.
    made = [
        stopped(number, Stage.PROBLEM, (Reason.EXAMPLE_WRONG, Reason.EXAMPLE_COUNT)[number % 2])
        if number % 3
        else record(number, accept=1)
        for number in range(1, 121)
    ]
    told = _headlines(report(run_of(tmp_path, made), quiet))
    assert "The commonest reason is example_" in told
    assert "(33% of judged)" in told
    assert "Those with offset “0” fare better than the rest: 100% accepted, against 0% of all others" in told
    assert "Most were" not in told
    assert "Best" not in told


def test_only_failures_are_a_report_too(tmp_path: Path) -> None:
    run = run_of(tmp_path, [failed(number) for number in range(1, 4)])
    assert "no server answered" in report(run, quiet)


def stopped(number: int, stage: Stage, reason: Reason) -> SequenceRecord:
    """A sequence without a program."""
    return record(number, accept=1).model_copy(
        update={
            "outcome": Outcome.REJECTED,
            "stage": stage,
            "reason": reason.value,
            "rounds": (),
            "acceptance": None,
        }
    )


def test_one_reason_at_two_gates_has_a_bar_for_each(tmp_path: Path) -> None:
    made = [
        stopped(number, Stage.PROBLEM if number % 3 else Stage.PROGRAM, Reason.ANSWER_TRUNCATED)
        for number in range(1, 13)
    ]
    told = " ".join(
        data for where, data in Page(report(run_of(tmp_path, made), quiet)).texts if where == "text"
    )
    assert "answer_truncated (problem)" in told
    assert "answer_truncated (program)" in told


def test_where_no_program_was_judged_the_page_says_so_instead_of_an_empty_chart(tmp_path: Path) -> None:
    run = run_of(tmp_path, [stopped(number, Stage.PROGRAM, Reason.ANSWER_EMPTY) for number in range(1, 4)])
    assert "No program was judged" in report(run, quiet)


def test_the_job_writes_the_page_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_of(tmp_path, [record(number) for number in range(1, 30)])
    page = tmp_path / "page.html"
    assert job.main(["--run", str(tmp_path / "r"), "--output", str(page)]) == 0
    assert str(page) in capsys.readouterr().out
    assert page.read_text().startswith("<!doctype html>")


def test_what_is_no_run_or_has_nothing_to_tell_is_refused_with_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        job.main(["--run", str(tmp_path / "nothing")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"run\.json"):
        job.main(["--run", str(tmp_path / "empty")])
    run_of(tmp_path, [], run_id="begun")
    with pytest.raises(UsageError, match="nothing to report"):
        job.main(["--run", str(tmp_path / "begun")])
    run_of(tmp_path, [record(1)], run_id="r")
    with pytest.raises(UsageError, match="--rollouts"):
        job.main(["--run", str(tmp_path / "r"), "--rollouts", str(tmp_path / "r")])
    with pytest.raises(UsageError, match="cannot be written"):
        job.main(["--run", str(tmp_path / "r"), "--output", str(tmp_path / "no" / "x.html")])
    RunStore.write_manifest(run_of(tmp_path, [record(1)], run_id="p"), {"kind": "rollouts"})
    with pytest.raises(UsageError, match="a run of rollouts"):
        job.main(["--run", str(tmp_path / "p")])


def _data(text: str, name: str) -> str:
    found = re.search(rf'id="{name}">([^<]*)<', text)
    assert found is not None
    return gzip.decompress(base64.b64decode(found[1])).decode()


def _headlines(text: str) -> str:
    return html.unescape(text.partition('<ul class="headlines">')[2].partition("</ul>")[0])


def _script(text: str) -> str:
    return text.rpartition("<script>")[2].partition("</script>")[0]

"""The page in a real Chromium: drawn, searched, filtered, read and compared, with no error and no request.

Skipped, saying so, where Chromium and its driver are not installed (Debian: chromium, chromium-driver).
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codeseq_ray.reporting.report import report
from tests.reporting.made import HOSTILE, failed, record, run_of

pytest.importorskip("altair", reason="altair draws the report's charts: pip install -e '.[report]'")
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
WebDriverException = pytest.importorskip("selenium.common.exceptions").WebDriverException

CHARTS = 8
"""Of a run with rejections, models, corrections and mutants, without comparison."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("Chromium and its driver are not installed (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-dev-shm-usage",
        "window-size=1280,1000",
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    try:
        opened = webdriver.Chrome(options=options, service=service)
    except WebDriverException as error:
        pytest.skip(f"Chromium is installed and does not start here: {error.msg}")
    with opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    made = [record(number, hostile=number % 3 == 0) for number in range(1, 261)] + [failed(500)]
    run = run_of(folder, made, dropped=range(600, 640))
    other = run_of(folder, [record(number, seed=1, accept=0.6) for number in range(1, 251)], run_id="other")
    path = folder / "report.html"
    path.write_text(report(run, lambda _: None, against=other), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: Any, page: Path) -> Iterator[Any]:
    """The page, fresh; afterwards: nothing was asked of a network, nothing was written to the console."""
    browser.get_log("browser"), browser.get_log("performance")
    browser.get("about:blank")
    emulate(browser)
    browser.get(page.as_uri())
    wait(lambda: browser.execute_script("return document.documentElement.dataset.ready") == "yes")
    yield browser
    told = [entry["message"] for entry in browser.get_log("browser")]
    assert not told
    asked = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = {one["params"]["request"]["url"] for one in asked if one["method"] == "Network.requestWillBeSent"}
    assert urls <= {page.as_uri(), "about:blank"}
    assert browser.execute_script("return window.hacked") is None


def wait(until: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not until():
        assert time.monotonic() < end, "the page did not come so far in 30 s"
        time.sleep(0.05)


def emulate(browser: Any, **features: str) -> None:
    """Media features; without motion in any case, as what moves cannot be clicked."""
    wanted = {"prefers-reduced-motion": "reduce", **{n.replace("_", "-"): v for n, v in features.items()}}
    told = [{"name": name, "value": value} for name, value in wanted.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": told})


def all_of(browser: Any, selector: str) -> list[Any]:
    found: list[Any] = browser.find_elements("css selector", selector)
    return found


def count(browser: Any) -> int:
    return int(all_of(browser, "#count")[0].text.split(" ")[0].replace(",", ""))


def click(browser: Any, element: Any) -> None:
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
    element.click()


def choose(browser: Any, selector: str, value: str) -> None:
    """By the keyboard, as an option's list opens outside the page."""
    select = all_of(browser, selector)[0]
    values = [option.get_attribute("value") for option in all_of(browser, f"{selector} option")]
    browser.execute_script(
        "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'}); arguments[0].focus()", select
    )
    select.send_keys(webdriver.Keys.HOME, *[webdriver.Keys.ARROW_DOWN] * values.index(value))
    assert select.get_attribute("value") == value


def test_every_chart_is_drawn_and_answers_the_pointer(opened: Any) -> None:
    drawn = all_of(opened, "figure .wide svg")
    assert len(drawn) >= CHARTS
    for svg in drawn:
        assert svg.size["width"] > 400
        assert svg.size["height"] > 60
        assert opened.execute_script("return arguments[0].querySelectorAll('[data-tip]').length", svg) > 0
        # What is drawn has a colour of the theme: nothing is left black for want of a variable.
        fills = opened.execute_script(
            "return [...arguments[0].querySelectorAll('[data-tip]')].map(e => getComputedStyle(e).fill)", svg
        )
        assert not {fill for fill in fills if fill in ("rgb(1, 1, 17)", "rgb(0, 0, 0)")}
    mark = all_of(opened, "figure .wide svg [data-tip]")[0]
    opened.execute_script("arguments[0].scrollIntoView({block:'center', behavior:'instant'})", mark)
    webdriver.ActionChains(opened).move_to_element(mark).perform()
    wait(lambda: all_of(opened, "#tip")[0].is_displayed())
    assert all_of(opened, "#tip")[0].text == mark.get_attribute("data-tip")


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_a_desk_and_a_telephone_by_day_and_by_night(opened: Any, width: int, theme: str) -> None:
    opened.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    emulate(opened, prefers_color_scheme=theme)
    try:
        body = opened.execute_script(
            "return [document.documentElement.scrollWidth, getComputedStyle(document.body).backgroundColor,"
            "getComputedStyle(document.body).color]"
        )
        assert body[0] <= width
        light = sum(map(int, body[1][4:-1].split(",")))
        assert light > 600 if theme == "light" else light < 150
        shown = [svg for svg in all_of(opened, "figure svg") if svg.is_displayed()]
        assert len(shown) >= CHARTS
        assert all(svg.size["width"] <= width for svg in shown)
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_sequences_are_found_by_number_word_and_ending(opened: Any) -> None:
    assert count(opened) == 261
    find = all_of(opened, "#q")[0]
    find.send_keys("A000017")
    assert all_of(opened, "#list .id")[0].text == "A000017"
    find.clear()
    find.send_keys("600")
    assert "family_cap" in all_of(opened, "#count")[0].text
    find.clear()
    find.send_keys("number of")
    assert count(opened) == sum(number % 2 for number in range(1, 261))
    find.clear()
    find.send_keys(" ")
    choose(opened, "#f-outcome", "failed")
    assert count(opened) == 1
    choose(opened, "#f-outcome", "")
    choose(opened, "#f-reason", "not_validated")
    assert count(opened) == sum(
        record(n, hostile=n % 3 == 0).reason == "not_validated" for n in range(1, 261)
    )
    choose(opened, "#f-reason", "")
    choose(opened, "#f-rounds", "2")
    assert count(opened) == sum(record(n, hostile=n % 3 == 0).corrections == 2 for n in range(1, 261))


def test_a_record_is_shown_whole_with_what_changed_from_program_to_program(opened: Any) -> None:
    number = next(n for n in range(1, 261) if n % 3 and record(n).corrections == 2)
    one = record(number)
    all_of(opened, "#q")[0].send_keys(one.sequence_id)
    click(opened, all_of(opened, "#list button")[0])
    wait(lambda: all_of(opened, "#record h3"))
    assert opened.current_url.endswith(f"#{one.sequence_id}")
    shown = opened.execute_script("return document.getElementById('record').textContent")
    assert one.problem is not None
    assert one.program is not None
    for text in (one.sequence.name, one.problem.description, one.program.source, "Beyond the hidden cases"):
        assert text in shown
    for round_ in one.rounds:
        assert round_.program.process in shown
        if round_.analysis and round_.failing:
            assert round_.analysis.what_is_wrong in shown
            assert round_.failing.expected in shown
    assert all_of(opened, "#record .diff.add") or "The same program as before." in shown


def test_hostile_texts_stay_texts_in_a_record(opened: Any) -> None:
    number = next(n for n in range(3, 261, 3) if record(n, hostile=True).corrections)
    opened.execute_script(f"location.hash = '#A{number:06d}'")
    wait(lambda: all_of(opened, "#record h3"))
    for details in all_of(opened, "#record summary"):
        click(opened, details)
    inside = "#record script, #record img, #record iframe, #record svg, #record [onerror]"
    assert not all_of(opened, inside)
    shown = opened.execute_script("return document.getElementById('record').textContent")
    assert any(text[:30] in shown for text in HOSTILE)


def test_all_of_it_can_be_reached_by_keyboard(opened: Any) -> None:
    keys = webdriver.Keys

    def active() -> Any:
        return opened.switch_to.active_element

    opened.find_element("css selector", "body").send_keys("/")
    assert active().get_attribute("id") == "q"
    active().send_keys("a(n)")
    opened.execute_script("document.querySelector('#list button').focus()")
    active().send_keys(keys.ARROW_DOWN)
    wanted = active().get_attribute("data-number")
    active().send_keys(keys.ENTER)
    wait(lambda: active().get_attribute("id") == "record")
    assert f"{int(wanted):06d}" in all_of(opened, "#record h3")[0].text
    active().send_keys(keys.ESCAPE)
    assert active().get_attribute("data-number") == wanted
    all_of(opened, "#q")[0].clear()
    all_of(opened, "#q")[0].send_keys(wanted)
    assert all_of(opened, "#list button")[0].get_attribute("aria-current") == "true"
    unnamed = opened.execute_script(
        "return [...document.querySelectorAll('button,a,select,input')].filter(e =>"
        " !(e.textContent.trim() || e.labels?.length || e.ariaLabel)).length"
    )
    assert unnamed == 0


def test_a_link_of_the_analysis_opens_its_record(opened: Any) -> None:
    link = all_of(opened, "section[aria-labelledby=why] td a")[0]
    name = link.text
    click(opened, link)
    wait(lambda: all_of(opened, "#record h3"))
    assert all_of(opened, "#record h3")[0].text.startswith(name)
    assert all_of(opened, "#record h4"), "a record that the page names is in the page"


def test_two_runs_side_by_side_have_intervals_and_open_what_differs(opened: Any) -> None:
    section = "section[aria-labelledby=compare]"
    text = opened.execute_script(f"return document.querySelector('{section}').textContent")
    assert "250 sequences that both runs judged" in text
    assert all_of(opened, f"{section} table strong"), "0.3 against 0.6 accepted stands out"
    assert "prompts" in text
    link = all_of(opened, f"{section} p a")[0]
    click(opened, link)
    wait(lambda: all_of(opened, "#record h3"))


def test_the_theme_can_be_chosen(opened: Any) -> None:
    button = all_of(opened, "#theme")[0]
    seen = set()
    for _ in range(3):
        click(opened, button)
        seen.add(opened.execute_script("return getComputedStyle(document.body).backgroundColor"))
    assert len(seen) == 2

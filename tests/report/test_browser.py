"""The page in a browser: accessible in both schemes, and what a reader can do with it.

Needs Chromium with its driver; skipped where either is absent, as on a machine without a browser.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import pytest

from resarc.report import html
from resarc.report.combined import build as build_combined
from resarc.report.study import build

pytestmark = pytest.mark.unit

BROWSER = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
DRIVER = shutil.which("chromedriver")
HIDDEN_TEXT = "return getComputedStyle(arguments[0]).display"


def axe_core() -> str:
    """The source of axe-core; its package is a development dependency."""
    try:
        found = files("axe-playwright-python") or []
    except PackageNotFoundError:
        pytest.skip("axe-core (package axe-playwright-python) is not installed")
    return next(f for f in found if f.name == "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if not BROWSER or not DRIVER:
        pytest.skip("Chromium or chromedriver is not installed")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    folder = tmp_path_factory.mktemp("browser")
    for argument in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--no-first-run", "--window-size=1400,1000",
        f"--user-data-dir={folder / 'profile'}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(folder)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(DRIVER))
    started.folder = folder
    yield started
    started.quit()


@pytest.fixture(scope="module")
def pages(
    make_inputs: Any, make_combined: Any, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    reports = {kind: build(make_inputs(kind)) for kind in ("reconstruction", "registry")}
    reports["combined"] = build_combined(make_combined())
    found = {}
    for name, report in reports.items():
        found[name] = folder / f"{name}.html"
        found[name].write_text(html.render(report), encoding="utf-8")
    return found


@pytest.fixture
def show(driver: Any, pages: dict[str, Path]) -> Callable[..., Any]:
    def opened(name: str, *, scheme: str = "light", script: bool = True, media: str = "screen"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        features.append({"name": "prefers-reduced-motion", "value": "reduce"})
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})
        driver.get_log("browser")
        driver.get(pages[name].as_uri())
        return driver

    return opened


def one(driver: Any, query: str) -> Any:
    return driver.find_element("css selector", query)


def every(driver: Any, query: str) -> list[Any]:
    return driver.find_elements("css selector", query)


def set_value(driver: Any, element: Any, value: str, event: str = "input") -> None:
    driver.execute_script(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event(arguments[2]))",
        element, value, event,
    )  # fmt: skip


def violations(page: Any, source: str) -> list[tuple[str, str, list[str]]]:
    """What axe-core finds wrong with the page as it stands: rule, impact, first elements."""
    page.execute_script(source)  # a script element would be stopped by the page's policy
    page.set_script_timeout(120)
    found = page.execute_async_script(
        "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(done)"
    )
    assert len(found["passes"]) > 20
    return [
        (rule["id"], rule["impact"], [node["html"][:200] for node in rule["nodes"][:3]])
        for rule in found["violations"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["reconstruction", "registry", "combined"])
def test_no_violation_of_accessibility_rules(show: Any, name: str, scheme: str) -> None:
    source = axe_core()
    page = show(name, scheme=scheme)
    for fold in every(page, "details"):
        page.execute_script("arguments[0].open = true", fold)
    assert violations(page, source) == []


def test_a_violation_would_be_found(show: Any) -> None:
    source = axe_core()
    page = show("registry", scheme="dark")
    page.execute_script(
        "const main = document.querySelector('main'); main.append(document.createElement('img'));"
        "const p = document.createElement('p'); p.textContent = 'unreadable'; main.prepend(p);"
        "p.style.color = '#222'"
    )
    assert {rule for rule, _, _ in violations(page, source)} == {"image-alt", "color-contrast"}


@pytest.mark.parametrize("name", ["reconstruction", "registry", "combined"])
def test_the_page_keeps_its_own_policy(show: Any, name: str) -> None:
    assert [entry["message"] for entry in show(name).get_log("browser")] == []


def test_the_dark_scheme_is_dark_all_through(show: Any) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        page = show("registry", scheme=scheme)
        colours[scheme] = page.execute_script(
            "const of = (q, p) => getComputedStyle(document.querySelector(q))[p];"
            "return [of('body', 'backgroundColor'), of('#survival-os text', 'fill')]"
        )
    light, dark = (html.PALETTE[scheme] for scheme in ("light", "dark"))

    def rgb(colour: str) -> str:
        return "rgb({}, {}, {})".format(*(int(colour[i : i + 2], 16) for i in (1, 3, 5)))

    assert colours["light"] == [rgb(light["paper"]), rgb(light["ink"])]
    assert colours["dark"] == [rgb(dark["paper"]), rgb(dark["ink"])]


def test_print_is_light_and_whole(show: Any) -> None:
    page = show("registry", scheme="dark", media="print")
    assert page.execute_script("return getComputedStyle(document.body).getPropertyValue('--paper')").strip() == "#ffffff"  # fmt: skip
    page.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert all(fold.get_attribute("open") for fold in every(page, "details"))
    assert page.execute_script(HIDDEN_TEXT, one(page, "nav")) == "none"
    assert not any(made.is_displayed() for made in every(page, ".margin button"))
    heads = every(page, "thead th")
    assert heads
    assert all(head.text for head in heads)
    page.execute_script("dispatchEvent(new Event('afterprint'))")
    assert not all(fold.get_attribute("open") for fold in every(page, "details"))


def test_without_script_everything_can_be_read(show: Any, pages: dict[str, Path]) -> None:
    page = show("registry", script=False)
    assert "What was found" in page.page_source
    assert "<button" not in pages["registry"].read_text(encoding="utf-8")
    assert every(page, "details.section[open] h2")


def test_a_curve_is_read_off_by_keyboard_and_pointer(show: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    page = show("registry")
    figure = one(page, "#survival-os")
    slider = figure.find_element("css selector", "input[type=range]")
    output = figure.find_element("css selector", "output")
    assert output.text.startswith("at 0 months")
    slider.send_keys(*["\ue014"] * 7)  # the right arrow key
    # By rule of the fixture: 0.985 to the power of the time of the last step, 6 months.
    assert slider.get_attribute("aria-valuetext") == "7 months"
    assert "91.3% (confidence interval 82.2 to 100.0%)" in output.text
    assert "at risk 88" in output.text
    drawing = figure.find_element("css selector", "svg")
    ActionChains(page).move_to_element(drawing).perform()
    assert not output.text.startswith("at 7 months")


def test_reconstructed_curves_give_sets_and_no_value(show: Any) -> None:
    page = show("reconstruction")
    figure = one(page, "#survival-os")
    set_value(page, figure.find_element("css selector", "input[type=range]"), "36")
    words = figure.find_element("css selector", "output").text
    s = 0.985**36  # by rule of the fixture, as are the ends of its band
    lower, upper = s * (1 - 36 / 250), s + (1 - s) * 36 / 250
    assert f"{100 * lower:.1f} to {100 * upper:.1f}% (identified set)" in words
    assert "at risk" not in words  # the fixture's envelopes do not say


def test_groups_are_switched_off_and_on(show: Any) -> None:
    page = show("registry")
    figure = one(page, "#survival-os-treatment")
    boxes = figure.find_elements("css selector", "input[type=checkbox]")
    curve = figure.find_element("css selector", "[id='survival-os-treatment-curve-0-1-steps']")
    assert len(boxes) == 3
    assert curve.value_of_css_property("display") != "none"
    boxes[1].send_keys(" ")
    assert curve.value_of_css_property("display") == "none"
    assert len(figure.find_element("css selector", "output").text.splitlines()) == 3
    boxes[1].send_keys(" ")
    assert curve.value_of_css_property("display") != "none"


def test_ranges_are_sorted_by_width(show: Any) -> None:
    page = show("registry")
    figure = one(page, "#hazard-ratios")
    rows = page.execute_script(
        "const d = JSON.parse(arguments[0].querySelector('script').textContent).data;"
        "return d.parts.flatMap((part) => part.rows.map((row) => Math.log(row[3] / row[2])))",
        figure,
    )

    def heights() -> list[float]:
        return page.execute_script(
            "return arguments[1].map((_, i) => arguments[0].querySelector("
            "`[id^='hazard-ratios-line-${i}-']`).getBoundingClientRect().top)",
            figure, rows,
        )  # fmt: skip

    order = figure.find_element("css selector", "select")
    before = heights()
    set_value(page, order, "wide", "change")
    after = heights()
    widest_first = sorted(range(len(rows)), key=lambda i: (-rows[i], i))
    assert sorted(range(len(rows)), key=lambda i: after[i]) == widest_first
    assert "widest first" in figure.find_element("css selector", "output").text
    set_value(page, order, "", "change")
    assert heights() == pytest.approx(before)


def test_findings_are_filtered(show: Any) -> None:
    page = show("reconstruction")
    block = one(page, "#audit-all")
    page.execute_script("arguments[0].querySelector('details').open = true", block)
    status = block.find_element("css selector", "output")
    search, verdict, weight = block.find_elements(
        "css selector", ".tools.above input, .tools.above select"
    )
    assert status.text == "3 rows"
    set_value(page, verdict, "inconsistent", "change")
    assert status.text == "1 of 3 rows"
    set_value(page, verdict, "", "change")
    set_value(page, weight, "minor", "change")
    shown = [row.text for row in every(block, "tbody tr") if row.is_displayed()]
    assert len(shown) == 1
    assert shown[0].startswith("Rates are crude")
    set_value(page, weight, "", "change")
    set_value(page, search, "crude print")
    assert status.text == "1 of 3 rows"
    set_value(page, search, "no such words")
    assert status.text == "0 of 3 rows"


def test_tables_are_sorted_within_their_groups(show: Any) -> None:
    page = show("reconstruction")
    block = one(page, "#comparison-all")
    page.execute_script("arguments[0].querySelector('details').open = true", block)
    head = block.find_elements("css selector", "thead button")[1]
    head.click()
    cells = [row.find_elements("css selector", "td")[0].text for row in every(block, "tbody tr")]
    numbers = [float(c.split("%")[0].split(" ")[0].lstrip(">")) for c in cells if c[0].isdigit()]
    assert numbers == sorted(numbers)
    assert block.find_elements("css selector", "th[aria-sort=ascending]")
    head.click()
    assert block.find_elements("css selector", "th[aria-sort=descending]")


def test_downloads_are_safe_tables(show: Any, driver: Any) -> None:
    import time

    page = show("reconstruction")
    page.execute_script("document.querySelector('#rejected details').open = true")
    one(page, "#rejected .margin button:last-child").click()
    one(page, "#survival-os .margin button").click()
    table, curves = (driver.folder / f"alpha-{name}.csv" for name in ("rejected", "survival-os"))
    for _ in range(100):
        if table.exists() and curves.exists():
            break
        time.sleep(0.1)
    rows = list(csv.reader(io.StringIO(table.read_text(encoding="utf-8-sig"))))
    assert rows[0][:3] == ["File", "Row", "Column"]
    assert rows[1][-1] == "Reconstructed data"
    assert "<script>alert(1)</script>" in rows[1][3]
    rows = list(csv.reader(io.StringIO(curves.read_text(encoding="utf-8-sig"))))
    assert rows[0][:4] == ["panel", "group", "months", "survival"]
    assert rows[1][3] == ""


def test_formulas_leave_the_page_as_text(driver: Any, pages: dict[str, Path]) -> None:
    """The page's own rule, on cells that a spreadsheet would run."""
    from resarc.output import guarded

    script = pages["registry"].read_text(encoding="utf-8").split("<script>")[-1]
    lines = [
        line
        for line in script.splitlines()
        if line.strip().startswith(("const NUMBER", "const guarded"))
    ]
    assert len(lines) == 2
    cells = [
        "=1+1",
        "+1",
        "-3.5",
        "-1,5e3",
        "@x",
        "\tx",
        "plain",
        "−2",
        "+cmd|' /C calc'!A0",
        "-",
        "1-2",
    ]
    found = driver.execute_script("\n".join(lines) + "; return arguments[0].map(guarded)", cells)
    assert found == [guarded(cell) for cell in cells]


def test_a_link_opens_what_is_folded(show: Any) -> None:
    page = show("reconstruction")
    one(page, "nav .tools button").click()
    assert not every(page, "details.section[open]")
    page.execute_script("location.hash = 'audit-all'")
    page.execute_async_script("const done = arguments[0]; setTimeout(done, 100)")
    assert one(page, "#audit-all table").is_displayed()


def test_contents_show_the_tables_of_the_section_that_is_read(show: Any) -> None:
    page = show("reconstruction")
    page.execute_script("document.querySelector('#methods').scrollIntoView()")
    page.execute_async_script("const done = arguments[0]; setTimeout(done, 300)")
    (current,) = every(page, "nav a[aria-current]")
    assert current.text == "Methods"
    shown = [
        a.get_attribute("href").split("#")[1]
        for a in every(page, "nav ol ol a")
        if a.is_displayed()
    ]
    assert "endpoints" in shown
    assert "audit-all" not in shown


def test_everything_that_acts_is_reached_by_tab(show: Any) -> None:
    page = show("reconstruction")
    for fold in every(page, "details"):
        page.execute_script("arguments[0].open = true", fold)
    unreachable = page.execute_script(
        "return [...document.querySelectorAll('button, input, select, summary, a[href], .scroll, .card')]"
        ".filter((element) => element.tabIndex < 0).map((element) => element.outerHTML)"
    )
    assert unreachable == []
    first = page.switch_to.active_element
    first.send_keys("\ue004")
    assert page.switch_to.active_element.text == "Skip to the report"


@pytest.mark.parametrize("name", ["reconstruction", "combined"])
def test_a_narrow_page_does_not_scroll_sideways(show: Any, driver: Any, name: str) -> None:
    driver.set_window_size(500, 900)
    try:
        page = show(name)
        assert page.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    finally:
        driver.set_window_size(1400, 1000)

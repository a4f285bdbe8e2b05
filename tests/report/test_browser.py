"""The report in a real browser: at two widths, by keyboard, in the dark, with columns named to do harm."""

import io
import json

import numpy as np
import pandas as pd
import pytest

from spectral_interp import SpectralRegressor, report
from spectral_interp.comparison import study
from spectral_interp.comparison.baselines import fit_baselines
from spectral_interp.comparison.explainers import EXPLAINERS
from tests.report.test_page import picked_rows

SCRIPT, IMAGE, LONG = (
    "</script><script>window.broken = 1</script>",
    "<img src=x onerror='window.broken = 2'>",
    "n" * 200,
)
NAMES = [
    SCRIPT,
    IMAGE,
    LONG,
    "_hidden",
    "$x_1^2$",
    "😀 & <b>mood</b>",
    "{{ 7 * 7 }}",
    "%s \\n",
    "a`b'c\"d",
    "Größe",
    "k",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of an analysis with hostile names of columns, levels and target."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(80, len(NAMES))), columns=NAMES)
    y = (X[SCRIPT] + X[IMAGE] * X["_hidden"]).rename("<i>target</i> & $y$")
    X["<script>city</script>"] = np.where(X["k"] > 0, "<u>Oslo</u>", "Rome & $a$")
    est = SpectralRegressor(dim=5, n_epochs=5, random_state=0, form="single").fit(X, y)
    est.baselines_ = fit_baselines(est, X, y)
    X.loc[3, "Größe"] = np.nan
    few = [one for one in EXPLAINERS if one.name in ("local", "shapley", "SHAP Linear", "SHAP Deep")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "EXPLAINERS", tuple(few))
        analysis = report.analyze(
            est, X[:30], y[:30], methods=["local", "shapley"], most=3, compare_rows=2, seed=0
        )
    folder = tmp_path_factory.mktemp("browser") / "out"
    report.write(analysis, folder)
    return folder


@pytest.fixture(params=[1280, 390])
def page(request, chromium, folder):
    """Return the browser with the report open at one width."""
    size = {"width": request.param, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    chromium.get_log("browser"), chromium.get_log("performance")
    chromium.get((folder / "report.html").as_uri())
    return chromium


def _text(page, selector):
    return page.execute_script("return document.querySelector(arguments[0]).textContent", selector)


def test_nothing_fails_overflows_or_goes_out(page):
    assert page.get_log("browser") == []
    entries = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in entries if e["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith(("data:", "file:"))] == []
    page.execute_script("for (const part of document.querySelectorAll('details')) part.open = true")
    wide, room = page.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= room
    cut = page.execute_script(
        """const parts = [...document.querySelectorAll('figure, article, dd, .controls')];
        return parts.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent)"""
    )
    assert cut == []
    images = page.execute_script("return [...document.images].map((one) => one.complete && one.naturalWidth)")
    assert len(images) > 15
    assert all(images)


def test_names_appear_as_typed_and_inject_nothing(page):
    assert page.execute_script("return window.broken") is None
    scripts = page.execute_script("return [...document.scripts].map((one) => one.id)")
    assert scripts == ["data", "whatif-data", "", "", "", ""]
    said = page.execute_script("return document.getElementById('certificates').textContent")
    assert SCRIPT in said
    assert _text(page, "h1").startswith("<i>target</i> & $y$")
    cells = page.execute_script("return [...document.querySelectorAll('td')].map((one) => one.textContent)")
    assert {*NAMES, "<script>city</script>"} <= set(cells)


def test_the_picker_shows_every_row(page):
    data = json.loads(_text(page, "#data"))
    read = """return [...document.querySelectorAll('#waterfall tbody tr')].map((row) =>
        [row.cells[0].textContent, row.cells[1].textContent, row.querySelector('.number').textContent])"""
    pick = """const box = document.getElementById(arguments[0]); box.value = arguments[1];
        box.dispatchEvent(new Event('change', {bubbles: true}))"""
    for method, at in (("local", 3), ("local", 29), ("shapley", 2)):
        page.execute_script(pick, "method", method)
        page.execute_script(pick, "row", str(at))
        row = picked_rows(data["methods"][method])[at]
        lines = page.execute_script(read)
        assert _text(page, "#said").startswith(f"Row {row['row']}: prediction ")
        assert [lines[0][0], lines[-1][0]] == ["base value", "prediction"]
        shown = [line[0] for line in lines[1:-1]]
        assert shown == [*(data["columns"][step[0]] for step in row["steps"][:10]), "2 others"]
        numbers = [float(line[2].replace("−", "-").replace(",", "")) for line in lines]
        assert sum(numbers[:-1]) == pytest.approx(numbers[-1], abs=2e-3 * max(map(abs, numbers)))


def test_rows_in_order_by_keyboard(page):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    page.find_element(By.CSS_SELECTOR, "summary:has(#rows-title)").send_keys(Keys.ENTER)
    data = picked_rows(json.loads(_text(page, "#data"))["methods"]["local"])
    worst = sorted(data, key=lambda row: -row["error"])
    order = page.find_element(By.ID, "order")
    order.send_keys("by error")
    page.execute_script("document.getElementById('row').selectedIndex = 0")
    page.execute_script("document.getElementById('row').dispatchEvent(new Event('change', {bubbles: true}))")
    assert _text(page, "#said").startswith(f"Row {worst[0]['row']}:")
    button = page.find_element(By.ID, "next")
    button.send_keys(Keys.ENTER)
    assert _text(page, "#said").startswith(f"Row {worst[1]['row']}:")
    assert page.find_element(By.ID, "previous").is_enabled()


def test_tables_sort_by_click_and_by_key(page):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    page.execute_script("for (const part of document.querySelectorAll('details')) part.open = true")
    table = page.find_element(By.CSS_SELECTOR, "#background_stability table")
    heads = [head.get_attribute("textContent") for head in table.find_elements(By.CSS_SELECTOR, "th")]
    at = heads.index(next(head for head in heads if head.startswith("mean")))
    read = """return [...arguments[0].tBodies[0].rows].map((row) =>
        parseFloat(row.cells[arguments[1]].dataset.key))"""
    button = table.find_elements(By.CSS_SELECTOR, "th button")[at]
    page.execute_script("arguments[0].click()", button)
    values = page.execute_script(read, table, at)
    assert values == sorted(values, reverse=True)
    assert len(set(values)) > 5
    button.send_keys(Keys.ENTER)
    assert page.execute_script(read, table, at) == sorted(values)
    assert table.find_elements(By.CSS_SELECTOR, "th")[at].get_attribute("aria-sort") == "ascending"


def test_what_if_with_hostile_names(page, folder):
    ready = """const done = arguments[0];
        const wait = () => document.getElementById('whatif').panel ? done() : setTimeout(wait, 20); wait()"""
    page.execute_async_script(ready)
    names = [*NAMES, "<script>city</script>"]
    titles = "return [...document.querySelectorAll('.wi-name')].map((one) => one.textContent)"
    assert set(page.execute_script(titles)) == {*names}
    levels = "return [...document.querySelector('.wi-card select').options].map((one) => one.textContent)"
    assert {"<u>Oslo</u>", "Rome & $a$"} <= {*page.execute_script(levels)}
    before = _text(page, "#wi-prediction")
    assert before.startswith("<i>target</i> & $y$: ")
    page.execute_script(
        """const box = document.querySelector('#wi-first input[type=range]');
        box.value = box.max; box.dispatchEvent(new Event('input', {bubbles: true}));
        box.dispatchEvent(new Event('change', {bubbles: true}));
        document.getElementById('wi-copy').click()"""
    )
    assert _text(page, "#wi-prediction") != before
    row = pd.read_csv(io.StringIO(page.execute_script("return document.getElementById('wi-text').value")))
    assert [*row.columns] == names
    assert page.execute_script("return location.hash").startswith("#whatif=")
    assert page.execute_script("return window.broken") is None
    assert page.get_log("browser") == []


def test_dark_and_light(page):
    def colours(scheme):
        feature = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", feature)
        read = "const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]"
        return [sum(map(int, text[4:-1].split(","))) for text in page.execute_script(read)]

    (light_ground, light_ink), (dark_ground, dark_ink) = colours("light"), colours("dark")
    assert light_ground - light_ink > 500
    assert dark_ink - dark_ground > 500


def _seen(page, name):
    return page.execute_script("return document.getElementById(arguments[0]).checkVisibility()", name)


def test_sections_open_by_link_by_key_and_for_print(page):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    assert [_seen(page, name) for name in ("minute", "importance_local", "whatif")] == [True] * 3
    assert not any(_seen(page, name) for name in ("certificates", "comparison", "sensitivity", "made"))
    page.execute_script("location.hash = '#sensitivity'")  # two clicks deep
    page.execute_script("dispatchEvent(new HashChangeEvent('hashchange'))")
    assert _seen(page, "certificates")
    assert _seen(page, "sensitivity")
    page.find_element(By.CSS_SELECTOR, "summary:has(#comparison-title)").send_keys(Keys.ENTER)
    assert _seen(page, "comparison")
    page.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert _seen(page, "made")
    assert _seen(page, "latents")
    page.execute_script("dispatchEvent(new Event('afterprint'))")
    assert not _seen(page, "made")
    assert _seen(page, "comparison")


def test_contents_say_where_one_is(page):
    from selenium.webdriver.support.ui import WebDriverWait

    current = "return [...document.querySelectorAll('#contents [aria-current]')].map((one) => one.hash)"
    assert page.execute_script(current) == ["#minute"]
    scroll = "document.getElementById('whatif').scrollIntoView({ behavior: 'instant' })"
    page.execute_script(scroll)
    WebDriverWait(page, 5).until(lambda page: page.execute_script(current) == ["#whatif"])
    page.execute_script("document.querySelector('#contents a[href=\"#made\"]').click()")
    assert page.execute_script(current) == ["#made"]
    assert _seen(page, "made")
    assert _text(page, "#here") == "About this report"
    opened = page.execute_script("return document.querySelector('#contents details').open")
    assert opened == (page.execute_script("return innerWidth") == 1280)


def test_words_of_the_glossary_are_explained_by_key_and_by_mouse(page):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    shown = "return [...document.querySelectorAll(':popover-open')].map((one) => one.id)"
    word = page.find_element(By.CSS_SELECTOR, "header .term")
    word.send_keys(Keys.ENTER)
    assert page.execute_script(shown) == ["term-proven"]
    word.send_keys(Keys.ESCAPE)
    assert page.execute_script(shown) == []
    ActionChains(page).move_to_element(word).perform()
    assert page.execute_script(shown) == ["term-proven"]
    left, right = page.execute_script(
        """const box = document.querySelector(':popover-open').getBoundingClientRect();
        return [box.left, innerWidth - box.right]"""
    )
    assert min(left, right) >= 0
    ActionChains(page).move_by_offset(0, 300).perform()
    assert page.execute_script(shown) == []


def test_without_javascript_sections_open_and_words_are_explained(page):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.refresh()
        page.find_element(By.CSS_SELECTOR, "summary:has(#certificates-title)").send_keys(Keys.ENTER)
        assert page.find_element(By.ID, "certificates").is_displayed()
        page.find_element(By.CSS_SELECTOR, "header .term").send_keys(Keys.ENTER)
        assert page.find_element(By.ID, "term-proven").is_displayed()
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

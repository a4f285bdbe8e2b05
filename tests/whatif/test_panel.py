"""The panel in a browser: it shows what the model predicts, and survives what strangers put into links."""

import io
import re
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest

from spectral_interp import Pencil, certify, explain
from spectral_interp.view import ModelView, Rows, rows_of, view_of
from spectral_interp.view.model import log_odds_of_two
from spectral_interp.whatif.panel import CELLS, bands, panel_data
from tests.sums import random_sum, random_table, rows_of_table
from tests.whatif.conftest import reopen

pytestmark = pytest.mark.filterwarnings("ignore:column")

STATE = "return document.getElementById('whatif').panel.state"
FOUND = "return document.getElementById('whatif').panel.found.prediction"
CHANGE = """const box = document.getElementById(arguments[0]);
box.value = arguments[1];
for (const name of ['input', 'change']) box.dispatchEvent(new Event(name, {bubbles: true}))"""
SETTLED = """const done = arguments[0], panel = document.getElementById('whatif').panel;
const wait = () => (panel.waiting || panel.search) ? setTimeout(wait, 20) : done(true); wait()"""


def text(page, name):
    return page.execute_script("return document.getElementById(arguments[0]).textContent", f"wi-{name}")


def click(page, name):
    page.execute_script("document.getElementById(arguments[0]).click()", f"wi-{name}")


def numbers(line):
    found = re.findall(r"[−-]?\d[\d,]*\.?\d*", line)
    return [float(one.replace("−", "-").replace(",", "")) for one in found]


def read_back(page):
    """Return the row that "Copy as row" shows, read as a table."""
    click(page, "copy")
    shown = page.execute_script("return document.getElementById('wi-text').value")
    return pd.read_csv(io.StringIO(shown))


def test_it_shows_the_row_its_prediction_and_its_contributions(open_panel, price):
    est, X = price
    page = open_panel(est.rows(X), start=7)
    assert text(page, "prediction") == f"price: {numbers(text(page, 'prediction'))[0]:g}"
    assert page.execute_script(FOUND) == pytest.approx(est.predict(X[7:8])[0], rel=1e-12)
    lines = page.execute_script(
        """return [...document.querySelectorAll('#wi-waterfall tbody tr')].map((row) =>
        [...row.cells].map((cell) => cell.textContent))"""
    )
    att = explain(est, X[7:8], method="local")
    for name, _, total, diagonal, coupling in lines[1:-1]:
        at = att.columns.index(name)
        expected = att.values[0, at], att.diagonal[0, at], att.coupling[0, at]
        shown = [numbers(one)[0] for one in (total, diagonal, coupling)]
        assert shown == pytest.approx(expected, rel=1e-3, abs=1e-3)
    assert numbers(lines[0][2])[0] == pytest.approx(att.base_values[0], rel=1e-3)
    assert len(lines) == 7


def test_a_slider_by_keyboard_a_number_a_level_and_a_gap(open_panel, price):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    est, X = price
    page = open_panel(est.rows(X), start=3)
    before = page.execute_script(STATE)["values"][0]
    page.find_element(By.CSS_SELECTOR, "#wi-first .wi-card input[type=range]").send_keys(Keys.ARROW_RIGHT * 9)
    assert page.execute_script(STATE)["values"][0] > before
    page.execute_script(CHANGE, "wi-value-2", "2.5")
    page.execute_script(CHANGE, "wi-value-4", str(["Rome", "Oslo"].index(X["city"][3])))
    page.find_element(By.CSS_SELECTOR, ".wi-gap input").click()
    row = read_back(page)
    assert np.isnan(row["gappy"][0])
    assert row["income"][0] == 2.5
    assert page.execute_script(FOUND) == pytest.approx(est.predict(row)[0], rel=1e-12)
    page.execute_script(CHANGE, "wi-value-2", "")
    assert page.execute_script("return document.getElementById('wi-value-2').ariaInvalid") == "true"
    assert "not a possible value" in text(page, "here-2")
    assert page.execute_script(STATE)["values"][2] == 2.5


def test_undo_redo_reset_and_start(open_panel, price):
    est, X = price
    page = open_panel(est.rows(X), start=3)
    first = page.execute_script(FOUND)
    for value in ("0.5", "1.5"):
        page.execute_script(CHANGE, "wi-value-0", value)
    last = page.execute_script(FOUND)
    click(page, "undo")
    click(page, "undo")
    assert page.execute_script(FOUND) == first
    click(page, "redo")
    click(page, "redo")
    assert page.execute_script(FOUND) == last
    click(page, "reset")
    assert page.execute_script(FOUND) == first
    page.execute_script(CHANGE, "wi-start", "11")
    assert page.execute_script(FOUND) == pytest.approx(est.predict(X[11:12])[0], rel=1e-12)
    page.execute_script(CHANGE, "wi-start", "-1")
    row = read_back(page)
    assert row["a"][0] == pytest.approx(np.quantile(X["a"], 0.5, method="lower"))
    assert row["city"][0] == X["city"].mode()[0]


def test_the_link_keeps_the_state(open_panel, price):
    est, X = price
    page = open_panel(est.rows(X), start=3)
    page.execute_script(CHANGE, "wi-value-0", "-0.25")
    page.execute_script(CHANGE, "wi-tolerance", "2.5")
    state, address = page.execute_script(STATE), page.current_url
    assert "#whatif=" in address
    reopen(page, address)
    assert page.execute_script(STATE) == state


def test_hostile_fragments_are_ignored(open_panel, price):
    est, X = price
    page = open_panel(est.rows(X), start=3)
    page.execute_script(CHANGE, "wi-value-0", "0.5")
    address = page.current_url
    base, good = address.split("#")
    start = {**page.execute_script(STATE), "values": None}
    script = "<img src=x onerror=window.broken=1>"
    bad = [
        "whatif=",
        "whatif=;;;;",
        f"whatif={quote(script)}",
        f"whatif={script}",
        "whatif=%",
        "whatif=" + "9" * 100_000,
        good.replace(";", ";;"),
        good.replace("0.5", script, 1),
        good.replace("0.5", "1e999", 1),
        good.replace("0.5", "NaN", 1),
        good.replace("0.5", "0.5,0.5", 1),
        good.replace("l", "l9", 1) if ",l" in good else "whatif=l",
        good.replace(",l", ",l-1"),
        good.replace(",l", ",constructor"),
        re.sub(r"^whatif=\w+", "whatif=__proto__", good),
        re.sub(r";1;0;-1$", ";1;7;-1", good),
        re.sub(r";1;0;-1$", ";-5;0;-1", good),
        re.sub(r";1;0;-1$", ";1;0;1e9", good),
    ]
    assert good.endswith(";1;0;-1")
    for fragment in bad:
        assert fragment != good
        reopen(page, f"{base}#{fragment}")
        state = page.execute_script(STATE)
        assert page.execute_script(FOUND) == pytest.approx(est.predict(X[3:4])[0], rel=1e-12), fragment
        assert {**state, "values": None} == start
    assert page.execute_script("return window.broken") is None
    page.execute_script("location.hash = arguments[0]", good)
    page.execute_async_script("setTimeout(arguments[0], 100)")
    assert page.execute_script(STATE)["values"][0] == 0.5


def test_the_proven_range_holds_what_is_found(open_panel, price, rng):
    est, X = price
    page = open_panel(est.rows(X), start=5)
    page.execute_script(CHANGE, "wi-tolerance", "5")
    page.execute_async_script(SETTLED)
    low, high, tolerance, least, largest = numbers(text(page, "range"))
    assert tolerance == 5
    assert low <= least < page.execute_script(FOUND) < largest <= high
    u = est.rows(X[5:6]).encoded.u[0]
    moves = np.array([axis.continuous for axis in est.view().axes]) & ~np.isnan(u)
    values = est.view().values(est.view().placed(u + moves * rng.uniform(-0.05, 0.05, (2000, len(u)))))
    assert low <= values.min()
    assert high >= values.max()


def test_curves_stay_within_their_bands(open_panel, price, florist, flowers):
    check_curves(open_panel(florist.rows(flowers[0]), start=4))
    est, X = price
    page = open_panel(est.rows(X), start=5)
    check_curves(page)
    assert page.execute_script("return document.querySelectorAll('.wi-curve .wi-line').length") == 4
    assert page.execute_script("return document.querySelectorAll('.wi-curve .wi-level').length") == 2


def test_bands_are_drawn_when_asked_for(open_panel, price):
    est, X = price
    page = open_panel(est.rows(X), start=5)
    page.execute_async_script(SETTLED)
    count = "return document.querySelectorAll('.wi-band, .wi-whisker').length"
    assert page.execute_script(count) == 0
    click(page, "bands")
    assert page.execute_script(count) == 4 + 2
    click(page, "bands")
    assert page.execute_script(count) == 0


def check_curves(page):
    page.execute_async_script(SETTLED)
    click(page, "bands")
    found = page.execute_script(
        """const panel = document.getElementById('whatif').panel;
        return panel.columns.map((column) => [panel.curves[column.at], panel.band(column)])"""
    )
    for curve, band in found:
        low, high = (np.interp(curve["there"], band["at"], band[end]) for end in ("low", "high"))
        assert (np.array(curve["values"]) >= low - 1e-9).all()
        assert (np.array(curve["values"]) <= high + 1e-9).all()


def test_bands_hold_for_any_other_columns(price, rng):
    est, X = price
    view, rows = est.view(), est.rows(X)
    u, cert = rows.encoded.u, certify(est)
    axis = view.axes[0]
    band = bands(view, axis, u)
    other = u[rng.integers(len(u), size=300)] * rng.uniform(-2, 2, (300, 1)).round()
    other[:, 4] = np.abs(other[:, 4]) % 2
    at = [0, 7, 20, len(band["at"]) - 1]
    for place in at:
        there, start = other.copy(), other.copy()
        there[:, 0], start[:, 0] = band["at"][place], band["from"]
        moved = view.values(view.placed(there)) - view.values(view.placed(start))
        low, high = (end[place] for end in band["ends"][0])
        assert low - 1e-9 <= moved.min()
        assert moved.max() <= high + 1e-9
    values = axis.values(np.array([band["from"], band["at"][7]]))
    low, high = cert.change_range("a", values[:1], values[1:])
    assert [low[0], high[0]] == pytest.approx([end[7] for end in band["ends"][0]])


def test_every_control_has_a_name(open_panel, price, florist, flowers):
    for est, X in (price, (florist, flowers[0])):
        page = open_panel(est.rows(X))
        nameless = page.execute_script(
            """return [...document.querySelectorAll('#wi input, #wi select, #wi button, #wi textarea')]
            .filter((one) => !one.ariaLabel && !one.textContent.trim() && !(one.labels && one.labels.length))
            .map((one) => one.outerHTML)"""
        )
        assert nameless == []
        same = page.execute_script("return [...document.querySelectorAll('[id]')].map((one) => one.id)")
        assert len(same) == len(set(same))
        wide = page.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0


def test_three_classes(open_panel, florist, flowers):
    X = flowers[0]
    page = open_panel(florist.rows(X), start=5, target="kind")
    chances = florist.predict_proba(X[5:6])[0]
    shown = page.execute_script(
        "return [...document.querySelectorAll('#wi-classes tr')].map((row) => row.textContent)"
    )
    best = florist.classes_[chances.argmax()]
    assert text(page, "prediction").startswith(f"kind: {best}, ")
    for label, chance, line in zip(florist.classes_, chances, shown, strict=True):
        assert line.startswith(label)
        assert numbers(line)[-1] == pytest.approx(100 * chance, rel=1e-3)
    page.execute_script(CHANGE, "wi-class", "2")
    page.execute_script(CHANGE, "wi-against", "0")
    found = explain(florist, X[5:6], output="rose", against="iris", method="local")
    assert page.execute_script(FOUND) == pytest.approx(found.prediction[0], rel=1e-10)
    page.execute_async_script(SETTLED)
    assert "log-odds of rose against iris" in text(page, "range")
    page.execute_script(CHANGE, "wi-class", "0")
    assert page.execute_script(STATE)["against"] == -1


def test_two_classes(open_panel, classifier, breast_cancer):
    X = breast_cancer[0]
    page = open_panel(classifier.rows(X), start=2, target="diagnosis")
    chance = classifier.predict_proba(X[2:3])[0].max()
    assert numbers(text(page, "prediction"))[0] == pytest.approx(100 * chance, rel=1e-3)
    assert page.execute_script("return document.getElementById('wi-outputs').hidden")


def test_probabilities_are_never_0_or_1(open_panel):
    """Log-odds of 20: in float64 a probability of 1 − 2e-9."""
    view = view_of(Pencil([[0.0], [10.0]], np.zeros((2, 0)), 0))
    view = ModelView(view.function, view.axes, log_odds_of_two("sick", ("no", "yes")), view.background)
    page = open_panel(Rows(view, np.array([[2.0]]), np.array([[2.0]]), np.arange(1)), target="sick")
    page.execute_async_script(SETTLED)
    assert text(page, "prediction") == "sick: yes, probability above 99.99 %"
    assert "probability of sick = yes: 99.99 % to 100 %" in text(page, "range")
    page.execute_script(CHANGE, "wi-value-0", "-2")
    page.execute_async_script(SETTLED)
    assert text(page, "prediction") == "sick: no, probability above 99.99 %"
    assert "below 0.01 %" in text(page, "classes")
    assert "probability of sick = yes: 0 % to 0.01 %" in text(page, "range")


@pytest.mark.parametrize("value", ["1e160", "1e308"])
def test_values_too_far_out_have_no_prediction(open_panel, price, florist, flowers, value):
    for est, X in (price, (florist, flowers[0])):
        page = open_panel(est.rows(X), start=4)
        page.execute_async_script(SETTLED)
        shown = text(page, "prediction"), text(page, "waterfall"), text(page, "classes")
        page.execute_script(CHANGE, "wi-value-0", value)
        page.execute_async_script(SETTLED)
        assert "cannot be computed" in text(page, "prediction")
        assert (text(page, "range"), text(page, "classes")) == ("", "")
        assert page.execute_script("return document.querySelectorAll('#wi-waterfall td').length") == 0
        assert page.get_log("browser") == []
        click(page, "undo")
        page.execute_async_script(SETTLED)
        assert (text(page, "prediction"), text(page, "waterfall"), text(page, "classes")) == shown


def test_of_many_columns_the_weaker_wait_behind_a_click(open_panel, classifier, breast_cancer):
    X = breast_cancer[0]
    order = [*reversed(classifier.view().columns)]
    page = open_panel(classifier.rows(X), order=order)
    page.execute_async_script(SETTLED)
    drawn = """return [...document.querySelectorAll(arguments[0] + ' .wi-curve')]
        .map((one) => one.childElementCount > 0)"""
    assert page.execute_script("return document.querySelector('#wi-first .wi-name').textContent") == order[0]
    assert page.execute_script(drawn, "#wi-first") == [True] * 12
    assert page.execute_script(drawn, "#wi-more") == [False] * 18
    assert page.execute_script("return document.querySelector('#wi-more summary').textContent") == (
        "18 more columns"
    )
    page.execute_async_script("document.getElementById('wi-more').open = true; setTimeout(arguments[0], 100)")
    page.execute_async_script(SETTLED)
    assert page.execute_script(drawn, "#wi-more") == [True] * 18


def test_dates_and_levels_that_are_not_known(open_panel, rng):
    view = random_sum(rng)
    background = rows_of_table(view, random_table(rng, 30)).z
    view = ModelView(view.function, view.axes, view.output, background, pairs=view.pairs)
    table = random_table(rng, 12)
    rows = rows_of_table(view, table)
    page = open_panel(rows)
    for at in range(12):
        page.execute_script(CHANGE, "wi-start", str(at))
        assert page.execute_script(FOUND) == pytest.approx(rows.prediction[at], rel=1e-10)
    page.execute_script(CHANGE, "wi-value-4", "2022-03-04")
    assert page.execute_script(STATE)["values"][4] == (
        np.datetime64("2022-03-04") - np.datetime64(0, "D")
    ) // np.timedelta64(1, "D")
    click(page, "copy")
    assert ",2022-03-04," in page.execute_script("return document.getElementById('wi-text').value")
    moved = [column[11:] for column in table]
    moved[4] = np.array(["2022-03-04"], dtype="datetime64[D]")
    expected = rows_of_table(view, moved).prediction[0]
    assert page.execute_script(FOUND) == pytest.approx(expected, rel=1e-10)


def test_copied_rows_are_quoted(open_panel):
    names = ('a,b "c"', "=1+1", "line\nbreak")
    pencil = Pencil([[0.0], [1.0], [2.0], [3.0]], np.zeros((4, 0)), 0)
    rows = rows_of(pencil, [[1.5, -2.0, 1e-7]])
    axes = tuple(type(axis)(name) for axis, name in zip(rows.view.axes, names, strict=True))
    view = ModelView(pencil, axes, rows.view.output, rows.view.background)
    page = open_panel(type(rows)(view, rows.z, rows.data, rows.labels))
    row = read_back(page)
    assert tuple(row.columns) == names
    assert row.to_numpy().tolist() == [[1.5, -2.0, 1e-7]]


def test_without_javascript_it_is_hidden(open_panel, price):
    est, X = price
    page = open_panel(est.rows(X))
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.get(page.current_url.split("#")[0])
        shown = page.execute_cdp_cmd("DOM.getDocument", {"depth": -1})
        assert "needs JavaScript" in str(shown)
        box = page.execute_cdp_cmd(
            "DOM.querySelector", {"nodeId": shown["root"]["nodeId"], "selector": "#wi"}
        )
        with pytest.raises(Exception, match="Could not compute box model"):
            page.execute_cdp_cmd("DOM.getBoxModel", box)
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_long_tables_are_thinned(rng):
    p, n = 50, 2000
    pencil = Pencil(rng.normal(size=(p + 1, 1)), np.zeros((p + 1, 0)), 0)
    data = panel_data(rows_of(pencil, rng.normal(size=(n, p))), ["z3", "z1"], target="y", start=1999)
    assert len(data["rows"]["labels"]) == CELLS // p == len(data["rows"]["values"][0])
    assert data["rows"]["labels"][data["start"]] == "1999"
    assert data["order"] == [3, 1]
    assert set(data["bands"]) == {3, 1}


def test_bars_and_typical_values(price):
    est, X = price
    data = panel_data(est.rows(X), ["a"], target="price", start=0)
    a = data["columns"][0]
    counts, _ = np.histogram(X["a"], bins=24)
    assert a["bars"] == pytest.approx(counts / counts.max(), abs=1e-4)
    assert a["typical"] == np.sort(X["a"])[124]
    assert not a["whole"]
    shares = X["city"].value_counts(normalize=True)
    city = data["columns"][4]
    assert city["bars"] == pytest.approx([shares[level] for level in city["levels"]], abs=1e-4)

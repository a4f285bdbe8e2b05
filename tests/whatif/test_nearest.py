"""The nearest change that the page finds, against predictions, distances and proven bounds of Python."""

import numpy as np
import pandas as pd
import pytest

from spectral_interp import Pencil, SpectralRegressor, counterfactual
from spectral_interp.nearest.allowed import allowed_columns
from spectral_interp.nearest.moves import Norm
from spectral_interp.view import ModelView, rows_of
from tests.sums import random_sum, random_table, rows_of_table
from tests.whatif.test_panel import CHANGE, FOUND, STATE, click, read_back, text

pytestmark = pytest.mark.filterwarnings("ignore:column")

FIND = """const done = arguments[0], target = document.getElementById('whatif').panel.target;
document.getElementById('wi-seek').open = true;
document.getElementById('wi-find').click();
const box = document.getElementById('wi-nearest');
const wait = () => (box.textContent && box.textContent !== 'Searching …')
    ? done(target.found) : setTimeout(wait, 20);
wait()"""
LOCK = """const lock = document.getElementById('whatif').panel.cards[arguments[0]].lock;
lock.checked = arguments[1]; lock.dispatchEvent(new Event('change'))"""
APPLY = "document.querySelector('#wi-nearest button').click()"
DISTANCE = "return document.getElementById('whatif').panel.target.found.distance"


def find(page, *, side=None, value=None, label=None):
    """Set a target, search, and return what the page found; None if nothing."""
    for name, given in (("side", side), ("value", value), ("label", label)):
        if given is not None:
            page.execute_script(CHANGE, f"wi-goal-{name}", str(given))
    return page.execute_async_script(FIND)


def applied(page):
    """Apply what was found; return the row, and its distance."""
    distance = page.execute_script(DISTANCE)
    page.execute_script(APPLY)
    return read_back(page), distance


def distance_of(rows, changed, fixed=()):
    """Return how far a changed row is from a row, both as rows of a model, as Python measures it."""
    free = allowed_columns(rows.view, rows.encoded.u[0], rows, fixed, None, None)
    places = [column.place for column in free]
    start, u = rows.encoded.u[0], changed.encoded.u[0]
    kept = np.delete(np.arange(len(u)), places)
    assert np.array_equal(u[kept], start[kept], equal_nan=True)
    return Norm("scaled l1").costs(free, start[places], u[places][None]).sum()


@pytest.mark.parametrize("at", [3, 17, 40])
@pytest.mark.parametrize("side", [1, -1])
def test_a_number_is_reached_at_no_less_than_the_proven_distance(open_panel, price, at, side):
    est, X = price
    row = X[at : at + 1]
    now = est.predict(row)[0]
    goal = float(now + 6 * side)
    page = open_panel(est.rows(X), start=at)
    found = find(page, side=side, value=goal)
    assert found is not None
    assert found["reached"]
    changed, distance = applied(page)
    reached = est.predict(changed)[0]
    assert side * (reached - goal) >= 0
    assert page.execute_script(FOUND) == pytest.approx(reached, rel=1e-10)
    assert distance == pytest.approx(distance_of(est.rows(row), est.rows(changed)), rel=1e-9)
    proven = counterfactual(est, row, target=goal, max_evaluations=4)
    assert proven.lower * (1 - 1e-9) <= distance <= 1.05 * proven.distance
    assert text(page, "nearest") == ""


def test_what_is_said_before_and_after(open_panel, price):
    est, X = price
    page = open_panel(est.rows(X), start=3)
    now = est.predict(X[3:4])[0]
    find(page, side=1, value=float(now + 5))
    said = text(page, "nearest")
    assert "not proven" in said
    assert "counterfactual" in said
    assert "at least" in text(page, "goal-number")
    find(page, side=1, value=float(now - 5))
    assert "already" in text(page, "nearest")
    find(page, value="")
    page.execute_script("document.getElementById('wi-goal-value').value = ''")
    find(page)
    assert "Set a number" in text(page, "nearest")


def test_what_is_found_is_the_least_change_of_one_column(open_panel):
    """f = max(0, u) alone has its crossing in closed form."""
    pencil = Pencil([[0.0, 0.0], [2.0, 0.0], [0.5, 0.0]], np.zeros((3, 1)), 1)
    rows = rows_of(pencil, [[0.25, 0.0], [-3.0, -3.0], [3.0, 3.0]])
    page = open_panel(rows)
    found = find(page, side=1, value=3)
    assert found["values"] == pytest.approx([1.5, 0.0], abs=2e-4)
    assert found["values"][0] >= 1.5
    assert find(page, side=1, value=30) is None
    assert "does not prove" in text(page, "nearest")
    assert page.get_log("browser") == []


def test_two_columns_where_one_is_not_enough(open_panel):
    """2 a + b >= 8 with a up to 3, b up to 3: a goes to its end and b does the rest."""
    pencil = Pencil([[0.0], [2.0], [1.0]], np.zeros((3, 0)), 0)
    rows = rows_of(pencil, [[0.0, 0.0], [-3.0, -3.0], [3.0, 3.0]])
    page = open_panel(rows)
    found = find(page, side=1, value=8)
    assert found["values"] == pytest.approx([3.0, 2.0], abs=2e-4)
    assert found["distance"] == pytest.approx(5.0, abs=2e-4)
    page.execute_script(LOCK, 0, True)
    assert find(page) is None
    page.execute_script(LOCK, 0, False)
    page.execute_script(LOCK, 1, True)
    assert find(page, value=5)["values"] == pytest.approx([2.5, 0.0], abs=2e-4)


def test_kept_columns_stay_and_undo_takes_a_change_back(open_panel, price):
    est, X = price
    page = open_panel(est.rows(X), start=3)
    before = page.execute_script(STATE)
    goal = float(est.predict(X[3:4])[0] + 3)
    free = find(page, side=1, value=goal)["distance"]
    kept = [X.columns.get_loc(name) for name in ("a", "city")]
    for at in kept:
        page.execute_script(LOCK, at, True)
    assert text(page, "nearest") == ""
    assert find(page)["distance"] >= free * (1 - 1e-3)
    changed, distance = applied(page)
    assert est.predict(changed)[0] >= goal
    rows = est.rows(X[3:4])
    assert distance == pytest.approx(distance_of(rows, est.rows(changed), ["a", "city"]), rel=1e-9)
    assert text(page, "nearest") == ""
    click(page, "undo")
    assert page.execute_script(STATE) == before
    click(page, "redo")
    assert page.execute_script(STATE)["values"] != before["values"]
    for at in range(len(X.columns)):
        page.execute_script(LOCK, at, True)
    find(page)
    assert "No column may change" in text(page, "nearest")


def test_locks_are_on_show_with_the_search_and_work_by_keyboard(open_panel, price):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    est, X = price
    page = open_panel(est.rows(X), start=3)
    lock = page.find_element(By.CSS_SELECTOR, ".wi-lock input")
    assert not lock.is_displayed()
    page.find_element(By.CSS_SELECTOR, "#wi-seek summary").send_keys(Keys.ENTER)
    page.execute_async_script("setTimeout(arguments[0], 50)")
    assert lock.is_displayed()
    lock.send_keys(Keys.SPACE)
    assert lock.is_selected()
    value = page.execute_script("return Number(document.getElementById('wi-goal-value').value)")
    assert value == pytest.approx(1.1 * est.predict(X[3:4])[0], rel=5e-3)


@pytest.mark.parametrize("at", [0, 5, 11])
def test_every_other_class(open_panel, florist, flowers, at):
    X = flowers[0]
    row, classes = X[at : at + 1], list(florist.classes_)
    for label in classes:
        if label == florist.predict(row)[0]:
            continue
        page = open_panel(florist.rows(X), start=at, target="kind")
        found = find(page, label=classes.index(label))
        proven = counterfactual(florist, row, target=label, max_evaluations=2)
        if found is None:
            assert proven.distance == np.inf
            continue
        changed, distance = applied(page)
        assert florist.predict(changed)[0] == label
        assert distance == pytest.approx(distance_of(florist.rows(row), florist.rows(changed)), rel=1e-9)
        assert proven.lower * (1 - 1e-9) <= distance <= 1.1 * proven.distance


def test_of_two_classes_the_other(open_panel, classifier, breast_cancer):
    X = breast_cancer[0]
    row = X[2:3]
    page = open_panel(classifier.rows(X), start=2, target="diagnosis")
    assert find(page) is not None
    changed, distance = applied(page)
    assert classifier.predict(changed)[0] != classifier.predict(row)[0]
    assert distance == pytest.approx(distance_of(classifier.rows(row), classifier.rows(changed)), rel=1e-9)
    proven = counterfactual(classifier, row, max_evaluations=2)
    assert proven.lower * (1 - 1e-9) <= distance <= 1.05 * proven.distance
    assert find(page) is not None, "and back"
    changed, _ = applied(page)
    assert classifier.predict(changed)[0] == classifier.predict(row)[0]


def test_dates_levels_and_gaps_stay_legal(open_panel, rng):
    view = random_sum(rng)
    background = rows_of_table(view, random_table(rng, 30)).z
    view = ModelView(view.function, view.axes, view.output, background, pairs=view.pairs)
    rows = rows_of_table(view, random_table(rng, 8))
    page = open_panel(rows)
    reached = 0
    for at in range(8):
        page.execute_script(CHANGE, "wi-start", str(at))
        before, goal = page.execute_script(STATE)["values"], float(rows.prediction[at] + 0.5)
        found = find(page, side=1, value=goal)
        if found is None:
            continue
        reached += 1
        page.execute_script(APPLY)
        assert page.execute_script(FOUND) >= goal
        for axis, old, new in zip(view.axes, before, found["values"], strict=True):
            assert (old is None) == (new is None), axis.name
        days = found["values"][4]
        assert days is None or days == round(days)
        click(page, "undo")
    assert reached > 4


def test_whole_numbers_stay_whole(open_panel, rng):
    X = pd.DataFrame({"count": rng.integers(0, 9, 120), "size": rng.normal(size=120)})
    y = (X["count"] + 0.1 * X["size"]).rename("y")
    est = SpectralRegressor(form="single", dim=3, n_epochs=60, random_state=0).fit(X, y)
    row = pd.DataFrame({"count": [2], "size": [0.0]})
    page = open_panel(est.rows(pd.concat([row, X], ignore_index=True)))
    goal = float(est.predict(row)[0] + 1.3)
    page.execute_script(LOCK, 1, True)
    find(page, side=1, value=goal)
    changed, distance = applied(page)
    assert changed["size"][0] == 0
    whole = range(2, 9)
    reach = est.predict(pd.DataFrame({"count": whole, "size": [0.0] * 7}))
    assert changed["count"][0] == whole[int(np.argmax(reach >= goal))]
    assert distance == pytest.approx(distance_of(est.rows(row), est.rows(changed)), rel=1e-9)


def test_hostile_names_appear_as_typed(open_panel):
    names = ("<img src=x onerror='window.broken = 1'>", "</script><script>window.broken = 2</script>")
    pencil = Pencil([[0.0], [2.0], [1.0]], np.zeros((3, 0)), 0)
    rows = rows_of(pencil, [[0.0, 0.0], [-3.0, -3.0], [3.0, 3.0]])
    axes = tuple(type(axis)(name) for axis, name in zip(rows.view.axes, names, strict=True))
    view = ModelView(pencil, axes, rows.view.output, rows.view.background)
    page = open_panel(type(rows)(view, rows.z, rows.data, rows.labels))
    assert find(page, side=1, value=8) is not None
    heads = page.execute_script(
        "return [...document.querySelectorAll('#wi-nearest tbody th')].map((one) => one.textContent)"
    )
    assert sorted(heads) == sorted(names)
    assert page.execute_script("return window.broken") is None

"""The model in JavaScript computes what Python does: predictions, contributions and proven ranges."""

import datetime
import json
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from spectral_interp import DensePencil, Pencil
from spectral_interp.attribution.local import local
from spectral_interp.boxes import bounds
from spectral_interp.boxes.limits import FreeNumber, Region, Span
from spectral_interp.pencil import Total
from spectral_interp.view import (
    ClassesView,
    DateAxis,
    LevelsAxis,
    ModelView,
    NumberAxis,
    Output,
    Rows,
    view_of,
)
from spectral_interp.whatif import model
from spectral_interp.whatif.model import TooLarge, model_data
from tests.sums import random_sum, random_table, rows_of_table

SOURCE = (files("spectral_interp.whatif") / "assets" / "model.js").read_text(encoding="utf-8")
ROWS, TOLERANCE = 1000, 1e-9
pytestmark = pytest.mark.filterwarnings("ignore:column")  # far values and unseen levels are meant

EVALUATE = """
const [data, rows, widths, weights, done] = arguments;
SpectralModel.from(data).then((model) => done(rows.map((row) => {
  const u = row.map((value, column) => model.coordinate(column, value));
  const scores = model.scores(u);
  const found = model.explain(u, weights);
  const ends = [-1, 1].map((sign) => u.map((x, column) => x + sign * widths[column]));
  return {
    scores: Array.from(scores), base: found.base, explained: found.prediction,
    diagonal: Array.from(found.diagonal), coupling: Array.from(found.coupling),
    range: model.bound(u, ...ends, weights).range,
    probabilities: SpectralModel.probabilities(scores),
  };
}))).catch((error) => done(String(error)));
"""
CURVES = """
const [data, rows, steps, done] = arguments;
SpectralModel.from(data).then((model) => {
  let worst = 0;
  for (const row of rows) {
    const u = row.map((value, column) => model.coordinate(column, value));
    u.forEach((_, column) => {
      const levels = model.axes[column].levels;
      const there = [...(levels ? levels.keys() : steps), NaN];
      const found = model.curve(u, column, there, new Float64Array(there.length * model.functions));
      there.forEach((x, i) => {
        const moved = u.slice();
        moved[column] = x;
        const own = found.slice(i * model.functions, (i + 1) * model.functions);
        const expected = model.scores(moved);
        const compared = model.functions > 1 ? SpectralModel.centred(own) : own;
        compared.forEach((score, f) => { worst = Math.max(worst, Math.abs(score - expected[f])); });
      });
    });
  }
  done(worst);
}).catch((error) => done(String(error)));
"""


HALVE = """
const [data, row, width, steps, done] = arguments;
SpectralModel.from(data).then((model) => {
  const u = row.map((value, column) => model.coordinate(column, value));
  const moves = (column) => model.axes[column].kind === "number";
  const ends = [-1, 1].map((sign) => u.map((x, column) => (moves(column) ? x + sign * width : x)));
  const search = new SpectralModel.Search(model, u, ...ends, [1]);
  const found = [[...search.range, ...search.found]];
  for (let i = 0; i < steps; i++) {
    search.halve();
    found.push([...search.range, ...search.found]);
  }
  done(found);
}).catch((error) => done(String(error)));
"""


@pytest.fixture(scope="module")
def browser(chromium):
    chromium.get("about:blank")
    chromium.set_script_timeout(60)
    return chromium


def run(browser, script, *arguments):
    return browser.execute_async_script(SOURCE + script, *arguments)


def plain(value):
    """Return a cell as JavaScript gets it: numbers, texts, days since 1970, None where missing."""
    if isinstance(value, pd.Timestamp | np.datetime64 | datetime.date):
        return None if pd.isna(value) else float(np.datetime64(value, "us").astype(np.int64) / 86400e6)
    missing = value is None or value != value
    return None if missing else value if isinstance(value, str) else float(value)


def varied(X, rng):
    """Return 1,000 rows whose columns are drawn one by one, with gaps, unseen levels and far values."""
    found = {}
    for name in X:
        column = X[name].to_numpy()[rng.integers(len(X), size=ROWS)]
        if column.dtype == object:
            column = np.where(rng.random(ROWS) < 0.1, "never seen", column)
        else:
            column = np.where(rng.random(ROWS) < 0.1, column * 50, column)
        found[name] = column
    return pd.DataFrame(found)


def check(browser, rows, weights, *, width=0.3, reference=None):
    """Compare JavaScript with Python at rows of a model, explained as a weighted sum of its functions."""
    view = rows.view
    chosen = view
    if isinstance(view, ClassesView):
        chosen = ModelView(
            Total.combined(view.functions, weights), view.axes, view.output, view.background, pairs=view.pairs
        )
    values = [[plain(value) for value in row] for row in rows.data.tolist()]
    widths = [width if isinstance(axis, NumberAxis) else 0.0 for axis in view.axes]
    sent = json.loads(json.dumps(model_data(view)))
    found = run(browser, EVALUATE, sent, values, widths, list(map(float, weights)))
    assert isinstance(found, list), found
    expected = np.reshape(rows.prediction, (len(rows), -1))
    same([one["scores"] for one in found], expected)
    parts = local(Rows(chosen, rows.z, rows.data, rows.labels), chosen.background)
    kept = ~parts.degenerate
    assert kept.mean() > 0.9
    same([one["explained"] for one in found], parts.prediction)
    for name, theirs in (
        ("base", parts.base_values),
        ("diagonal", parts.diagonal),
        ("coupling", parts.coupling),
    ):
        same(np.array([one[name] for one in found])[kept], theirs[kept])
    low, high = one_box(chosen, rows.z, widths)
    same([one["range"] for one in found], np.column_stack([low, high]))
    return found


def same(found, expected):
    """Assert that numbers differ by at most 1e-9 of the largest of their row, or of all rows for a number."""
    found, expected = np.asarray(found, dtype=np.float64), np.asarray(expected)
    assert found.shape == expected.shape
    size = np.abs(expected) if expected.ndim == 1 else np.abs(expected).max(axis=1, keepdims=True)
    excess = np.abs(found - expected) - TOLERANCE * np.maximum(size, 1e-3 * size.max())
    assert excess.max() <= 0, excess.max()


def one_box(view, z, widths):
    """Return the bounds of boxes/bounds.py around rows, without corners and products."""
    ends = []
    for u in view.coordinates(z):
        free = [
            FreeNumber(place, axis, Span(u[place] - width, u[place] + width))
            for place, (axis, width) in enumerate(zip(view.axes, widths, strict=True))
            if width and not np.isnan(u[place])
        ]
        region = Region(view, free, u)
        found = bounds.bounds_in(region, [region.root])
        slack = bounds.ROUNDING * region.size.sum()
        ends.append((found.low[0] - slack, found.high[0] + slack))
    return np.array(ends).T


@pytest.fixture(autouse=True)
def plain_bounds(monkeypatch):
    monkeypatch.setattr(bounds, "CORNERS", 0)
    monkeypatch.setattr(bounds, "CROSSED", 0)


def test_a_single_neuron(browser, regressor, diabetes, rng):
    check(browser, regressor.rows(varied(diabetes[0], rng)), [1.0])


def test_a_sum_with_knots_pairs_levels_gaps_and_logarithms(browser, price, rng):
    est, X = price
    table = varied(X, rng)
    assert est.view().axis("income").floor is not None
    table.loc[:20, "income"] = 0.0
    rows = est.rows(table)
    assert table["gappy"].isna().any()
    found = check(browser, rows, [1.0], width=0.1)
    inside = [one["range"][0] <= one["explained"] <= one["range"][1] for one in found]
    assert all(inside)


def test_three_classes(browser, florist, flowers, rng):
    table = varied(flowers[0], rng)
    rows = florist.rows(table)
    check(browser, rows.take(slice(200)), [1.0, -1.0, 0.0])
    found = check(browser, rows, [2 / 3, -1 / 3, -1 / 3])
    same([one["probabilities"] for one in found], softmax(rows.prediction, axis=1))


@pytest.mark.parametrize("diagonal", [False, True])
def test_every_kind_of_column_and_weight(browser, rng, diagonal):
    view = random_sum(rng, diagonal=diagonal)
    background = rows_of_table(view, random_table(rng, 30)).z
    view = ModelView(view.function, view.axes, view.output, background, pairs=view.pairs)
    check(browser, rows_of_table(view, random_table(rng, 200)), [1.0])


@pytest.mark.parametrize("time", [False, True])
def test_every_part_of_a_date(browser, rng, time):
    week, hours = (0.2, 0.2, 0.0, 0.2, 0.2, 0.1, 0.1), (1 / 24,) * 24
    months = (0.0, 0.1, *(0.09,) * 10)
    parts = {"month": months, "weekday": week, "hour": hours if time else ()}
    axis = DateAxis("day", 100.0, 5000.0, -9000.0, 9000.0, median=50.0, missing=0.1, time=time, **parts)
    shape = (1 + axis.n_features, 4)
    pencil = Pencil(rng.normal(size=shape), rng.normal(size=(shape[0], 3)), 2)
    moments = rng.integers(-9000 * 86400, 9000 * 86400, 300)
    moments[::2] -= moments[::2] % 3600
    seconds = moments.astype("datetime64[s]")
    seconds[::9] = np.datetime64("NaT", "D")
    z = axis.encode(seconds)
    view = ModelView(pencil, (axis,), Output("y"), z[:20])
    check(browser, Rows(view, z, seconds[:, None].astype(object), np.arange(300)), [1.0])


@pytest.mark.parametrize("d", [1, 2, 7])
def test_dense_matrices_and_small_ones(browser, rng, d):
    full = rng.normal(size=(5, d, d))
    dense = DensePencil(full + full.swapaxes(1, 2), d // 2)
    check_pencil(browser, dense, rng)
    check_pencil(browser, Pencil(rng.normal(size=(5, d)), rng.normal(size=(5, d - 1)), d - 1), rng)


def check_pencil(browser, pencil, rng):
    view = view_of(pencil)
    z = rng.normal(size=(100, 4))
    check(browser, Rows(view, z, z, np.arange(100)), [1.0])


def test_multiple_eigenvalues(browser):
    pencil = Pencil(np.zeros((3, 6)), np.tile([1.0, 0.0, 1.0, 0.0, 1.0], (3, 1)), 3)
    view = view_of(pencil)
    z = np.array([[1.0, 2.0], [0.0, -1.0], [3.0, 0.5]])
    sent = json.loads(json.dumps(model_data(view)))
    found = run(browser, EVALUATE, sent, z.tolist(), [0.0, 0.0], [1.0])
    same(np.concatenate([one["scores"] for one in found]), np.abs(1 + z.sum(axis=1)))
    for one in found:
        total = one["base"] + sum(one["diagonal"]) + sum(one["coupling"])
        assert total == pytest.approx(one["explained"], abs=1e-12)


def test_curves_are_predictions(browser, price, florist, flowers, rng):
    for est, X in (price, (florist, flowers[0])):
        rows = est.rows(varied(X, rng)).take(slice(20))
        values = [[plain(value) for value in row] for row in rows.data.tolist()]
        steps = np.linspace(-3, 3, 9).tolist()
        worst = run(browser, CURVES, model_data(est.view()), values, steps)
        assert worst <= 1e-11 * np.abs(rows.prediction).max()


def test_halving_tightens_a_range_that_holds_every_value(browser, price, rng):
    est, X = price
    view, rows = est.view(), est.rows(X[:1])
    u, width = view.coordinates(rows.z)[0], 0.2
    values = [plain(value) for value in rows.data[0].tolist()]
    low, high, least, largest = np.array(run(browser, HALVE, model_data(view), values, width, 60)).T
    moves = np.array([isinstance(axis, NumberAxis) for axis in view.axes])
    points = u + moves * rng.uniform(-width, width, (3000, len(u)))
    inside = view.values(view.placed(points))
    assert low[-1] <= min(inside.min(), least[-1])
    assert high[-1] >= max(inside.max(), largest[-1])
    assert (np.diff(low) >= 0).all()
    assert (np.diff(high) <= 0).all()
    assert high[-1] - low[-1] < 0.7 * (high[0] - low[0])
    assert least[-1] < inside.min() + 0.3 * np.ptp(inside)
    assert largest[-1] > inside.max() - 0.3 * np.ptp(inside)


def test_features_without_effect_are_not_sent(browser, rng):
    diag, off = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    diag[2] = off[2] = 0.0
    pencil = Pencil(diag, off, 1)
    data = model_data(view_of(pencil))
    assert data["used"] == [0, 2]
    check_pencil_of(browser, pencil, rng)


def check_pencil_of(browser, pencil, rng):
    z = rng.normal(size=(50, 3))
    check(browser, Rows(view_of(pencil), z, z, np.arange(50)), [1.0])


def test_members_of_float32_take_four_bytes(price):
    view = price[0].view()
    data = model_data(view)
    assert (data["entries"]["bytes"], data["entries"]["scale"]) == (4, 0.5)


def test_large_models_are_refused(monkeypatch, rng):
    full = rng.normal(size=(2, 61, 61))
    with pytest.raises(TooLarge, match="up to order 60; got order 61"):
        model_data(view_of(DensePencil(full + full.swapaxes(1, 2), 30)))
    monkeypatch.setattr(model, "LARGEST", 100)
    with pytest.raises(TooLarge, match=r"up to 0\.0 MB; got"):
        model_data(view_of(Pencil(rng.normal(size=(9, 9)), rng.normal(size=(9, 8)), 4)))


def test_other_and_missing_levels_are_marked():
    data = model.axis_data(LevelsAxis("city", ("Oslo", "other", "missing"), (0.5, 0.3, 0.2)))
    assert (data["levels"], data["other"], data["width"]) == (["Oslo", "other", "missing"], 1, 3)

"""Curves, interactions and joint effects: those of predictions of changed tables, inside what is proven."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from spectral_interp import Pencil, SpectralRegressor, certify, explain, plots
from spectral_interp._common.text import number
from spectral_interp.pencil import Total
from spectral_interp.plots.panels import panels
from spectral_interp.view import Rows
from tests.sums import encoded, random_sum, random_table, rows_of_table

LONG = "average_monthly_consumption_of_electricity_%s_in_kilowatt_hours"
A, INCOME, GAP, CITY = (LONG % name for name in ("a", "income", "gap", "city"))
COLUMNS = [A, INCOME, GAP, CITY]


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            A: rng.normal(size=90),
            INCOME: np.exp(rng.normal(9, 1, size=90)),
            GAP: np.where(rng.random(90) < 0.3, np.nan, rng.integers(1, 5, size=90)),
            CITY: rng.choice(["Oslo", "Rome", "_Bern $x$"], 90, p=[0.2, 0.5, 0.3]),
        }
    )
    y = 1e6 * (X[A] ** 2 + np.log(X[INCOME]) * X[GAP].fillna(1) + (X[CITY] == "Oslo"))
    est = SpectralRegressor(dim=5, n_epochs=20, random_state=0, log=[INCOME], form="single")
    return est.fit(X, y.rename("price")), X


@pytest.fixture(scope="module")
def table(model):
    est, X = model
    return plots.curves_table(certify(est, X), COLUMNS)


def drawn(figure, table):
    """Return the Axes of all panels, laid out as an analysis draws them."""
    with plots.style():
        canvas = Figure(figsize=(7.2, figure.height(table)))
        figure(table, canvas.subplots())
        canvas.draw_without_rendering()
    return canvas.axes


def typical(X, column):
    known = X[column].dropna()
    return known.mode()[0] if column == CITY else float(np.sort(known)[(len(known) - 1) // 2])


@pytest.mark.parametrize("column", COLUMNS)
def test_a_curve_is_the_mean_change_of_predictions_of_changed_tables(model, table, column):
    est, X = model
    own, base = table[table["column"] == column], est.predict(X.assign(**{column: typical(X, column)}))
    assert (column == GAP) == own["value"].isna().any()
    assert own.loc[own["typical"], "value"].tolist() == pytest.approx([typical(X, column)])
    for line in own.iloc[:: 1 if len(own) < 9 else 7].to_dict("records"):
        value = np.nan if line["value"] is None else line["value"]
        change = est.predict(X.assign(**{column: value})) - base
        expected = [change.mean(), *np.quantile(change, [0.1, 0.9])]
        assert [line["mean"], line["lower"], line["upper"]] == pytest.approx(expected, abs=1e-7 * 1e6)
        assert line["proven_low"] - 1e-3 <= change.min()
        assert change.max() <= line["proven_high"] + 1e-3


def test_numbers_of_few_values_and_levels_have_no_others(model, table):
    _, X = model
    values = table[table["column"] == GAP]["value"]
    assert values.tolist()[:-1] == sorted(X[GAP].dropna().unique())
    assert table[table["column"] == CITY]["value"].tolist() == X[CITY].value_counts().index.tolist()
    for column in (GAP, CITY):
        counts = table[table["column"] == column].set_index("value")["rows"]
        assert counts.sum() == len(X)
        assert counts.iloc[0] == (X[column] == counts.index[0]).sum()
    low, high = X[A].quantile([0.01, 0.99])
    own = table[table["column"] == A]["value"].astype(float)
    assert X[A].min() <= own.min() <= low < high <= own.max() <= X[A].max()


@pytest.mark.parametrize("seed", range(3))
def test_all_changes_lie_in_what_is_proven_of_sums_with_pairs(seed):
    rng = np.random.default_rng(seed)
    view = random_sum(rng)
    rows = rows_of_table(view, random_table(rng, 40))
    table = plots.curves_table(certify(view, rows), view.columns)
    used = []
    for name, own in table.groupby("column"):
        axis = view.axis(name)
        missing = own["value"].isna().to_numpy()
        u = axis.coordinates(own["value"].where(~missing, axis.values(np.zeros(1))[0]).tolist())
        u[missing] = np.nan
        values = rows.values_with({name: u})
        change = values - values[:, own["typical"].to_numpy()]
        slack = 1e-9 * np.abs(values).max()
        np.testing.assert_allclose(own["mean"], change.mean(axis=0), atol=1e3 * slack)
        assert (change >= own["proven_low"].to_numpy() - slack).all()
        assert (change <= own["proven_high"].to_numpy() + slack).all()
        width = own["proven_high"] - own["proven_low"]
        used.append(float((np.ptp(change, axis=0) / width.where(width > slack)).max()))
    assert max(used) > 0.3  # the band is no formality
    knots = table[table["column"] == "bent"]
    inside = [
        knot for knot in view.axis("bent").knots if knots["value"].min() <= knot <= knots["value"].max()
    ]
    assert knots["knot"].sum() == len(inside)


def test_rows_with_columns_put_to_values_are_those_of_the_changed_table(rng):
    view, table = random_sum(rng), random_table(rng, 8)
    rows = rows_of_table(view, table)
    changed = [
        np.full(8, 0.7) if name == "bent" else column
        for name, column in zip(view.columns, table, strict=True)
    ]
    changed[2] = np.array(["Rome"] * 8, dtype=object)
    settings = {"bent": view.axis("bent").coordinates([0.2, 0.7]), "city": np.array([0.0, 1.0])}
    found = rows.values_with(settings)
    np.testing.assert_allclose(found[:, 1], view.values(encoded(view, changed)), rtol=1e-12)


def test_interactions_are_second_differences_of_predictions(model):
    est, X = model
    table = plots.interactions_table(certify(est, X), COLUMNS)
    assert len(table) == 6
    assert (np.diff(table["mean_abs_interaction"]) <= 0).all()
    for line in table.to_dict("records"):
        one, other = ({line[side]: typical(X, line[side])} for side in ("first", "second"))
        parts = [est.predict(X.assign(**change)) for change in ({}, one, other, one | other)]
        size = np.abs(parts[0] - parts[1] - parts[2] + parts[3]).mean()
        assert line["mean_abs_interaction"] == pytest.approx(size, rel=1e-6)
        assert line["share"] == pytest.approx(size / parts[0].std(), rel=1e-6)


def test_sentences_on_joint_changes_and_curves_add_up(model, table):
    found = plots.joint_table(certify(*model), INCOME, CITY)
    most = found.loc[found["joint"].abs().idxmax()]
    text = plots.joint.finding(found)
    for size in (most["joint"], most["joint"] - most["interaction"], most["interaction"]):
        assert number(float(size)) in text
    bars, lines = (
        plots.curves.of(table[(table["kind"] == "levels") == levels]).reading for levels in (True, False)
    )
    assert "dark band" in lines
    assert "bar" not in lines
    assert "dark bar" in bars
    assert "band" not in bars
    alone = table[table["column"] == A]
    assert "these" not in plots.curves.finding(alone)
    assert "these" in plots.curves.finding(table)


def test_functions_of_single_columns_do_not_interact(rng):
    off = np.zeros((4, 1))
    pencils = [
        Pencil(np.where(np.arange(4)[:, None] == at, rng.normal(size=2), 0.0), off, 1) for at in (1, 2, 3)
    ]
    table = plots.interactions_table(certify(Total(pencils), rng.normal(size=(30, 3))), ["z0", "z1", "z2"])
    assert table["mean_abs_interaction"].max() < 1e-14


def test_the_joint_change_is_that_of_predictions_and_the_rest_is_what_each_does_alone(model):
    est, X = model
    X = X[:40]
    table = plots.joint_table(certify(est, X), INCOME, CITY)
    assert len(table) == table["x"].nunique() * table["y"].nunique()
    at = {INCOME: typical(X, INCOME), CITY: typical(X, CITY)}

    def change(**columns):
        return (est.predict(X.assign(**at | columns)) - est.predict(X.assign(**at))).mean()

    for line in table.iloc[::11].to_dict("records"):
        both = change(**{INCOME: line["x"], CITY: line["y"]})
        assert line["joint"] == pytest.approx(both, abs=0.1)
        alone = change(**{INCOME: line["x"]}) + change(**{CITY: line["y"]})
        assert line["interaction"] == pytest.approx(both - alone, abs=0.1)


@pytest.mark.parametrize("method", ["local", "path", "shapley"])
def test_whiskers_are_the_deviation_of_mean_sizes_over_members(method):
    rng = np.random.default_rng(1)
    view = random_sum(rng, members=3, neurons=2)
    rows = rows_of_table(view, random_table(rng, 9))
    background = rows_of_table(view, random_table(rng, 3))
    att = explain(view, rows, method=method, background=background)
    sizes = []
    for member in range(3):
        own = view.function.member == member
        pencils = [pencil for pencil, is_own in zip(view.function.pencils, own, strict=True) if is_own]
        alone = type(view)(
            Total(pencils, 3 * view.function.weights[own]),
            view.axes,
            view.output,
            view.background,
            pairs=view.pairs,
        )
        parts = explain(
            alone,
            Rows(alone, rows.z, rows.data, rows.labels),
            method=method,
            background=Rows(alone, background.z, background.data, background.labels),
        )
        sizes.append(np.abs(parts.values).mean(axis=0))
        tolerance = 1e-2 if method == "path" else 1e-9
        np.testing.assert_allclose(
            att.by_member()[..., member], parts.values, atol=tolerance * np.abs(att.values).max()
        )
    table = plots.importance_table(att).set_index("column").loc[list(view.columns)]
    expected = np.std(sizes, axis=0, ddof=1)
    np.testing.assert_allclose(table["refit_deviation"], expected, rtol=1e-6 if method != "path" else 0.05)
    assert (table["refit_deviation"] < table["mean_refit_deviation"]).any()
    half = att[[4, 1]]
    np.testing.assert_array_equal(half.by_member(), att.by_member()[[4, 1]])
    ax = plots.importance(plots.importance_table(att), Figure().subplots())
    (segments,) = [bars.get_segments() for bars in ax.collections]
    up = np.array(
        [
            segment[1, 0] - at
            for segment, at in zip(
                segments, plots.importance_table(att)["mean_abs_contribution"], strict=True
            )
        ]
    )
    np.testing.assert_allclose(up, plots.importance_table(att)["refit_deviation"])


def test_a_model_of_one_fit_has_no_members(model):
    with pytest.raises(ValueError, match="averages several fits"):
        explain(model[0], model[1][:3]).by_member()


def test_a_panel_per_column_with_line_bands_bars_and_one_upright_axis(table):
    head, *shown = drawn(plots.curves, table)
    assert len(shown) == 4
    assert len({panel.get_ylim() for panel in shown}) == 1
    assert [panel.get_xscale() for panel in shown] == ["linear", "log", "linear", "linear"]
    own = table[table["column"] == A]
    line = next(line for line in shown[0].lines if len(line.get_xdata()) == len(own))
    np.testing.assert_allclose(line.get_xydata(), own[["value", "mean"]].to_numpy(dtype=float))
    names = [label.get_text() for label in shown[3].get_xticklabels()]
    assert names == table[table["column"] == CITY]["value"].tolist()
    heights = [bar.get_height() for bar in shown[3].patches]
    own = table[table["column"] == CITY]
    np.testing.assert_allclose(heights, [*(own["proven_high"] - own["proven_low"]), *own["mean"]])
    assert "missing" in [text.get_text() for text in shown[2].texts]
    assert "mean of 90 rows" in [text.get_text() for text in head.get_legend().get_texts()]


@pytest.mark.parametrize("name", ["curves", "interactions", "joint"])
def test_nothing_runs_into_anything_else(model, table, name):
    cert = certify(*model)
    shown = {
        "curves": lambda: table,
        "interactions": lambda: plots.interactions_table(cert, COLUMNS),
        "joint": lambda: plots.joint_table(cert, INCOME, CITY),
    }[name]()
    boxes = []
    for ax in drawn(getattr(plots, name), shown):
        if not ax.axison:
            legend = ax.get_legend()
            boxes += [part.get_window_extent() for part in (ax._left_title, legend) if part is not None]
            continue
        ticks = [
            label
            for axis, ends in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim()))
            for at, label in zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=False)
            if min(ends) <= at <= max(ends)
        ]
        texts = [*ticks, ax.xaxis.label, ax.yaxis.label, ax.title, ax._left_title]
        boxes += [text.get_window_extent() for text in texts if text.get_text() and text.get_visible()]
    sheet = ax.figure.bbox
    for at, box in enumerate(boxes):
        assert sheet.x0 - 1 <= box.x0 < box.x1 <= sheet.x1 + 1
        assert sheet.y0 - 1 <= box.y0 < box.y1 <= sheet.y1 + 1
        assert not any(box.overlaps(other) for other in boxes[:at])
    assert len(boxes) > 7


def test_what_cannot_be_drawn_says_why(model):
    est, X = model
    for build in (
        lambda: plots.curves_table(certify(est), [A]),
        lambda: plots.interactions_table(certify(est), COLUMNS),
        lambda: plots.joint_table(certify(est), A, CITY),
    ):
        with pytest.raises(ValueError, match="certificate with rows"):
            build()
    with pytest.raises(ValueError, match="two different columns"):
        plots.joint_table(certify(est, X), A, A)
    with pytest.raises(ValueError, match="Axes of a grid"):
        panels(Figure().add_axes((0, 0, 1, 1)), 2, "two")

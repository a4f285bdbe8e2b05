"""The dependence plot: its dots are the contributions, and lie in the range that is certified of them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from spectral_interp import SpectralRegressor, certify, explain, plots
from spectral_interp.plots.style import CERTIFIED, PROVEN, WHOLE


def axes():
    return Figure().subplots()


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "a": rng.normal(size=150),
            "income": np.exp(rng.normal(9, 1, size=150)),
            "gap": np.where(rng.random(150) < 0.3, np.nan, rng.normal(size=150)),
            "city": rng.choice(["Oslo", "Rome", "_Bern $x$"], 150),
        }
    )
    y = X["a"] ** 2 + np.log(X["income"]) * X["gap"].fillna(1) + (X["city"] == "Oslo")
    return SpectralRegressor(dim=5, n_epochs=40, random_state=0, log=["income"], form="single").fit(X, y), X


@pytest.mark.parametrize("method", ["local", "path", "shapley"])
@pytest.mark.parametrize("column", ["a", "income", "gap", "city"])
def test_every_row_lies_in_the_certified_range(mixed, column, method):
    est, X = mixed
    att = explain(est, X[:60], method=method)
    table = plots.dependence_table(att, certify(est), column)
    rows = table[(table["of"] == "row") & table["value"].notna()]
    assert len(rows) == X[:60][column].notna().sum()
    slack = 1e-3 * np.ptp(att.prediction) if method == "path" else 1e-10
    assert (rows["contribution"] >= rows["low"] - slack).all()
    assert (rows["contribution"] <= rows["high"] + slack).all()
    used = (rows["contribution"] - rows["low"]) / (rows["high"] - rows["low"])
    assert used.max() - used.min() > 0.3  # the range is no formality
    expected = pd.Series(att.values[:, X.columns.get_loc(column)])
    np.testing.assert_array_equal(table.loc[table["of"] == "row", "contribution"], expected)


def test_the_wedge_of_local_contributions_starts_at_the_mean_of_the_background(mixed):
    est, X = mixed
    cert = certify(est)
    table = plots.dependence_table(explain(est, X), cert, "a")
    line = cert.columns().set_index("column").loc["a"]
    assert table.loc[0, ["slope_low", "slope_high"]].tolist() == pytest.approx(
        [line["low_per_unit"], line["high_per_unit"]]
    )
    step = table["value"] - est.background_["a"].mean()
    ends = np.sort([step * line["low_per_unit"], step * line["high_per_unit"]], axis=0)
    np.testing.assert_allclose(table[["low", "high"]].to_numpy(dtype=float).T, ends, atol=1e-9)


def test_the_range_of_other_methods_is_averaged_over_the_background(mixed):
    est, X = mixed
    cert = certify(est)
    line = cert.columns().set_index("column").loc["income"]
    table = plots.dependence_table(explain(est, X[:5], method="shapley"), cert, "income")
    for _, point in table.iloc[::9].iterrows():
        ends = []
        for income in est.background_["income"]:
            step = np.log(point["value"]) - np.log(income)
            ends.append(sorted([step * line["low_per_unit"], step * line["high_per_unit"]]))
        assert [point["low"], point["high"]] == pytest.approx(np.mean(ends, axis=0).tolist())


def test_the_coupling_share_is_of_the_sizes(mixed):
    est, X = mixed
    att = explain(est, X[:20])
    table = plots.dependence_table(att, certify(est), "a").head(20)
    diagonal, coupling = np.abs(att.diagonal[:, 0]), np.abs(att.coupling[:, 0])
    np.testing.assert_allclose(table["coupling_share"], coupling / (diagonal + coupling))
    ax = plots.dependence(table, axes())
    np.testing.assert_allclose(ax.collections[-1].get_array(), table["coupling_share"])
    assert ax.figure.axes[1].get_ylabel() == "coupling share"


def test_dots_and_range_are_drawn_where_the_table_has_them(mixed):
    est, X = mixed
    table = plots.dependence_table(explain(est, X), certify(est), "a")
    ax = axes()
    assert plots.dependence(table, ax) is ax
    shade, dots = ax.collections
    rows, range_ = table[table["of"] == "row"], table[table["of"] == "range"]
    np.testing.assert_allclose(dots.get_offsets(), rows[["value", "contribution"]].to_numpy(dtype=float))
    corners = shade.get_paths()[0].vertices
    for end in ("low", "high"):
        for point in range_[["value", end]].to_numpy(dtype=float):
            assert np.abs(corners - point).sum(axis=1).min() < 1e-9
    low, high = ax.get_ylim()
    assert low < rows["contribution"].min() < rows["contribution"].max() < high
    assert ax.get_xlabel() == "a"
    assert ax.get_title(loc="left") == "Local contributions of a"


@pytest.mark.parametrize("proven", [True, False])
def test_the_legend_says_what_is_certified(rng, random_pencil, proven):
    pencil = random_pencil(1, 3)
    shift = np.array([[0.0], [9.0 * proven]])
    pencil = replace(pencil, diag=pencil.diag + shift)
    cert = certify(pencil)
    assert (cert.monotone[0] != 0) == proven
    table = plots.dependence_table(explain(pencil, rng.normal(size=(9, 1))), cert, "z0")
    ax = plots.dependence(table, axes())
    (text,) = [entry.get_text() for entry in ax.get_legend().get_texts()]
    assert f"{cert.gradient_high[0]:.4g} per unit of z0" in text
    assert ("sign proven" in text) == proven
    assert ax.collections[0].get_facecolor()[0] == pytest.approx(to_rgba(PROVEN if proven else CERTIFIED))


def test_a_logarithm_has_a_logarithmic_axis(mixed):
    est, X = mixed
    ax = plots.dependence(plots.dependence_table(explain(est, X), certify(est), "income"), axes())
    assert ax.get_xscale() == "log"
    assert "per unit of log income" in ax.get_legend().get_texts()[0].get_text()


def test_levels_stand_side_by_side_in_ranges_of_their_own(mixed):
    est, X = mixed
    att = explain(est, X)
    table = plots.dependence_table(att, certify(est), "city")
    ax = plots.dependence(table, axes())
    order = X["city"].value_counts().index.tolist()
    assert [label.get_text() for label in ax.get_xticklabels()] == order
    dots = ax.collections[-1].get_offsets()
    at = np.round(dots[:, 0]).astype(int)
    assert [order[i] for i in at] == X["city"].tolist()
    np.testing.assert_allclose(dots[:, 1], att.values[:, 3])
    ranges = table[table["of"] == "range"].set_index("value")
    for bar, level in zip(ax.patches, order, strict=True):
        ends = ranges.loc[level, ["low", "high"]].tolist()
        assert [bar.get_y(), bar.get_y() + bar.get_height()] == pytest.approx(ends)


def test_many_levels_are_cut_to_the_most_frequent(rng):
    X = pd.DataFrame({"code": [f"level {i}" for i in range(30) for _ in range(5 + i)]})
    est = SpectralRegressor(dim=3, n_epochs=2, random_state=0, form="single").fit(X, rng.normal(size=len(X)))
    ax = plots.dependence(plots.dependence_table(explain(est, X), certify(est), "code"), axes())
    expected = X["code"].value_counts().index[:20].tolist()
    assert [label.get_text() for label in ax.get_xticklabels()] == expected
    assert ax.get_xlabel() == "code\n20 of 30 levels"


def test_rows_without_a_value_or_a_known_level_are_counted_not_drawn(mixed):
    est, X = mixed
    odd = X[:10].assign(city=["Paris"] * 2 + X["city"][2:10].tolist())
    att = explain(est, odd)
    gaps = int(odd["gap"].isna().sum())
    for column, lost, said in (("gap", gaps, "without a value"), ("city", 2, "with unknown levels (Paris)")):
        table = plots.dependence_table(att, certify(est), column)
        ax = plots.dependence(table, axes())
        assert lost
        assert ax.get_xlabel() == f"{column}\nnot drawn: {lost} {said}"
        assert len(ax.collections[-1].get_offsets()) == 10 - lost
    rows = table[table["of"] == "row"]
    assert rows["value"].tolist() == odd["city"].tolist()  # a table says what stood there
    assert rows["known"].tolist() == [False] * 2 + [True] * 8
    assert rows["low"].isna().tolist() == [True] * 2 + [False] * 8
    nothing = plots.dependence_table(explain(est, odd.assign(gap=np.nan)), certify(est), "gap")
    assert len(plots.dependence(nothing, axes()).collections[-1].get_offsets()) == 0


def test_against_another_background_nothing_is_certified(mixed):
    est, X = mixed
    att = explain(est, X[:9], background=X[:3])
    for column in ("a", "city"):
        table = plots.dependence_table(att, certify(est), column)
        assert table[["low", "high"]].isna().all(axis=None)
        assert not plots.dependence(table, axes()).patches
    ax = plots.dependence(plots.dependence_table(att, certify(est), "a"), axes())
    assert "background" in ax.get_legend().get_texts()[0].get_text()


def test_a_single_row_and_a_method_without_parts(mixed):
    est, X = mixed
    att = explain(est, X[:1], method="shapley")
    ax = plots.dependence(plots.dependence_table(att, certify(est), "a"), axes())
    dot = ax.collections[-1]
    np.testing.assert_allclose(dot.get_offsets(), [[X["a"][0], att.values[0, 0]]])
    assert tuple(dot.get_facecolor()[0]) == to_rgba(WHOLE)
    assert len(ax.figure.axes) == 1
    ax.figure.canvas.draw()


def test_attribution_and_certificate_must_be_of_one_model(mixed, regressor):
    est, X = mixed
    with pytest.raises(ValueError, match="attribution and certificate of the same columns"):
        plots.dependence_table(explain(est, X[:2]), certify(regressor), "a")
    with pytest.raises(ValueError, match="is it 'city'"):
        plots.dependence_table(explain(est, X[:2]), certify(est), "citi")

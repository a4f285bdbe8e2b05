"""What is drawn can be read: nothing runs into anything else, and scales are those of single columns."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from spectral_interp import Pencil, SpectralRegressor, certify, explain, plots
from spectral_interp.plots.certified import CHANGE
from spectral_interp.plots.text import printable
from spectral_interp.regions.slices import slice_spectrum

LONG = "average_monthly_consumption_%d_electricity_kwh"
SPANS = "less than one year", "more than seven years"


@pytest.fixture(scope="module")
def millions():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({LONG % year: rng.normal(size=120) for year in (2019, 2020)})
    X["country"] = [f"Republic of Nowhere {i}" for i in rng.integers(0, 18, 120)]
    X["employment"] = rng.choice(SPANS, 120)
    y = 3e6 * X.iloc[:, 0] + 2e6 * X["country"].str.endswith("1") + 1e6 * (X["employment"] == SPANS[1])
    return SpectralRegressor(dim=5, n_epochs=20, random_state=0, form="single").fit(X, y.rename("price")), X


def drawn(figure, table, **options):
    """Return the Axes of a figure as an analysis draws it, laid out."""
    with plots.style():
        canvas = Figure(figsize=(7.2, figure.height(table)))
        ax = figure(table, canvas.subplots(), **options)
        canvas.draw_without_rendering()
    return ax


def boxes(texts):
    """Return where texts are drawn, in pixels."""
    return [text.get_window_extent() for text in texts if text.get_visible() and text.get_text()]


def clear(texts):
    found = boxes(texts)
    return not any(a.overlaps(b) for i, a in enumerate(found) for b in found[:i])


def labels(ax):
    low, high = sorted(ax.get_xlim())
    return [
        label for at, label in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True) if low <= at <= high
    ]


@pytest.fixture(scope="module")
def figures(millions):
    est, X = millions
    att, cert = explain(est, X), certify(est, X)
    colours = plots.column_colours(list(att.columns))
    return {
        "beeswarm": drawn(plots.beeswarm, plots.beeswarm_table(att), colours=colours),
        "importance": drawn(plots.importance, plots.importance_table(att), colours=colours),
        "certified": drawn(plots.certified, plots.certified_table(cert), colours=colours),
        "sensitivity": drawn(plots.sensitivity, plots.sensitivity_table(cert), colours=colours),
        "waterfall": drawn(plots.waterfall, plots.waterfall_table(att, 0), colours=colours),
        "dependence": drawn(plots.dependence, plots.dependence_table(att, cert, "country")),
        "chain": drawn(plots.chain, plots.chain_table(att, 0), colours=colours),
        "chain_mean": drawn(plots.chain, plots.chain_table(att), colours=colours),
        "spectrum": drawn(plots.spectrum, plots.spectrum_table(slice_spectrum(est, X, "country"))),
    }


NAMES = [
    *("beeswarm", "importance", "certified", "sensitivity", "waterfall", "chain", "chain_mean"),
    *("dependence", "spectrum"),
]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_runs_into_anything_else(figures, name):
    ax = figures[name]
    ticks, legend = labels(ax), ax.get_legend().get_window_extent()
    assert clear(ticks)
    assert not any(legend.overlaps(box) for box in boxes([*ticks, ax.xaxis.label]))
    sheet = ax.figure.bbox
    for box in boxes([*ticks, ax.xaxis.label, ax.yaxis.label, *ax.get_yticklabels()]):
        assert sheet.x0 - 1 <= box.x0 < box.x1 <= sheet.x1 + 1


def test_millions_are_written_as_such_and_exactly(figures):
    texts = [label.get_text() for label in labels(figures["beeswarm"])]
    assert all(text == "0" or text.endswith("M") for text in texts)
    with plots.style():
        ax = plots.beeswarm(swarm(np.linspace(5e6, 5.0004e6, 9)), Figure().subplots())
        ax.set_xlim(5e6, 5.0004e6)
        ax.figure.draw_without_rendering()
    close = [label.get_text() for label in labels(ax)]
    assert len(set(close)) == len(close) > 1


def swarm(contributions):
    """Return the table of a beeswarm of one column of numbers."""
    pencil = Pencil([[0.0], [1.0]], [[], []], 0)
    return plots.beeswarm_table(explain(pencil, np.asarray(contributions)[:, None]))


def test_a_change_of_level_shows_both_levels(figures, millions):
    names = [label.get_text() for label in figures["certified"].get_yticklabels()]
    (employment,) = [name for name in names if name.startswith("employment")]
    one, other = employment.removeprefix("employment: ").split(" → ")
    assert {one[:4], other[:4]} == {"less", "more"}
    assert all(len(name) <= CHANGE for name in names)
    assert len(set(names)) == 4
    table = plots.certified_table(certify(*millions))
    short = table[:1].assign(column="c", step="no → yes", kind="levels")
    ax = plots.certified(short, Figure().subplots())
    assert ax.get_yticklabels()[0].get_text() == "c: no → yes"
    arrows = short.assign(step="a → b → a much longer name of a level than there is room for")
    assert plots.certified(arrows, Figure().subplots()).get_yticklabels()[0].get_text().startswith("c: a → b")


def test_levels_are_named_and_not_ranked(figures, millions):
    est, X = millions
    table = plots.beeswarm_table(explain(est, X))
    nominal = table["column"].isin(["country", "employment"])
    assert table["nominal"].tolist() == nominal.tolist()
    assert table.loc[nominal, "level"].isna().all()
    assert table.loc[~nominal, "level"].notna().all()
    ax = figures["beeswarm"]
    named = [text for text in ax.texts if text.get_text()]
    assert {"less than…year", "more than…ears"} <= {text.get_text() for text in named}
    assert clear(named)
    for text in named:
        if text.get_text().startswith("more"):
            own = table[(table["column"] == "employment") & (table["value"] == SPANS[1])]
            assert text.get_position()[0] == pytest.approx(own["contribution"].mean())


def test_booleans_are_levels_and_gaps_have_no_rank():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=60), "flag": rng.random(60) > 0.5})
    X.loc[:9, "a"] = np.nan
    est = SpectralRegressor(dim=3, n_epochs=2, random_state=0, form="single").fit(X, X["a"].fillna(3))
    table = plots.beeswarm_table(explain(est, X))
    assert table["nominal"].tolist() == [False, True] * 60
    np.testing.assert_array_equal(table["level"].isna()[::2], X["a"].isna())


def test_sums_of_others_do_not_set_the_scale(rng):
    pencil = Pencil(rng.normal(size=(101, 3)), rng.normal(size=(101, 2)), 1)
    att = explain(pencil, rng.normal(size=(50, 100)))
    ax = drawn(plots.beeswarm, plots.beeswarm_table(att))
    order = np.argsort(-np.abs(att.values).mean(axis=0), kind="stable")
    single, others = att.values[:, order[:20]], att.values[:, order[20:]].sum(axis=1)
    low, high = ax.get_xlim()
    assert low <= single.min() < single.max() <= high
    assert high - low <= 1.5001 * np.ptp(np.append(single, 0))
    outside = int(((others < low) | (others > high)).sum())
    assert outside
    assert f"{outside} rows beyond the axis" in ax.get_xlabel().replace("\n", " ")


def test_rows_of_one_label_are_rows_of_their_own(rng):
    pencil = Pencil(rng.normal(size=(31, 3)), rng.normal(size=(31, 2)), 1)
    z = rng.normal(size=(10, 30))
    tables = [
        plots.beeswarm_table(explain(pencil, pd.DataFrame(z, index=index)))
        for index in (np.arange(10), ["twice"] * 10)
    ]
    one, other = (plots.beeswarm(table, Figure().subplots()) for table in tables)
    np.testing.assert_array_equal(one.collections[-1].get_offsets(), other.collections[-1].get_offsets())
    assert other.get_title() == one.get_title() == "Local contributions, 10 rows"


def test_printable_text_of_a_stranger_stays_in_its_place():
    assert printable("a\u202egnp.b\x1b[2J") == "a[U+202E]gnp.b[U+001B][2J"

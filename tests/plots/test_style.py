"""Colours by name, and how many columns a figure shows one by one."""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.figure import Figure

from spectral_interp import Pencil, certify, explain, plots
from spectral_interp.comparison.explainers import EXPLAINERS
from spectral_interp.plots.style import (
    COLUMN_COLOURS,
    COUPLING,
    DIAGONAL,
    METHOD_LOOKS,
    MODEL_LOOKS,
    SHARE_MAP,
)

SIGHTS = {
    "normal": np.eye(3),
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
"""Simulation on linear RGB (Machado, Oliveira and Fernandes 2009)."""

TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]


def lab(colour, sight="normal"):
    """Return CIELAB coordinates, in which distances are differences that are seen."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(SIGHTS[sight] @ linear, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", SIGHTS)
def test_columns_are_told_apart_and_never_taken_for_a_part(sight):
    seen = [lab(colour, sight) for colour in COLUMN_COLOURS]
    among = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
    parts = [np.linalg.norm(a - lab(part, sight)) for a in seen for part in (DIAGONAL, COUPLING)]
    assert min(among) > 30
    assert min(parts) > 20


def test_shares_darken_steadily_in_grey_print():
    greys = [lab(SHARE_MAP(share))[0] for share in np.linspace(0, 1, 21)]
    assert (np.diff(greys) > 0.5).all()
    assert greys[-1] - greys[0] > 45


def test_every_explainer_and_model_has_its_own_look():
    assert {explainer.name for explainer in EXPLAINERS} == set(METHOD_LOOKS)
    assert {model for explainer in EXPLAINERS for model in explainer.models} == set(MODEL_LOOKS)
    assert len({look.marker for look in METHOD_LOOKS.values()}) == len(METHOD_LOOKS)
    for looks in (METHOD_LOOKS, MODEL_LOOKS):
        assert len({(look.colour, look.line) for look in looks.values()}) == len(looks)
    assert len({look.hatch for look in MODEL_LOOKS.values()}) == len(MODEL_LOOKS)


def by_model(models):
    return pd.DataFrame(
        {
            "column": ["a", "b"] * len(models),
            "model": np.repeat(models, 2),
            "mean_abs_contribution": 1.0,
            "unit": "kg",
        }
    )


@pytest.mark.parametrize(
    "models", [["spectral (path)", "MLP (SHAP Deep)"], ["MLP (SHAP Exact)", "linear (SHAP Linear)"]]
)
def test_models_keep_their_colour_wherever_they_stand(models):
    ax = plots.importance_by_model(by_model(models), Figure().subplots())
    found = {bars.get_label(): bars[0].get_facecolor() for bars in ax.containers}
    assert found == {model: to_rgba(MODEL_LOOKS[model.split(" (")[0]].colour) for model in models}


def test_bars_of_a_model_of_several_fits_have_whiskers():
    models = ["spectral (path)", "MLP (SHAP Deep)"]
    table = by_model(models).assign(refit_deviation=[0.25, 2.0, np.nan, np.nan])
    ax = plots.importance_by_model(table, Figure().subplots())
    bars = next(one for one in ax.containers if one.get_label() == models[0])
    (whiskers,) = ax.collections
    for bar, segment, (low, high) in zip(bars, whiskers.get_segments(), [(0.75, 1.25), (0, 3)], strict=True):
        assert segment[:, 0].tolist() == [low, high]
        assert segment[0, 1] == pytest.approx(bar.get_y() + bar.get_height() / 2)
    assert "refit deviation" in plots.importance_by_model.of(table).reading
    assert "refit" not in plots.importance_by_model.of(by_model(models)).reading


def test_methods_keep_their_look_wherever_they_stand():
    curves = pd.DataFrame(
        {"model": "spectral", "method": ["Captum IG", "local"], "share": 0.5, "deletion": 1.0}
    )
    for table in (curves, curves[::-1]):
        lines = {line.get_label(): line for line in plots.deletion(table, Figure().subplots()).lines}
        for method in curves["method"]:
            look = METHOD_LOOKS[method]
            assert (lines[method].get_color(), lines[method].get_marker()) == (look.colour, look.marker)


def squares(ax):
    """Return the colours of the squares beside the names, by height."""
    lines = [line for line in ax.lines if line.get_marker() == "s"]
    return {float(np.ravel(line.get_ydata())[0]): line.get_color() for line in lines}


def test_a_column_has_its_colour_in_every_figure(regressor, diabetes):
    X = diabetes[0][:30]
    att, cert = explain(regressor, X), certify(regressor, X)
    ranked = plots.importance_table(att)["column"].tolist()
    colours = plots.column_colours(ranked)
    assert list(colours) == ranked[:6]
    for draw, table in (
        (plots.importance, plots.importance_table(att)),
        (plots.beeswarm, plots.beeswarm_table(att)),
        (plots.certified, plots.certified_table(cert)),
        (plots.sensitivity, plots.sensitivity_table(cert)),
        (plots.waterfall, plots.waterfall_table(att, 0)),
    ):
        ax = draw(table, Figure().subplots(), colours=colours)
        ticks = zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)
        names = {float(at): label.get_text().split(" = ")[0] for at, label in ticks}
        assert squares(ax) == {at: colours[name] for at, name in names.items() if name in colours}
        explained = [text.get_text() for text in ax.get_legend().get_texts()]
        assert explained.count("colour of the column") == 1
        assert squares(draw(table, Figure().subplots())) == {}


def wide(rng, n):
    """Return an attribution and a certificate of ``n`` columns."""
    pencil = Pencil(rng.normal(size=(n + 1, 3)), rng.normal(size=(n + 1, 2)), 1)
    z = rng.normal(size=(10, n))
    return explain(pencil, z), certify(pencil, z)


@pytest.mark.parametrize(("n", "lines"), [(1, 1), (3, 3), (21, 21), (22, 21), (30, 21), (200, 21)])
def test_the_strongest_have_a_line_and_the_others_share_one(rng, n, lines):
    att, cert = wide(rng, n)
    last = f"{n - 20} others" if n > 21 else None
    for draw, table in (
        (plots.importance, plots.importance_table(att)),
        (plots.beeswarm, plots.beeswarm_table(att)),
        (plots.certified, plots.certified_table(cert)),
        (plots.sensitivity, plots.sensitivity_table(cert)),
    ):
        with plots.style():
            figure = Figure(figsize=(7.2, plots.height(lines)))
            ax = draw(table, figure.subplots())
            figure.canvas.draw()
        labels = [label.get_text() for label in ax.get_yticklabels()]
        assert len(labels) == lines
        assert (labels[-1] == last) == (n > 21)
        room = ax.get_window_extent().height / figure.dpi / lines
        assert room > 0.2  # inches for a name of 12 points


def test_the_line_of_others_is_their_sum(rng):
    att, cert = wide(rng, 30)
    sizes = np.abs(att.values).mean(axis=0)
    order = np.argsort(-sizes)
    ax = plots.beeswarm(plots.beeswarm_table(att), Figure().subplots())
    dots = ax.collections[-1].get_offsets()
    np.testing.assert_allclose(dots[:, 0], att.values[:, order[20:]].sum(axis=1))
    assert set(np.round(dots[:, 1])) == {20}
    ax = plots.importance(plots.importance_table(att), Figure().subplots())
    diagonal, coupling = ([bar.get_width() for bar in bars] for bars in ax.containers)
    assert diagonal[-1] == pytest.approx(np.abs(att.diagonal).mean(axis=0)[order[20:]].sum())
    assert coupling[-1] == pytest.approx(np.abs(att.coupling).mean(axis=0)[order[20:]].sum())
    table = plots.certified_table(cert)
    ax = plots.certified(table, Figure().subplots())
    bound = table["norm"][20]
    assert bound <= float(ax.texts[0].get_text().removeprefix("not drawn: each within ±")) < 1.001 * bound
    ax = plots.sensitivity(plots.sensitivity_table(cert), Figure().subplots())
    words = ax.texts[0].get_text().split()
    assert words[:4] + words[5:] == ["not", "drawn:", "at", "most", "each"]
    assert bound <= float(words[4]) < 1.001 * bound


def test_a_long_sum_of_others_leaves_single_columns_legible(rng):
    att, _ = wide(rng, 200)
    table = plots.importance_table(att)
    ax = plots.importance(table, Figure().subplots())
    longest = (table["mean_abs_diagonal"] + table["mean_abs_coupling"])[:20].max()
    assert ax.get_xlim()[1] == pytest.approx(1.25 * longest)
    others = table["mean_abs_contribution"][20:].sum()
    assert ax.texts[0].get_text().startswith(f"{others:.4g} ")


@pytest.mark.parametrize("kind", ["svg", "pdf"])
def test_letters_need_no_font_on_the_readers_machine(kind):
    table, files = by_model(["spectral (path)", "MLP (SHAP Deep)"]), []
    for _ in range(2):
        with plots.style():
            figure, target = Figure(), io.BytesIO()
            plots.importance_by_model(table, figure.subplots())
            figure.savefig(target, format=kind, metadata={"Date" if kind == "svg" else "CreationDate": None})
        files.append(target.getvalue())
    assert files[0] == files[1]
    assert b"<text" not in files[0]
    assert (b"/FontFile2" in files[0]) == (kind == "pdf")
    assert b"/Type3" not in files[0]


def test_large_numbers_have_separators():
    table = by_model(["spectral (path)", "MLP (SHAP Deep)"]).assign(mean_abs_contribution=123456.0)
    figure = Figure()
    ax = plots.importance_by_model(table, figure.subplots())
    figure.canvas.draw()
    assert "100,000" in [label.get_text() for label in ax.get_xticklabels()]

"""Names of columns, levels and targets appear as they were typed, with the style and without."""

import io
import warnings
from contextlib import nullcontext
from functools import partial
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from spectral_interp import SpectralRegressor, certify, compare, explain, plots
from spectral_interp.comparison import study
from spectral_interp.comparison.baselines import fit_baselines
from spectral_interp.comparison.compare import REPRESENTATIVES
from spectral_interp.plots import text
from spectral_interp.plots.text import printable, shorten, shorten_all, value_text
from spectral_interp.regions.slices import slice_plane, slice_spectrum

TYPED = [
    "<b>x</b> &amp; </script>",
    "$\\frac{a}{b}$ ($)",
    "_hidden",
    "{curly} ^_ ~ 100 %",
    "back\\slash 'n' \"q\"",
    "café Ω 😀 −1",
    "3 others",
    "<!-- c -->",
]
"""Names that can be shown whole, character by character."""

ALTERED = {
    "line\nbreak\ttab": "line↵break⇥tab",
    "house 🏠": "house [U+1F3E0]",
    "a\u200bb": "a[U+200B]b",
    "\u202ertl\x00": "[U+202E]rtl[U+0000]",
}
"""Names with characters that no font of the package draws, and how these show."""

LONG = ["x" * 120 + middle + "y" * 79 for middle in "AB"]
NAMES = [*TYPED, *ALTERED, *LONG]
SOME = [*TYPED[:3], *list(ALTERED)[:2], LONG[0]]
UNIT = "_US$ </script>"


@pytest.fixture(scope="module")
def hostile():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, len(NAMES))), columns=NAMES)
    y = pd.Series(X.to_numpy() @ np.linspace(2, 1, len(NAMES)), name=UNIT)
    est = SpectralRegressor(dim=3, n_epochs=5, random_state=0, form="single").fit(X, y)
    est.baselines_ = fit_baselines(est, X, y)
    return est, X


@pytest.fixture(scope="module")
def drawings(hostile):
    """Return every figure that shows a name, as functions of an Axes."""
    est, X = hostile
    att, cert = explain(est, X), certify(est, X)
    with pytest.MonkeyPatch.context() as patch:
        quick = ("local", "SHAP Linear", "SHAP Deep")
        patch.setattr(study, "EXPLAINERS", [e for e in study.EXPLAINERS if e.name in quick])
        patch.setitem(REPRESENTATIVES, "MLP", ("SHAP Deep",))
        found = compare(est, X, max_rows=4)
    tables = {
        "importance": plots.importance_table(att),
        "beeswarm": plots.beeswarm_table(att),
        "certified": plots.certified_table(cert),
        "sensitivity": plots.sensitivity_table(cert),
        "importance_by_model": plots.importance_by_model_table(found),
        "waterfall": plots.waterfall_table(att, 0),
        "dispute": plots.dispute_table(found, found.disputed[0]),
    }
    for name in SOME:
        tables[f"dependence {name!r}"] = plots.dependence_table(att, cert, name)
    for name in SOME[:3]:
        tables[f"spectrum {name!r}"] = plots.spectrum_table(slice_spectrum(est, X, name))
    draw = {key: partial(getattr(plots, key.split()[0]), table) for key, table in tables.items()}
    plane = slice_plane(est, X, (NAMES[0], NAMES[1]))
    table = plots.region_map_table(plane)
    return draw | {"region_map": partial(plots.region_map, table, boundaries=plane.boundaries)}


def render(drawings, style=nullcontext, kind="svg"):
    """Draw every figure and return its Axes and its bytes; warnings are errors."""
    rendered = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for key, draw in drawings.items():
            with style():
                figure, target = Figure(figsize=(7.2, 6)), io.BytesIO()
                draw(figure.subplots())
                figure.savefig(target, format=kind)
            rendered[key] = (figure.axes[0], target.getvalue())
    return rendered


@pytest.fixture(scope="module")
def rendered(drawings):
    return render(drawings, plots.style)


def shown(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


@pytest.mark.parametrize(
    "figure", ["importance", "beeswarm", "certified", "sensitivity", "importance_by_model"]
)
def test_every_line_has_its_name(rendered, figure):
    labels = shown(rendered[figure][0])
    assert len(set(labels)) == len(NAMES)
    assert set(labels) >= {*TYPED, *ALTERED.values()}
    long = [label for label in labels if label.startswith("xxx")]
    assert sorted("".join(set(label) & {"A", "B"}) for label in long) == ["A", "B"]


@pytest.mark.parametrize("figure", ["waterfall", "dispute"])
def test_waterfalls_name_the_columns(rendered, hostile, figure):
    labels = shown(rendered[figure][0])
    assert (labels[0], labels[-2], labels[-1]) == ("base value", f"{len(NAMES) - 9} others", "prediction")
    names = [label.rsplit(" = ", 1)[0] for label in labels[1:-2]]
    known = {shorten(name, width) for name in NAMES for width in (20, 24)} | set(shorten_all(LONG))
    assert set(names) <= known


@pytest.mark.parametrize("name", SOME)
def test_the_title_and_the_axis_name_the_column(rendered, name):
    ax = rendered[f"dependence {name!r}"][0]
    expected = shorten(name)
    assert ax.get_title(loc="left") == f"Local contributions of {expected}"
    assert ax.get_xlabel() == shorten(name, 48)
    assert f"per unit of {expected}" in ax.get_legend().get_texts()[0].get_text()
    assert (expected in name) == (name in TYPED)


def test_units_are_as_typed(rendered):
    labels = [ax.get_xlabel() + ax.get_ylabel() for ax, _ in rendered.values()]
    labels[-1] = rendered["region_map"][0].figure.axes[1].get_ylabel()
    assert all(f"({UNIT}" in label.replace("\n", " ") for label in labels)


def test_no_name_becomes_markup(rendered):
    for _, svg in rendered.values():
        assert b"<script" not in svg
        assert b"</script" not in svg
        ElementTree.fromstring(svg)  # raises where a name broke the file


def test_users_compose_their_own_figures_without_the_style(drawings):
    some = {key: draw for key, draw in drawings.items() if key.split()[0] not in ("dependence", "spectrum")}
    one = f"dependence {SOME[1]!r}"
    for ax, _ in render(some | {one: drawings[one]}).values():
        assert not any(label.get_parse_math() for label in ax.findobj(Text))
    figure = Figure()
    left, right = figure.subplots(1, 2)
    left.set_title("$x^2$")
    drawings["importance"](right)
    assert left.title.get_parse_math()  # theirs stays a formula


def test_levels_are_as_typed(rng):
    levels = ["_Bern", "$x$", "<i>Oslo</i>", "house 🏠", "100%"]
    X = pd.DataFrame({"city": rng.choice(levels, 100), "b": rng.normal(size=100)})
    est = SpectralRegressor(dim=3, n_epochs=3, random_state=0, form="single").fit(X, rng.normal(size=100))
    spectrum = plots.spectrum_table(slice_spectrum(est, X, "city"))
    dependence = plots.dependence_table(explain(est, X), certify(est), "city")
    drawn = {
        "spectrum": partial(plots.spectrum, spectrum),
        "dependence": partial(plots.dependence, dependence),
    }
    for ax, _ in render(drawn, plots.style).values():
        expected = {*levels[:3], shorten(levels[3], 12), levels[4]}
        assert {label.get_text() for label in ax.get_xticklabels()} == expected
    row = plots.waterfall_table(explain(est, X.assign(city="$x$")[:1]), 0)
    assert "city = $x$" in shown(plots.waterfall(row, Figure().subplots()))


def test_a_character_of_another_installed_font_is_drawn_with_it():
    table = pd.DataFrame({"epoch": [1], "train_loss": [1.0], "validation_loss": [1.0]})
    drawn = {"curve": partial(plots.training_curve, table, loss=printable("Ⓐ 🏠"))}
    assert text._is_foreign("Ⓐ")  # STIX, which matplotlib brings, has it
    ax, _ = render(drawn)["curve"]
    assert ax.get_ylabel() == "Ⓐ [U+1F3E0]"


def test_printable_keeps_what_can_be_drawn():
    assert [printable(name) for name in TYPED] == TYPED
    assert {name: printable(name) for name in ALTERED} == ALTERED
    assert printable("\ud800") == "[U+D800]"


@pytest.mark.parametrize("width", [12, 20, 24])
def test_names_are_cut_to_the_width_and_told_apart(width):
    names = [f"{'first ' * 20}{i:03d}{' last' * 20}" for i in range(100)]
    cut = shorten_all(names, width)
    assert len(set(cut)) == 100
    assert max(map(len, cut)) <= width
    assert shorten_all(["short", "b"], width) == ["short", "b"]
    assert shorten_all([LONG[0]] * 2, width)[0].count("…") >= 1
    ends = shorten_all([f"{'a' * 80}{i}" for i in range(9)], width)
    assert [label[-1] for label in ends] == [str(i) for i in range(9)]


def test_values_of_any_kind_are_text():
    values = [np.float64(3.0), np.int64(20000), np.nan, None, pd.NA, "a", np.True_, 1e-9, -0.12345]
    shown = ["3", "20,000", "missing", "missing", "missing", "a", "True", "1e−9", "−0.1235"]
    assert [value_text(value) for value in values] == shown

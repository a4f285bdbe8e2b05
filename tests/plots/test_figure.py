"""Figures as objects: each has all that a page shows of it, and the functions that users call are its own."""

import io

import pytest
from matplotlib.figure import Figure as Canvas

from spectral_interp import plots, report
from spectral_interp.plots import Figure
from spectral_interp.report.sections import SECTIONS
from tests.conftest import with_few_boxes

FIGURES = [thing for thing in vars(plots).values() if isinstance(thing, Figure)]


def quick(est, X, y):
    """Return an analysis whose proofs end after few boxes."""
    with pytest.MonkeyPatch.context() as patch:
        with_few_boxes(patch)
        return report.analyze(est, X, y, methods=["local"], compare_rows=3, seed=0)


@pytest.fixture(scope="module")
def analysis(diabetes):
    from spectral_interp import SpectralRegressor
    from spectral_interp.comparison.baselines import fit_baselines

    X, y = diabetes
    est = SpectralRegressor(dim=5, n_epochs=5, random_state=0, form="single").fit(X, y)
    est.baselines_ = fit_baselines(est, X, y)
    return quick(est, X[:9], y[:9])


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_a_figure_has_words_and_stands_in_one_section(figure):
    assert figure is getattr(plots, figure.name)
    assert figure.table is getattr(plots, f"{figure.name}_table")
    assert figure.kind.strip()
    assert callable(figure.reading) or figure.reading.endswith(".")
    assert callable(figure.title) or not figure.title.endswith(".")
    assert (figure.kind == "Table") == (figure.draw is None)
    places = [section.name for section in SECTIONS for part in section.parts if part.figure is figure]
    assert len(places) == 1


@pytest.fixture(scope="module")
def analysis_of_classes(florist, flowers):
    X, y = flowers
    return quick(florist, X[:30], y[:30])


OF_SUMS, OF_CLASSES = {"segments"}, {"confusion", "class_importance", "class_contrasts"}


@pytest.mark.parametrize(("name", "absent"), [("analysis", OF_CLASSES), ("analysis_of_classes", {"latents"})])
def test_every_exhibit_of_an_analysis_has_a_title_a_reading_and_a_finding(name, absent, request):
    analysis = request.getfixturevalue(name)
    assert {e.figure.name for e in analysis.exhibits} == {f.name for f in FIGURES} - OF_SUMS - absent
    names = [exhibit.name for exhibit in analysis.exhibits]
    assert len(names) == len(set(names))
    for exhibit in analysis.exhibits:
        assert exhibit.reading.endswith(".")
        assert not exhibit.title.endswith(".")
        for text in (exhibit.title, exhibit.reading, exhibit.finding):
            assert text.strip()
            assert not {"{", "}"} & set(text)
            assert "nan" not in text
        assert exhibit.finding.endswith(".")
        assert set(exhibit.figure.headers) | set(exhibit.figure.once) <= {
            *exhibit.table.columns,
            *("standard_error", "flip_radius", "observed_min", "observed_median", "observed_max"),
            *("gap_step", "gap_norm", "gap_low", "gap_high", "largest class"),
            *("refit_deviation", "mean_refit_deviation", "below_refit_deviation"),
            *("members", "neuron", "neurons", "share", "space", "probability"),
            *("row", "rows", "mean_abs_contribution", "fixed", "aim"),
            *(("active_latent",) if name == "analysis_of_classes" else ()),
        }


def test_a_table_without_a_drawing_says_so(analysis):
    table = analysis.tables["cost"]
    with pytest.raises(TypeError, match="cost, which is a table only"):
        plots.cost(table, Canvas().subplots())
    assert "cost" not in analysis.figures


def test_the_help_of_a_figure_is_that_of_its_drawing():
    assert plots.importance.__doc__ == plots.importance.draw.__doc__
    assert "plots.column_colours" in plots.importance.__doc__


def test_figures_draw_the_same_bytes_before_and_after_print(analysis, request):
    """Some of them; all in the long form."""
    drawn = [exhibit for exhibit in analysis.exhibits if exhibit.is_drawn]
    for exhibit in drawn if request.config.getoption("--long") else drawn[::6]:
        pictures = []
        for context in ("screen", "print", "screen"):
            with plots.style(context):
                canvas = Canvas(figsize=(7.2, exhibit.height))
                ax = canvas.subplots()
                assert exhibit.draw(ax) is ax
                canvas.savefig(target := io.BytesIO(), dpi=40)
                pictures.append(target.getvalue())
        assert pictures[0] == pictures[2]


@pytest.fixture
def pyplot():
    """Return pyplot without figures, and leave none."""
    from matplotlib import pyplot

    pyplot.close("all")
    yield pyplot
    pyplot.close("all")


def test_one_call_draws_what_two_steps_draw_on_a_new_figure_of_the_right_height(analysis, pyplot):
    subject = analysis.subject
    att, cert = subject.attributions["local"], subject.certificate
    cases = [
        (plots.waterfall, att[0]),
        (plots.beeswarm, att),
        (plots.importance, att),
        (plots.dependence, att, cert, "bmi"),
        (plots.certified, cert),
        (plots.pieces, subject.regions),
        (plots.rungs, subject.est.rungs_, subject.unit),
    ]
    for figure, *about in cases:
        own = {"squared": True} if figure is plots.rungs else {}
        table = figure.table(*about, **own)
        with plots.style():
            canvas = Canvas(figsize=(7.2, figure.height(table)))
            figure(table, canvas.subplots())
        ax = figure(*about, **own)
        assert ax.figure is pyplot.gcf()
        assert ax.figure.get_size_inches().tolist() == [7.2, figure.height(table)]
        pictures = []
        for drawn in (canvas, ax.figure):
            with plots.style():
                drawn.savefig(target := io.BytesIO(), dpi=40)
            pictures.append(target.getvalue())
        assert pictures[0] == pictures[1]
        assert len(pyplot.get_fignums()) == 1
        pyplot.close("all")


def test_one_call_draws_on_given_axes_with_options_of_table_and_drawing(analysis, pyplot):
    att = analysis.subject.attributions["local"]
    ax, other = Canvas().subplots(2)
    colours = plots.column_colours(att.columns)
    assert plots.waterfall(att, row=2, ax=ax, colours=colours) is ax
    assert plots.waterfall(att, 2, other) is other
    assert [text.get_text() for text in ax.texts] == [text.get_text() for text in other.texts]
    assert f"Row {att.rows[2]}" in ax.get_title()
    assert pyplot.get_fignums() == []


WRONG = {
    "an estimator": (lambda s: plots.waterfall(s.est), TypeError, "attribution to be of type Attribution"),
    "no certificate": (lambda s: plots.dependence(s.first), TypeError, "missing .*'certificate'"),
    "two attributions": (lambda s: plots.dependence(s.first, s.first, "bmi"), TypeError, "type Certificate"),
    "nothing": (lambda s: plots.beeswarm(), TypeError, "a table or attribution for plots.beeswarm"),
    "an option": (lambda s: plots.beeswarm(s.first, color="red"), TypeError, "options colours .* got color"),
    "many rows": (lambda s: plots.waterfall(s.first), ValueError, r"one row .* att\[0\]; got 9"),
    "rows": (
        lambda s: plots.beeswarm(s.first.to_frame()[["row"]]),
        ValueError,
        "the table of plots.beeswarm_t",
    ),
    "no drawing": (lambda s: plots.cost(s.comparison), TypeError, "a table only"),
}


@pytest.mark.parametrize(("call", "error", "message"), WRONG.values(), ids=WRONG)
def test_what_a_figure_cannot_draw_is_refused_and_leaves_no_figure(analysis, pyplot, call, error, message):
    with pytest.raises(error, match=message):
        call(analysis.subject)
    assert pyplot.get_fignums() == []

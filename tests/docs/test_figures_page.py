"""docs/figures.md has a section for every figure and table that ``analyze`` can write, and for no other."""

import re
from pathlib import Path

import pytest

from spectral_interp import SpectralRegressor, report
from spectral_interp.attribution.explain import METHODS
from spectral_interp.report.sections import SECTIONS
from tests.conftest import with_few_boxes

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^### (`.+`)( \(tables?\))?$", TEXT, re.M)
FIGURES = {part.figure.name: part.figure for section in SECTIONS for part in section.parts}

OF_CLASSES = {"class_importance", "class_contrasts", "confusion"}
OF_SUMS = {"segments_1", "segments_2", "segments_3"}
OF_COMPARISONS = {
    *("accuracy", "importance_by_model", "agreement", "dispute_1", "dispute_2", "deletion"),
    *("faithfulness_cost", "faithfulness", "cost"),
}


def names_in(heading):
    """Return the names of files in a heading, METHOD standing for every method."""
    found = re.findall(r"`(\w+)`", heading)
    return list(dict.fromkeys(name.replace("METHOD", method) for name in found for method in METHODS))


def figure_of(name):
    """Return the figure that a file is of: the one with the longest name that it begins with."""
    return max((own for own in FIGURES if f"{name}_".startswith(f"{own}_")), key=len, default=None)


NAMES = [name for heading, _ in HEADINGS for name in names_in(heading)]


@pytest.fixture(scope="module")
def written(diabetes):
    """Return the names of what an analysis of one neuron on few columns writes."""
    X, y = diabetes
    X = X[["bmi", "bp", "s5"]]
    est = SpectralRegressor(dim=3, n_epochs=20, random_state=0, form="single").fit(X, y)
    with pytest.MonkeyPatch.context() as patch:
        with_few_boxes(patch)
        found = report.analyze(est, X[::30], y[::30], methods=METHODS, most=2, seed=0)
    return set(found.tables)


def test_every_figure_has_a_section():
    assert {figure_of(name) for name in NAMES} == set(FIGURES)
    assert len(NAMES) == len(set(NAMES))


def test_tables_without_a_figure_are_called_tables():
    for heading, table in HEADINGS:
        drawn = {FIGURES[figure_of(name)].draw is not None for name in names_in(heading)}
        assert drawn == {not table}, heading


def test_names_are_those_of_an_analysis(written):
    """The others are of models of classes, of sums, and of the comparison with other models."""
    assert set(NAMES) - written == OF_CLASSES | OF_SUMS | OF_COMPARISONS
    assert written <= set(NAMES)


def test_pictures_exist_and_stand_below_their_heading():
    pictures = re.findall(r"^### `(\w+)`.*\n!\[.+\]\(\.\./figures/demo_(\w+)\.png\)$", TEXT, re.M)
    assert len(pictures) == TEXT.count("![")
    for heading, picture in pictures:
        assert figure_of(heading) == picture
        assert (ROOT / "figures" / f"demo_{picture}.png").is_file()

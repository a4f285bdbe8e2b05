"""The waterfall of a row: its table against sums by hand, and what is drawn against the table."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from spectral_interp import SpectralRegressor, explain, plots
from spectral_interp._common.text import signed
from spectral_interp.plots.style import COUPLING, DIAGONAL, FAINT, WHOLE


def axes():
    return Figure().subplots()


def bars(ax, colour):
    """Return (start, end) of the bars of one colour, from the top."""
    found = [bar for bar in ax.patches if bar.get_facecolor() == to_rgba(colour)]
    return np.array([[bar.get_x(), bar.get_x() + bar.get_width()] for bar in found])


@pytest.fixture(scope="module")
def wide(classifier, breast_cancer):
    return explain(classifier, breast_cancer[0][:20])


@pytest.mark.parametrize("row", [0, 7, -1])
def test_the_steps_lead_from_the_base_value_to_the_prediction(wide, row):
    table = plots.waterfall_table(wide, row)
    values = dict(zip(wide.columns, wide.values[row], strict=True))
    ranked = sorted(values, key=lambda name: -abs(values[name]))
    assert table["column"].tolist() == [*ranked[:9], "21 others"]
    at = wide.base_values[row]
    for _, line in table.iterrows():
        assert line["start"] == pytest.approx(at, abs=1e-12)
        expected = values.get(line["column"], sum(values[name] for name in ranked[9:]))
        assert line["contribution"] == pytest.approx(expected, abs=1e-12)
        assert line["diagonal"] + line["coupling"] == pytest.approx(expected, abs=1e-12)
        at += expected
    assert at == pytest.approx(wide.prediction[row], abs=1e-9)
    assert (table["prediction"] == wide.prediction[row]).all()
    assert (table["base"] == wide.base_values[row]).all()
    assert (table["row"] == row % 20).all()
    others = wide.coupling[row, [wide.columns.index(name) for name in ranked[9:]]].sum()
    assert table["coupling"].iloc[-1] == pytest.approx(others, abs=1e-12)


def test_ten_columns_have_a_line_each(regressor, diabetes):
    att = explain(regressor, diabetes[0][:5].set_axis(range(75, 80)))
    table = plots.waterfall_table(att, 2)
    assert sorted(table["column"]) == sorted(diabetes[0].columns)
    assert table["value"][table["column"] == "bmi"].item() == f"{diabetes[0]['bmi'].iloc[2]:.4g}"
    assert table["row"].tolist() == [77] * 10
    fixed = "column value start contribution diagonal coupling base prediction row method unit"
    assert list(table) == fixed.split()
    with pytest.raises(ValueError, match="expected row below 5, the number of rows explained; got 5"):
        plots.waterfall_table(att, 5)


def test_values_are_shown_as_they_are(rng):
    frame = pd.DataFrame({"city": ["Oslo", None, "Rome"] * 20, "member": [True, False, False] * 20})
    frame["year"], frame["gap"] = (
        np.arange(1960, 2020),
        np.where(np.arange(60) % 3, rng.normal(size=60), np.nan),
    )
    est = SpectralRegressor(dim=3, n_epochs=2, random_state=0, form="single").fit(frame, rng.normal(size=60))
    att = explain(est, frame)
    shown = [plots.waterfall_table(att, row).set_index("column")["value"].to_dict() for row in (0, 1)]
    assert shown[0] == {"city": "Oslo", "member": "True", "year": "1960", "gap": "missing"}
    assert (shown[1]["city"], shown[1]["member"]) == ("missing", "False")
    assert float(shown[1]["gap"].replace("−", "-")) == pytest.approx(frame["gap"][1], rel=1e-3)


def test_both_parts_are_drawn_whatever_their_signs(regressor, diabetes):
    att = explain(regressor, diabetes[0][:40])
    opposed = (np.sign(att.diagonal) == -np.sign(att.coupling)).sum(axis=1)
    table = plots.waterfall_table(att, int(opposed.argmax()))
    assert opposed.max() >= 3
    ax = axes()
    assert plots.waterfall(table, ax) is ax
    start, whole = table["start"].to_numpy(), table["contribution"].to_numpy()
    between = start + table["diagonal"].to_numpy()
    for colour, low, high in (
        (FAINT, start, start + whole),
        (DIAGONAL, start, between),
        (COUPLING, between, start + whole),
    ):
        np.testing.assert_allclose(bars(ax, colour), np.column_stack([low, high]), atol=1e-9)
    heights = {
        to_rgba(c): [b.get_y() for b in ax.patches if b.get_facecolor() == to_rgba(c)]
        for c in (DIAGONAL, COUPLING)
    }
    assert (np.diff(list(heights.values()), axis=0) > 0).all()  # beside each other, not on top


def test_names_values_and_numbers_can_be_read(regressor, diabetes):
    table = plots.waterfall_table(explain(regressor, diabetes[0][:5]), 3)
    ax = plots.waterfall(table, axes())
    labels = [label.get_text() for label in ax.get_yticklabels()]
    lines = [f"{name} = {value}" for name, value in zip(table["column"], table["value"], strict=True)]
    assert labels == ["base value", *lines, "prediction"]
    written = [text.get_text() for text in ax.texts]
    assert written[:-2] == [signed(value) for value in table["contribution"]]
    assert [float(text) for text in written[-2:]] == pytest.approx(
        [table["base"][0], table["prediction"][0]], rel=1e-3
    )
    low, high = ax.get_xlim()
    assert all(low <= text.xy[0] <= high for text in ax.texts)
    assert ax.get_xlabel() == "prediction (progression)"
    assert ax.get_title() == "Row 3: local contributions"


def test_without_parts_the_bars_are_plain(regressor, diabetes):
    att = explain(regressor, diabetes[0][:2], method="shapley")
    table = plots.waterfall_table(att, 1)
    assert table[["diagonal", "coupling"]].isna().all(axis=None)
    ax = plots.waterfall(table, axes())
    assert ax.get_legend() is None
    ends = np.column_stack([table["start"], table["start"] + table["contribution"]])
    np.testing.assert_allclose(bars(ax, WHOLE), ends)


def test_without_couplings_there_is_one_part(diabetes):
    est = SpectralRegressor(dim=5, structure="diagonal", n_epochs=5, random_state=0, form="single").fit(
        *diabetes
    )
    table = plots.waterfall_table(explain(est, diabetes[0][:3]), 0)
    ax = plots.waterfall(table, axes())
    assert len(bars(ax, DIAGONAL)) == len(ax.patches) == 10

"""Tables behind the figures, and that drawing returns the Axes it was given."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from spectral_interp import explain, plots


def axes():
    return Figure().subplots()


def test_importance_ranks_and_splits(regressor, diabetes):
    att = explain(regressor, diabetes[0])
    table = plots.importance_table(att)
    best = int(np.abs(att.values).mean(axis=0).argmax())
    assert table["column"][0] == att.columns[best]
    assert table["mean_abs_coupling"][0] == pytest.approx(np.abs(att.coupling[:, best]).mean())
    ax = axes()
    assert plots.importance(table, ax) is ax
    assert ax.get_xlabel() == "mean |contribution| (progression)"
    assert [label.get_text() for label in ax.get_yticklabels()] == table["column"].tolist()


def test_beeswarm_places_every_contribution(regressor, diabetes):
    att = explain(regressor, diabetes[0][:50])
    ax = axes()
    assert plots.beeswarm(plots.beeswarm_table(att), ax) is ax
    drawn = np.concatenate([points.get_offsets()[:, 0] for points in ax.collections])
    np.testing.assert_allclose(np.sort(drawn), np.sort(att.values.ravel()))
    heights = np.concatenate([points.get_offsets()[:, 1] for points in ax.collections])
    assert np.abs(heights - np.round(heights)).max() < 0.5


def test_sensitivity_and_training_curve(regressor):
    table = plots.sensitivity_table(["a", "b"], np.array([1.0, 2.0]), "dollars")
    assert table["feature"].tolist() == ["b", "a"]
    ax = axes()
    assert plots.sensitivity(table, ax) is ax
    assert ax.get_xlabel() == "largest possible change (dollars per unit of the feature)"
    ax = axes()
    assert plots.training_curve(plots.training_curve_table(regressor.history_), ax, loss="mse") is ax
    assert ax.get_ylabel() == "mse"


@pytest.mark.parametrize("n", [1, 3, 30, 200])
def test_many_columns_and_odd_names(rng, n):
    from spectral_interp import Pencil

    pencil = Pencil(rng.normal(size=(n + 1, 3)), rng.normal(size=(n + 1, 2)), 1)
    att = explain(pencil, rng.normal(size=(10, n)))
    object.__setattr__(att, "columns", tuple(f"$_{i} </script> ^{{ {'x' * 60}" for i in range(n)))
    figure = Figure()
    with plots.style():
        ax = plots.importance(plots.importance_table(att), figure.subplots())
        figure.canvas.draw()
    assert len(ax.get_yticks()) == min(n, 20)
    assert ("top 20 of 200" in ax.get_title(loc="left")) == (n == 200)

"""Tables behind the figures, and that drawing returns the Axes it was given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from spectral_interp import Pencil, SpectralRegressor, certify, explain, linear_regions, plots
from spectral_interp.plots.region_map import _pieces as region_map_pieces
from spectral_interp.plots.style import WHOLE
from spectral_interp.regions.slices import slice_plane, slice_spectrum


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


def test_importance_of_a_method_without_parts_is_one_bar_a_column(regressor, diabetes):
    table = plots.importance_table(explain(regressor, diabetes[0][:1], method="shapley"))
    ax = plots.importance(table, axes())
    assert ax.get_legend() is None
    assert {bar.get_facecolor() for bar in ax.patches} == {to_rgba(WHOLE)}
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], table["mean_abs_contribution"])
    assert ax.get_title().startswith("Shapley contributions, 1 row")


def test_beeswarm_places_every_contribution(regressor, diabetes):
    att = explain(regressor, diabetes[0][:50])
    ax = axes()
    assert plots.beeswarm(plots.beeswarm_table(att), ax) is ax
    drawn = np.concatenate([points.get_offsets()[:, 0] for points in ax.collections])
    np.testing.assert_allclose(np.sort(drawn), np.sort(att.values.ravel()))
    heights = np.concatenate([points.get_offsets()[:, 1] for points in ax.collections])
    assert np.abs(heights - np.round(heights)).max() < 0.5


def test_sensitivity_and_training_curve(regressor):
    cert = certify(regressor)
    table = plots.sensitivity_table(cert)
    best = int(cert.feature_norm.argmax())
    assert table.loc[0, ["column", "bound"]].tolist() == [cert.view.columns[best], cert.feature_norm[best]]
    ax = axes()
    assert plots.sensitivity(table, ax) is ax
    np.testing.assert_array_equal([bar.get_width() for bar in ax.patches], table["bound"])
    label = "largest possible change (progression per standard deviation)"
    assert ax.get_xlabel().replace("\n", " ") == label
    ax = axes()
    assert plots.training_curve(plots.training_curve_table(regressor.history_), ax, loss="mse") is ax
    assert ax.get_ylabel() == "mse"


def test_certified_intervals_hold_the_observed_derivatives(regressor, diabetes):
    cert = certify(regressor, diabetes[0])
    table = plots.certified_table(cert)
    assert (np.diff(table["norm"]) <= 0).all()
    ax = axes()
    assert plots.certified(table, ax) is ax
    assert [label.get_text() for label in ax.get_yticklabels()] == table["column"].tolist()
    assert ax.get_xlabel().replace("\n", " ") == "derivative (progression per standard deviation)"
    bars = {round(bar.get_y() + bar.get_height() / 2): bar for bar in ax.patches}
    for y, line in table.iterrows():
        assert bars[y].get_x() == pytest.approx(line["low"])
        assert bars[y].get_width() == pytest.approx(line["high"] - line["low"])
    observed = ax.collections[0].get_segments()
    assert observed[0][:, 0].tolist() == pytest.approx([table["observed_min"][0], table["observed_max"][0]])
    without_rows = axes()
    plots.certified(plots.certified_table(certify(regressor)), without_rows)
    assert not without_rows.collections


def test_spectrum_marks_the_prediction_and_the_closest_approaches(regressor, diabetes):
    found = slice_spectrum(regressor, diabetes[0], "bmi", row=3)
    table = plots.spectrum_table(found)
    assert len(table) == found.spectra.size
    ax = axes()
    assert plots.spectrum(table, ax) is ax
    lines = {line.get_label(): line for line in ax.lines}
    chosen = lines[f"prediction: eigenvalue {found.k} of 0–4"]
    np.testing.assert_allclose(chosen.get_ydata(), found.spectra[:, found.k])
    np.testing.assert_allclose(lines["value of the row"].get_xdata(), found.here)
    assert found.crossing.any()
    closest = lines["smallest gap to a neighbour"]
    np.testing.assert_allclose(closest.get_xdata(), found.x[found.crossing])
    assert ax.get_title(loc="left") == "Eigenvalue flow along bmi at row 3"


def test_region_map_draws_every_boundary(regressor, diabetes):
    plane = slice_plane(regressor, diabetes[0], ("bmi", "s5"))
    table = plots.region_map_table(plane)
    ax = axes()
    assert plots.region_map(table, ax, boundaries=plane.boundaries) is ax
    drawn = ax.collections[0].get_array()
    np.testing.assert_allclose(np.ravel(drawn), plane.values.ravel())
    assert len(ax.lines) == len(plane.boundaries) + 1
    numbers = {int(text.get_text()) for text in ax.texts}
    assert numbers <= set(plane.active_latent.ravel())
    assert numbers


def test_a_latent_may_have_several_pieces():
    """A piece has one latent; a latent that is active in two places has two."""
    two = Pencil([[0.0, 0.0], [1.0, -1.0], [1.0, 1.0]], np.zeros((3, 1)), 0)
    four = Pencil([[0.0] * 4, [1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]], np.zeros((3, 3)), 1)
    for model, latents in ((two, 2), (four, 4)):
        plane = slice_plane(model, [[-2.0, -2.0], [3.0, 3.0]], ("z0", "z1"))
        table = plots.region_map_table(plane)
        assert table["active_latent"].nunique() == latents
        assert (table.groupby("piece")["active_latent"].nunique() == 1).all()
    latents = np.array([[0, 0, 1, 0], [1, 1, 1, 0], [0, 0, 1, 2]])
    spread = table.head(12).assign(active_latent=latents.ravel(), piece=region_map_pieces(latents).ravel())
    for said in ("3 latents", "5 connected pieces", "latent 1, covers 42%"):
        assert said in plots.region_map.finding(spread)
    assert np.bincount(spread["piece"]).tolist() == [5, 2, 2, 2, 1]


def test_pieces_and_margins(regressor, diabetes):
    X = diabetes[0][:60]
    table = plots.pieces_table(linear_regions(regressor, X))
    assert set(table["of"]) == {"model", "skeleton"}
    ax = axes()
    assert plots.pieces(table, ax) is ax
    assert ax.get_xlabel() == "tolerance ε (progression)"
    table = plots.margins_table(certify(regressor, X), 5.0)
    assert len(table) == 60
    ax = axes()
    assert plots.margins(table, ax) is ax
    curves = [axes.lines[0].get_xdata() for axes in ax.figure.axes]
    for name, values in zip(("gap", "linear_radius"), curves, strict=True):
        np.testing.assert_array_equal(values[np.isfinite(values)], np.sort(table[name]))
    assert [label.get_text() for label in ax.get_yticklabels()] == [f"{i}%" for i in range(0, 101, 20)]


@pytest.mark.parametrize("n", [1, 25])
def test_linear_models_and_levels_draw_too(rng, n):
    from spectral_interp import Pencil

    pencil, z = Pencil(np.ones((n + 1, 1)), np.zeros((n + 1, 0)), 0), rng.normal(size=(n, n))
    figure = Figure(figsize=(7.2, 4.6))
    with plots.style():
        panels = figure.subplots(2, 2).ravel()
        plots.certified(plots.certified_table(certify(pencil, z)), panels[0])
        plots.pieces(plots.pieces_table(linear_regions(pencil, z)), panels[1])
        plots.margins(plots.margins_table(certify(pencil, z), 1.0), panels[2])
        plots.spectrum(plots.spectrum_table(slice_spectrum(pencil, z, "z0")), panels[3])
        figure.canvas.draw()
    assert [text.get_text() for text in panels[1].texts] == ["one piece for any tolerance"]
    assert (panels[0].get_yticklabels()[-1].get_text() == "5 others") == (n == 25)


def test_levels_and_logarithms(rng):
    frame = pd.DataFrame(
        {"city $_1": rng.choice(["Oslo", "Rome"], 80), "income": np.exp(rng.normal(size=80))}
    )
    est = SpectralRegressor(dim=5, n_epochs=3, random_state=0, log=["income"], form="single")
    est.fit(frame, np.log(frame["income"]) + (frame["city $_1"] == "Rome"))
    figure = Figure()
    with plots.style():
        first, second = figure.subplots(1, 2)
        plots.spectrum(plots.spectrum_table(slice_spectrum(est, frame, "city $_1")), first)
        plots.spectrum(plots.spectrum_table(slice_spectrum(est, frame, "income")), second)
        figure.canvas.draw()
        table = plots.certified_table(certify(est, frame))
        ax = plots.certified(table, Figure().subplots())
    assert sorted(label.get_text() for label in first.get_xticklabels()) == ["Oslo", "Rome"]
    assert second.get_xscale() == "log"
    assert not any("$" in label.get_text() for label in second.get_xticklabels())
    assert "or change of level" in ax.get_xlabel().replace("\n", " ")

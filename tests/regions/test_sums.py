"""Regions and slices of sums, on columns of every kind."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from spectral_interp import Pencil, linear_regions, plots
from spectral_interp._common.text import number
from spectral_interp.pencil import Total
from spectral_interp.regions import Leading, slice_plane, slice_spectrum
from spectral_interp.regions.pieces import variance_shares
from tests.sums import encoded, random_sum, random_table, rows_of_table


def case(seed, n=60, **options):
    rng = np.random.default_rng(seed)
    view, table = random_sum(rng, **options), random_table(rng, n)
    view = replace(view, background=encoded(view, random_table(rng, 5)))
    return view, table, rows_of_table(view, table)


@pytest.mark.parametrize("seed", range(4))
def test_pieces_are_tangent_planes_in_the_inputs(seed):
    view, _, rows = case(seed)
    regions = linear_regions(view, rows)
    x, f = view.inputs(rows.z), view.function.values(rows.z)
    _, g = view.function.values_and_gradients(rows.z)
    slopes = view.input_slopes(rows.z, g)
    sizes = []
    for eps in (0.0, 0.3, 3.0, 1e3):
        anchors, labels = regions.pieces(eps)
        at = anchors[labels]
        planes = f[at] + (slopes[at] * (x - x[at])).sum(axis=1)
        assert (np.abs(f - planes) <= eps + 1e-9 * np.abs(slopes).max() * np.abs(x).max()).all()
        sizes.append(len(anchors))
    assert sizes[0] > sizes[-1] == 1
    assert set(regions.piece_counts()) == {"model"}


def test_a_row_and_its_neighbour_in_the_cell_lie_on_one_plane():
    """The planes of a model that is linear within cells, one of them a kink of a pair, hold exactly."""
    view, _, rows = case(1, dim=1)
    x = np.repeat(rows.inputs[:10], 2, axis=0)
    x[1::2] += 1e-9
    z = view.from_inputs(x)
    near = replace(rows, encoded=z, data=rows.data[:20], labels=rows.labels[:20])
    anchors, labels = linear_regions(view, near).pieces(1e-7)
    assert len(anchors) <= 10
    assert (labels[::2] == labels[1::2]).all()


def test_latents_of_a_sum_are_refused_and_those_of_its_leading_neuron_are_not():
    view, _, rows = case(2)
    regions = linear_regions(view, rows)
    for what in ("active_latent", "participation", "skeleton", "skeleton_gradient", "skeleton_r2"):
        with pytest.raises(ValueError, match=r"one neuron for .*; got a sum of 6.*\.leading"):
            getattr(regions, what)
    with pytest.raises(ValueError, match="one neuron for latents; got a sum of 6"):
        regions.latents()
    leading = regions.leading
    assert isinstance(leading, Leading)
    assert leading.regions.active_latent.shape == (60,)
    assert leading.regions.skeleton_r2 <= 1
    assert set(leading.regions.piece_counts()) == {"model", "skeleton"}
    assert leading.regions.latents()["rows"].sum() == 60


def test_the_leading_neuron_has_the_largest_share_of_the_variance():
    view, _, rows = case(3)
    own = np.array([term.values(rows.z) for term in view.function.terms])
    shares = np.array([np.cov(one, own.sum(axis=0))[0, 1] for one in own]) / np.var(own.sum(axis=0), ddof=1)
    np.testing.assert_allclose(
        variance_shares(view.function.neurons.values(view.function.neurons.at(rows.z))), shares, rtol=1e-9
    )
    assert shares.sum() == pytest.approx(1)
    leading = linear_regions(view, rows).leading
    assert leading.neuron == shares.argmax()
    assert leading.share == pytest.approx(shares.max())
    np.testing.assert_allclose(leading.regions.prediction, own[leading.neuron], rtol=1e-12)


def test_a_single_neuron_leads_itself(random_pencil, rng):
    regions = linear_regions(random_pencil(2, 3), rng.normal(size=(5, 2)))
    assert (regions.leading.neuron, regions.leading.share) == (0, 1.0)
    assert regions.leading.regions is regions
    constant = Total([Pencil([[1.0], [0.0]], [[], []], 0), Pencil([[3.0], [0.0]], [[], []], 0)])
    assert np.isnan(linear_regions(constant, [[1.0], [2.0]]).leading.share)


@pytest.mark.parametrize("columns", [("bent", "gappy"), ("plain", "logged"), ("logged", "bent")])
def test_planes_of_sums_are_predictions(columns):
    view, table, rows = case(4)
    plane = slice_plane(view, rows, columns, row=7)
    assert plane.active_latent is None
    assert plane.boundaries == []
    at = [view.columns.index(name) for name in columns]
    for j in (0, 60, 120):
        changed = [np.repeat(column[7:8], len(plane.x)) for column in table]
        changed[at[0]], changed[at[1]] = plane.x, np.repeat(plane.y[j], len(plane.x))
        np.testing.assert_allclose(plane.values[j], view.function.values(encoded(view, changed)), atol=1e-9)
    drawn = plots.region_map.table(plane)
    assert "piece" not in drawn
    figure = Figure()
    plots.region_map.of(drawn, boundaries=plane.boundaries).draw(figure.subplots())
    assert "row 7" in figure.axes[0].get_title()
    assert number(drawn["prediction"].min()) in plots.region_map.finding(drawn)


def test_a_spectrum_is_that_of_a_neuron():
    view, _, rows = case(5)
    with pytest.raises(ValueError, match=r"sum of 6, which has no spectrum .*\.leading\.neuron"):
        slice_spectrum(view, rows, "bent")
    with pytest.raises(ValueError, match="expected neuron from 0 to 5; got 6"):
        slice_spectrum(view, rows, "bent", neuron=6)
    own = [slice_spectrum(view, rows, "bent", row=3, neuron=n) for n in range(6)]
    assert [found.neuron for found in own] == list(range(6))
    z = view.moved(rows.z[3], "bent", own[0].x)
    np.testing.assert_allclose(
        sum(found.spectra[:, found.k] for found in own), view.function.values(z), atol=1e-9
    )


def test_one_neuron_on_knots_has_no_straight_boundaries():
    view, _, rows = case(6, neurons=1, members=1)
    single = replace(view, function=view.function.terms[0])
    plane = slice_plane(single, replace(rows, view=single), ("bent", "gappy"))
    assert plane.active_latent is not None
    assert plane.boundaries == []
    with pytest.raises(ValueError, match="numeric columns; got 'day', which has months"):
        slice_plane(single, replace(rows, view=single), ("bent", "day"))

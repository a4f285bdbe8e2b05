"""Local contributions of many rows, in chunks and in lanes, against those from every change matrix."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch

from spectral_interp import DensePencil, Pencil, explain
from spectral_interp.attribution.changes import MeanChanges
from spectral_interp.attribution.local import InLanes, local
from spectral_interp.pencil import Total
from spectral_interp.view import ClassesView, HatsAxis, ModelView, NumberAxis, Output, Pair, Rows, output_rows
from spectral_interp.view.rows import Coordinates
from tests.attribution.references import plain_local
from tests.sums import random_sum, random_table, rows_of_table

NAMES = (
    *("values", "diagonal", "coupling", "base_values", "base_diagonal", "base_coupling", "prediction"),
    *("refit_deviation", "degenerate"),
)


def case(rng, n=30, b=4, **options):
    """Return rows of a sum of many neurons on columns of every kind, and features of a background."""
    view = random_sum(rng, **({"neurons": 90, "dim": 3} | options))
    return rows_of_table(view, random_table(rng, n)), rows_of_table(view, random_table(rng, b)).z


def check_same(found, expected, tolerance):
    for name in NAMES:
        one, other = getattr(found, name), expected[name]
        if one.dtype == bool:
            np.testing.assert_array_equal(one, other)
        else:
            np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * np.abs(other).max(), err_msg=name)


def check_same_bits(found, expected):
    for name in NAMES:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


@pytest.mark.parametrize("dim", [2, 3, 5, 8])
@pytest.mark.parametrize("pairs", [True, False])
def test_lanes_equal_change_matrices(rng, dim, pairs):
    rows, reference = case(rng, dim=dim, neurons=20 * dim, pairs=pairs)
    assert InLanes.of(MeanChanges(rows.view, reference)) is not None
    assert len(np.unique(rows.view.function.neurons.k)) == dim
    check_same(local(rows, reference), plain_local(rows.view, rows.z, reference), 1e-12)


@pytest.mark.parametrize("options", [{"neurons": 2, "dim": 5}, {"neurons": 40, "dim": 9}, {"diagonal": True}])
def test_any_sum_equals_change_matrices(rng, options):
    rows, reference = case(rng, **options)
    check_same(local(rows, reference), plain_local(rows.view, rows.z, reference), 1e-12)


def test_one_reference_row_that_is_the_row_leaves_nothing(rng):
    rows, _ = case(rng, n=3)
    for place in range(3):
        att = local(rows.take([place]), rows.z[[place]])
        np.testing.assert_allclose(att.values, 0.0, atol=1e-12 * np.abs(att.prediction).max())


@pytest.mark.parametrize("scale", [2.0**506, 2.0**-520])
def test_lanes_of_huge_and_tiny_matrices(rng, scale):
    rows, reference = case(rng)
    function = rows.view.function
    scaled = Total(function.pencils, scale * function.weights, function.member)
    huge = replace(rows, view=replace(rows.view, function=scaled))
    found, expected = local(huge, reference), local(rows, reference)
    np.testing.assert_allclose(huge.prediction / scale, rows.prediction, rtol=1e-12)
    for name in NAMES[:-2]:
        one, other = getattr(found, name) / scale, getattr(expected, name)
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12 * np.abs(other).max(), err_msg=name)


def crossing(coupling):
    """Return a sum of twenty neurons of different slopes; one has a double eigenvalue at 0.5."""
    slopes = [1.0, *np.linspace(0.2, 0.6, 19)]
    pencils = [Pencil([[0.0, 1.0], [slope, -slope]], [[0.0], [coupling]], 0) for slope in slopes]
    return Total(pencils, member=[0] * 10 + [1] * 10)


@pytest.mark.parametrize("coupling", [0.0, 0.3])
def test_degenerate_rows_in_lanes(coupling):
    function = crossing(0.0)
    at = np.array([0.5, 0.5 + 1e-9, 0.5 - 1e-7, 0.5 + 1e-4, 0.5 + 1e-3, 0.4, 0.0])[:, None]
    with pytest.warns(UserWarning, match="2 of 7 rows are degenerate"):
        att = explain(function, at, background=[[0.1], [0.3]])
    assert InLanes.of(MeanChanges(ModelView(function, (NumberAxis("z"),), Output("u"), at), at)) is not None
    np.testing.assert_array_equal(att.degenerate, [True, True] + [False] * 5)
    np.testing.assert_array_equal(att.degenerate, function.degenerate(at))
    view = ModelView(crossing(coupling), (NumberAxis("z"),), Output("u"), np.array([[0.1], [0.3]]))
    found = local(Rows(view, at, at, np.arange(7)), view.background)
    check_same(found, plain_local(view, at, view.background), 1e-12)


def chunked(monkeypatch, rows, reference, together):
    with monkeypatch.context() as patch:
        patch.setattr("spectral_interp.view.model.TOGETHER", together)
        patch.setattr("spectral_interp.attribution.changes.ENTRIES", 16 * together)
        return local(rows, reference)


def test_chunks_equal_the_whole(rng, monkeypatch):
    for options in ({}, {"neurons": 2, "dim": 5}):
        rows, reference = case(rng, n=23, **options)
        whole, apart = local(rows, reference), chunked(monkeypatch, rows, reference, 1)
        check_same(apart, {name: getattr(whole, name) for name in NAMES}, 1e-13)
        one = local(rows.take([7]), reference)
        check_same(one, {name: getattr(whole, name)[[7]] for name in NAMES}, 1e-12)


def test_threads_do_not_change_a_bit(rng, monkeypatch):
    before = torch.get_num_threads()
    models = [case(rng, n=150), case(rng, n=150, neurons=2, dim=12)]
    try:
        for rows, reference in models:
            found = []
            for threads in (1, 2, 3):
                torch.set_num_threads(threads)
                att = chunked(monkeypatch, rows, reference, 20_000)
                found.append((att, rows.view.values(rows.z), replace(rows).prediction))
            for att, *predictions in found[1:]:
                check_same_bits(att, found[0][0])
                np.testing.assert_array_equal(predictions, found[0][1:])
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("threads", [1, 2])
def test_other_structures_in_chunks(rng, monkeypatch, threads):
    before = torch.get_num_threads()
    matrices = rng.normal(size=(4, 5, 5))
    pencils = [
        DensePencil(matrices + matrices.transpose(0, 2, 1), 2),
        Pencil(rng.normal(size=(4, 15)), rng.normal(size=(4, 14)), 3),
        Pencil(rng.normal(size=(4, 3)), np.zeros((4, 2)), 1),
        Pencil(rng.normal(size=(4, 1)), np.zeros((4, 0)), 0),
    ]
    torch.set_num_threads(threads)
    try:
        for pencil in pencils:
            z, reference = rng.normal(size=(3000, 3)), rng.normal(size=(2, 3))
            with monkeypatch.context() as patch:
                patch.setattr("spectral_interp.attribution.changes.ENTRIES", 16 * 4000)
                att = explain(pencil, z, background=reference)
            expected = plain_local(ModelView(pencil, att.axes, Output("u"), reference), z, reference)
            assert att.refit_deviation is None
            for name in NAMES[:-2]:
                atol = 1e-12 * np.abs(expected[name]).max()
                np.testing.assert_allclose(getattr(att, name), expected[name], rtol=0, atol=atol)
    finally:
        torch.set_num_threads(before)


def test_latents_and_bonds_in_lanes_add_up(rng):
    rows, reference = case(rng, n=5)
    att = explain(rows.view, rows, background=replace(rows, encoded=reference[[0] * 5]))
    scale = np.abs(att.values).max()
    assert att.by_latent().shape == (5, 6, 180, 3)
    np.testing.assert_allclose(att.by_latent().sum(axis=(2, 3)), att.diagonal, atol=1e-12 * scale)
    np.testing.assert_allclose(att.by_bond().sum(axis=(2, 3)), att.coupling, atol=1e-12 * scale)


def centred(function, z):
    """Return a sum less its mean over rows."""
    (first, *others), weights = function.pencils, function.weights
    diag = first.diag.copy()
    diag[0] -= function.values(z).mean() / weights[0]
    return Total([Pencil(diag, first.off, first.k), *others], weights, function.member)


def test_lanes_of_several_classes(rng):
    rows, reference = case(rng, n=12)
    view = rows.view
    functions = tuple(centred(random_sum(rng, neurons=90, dim=3).function, rows.z) for _ in range(3))
    output = Output("log-odds", ("a", "b", "c"), "kind")
    classes = ClassesView(None, view.axes, output, reference, pairs=view.pairs, functions=functions)
    rows = replace(rows, view=classes)
    att = explain(classes, rows)
    assert len({*att.output}) > 1
    for place in range(12):
        one = output_rows(classes, rows.take([place]), att.output[place], att.against[place])
        expected = plain_local(one.view, one.z, reference)
        np.testing.assert_allclose(
            att.values[place], expected["values"][0], rtol=0, atol=1e-12 * np.abs(expected["values"]).max()
        )


def test_predictions_in_lanes(rng):
    rows, _ = case(rng, n=50)
    neurons = rows.view.function.neurons
    expected = neurons.values(neurons.at(rows.z)).sum(axis=1)
    np.testing.assert_allclose(rows.prediction, expected, rtol=0, atol=1e-13 * np.abs(expected).max())
    with pytest.raises(ValueError, match="finite"):
        rows.view.values(np.where(np.arange(rows.z.shape[1]) == 3, np.nan, rows.z))


def test_features_of_all_rows_are_never_in_memory(rng):
    """Those of 40000 rows take 128 MB; the result takes 14 MB."""
    n, knots = 40_000, tuple(np.linspace(-3, 3, 100))
    axes = tuple(HatsAxis(name, knots=knots) for name in "abc")
    pair = Pair(0, 1, sign=1.0, mean=0.0, scale=1.5, knots=knots)
    shape = (16, 401)
    pencils = [
        Pencil(a, b, 1)
        for a, b in zip(rng.normal(size=(*shape, 3)), rng.normal(size=(*shape, 2)), strict=True)
    ]
    u = rng.normal(size=(n, 3))
    view = ModelView(
        Total(pencils, member=[0] * 8 + [1] * 8), axes, Output("u"), np.empty((0, 400)), pairs=(pair,)
    )
    rows = Rows(view, Coordinates(u), u, np.arange(n))
    reference = view.placed(rng.normal(size=(5, 3)))
    local(rows.take(slice(10)), reference)
    tracemalloc.start()
    try:
        parts = local(rows, reference)
        predicted = rows.prediction
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    np.testing.assert_allclose(parts.prediction, predicted, rtol=0, atol=1e-12 * np.abs(predicted).max())
    assert held < 20e6
    assert peak < 60e6
    dense = local(replace(rows.take(slice(300)), encoded=view.placed(u[:300])), reference)
    check_same_bits(dense, local(rows.take(slice(300)), reference))

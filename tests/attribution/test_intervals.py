"""Intervals of contributions where the eigenvalue is multiple, against every choice of an eigenvector."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_interp import DensePencil, Pencil, SpectralRegressor, explain, report
from spectral_interp.commands.printing import summary_lines
from spectral_interp.pencil import Total
from spectral_interp.report import headlines


def explained(model, z, **options):
    """Return an attribution without the warning that rows are degenerate."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return explain(model, z, **options)


def symmetric(rng, *shape):
    matrices = rng.normal(size=(*shape, shape[-1]))
    return matrices + matrices.swapaxes(-1, -2)


def tied(rng, p, d, spectrum, k):
    """Return a dense pencil whose A_0 has the spectrum, with the basis that it is diagonal in."""
    basis = np.linalg.qr(rng.normal(size=(d, d)))[0]
    matrices = symmetric(rng, p + 1, d)
    first = basis @ np.diag(spectrum) @ basis.T
    matrices[0] = (first + first.T) / 2
    return DensePencil(matrices, k), basis


def test_every_eigenvector_is_inside_and_the_ends_are_reached(rng):
    pencil, basis = tied(rng, 3, 6, [-2.0, 1.0, 1.0, 1.0, 3.0, 4.0], 2)
    r = rng.normal(size=(4, 3))
    low, high = explained(pencil, np.zeros((1, 3)), background=r).intervals()
    forms = -r.mean(axis=0)[:, None, None] * (basis[:, 1:4].T @ pencil.matrices[1:] @ basis[:, 1:4])
    for i in range(3):
        np.testing.assert_allclose([low[0, i], high[0, i]], np.linalg.eigvalsh(forms[i])[[0, -1]], atol=1e-12)
    u = rng.normal(size=(20_000, 3))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    choices = np.einsum("mi,cij,mj->mc", u, forms, u)
    assert (choices >= low - 1e-12).all()
    assert (choices <= high + 1e-12).all()
    np.testing.assert_allclose(choices.min(axis=0), low[0], atol=0.02 * (high - low).max())
    np.testing.assert_allclose(choices.max(axis=0), high[0], atol=0.02 * (high - low).max())


def test_slopes_to_both_sides_are_inside(rng):
    """All matrices of a zero row are A_0 = 0: λ_k has the slopes λ_k(A_i) and λ_{d−1−k}(A_i)."""
    d, h = 5, 1e-6
    pencil = Pencil(rng.normal(size=(4, d)) * [[0], [1], [1], [1]], rng.normal(size=(4, d - 1)), 1)
    pencil = Pencil(pencil.diag, pencil.off * [[0], [1], [1], [1]], 1)
    att = explained(pencil, np.zeros((1, 3)), background=-np.ones((1, 3)))
    low, high = att.intervals()
    spectra = np.linalg.eigvalsh(pencil.matrices[1:])
    np.testing.assert_allclose(low[0], spectra[:, 0], atol=1e-12)
    np.testing.assert_allclose(high[0], spectra[:, -1], atol=1e-12)
    for i, step in enumerate(h * np.eye(3)):
        ahead, behind = pencil.values([step])[0] / h, -pencil.values([-step])[0] / h
        assert ahead == pytest.approx(spectra[i, 1], abs=1e-9)
        assert behind == pytest.approx(spectra[i, d - 2], abs=1e-9)
        for slope in (ahead, behind):
            assert low[0, i] - 1e-9 <= slope <= high[0, i] + 1e-9


def test_two_by_two_in_closed_form():
    """The matrix [[a, b], [b, c]] moves a double eigenvalue by its own two."""
    a, b, c = 2.0, 1.5, -1.0
    pencil = Pencil([[4.0, 4.0], [a, c]], [[0.0], [b]], 0)
    low, high = explained(pencil, [[0.0], [1.0]], background=[[-1.0]]).intervals()
    radius = np.hypot((a - c) / 2, b)
    np.testing.assert_allclose([low[0, 0], high[0, 0]], [(a + c) / 2 - radius, (a + c) / 2 + radius])
    assert low[1] == high[1]


def test_other_rows_have_their_values(random_pencil, rng):
    z = rng.normal(size=(20, 3))
    att = explain(random_pencil(3, 5), z)
    for end in att.intervals():
        np.testing.assert_array_equal(end, att.values)
        assert end is not att.values
    diagonal = Pencil([[0.0, 0.0, 1.0], [1.0, -1.0, 0.0]], np.zeros((2, 2)), 0)
    att = explained(diagonal, [[0.0], [0.5], [2.0]], background=[[-1.0]])
    low, high = att.intervals()
    np.testing.assert_array_equal(low[1:], att.values[1:])
    np.testing.assert_array_equal(high[1:], att.values[1:])
    assert [low[0, 0], high[0, 0]] == [-1.0, 1.0]
    part = att[[2, 0]]
    np.testing.assert_array_equal(part.intervals(), np.stack([low, high])[:, [2, 0]])


def test_totals_add_up_the_intervals_of_their_neurons(rng):
    """Each neuron may choose its own eigenvector: the sum reaches the sums of the ends."""
    p, d = 2, 5
    pencils = [
        Pencil(rng.normal(size=(p + 1, d)) * scale, rng.normal(size=(p + 1, d - 1)) * scale, k)
        for scale, k in ((np.array([[0], [1], [1]]), 1), (np.ones((3, 1)), 2), (np.array([[0], [1], [1]]), 2))
    ]
    weights = [2.0, 1.0, -0.5]
    total, r = Total(pencils, weights), -np.ones((1, p))
    low, high = explained(total, np.zeros((1, p)), background=r).intervals()
    spectra = [
        w * np.linalg.eigvalsh(pencil.matrices[1:]) for w, pencil in zip(weights, pencils, strict=True)
    ]
    single = explain(pencils[1], np.zeros((1, p)), background=r).values[0]
    for end, pick in ((low[0], np.min), (high[0], np.max)):
        expected = pick(spectra[0], axis=1) + single + pick(spectra[2], axis=1)
        np.testing.assert_allclose(end, expected, atol=1e-12)


def test_values_lie_inside(rng):
    for d in (2, 3, 5):
        diag, off = rng.normal(size=(4, d)), rng.normal(size=(4, d - 1))
        diag[0], off[0] = 1.0, 0.0
        att = explained(Pencil(diag, off, d // 2), np.zeros((1, 3)), background=rng.normal(size=(3, 3)))
        low, high = att.intervals()
        assert att.degenerate.all()
        assert (low <= att.values).all()
        assert (att.values <= high).all()
        assert (high - low).min() > 1e-3


def test_the_warning_says_where_the_intervals_are():
    with pytest.warns(UserWarning, match=r"1 of 1 rows are degenerate.*Attribution.intervals\(\)"):
        explain(Pencil([[0.0, 0.0], [1.0, -1.0]], [[0.0], [0.0]], 0), [[0.0]])


@pytest.mark.parametrize("method", ["path", "shapley"])
def test_other_methods_have_none(random_pencil, rng, method):
    att = explain(random_pencil(2, 3), rng.normal(size=(2, 2)), method=method)
    with pytest.raises(ValueError, match=rf"method='local'.*got contributions by '{method}'"):
        att.intervals()


def test_the_report_names_the_widest(no_figures, rng):
    """Two columns with the same values and opposite matrices: A(z) = 0 at every row."""
    X = pd.DataFrame({"a": rng.normal(size=40)}).assign(b=lambda table: table["a"])
    est = SpectralRegressor(form="single", dim=3, n_epochs=1, random_state=0).fit(X, X["a"].rename("kg"))
    for parameter in est.module_.parameters():
        parameter.data.zero_()
    est.module_.diag.weight.data[:] = torch.tensor([[1.0, -1.0], [2.0, -2.0], [-4.0, 4.0]])
    with pytest.warns(UserWarning, match="40 of 40 rows are degenerate"):
        analysis = report.analyze(est, X, None, methods=["local"], seed=0)
    found, z = analysis.summary.methods["local"], est.encoder_.encode(X)[:, 0]
    steps = z - est.rows(est.background_).z[:, 0].mean()
    widest = found.widest_interval
    assert widest.row == str(np.abs(steps).argmax())
    assert widest.high - widest.low == pytest.approx(6 * np.abs(steps).max())
    sentence = widest.sentence("kg")
    assert f"in row {widest.row} ranges from" in sentence
    assert any(sentence in line for line in summary_lines(analysis.summary))
    limits = dict(headlines.limits(analysis.subject, analysis.summary))
    assert sentence in limits["Degenerate rows"]

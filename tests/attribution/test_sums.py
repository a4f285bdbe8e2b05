"""Attributions of sums on columns of every kind, against their definitions."""

import itertools

import numpy as np
import pytest
import shap
from scipy.integrate import quad_vec

from spectral_interp import explain, interactions
from spectral_interp.attribution.explain import METHODS
from tests.sums import change_matrices, encoded, matrices, mixed, random_sum, random_table, rows_of_table


def case(seed, n=4, b=3, **options):
    """Return a view, the table and rows to explain, and the table and features of the background."""
    rng = np.random.default_rng(seed)
    view = random_sum(rng, **options)
    table, references = random_table(rng, n), random_table(rng, b)
    return view, table, rows_of_table(view, table), references, rows_of_table(view, references)


def vectors(view, full):
    """Return the eigenvectors that belong to the neurons of matrices (N, d, d): shape (N, d)."""
    k = view.function.neurons.k
    _, v = np.linalg.eigh(full)
    return v[np.arange(len(k)), :, k]


def spread(att):
    return np.ptp(att.prediction) + np.abs(att.values).max()


@pytest.mark.parametrize("method", ["local", "path", "shapley"])
@pytest.mark.parametrize("diagonal", [False, True])
def test_contributions_add_up_and_members_average(method, diagonal):
    view, _, rows, _, background = case(1, n=6, diagonal=diagonal)
    att = explain(view, rows, method=method, background=background)
    assert att.completeness_gap.max() <= 1e-12 * spread(att)
    assert att.columns == ("plain", "bent", "city", "gappy", "day", "logged")
    neurons = view.function.neurons
    by_member = neurons.by_member(neurons.values(neurons.at(rows.z)))
    np.testing.assert_allclose(by_member.mean(axis=1), att.prediction, rtol=1e-12)
    assert att.refit_deviation.shape == att.values.shape
    assert (att.refit_deviation > 0).any()
    if method != "shapley":
        np.testing.assert_allclose(att.diagonal + att.coupling, att.values, atol=1e-12 * spread(att))


def test_local_is_the_quadratic_form_of_the_change_matrices():
    view, table, rows, references, background = case(2)
    att = explain(view, rows, method="local", background=background)
    full = matrices(view, rows.z)
    for row in range(len(rows)):
        v = vectors(view, full[row])
        mean = np.mean([change_matrices(view, table, row, references, at) for at in range(3)], axis=0)
        expected = np.einsum("nj,cnjl,nl->c", v, mean, v)
        np.testing.assert_allclose(att.values[row], expected, atol=1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_path_equals_quadrature(seed):
    view, table, rows, references, background = case(10 + seed, n=2, b=1)
    att = explain(view, rows, method="path", background=background, tol=1e-6)
    start = matrices(view, background.z)[0]
    for row in range(2):
        change = change_matrices(view, table, row, references, 0)

        def integrand(t, change=change):
            v = vectors(view, start + t * change.sum(axis=0))
            return np.einsum("nj,cnjl,nl->c", v, change, v)

        expected, _ = quad_vec(integrand, 0, 1, epsabs=1e-9, limit=4000, points=np.linspace(0, 1, 65)[1:-1])
        np.testing.assert_allclose(att.values[row], expected, atol=2e-6 * spread(att))


def test_shapley_equals_shap_on_the_raw_table():
    view, table, rows, references, background = case(3, n=2, b=4)
    att = explain(view, rows, method="shapley", background=background)

    class Columns(shap.maskers.Masker):
        shape = (4, len(table))

        def mask_shapes(self, _):
            return [(len(table),)]

        def __call__(self, mask, row):
            return (mixed(view, table, int(row[0]), references, np.broadcast_to(mask, len(table))),)

    explained = shap.ExactExplainer(view.function.values, Columns())(np.arange(2.0)[:, None], silent=True)
    np.testing.assert_allclose(att.values, explained.values, atol=1e-9 * spread(att))
    np.testing.assert_allclose(att.base_values, explained.base_values, atol=1e-9 * spread(att))


def test_sampled_shapley_adds_up_for_every_member():
    view, _, rows, _, background = case(4)
    exact = explain(view, rows, method="shapley", background=background)
    sampled = explain(view, rows, method="shapley", background=background, exact=False)
    assert sampled.completeness_gap.max() <= 1e-12 * spread(sampled)
    error = np.abs(sampled.values - exact.values)
    assert (error <= 5 * sampled.standard_error + 1e-9).mean() > 0.9
    np.testing.assert_allclose(sampled.refit_deviation, exact.refit_deviation, rtol=0.5, atol=0.3)


def test_sampled_shapley_is_the_mean_over_the_drawn_orders():
    """Against predictions of mixed rows of the table, order by order, of a model with pairs."""
    view, table, rows, references, background = case(9, n=2, b=3)
    options = {"exact": False, "orders": 5, "random_state": 3}
    att = METHODS["shapley"](rows, background.z, **options)
    drawn = np.random.default_rng(3).permuted(np.tile(np.arange(6), (5, 1)), axis=1)

    def value(row, columns):
        chosen = [place in columns for place in range(6)]
        return view.function.values(mixed(view, table, row, references, chosen)).mean()

    for row in range(2):
        samples = np.zeros((5, 6))
        for order, sample in zip(drawn.tolist(), samples, strict=True):
            for either in (order, order[::-1]):
                for place, column in enumerate(either):
                    before = set(either[:place])
                    sample[column] += (value(row, before | {column}) - value(row, before)) / 2
        np.testing.assert_allclose(att.values[row], samples.mean(axis=0), rtol=0, atol=1e-10)
        error = samples.std(axis=0, ddof=1) / np.sqrt(5)
        np.testing.assert_allclose(att.standard_error[row], error, rtol=0, atol=1e-10)


def test_batches_equal_their_rows(monkeypatch):
    view, _, rows, _, background = case(5, n=5)
    for method in ("local", "path", "shapley"):
        whole = explain(view, rows, method=method, background=background)
        with monkeypatch.context() as patch:
            for name in ("changes", "path", "shapley"):
                patch.setattr(f"spectral_interp.attribution.{name}.ENTRIES", 1000)
            parts = explain(view, rows, method=method, background=background)
        np.testing.assert_allclose(parts.values, whole.values, atol=1e-9)


def test_hessian_is_the_second_derivative_in_the_inputs():
    view, _, rows, _, _ = case(6)
    found, h = interactions(view, rows), 1e-4
    x = view.inputs(rows.z)
    starts = np.cumsum([0, *(axis.plain.n_features for axis in view.axes)])
    along = np.zeros((len(view.axes), x.shape[1]))
    for c, (first, end) in enumerate(itertools.pairwise(starts)):
        along[c, first:end] = 1.0

    def f(step):
        return view.function.values(view.from_inputs(x + step))

    for a in range(len(along)):
        for b in range(a):
            plus, minus = along[a] + along[b], along[a] - along[b]
            second = (f(h * plus) - f(h * minus) - f(-h * minus) + f(-h * plus)) / (4 * h * h)
            close = np.abs(found[:, a, b] - second) <= 1e-3 * (1 + np.abs(second))
            assert close.mean() >= 0.5  # a step of h may cross a knot, where f has a kink
    np.testing.assert_allclose(view.from_inputs(x), rows.z, atol=1e-12)
    assert encoded(view, random_table(np.random.default_rng(0), 2)).shape[1] == len(view.features)


@pytest.mark.parametrize("method", ["local", "path"])
def test_contributions_by_latent_and_bond_add_up(method):
    view, _, rows, _, background = case(7)
    att = explain(view, rows, method=method, background=background)
    n, c, count, d = len(rows), 6, len(view.function.neurons), view.function.dim
    assert att.by_latent().shape == (n, c, count, d)
    assert att.by_bond().shape == (n, c, count, d - 1)
    np.testing.assert_allclose(att.by_latent().sum(axis=(2, 3)), att.diagonal, atol=1e-10)
    np.testing.assert_allclose(att.by_bond().sum(axis=(2, 3)), att.coupling, atol=1e-10)
    some = att[1:3]
    assert some.rows.tolist() == [1, 2]
    assert len(att[0]) == 1
    np.testing.assert_array_equal(some.values, att.values[1:3])
    np.testing.assert_array_equal(some.by_latent(), att.by_latent()[1:3])


def test_shapley_values_have_no_latents():
    view, _, rows, _, background = case(8, n=1, b=1)
    with pytest.raises(ValueError, match="shapley"):
        explain(view, rows, method="shapley", background=background).by_latent()


def test_evaluations_count_the_eigenvalues_of_every_neuron(rng):
    view = random_sum(rng)
    rows, reference = rows_of_table(view, random_table(rng, 3)), encoded(view, random_table(rng, 4))
    neurons = len(view.function.neurons)
    assert METHODS["local"](rows, reference).evaluations == 3 * neurons
    assert METHODS["shapley"](rows, reference).evaluations == (3 * 4 * 2**6 + 3 + 4) * neurons
    assert METHODS["path"](rows, reference).evaluations >= (3 * 4 * 5 + 3 + 4) * neurons
    with pytest.warns(UserWarning, match=f"would need {3 * 4 * 2**6 * neurons:,} eigenvalues"):
        few = METHODS["shapley"](rows, reference, max_evaluations=1000 * neurons // 2)
    assert few.standard_error is not None
    assert few.evaluations <= 1000 * neurons // 2

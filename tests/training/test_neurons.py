"""The kernels of the sum form against plain NumPy, LAPACK and finite differences."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from spectral_interp.eigen import eigenpairs
from spectral_interp.eigen.lanes import LANES
from spectral_interp.training.neurons import (
    CODES,
    EPSILON,
    STEP,
    UNKNOWN,
    SparseRows,
    advance,
    moments,
    order_of,
    predict,
    scatter,
    slopes,
)


def problem(d, blocks=2, n=50, features=20, seed=0):
    """Return weights, sparse rows of three segments and two single features, and the same rows dense."""
    rng = np.random.default_rng(seed)
    weights = 0.3 * rng.standard_normal((blocks, features, 2 * d - 1, LANES)).astype(np.float32)
    weights[:, 0, :d] += np.linspace(-1, 1, d)[:, None]
    places = np.column_stack([rng.integers(1, features - 1, (n, 3)), rng.integers(1, features, (n, 2))])
    shares = rng.uniform(-0.2, 1.2, (n, 5)).astype(np.float32)
    dense, rows = np.zeros((n, features)), np.arange(n)[:, None]
    dense[:, 0] = 1
    np.add.at(dense, (rows, places[:, :3]), 1 - shares[:, :3])
    np.add.at(dense, (rows, places[:, :3] + 1), shares[:, :3])
    np.add.at(dense, (rows, places[:, 3:]), shares[:, 3:])
    return weights, SparseRows(places.astype(np.int32), shares, 3), dense


def exact(weights, dense, d, k):
    """Return sums of blocks (n, blocks), and their derivatives (n, blocks, 2 d - 1, LANES)."""
    bands = np.einsum("nf,bfel->nble", dense, weights.astype(float))
    values, v = eigenpairs(np.ascontiguousarray(bands[..., :d]), np.ascontiguousarray(bands[..., d:]), k)
    gradient = np.concatenate([v * v, 2 * v[..., :-1] * v[..., 1:]], axis=-1)
    return values.sum(axis=2), np.moveaxis(gradient, 3, 2)


def loss_of(name, f, y):
    """Return torch's losses of predictions (n, outputs), and their derivatives."""
    f, y = torch.tensor(f, requires_grad=True), torch.tensor(y)
    if name == "softmax":
        losses = nn.functional.cross_entropy(f, y.long(), reduction="none")
    elif name == "squared":
        losses = nn.functional.mse_loss(f[:, 0], y.double(), reduction="none")
    else:
        losses = nn.functional.binary_cross_entropy_with_logits(f[:, 0], y.double(), reduction="none")
    return losses.detach().numpy(), torch.autograd.grad(losses.sum(), f)[0].numpy()


def kernel_gradient(weights, rows, y, weight, k, d, loss, outputs=1):
    n, order = len(y), order_of(d)
    warm = np.full((n, len(weights), LANES), UNKNOWN, np.float32)
    out = np.zeros((n, len(weights), 2 * d - 1, LANES), np.float32)
    gradient = np.zeros_like(weights)
    batch = np.arange(n)
    total = 0.0
    for _ in range(3):  # warm starts converge
        total = slopes(weights, *rows, batch, y, weight, k, order, warm, CODES[loss], outputs, out)
    scatter(gradient, *rows, batch, order, out)
    return total, gradient, out, warm


@pytest.mark.parametrize(
    ("loss", "outputs", "own"), [("squared", 1, 2), ("logistic", 1, 2), ("softmax", 3, 1), ("softmax", 4, 2)]
)
@pytest.mark.parametrize("d", [1, 2, 5])
def test_loss_and_gradient_of_a_batch(d, loss, outputs, own):
    weights, rows, dense = problem(d, blocks=outputs * own, seed=int(outputs == 3))
    rng, k = np.random.default_rng(1), d // 2
    y = rng.integers(0, max(outputs, 2), 50).astype(np.float32)
    weight = rng.uniform(0.5, 2, 50).astype(np.float32)
    total, gradient, _, _ = kernel_gradient(weights, rows, y, weight, k, d, loss, outputs)
    f, per_band = exact(weights, dense, d, k)
    losses, derivatives = loss_of(loss, f.reshape(50, outputs, own).sum(axis=2), y)
    np.testing.assert_allclose(total, weight @ losses, rtol=1e-5)
    per_block = np.repeat(weight[:, None] * derivatives, own, axis=1)
    expected = np.einsum("nb,nbel,nf->bfel", per_block, per_band, dense)
    np.testing.assert_allclose(gradient, expected, atol=2e-5 * np.abs(expected).max())


def test_the_gradient_is_that_of_finite_differences():
    weights, rows, dense = problem(5, blocks=1)
    y, weight = np.zeros(50, np.float32), np.ones(50, np.float32)
    _, gradient, _, _ = kernel_gradient(weights, rows, y, weight, 2, 5, "squared")
    for feature, e, lane in [(0, 2, 3), (4, 0, 0), (7, 6, 15)]:
        step = np.zeros_like(weights, dtype=float)
        step[0, feature, e, lane] = 1e-5
        up, down = ((exact(weights + s * step, dense, 5, 2)[0].sum(axis=1) ** 2).sum() for s in (1, -1))
        np.testing.assert_allclose(gradient[0, feature, e, lane], (up - down) / 2e-5, rtol=1e-3, atol=1e-3)


def test_rows_without_couplings_have_a_gradient():
    weights, rows, dense = problem(5, blocks=1)
    weights[:, :, 5:] = 0
    y, weight = np.zeros(50, np.float32), np.ones(50, np.float32)
    _, gradient, _, warm = kernel_gradient(weights, rows, y, weight, 2, 5, "squared")
    bands = np.einsum("nf,fel->nle", dense, weights[0, :, :5].astype(float))
    np.testing.assert_allclose(warm[:, 0], np.sort(bands, axis=-1)[..., 2], atol=1e-4)
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(gradient[0, 0, :5].sum(), 2 * LANES * warm.sum(), rtol=1e-4)


@pytest.mark.parametrize(("outputs", "own"), [(1, 2), (3, 2)])
def test_predictions_are_sums_of_eigenvalues(outputs, own):
    weights, rows, dense = problem(5, blocks=outputs * own)
    out = np.empty((50, outputs))
    predict(weights, *rows, 2, order_of(5), out)
    expected = exact(weights, dense, 5, 2)[0].reshape(50, outputs, own).sum(axis=2)
    np.testing.assert_allclose(out, expected, atol=2e-5)
    one = np.empty((1, outputs))
    for i in (0, 17):
        predict(weights, *rows.take([i]), 2, order_of(5), one)
        np.testing.assert_array_equal(one[0], out[i])


def test_an_eigenvalue_that_is_nearly_multiple_is_off_by_less_than_the_last_step():
    """Two latents meet in a row: convergence is no longer cubic, and the error that of a step."""
    weights, rows, dense = problem(2, blocks=3)
    y, weight = np.zeros(50, np.float32), np.ones(50, np.float32)
    _, gradient, _, warm = kernel_gradient(weights, rows, y, weight, 1, 2, "softmax", 3)
    f, per_band = exact(weights, dense, 2, 1)
    off = np.abs(warm.sum(axis=2) - f)
    assert 1e-4 < off.max() < STEP
    assert np.median(off) < 1e-6
    _, derivatives = loss_of("softmax", f, y)
    expected = np.einsum("nb,nbel,nf->bfel", derivatives, per_band, dense)
    np.testing.assert_allclose(gradient, expected, atol=2e-5 * np.abs(expected).max())


def test_softmax_losses_far_out_are_finite():
    weights, rows, _ = problem(5, blocks=3)
    weights[:, 0] *= np.array([1e4, -1e4, 1])[:, None, None]
    y, weight = np.arange(50).astype(np.float32) % 3, np.ones(50, np.float32)
    total, gradient, _, _ = kernel_gradient(weights, rows, y, weight, 2, 5, "softmax", 3)
    assert np.isfinite(total)
    assert np.isfinite(gradient).all()


def adamw(x, gradient, mean, square, t, rate, decay):
    mean += 0.1 * (gradient - mean)
    square += 0.001 * (gradient**2 - square)
    step = mean / (1 - 0.9**t) / (np.sqrt(square / (1 - 0.999**t)) + EPSILON)
    return x * (1 - rate * decay) - rate * step


def test_a_step_is_adamw_of_hats_on_straight_lines():
    rng, d, features, steps = np.random.default_rng(0), 2, 8, 5
    runs, knots = np.array([[2, 5], [5, 7]]), np.zeros(features, np.float32)
    knots[2:7] = -1, 0.5, 2, 0, 1
    shape = (2, features + 2, 3, LANES)
    decay = np.linspace(0, 0.9, features + 2).astype(np.float32)
    decay[2:5], decay[5:7] = 0.3, 0.4
    line_of = np.array([-1, -1, 0, 0, 0, 1, 1, -1])
    hats, lines = rng.standard_normal((2, features, 3, LANES)), rng.standard_normal((2, 2, 3, LANES))

    def nodes():
        own = np.where((line_of >= 0)[:, None, None], knots[:, None, None] * lines[:, line_of], 0)
        return np.concatenate([hats + own, lines], axis=1)

    weights = nodes().astype(np.float32)
    average, mean, square = weights.copy(), np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    means, squares, expected_average = np.zeros(shape), np.zeros(shape), nodes()
    free = np.zeros(features, bool)
    for t in range(1, steps + 1):
        gradient = np.zeros(shape, np.float32)
        gradient[:, :features] = rng.standard_normal((2, features, 3, LANES))
        full = 0.5 * gradient.astype(float)
        for q, (a, b) in enumerate(runs):
            full[:, features + q] = np.einsum("m,bmel->bel", knots[a:b], full[:, a:b])
        x = np.concatenate([hats, lines], axis=1)
        x = adamw(x, full, means, squares, t, 0.01, decay[:, None, None])
        hats, lines = x[:, :features], x[:, features:]
        expected_average += 5 / (t + 4) * (nodes() - expected_average)
        advance(
            *(weights, gradient, mean, square, average, runs, knots, free, decay, order_of(d)),
            *(0.5, t, 0.01, 4.0),
        )
        assert not gradient.any()
    np.testing.assert_allclose(weights, nodes(), atol=2e-6)
    np.testing.assert_allclose(average, expected_average, atol=2e-6)


def test_moments_are_weighted_sums_over_rows():
    rng = np.random.default_rng(0)
    per_row = rng.standard_normal((30, 2, 3, LANES)).astype(np.float32)
    weight, share = rng.uniform(0.5, 2, (2, 30)).astype(np.float32)
    place = rng.integers(0, 3, 30)
    first, second = np.zeros((2, 4, 2, 3, LANES), np.float32)
    moments(per_row, weight, place, share, order_of(2), first, second)
    hats = np.zeros((30, 4))
    hats[np.arange(30), place], hats[np.arange(30), place + 1] = 1 - share, share
    np.testing.assert_allclose(first, np.einsum("nm,nbel->mbel", hats, per_row), atol=1e-4)
    expected = np.einsum("n,nm,nbel->mbel", 1 / weight, hats**2, per_row**2.0)
    np.testing.assert_allclose(second, expected, rtol=1e-4)


def test_a_loss_far_out_is_finite():
    weights, rows, _ = problem(1, blocks=1)
    weights[:, 0] = 1e3
    y, weight = np.zeros(50, np.float32), np.ones(50, np.float32)
    total, gradient, _, _ = kernel_gradient(weights, rows, y, weight, 0, 1, "logistic")
    assert math.isfinite(total)
    assert np.isfinite(gradient).all()

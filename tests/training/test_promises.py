"""Promises in training: the kernel of chains against torch, the order of the matrices, resuming, files."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_interp.eigen.lanes import LANES
from spectral_interp.models.constraints import lifted
from spectral_interp.pencil.structures import Dense, Tridiagonal
from spectral_interp.tables.encoder import TableEncoder
from spectral_interp.training.chains import Chain, Chains, advance_chains, squared
from spectral_interp.training.inputs import Inputs, SparseTable
from spectral_interp.training.neurons import EPSILON, order_of
from spectral_interp.training.run import TrainingRows
from spectral_interp.training.sums import SumOptions, SumRun
from spectral_interp.view import HatsAxis, Pair, Promise

CHAINS = Chains(
    (
        Chain((2, 3, 4, 5), 1, (-1.0, -0.2, 0.5, 2.0), 8),
        Chain((1,), -1, (1.0,), 1),
        Chain((7, 6), 1, (0.0, 1.0)),
    )
)


def full(entries):
    """Return tridiagonal matrices (…, 2 d - 1) in full."""
    return Tridiagonal((entries.shape[-1] + 1) // 2).full(entries.reshape(-1, entries.shape[-1]))


def nodes_by_torch(factors, d):
    """Return the matrices of the chains from their factors (links, 2 d - 1), each by its definition."""

    def product(f):
        lower = torch.diag(f[:d]) + torch.diag(f[d:], -1)
        matrix = lower @ lower.T
        return torch.cat([matrix.diagonal(), matrix.diagonal(1)])

    found, start = {}, 0
    for part in CHAINS.parts:
        own = [part.sign * product(f) for f in factors[start : start + len(part.features)]]
        straight = own[-1] if part.line >= 0 else 0 * own[-1]
        for m, (feature, knot) in enumerate(zip(part.features, part.knots, strict=True)):
            low, high = sorted((m, part.pin))
            rise = sum((part.knots[n + 1] - part.knots[n]) * own[n] for n in range(low, high))
            found[feature] = knot * straight + (rise if m > part.pin else -rise)
        start += len(part.features)
    return found


@pytest.mark.parametrize("d", [1, 2, 5])
def test_a_step_of_chains_is_adamw_on_the_gradient_of_torch(d):
    rng, steps, speed, blocks = np.random.default_rng(0), 4, 2.0, 2
    shape, links = (blocks, 9, 2 * d - 1, LANES), CHAINS.links
    weights, square = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    decay = np.linspace(0.1, 0.9, 9).astype(np.float32)
    factors = np.zeros((3, blocks, links, 2 * d - 1, LANES), np.float32)
    factors[0] = rng.standard_normal(factors.shape[1:])
    CHAINS.set_nodes(weights, factors[0])
    average = weights.copy()
    x = torch.tensor(factors[0, 1, :, :, 3].astype(float), requires_grad=True)
    mean, second = torch.zeros_like(x), torch.zeros_like(x)
    lines, hats = CHAINS.of_lines, np.repeat([decay[2], decay[1], decay[7]], [4, 1, 2])
    hats[lines] = decay[[8, 1]]
    expected = {f: n.detach() for f, n in nodes_by_torch(x, d).items()}
    for feature, node in expected.items():
        np.testing.assert_allclose(weights[1, feature, :, 3], node, atol=1e-5)
    for t in range(1, steps + 1):
        gradient = np.zeros(shape, np.float32)
        gradient[:, 1:8] = rng.standard_normal((blocks, 7, 2 * d - 1, LANES))
        own = torch.tensor(0.5 * gradient[1, :, :, 3].astype(float))
        (slope,) = torch.autograd.grad(
            sum((own[f] * node).sum() for f, node in nodes_by_torch(x, d).items()), x
        )
        mean += 0.1 * (slope - mean)
        second += 0.001 * (slope**2 - second)
        step = mean / (1 - 0.9**t) / ((second / (1 - 0.999**t)).sqrt() + EPSILON)
        kept = torch.tensor(1 - 0.5 * 0.01 * hats)[:, None]
        x = (kept * x.detach() - speed * 0.01 * step).requires_grad_()
        advance_chains(
            *(weights, gradient, square, average, *factors, CHAINS.arrays, decay, order_of(d)),
            *(0.5, t, 0.01, 4.0, speed),
        )
        assert not gradient.any()
        for feature, node in nodes_by_torch(x, d).items():
            expected[feature] = expected[feature] + 5 / (t + 4) * (node.detach() - expected[feature])
            np.testing.assert_allclose(weights[1, feature, :, 3], node.detach(), atol=2e-5)
            np.testing.assert_allclose(average[1, feature, :, 3], expected[feature], atol=2e-5)
    assert square[:, 1:8].all()


def test_squares_of_factors_are_positive_semidefinite():
    factors = np.random.default_rng(0).standard_normal((40, 9, 1))
    lower = np.zeros((40, 5, 5))
    lower[:, range(5), range(5)], lower[:, range(1, 5), range(4)] = factors[:, :5, 0], factors[:, 5:, 0]
    np.testing.assert_allclose(
        full(np.ascontiguousarray(squared(factors)[..., 0])), lower @ lower.transpose(0, 2, 1), atol=1e-12
    )


@pytest.mark.parametrize("scale", [1e-20, 1.0, 3e4, 1e20])
@pytest.mark.parametrize("structure", [Tridiagonal(5), Dense(4)], ids=["tridiagonal", "dense"])
def test_matrices_are_lifted_to_float32_in_the_order_that_was_promised(structure, scale):
    rng, chains = np.random.default_rng(0), [((1, 2, 3, 4), 1), ((5,), -1), ((7, 6), -1)]
    lower = rng.standard_normal((9, 30, structure.dim, structure.dim)) * (rng.random((9, 30, 1, 1)) < 0.7)
    if isinstance(structure, Tridiagonal):
        lower *= np.tri(structure.dim) * np.tri(structure.dim, k=1).T
    squares = lower @ lower.transpose(0, 1, 3, 2)
    i, j = np.triu_indices(structure.dim, k=1)
    keep = j - i == 1 if isinstance(structure, Tridiagonal) else slice(None)
    entries = np.concatenate([np.diagonal(squares, axis1=2, axis2=3), squares[..., i[keep], j[keep]]], axis=2)
    for features, sign in chains:
        entries[list(features)] = sign * np.cumsum(entries[list(features)], axis=0)
    entries *= scale
    found = lifted(entries, chains, structure, np.float32)
    assert np.array_equal(found, found.astype(np.float32))
    for features, sign in chains:
        own = found[list(features)]
        for rise in np.diff(own, axis=0) if len(features) > 1 else own:
            spectra = np.linalg.eigvalsh(structure.full(sign * rise))
            assert spectra.min() >= 0
    np.testing.assert_allclose(found, entries, rtol=0, atol=1e-6 * np.abs(entries).max())


def test_what_is_lifted_does_not_grow_along_a_chain():
    """A chain of a thousand features without a single increment that survives rounding moves by their sum."""
    rng = np.random.default_rng(0)
    rises = 1e-9 * rng.uniform(0, 1, (1000, 3, 9)) * (np.arange(9) < 5)
    entries = np.concatenate([np.zeros((1, 3, 9)), 1 + np.cumsum(rises, axis=0)])
    entries += 1e-8 * rng.standard_normal(entries.shape)
    found = lifted(entries, [(tuple(range(1, 1001)), 1)], Tridiagonal(5), np.float32)
    assert np.abs(found - entries)[:, :, :5].max() < 1000 * 5e-7


def table(n=300, seed=0):
    """Return a table of numbers, one with gaps, levels and dates."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.normal(50, 10, n),
            "height": np.where(rng.random(n) < 0.2, np.nan, rng.normal(170, 8, n)),
            "city": rng.choice(["Oslo", "Rome", "Bern"], n),
            "width": rng.normal(0, 1, n),
        }
    )


def run_of(norm_penalty=0.0, **options):
    """Return a fit that promises against the data, on hats, levels, a linear number and a pair."""
    frame = table()
    encoder = TableEncoder.fit(frame)
    age, height, city, width = encoder.axes
    axes = (HatsAxis.of(age, (-1, 0, 1.5)), HatsAxis.of(height, (-1, 0.5)), city, width)
    promises = (Promise(0, -1), Promise(2, 1, (1, 0, 2)), Promise(3, 1))
    inputs = Inputs(axes, (Pair(0, 1, -1.0, 0.1, 1.3, (-1.0, 0.0, 2.0)),), promises)
    z = encoder.encode(frame, quiet=True)
    y = z[:, 0] - np.abs(z[:, 1]) - z[:, -1] + np.random.default_rng(1).standard_normal(len(z))
    data = SparseTable.of(inputs, TrainingRows(z, y, np.ones(len(z))))
    settings = {"n_epochs": 8, "stop": 8, "batch_size": 32, "norm_penalty": norm_penalty} | options
    return SumRun.start(inputs, SumOptions(loss="squared", **settings), data, seed=0), data


def assert_kept(run, weights):
    """The increments of all chains are positive semidefinite, up to float32."""
    for part in run.inputs.chains.parts:
        own = np.moveaxis(weights[:, list(part.features)].astype(float), 3, 1)
        own = part.sign * (np.diff(own, axis=2) if len(part.features) > 1 else own)
        assert np.linalg.eigvalsh(full(own)).min() >= -1e-6


@pytest.mark.parametrize("penalty", [0.0, 0.02])
def test_weights_and_their_average_keep_the_promises(penalty):
    run, data = run_of(penalty, blocks=2)
    assert [part.sign for part in run.inputs.chains.parts] == [-1, 1, -1, 1]
    assert_kept(run, run.weights)
    first = run.weights.copy()
    for _ in run.epochs(data):
        assert_kept(run, run.weights)
        assert_kept(run, run.average)
    assert (first != run.weights)[:, 1:12].any(axis=(0, 2, 3)).sum() == 9  # two are pinned
    again = run.weights.copy()
    run.inputs.chains.set_nodes(again, run.factors[0])
    np.testing.assert_allclose(again, run.weights, atol=1e-5)


def test_a_promise_against_the_data_ends_flat_and_one_with_them_is_free():
    run, data = run_of(n_epochs=60, stop=60, learning_rate=0.02)
    *_, last = run.epochs(data)
    free = SumRun.start(Inputs(run.inputs.axes), run.options, data, seed=0)
    size = run._norms(run.average)
    assert size[0] < 0.1 * size[1]
    assert last.validation_loss > 1.1
    assert free._chained.sum() == 0


@pytest.mark.parametrize("interrupted", [1, 5])
def test_a_resumed_fit_is_the_same_to_the_bit(interrupted):
    whole, data = run_of(0.01)
    list(whole.epochs(data))
    part, _ = run_of(0.01)
    for event in part.epochs(data):
        if event.epoch == interrupted:
            break
    state = copy.deepcopy(part.state())
    again, _ = run_of(0.01)
    again.load_state(state)
    list(again.epochs(data))
    assert again.average.tobytes() == whole.average.tobytes()
    assert again.factors.tobytes() == whole.factors.tobytes()
    with pytest.raises(ValueError, match="expected factors"):
        again.load_state({name: value for name, value in state.items() if name != "factors"})


def test_a_pair_keeps_the_promises_of_its_columns():
    axes = tuple(HatsAxis(name, knots=(-1.0, 0.0, 1.0)) for name in "abc")
    inputs = Inputs(axes, promises=(Promise(0, 1), Promise(1, -1)))
    assert inputs.signs(0, 1, -1.0) == {1}
    assert inputs.signs(0, 1, 1.0) == {1, -1}
    assert inputs.signs(2, 1, -1.0) == {1}
    assert inputs.signs(0, 2, -1.0) == {1}
    assert Inputs(axes).signs(0, 1, 1.0) == set()

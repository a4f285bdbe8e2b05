"""One fit of the sum form: its rows, its coefficients, and going on where it was interrupted."""

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spectral_interp.eigen import eigenvalues
from spectral_interp.tables.encoder import TableEncoder
from spectral_interp.training.inputs import Inputs, SparseTable
from spectral_interp.training.run import EncodedRows, TrainingRows
from spectral_interp.training.sums import SumOptions, SumRun
from spectral_interp.view import HatsAxis, NumberAxis, Pair


def table(n=120, seed=0):
    """Return a table of every kind of column, with gaps."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(50, 10, n),
            "height": np.where(rng.random(n) < 0.2, np.nan, rng.normal(170, 8, n)),
            "city": rng.choice(["Oslo", "Rome", "Bern"], n),
            "day": pd.to_datetime("2023-01-01") + pd.to_timedelta(rng.integers(0, 700, n), unit="D"),
            "width": rng.normal(0, 1, n),
        }
    )
    frame.loc[rng.choice(n, n // 10, replace=False), "day"] = pd.NaT
    return frame


def inputs_of(encoder):
    age, height, city, day, width = encoder.axes
    axes = (HatsAxis.of(age, (-1, 0, 1.5)), HatsAxis.of(height, (-1, 0.5)), city, day, width)
    return Inputs(
        axes, (Pair(0, 1, -1.0, 0.1, 1.3, (-1.0, 0.0, 2.0)), Pair(0, 4, 1.0, 0.0, 1.4, (-1.0, 1.0)))
    )


def features(inputs, z):
    """Return the features of a model, from those of its plain axes, with a column of ones."""
    edges = np.cumsum([axis.plain.n_features for axis in inputs.axes])[:-1]
    blocks = np.split(z, edges, axis=1)
    own = [axis.from_inputs(block) for axis, block in zip(inputs.axes, blocks, strict=True)]
    pairs = [p.place(blocks[p.first][:, 0], blocks[p.second][:, 0]) for p in inputs.pairs]
    return np.hstack([np.ones((len(z), 1)), *own, *pairs])


def total(entries, k, full):
    """Return the sum of the eigenvalues of coefficients (p + 1, neurons, 2 d - 1) at features (n, p + 1)."""
    bands = np.einsum("nf,fke->nke", full, entries)
    d = (bands.shape[2] + 1) // 2
    return eigenvalues(np.ascontiguousarray(bands[..., :d]), np.ascontiguousarray(bands[..., d:]), k).sum(1)


def rows(n=200, p=3, seed=0, target=lambda z: np.abs(z[:, 0]) + z[:, 1]):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, p))
    inputs = Inputs(tuple(HatsAxis(f"x{i}", knots=(-1.0, 0.0, 1.0)) for i in range(p)))
    y = target(z)
    return inputs, SparseTable.of(inputs, TrainingRows(z, (y - y.mean()) / y.std(), np.ones(n)))


def start(inputs, data, **options):
    settings = SumOptions(**{"loss": "squared", "n_epochs": 6, "stop": 6, "batch_size": 32} | options)
    return SumRun.start(inputs, settings, data, seed=0)


def trained(run, held=None):
    for _ in run.epochs(held):
        pass
    return run


def test_sparse_rows_are_the_features_without_their_means():
    encoder = TableEncoder.fit(table())
    inputs, z = inputs_of(encoder), encoder.encode(table(50, seed=1), quiet=True)
    sparse = inputs.sparse(TrainingRows(z, z[:, 0], z[:, 0]))
    dense, every = np.zeros((50, inputs.n_features)), np.arange(50)[:, None]
    m = sparse.segments
    np.add.at(dense, (every, sparse.places[:, :m]), 1 - sparse.shares[:, :m])
    np.add.at(dense, (every, sparse.places[:, :m] + 1), sparse.shares[:, :m])
    np.add.at(dense, (every, sparse.places[:, m:]), sparse.shares[:, m:])
    np.testing.assert_allclose(dense[:, 1:] - inputs.offsets, features(inputs, z)[:, 1:], atol=1e-6)


def test_a_level_takes_one_entry():
    encoder = TableEncoder.fit(table()[["city"]])
    u, none = encoder.coordinates(table()[["city"]]), np.zeros(120)
    assert Inputs(encoder.axes).sparse(EncodedRows(encoder.axes, u, none, none)).places.shape == (120, 1)


def test_folded_coefficients_are_the_trained_function():
    encoder = TableEncoder.fit(table())
    inputs, z = inputs_of(encoder), encoder.encode(table(), quiet=True)
    y = np.random.default_rng(0).standard_normal(120)
    run = trained(start(inputs, SparseTable.of(inputs, TrainingRows(z, y, np.ones(120))), blocks=2))
    entries = inputs.folded(run.average)
    assert entries.shape == (inputs.n_features, 32, 9)
    assert np.array_equal(entries, entries.astype(np.float32))
    np.testing.assert_allclose(total(entries, 2, features(inputs, z)), run.predict(run.table.rows), atol=1e-4)
    owners = inputs.owners[: inputs.n_features - 1]
    assert np.bincount(owners).tolist() == [3, 3, 3, encoder.axes[3].n_features, 1, 3, 2]


def test_folding_is_exact():
    """In float64, without the rounding at its end: the same function whatever the means of the indicators."""
    encoder = TableEncoder.fit(table())
    inputs, z = inputs_of(encoder), encoder.encode(table(), quiet=True)
    weights = np.random.default_rng(0).integers(-8, 8, (1, inputs.n_features + 4, 9, 16)) / 8
    full = features(inputs, z)
    trained_on = full + np.concatenate([[0], inputs.offsets])
    plain = np.moveaxis(weights[0, : inputs.n_features], 2, 1)
    values = total(inputs.folded(weights, rounded=False), 2, full)
    np.testing.assert_allclose(values, total(plain, 2, trained_on), atol=1e-12)


def test_it_learns_a_knee_and_says_how():
    inputs, data = rows()
    run = start(inputs, data, n_epochs=60, stop=60, learning_rate=0.02)
    events = list(run.epochs(data))
    assert [event.epoch for event in events] == list(range(1, 61))
    assert events[-1].validation_loss < 0.05 < events[0].validation_loss
    assert np.isnan(next(iter(start(inputs, data).epochs())).validation_loss)


@pytest.mark.parametrize("interrupted", [1, 3, 5])
def test_a_resumed_fit_is_the_same_to_the_bit(interrupted):
    inputs, data = rows()
    held = data.take(slice(50))
    whole = trained(start(inputs, data), held)
    part = start(inputs, data)
    for event in part.epochs(held):
        if event.epoch == interrupted:
            break
    state = copy.deepcopy(part.state())
    again = start(inputs, data)
    again.load_state(state)
    trained(again, held)
    assert whole.average.tobytes() == again.average.tobytes()
    assert [e.validation_loss for e in whole.history] == [e.validation_loss for e in again.history]
    finished = start(inputs, data)
    finished.finish(whole.result())
    assert finished.average.tobytes() == whole.average.tobytes()
    assert finished.history == whole.history


def test_the_state_of_another_fit_is_refused():
    inputs, data = rows()
    other, fewer = rows(p=2)
    with pytest.raises(ValueError, match=r"expected weights of shape \(1, 13, 9, 16\)"):
        start(inputs, data).load_state(start(other, fewer).state())


def test_only_the_proportions_of_weights_count():
    inputs, data = rows()
    weight = np.random.default_rng(0).uniform(0.5, 2, 200)
    fits = [trained(start(inputs, replace_weight(data, weight * factor))) for factor in (1, 1024)]
    assert fits[0].average.tobytes() == fits[1].average.tobytes()


def replace_weight(data, weight):
    return replace(data, weight=weight)


def test_weights_of_very_different_size():
    inputs, data = rows()
    weight = np.geomspace(1e-60, 1e60, 200)
    run = trained(start(inputs, replace_weight(data, weight)), data)
    assert np.isfinite(run.history[-1].train_loss)
    assert np.isfinite(run.derivatives()).all()


def test_the_penalty_sets_useless_inputs_to_zero():
    inputs, data = rows(p=4)
    options = {"n_epochs": 60, "stop": 60, "learning_rate": 0.02}
    run = trained(start(inputs, data, norm_penalty=0.02, **options))
    run.prune()
    entries = np.abs(inputs.folded(run.average)[1:]).sum(axis=(1, 2)).reshape(4, 3)
    assert (entries[2:] == 0).all()
    assert (entries[:2] > 0).all()
    assert trained(start(inputs, data, **options)).average[:, 7:13].any()


def test_a_fit_that_diverges_says_so():
    inputs, data = rows()
    run = start(inputs, data, learning_rate=1e38)
    with pytest.raises(FloatingPointError, match="epoch 1"):
        trained(run)


def test_axes_without_knots_have_no_runs():
    inputs = Inputs((NumberAxis("x"),))
    assert inputs.runs.shape == (0, 2)
    data = SparseTable.of(inputs, TrainingRows(np.ones((5, 1)), np.zeros(5), np.ones(5)))
    assert trained(start(inputs, data, dim=1)).average.shape == (1, 2, 1, 16)


def test_the_decay_of_hats_is_another():
    inputs, data = rows()
    run = start(inputs, data)
    np.testing.assert_array_equal(np.unique(run._decays[1:10]), 3)
    np.testing.assert_array_equal(run._decays[10:], 1)
    assert replace(run.options, hat_decay=2.0).hat_decay == 2

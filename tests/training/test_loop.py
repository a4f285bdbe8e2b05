"""Losses, gradients and the loop of epochs."""

import numpy as np
import pytest
import torch
from torch import nn

from spectral_interp import training
from spectral_interp.models.spectral import PerClass, TridiagonalSpectral
from spectral_interp.training.run import TrainingRows
from tests.training.small import rows, start

TWINS = {
    "squared": nn.functional.mse_loss,
    "logistic": nn.functional.binary_cross_entropy_with_logits,
    "softmax": nn.functional.cross_entropy,
}


def test_learns_a_linear_function():
    run, data = start(), rows()
    history = list(training.epochs(run, data, data))
    assert history == run.history
    assert history[-1].validation_loss < 1e-6 < history[0].validation_loss
    expected = torch.tensor([[2.0, -1.0]], dtype=torch.float64)
    torch.testing.assert_close(run.module[0].weight.detach(), expected, atol=1e-3, rtol=0)


def test_logistic_loss_separates():
    run, data = start(loss="logistic"), rows(target=lambda z: (z[:, 0] > 0).astype(float))
    assert list(training.epochs(run, data, data))[-1].validation_loss < 0.1


@pytest.mark.parametrize("loss", training.LOSSES)
def test_losses_are_torchs_and_slopes_their_derivatives(loss):
    f = torch.linspace(-3, 3, 9, dtype=torch.float64)
    f = (
        torch.outer(f, torch.tensor([1.0, -300.0, 0.5]).double()) if loss == "softmax" else f
    ).requires_grad_()
    y = (torch.arange(9) % 2).double()
    values, slopes = training.LOSSES[loss](f.detach().numpy(), y.numpy())
    expected = TWINS[loss](f, y.long() if loss == "softmax" else y, reduction="none")
    np.testing.assert_allclose(values, expected.detach(), rtol=1e-12)
    vanishing = 1e-15 if loss == "softmax" else 0  # shares that underflow
    np.testing.assert_allclose(slopes, torch.autograd.grad(expected.sum(), f)[0], rtol=1e-12, atol=vanishing)


@pytest.mark.parametrize("d", [1, 2, 7])
@pytest.mark.parametrize("loss", training.LOSSES)
def test_tape_free_step_has_autograds_gradient(d, loss):
    made = [TridiagonalSpectral(2, d, dtype=torch.float64, generator=torch.manual_seed(s)) for s in range(3)]
    run = start(PerClass(made) if loss == "softmax" else made[0], loss=loss)
    data = rows(n=30)._replace(weight=np.linspace(0.5, 2, 30))
    if loss == "softmax":
        data = data._replace(y=np.arange(30.0) % 3)
    prediction, pull_back = run.module.with_pullback(data.z)
    _, slopes = training.LOSSES[loss](prediction, data.y)
    pull_back((data.weight * slopes.T).T / data.weight.sum())
    mine = run.gradient.copy()
    z, y, weight = map(torch.from_numpy, data)
    values = TWINS[loss](run.module(z), y.long() if loss == "softmax" else y, reduction="none")
    run.gradient[:] = 0
    (values @ weight / weight.sum()).backward()
    np.testing.assert_allclose(mine, run.gradient, rtol=0, atol=1e-12)


def test_a_weight_of_two_is_the_row_twice():
    data = rows(n=8)
    double = TrainingRows(*(np.concatenate([column, column[:3]]) for column in data))
    weighted = data._replace(weight=np.array([2.0, 2, 2, 1, 1, 1, 1, 1]))
    runs = []
    for batch in (double, weighted):
        run = start(n=len(batch.z), batch_size=100, n_epochs=20)
        list(training.epochs(run, batch, batch))
        runs.append(run)
    torch.testing.assert_close(runs[0].module[0].weight, runs[1].module[0].weight, rtol=0, atol=1e-9)
    assert runs[0].history[-1].train_loss == pytest.approx(runs[1].history[-1].train_loss)


def test_learning_rate_rises_stays_and_falls():
    data = rows()
    rates = np.array([event.learning_rate for event in training.epochs(start(n_epochs=100), data, data)])
    assert (np.diff(rates[:10]) > 0).all()
    np.testing.assert_allclose(rates[10:59], 0.3)
    assert (np.diff(rates[60:]) < 0).all()
    assert rates[-1] == pytest.approx(0.3 * 0.05)


def test_training_is_lazy_and_leaves_the_global_generator_alone():
    run, data = start(n_epochs=5), rows()
    state = torch.get_rng_state()
    events = training.epochs(run, data, data)
    next(events)
    assert [event.epoch for event in run.history] == [1]
    list(events)
    assert len(run.history) == 5
    assert torch.equal(torch.get_rng_state(), state)


def test_non_finite_loss_names_epoch_batch_and_cause():
    data = rows()
    data.y[5] = np.inf
    with pytest.raises(FloatingPointError, match=r"epoch 1, batch \d+: the rows hold NaN or infinity"):
        list(training.epochs(start(), data, data))
    run = start(learning_rate=1e200)
    with pytest.raises(FloatingPointError, match=r"epoch \d+, .*lower learning_rate"):
        list(training.epochs(run, rows(), rows()))
    assert np.isfinite(run.best_weights).all()


def test_the_best_start_goes_on_and_one_that_diverges_does_not():
    data = rows()

    def begin(rate):
        return start(n_epochs=20, learning_rate=rate)

    runs = [begin(1e-3), begin(0.3), begin(1e200)]
    chosen = training.best_start(runs, data, data)
    assert chosen is runs[1]
    assert [len(run.history) for run in runs[:2]] == [2, 2]
    assert len(runs[2].history) < 2
    assert len(list(training.epochs(chosen, data, data))) == 18
    undisturbed = begin(0.3)
    list(training.epochs(undisturbed, data, data))
    np.testing.assert_array_equal(chosen.weights, undisturbed.weights)

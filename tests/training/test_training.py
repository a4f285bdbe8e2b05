"""The loop, its stages, and what a checkpoint holds."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from spectral_interp import training
from spectral_interp.models.spectral import STRUCTURES, TridiagonalSpectral
from spectral_interp.training.run import Epoch, Options, Rows, Run


def rows(n=64, p=2, seed=0, target=lambda z: 2 * z[:, 0] - z[:, 1]):
    z = np.random.default_rng(seed).standard_normal((n, p))
    return Rows(z, target(z), np.ones(n))


def linear():
    module = nn.Sequential(nn.utils.skip_init(nn.Linear, 2, 1, dtype=torch.float64), nn.Flatten(0))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(0.1)
    return module


def start(module=None, n=64, seed=0, **options):
    defaults = {"loss": "squared", "n_epochs": 60, "batch_size": 16, "learning_rate": 0.3}
    generator = torch.Generator().manual_seed(seed)
    return Run.start(module or linear(), Options(**defaults | options), n_rows=n, generator=generator)


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
    f = torch.linspace(-3, 3, 9, dtype=torch.float64, requires_grad=True)
    y = (torch.arange(9) % 2).double()
    values, slopes = training.LOSSES[loss](f.detach().numpy(), y.numpy())
    twin = {"squared": nn.MSELoss(reduction="none"), "logistic": nn.BCEWithLogitsLoss(reduction="none")}[loss]
    expected = twin(f, y)
    np.testing.assert_allclose(values, expected.detach(), rtol=1e-12)
    np.testing.assert_allclose(slopes, torch.autograd.grad(expected.sum(), f)[0], rtol=1e-12)


@pytest.mark.parametrize("d", [1, 2, 7])
@pytest.mark.parametrize("loss", training.LOSSES)
def test_tape_free_step_has_autograds_gradient(d, loss):
    run = start(TridiagonalSpectral(2, d, dtype=torch.float64), loss=loss)
    data = rows(n=30)._replace(weight=np.linspace(0.5, 2, 30))
    prediction, pull_back = run.module.with_pullback(data.z)
    _, slopes = training.LOSSES[loss](prediction, data.y)
    pull_back(data.weight * slopes / data.weight.sum())
    mine = run.gradient.copy()
    z, y, weight = map(torch.from_numpy, data)
    twin = {"squared": nn.functional.mse_loss, "logistic": nn.functional.binary_cross_entropy_with_logits}
    values = twin[loss](run.module(z), y, reduction="none")
    run.gradient[:] = 0
    (values @ weight / weight.sum()).backward()
    np.testing.assert_allclose(mine, run.gradient, rtol=0, atol=1e-12)


def test_adamw_is_torchs():
    rng, x = np.random.default_rng(0), np.linspace(-1, 1, 7)
    twin = nn.Parameter(torch.tensor(x))
    optimizer = torch.optim.AdamW([twin], lr=0.1, weight_decay=0.3)
    mean, square = np.zeros((2, 7))
    for steps in range(1, 50):
        gradient = rng.standard_normal(7) * 10.0 ** rng.integers(-3, 4)
        training.adamw(x, gradient, mean, square, steps, 0.1, 0.3)
        twin.grad = torch.tensor(gradient)
        optimizer.step()
        np.testing.assert_allclose(x, twin.detach(), rtol=0, atol=1e-12)


def test_the_rise_is_torchs_and_the_fall_its_mirror():
    optimizer = torch.optim.AdamW([nn.Parameter(torch.zeros(1))])
    twin = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4000, eta_min=0.05 * 1e-3)
    fall = []
    for _ in range(4000):
        fall.append(twin.get_last_lr()[0])
        optimizer.step()
        twin.step()
    rates = training.one_cycle(10_001, 1e-3)
    np.testing.assert_allclose(rates[6000:-1], fall, rtol=1e-9)
    np.testing.assert_allclose(rates[1000:6000], 1e-3)
    np.testing.assert_allclose(rates[[0, 500]], [4e-5, 5.2e-4])
    assert (training.one_cycle(1, 0.3) > 0).all()


def test_the_average_has_polynomial_weights():
    run, steps = start(), np.arange(1, 41)
    for step in steps:
        run.gradient[:] = np.sin(step)
        run.step()
        run.moments[:] = 0
        if step == 1:
            path = [run.weights.copy()]
        else:
            path.append(run.weights.copy())
    share = np.array([np.prod([(t - 1) / (t + 4) for t in range(s + 1, 41)]) * 5 / (s + 4) for s in steps])
    np.testing.assert_allclose(share.sum(), 1)
    np.testing.assert_allclose(run.average, share @ np.array(path), rtol=1e-12)
    with run.averaged() as module:
        np.testing.assert_allclose(module[0].bias.item(), run.average[-1])
    np.testing.assert_array_equal(run.weights, path[-1])


def test_a_weight_of_two_is_the_row_twice():
    data = rows(n=8)
    double = Rows(*(np.concatenate([column, column[:3]]) for column in data))
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


def test_best_weights_are_those_of_the_best_epoch():
    run = start()
    for epoch, loss in enumerate([3.0, 1.0, 2.0], 1):
        run.average[:] = epoch
        run.record(Epoch(epoch, 0.0, loss, 0.0, 0.0))
    assert run.best_epoch == 2
    run.finish()
    assert run.module[0].weight.tolist() == [[2.0, 2.0]]
    assert run.module[0].weight.grad is None


def test_early_stop_counts_from_the_best_and_asks_for_nothing_more():
    run, asked = start(), []

    def fake():
        for epoch, loss in enumerate([5.0, 4.0, 4.5, 3.0, 3.1, 3.2, 3.3, 0.0], 1):
            asked.append(epoch)
            run.record(event := Epoch(epoch, 0.0, loss, 0.0, 0.0))
            yield event

    assert len(list(training.stop_early(fake(), run, patience=3))) == 7
    assert asked == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("structure", list(STRUCTURES))
@pytest.mark.parametrize("stop", [1, 4, 7])
def test_a_resumed_run_is_the_same_to_the_bit(tmp_path, structure, stop):
    data, path, identity = rows(n=40), tmp_path / "run.pt", {"seed": 0}

    def fresh():
        module = STRUCTURES[structure](2, 4, dtype=torch.float64)
        return start(module, n=40, n_epochs=7, norm_penalty=0.01)

    whole = fresh()
    list(training.epochs(whole, data, data))
    broken = fresh()
    events = training.epochs(broken, data, data)
    events = training.save_checkpoints(events, broken, path, every=1, identity=identity)
    for _ in range(stop):
        next(events)
    events.close()
    resumed = fresh()
    training.resume(resumed, path, identity)
    assert len(resumed.history) == stop
    list(training.epochs(resumed, data, data))
    for mine, theirs in zip(resumed.module.parameters(), whole.module.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert [e.validation_loss for e in resumed.history] == [e.validation_loss for e in whole.history]
    assert resumed.best_epoch == whole.best_epoch


def test_checkpoints_come_every_so_many_epochs_and_at_the_end(tmp_path):
    run, data, path, seen = start(n_epochs=5), rows(), tmp_path / "run.pt", []
    for _ in training.save_checkpoints(training.epochs(run, data, data), run, path, every=2, identity={}):
        seen.append(len(torch.load(path, weights_only=True)["run"]["history"]) if path.exists() else 0)
    assert seen == [0, 2, 2, 4, 4]
    assert len(torch.load(path, weights_only=True)["run"]["history"]) == 5


def test_a_checkpoint_of_another_run_is_refused(tmp_path, regressor):
    run, data, path = start(n_epochs=1), rows(), tmp_path / "run.pt"
    events = training.epochs(run, data, data)
    list(training.save_checkpoints(events, run, path, every=1, identity={"seed": 0}))
    with pytest.raises(ValueError, match="another seed: 0 instead of 1"):
        training.resume(start(), path, {"seed": 1})
    regressor.save(tmp_path / "model.pt")
    with pytest.raises(
        ValueError, match=r"expected a checkpoint .* got .*model\.pt, which is something else"
    ):
        training.resume(start(), tmp_path / "model.pt", {})


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("weights", torch.zeros(1, dtype=torch.float64), "weights of shape"),
        ("average", torch.zeros(2, 3, dtype=torch.float64), "run.average"),
        ("best_weights", torch.full((3,), np.nan, dtype=torch.float64), "run.best_weights"),
        ("moments", torch.zeros(1, 3, dtype=torch.float64), "moments of shape"),
        ("steps", 3, "steps an epoch"),
        ("steps", -1, "run.steps"),
        ("generator", torch.zeros(5056, dtype=torch.uint8), "mt19937"),
        ("generator", torch.zeros(4, dtype=torch.uint8), "size|state"),
        ("history", [], "steps an epoch"),
        ("history", [{}, {}], r"run\.history\[0\]\.epoch"),
        ("best", [3, 0.0], "a best epoch"),
        ("best", [0], "not enough values"),
        ("best", [0, "low"], r"run\.best\[1\]"),
    ],
)
def test_damaged_checkpoints_are_refused_and_leave_the_run_as_it_was(tmp_path, name, value, reason):
    run, data, path = start(n_epochs=2), rows(), tmp_path / "run.pt"
    list(training.save_checkpoints(training.epochs(run, data, data), run, path, every=1, identity={}))
    state = torch.load(path, weights_only=True)
    state["run"][name] = value
    torch.save(state, path)
    fresh = start(n_epochs=2)
    before = fresh.weights.copy()
    with pytest.raises(ValueError, match=rf"expected an undamaged checkpoint in .*run\.pt; .*({reason})"):
        training.resume(fresh, path, {})
    np.testing.assert_array_equal(fresh.weights, before)
    assert not fresh.history
    list(training.epochs(fresh, data, data))
    np.testing.assert_array_equal(fresh.weights, run.weights)


def test_pruning_drops_what_does_not_pay_and_nothing_else():
    module, data = TridiagonalSpectral(2, 1, dtype=torch.float64), rows(target=lambda z: 2 * z[:, 0])
    with torch.no_grad():
        module.diag.weight.copy_(torch.tensor([[1.99, 1e-3]]))
        module.diag.bias.zero_()
    options = Options("squared", 1, 1, 1.0, norm_penalty=0.01)
    before = training.mean_loss(module, data, "squared") + 0.01 * module.feature_norms().sum().item()
    training.prune(module, data, options)
    after = training.mean_loss(module, data, "squared") + 0.01 * module.feature_norms().sum().item()
    assert module.diag.weight[0].tolist() == pytest.approx([1.99, 0.0], abs=1e-6)
    assert module.diag.weight[0, 1] == 0
    assert after <= before
    assert math.isfinite(after)


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

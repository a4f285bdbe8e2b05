"""Stopping, checkpoints, resuming and pruning."""

import math

import numpy as np
import pytest
import torch

from spectral_interp import training
from spectral_interp.models.spectral import MODULES, TridiagonalSpectral
from spectral_interp.training.run import Epoch, Options, TrainingRows
from tests.training.small import rows, start


def test_early_stop_counts_from_the_best_and_asks_for_nothing_more():
    run, asked = start(), []

    def fake():
        for epoch, loss in enumerate([5.0, 4.0, 4.5, 3.0, 3.1, 3.2, 3.3, 0.0], 1):
            asked.append(epoch)
            run.record(event := Epoch(epoch, 0.0, loss, 0.0, 0.0))
            yield event

    assert len(list(training.stop_early(fake(), run, patience=3))) == 7
    assert asked == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("structure", list(MODULES))
@pytest.mark.parametrize("stop", [1, 4, 7])
def test_a_resumed_run_is_the_same_to_the_bit(tmp_path, structure, stop):
    data, path, identity = rows(n=40), tmp_path / "run.pt", {"seed": 0}

    def fresh():
        module = MODULES[structure](2, 4, dtype=torch.float64)
        return start(module, n=40, n_epochs=7, norm_penalty=0.01)

    def to_the_end(run):
        list(training.join_validation(training.epochs(run, data, data), run, rows(n=50)))
        run.finish()
        return run

    whole = to_the_end(fresh())
    broken = fresh()
    events = training.epochs(broken, data, data)
    events = training.save_checkpoints(events, broken, path, every=1, identity=identity)
    for _ in range(stop):
        next(events)
    events.close()
    resumed = fresh()
    training.resume(resumed, path, identity)
    assert len(resumed.history) == stop
    to_the_end(resumed)
    for mine, theirs in zip(resumed.module.parameters(), whole.module.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert [e.validation_loss for e in resumed.history] == [e.validation_loss for e in whole.history]
    assert resumed.best_epoch == whole.best_epoch


def test_a_last_cycle_takes_in_the_validation_rows():
    everything = rows(n=80, target=lambda z: 2 * z[:, 0] + (np.arange(80) >= 60))
    train, validation = (TrainingRows(*(c[part] for c in everything)) for part in (slice(60), slice(60, 80)))
    run = start(n=60, n_epochs=20)
    chosen = training.epochs(run, train, validation)
    events = list(training.join_validation(chosen, run, everything))
    assert [event.epoch for event in events] == [*range(1, 21), *range(1, math.ceil(run.best_epoch / 2) + 1)]
    assert len(run.history) == 20
    run.finish()
    least, *_ = np.linalg.lstsq(np.c_[everything.z, np.ones(80)], everything.y)
    np.testing.assert_allclose(run.weights, least, atol=0.1)  # of the first 60 rows alone: 2, 0, 0


def test_a_last_cycle_that_diverges_leaves_what_was_chosen():
    run, data = start(n_epochs=4), rows()
    broken = data._replace(y=np.full(64, np.nan))
    with pytest.raises(FloatingPointError, match="epoch 1, batch 1"):
        list(training.join_validation(training.epochs(run, data, data), run, broken))
    twin = start(n_epochs=4)
    list(training.epochs(twin, data, data))
    np.testing.assert_array_equal(run.best_weights, twin.best_weights)


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
    with pytest.raises(ValueError, match=r"the seed of .*; got 0 instead of 1"):
        training.resume(start(), path, {"seed": 1})
    regressor.save(tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"expected a checkpoint .* got .*model\.pt, which is not one"):
        training.resume(start(), tmp_path / "model.pt", {})


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("weights", torch.zeros(1, dtype=torch.float64), "weights of shape"),
        ("average", torch.zeros(2, 3, dtype=torch.float64), "run.average"),
        ("best_weights", torch.full((3,), np.nan, dtype=torch.float64), "run.best_weights"),
        ("moments", torch.zeros(1, 3, dtype=torch.float64), "moments of shape"),
        ("steps", 3, "steps per epoch"),
        ("steps", -1, "run.steps"),
        ("generator", torch.zeros(5056, dtype=torch.uint8), "mt19937"),
        ("generator", torch.zeros(4, dtype=torch.uint8), "size|state"),
        ("history", [], "steps per epoch"),
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

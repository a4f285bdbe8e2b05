"""The loop and its stages."""

import pytest
import torch
from torch import nn

from spectral_interp.training import Epoch, epochs, restore_best, stop_early


def linear(generator):
    module = nn.Sequential(nn.utils.skip_init(nn.Linear, 2, 1, dtype=torch.float64), nn.Flatten(0))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(generator=generator)
    return module


def train(loss="squared", n_epochs=60, seed=0, learning_rate=0.3, target=lambda z: 2 * z[:, 0] - z[:, 1]):
    generator = torch.Generator().manual_seed(seed)
    module = linear(generator)
    z = torch.randn(64, 2, generator=generator, dtype=torch.float64)
    rows = (z, target(z))
    options = {"batch_size": 16, "learning_rate": learning_rate, "weight_decay": 0.0}
    events = epochs(module, rows, rows, loss=loss, n_epochs=n_epochs, generator=generator, **options)
    return module, events


def test_learns_a_linear_function():
    module, events = train()
    history = list(events)
    assert history[-1].validation_loss < 1e-6 < history[0].validation_loss
    torch.testing.assert_close(
        module[0].weight.detach(), torch.tensor([[2.0, -1.0]]).double(), atol=1e-3, rtol=0
    )


def test_logistic_loss_separates():
    _, events = train(loss="logistic", target=lambda z: (z[:, 0] > 0).double())
    assert list(events)[-1].validation_loss < 0.1


def test_learning_rate_rises_for_a_tenth_and_then_falls():
    rates = [event.learning_rate for event in train(n_epochs=100)[1]]
    assert rates.index(max(rates)) == pytest.approx(10, abs=1)
    assert max(rates) == pytest.approx(0.3, rel=0.02)
    assert rates[-1] < 1e-3


def test_training_is_lazy_and_repeatable():
    one, events = train(n_epochs=5)
    next(iter(events))
    two, events = train(n_epochs=5)
    next(iter(events))
    assert torch.equal(one[0].weight, two[0].weight)
    state = torch.get_rng_state()
    list(events)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(one[0].weight, two[0].weight)


def test_non_finite_loss_stops():
    _, events = train(target=lambda z: torch.full((64,), torch.inf, dtype=torch.float64))
    with pytest.raises(FloatingPointError, match="not finite in epoch 1"):
        list(events)


def fake(losses, module):
    for i, loss in enumerate(losses, 1):
        with torch.no_grad():
            module[0].weight.fill_(i)
        yield Epoch(i, 0.0, loss, 0.0, 0.0)


def test_best_weights_return_at_the_end_and_when_interrupted():
    module = linear(torch.Generator())
    list(restore_best(fake([3.0, 1.0, 2.0], module), module))
    assert float(module[0].weight.detach()[0, 0]) == 2
    events = restore_best(fake([3.0, 4.0, 2.0], module), module)
    next(events), next(events)
    events.close()
    assert float(module[0].weight.detach()[0, 0]) == 1


def test_early_stop_counts_from_the_best():
    module = linear(torch.Generator())
    losses = [5.0, 4.0, 4.5, 3.0, 3.1, 3.2, 3.3, 0.0]
    assert len(list(stop_early(fake(losses, module), patience=3))) == 7

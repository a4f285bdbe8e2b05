"""Steps and rates against torch's."""

import numpy as np
import torch
from torch import nn

from spectral_interp import training


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

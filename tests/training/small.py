"""A linear model on few rows, and a run of it."""

import numpy as np
import torch
from torch import nn

from spectral_interp.training.run import Options, Run, TrainingRows


def rows(n=64, p=2, seed=0, target=lambda z: 2 * z[:, 0] - z[:, 1]):
    z = np.random.default_rng(seed).standard_normal((n, p))
    return TrainingRows(z, target(z), np.ones(n))


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

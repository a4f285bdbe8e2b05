"""Fitting one neuron: several random starts are tried, and training continues from the best one."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import torch
from sklearn.exceptions import ConvergenceWarning

from ..models.constraints import Constrained, lift_
from ..models.spectral import MODULES, PerClass
from ..training import Epoch, Options, Run
from ..training.loop import best_start, epochs
from ..training.partition import Partition
from ..training.run import Rows
from ..training.stages import join_validation, show_progress, stop_early
from .promises import chains_of, index_of

ROWS_PER_PARAMETER = 20
"""Rows per parameter below which initial features are proportionally smaller, since few rows cannot undo a
random start; above it, the weight decay is proportionally smaller."""

ROWS_TO_GO_ON = 10
"""Minimum number of rows per coefficient for a last cycle of training on all rows, once the epoch is chosen;
with fewer, early stopping is needed to prevent overfitting."""

STARTS = 3
"""Number of random starts; training continues from the best after a tenth of the epochs."""


def new_module(est: Any, n_features: int, seed: int) -> Any:
    """Return an untrained module of the estimator's structure; with several classes, one neuron per class."""
    if est.structure not in MODULES:
        raise ValueError(f"expected structure to be one of {', '.join(MODULES)}; got {est.structure!r}")
    generator = torch.Generator().manual_seed(seed)
    made = [
        MODULES[est.structure](n_features, est.dim, index_of(est), generator=generator, dtype=torch.float64)
        for _ in range(est.n_outputs)
    ]
    return made[0] if est.n_outputs == 1 else PerClass(made)


def options_of(est: Any, train: Rows, module: Any) -> Options:
    """Return the settings of a training run of a module on the rows ``train``."""
    return Options(
        loss=est._loss,
        n_epochs=int(est.n_epochs),
        batch_size=int(est.batch_size),
        learning_rate=est.learning_rate,
        weight_decay=decay_of(est, train.shape[0], float(train.weight.sum()), module),
        norm_penalty=est.norm_penalty,
        provability=est.provability,
    )


def decay_of(est: Any, n_rows: int, weight: float, module: Any) -> float:
    """Return the weight decay of a module on ``n_rows`` rows with the sum of weights ``weight``."""
    return min(1.0, ROWS_PER_PARAMETER * parameters_of(module) / n_rows) * est.alpha / weight


def begun(est: Any, train: Rows) -> list[Run]:
    """Return new runs with different initial weights."""
    (n, p), runs = train.shape, []
    for seed in range(est.seed_, est.seed_ + STARTS):
        module = new_module(est, p, seed)
        module.scale_features_(min(1.0, n / (ROWS_PER_PARAMETER * parameters_of(module))))
        if est._promises:
            module = Constrained(module, chains_of(est.encoder_.axes, est._promises))
        generator = torch.Generator().manual_seed(seed)
        runs.append(Run.start(module, options_of(est, train, module), n_rows=n, generator=generator))
    return runs


def trained(est: Any, train: Rows, validation: Rows) -> Run:
    """Return a finished run on ``train``, its epoch chosen on ``validation``."""
    run = best_start(begun(est, train), train, validation)
    consume(est, stop_early(epochs(run, train, validation), run, patience=est.patience), run)
    return run


def going_on(events: Iterable[Epoch], run: Run, data: Partition) -> Iterable[Epoch]:
    """Return the events, and those of a last cycle on all rows if there are enough per coefficient."""
    many = len(data.trained) >= ROWS_TO_GO_ON * parameters_of(run.module)
    return join_validation(events, run, data.table) if many else events


def consume(est: Any, events: Iterable[Epoch], run: Run) -> None:
    """Train to the end and keep the best weights; warn if a run diverges after the first epoch."""
    try:
        for _ in show_progress(events, run) if est.verbose else events:
            pass
    except FloatingPointError as error:
        if not run.history:
            raise
        warnings.warn(
            f"{error}; the weights of epoch {run.best_epoch} are kept", ConvergenceWarning, stacklevel=3
        )
    run.finish()


def in_unit(est: Any, module: Any, scale: float, shift: float) -> Any:
    """Return a plain module that predicts ``scale · f + shift`` and keeps the promises of a trained f."""
    if not est._promises:
        module.rescale_(scale, shift)
        return module
    plain = module.baked()
    plain.rescale_(scale, shift)
    lift_(plain, module.promised)
    return plain


def parameters_of(module: Any) -> int:
    """Return the number of coefficients of a module."""
    return sum(parameter.numel() for parameter in module.parameters())

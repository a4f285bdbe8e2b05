"""The training loop: a generator of one event per epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice

import numpy as np
import torch
from scipy.special import expit, log_softmax
from torch import nn

from .._common.arrays import FloatArray, IntArray
from .._common.memory import chunks
from .run import Epoch, Rows, Run, TrainingRows


def _squared(prediction: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    residual = prediction - y
    return residual * residual, 2 * residual


def _logistic(prediction: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.logaddexp(0, prediction) - y * prediction, expit(prediction) - y


def _softmax(prediction: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    log_shares = log_softmax(prediction, axis=1)
    own = np.arange(len(y)), y.astype(np.intp)
    slopes = np.exp(log_shares)
    slopes[own] -= 1
    return -log_shares[own], slopes


LOSSES: dict[str, Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]] = {
    "squared": _squared,
    "logistic": _logistic,
    "softmax": _softmax,
}
"""Functions of predictions (n,) and targets (n,), which are numbers, or 0 and 1; they return the loss of
every row (n,) and its derivatives. Softmax takes predictions (n, classes) and class indices (n,)."""


def epochs(run: Run, train: Rows, validation: Rows) -> Iterator[Epoch]:
    """Train the run's module in place and yield an event for each remaining epoch.

    Parameters
    ----------
    run : Run
    train, validation : TrainingRows or SomeRows

    Yields
    ------
    Epoch

    Raises
    ------
    FloatingPointError
        If a loss is not finite; the message names the epoch, the batch and the likely cause. The run keeps
        its best weights.

    Examples
    --------
    >>> from spectral_interp.training import Options, Run, TrainingRows
    >>> z = np.linspace(-1, 1, 8)[:, None]
    >>> rows = TrainingRows(z, z[:, 0], np.ones(8))
    >>> options = Options(loss="squared", n_epochs=2, batch_size=8, learning_rate=0.1)
    >>> module = nn.Sequential(nn.Linear(1, 1, dtype=torch.float64), nn.Flatten(0))
    >>> run = Run.start(module, options, n_rows=8, generator=torch.Generator().manual_seed(0))
    >>> [event.epoch for event in epochs(run, rows, rows)]
    [1, 2]
    """
    options = run.options
    for epoch in range(len(run.history) + 1, options.n_epochs + 1):
        start = time.perf_counter()
        order = torch.randperm(train.shape[0], generator=run.generator).numpy()
        total = visit(run, train, order, f"epoch {epoch}")
        with run.averaged() as module:
            validation_loss = mean_loss(module, validation, options.loss)
        _check_finite(validation_loss, validation, f"epoch {epoch}, validation")
        rate = float(run.rates[run.steps - 1])
        mean = total / float(train.weight.sum())
        event = Epoch(epoch, mean, validation_loss, rate, time.perf_counter() - start)
        run.record(event)
        yield event


def visit(run: Run, train: Rows, order: IntArray, where: str) -> float:
    """Take the steps of one pass over the rows in a given order; return the sum of the losses before them.

    Raises
    ------
    FloatingPointError
        If a loss is not finite; the message names ``where``, the batch and the likely cause.
    """
    size, total = run.options.batch_size, 0.0
    for batch, first in enumerate(range(0, len(order), size), 1):
        rows = train.take(order[first : first + size])
        weight = float(rows.weight.sum())
        loss = _step(run, rows, weight)
        _check_finite(loss, rows, f"{where}, batch {batch}")
        total += loss * weight
    return total


def best_start(runs: Sequence[Run], train: Rows, validation: Rows) -> Run:
    """Train every run for a tenth of its epochs and return the one with the best validation loss.

    The early epochs decide in which valley a run ends, so this costs little and reduces the spread over
    seeds. A run that diverges stops early.
    """
    for run in runs:
        with suppress(FloatingPointError):
            for _ in islice(epochs(run, train, validation), run.options.n_epochs // 10):
                pass
    return min(runs, key=lambda run: run.best_loss)


@np.errstate(over="ignore", invalid="ignore")  # reported by _check_finite
def _step(run: Run, rows: TrainingRows, weight: float) -> float:
    """Take one optimiser step on a batch and return its mean loss before the step."""
    run.gradient[:] = 0.0
    prediction, pull_back = _with_pullback(run.module, rows.z)
    losses, slopes = LOSSES[run.options.loss](prediction, rows.y)
    pull_back((slopes.T * rows.weight).T / weight)
    if run.options.norm_penalty:
        (run.options.norm_penalty * run.module.feature_norms().sum()).backward()
    if run.options.provability:
        (run.options.provability * run.module.slope_widths().sum()).backward()
    run.step()
    return float(losses @ rows.weight) / weight


def _with_pullback(module: nn.Module, z: FloatArray) -> tuple[FloatArray, Callable[[FloatArray], None]]:
    """Return predictions and a function of cotangents that adds to the gradients (its own or autograd)."""
    if hasattr(module, "with_pullback"):
        return module.with_pullback(z)  # type: ignore[operator]
    prediction = module(torch.from_numpy(z))
    return prediction.detach().numpy(), lambda g: prediction.backward(torch.from_numpy(g))


@torch.no_grad()
@np.errstate(over="ignore", invalid="ignore")
def mean_loss(module: nn.Module, rows: Rows, loss: str) -> float:
    """Return the weighted mean loss of the rows."""
    parts = (module(torch.from_numpy(rows.take(some).z)).numpy() for some in chunks(rows.shape[0]))
    losses, _ = LOSSES[loss](np.concatenate(list(parts)), rows.y)
    weight = rows.weight
    return float(losses @ weight / weight.sum())


def _check_finite(loss: float, rows: Rows, where: str) -> None:
    if math.isfinite(loss):
        return
    given = all(np.isfinite(column).all() for column in rows)
    diverged = "the weights have grown without bound; lower learning_rate"
    cause = diverged if given else "the rows hold NaN or infinity"
    raise FloatingPointError(f"expected a finite loss; got {loss} in {where}: {cause}")

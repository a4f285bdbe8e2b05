"""The training loop: a generator of one event per epoch, and small stages around it."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "squared": F.mse_loss,
    "logistic": F.binary_cross_entropy_with_logits,
}
"""Mean loss of predictions (n,) against targets (n,): numbers for "squared", 0 or 1 for "logistic"."""


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training rows did; losses are means per row."""

    epoch: int
    train_loss: float
    validation_loss: float
    learning_rate: float
    seconds: float


def epochs(
    module: nn.Module,
    train: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    *,
    loss: str,
    n_epochs: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    generator: torch.Generator,
) -> Iterator[Epoch]:
    """Train ``module`` in place with AdamW and a one-cycle learning rate, yielding an event per epoch.

    Parameters
    ----------
    module : Module
        Maps features (n, p) to predictions (n,).
    train, validation : tuple of Tensor
        Features (n, p) and targets (n,).
    loss : {"squared", "logistic"}
    n_epochs, batch_size : int
    learning_rate : float
        The peak of the cycle, reached after 10 % of the steps.
    weight_decay : float
    generator : torch.Generator
        Source of the order of the rows.

    Yields
    ------
    Epoch

    Raises
    ------
    FloatingPointError
        If the loss is not finite; the epoch is named.

    Examples
    --------
    >>> z = torch.linspace(-1, 1, 8)[:, None]
    >>> options = dict(loss="squared", batch_size=8, learning_rate=0.1, weight_decay=0.0)
    >>> events = epochs(nn.Sequential(nn.Linear(1, 1), nn.Flatten(0)), (z, z[:, 0]), (z, z[:, 0]),
    ...                 n_epochs=2, generator=torch.Generator().manual_seed(0), **options)
    >>> [event.epoch for event in events]
    [1, 2]
    """
    loss_of = LOSSES[loss]
    z, y = train
    n_batches = math.ceil(len(z) / batch_size)
    optimizer = torch.optim.AdamW(module.parameters(), lr=learning_rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=learning_rate, total_steps=n_epochs * n_batches + 1, pct_start=0.1
    )
    for epoch in range(1, n_epochs + 1):
        start, total = time.perf_counter(), 0.0
        for rows in torch.randperm(len(z), generator=generator).split(batch_size):
            optimizer.zero_grad(set_to_none=True)
            batch_loss = loss_of(module(z[rows]), y[rows])
            batch_loss.backward()
            optimizer.step()
            schedule.step()
            total += float(batch_loss.detach()) * len(rows)
        with torch.no_grad():
            validation_loss = float(loss_of(module(validation[0]), validation[1]))
        if not math.isfinite(total + validation_loss):
            raise FloatingPointError(f"loss is not finite in epoch {epoch}; lower the learning rate")
        seconds = time.perf_counter() - start
        yield Epoch(epoch, total / len(z), validation_loss, float(schedule.get_last_lr()[0]), seconds)


def stop_early(events: Iterable[Epoch], *, patience: int) -> Iterator[Epoch]:
    """Pass events on until the validation loss has not improved for ``patience`` epochs.

    Examples
    --------
    >>> losses = [3.0, 2.0, 2.5, 2.4, 1.0]
    >>> events = [Epoch(i, 0.0, loss, 0.0, 0.0) for i, loss in enumerate(losses, 1)]
    >>> [event.epoch for event in stop_early(events, patience=2)]
    [1, 2, 3, 4]
    """
    best, best_epoch = math.inf, 0
    for event in events:
        yield event
        if event.validation_loss < best:
            best, best_epoch = event.validation_loss, event.epoch
        elif event.epoch - best_epoch >= patience:
            return


def restore_best(events: Iterable[Epoch], module: nn.Module) -> Iterator[Epoch]:
    """Pass events on; when they end, or the consumer stops, load the weights of the best validation loss."""
    best, weights = math.inf, copy.deepcopy(module.state_dict())
    try:
        for event in events:
            if event.validation_loss < best:
                best, weights = event.validation_loss, copy.deepcopy(module.state_dict())
            yield event
    finally:
        module.load_state_dict(weights)


def show_progress(events: Iterable[Epoch], n_epochs: int) -> Iterator[Epoch]:
    """Pass events on under a progress bar; quiet where stderr is not a terminal."""
    with tqdm(total=n_epochs, unit="epoch", disable=None, leave=False) as bar:
        for event in events:
            bar.set_postfix(loss=f"{event.train_loss:.4g}", validation=f"{event.validation_loss:.4g}")
            bar.update()
            yield event

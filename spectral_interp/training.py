"""The training loop: a generator of one event per epoch, and small stages around it.

A :class:`Run` holds everything that training changes, so that a checkpoint is its state and a resumed run
takes up where it stopped. ``epochs(run, …)`` trains; ``stop_early``, ``save_checkpoints`` and
``show_progress`` pass its events on and do one thing each; the estimators' ``fit`` puts them together.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from . import artifact


def _squared(prediction: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    residual = prediction - y
    return residual * residual, 2 * residual


def _logistic(prediction: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return F.softplus(prediction) - y * prediction, torch.sigmoid(prediction) - y


LOSSES: dict[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    "squared": _squared,
    "logistic": _logistic,
}
"""Loss of every row and its derivative, for predictions (n,) and targets (n,): numbers, or 0 and 1."""


MIN_STEPS = 20  # of the learning rate's cycle: shorter ones would have no warm-up


class Rows(NamedTuple):
    """Rows to train or to validate on: features (n, p), targets (n,), weights (n,)."""

    z: Tensor
    y: Tensor
    weight: Tensor


@dataclass(frozen=True)
class Options:
    """What a run is told: the loss, its length, the step size and the penalties."""

    loss: str
    n_epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.0
    norm_penalty: float = 0.0


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training rows did; losses are weighted means per row."""

    epoch: int
    train_loss: float
    validation_loss: float
    learning_rate: float
    seconds: float


@dataclass
class Run:
    """A module in training, with AdamW, a one-cycle learning rate and the best weights so far."""

    module: nn.Module
    options: Options
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.OneCycleLR
    generator: torch.Generator
    history: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = math.inf
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def start(cls, module: nn.Module, options: Options, *, n_rows: int, generator: torch.Generator) -> Run:
        """Return a run that has not begun; the peak learning rate comes after 10 % of its steps."""
        optimizer = torch.optim.AdamW(
            module.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay, fused=True
        )
        steps = options.n_epochs * math.ceil(n_rows / options.batch_size)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=options.learning_rate, total_steps=max(steps + 1, MIN_STEPS), pct_start=0.1
        )
        return cls(module, options, optimizer, schedule, generator, best_weights=_copy(module))

    def record(self, event: Epoch) -> None:
        """Note an epoch, and its weights if they are the best."""
        self.history.append(event)
        if event.validation_loss < self.best_loss:
            self.best_epoch, self.best_loss = event.epoch, event.validation_loss
            self.best_weights = _copy(self.module)

    def state(self) -> dict[str, Any]:
        """Return tensors and plain values from which :meth:`load_state` takes the run up again."""
        return {
            "module": _copy(self.module),
            "optimizer": self.optimizer.state_dict(),
            "schedule": {k: v for k, v in self.schedule.state_dict().items() if not callable(v)},
            "generator": self.generator.get_state(),
            "history": [asdict(event) for event in self.history],
            "best": [self.best_epoch, self.best_loss, self.best_weights],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from a :meth:`state`."""
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.generator.set_state(state["generator"])
        self.history = [Epoch(**event) for event in state["history"]]
        self.best_epoch, self.best_loss, self.best_weights = state["best"]


def epochs(run: Run, train: Rows, validation: Rows) -> Iterator[Epoch]:
    """Train the run's module in place, yielding an event per epoch that is left.

    Parameters
    ----------
    run : Run
    train, validation : Rows

    Yields
    ------
    Epoch

    Raises
    ------
    FloatingPointError
        If a loss is not finite; epoch, batch and the likely cause are named. The run keeps its best weights.

    Examples
    --------
    >>> z = torch.linspace(-1, 1, 8)[:, None]
    >>> rows = Rows(z, z[:, 0], torch.ones(8))
    >>> options = Options(loss="squared", n_epochs=2, batch_size=8, learning_rate=0.1)
    >>> module = nn.Sequential(nn.Linear(1, 1), nn.Flatten(0))
    >>> run = Run.start(module, options, n_rows=8, generator=torch.Generator().manual_seed(0))
    >>> [event.epoch for event in epochs(run, rows, rows)]
    [1, 2]
    """
    options = run.options
    for epoch in range(len(run.history) + 1, options.n_epochs + 1):
        start, total, weight = time.perf_counter(), 0.0, 0.0
        order = torch.randperm(len(train.z), generator=run.generator)
        for batch, chosen in enumerate(order.split(options.batch_size), 1):
            rows = Rows(*(tensor[chosen] for tensor in train))
            batch_weight = float(rows.weight.sum())
            loss = _step(run, rows, batch_weight)
            _check_finite(loss, rows, f"epoch {epoch}, batch {batch}")
            total, weight = total + loss * batch_weight, weight + batch_weight
        validation_loss = mean_loss(run.module, validation, options.loss)
        _check_finite(validation_loss, validation, f"epoch {epoch}, validation")
        event = Epoch(
            epoch,
            total / weight,
            validation_loss,
            float(run.schedule.get_last_lr()[0]),
            time.perf_counter() - start,
        )
        run.record(event)
        yield event


def _step(run: Run, rows: Rows, weight: float) -> float:
    """Take one optimiser step on a batch and return its mean loss before the step."""
    run.optimizer.zero_grad(set_to_none=True)
    prediction, pull_back = _with_pullback(run.module, rows.z)
    losses, slopes = LOSSES[run.options.loss](prediction, rows.y)
    pull_back(rows.weight * slopes / weight)
    if run.options.norm_penalty:
        (run.options.norm_penalty * run.module.feature_norms().sum()).backward()  # type: ignore[operator]
    run.optimizer.step()
    run.schedule.step()
    return float(losses @ rows.weight) / weight


def _with_pullback(module: nn.Module, z: Tensor) -> tuple[Tensor, Callable[[Tensor], None]]:
    """Return predictions and what sets the gradients from their cotangent, the module's own or autograd."""
    if hasattr(module, "with_pullback"):
        return module.with_pullback(z)  # type: ignore[operator]
    prediction = module(z)
    return prediction.detach(), prediction.backward


@torch.no_grad()
def mean_loss(module: nn.Module, rows: Rows, loss: str) -> float:
    """Return the weighted mean loss of the rows."""
    losses, _ = LOSSES[loss](module(rows.z), rows.y)
    return float(losses @ rows.weight / rows.weight.sum())


def _check_finite(loss: float, rows: Rows, where: str) -> None:
    if math.isfinite(loss):
        return
    given = all(bool(torch.isfinite(tensor).all()) for tensor in rows)
    diverged = "the weights have grown without bound; lower learning_rate"
    cause = diverged if given else "the rows hold NaN or infinity"
    raise FloatingPointError(f"expected a finite loss; got {loss} in {where}: {cause}")


def stop_early(events: Iterable[Epoch], run: Run, *, patience: int) -> Iterator[Epoch]:
    """Pass events on until the validation loss has not improved for ``patience`` epochs."""
    while len(run.history) - run.best_epoch < patience and (event := next(iter(events), None)):
        yield event


def save_checkpoints(
    events: Iterable[Epoch], run: Run, path: Path, *, every: int, identity: dict[str, Any]
) -> Iterator[Epoch]:
    """Pass events on and write the run's state to ``path`` after every so many epochs and at the end.

    ``identity`` says what is being trained on what; :func:`resume` compares it.
    """
    for event in events:
        if event.epoch % every == 0:
            artifact.write(path, {"run": run.state(), "identity": identity}, kind=artifact.CHECKPOINT)
        yield event
    artifact.write(path, {"run": run.state(), "identity": identity}, kind=artifact.CHECKPOINT)


def resume(run: Run, path: Path, identity: dict[str, Any]) -> None:
    """Set a fresh run to the state in a checkpoint.

    Raises
    ------
    ValueError
        If the file is no checkpoint, or one of another table, other options or another seed (named).
    """
    state = artifact.read(path, kind=artifact.CHECKPOINT)
    for key, value in identity.items():
        if state["identity"].get(key) != value:
            raise ValueError(
                f"expected a checkpoint of the same run in {path}; got another {key}: "
                f"{state['identity'].get(key)!r} instead of {value!r}; start without it"
            )
    run.load_state(state["run"])


def show_progress(events: Iterable[Epoch], run: Run) -> Iterator[Epoch]:
    """Pass events on under a progress bar; quiet where stderr is not a terminal."""
    total, begun = run.options.n_epochs, len(run.history)
    with tqdm(total=total, initial=begun, unit="epoch", disable=None, leave=False) as bar:
        for event in events:
            bar.set_postfix(loss=f"{event.train_loss:.4g}", validation=f"{event.validation_loss:.4g}")
            bar.update()
            yield event


def prune(module: nn.Module, rows: Rows, options: Options) -> None:
    """Set features to zero, weakest first, wherever that does not raise ``mean loss + α Σ ‖A_i‖₂``.

    Gradient steps shrink the norms of useless features but leave them jittering around zero; this last step
    is what makes them vanish, and it never worsens what was minimised.
    """

    def objective() -> float:
        return mean_loss(module, rows, options.loss) + options.norm_penalty * float(norms().sum())

    @torch.no_grad()
    def norms() -> Tensor:
        return module.feature_norms()  # type: ignore[operator]

    best = objective()
    for feature in norms().argsort().tolist():
        before = _copy(module)
        module.drop_feature_(feature)  # type: ignore[operator]
        if (value := objective()) <= best:
            best = value
        else:
            module.load_state_dict(before)


def _copy(module: nn.Module) -> dict[str, Tensor]:
    return copy.deepcopy(module.state_dict())

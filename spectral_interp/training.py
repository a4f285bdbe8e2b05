"""The training loop: a generator of one event per epoch, and small stages around it.

A :class:`Run` holds everything that training changes, so that a checkpoint is its state and a resumed run
takes up where it stopped. ``epochs(run, …)`` trains; ``stop_early``, ``save_checkpoints`` and
``show_progress`` pass its events on and do one thing each; the estimators' ``fit`` puts them together.
"""

from __future__ import annotations

import copy
import math
import reprlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from scipy.special import expit
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from tqdm import tqdm

from . import artifact
from .eigen.checks import FloatArray
from .eigen.compiling import compiled


def _squared(prediction: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    residual = prediction - y
    return residual * residual, 2 * residual


def _logistic(prediction: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.logaddexp(0, prediction) - y * prediction, expit(prediction) - y


LOSSES: dict[str, Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]] = {
    "squared": _squared,
    "logistic": _logistic,
}
"""Loss of every row and its derivative, for predictions (n,) and targets (n,): numbers, or 0 and 1."""

FIRST, LAST = 0.04, 0.05  # step sizes at the two ends, in units of the peak
PEAK = 0.1, 0.6  # the peak lasts between these shares of the steps
RECENCY = 4  # power of the step number by which weights are averaged: about the last fifth counts


def one_cycle(n_steps: int, peak: float) -> FloatArray:
    """Return the step sizes of one cycle: half a cosine up, a plateau at ``peak``, half a cosine down.

    The plateau crosses ridges of the loss that a steady descent does not, and the fall that follows settles
    the averaged weights.

    Examples
    --------
    >>> one_cycle(21, 1.0).round(3)[[0, 1, 2, 12, 16, 20]]
    array([0.04 , 0.52 , 1.   , 1.   , 0.525, 0.05 ])
    """
    time = np.linspace(0, 1, n_steps)
    begin, end = PEAK
    low = np.where(time < begin, FIRST, LAST)
    height = np.minimum(1, np.where(time < begin, time / begin, (1 - time) / (1 - end)))
    return peak * (low + (1 - low) * (1 - np.cos(np.pi * height)) / 2)


@compiled
def adamw(
    x: FloatArray,
    gradient: FloatArray,
    mean: FloatArray,
    square: FloatArray,
    steps: int,
    rate: float,
    weight_decay: float,
) -> None:
    """Take one step of AdamW (Loshchilov and Hutter, 2019), in place, ``steps`` counting from 1.

    All arrays have the shape (parameters,). Compiled, because it is a microsecond this way and more than the
    rest of a step on small batches through torch's optimiser.
    """
    decay_mean, decay_square, epsilon = 0.9, 0.999, 1e-8
    unbias_mean, unbias_square = 1 - decay_mean**steps, 1 - decay_square**steps
    for i in range(x.size):
        mean[i] += (1 - decay_mean) * (gradient[i] - mean[i])
        square[i] += (1 - decay_square) * (gradient[i] * gradient[i] - square[i])
        step = mean[i] / unbias_mean / (math.sqrt(square[i] / unbias_square) + epsilon)
        x[i] -= rate * (step + weight_decay * x[i])


class Rows(NamedTuple):
    """Rows to train or to validate on: features (n, p), targets (n,), weights (n,)."""

    z: FloatArray
    y: FloatArray
    weight: FloatArray


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


ARRAYS = "weights", "average", "moments", "best_weights"  # of a run, beside its gradient and step sizes


@dataclass
class Run:
    """A module in training: AdamW on a one-cycle step size, averaged weights, and the best of those so far.

    What is validated and kept is the polynomial-decay average of the weights over the steps t (Shamir and
    Zhang, 2013), ``w̄ ← w̄ + (η + 1) / (t + η) (w − w̄)`` with η = 4.

    Attributes
    ----------
    module : torch.nn.Module
        With ``feature_norms`` if there is a norm penalty, ``with_pullback`` if it has its own gradient.
    weights, gradient : ndarray, shape (parameters,)
        One piece of memory each, which the module's parameters and their gradients are views of.
    average : ndarray, shape (parameters,)
    moments : ndarray, shape (2, parameters)
        AdamW's running means of gradient and squared gradient.
    rates : ndarray, shape (steps,)
    generator : torch.Generator
        Orders the rows.
    """

    module: Any
    options: Options
    weights: FloatArray
    gradient: FloatArray
    average: FloatArray
    moments: FloatArray
    rates: FloatArray
    generator: torch.Generator
    steps: int = 0
    history: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = math.inf
    best_weights: FloatArray = field(default_factory=lambda: np.empty(0))

    @classmethod
    def start(cls, module: nn.Module, options: Options, *, n_rows: int, generator: torch.Generator) -> Self:
        """Return a run that has not begun; the module's float64 parameters move into one piece of memory."""
        weights, gradient = _gather(module)
        return cls(
            module,
            options,
            weights,
            gradient,
            average=weights.copy(),
            moments=np.zeros((2, len(weights))),
            rates=one_cycle(options.n_epochs * math.ceil(n_rows / options.batch_size), options.learning_rate),
            generator=generator,
            best_weights=weights.copy(),
        )

    def step(self) -> None:
        """Take one step of AdamW with the gradient as it stands, and average."""
        rate = self.rates[self.steps]
        self.steps += 1
        adamw(self.weights, self.gradient, *self.moments, self.steps, rate, self.options.weight_decay)
        self.average += (RECENCY + 1) / (self.steps + RECENCY) * (self.weights - self.average)

    @contextmanager
    def averaged(self) -> Iterator[nn.Module]:
        """Lend out the module with its averaged weights."""
        current = self.weights.copy()
        self.weights[:] = self.average
        try:
            yield self.module
        finally:
            self.weights[:] = current

    def record(self, event: Epoch) -> None:
        """Note an epoch, and its weights if they are the best."""
        self.history.append(event)
        if event.validation_loss < self.best_loss:
            self.best_epoch, self.best_loss = event.epoch, event.validation_loss
            self.best_weights = self.average.copy()

    def finish(self) -> None:
        """Give the module its best weights and take the gradients away."""
        self.weights[:] = self.best_weights
        self.module.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        """Return tensors and plain values from which :meth:`load_state` takes the run up again."""
        return {
            **{name: torch.tensor(getattr(self, name)) for name in ARRAYS},
            "steps": self.steps,
            "generator": self.generator.get_state(),
            "history": [asdict(event) for event in self.history],
            "best": [self.best_epoch, self.best_loss],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from a :meth:`state`; ValueError if it is none of this run, which then stays as it is."""
        for name in ARRAYS:
            if getattr(self, name).shape != state[name].shape:
                raise ValueError(
                    f"expected {name} of shape {getattr(self, name).shape}; got {state[name].shape}"
                )
        done, (best_epoch, best_loss) = len(state["history"]), state["best"]
        steps_per_epoch = len(self.rates) // self.options.n_epochs
        if state["steps"] != done * steps_per_epoch or not done <= self.options.n_epochs:
            raise ValueError(
                f"expected {steps_per_epoch} steps an epoch; got {state['steps']} in {done} epochs"
            )
        if [event["epoch"] for event in state["history"]] != list(range(1, done + 1)):
            raise ValueError("expected a history of every epoch in turn; got another")
        if best_epoch not in range(done + 1):
            raise ValueError(f"expected a best epoch of the {done} in the history; got {best_epoch}")
        self.generator.set_state(state["generator"])
        for name in ARRAYS:
            getattr(self, name)[:] = state[name].numpy()
        self.steps = state["steps"]
        names = [part.name for part in fields(Epoch)]
        self.history = [Epoch(*(event[name] for name in names)) for event in state["history"]]
        self.best_epoch, self.best_loss = best_epoch, best_loss


def _gather(module: nn.Module) -> tuple[FloatArray, FloatArray]:
    """Move the parameters, and their gradients, into one piece of memory each, and return the two."""
    parameters = list(module.parameters())
    weights = parameters_to_vector(parameters).detach()
    vector_to_parameters(weights, parameters)
    gradient = torch.zeros_like(weights)
    for parameter, part in zip(parameters, gradient.split([p.numel() for p in parameters]), strict=True):
        parameter.grad = part.view_as(parameter)
    return weights.numpy(), gradient.numpy()


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
    >>> z = np.linspace(-1, 1, 8)[:, None]
    >>> rows = Rows(z, z[:, 0], np.ones(8))
    >>> options = Options(loss="squared", n_epochs=2, batch_size=8, learning_rate=0.1)
    >>> module = nn.Sequential(nn.Linear(1, 1, dtype=torch.float64), nn.Flatten(0))
    >>> run = Run.start(module, options, n_rows=8, generator=torch.Generator().manual_seed(0))
    >>> [event.epoch for event in epochs(run, rows, rows)]
    [1, 2]
    """
    options = run.options
    for epoch in range(len(run.history) + 1, options.n_epochs + 1):
        start, total, weight = time.perf_counter(), 0.0, 0.0
        order = torch.randperm(len(train.z), generator=run.generator).numpy()
        shuffled = Rows(*(column[order] for column in train))
        for batch, first in enumerate(range(0, len(order), options.batch_size), 1):
            rows = Rows(*(column[first : first + options.batch_size] for column in shuffled))
            batch_weight = float(rows.weight.sum())
            loss = _step(run, rows, batch_weight)
            _check_finite(loss, rows, f"epoch {epoch}, batch {batch}")
            total, weight = total + loss * batch_weight, weight + batch_weight
        with run.averaged() as module:
            validation_loss = mean_loss(module, validation, options.loss)
        _check_finite(validation_loss, validation, f"epoch {epoch}, validation")
        rate = float(run.rates[run.steps - 1])
        event = Epoch(epoch, total / weight, validation_loss, rate, time.perf_counter() - start)
        run.record(event)
        yield event


def best_start(runs: Sequence[Run], train: Rows, validation: Rows) -> Run:
    """Train every run for the first tenth of its epochs and return the one that validates best.

    Which valley a run ends in is decided early: this costs little and narrows the spread over seeds. A run
    that diverges stays where it is.
    """
    for run in runs:
        with suppress(FloatingPointError):
            for _ in islice(epochs(run, train, validation), run.options.n_epochs // 10):
                pass
    return min(runs, key=lambda run: run.best_loss)


@np.errstate(over="ignore", invalid="ignore")  # reported by _check_finite
def _step(run: Run, rows: Rows, weight: float) -> float:
    """Take one optimiser step on a batch and return its mean loss before the step."""
    run.gradient[:] = 0.0
    prediction, pull_back = _with_pullback(run.module, rows.z)
    losses, slopes = LOSSES[run.options.loss](prediction, rows.y)
    pull_back(rows.weight * slopes / weight)
    if run.options.norm_penalty:
        (run.options.norm_penalty * run.module.feature_norms().sum()).backward()
    run.step()
    return float(losses @ rows.weight) / weight


def _with_pullback(module: nn.Module, z: FloatArray) -> tuple[FloatArray, Callable[[FloatArray], None]]:
    """Return predictions and what adds to the gradients for a cotangent: the module's own or autograd."""
    if hasattr(module, "with_pullback"):
        return module.with_pullback(z)  # type: ignore[operator]
    prediction = module(torch.from_numpy(z))
    return prediction.detach().numpy(), lambda g: prediction.backward(torch.from_numpy(g))


@torch.no_grad()
@np.errstate(over="ignore", invalid="ignore")
def mean_loss(module: nn.Module, rows: Rows, loss: str) -> float:
    """Return the weighted mean loss of the rows."""
    losses, _ = LOSSES[loss](module(torch.from_numpy(rows.z)).numpy(), rows.y)
    return float(losses @ rows.weight / rows.weight.sum())


def _check_finite(loss: float, rows: Rows, where: str) -> None:
    if math.isfinite(loss):
        return
    given = all(np.isfinite(column).all() for column in rows)
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


def resume(run: Run, path: Path, identity: dict[str, Any]) -> Run:
    """Set a fresh run to the state in a checkpoint, and return it.

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
                f"{reprlib.repr(state['identity'].get(key))} instead of {value!r}; start without it"
            )
    try:
        run.load_state(state["run"])
    except (ValueError, RuntimeError) as error:  # torch's, of the generator
        raise artifact.damaged(path, artifact.CHECKPOINT, error) from error
    return run


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
    def norms() -> torch.Tensor:
        return module.feature_norms()  # type: ignore[operator]

    best = objective()
    for feature in norms().argsort().tolist():
        before = copy.deepcopy(module.state_dict())
        module.drop_feature_(feature)  # type: ignore[operator]
        if (value := objective()) <= best:
            best = value
        else:
            module.load_state_dict(before)

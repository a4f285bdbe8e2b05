"""A training run: everything that training changes, the step of AdamW, and the step sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from .._common.arrays import FloatArray, IntArray
from .._common.caching import cached_property
from ..eigen.compiling import compiled
from ..view import Axis
from ..view.hats import features

FIRST, LAST = 0.04, 0.05  # step sizes at the two ends, relative to the peak

PEAK = 0.1, 0.6  # the peak lasts between these shares of the steps

RECENCY = 4  # exponent of the step number in the weighted average: about the last fifth counts


class TrainingRows(NamedTuple):
    """Rows for training or validation: features (n, p), targets (n,), weights (n,)."""

    z: FloatArray
    y: FloatArray
    weight: FloatArray

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and of features."""
        return self.z.shape

    def take(self, places: Any) -> TrainingRows:
        """Return some of the rows."""
        return TrainingRows(*(column[places] for column in self))


@dataclass(frozen=True, eq=False)
class EncodedRows:
    """Rows as coordinates; features are computed on demand, since a column may have many.

    Attributes
    ----------
    axes : tuple of Axis
        The columns, without knots.
    u : ndarray, shape (n, columns)
        Coordinates, NaN where a value is missing.
    y, weight : ndarray, shape (n,)
    made : ndarray, shape (n, p), optional
        Features of all rows: see :meth:`with_features`.

    Examples
    --------
    >>> from spectral_interp.view import LevelsAxis
    >>> city = LevelsAxis("city", ("Bern", "Rome"), (0.5, 0.5))
    >>> rows = EncodedRows((city,), np.array([[0.0], [1.0], [1.0]]), np.zeros(3), np.ones(3))
    >>> rows.shape, rows.take([0, 2]).z
    ((3, 2), array([[ 0.5, -0.5],
           [-0.5,  0.5]]))
    """

    axes: tuple[Axis, ...]
    u: FloatArray
    y: FloatArray
    weight: FloatArray
    made: FloatArray | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and of features."""
        return len(self.u), sum(axis.n_features for axis in self.axes)

    @property
    def z(self) -> FloatArray:
        """The features, (n, p)."""
        return self.take(slice(None)).z

    def take(self, places: Any) -> TrainingRows:
        """Return some of the rows, with features."""
        u = self.u[places]
        z = features(self.axes, (), u.T, len(u)) if self.made is None else self.made[places]
        return TrainingRows(z, self.y[places], self.weight[places])

    def with_features(self) -> EncodedRows:
        """Return the rows with their features computed once, for training that reads them many times."""
        return replace(self, made=self.z)

    def positions(self, place: int) -> FloatArray:
        """Return the coordinates of a column of numbers, (n,), with missing values replaced."""
        axis = self.axes[place]
        return axis.positions(axis.place(self.u[:, place]))

    def __iter__(self) -> Iterator[FloatArray]:
        """Yield features, targets and weights, as :class:`TrainingRows` does."""
        yield from self.take(slice(None))


@dataclass(frozen=True, eq=False)
class SomeRows:
    """Some rows of a table; features are gathered on demand, and no copy is kept.

    Attributes
    ----------
    table : TrainingRows or EncodedRows
    places : ndarray of int, shape (n,)

    Examples
    --------
    >>> table = TrainingRows(np.eye(3), np.arange(3.0), np.ones(3))
    >>> rows = SomeRows(table, np.array([2, 0]))
    >>> rows.shape, rows.y, rows.take(slice(1)).z
    ((2, 3), array([2., 0.]), array([[0., 0., 1.]]))
    """

    table: TrainingRows | EncodedRows
    places: IntArray

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and of features."""
        return len(self.places), self.table.shape[1]

    @property
    def z(self) -> FloatArray:
        """Features, (n, p)."""
        return self.take(slice(None)).z

    @cached_property
    def y(self) -> FloatArray:
        """Targets, (n,)."""
        return self.table.y[self.places]

    @cached_property
    def weight(self) -> FloatArray:
        """Weights, (n,)."""
        return self.table.weight[self.places]

    def take(self, places: Any) -> TrainingRows:
        """Return some of the rows."""
        return self.table.take(self.places[places])

    def __iter__(self) -> Iterator[FloatArray]:
        """Yield features, targets and weights, as :class:`TrainingRows` does."""
        yield from self.take(slice(None))


Rows = TrainingRows | EncodedRows | SomeRows


@dataclass(frozen=True)
class Options:
    """Settings of a run: the loss, its length, the step size and the penalties."""

    loss: str
    n_epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.0
    norm_penalty: float = 0.0
    provability: float = 0.0


@dataclass(frozen=True)
class Epoch:
    """Result of one pass over the training rows; losses are weighted means over rows."""

    epoch: int
    train_loss: float
    validation_loss: float
    learning_rate: float
    seconds: float


ARRAYS = "weights", "average", "moments", "best_weights"  # of a run, without its gradient and step sizes


@dataclass
class Run:
    """A module in training: AdamW with a one-cycle step size, averaged weights, and the best of these so far.

    The weights that are validated and kept are the polynomial-decay average over the steps t (Shamir and
    Zhang, 2013), ``w̄ ← w̄ + (η + 1) / (t + η) (w − w̄)`` with η = 4.

    Attributes
    ----------
    module : torch.nn.Module
        It has ``feature_norms`` and ``slope_widths`` if their sums are penalised, and ``with_pullback`` if it
        computes its own gradient.
    weights, gradient : ndarray, shape (parameters,)
        One block of memory each; the module's parameters and their gradients are views of these.
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
        """Return a new run; the module's float64 parameters move into one block of memory."""
        weights, gradient = _gather(module)
        return cls(
            module,
            options,
            weights,
            gradient,
            average=weights.copy(),
            moments=np.zeros((2, len(weights))),
            rates=_rates(options, n_rows),
            generator=generator,
            best_weights=weights.copy(),
        )

    def again(self, n_epochs: int, *, n_rows: int) -> Self:
        """Return a run of another cycle, which starts from the best weights and uses the same memory."""
        self.weights[:] = self.best_weights
        options = replace(self.options, n_epochs=n_epochs)
        return replace(
            self,
            options=options,
            average=self.weights.copy(),
            moments=np.zeros_like(self.moments),
            rates=_rates(options, n_rows),
            steps=0,
            history=[],
            best_epoch=0,
            best_loss=math.inf,
            best_weights=self.weights.copy(),
        )

    def step(self) -> None:
        """Take one step of AdamW with the current gradient, and update the average."""
        rate = self.rates[self.steps]
        self.steps += 1
        adamw(self.weights, self.gradient, *self.moments, self.steps, rate, self.options.weight_decay)
        self.average += (RECENCY + 1) / (self.steps + RECENCY) * (self.weights - self.average)

    @contextmanager
    def averaged(self) -> Iterator[nn.Module]:
        """Give the module its averaged weights within the context."""
        current = self.weights.copy()
        self.weights[:] = self.average
        try:
            yield self.module
        finally:
            self.weights[:] = current

    def record(self, event: Epoch) -> None:
        """Record an epoch, and its weights if they are the best."""
        self.history.append(event)
        if event.validation_loss < self.best_loss:
            self.best_epoch, self.best_loss = event.epoch, event.validation_loss
            self.best_weights = self.average.copy()

    def finish(self) -> None:
        """Give the module its best weights and remove the gradients."""
        self.weights[:] = self.best_weights
        self.module.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        """Return tensors and plain values from which :meth:`load_state` continues the run."""
        return {
            **{name: torch.tensor(getattr(self, name)) for name in ARRAYS},
            "steps": self.steps,
            "generator": self.generator.get_state(),
            "history": [asdict(event) for event in self.history],
            "best": [self.best_epoch, self.best_loss],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from a :meth:`state`; ValueError if it is not of this run, which is then unchanged."""
        for name in ARRAYS:
            if getattr(self, name).shape != state[name].shape:
                raise ValueError(
                    f"expected {name} of shape {getattr(self, name).shape}; got {state[name].shape}"
                )
        done, (best_epoch, best_loss) = len(state["history"]), state["best"]
        steps_per_epoch = len(self.rates) // self.options.n_epochs
        if state["steps"] != done * steps_per_epoch or not done <= self.options.n_epochs:
            raise ValueError(
                f"expected {steps_per_epoch} steps per epoch; got {state['steps']} in {done} epochs"
            )
        if [event["epoch"] for event in state["history"]] != list(range(1, done + 1)):
            raise ValueError("expected a history of all epochs in order; got a different one")
        if best_epoch not in range(done + 1):
            raise ValueError(f"expected a best epoch of the {done} in the history; got {best_epoch}")
        self.generator.set_state(state["generator"])
        for name in ARRAYS:
            getattr(self, name)[:] = state[name].numpy()
        self.steps = state["steps"]
        names = [part.name for part in fields(Epoch)]
        self.history = [Epoch(*(event[name] for name in names)) for event in state["history"]]
        self.best_epoch, self.best_loss = best_epoch, best_loss


def _rates(options: Options, n_rows: int) -> FloatArray:
    """Return the step sizes of a run on ``n_rows`` rows."""
    return one_cycle(options.n_epochs * math.ceil(n_rows / options.batch_size), options.learning_rate)


def _gather(module: nn.Module) -> tuple[FloatArray, FloatArray]:
    """Move the parameters and their gradients into one block of memory each, and return both."""
    parameters = list(module.parameters())
    weights = parameters_to_vector(parameters).detach()
    vector_to_parameters(weights, parameters)
    gradient = torch.zeros_like(weights)
    for parameter, part in zip(parameters, gradient.split([p.numel() for p in parameters]), strict=True):
        parameter.grad = part.view_as(parameter)
    return weights.numpy(), gradient.numpy()


def one_cycle(n_steps: int, peak: float) -> FloatArray:
    """Return the step sizes of one cycle: half a cosine up, a plateau at ``peak``, half a cosine down.

    The plateau crosses ridges of the loss that a steady descent does not, and the final descent lets the
    averaged weights settle.

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

    All arrays have the shape (parameters,). The function is compiled and takes about a microsecond; on small
    batches, torch's optimiser takes longer than the rest of the step.
    """
    decay_mean, decay_square, epsilon = 0.9, 0.999, 1e-8
    unbias_mean, unbias_square = 1 - decay_mean**steps, 1 - decay_square**steps
    for i in range(x.size):
        mean[i] += (1 - decay_mean) * (gradient[i] - mean[i])
        square[i] += (1 - decay_square) * (gradient[i] * gradient[i] - square[i])
        step = mean[i] / unbias_mean / (math.sqrt(square[i] / unbias_square) + epsilon)
        x[i] -= rate * (step + weight_decay * x[i])

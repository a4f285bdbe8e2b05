"""One fit of the sum form: sixteen neurons per output, or a multiple, trained together on sparse rows.

Inputs are plain columns (numbers, levels, dates), numbers with knots, and pairs of numbers. A piecewise
linear input trains hats on a straight line, ``N_m = H_m + g_m S`` at its knots g_m. The hats have the larger
weight decay, so the input stays linear unless the data require otherwise.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from .._common.arrays import FloatArray, IntArray, spread
from .._common.caching import cached_property
from ..eigen.lanes import LANES
from ..view.hats import segments
from .chains import advance_chains
from .inputs import Inputs, SparseTable
from .loop import LOSSES
from .neurons import (
    CODES,
    EPSILON,
    SQUARE_SHARE,
    UNKNOWN,
    SparseRows,
    Weights,
    advance,
    moments,
    order_of,
    predict,
    scatter,
    slopes,
)
from .run import RECENCY, Epoch, one_cycle

PRUNING_ROWS = 20_000
"""Maximum number of rows on which pruning compares losses."""

START = 0.1
"""Initial standard deviation of the matrices, for all inputs together."""

BENT = 0.3
"""Initial size of the factors of increments, relative to straight lines; zero would remain zero."""


@dataclass(frozen=True)
class SumOptions:
    """Settings of a fit, which ends after the epoch ``stop`` of a cycle of ``n_epochs``.

    ``learning_rate``, and the decays per unit of it, refer to a member with a single neuron.
    """

    loss: str
    n_epochs: int
    stop: int
    batch_size: int
    learning_rate: float = 0.002
    weight_decay: float = 1.0
    hat_decay: float = 3.0
    norm_penalty: float = 0.0
    dim: int = 5
    blocks: int = 1
    outputs: int = 1

    @property
    def neurons(self) -> int:
        """Number of neurons per output: sixteen per block."""
        return self.blocks * LANES

    @property
    def k(self) -> int:
        """Index of the eigenvalue: the middle one."""
        return self.dim // 2

    @property
    def scale(self) -> float:
        """Factor that keeps the sum of the neurons as large as one of them."""
        return self.neurons**-0.5


SCORED_ROWS, LEAST_SCORED = 30_000, 3_000
"""Maximum number of rows of a score test: the first divided by the outputs, but at least the second."""

ARRAYS = "weights", "average", "mean", "square"
FACTORS = "factors"


@dataclass
class SumRun:
    """A fit in training: AdamW with a one-cycle step size, and the averaged weights, which are its result.

    Attributes
    ----------
    weights, average, mean, square, gradient : ndarray of float32
        Shape (blocks, features + runs, 2 d - 1, LANES): see
        :func:`~spectral_interp.training.neurons.advance`.
    warm : ndarray of float32, shape (n, blocks, LANES)
        The last computed eigenvalues of every row and neuron.
    factors : ndarray of float32, shape (3, blocks, links, 2 d - 1, LANES)
        Factors of the chains of promises, and the running means of their gradient and of its square.
    """

    inputs: Inputs
    options: SumOptions
    table: SparseTable
    seed: int
    weights: Weights
    average: Weights
    mean: Weights
    square: Weights
    gradient: Weights
    warm: Weights
    factors: Weights
    steps: int = 0
    history: list[Epoch] = field(default_factory=list)

    @classmethod
    def start(cls, inputs: Inputs, options: SumOptions, table: SparseTable, seed: int) -> SumRun:
        """Return a new fit."""
        rng = np.random.default_rng(seed)
        weights = _initial(inputs, options, rng)
        factors = _linked(inputs, options, rng, weights)
        room = [_aligned(weights.shape) for _ in range(4)]
        warm = _unknown(len(table.y), len(weights))
        mean, square, gradient, average = room
        for array in (mean, square, gradient):
            array[:] = 0
        average[:] = weights
        return cls(inputs, options, table, seed, weights, average, mean, square, gradient, warm, factors)

    @property
    def parameters(self) -> int:
        """Number of coefficients."""
        options = self.options
        return self.inputs.n_features * options.outputs * options.neurons * (2 * options.dim - 1)

    def epochs(self, held: SparseTable | None = None) -> Iterator[Epoch]:
        """Train and yield an event per remaining epoch; without held-out rows, validation losses are NaN.

        Raises
        ------
        FloatingPointError
            If a loss is not finite.
        """
        options, n, weight = self.options, len(self.table.y), self.table.row_weights
        batches = math.ceil(n / options.batch_size)
        rates = one_cycle(options.n_epochs * batches, options.learning_rate * options.scale)
        for epoch in range(len(self.history) + 1, options.stop + 1):
            begun = time.perf_counter()
            rng, ahead = np.random.default_rng([self.seed, epoch]), rates[self.steps : self.steps + batches]
            loss = self.visit(rng.permutation(n), ahead, weight)
            train = _finite(loss / float(weight.sum(dtype=np.float64)), f"epoch {epoch}")
            validation = math.nan
            if held is not None:
                validation = mean_loss(self.predict(held.rows), held, options.loss)
                _finite(validation, f"epoch {epoch}, held-out rows")
            event = Epoch(epoch, train, validation, float(rates[self.steps - 1]), time.perf_counter() - begun)
            self.history.append(event)
            yield event

    def visit(self, order: IntArray, rates: FloatArray, weight: npt.NDArray[np.float32]) -> float:
        """Take a step for every rate in one pass over the rows, and return the sum of the losses before them.

        Parameters
        ----------
        order, weight : ndarray, shape (n,)
            Order and weights of the rows.
        rates : ndarray, shape (steps,)
        """
        ends = np.arange(len(rates) + 1) * len(order) // len(rates)
        y, loss = self.table.targets, 0.0
        out = _aligned((int(np.diff(ends).max()), *self.weights.shape[:1], *self.weights.shape[2:]))
        for (a, b), rate in zip(pairwise(ends), rates, strict=True):
            loss += self._step(order[a:b], y, weight, out, float(rate))
        return loss

    def turn_to(self, table: SparseTable) -> None:
        """Continue with other rows."""
        self.table, self.warm = table, _unknown(len(table.y), len(self.weights))

    def _step(self, rows: IntArray, y: Any, weight: Any, out: Weights, rate: float) -> float:
        """Take one step on a batch, and return its summed loss before the step."""
        sparse, options, order = self.table.rows, self.options, order_of(self.options.dim)
        loss = slopes(
            self.weights,
            *(*sparse, rows, y, weight, options.k, order),
            *(self.warm, CODES[options.loss], options.outputs, out),
        )
        scatter(self.gradient, *sparse, rows, order, out)
        self.steps += 1
        advance(
            self.weights,
            self.gradient,
            self.mean,
            self.square,
            self.average,
            self.inputs.runs,
            self.inputs.knots,
            self._chained,
            self._decays,
            order,
            1 / len(rows),
            self.steps,
            rate,
            RECENCY,
        )
        if len(self.inputs.chains):
            advance_chains(
                self.weights,
                self.gradient,
                self.square,
                self.average,
                *self.factors,
                self._links,
                self._decays,
                order,
                1 / len(rows),
                self.steps,
                rate,
                RECENCY,
                options.scale**-0.5,
            )
        if options.norm_penalty:
            self._shrink(rate)
        return loss

    def _shrink(self, rate: float) -> None:
        """Shrink the norm of every input by the proximal step of the penalty ``α ‖W_q‖``.

        Like AdamW, this divides by the root mean square of the gradients, here averaged over an input.
        """
        owners, count = self.inputs.owners, len(self.inputs.starts) - 1
        unbiased = 1 - (1 - SQUARE_SHARE) ** self.steps
        square = np.bincount(owners, self.square[:, 1:].mean(axis=(0, 2, 3)), count) / np.bincount(owners)
        step = rate * self.options.norm_penalty / (np.sqrt(square / unbiased) + EPSILON)
        norms = self._norms(self.weights)
        kept = np.maximum(0, 1 - step / np.maximum(norms, 1e-30)).astype(np.float32)
        self.weights[:, 1:] *= kept[owners][:, None, None]
        if len(self.inputs.chains):  # matrices are proportional to the squares of their factors
            links = np.sqrt(kept)[owners[self._links[0] - 1]]
            self.factors[0] *= links[:, None, None]

    def _norms(self, weights: Weights) -> FloatArray:
        """Return the Frobenius norm of every input's matrices, (axes + pairs,)."""
        features = slice(1, self.inputs.n_features)
        squares = np.square(weights[:, features]).sum(axis=(0, 2, 3), dtype=np.float64)
        owners = self.inputs.owners[: len(squares)]
        return np.sqrt(np.bincount(owners, squares, len(self.inputs.starts) - 1))

    def prune(self) -> None:
        """Set inputs to zero, weakest first, where that does not raise ``mean loss + α Σ ‖W_q‖``.

        Training leaves the norms of useless inputs near zero; this step sets them to zero.
        """
        sample = self.table.take(spread(len(self.table.y), PRUNING_ROWS))
        norms, owners = self._norms(self.average), np.concatenate([[-1], self.inputs.owners])
        loss = mean_loss(self.predict(sample.rows), sample, self.options.loss)
        for q in np.argsort(norms, kind="stable"):
            before = self.average[:, owners == q]
            self.average[:, owners == q] = 0
            without = mean_loss(self.predict(sample.rows), sample, self.options.loss)
            if without <= loss + self.options.norm_penalty * norms[q]:
                loss = without
            else:
                self.average[:, owners == q] = before

    @cached_property
    def _decays(self) -> npt.NDArray[np.float32]:
        """Decay of every feature and of every straight line."""
        decays = np.full(self.weights.shape[1], self.options.weight_decay, dtype=np.float32)
        decays[0] = 0
        for first, last in self.inputs.runs:
            decays[first:last] = self.options.hat_decay
        return decays

    @cached_property
    def _links(self) -> tuple[npt.NDArray[Any], ...]:
        return self.inputs.chains.arrays

    @cached_property
    def _chained(self) -> npt.NDArray[np.bool_]:
        return self.inputs.chains.mask(self.inputs.n_features)

    def predict(self, rows: SparseRows) -> FloatArray:
        """Return the predictions of the averaged weights, (n,), or (n, outputs) for several outputs."""
        out = np.empty((len(rows.places), self.options.outputs))
        predict(self.average, *rows, self.options.k, order_of(self.options.dim), out)
        return out if self.options.outputs > 1 else out[:, 0]

    def derivatives(self) -> Weights:
        """Return the derivatives of the weighted losses for the matrices, (n, blocks, 2 d - 1, LANES)."""
        n, options = len(self.table.y), self.options
        out = _aligned((n, *self.average.shape[:1], *self.average.shape[2:]))
        warm = _unknown(n, len(self.average))
        order, loss = order_of(options.dim), CODES[options.loss]
        table = (*self.table.rows, np.arange(n), self.table.targets, self.table.row_weights)
        slopes(self.average, *table, options.k, order, warm, loss, options.outputs, out)
        return out

    def result(self, *, weights: bool = True) -> dict[str, Any]:
        """Return tensors and plain values from which :meth:`finish` restores a finished fit."""
        history = [asdict(event) for event in self.history]
        return {"history": history} | ({"average": torch.tensor(self.average)} if weights else {})

    def finish(self, result: dict[str, Any]) -> None:
        """Restore the :meth:`result` of this fit; ValueError if it belongs to another."""
        self.history = events_of(result["history"])
        if len(self.history) != self.options.stop:
            raise ValueError(f"expected {self.options.stop} epochs; got {len(self.history)}")
        if "average" in result:
            self.put({"average": result["average"]})

    def state(self) -> dict[str, Any]:
        """Return tensors and plain values from which :meth:`load_state` continues the fit."""
        return {
            **{name: torch.tensor(getattr(self, name)) for name in self._arrays},
            "steps": self.steps,
            "history": [asdict(event) for event in self.history],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from a :meth:`state`; ValueError if it does not belong to this fit."""
        if missing := set(self._arrays) - state.keys():
            raise ValueError(f"expected {', '.join(sorted(missing))} in the state of a fit; got none")
        history = events_of(state["history"])
        per_epoch, done = math.ceil(len(self.table.y) / self.options.batch_size), len(history)
        if state["steps"] != done * per_epoch or done > self.options.stop:
            raise ValueError(f"expected {per_epoch} steps an epoch; got {state['steps']} in {done} epochs")
        self.put({name: state[name] for name in self._arrays})
        self.steps, self.history = state["steps"], history

    @property
    def between(self) -> tuple[str, ...]:
        """Names of the arrays in a state between two tables."""
        return (*ARRAYS, FACTORS) if len(self.inputs.chains) else ARRAYS

    @property
    def _arrays(self) -> tuple[str, ...]:
        """Names of the arrays in a state."""
        return (*self.between, "warm")

    def put(self, arrays: dict[str, torch.Tensor]) -> None:
        """Set arrays by their names; ValueError if they belong to another fit."""
        for name, found in arrays.items():
            own = getattr(self, name)
            if own.shape != tuple(found.shape):
                raise ValueError(f"expected {name} of shape {own.shape}; got {tuple(found.shape)}")
            own[:] = found.numpy()


class Scores:
    """Score test of how much new inputs would improve a fit, without fitting again.

    For every coefficient of an input's hats, let g_i be the derivatives of the rows' losses with respect to
    it at zero. The score is ``(Σ g_i)² / Σ (g_i − ḡ)²``, which is about 1 if the input adds nothing.
    """

    def __init__(self, run: SumRun, seed: int) -> None:
        n = len(run.table.y)
        most = max(SCORED_ROWS // run.options.outputs, LEAST_SCORED)
        self.rows = np.sort(np.random.default_rng([seed, n]).permutation(n)[:most])
        self.run = replace(run, table=run.table.take(self.rows), warm=run.warm[self.rows])
        self.weight = self.run.table.row_weights
        self.slopes = self.run.derivatives()

    def of(self, u: FloatArray, knots: FloatArray) -> FloatArray:
        """Return the mean score of every hat of an input with coordinates (n,), (K,)."""
        one, two = self._moments(*segments(u[self.rows], knots), len(knots))
        return self._scores(one, two).reshape(len(knots), -1).mean(axis=1)

    def rising(self, u: FloatArray, knots: FloatArray, sign: int) -> FloatArray:
        """Return the mean score of every increment of an input with a promise, (K − 1,).

        An increment can only grow. Only diagonal entries whose growth lowers the loss count, and these twice,
        so that chance gives a score of at most 1. (The score is lower where the increment moves most rows, as
        the intercept does. Correcting this adds too many knots, and errors grow.)
        """
        place, share = segments(u[self.rows], knots)
        one, two = self._moments(2 * place, share, 2 * len(knots))
        whole = self._moments(2 * place, np.ones(len(place)), 2 * len(knots))

        def summed(parts: FloatArray, all_of: FloatArray) -> FloatArray:
            beyond = np.cumsum(all_of[1::2][::-1], axis=0)[::-1]
            return (parts[1::2] + np.concatenate([beyond[1:], np.zeros_like(beyond[:1])]))[:-1]

        first, second = summed(one, whole[0]), summed(two, whole[1])
        score = 2 * self._scores(first, second) * (sign * first < 0)
        return score[:, :, : self.run.options.dim].mean(axis=(1, 2, 3))

    def _moments(self, place: IntArray, share: FloatArray, count: int) -> tuple[FloatArray, FloatArray]:
        """Return the sums over rows of :func:`moments`, for an input with ``count`` hats."""
        shape = (count, *self.slopes.shape[1:])
        first, second = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        order = order_of(self.run.options.dim)
        moments(self.slopes, self.weight, place, share.astype(np.float32), order, first, second)
        return first.astype(np.float64), second.astype(np.float64)

    def _scores(self, one: FloatArray, two: FloatArray) -> FloatArray:
        return one**2 / np.maximum(two - one**2 / self.weight.sum(dtype=np.float64), 1e-30)


def _finite(loss: float, where: str) -> float:
    """Return a loss; FloatingPointError unless it is finite."""
    if math.isfinite(loss):
        return loss
    raise FloatingPointError(
        f"expected a finite loss; got {loss} in {where}: the weights have grown too large"
    )


def events_of(history: Sequence[dict[str, Any]]) -> list[Epoch]:
    """Return the events of a history of plain values."""
    names = [part.name for part in fields(Epoch)]
    return [Epoch(*(event[name] for name in names)) for event in history]


@np.errstate(over="ignore", invalid="ignore")
def mean_loss(prediction: FloatArray, table: SparseTable, loss: str) -> float:
    """Return the weighted mean loss of the rows of a table."""
    losses, _ = LOSSES[loss](prediction, table.y)
    return float(losses @ table.weight / table.weight.sum())


def _initial(inputs: Inputs, options: SumOptions, rng: np.random.Generator) -> Weights:
    """Return the initial weights of a fit: small straight lines, and well-separated eigenvalues."""
    d, count = options.dim, 2 * options.dim - 1
    weights = _aligned((options.outputs * options.blocks, inputs.n_features + len(inputs.runs), count, LANES))
    deviation = START * options.scale / math.sqrt(len(inputs.axes) + len(inputs.pairs))
    half = np.where(np.arange(count) < d, 1.0, 0.5)[:, None]
    weights[:] = rng.standard_normal(weights.shape) * (deviation * half)
    for q, (first, last) in enumerate(inputs.runs):
        line = weights[:, inputs.n_features + q, None]
        weights[:, first:last] = line * inputs.knots[first:last, None, None]
    weights[:, 0] = 0
    weights[:, 0, :d] = np.linspace(-1, 1, d)[:, None] * options.scale
    return weights


def _linked(inputs: Inputs, options: SumOptions, rng: np.random.Generator, weights: Weights) -> Weights:
    """Return the initial factors of chains, and write their matrices into the weights.

    Matrices are as large as those of other inputs; increments on straight lines are smaller.
    """
    chains, d, count = inputs.chains, options.dim, 2 * options.dim - 1
    factors = _aligned((3, options.outputs * options.blocks, chains.links, count, LANES))
    factors[:] = 0
    if not len(chains):
        return factors
    deviation = START * options.scale / math.sqrt(len(inputs.axes) + len(inputs.pairs))
    half = np.where(np.arange(count) < d, 1.0, 0.5)[:, None]
    factors[0] = rng.standard_normal(factors.shape[1:]) * (math.sqrt(deviation) * half)
    lines = np.isin(np.arange(chains.links), chains.of_lines)
    factors[0][:, ~lines] *= BENT
    factors[0][:, chains.unused] = 0
    chains.set_nodes(weights, factors[0])
    return factors


def _unknown(n: int, blocks: int) -> Weights:
    """Return placeholders for the eigenvalues of n rows, (n, blocks, LANES)."""
    warm = _aligned((n, blocks, LANES))
    warm[:] = UNKNOWN
    return warm


def _aligned(shape: tuple[int, ...]) -> Weights:
    """Return an array whose lanes are aligned with cache lines, which makes fits a tenth faster."""
    size = math.prod(shape) * 4
    room = np.empty(size + 64, dtype=np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size].view(np.float32).reshape(shape)

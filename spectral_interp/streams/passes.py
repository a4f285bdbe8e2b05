"""Passes over blocks of rows: fits are trained side by side, and can be resumed within a pass.

A block is read once per pass for all fits. The fits share the order of the blocks; each has its own order of
the rows in a block. The step size follows one cycle over all passes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any, Protocol

import numpy as np
import torch
from tqdm import tqdm

from .._common.arrays import FloatArray
from ..eigen.engine import allowed_threads
from ..training import Epoch, Run
from ..training.inputs import Inputs, SparseTable
from ..training.loop import mean_loss, visit
from ..training.run import EncodedRows, Rows, one_cycle
from ..training.sums import SumOptions, SumRun, events_of
from ..training.sums import mean_loss as mean_loss_of_sum
from .blocks import Blocks

LEAST_PASSES, VISITS = 5, 40_000_000
"""Minimum number of passes of one neuron, and target number of row visits in all passes."""

STATE = "weights", "average", "moments"
"""Arrays of a run of one neuron in a checkpoint."""


def passes_of(n_rows: int, most: int) -> int:
    """Return the number of passes of one neuron over n rows, from five to ``most``.

    Examples
    --------
    >>> passes_of(200_000, 300), passes_of(8_000_000, 300)
    (200, 5)
    """
    return max(LEAST_PASSES, min(most, math.ceil(VISITS / n_rows)))


class Learner(Protocol):
    """Fits that passes train.

    Attributes
    ----------
    seeds : sequence of int
        Seeds of the order of rows of every fit.
    """

    seeds: Sequence[int]

    @property
    def batch_size(self) -> int:
        """Number of rows per step."""

    @property
    def rate(self) -> float:
        """Peak of the step size."""

    def start(self, rates: FloatArray) -> None:
        """Set the step sizes of all passes."""

    def block(self, rows: Rows) -> Any:
        """Return rows in the form that the fits use."""

    def visit(self, fit: int, block: Any, order: Any, where: str) -> float:
        """Take the steps of a pass over the rows of a block, and return the sum of the losses."""

    def loss(self, fit: int, held: Any) -> float:
        """Return the mean loss of a block of rows."""

    def state(self, fit: int) -> dict[str, Any]:
        """Return tensors and plain values from which :meth:`load_state` continues."""

    def load_state(self, fit: int, state: dict[str, Any]) -> None:
        """Continue from a :meth:`state`."""


@dataclass
class Passes:
    """Fits in training on blocks of rows.

    Attributes
    ----------
    learner : Learner
    blocks : Blocks
    n_passes : int
    seed : int
        Seed of the order of the blocks.
    every : int
        Number of blocks between calls of ``changed``.
    changed : callable, optional
        Called to write a checkpoint.
    last : int, optional
        Number of blocks to visit in all passes together; all by default.
    done : int
        Number of blocks visited in all passes together.
    losses : list of float
        Summed losses of every fit in the current pass.
    """

    learner: Learner
    blocks: Blocks
    n_passes: int
    seed: int
    every: int = 10
    changed: Callable[[], None] | None = None
    last: int | None = None
    done: int = 0
    losses: list[float] = field(default_factory=list)
    history: list[Epoch] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Number of blocks in all passes together."""
        return self.n_passes * len(self.blocks)

    def train(self) -> list[Epoch]:
        """Train to the end, and return an event per pass, with losses that are means over the fits.

        Raises
        ------
        FloatingPointError
            If a loss is not finite.
        """
        held, steps = self.learner.block(self.blocks.held), self._steps
        rates = one_cycle(self.n_passes * sum(steps), self.learner.rate)
        self.learner.start(rates)
        count, total = len(self.blocks), self.n_passes * self.blocks.n_rows
        quiet = None if self.blocks.verbose else True
        with (
            ThreadPoolExecutor(max(1, min(allowed_threads(), len(self.learner.seeds)))) as pool,
            tqdm(total=total, unit="row", unit_scale=True, disable=quiet, leave=False) as bar,
        ):
            begun = time.perf_counter()
            for place, block in islice(self._order(), self.last):
                bar.update(self.blocks.sizes[block])
                if place < self.done:
                    continue
                self._visit(pool, place, block)
                if self.done % count == 0:
                    number = self.done // count
                    self._end_pass(number, held, float(rates[number * sum(steps) - 1]), begun)
                    begun = time.perf_counter()
                if self.changed is not None and self.done % self.every == 0:
                    self.changed()
        return self.history

    @property
    def _steps(self) -> list[int]:
        """Numbers of steps on the blocks."""
        return [math.ceil(size / self.learner.batch_size) for size in self.blocks.sizes]

    def _order(self) -> Iterator[tuple[int, int]]:
        """Yield the number of every visit and its block."""
        for number in range(self.n_passes):
            order = np.random.default_rng([self.seed, number]).permutation(len(self.blocks))
            yield from enumerate(order.tolist(), number * len(self.blocks))

    def _visit(self, pool: ThreadPoolExecutor, place: int, block: int) -> None:
        """Train every fit on a block."""
        size, where = self.blocks.sizes[block], f"pass {1 + place // len(self.blocks)}"
        rows = self.learner.block(self.blocks.read(block))

        def fit(number: int) -> float:
            order = np.random.default_rng([self.learner.seeds[number], place]).permutation(size)
            return self.learner.visit(number, rows, order, where)

        found = list(pool.map(fit, range(len(self.learner.seeds)))) if size else []
        if found:
            before = self.losses or [0.0] * len(found)
            self.losses = [own + more for own, more in zip(before, found, strict=True)]
        self.done += 1

    def _end_pass(self, number: int, held: Any, rate: float, begun: float) -> None:
        """Record a pass."""
        train = float(np.mean(self.losses)) / self.blocks.n_rows
        validation = float(np.mean([self.learner.loss(fit, held) for fit in range(len(self.losses))]))
        if not math.isfinite(train + validation):
            raise FloatingPointError(
                f"expected a finite loss; got {train} in pass {number} and {validation} for held-out rows: "
                "the weights have grown too large"
            )
        self.history.append(Epoch(number, train, validation, rate, time.perf_counter() - begun))
        self.losses = []

    def state(self) -> dict[str, Any]:
        """Return tensors and plain values from which :meth:`load_state` continues."""
        return {
            "done": self.done,
            "losses": list(self.losses),
            "history": [asdict(event) for event in self.history],
            "fits": [self.learner.state(fit) for fit in range(len(self.learner.seeds))],
        }

    def state_of(self, fit: int) -> dict[str, Any]:
        """Return the state of passes of one of the fits, at the same block."""
        state, own = self.state(), slice(fit, fit + 1)
        return state | {"losses": state["losses"][own], "fits": state["fits"][own]}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from a :meth:`state`; ValueError if it does not belong to these fits."""
        self._check(state)
        for fit, own in enumerate(state["fits"]):
            self.learner.load_state(fit, own)
        self.done, self.losses = state["done"], list(state["losses"])
        self.history = events_of(state["history"])

    def _check(self, state: dict[str, Any]) -> None:
        """Raise ValueError unless the parts of a state fit these passes and one another."""
        done, fits, losses = state["done"], state["fits"], state["losses"]
        if len(fits) != len(self.learner.seeds):
            raise ValueError(f"expected {len(self.learner.seeds)} fits; got {len(fits)}")
        if not 0 <= done <= self.total:
            raise ValueError(f"expected at most {self.total} blocks; got {done}")
        passes = done // len(self.blocks)
        if [event["epoch"] for event in state["history"]] != list(range(1, passes + 1)):
            raise ValueError(f"expected a history of {passes} passes in turn; got another")
        if len(losses) not in (0, len(fits)):
            raise ValueError(f"expected {len(fits)} losses; got {len(losses)}")
        steps = self._steps
        taken = sum(steps[block] for _, block in islice(self._order(), done))
        if others := {own["steps"] for own in fits} - {taken}:
            raise ValueError(f"expected {taken} steps on {done} blocks; got {min(others)}")


@dataclass
class Sums:
    """Members of the sum form."""

    inputs: Inputs
    options: SumOptions
    seeds: Sequence[int]
    runs: list[SumRun] = field(default_factory=list)
    rates: FloatArray = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        axes, none = tuple(axis.plain for axis in self.inputs.axes), np.empty(0)
        table = SparseTable.of(self.inputs, EncodedRows(axes, np.empty((0, len(axes))), none, none))
        self.runs = [SumRun.start(self.inputs, self.options, table, seed) for seed in self.seeds]

    @property
    def batch_size(self) -> int:
        """Number of rows per step."""
        return self.options.batch_size

    @property
    def rate(self) -> float:
        """Peak of the step size."""
        return self.options.learning_rate * self.options.scale

    def block(self, rows: Rows) -> SparseTable:
        """Return the sparse table of the rows."""
        return SparseTable.of(self.inputs, rows)

    def start(self, rates: FloatArray) -> None:
        """Set the step sizes of all passes."""
        self.rates = rates

    def visit(self, fit: int, block: SparseTable, order: Any, where: str) -> float:
        """Train a member on a block."""
        run = self.runs[fit]
        run.turn_to(block)
        ahead = self.rates[run.steps : run.steps + math.ceil(len(order) / self.batch_size)]
        return run.visit(order, ahead, block.weight.astype(np.float32))

    def loss(self, fit: int, held: SparseTable) -> float:
        """Return the loss of the averaged weights."""
        return mean_loss_of_sum(self.runs[fit].predict(held.rows), held, self.options.loss)

    def state(self, fit: int) -> dict[str, Any]:
        """Return the state of a member between two blocks."""
        run = self.runs[fit]
        return {name: torch.tensor(getattr(run, name)) for name in run.between} | {"steps": run.steps}

    def load_state(self, fit: int, state: dict[str, Any]) -> None:
        """Restore a member from a state; ValueError if it belongs to another."""
        run = self.runs[fit]
        run.put({name: state[name] for name in run.between})
        run.steps = state["steps"]


@dataclass
class Neurons:
    """Fits of one neuron from different starts."""

    runs: Sequence[Run]
    seeds: Sequence[int]

    @property
    def batch_size(self) -> int:
        """Number of rows per step."""
        return self.runs[0].options.batch_size

    @property
    def rate(self) -> float:
        """Peak of the step size."""
        return self.runs[0].options.learning_rate

    def block(self, rows: Rows) -> Rows:
        """Return the rows unchanged."""
        return rows

    def start(self, rates: FloatArray) -> None:
        """Set the step sizes of all passes."""
        for run in self.runs:
            run.rates = rates

    def visit(self, fit: int, block: Rows, order: Any, where: str) -> float:
        """Train a fit on a block."""
        return visit(self.runs[fit], block, order, where)

    def loss(self, fit: int, held: Rows) -> float:
        """Return the loss of the averaged weights."""
        run = self.runs[fit]
        with run.averaged() as module:
            return mean_loss(module, held, run.options.loss)

    def state(self, fit: int) -> dict[str, Any]:
        """Return the state of a fit between two blocks."""
        run = self.runs[fit]
        return {name: torch.tensor(getattr(run, name)) for name in STATE} | {"steps": run.steps}

    def load_state(self, fit: int, state: dict[str, Any]) -> None:
        """Restore a fit from a state; ValueError if it belongs to another."""
        run = self.runs[fit]
        for name in STATE:
            own = getattr(run, name)
            if own.shape != tuple(state[name].shape):
                raise ValueError(f"expected {name} of shape {own.shape}; got {tuple(state[name].shape)}")
            own[:] = state[name].numpy()
        run.steps = state["steps"]

"""The sum form's recipe: knots, pairs of numbers, the simplest form that held-out rows allow, members.

Every choice follows from the different rows and their weights, and from the seed.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray, IntArray
from ..eigen.engine import allowed_threads
from ..view import Axis, HatsAxis, NumberAxis, Pair
from ..view.hats import segments
from .neurons import moments, order_of
from .partition import hold_out
from .run import Epoch
from .sums import Inputs, SparseTable, SumOptions, SumRun

KNOTS = 8
"""Knots of a number before any test."""

ROWS_PER_KNOT = 30, 50
"""Rows that a knot asks for: at first, and where a test asks for more of them."""

LEAST_DISTANCE = 1e-3
"""Of two knots, in standard deviations."""

THRESHOLD = 1.2
"""Score from which an input or finer knots enter; about 1 is what chance gives."""

FACTOR, ROUNDS = 4, 2
"""How much finer a test makes the knots of a number, and how often."""

MOST_PAIRS, MOST_PAIRED = 16, 20
"""Pairs that enter, and numbers of which pairs are tried: those that matter most to the coarse fit."""

SCORED_ROWS = 30_000
"""Rows of a score test, at most."""

BATCH, EPOCHS, STEPS, MOST_EPOCHS = 128, 20, 2_500, 100

HELD_SHARE, FOLDS, FOLDED_ROWS = 0.15, 4, 3_000
"""Share of the rows held out; with fewer rows than the last, each is held out once, in so many parts."""

TOLERANCE = 0.01
"""A simpler form wins if its held-out loss is larger by no more than this share."""

LINEAR, HATS, ALL = "linear", "hats", "all"
RUNGS = LINEAR, HATS, ALL
"""Inputs of a form, the simplest first: as the axes have them, with knots, and with finer ones and pairs."""

Progress = Callable[[str, int, int], None]


@dataclass
class Tape:
    """What the fits of a recipe came to: a recipe that is played again takes it from there, to the bit.

    Attributes
    ----------
    every : int
        Epochs after which a running fit's state is recorded.
    changed : callable, optional
        Called after every recording, by one thread at a time: writes :meth:`state` to a file, say.
    """

    every: int = 10
    changed: Callable[[], None] | None = None
    finished: dict[str, dict[str, Any]] = field(default_factory=dict)
    running: dict[str, dict[str, Any]] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.RLock, repr=False)

    def play(
        self, name: str, run: SumRun, held: SparseTable | None = None, progress: Progress | None = None
    ) -> SumRun:
        """Train a fit to its end, or set it to what the tape has of it."""
        with self._lock:
            done, state = self.finished.get(name), self.running.get(name)
        if done is not None:
            run.finish(done)
            return run
        if state is not None:
            run.load_state(state)
        for event in run.epochs(held):
            with self._lock:
                if progress is not None:
                    progress(name, event.epoch, run.options.stop)
                if event.epoch % self.every == 0 and event.epoch < run.options.stop:
                    self.running[name] = run.state()
                    self._tell()
        with self._lock:
            self.running.pop(name, None)
            self.finished[name] = run.result()
            self._tell()
        return run

    def _tell(self) -> None:
        if self.changed is not None:
            self.changed()

    def state(self) -> dict[str, Any]:
        """Return tensors and plain values from which :meth:`load_state` goes on."""
        with self._lock:
            return {"finished": dict(self.finished), "running": dict(self.running)}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from a :meth:`state`."""
        self.finished, self.running = dict(state["finished"]), dict(state["running"])


@dataclass(frozen=True, eq=False)
class SumFit:
    """A fitted model of the sum form, and how it was chosen.

    Attributes
    ----------
    axes : tuple of Axis
        As they were given, or with knots.
    pairs : tuple of Pair
    entries : ndarray, shape (members, p + 1, neurons, 2 d - 1)
        Coefficients of the features, the diagonals before the couplings; float32 numbers as float64.
    k : int
    rung : str
        The form of the inputs that was chosen.
    rungs : list of dict
        Name, held-out loss, parameters and epochs of every form that was tried, the simplest first.
    history : list of list of Epoch
        Of every member.
    """

    axes: tuple[Axis, ...]
    pairs: tuple[Pair, ...]
    entries: FloatArray
    k: int
    rung: str
    rungs: list[dict[str, Any]]
    history: list[list[Epoch]]


class Data(NamedTuple):
    """A training table: features of the plain axes (n, p), targets, weights and groups (n,)."""

    z: FloatArray
    y: FloatArray
    weight: FloatArray
    groups: npt.NDArray[Any]


@dataclass(frozen=True)
class Recipe:
    """What all steps of the recipe know."""

    axes: tuple[Axis, ...]
    data: Data
    options: SumOptions
    seed: int
    tape: Tape
    progress: Progress | None

    def position(self, axis: int) -> FloatArray:
        """Return the coordinates of a number, (n,)."""
        start = sum(axis.n_features for axis in self.axes[:axis])
        return self.data.z[:, start]

    def table(self, inputs: Inputs) -> SparseTable:
        """Return the rows as the inputs see them."""
        return SparseTable(inputs.sparse(self.data.z), self.data.y, self.data.weight)

    def play(self, name: str, inputs: Inputs, number: int, *, epochs: int | None = None) -> SumRun:
        """Return a finished fit on all rows."""
        options = self.options if epochs is None else replace(self.options, n_epochs=epochs, stop=epochs)
        run = SumRun.start(inputs, options, self.table(inputs), seed=1000 * self.seed + number)
        return self.tape.play(name, run, progress=self.progress)


# -------------------------------------------------------------------------------------------------- knots


def knots_of(u: FloatArray, weight: FloatArray, count: int) -> FloatArray:
    """Return at most ``count`` knots at quantiles of coordinates (n,), at all different ones if they are few.

    Examples
    --------
    >>> knots_of(np.array([0.0, 1.0, 2.0, 3.0, 9.0]), np.ones(5), 3)
    array([0., 2., 9.])
    """
    values, inverse = np.unique(u, return_inverse=True)
    if len(values) <= count:
        return _apart(values)
    shares = np.bincount(inverse, weights=weight)
    knots = _quantiles(values, shares, np.linspace(0, 1, count))
    if len(knots) < count // 2:  # many rows have the same value: quantiles of the different ones too
        knots = np.union1d(knots, _quantiles(values, np.ones(len(values)), np.linspace(0, 1, count // 2)))
    return _apart(knots)


def _quantiles(values: FloatArray, weight: npt.NDArray[Any], shares: FloatArray) -> FloatArray:
    """Return the different weighted quantiles of ascending values."""
    below = np.cumsum(weight)
    places = np.searchsorted(below, shares * below[-1] * (1 - 1e-12))
    return np.unique(values[np.minimum(places, len(values) - 1)])


def _apart(knots: FloatArray) -> FloatArray:
    """Leave knots out that are too close to their neighbour below."""
    return knots[np.concatenate([[True], np.diff(knots) > LEAST_DISTANCE])]


def finer(knots: FloatArray, u: FloatArray) -> FloatArray:
    """Return knots with FACTOR times the segments: new ones at quantiles of the different values inside."""
    values = np.unique(u)
    parts = [knots]
    for low, high in itertools.pairwise(knots):
        inside = values[(values > low) & (values < high)]
        if len(inside):
            parts.append(_quantiles(inside, np.ones(len(inside)), np.arange(1, FACTOR) / FACTOR))
    found = np.unique(np.concatenate(parts))
    keep = np.concatenate([[True], np.diff(found) > LEAST_DISTANCE]) | np.isin(found, knots)
    return found[keep]


# -------------------------------------------------------------------------------------------- score tests


class Scores:
    """What new inputs could add to a fit: a score test, without fitting again.

    For every coefficient of an input's hats, with g_i the derivatives of the rows' losses in it at zero, the
    score is ``(Σ g_i)² / Σ (g_i − ḡ)²``: about 1 where the input has nothing to add.
    """

    def __init__(self, run: SumRun, seed: int) -> None:
        n = len(run.table.y)
        self.rows = np.sort(np.random.default_rng([seed, n]).permutation(n)[:SCORED_ROWS])
        self.run = replace(run, table=run.table.take(self.rows))
        self.weight = np.ascontiguousarray(self.run.row_weights, np.float32)
        self.slopes = self.run.derivatives()

    def of(self, u: FloatArray, knots: FloatArray) -> FloatArray:
        """Return the mean score of every hat of an input with coordinates (n,), (K,)."""
        place, share = segments(u[self.rows], knots)
        shape = (len(knots), *self.slopes.shape[1:])
        first, second = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        order = order_of(self.run.options.dim)
        moments(self.slopes, self.weight, place, share.astype(np.float32), order, first, second)
        one, two = first.astype(np.float64), second.astype(np.float64)
        spread = np.maximum(two - one**2 / self.weight.sum(dtype=np.float64), 1e-30)
        return (one**2 / spread).reshape(len(knots), -1).mean(axis=1)


def choose_pairs(recipe: Recipe, inputs: Inputs, count: int) -> tuple[Pair, ...]:
    """Return the pairs of numbers that a coarse fit misses most."""
    numbers = [i for i, axis in enumerate(inputs.axes) if isinstance(axis, HatsAxis)]
    if len(numbers) < 2:
        return ()
    run = recipe.play("coarse", inputs, 900, epochs=recipe.options.n_epochs // 2)
    if len(numbers) > MOST_PAIRED:
        sizes = np.bincount(inputs.owners, weights=np.abs(run.average[:, 1:]).mean(axis=(0, 2, 3)))
        numbers = sorted(sorted(numbers, key=lambda i: -sizes[i])[:MOST_PAIRED])
    scores, found = Scores(run, recipe.seed), []
    for i, j in itertools.combinations(numbers, 2):
        for sign in (-1.0, 1.0):
            pair, u = _pair(recipe, i, j, sign, count)
            if pair is not None:
                found.append((float(scores.of(u, np.array(pair.knots)).mean()), pair))
    found.sort(key=lambda scored: -scored[0])
    return tuple(pair for score, pair in found[:MOST_PAIRS] if score > THRESHOLD)


def _pair(recipe: Recipe, i: int, j: int, sign: float, count: int) -> tuple[Pair | None, FloatArray]:
    """Return a pair with its knots and its coordinates (n,); None if it hardly varies."""
    u = recipe.position(i) + sign * recipe.position(j)
    mean = float(np.average(u, weights=recipe.data.weight))
    scale = math.sqrt(float(np.average((u - mean) ** 2, weights=recipe.data.weight)))
    if not scale > 1e-2:
        return None, u
    u = (u - mean) / scale
    knots = knots_of(u, recipe.data.weight, count)
    return (Pair(i, j, sign, mean, scale, tuple(knots.tolist())) if len(knots) > 2 else None), u


def refine(recipe: Recipe, inputs: Inputs) -> Inputs:
    """Return inputs with finer knots where the score test asks for them."""
    n, open_ = len(recipe.data.y), None
    for number in range(ROUNDS):
        run = recipe.play(f"finer {number + 1}", inputs, 901 + number, epochs=recipe.options.n_epochs // 2)
        scores = Scores(run, recipe.seed)
        parts: list[Any] = [*inputs.axes, *inputs.pairs]
        asked = set()
        for q, part in enumerate(parts):
            knots = np.array(getattr(part, "knots", ()))
            if (
                len(knots) < 3
                or (open_ is not None and q not in open_)
                or FACTOR * len(knots) * ROWS_PER_KNOT[1] > n
            ):
                continue
            u = _coordinates(recipe, part, q)
            fine = finer(knots, u)
            new = ~np.isin(fine, knots)
            if new.sum() >= 3 and scores.of(u, fine)[new].mean() > THRESHOLD:
                asked.add(q)
                parts[q] = replace(part, knots=tuple(fine.tolist()))
        if not asked:
            break
        inputs = Inputs(tuple(parts[: len(inputs.axes)]), tuple(parts[len(inputs.axes) :]))
        open_ = asked
    return inputs


def _coordinates(recipe: Recipe, part: Axis | Pair, place: int) -> FloatArray:
    if isinstance(part, Pair):
        return part.coordinates(recipe.position(part.first), recipe.position(part.second))
    return recipe.position(place)


# ------------------------------------------------------------------------------------------------- recipe


def fit_sum(
    axes: Sequence[Axis],
    z: FloatArray,
    y: FloatArray,
    weight: FloatArray,
    *,
    loss: str,
    groups: npt.NDArray[Any],
    seed: int,
    rungs: Sequence[str] = RUNGS,
    members: int = 4,
    dim: int = 5,
    norm_penalty: float = 0.0,
    tape: Tape | None = None,
    progress: Progress | None = None,
) -> SumFit:
    """Fit a model of the sum form, its form chosen on held-out rows."""
    tape, data = Tape() if tape is None else tape, Data(z, y, weight, groups)
    options = _options(len(y), loss, dim, norm_penalty)
    recipe = Recipe(tuple(axes), data, options, seed, tape, progress)
    candidates = _candidates(recipe, rungs)
    table: list[dict[str, Any]] = []
    curves = _held_out_losses(recipe, candidates)
    for (name, inputs), curve in zip(candidates.items(), curves, strict=True):
        run = SumRun.start(inputs, options, recipe.table(inputs).take(slice(1)), 0)
        table.append(
            {
                "rung": name,
                "loss": float(curve.min()),
                "parameters": members * run.parameters,
                "epochs": int(curve.argmin()) + 1,
            }
        )
    least = min(row["loss"] for row in table)
    chosen = next(row for row in table if row["loss"] <= (1 + TOLERANCE) * least)
    inputs = candidates[chosen["rung"]]
    final = replace(recipe, options=replace(options, stop=chosen["epochs"]))
    runs = _side_by_side(lambda m: final.play(f"member {m}", inputs, m), range(members))
    entries = np.stack([inputs.folded(run.average) for run in runs])
    history = [run.history for run in runs]
    return SumFit(inputs.axes, inputs.pairs, entries, options.k, chosen["rung"], table, history)


def _options(n: int, loss: str, dim: int, norm_penalty: float) -> SumOptions:
    batch = int(np.clip(n // 100, 16, BATCH))
    epochs = max(EPOCHS, min(-(-STEPS // -(-n // batch)), MOST_EPOCHS))
    return SumOptions(loss, epochs, epochs, batch, norm_penalty=norm_penalty, dim=dim)


def _candidates(recipe: Recipe, rungs: Sequence[str]) -> dict[str, Inputs]:
    """Return the inputs of every form, the simplest first."""
    found, weight = {LINEAR: Inputs(recipe.axes)}, recipe.data.weight
    count = int(np.clip(len(weight) // ROWS_PER_KNOT[0], 4, KNOTS))
    axes = list(recipe.axes)
    for i, axis in enumerate(axes):
        if isinstance(axis, NumberAxis) and not isinstance(axis, HatsAxis):
            knots = knots_of(recipe.position(i), weight, count)
            if len(knots) > 2:
                axes[i] = HatsAxis.of(axis, knots.tolist())
    found[HATS] = Inputs(tuple(axes))
    if ALL in rungs:
        pairs = choose_pairs(recipe, found[HATS], count)
        found[ALL] = refine(recipe, Inputs(tuple(axes), pairs))
    return {name: found[name] for name in RUNGS if name in rungs}


def _held_out_losses(recipe: Recipe, candidates: dict[str, Inputs]) -> list[FloatArray]:
    """Return the held-out loss of every form after every epoch, the mean over the splits."""
    data, found = recipe.data, splits(recipe.data, recipe.options.loss, recipe.seed)

    def fit(job: tuple[str, int]) -> FloatArray:
        name, number = job
        table, (kept, held) = recipe.table(candidates[name]), found[number]
        run = SumRun.start(
            candidates[name], recipe.options, table.take(kept), 1000 * recipe.seed + 800 + number
        )
        recipe.tape.play(f"{name} {number + 1}", run, table.take(held), recipe.progress)
        return np.array([event.validation_loss for event in run.history])

    jobs = list(itertools.product(candidates, range(len(found))))
    curves = _side_by_side(fit, jobs)
    share = np.array([data.weight[held].sum() for _, held in found])
    by_name = np.array(curves).reshape(len(candidates), len(found), -1)
    return list(np.einsum("nfe,f->ne", by_name, share / share.sum()))


def splits(data: Data, loss: str, seed: int) -> list[tuple[IntArray, IntArray]]:
    """Return rows to train on and rows held out: one split of a large table, and of a small one several."""
    n = len(data.y)
    classes = data.y if loss == "logistic" and min(np.bincount(data.y.astype(np.intp))) > FOLDS else None
    if n >= FOLDED_ROWS:
        return [hold_out(data.groups, round(HELD_SHARE * n), seed, classes=classes)]
    found, left = [], np.arange(n)
    for number in range(FOLDS):
        if number == FOLDS - 1:
            held = left
        else:
            rest, held = hold_out(
                data.groups[left],
                round(n / FOLDS),
                seed + number,
                classes=None if classes is None else classes[left],
            )
            held, left = left[held], left[rest]
        found.append((np.setdiff1d(np.arange(n), held), np.sort(held)))
    return found


def _side_by_side(function: Callable[[Any], Any], jobs: Iterable[Any]) -> list[Any]:
    """Return the results of jobs that run in threads, in the order of the jobs."""
    jobs = list(jobs)
    with ThreadPoolExecutor(max(1, min(allowed_threads(), len(jobs)))) as pool:
        return list(pool.map(function, jobs))

"""The recipe of the sum form: knots, pairs of numbers, the choice of a form on held-out rows, members.

Every choice depends only on the different rows, their weights and the seed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy

from .._common.arrays import FloatArray, IntArray, check_finite
from .._common.choices import FORM_TOLERANCE
from .._common.memory import give_back
from ..view import Axis, HatsAxis, NumberAxis, Pair, Promise
from .inputs import FACTOR, Inputs, SparseTable, finer, knots_of
from .neurons import CODES
from .partition import splits
from .run import EncodedRows, Epoch, SomeRows
from .stages import Tape
from .sums import Scores, SumOptions, SumRun

KNOTS = 8
"""Maximum number of knots of a column of numbers before any test."""

ROWS_PER_KNOT = 30, 50
"""Number of rows per knot: for the first knots, and for finer ones."""

THRESHOLD = 1.2
"""Score above which an input or finer knots are added; chance gives about 1."""

ROUNDS = 2
"""Maximum number of times that knots are made finer."""

MOST_PAIRS, MOST_PAIRED = 16, 20
"""Maximum number of pairs, and of columns whose pairs are tried: the largest inputs of a coarse fit."""

MOST_COEFFICIENTS = 400_000
"""Maximum number of coefficients of a member with knots for which finer knots and pairs are tried; wide
tables with many classes exceed it."""

LEAST_BATCH, BATCH, MOST_BATCH = 16, 128, 512
"""Limits of the batch size, which is n / 100 for n rows, and n / 1000 for very many rows."""

EPOCHS, LEAST_EPOCHS, MOST_EPOCHS = 20, 5, 100
LEAST_STEPS, MOST_VISITS = 2_500, 5_000_000
"""Limits of the epochs of a fit: more with few rows, for 2,500 steps, fewer with many, for 5 million
visits."""

DECAYS = {1.0: 3.0, 10.0: 10.0}
"""Weight decays to try, each with the decay of hats; the first one is used while inputs are chosen."""

DECAYED_ROWS, DECAYED_CLASSES = 50_000, 10_000
"""Number of rows above which only the first decay is tried, as with more than two classes; and number of rows
of two classes below which their order is reversed."""

SIDE_BY_SIDE_ROWS = 300_000
"""Number of rows above which the largest form is tried after the others, so that memory holds only its
rows."""

Simpler = Callable[[list[tuple[IntArray, IntArray]]], Sequence[dict[str, Any]]]

Trainer = Callable[[Inputs, SumOptions, Sequence[int]], Sequence[SumRun]]

LINEAR, HATS, ALL = "linear", "hats", "all"
RUNGS = LINEAR, HATS, ALL
"""Forms of inputs, the simplest first: plain columns, knots, and finer knots with pairs."""

GIVEN = "given"
"""Name of inputs that are taken from another model."""


@dataclass(frozen=True, eq=False)
class SumFit:
    """A fitted model of the sum form, and how it was chosen.

    Attributes
    ----------
    axes : tuple of Axis
        The given axes, some with knots.
    pairs : tuple of Pair
    promises : tuple of Promise
    entries : ndarray, shape (members, p + 1, outputs · neurons, 2 d - 1)
        Coefficients of the features, the diagonals before the couplings; float32 numbers as float64. The
        neurons of an output are adjacent.
    k : int
    rung : str
        The chosen form of inputs.
    rungs : list of dict
        Name, held-out loss, number of parameters, epochs and weight decay of every form tried, the simplest
        first.
    history : list of Epoch
        Epochs of the fits that chose the number of epochs, with held-out losses; or those of a trainer's
        members.
    """

    axes: tuple[Axis, ...]
    pairs: tuple[Pair, ...]
    promises: tuple[Promise, ...]
    entries: FloatArray
    k: int
    rung: str
    rungs: list[dict[str, Any]]
    history: list[Epoch]

    @property
    def inputs(self) -> Inputs:
        """The chosen inputs."""
        return Inputs(self.axes, self.pairs, self.promises)


@dataclass(frozen=True)
class Recipe:
    """Data and settings shared by all steps of the recipe."""

    data: EncodedRows
    options: SumOptions
    decays: dict[float, float]
    seed: int
    tape: Tape
    promises: tuple[Promise, ...] = ()

    def coarse(self, name: str, inputs: Inputs, number: int) -> SumRun:
        """Return a fit on all rows with half the epochs."""
        epochs = self.options.n_epochs // 2
        options = replace(self.options, n_epochs=epochs, stop=epochs)
        table = SparseTable.of(inputs, self.data)
        return self.tape.play(name, SumRun.start(inputs, options, table, self.seed_of(number)))

    def decaying(self, weight_decay: float) -> SumOptions:
        """Return the settings with the given decay."""
        return replace(self.options, weight_decay=weight_decay, hat_decay=self.decays[weight_decay])

    def seed_of(self, number: int) -> int:
        """Return the seed of a fit: its starting weights and the order of its rows."""
        return 1000 * self.seed + number


# -------------------------------------------------------------------------------------------- score tests


def choose_pairs(recipe: Recipe, inputs: Inputs, count: int) -> tuple[Pair, ...]:
    """Return the pairs of numbers that would improve a coarse fit most.

    Pairs of two columns with contradictory promises are left out.
    """
    numbers = [i for i, axis in enumerate(inputs.axes) if isinstance(axis, HatsAxis)]
    if len(numbers) < 2:
        return ()
    run = recipe.coarse("coarse", inputs, 900)
    if len(numbers) > MOST_PAIRED:
        sizes = np.bincount(inputs.owners, weights=np.abs(run.average[:, 1:]).mean(axis=(0, 2, 3)))
        numbers = sorted(sorted(numbers, key=lambda i: -sizes[i])[:MOST_PAIRED])
    scores, found = Scores(run, recipe.seed), []
    del run  # with its rows
    for i, j in itertools.combinations(numbers, 2):
        for sign in (-1.0, 1.0):
            asked, (pair, u) = inputs.signs(i, j, sign), _pair(recipe, i, j, sign, count)
            if pair is not None and len(asked) < 2:
                knots = np.array(pair.knots)
                score = scores.rising(u, knots, *asked) if asked else scores.of(u, knots)
                found.append((float(score.mean()), pair))
    found.sort(key=lambda scored: -scored[0])
    return tuple(pair for score, pair in found[:MOST_PAIRS] if score > THRESHOLD)


def _pair(recipe: Recipe, i: int, j: int, sign: float, count: int) -> tuple[Pair | None, FloatArray]:
    """Return a pair with its knots, or None if it hardly varies, and its coordinates (n,)."""
    u = recipe.data.positions(i) + sign * recipe.data.positions(j)
    mean = float(np.average(u, weights=recipe.data.weight))
    scale = math.sqrt(float(np.average((u - mean) ** 2, weights=recipe.data.weight)))
    if not scale > 1e-2:
        return None, u
    u = (u - mean) / scale
    knots = knots_of(u, recipe.data.weight, count)
    return (Pair(i, j, sign, mean, scale, tuple(knots.tolist())) if len(knots) > 2 else None), u


def refine(recipe: Recipe, inputs: Inputs) -> Inputs:
    """Return inputs with finer knots where the score test favours them."""
    n, open_ = len(recipe.data.y), None
    for number in range(ROUNDS):
        scores = Scores(recipe.coarse(f"finer {number + 1}", inputs, 901 + number), recipe.seed)
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
            u = _coordinates(recipe.data, part, q)
            fine = finer(knots, u)
            new = ~np.isin(fine, knots)
            if new.sum() >= 3 and _asks(scores, u, fine, new, inputs.directions.get(q)):
                asked.add(q)
                parts[q] = replace(part, knots=tuple(fine.tolist()))
        del scores  # before the next fit needs the memory
        if not asked:
            break
        count = len(inputs.axes)
        inputs = replace(inputs, axes=tuple(parts[:count]), pairs=tuple(parts[count:]))
        open_ = asked
    return inputs


def _asks(scores: Scores, u: FloatArray, knots: FloatArray, new: Any, sign: int | None) -> bool:
    """Return whether the score test favours the new knots."""
    if sign is None:
        return bool(scores.of(u, knots)[new].mean() > THRESHOLD)
    return bool(scores.rising(u, knots, sign)[new[1:] | new[:-1]].mean() > THRESHOLD)


def _coordinates(data: EncodedRows, part: Axis | Pair, place: int) -> FloatArray:
    if isinstance(part, Pair):
        return part.coordinates(data.positions(part.first), data.positions(part.second))
    return data.positions(place)


# ------------------------------------------------------------------------------------------------- recipe


def fit_sum(
    data: EncodedRows,
    *,
    loss: str,
    groups: npt.NDArray[Any],
    seed: int,
    rungs: Sequence[str] = RUNGS,
    simpler: Simpler | None = None,
    members: int = 4,
    dim: int = 5,
    outputs: int = 1,
    norm_penalty: float = 0.0,
    decay: float = 1.0,
    promises: Sequence[Promise] = (),
    tape: Tape | None = None,
    trainer: Trainer | None = None,
    inputs: Inputs | None = None,
) -> SumFit:
    """Fit a model of the sum form, choosing its inputs and epochs on held-out rows.

    Parameters
    ----------
    data : EncodedRows
        Rows without repeats (equal rows with equal targets are merged), in an order determined by their
        content. Targets are standardised numbers, 0 and 1, or class indices. Weights are positive; a weight
        of two means the row twice.
    loss : str
        "squared", "logistic" or, for more than two classes, "softmax".
    groups : ndarray, shape (n,)
        Equal for rows with equal features, which are not divided between training and held-out rows.
    seed : int
    rungs : sequence of str
        Forms of inputs to try, from :data:`RUNGS`.
    simpler : callable, optional
        Called with the splits, pairs of training and held-out rows. It returns the rungs of simpler models: a
        sequence of dicts with the name as "rung", the held-out "loss", "parameters" and "epochs". If one of
        them is chosen, no member is trained.
    members : int
        Fits whose average is the model.
    dim : int
        Order of the matrices.
    outputs : int
        Number of sums that are fitted together: one, or with "softmax" one per class.
    norm_penalty : float
        Factor α of the penalty ``α Σ_q ‖W_q‖``, with the Frobenius norm of all matrices of an input q in a
        member, in units of the loss. Inputs that gain less than their penalty become zero.
    decay : float
        Factor of the weight decay.
    promises : sequence of Promise
        Promises about columns, which every fit keeps: see :mod:`.chains`.
    tape : Tape, optional
        Recorded results of earlier runs of the same recipe; this run is recorded too.
    trainer : callable, optional
        Called with the inputs, the settings and the seeds of the members. It returns the trained members, for
        use where the rows are only a sample of their training rows.
    inputs : Inputs, optional
        Inputs with these axes, knots and pairs, which are fitted without a choice.

    Raises
    ------
    ValueError
        If an argument cannot be used.
    FloatingPointError
        If a loss is not finite.
    """
    _check(data, groups, loss, rungs)
    n = len(data.u)
    decays = {decay * own: decay * hats for own, hats in _decays(n, loss)}
    options = options_for(n, loss=loss, dim=dim, outputs=outputs, norm_penalty=norm_penalty, decays=decays)
    tape = Tape() if tape is None else tape
    recipe = Recipe(data, options, decays, seed, tape, tuple(promises))
    found = splits(data.y, groups, loss=loss, seed=seed)
    table = [] if simpler is None else [*simpler(found)]
    candidates = _candidates(recipe, rungs) if inputs is None else {GIVEN: inputs}
    curves = _held_out_curves(recipe, candidates, found)
    del found
    start = _start(data, loss)
    for name, candidate in candidates.items():
        size = members * candidate.n_features * outputs * options.neurons * (2 * dim - 1)
        ends = {decay: _best(curve) for decay, curve in curves[name].items()}
        decay = _simplest({decay: end.validation_loss for decay, end in ends.items()}, start)
        best = ends[decay]
        own = {"loss": best.validation_loss, "parameters": size, "epochs": best.epoch}
        table.append({"rung": name, **own, "decay": decay})
    chosen = table[_simplest({place: row["loss"] for place, row in enumerate(table)}, start)]
    kept = candidates.get(chosen["rung"], Inputs(data.axes))
    runs = _members(recipe, kept, chosen, members, trainer) if chosen["rung"] in candidates else []
    entries = [kept.folded(run.average) for run in runs]
    shape = (len(runs), kept.n_features, outputs * options.neurons, 2 * dim - 1)
    history = curves[chosen["rung"]][chosen["decay"]] if runs else []
    if runs and trainer is not None:
        history = runs[0].history
    stacked = np.reshape(entries, shape)
    parts = kept.axes, kept.pairs, kept.promises
    return SumFit(*parts, stacked, options.k, chosen["rung"], table, history)


def _check(data: EncodedRows, groups: npt.NDArray[Any], loss: str, rungs: Sequence[str]) -> None:
    n, columns = data.u.shape
    if n < 2:
        raise ValueError(f"expected at least 2 different rows; got {n}")
    if columns != len(data.axes):
        raise ValueError(f"expected coordinates of {len(data.axes)} columns; got {columns}")
    sizes = [len(data.y), len(data.weight), len(groups)]
    if sizes != [n, n, n]:
        raise ValueError(f"expected y, weight and groups of {n} rows; got {sizes}")
    if loss not in CODES:
        raise ValueError(f"expected loss to be one of {', '.join(CODES)}; got {loss!r}")
    if not rungs or not set(rungs) <= set(RUNGS):
        raise ValueError(f"expected rungs of {', '.join(RUNGS)}; got {tuple(rungs)}")
    check_finite("u", np.where(np.isnan(data.u), 0.0, data.u))
    check_finite("y", data.y)
    check_finite("weight", data.weight)


def _decays(n: int, loss: str) -> list[tuple[float, float]]:
    """Return the weight decays to try, each with the decay of hats."""
    found = list(DECAYS.items())
    if loss == "logistic" and n < DECAYED_CLASSES:
        found.reverse()
    return found[:1] if n > DECAYED_ROWS or loss == "softmax" else found


def options_for(
    n: int,
    *,
    loss: str,
    decays: dict[float, float],
    dim: int = 5,
    outputs: int = 1,
    norm_penalty: float = 0.0,
) -> SumOptions:
    """Return the settings of a fit on n rows: EPOCHS epochs, more for few rows, fewer for very many."""
    batch = int(np.clip(n // 100, LEAST_BATCH, BATCH))
    batch = max(batch, min(n // 1000, MOST_BATCH))
    per_epoch = -(-n // batch)
    epochs = int(np.clip(-(-LEAST_STEPS // per_epoch), EPOCHS, MOST_EPOCHS))
    epochs = min(epochs, max(LEAST_EPOCHS, MOST_VISITS // n))
    weight_decay, hat_decay = next(iter(decays.items()))
    return SumOptions(
        *(loss, epochs, epochs, batch),
        weight_decay=weight_decay,
        hat_decay=hat_decay,
        norm_penalty=norm_penalty,
        dim=dim,
        outputs=outputs,
    )


def _best(curve: list[Epoch]) -> Epoch:
    return min(curve, key=lambda event: event.validation_loss)


def _start(data: EncodedRows, loss: str) -> float:
    """Return the loss from which FORM_TOLERANCE counts: zero for squared error, chance for a log loss."""
    if loss == "squared":
        return 0.0
    shares = np.bincount(data.y.astype(np.intp), data.weight) / data.weight.sum()
    return float(-xlogy(shares, shares).sum())


def _simplest(losses: dict[Any, float], start: float) -> Any:
    """Return the first key whose loss is within FORM_TOLERANCE of the smallest."""
    least = min(losses.values())
    return next(key for key, loss in losses.items() if loss <= least + FORM_TOLERANCE * abs(least - start))


def _candidates(recipe: Recipe, rungs: Sequence[str]) -> dict[str, Inputs]:
    """Return the inputs of every form, the simplest first; of equal forms, only the first."""
    data = recipe.data
    plain = Inputs(data.axes, promises=recipe.promises)
    found, axes, n = {LINEAR: plain}, list(data.axes), len(data.u)
    numbers = {i: axis for i, axis in enumerate(axes) if isinstance(axis, NumberAxis)}
    count = min(int(np.clip(n // ROWS_PER_KNOT[0], 4, KNOTS)), n // max(len(numbers), 1))
    for i, axis in numbers.items() if count > 2 else ():
        knots = knots_of(data.positions(i), data.weight, count)
        if len(knots) > 2:
            axes[i] = HatsAxis.of(axis, knots.tolist())
    found[HATS] = hats = replace(plain, axes=tuple(axes))
    size = hats.n_features * recipe.options.outputs * recipe.options.neurons * (2 * recipe.options.dim - 1)
    if ALL in rungs and len(hats.runs) and size <= MOST_COEFFICIENTS:
        found[ALL] = refine(recipe, replace(hats, pairs=choose_pairs(recipe, hats, count)))
    named = {name: inputs for name, inputs in found.items() if name in rungs}
    different = {inputs.n_features: name for name, inputs in reversed(named.items())}
    return {name: inputs for name, inputs in named.items() if name in different.values()}


def _held_out_curves(
    recipe: Recipe, candidates: dict[str, Inputs], splits: list[tuple[IntArray, IntArray]]
) -> dict[str, dict[float, list[Epoch]]]:
    """Return the loss of every form and decay after every epoch, as weighted means over the splits."""
    weight = recipe.data.weight
    parts = [[SomeRows(recipe.data, rows) for rows in split] for split in splits]

    def fit(job: tuple[str, float, int]) -> list[Epoch]:
        name, decay, number = job
        inputs, seed = candidates[name], recipe.seed_of(800 + number)
        kept, held = (SparseTable.of(inputs, rows) for rows in parts[number])
        run = SumRun.start(inputs, recipe.decaying(decay), kept, seed)
        return recipe.tape.play(f"{name}, decay {decay:g}, {number + 1}", run, held).history

    names = list(candidates)
    last = len(names) - (len(weight) > SIDE_BY_SIDE_ROWS)
    results: list[list[Epoch]] = []
    for some in (names[:last], names[last:]):
        give_back(len(weight))
        jobs = itertools.product(some, recipe.decays, range(len(splits)))
        results += recipe.tape.side_by_side(fit, jobs)
    found = iter(results)
    share = np.array([weight[held].sum() for _, held in splits])
    return {
        name: {decay: _mean_curve([next(found) for _ in splits], share) for decay in recipe.decays}
        for name in candidates
    }


def _mean_curve(histories: list[list[Epoch]], share: FloatArray) -> list[Epoch]:
    """Return the weighted means of the losses of several fits, by epoch."""
    curve = []
    for events in zip(*histories, strict=True):
        losses = [[event.train_loss, event.validation_loss] for event in events]
        train, held_out = np.average(losses, axis=0, weights=share).tolist()
        seconds = sum(event.seconds for event in events)
        curve.append(Epoch(events[0].epoch, train, held_out, events[0].learning_rate, seconds))
    return curve


def _members(
    recipe: Recipe, inputs: Inputs, chosen: dict[str, Any], members: int, trainer: Trainer | None
) -> Sequence[SumRun]:
    """Return finished fits on all rows, which differ in their starting weights and the order of rows."""
    options = replace(recipe.decaying(chosen["decay"]), stop=chosen["epochs"])
    if trainer is not None:
        return trainer(inputs, options, [recipe.seed_of(number) for number in range(members)])
    table = SparseTable.of(inputs, recipe.data)
    give_back(len(table.y))

    def fit(number: int) -> SumRun:
        run = SumRun.start(inputs, options, table, recipe.seed_of(number))
        recipe.tape.play(f"member {number + 1}", run)
        run.turn_to(table.take(slice(0)))  # its starts of eigenvalues are no longer needed
        return run

    return recipe.tape.side_by_side(fit, range(members))

"""The forms of a model and how each is fitted: one neuron, a sum of neurons, or what held-out rows favour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from .._common.arrays import FloatArray
from .._common.memory import check_memory
from ..files import artifact
from ..models.constraints import lifted
from ..models.sums import SumSpectral
from ..pencil.structures import Tridiagonal
from ..training import Run, TrainingRows
from ..training.loop import best_start, epochs
from ..training.partition import Partition, fingerprints
from ..training.run import SomeRows
from ..training.selection import RUNGS, SumFit, fit_sum
from ..training.stages import Tape, identified, prune, resume, save_checkpoints, stop_early
from ..view import Axis, Pair
from . import single

SINGLE = "single neuron"
"""The simplest rung of the ladder of forms."""


TRIED_ROWS = 20_000
"""Maximum number of rows that a single neuron is trained on where it only competes with sums."""

LARGE = 1e25
"""Size of targets from which float32 has no room for matrices."""

_FLOATS = {torch.float32: np.float32, torch.float64: np.float64}

ALPHA = 250.0
"""The default strength of regularisation, at which the weight decay of sums is as the recipe has it."""


@dataclass(frozen=True)
class Saving:
    """Where the state of training goes, how often, and what it is taken up from."""

    checkpoint: Any
    every: int
    resume: Any
    identity: dict[str, Any]

    def tape(self) -> Tape:
        """Return the record of the fits of a sum, that of the checkpoint to resume from if there is one."""
        tape = Tape(every=self.every)
        if self.resume is not None:
            path = Path(self.resume)
            state = identified(path, self.identity, "tape")
            try:
                tape.load_state(state)
            except (ValueError, KeyError, RuntimeError) as error:
                raise artifact.damaged(path, artifact.CHECKPOINT, error) from error
        if self.checkpoint is not None:
            tape.changed = lambda: self._write(tape)
        return tape

    def _write(self, tape: Tape) -> None:
        state = {"tape": tape.state(), "identity": self.identity}
        artifact.write(Path(self.checkpoint), state, kind=artifact.CHECKPOINT)


@dataclass(frozen=True)
class Fitted:
    """A fitted module, the columns as it sees them, and how it came about."""

    module: Any
    form: str
    axes: tuple[Axis, ...]
    pairs: tuple[Pair, ...] = ()
    history: list[dict[str, Any]] = field(default_factory=list)
    rungs: list[dict[str, Any]] = field(default_factory=list)


def fit_single(est: Any, data: Partition, saving: Saving) -> Fitted:
    """Fit one neuron."""
    runs = single.begun(est, data.train)
    if saving.resume is None:
        run = best_start(runs, data.train, data.validation)
    else:
        run = resume(runs[0], Path(saving.resume), saving.identity)
    events = stop_early(epochs(run, data.train, data.validation), run, patience=est.patience)
    if saving.checkpoint is not None:
        path = Path(saving.checkpoint)
        events = save_checkpoints(events, run, path, every=saving.every, identity=saving.identity)
    single.consume(est, single.going_on(events, run, data), run)
    if est.norm_penalty:
        prune(run.module, data.train, run.options)
    module = single.in_unit(est, run.module, data.scale, data.center)
    rung = _rung(run.best_loss, single.parameters_of(module), run.best_epoch)
    history = [asdict(event) for event in run.history]
    return Fitted(module, "single", est.encoder_.axes, (), history, [{**rung, "chosen": True}])


def fit_sums(est: Any, data: Partition, saving: Saving) -> Fitted:
    """Fit a sum of neurons, the simplest of its rungs that held-out rows allow."""
    return _of_sum(est, _summed(est, data, saving), data)


def fit_any(est: Any, data: Partition, saving: Saving) -> Fitted:
    """Fit the simplest form, of one neuron or a sum, that held-out rows find as good as the best."""

    def single_rung(splits: list[tuple[Any, Any]]) -> list[dict[str, Any]]:
        runs = [_held_out(est, data.table, kept, held) for kept, held in splits]
        weights = [float(data.table.weight[held].sum()) for _, held in splits]
        curve = np.average(_losses(runs), axis=0, weights=weights)
        return [_rung(float(curve.min()), single.parameters_of(runs[0].module), int(curve.argmin()) + 1)]

    fit = _summed(est, data, saving, simpler=single_rung)
    if fit.rung != SINGLE:
        return _of_sum(est, fit, data)
    fitted = fit_single(est, data, Saving(None, saving.every, None, saving.identity))
    rungs = [{**rung, "chosen": rung["rung"] == SINGLE} for rung in fit.rungs]
    return Fitted(fitted.module, "single", fitted.axes, (), fitted.history, rungs)


ROOM = {"single": 80, "sum": 460, "auto": 460}
"""Bytes of a row in a fit, beside twice its features, as measured with 12 columns."""


def check_room(form: str, n: int, p: int) -> None:
    """Raise MemoryError if a fit of n rows and p features needs more memory than there is."""
    needed = n * (2 * 8 * p + ROOM[form])
    check_memory(
        needed,
        f"training on {n:,} rows × {p:,} features",
        "train on fewer rows or columns, or with fit_batches",
    )


FITS: dict[str, Callable[[Any, Partition, Saving], Fitted]] = {
    "auto": fit_any,
    "single": fit_single,
    "sum": fit_sums,
}


def _rung(loss: float, parameters: int, last: int) -> dict[str, Any]:
    return {"rung": SINGLE, "loss": loss, "parameters": parameters, "epochs": last}


def _held_out(est: Any, table: TrainingRows, kept: Any, held: Any) -> Run:
    """Return a run of one neuron, validated on held-out rows.

    It is trained on at most :data:`TRIED_ROWS` rows: one neuron hardly gains from more.
    """
    if len(kept) > TRIED_ROWS:
        kept = np.random.default_rng(est.seed_).choice(kept, TRIED_ROWS, replace=False)
    return single.trained(est, SomeRows(table, kept), SomeRows(table, held))


def _losses(runs: list[Run]) -> FloatArray:
    """Return the held-out loss of every run by epoch, (runs, epochs): that of its last one where it ended."""
    curves = [[event.validation_loss for event in run.history] for run in runs]
    longest = max(map(len, curves))
    return np.array([curve + curve[-1:] * (longest - len(curve)) for curve in curves])


def _summed(est: Any, data: Partition, saving: Saving, **options: Any) -> SumFit:
    """Return the fitted sum, its choice made on held-out rows of the whole table."""
    tape = saving.tape()
    with tqdm(unit="epoch", disable=None if est.verbose else True, leave=False) as bar:

        def show(name: str, epoch: int, last: int) -> None:
            bar.set_postfix_str(f"{name}: {epoch} of {last}", refresh=False)
            bar.update()

        tape.progress = show
        return fit_sum(
            est.encoder_.axes,
            *data.table,
            loss=est._loss,
            groups=fingerprints(data.table.z),
            seed=est.seed_,
            rungs=RUNGS,
            members=est.members,
            outputs=est.n_outputs,
            norm_penalty=est.norm_penalty,
            decay=est.alpha / ALPHA,
            promises=est._promises,
            tape=tape,
            **options,
        )


def _of_sum(est: Any, fit: SumFit, data: Partition) -> Fitted:
    """Return a fitted sum as a module in the target's unit."""
    members, rows, neurons, entries = fit.entries.shape
    module = SumSpectral(
        rows - 1,
        (entries + 1) // 2,
        fit.k,
        members=members,
        neurons=neurons // est.n_outputs,
        outputs=est.n_outputs,
        dtype=_dtype(data),
    )
    module.set_entries_(_in_unit(fit, data), 1.0, data.center)
    rungs = [{**rung, "chosen": rung["rung"] == fit.rung} for rung in fit.rungs]
    return Fitted(module, "sum", fit.axes, fit.pairs, [asdict(event) for event in fit.history], rungs)


def _in_unit(fit: SumFit, data: Partition) -> FloatArray:
    """Return the coefficients in the target's unit, rounded so that promises stay kept."""
    entries = data.scale * fit.entries
    if not fit.promises:
        return entries
    members, rows, neurons, count = entries.shape
    together = entries.transpose(1, 0, 2, 3).reshape(rows, members * neurons, count)
    chains = [(part.features, part.sign) for part in fit.inputs.chains.parts]
    kept = lifted(together, chains, Tridiagonal((count + 1) // 2), _FLOATS[_dtype(data)])
    return kept.reshape(rows, members, neurons, count).transpose(1, 0, 2, 3)


def _dtype(data: Partition) -> torch.dtype:
    """Return float32, in which sums are trained, or float64 where the target's unit leaves its range."""
    size = max(abs(data.center), data.scale)
    return torch.float32 if size < LARGE and data.scale > 1 / LARGE else torch.float64

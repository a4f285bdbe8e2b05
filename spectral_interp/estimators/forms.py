"""The forms of a model and their fits: one neuron, a sum of neurons, or the choice of held-out rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from .._common.arrays import FloatArray
from .._common.memory import check_memory, chunks
from ..eigen.engine import allowed_threads
from ..eigen.lanes import LANES
from ..files import artifact
from ..models.constraints import lifted
from ..models.sums import SumSpectral
from ..pencil.structures import Tridiagonal
from ..streams.blocks import Blocks
from ..streams.passes import Neurons, Passes, Sums, passes_of
from ..streams.sample import SAMPLE_ROWS
from ..training import Epoch, Run
from ..training.inputs import Inputs
from ..training.loop import best_start, epochs
from ..training.partition import Partition
from ..training.run import EncodedRows
from ..training.selection import RUNGS, SumFit, fit_sum, options_for
from ..training.stages import StateError, Tape, identified, prune, resume, save_checkpoints, stop_early
from ..training.sums import SumOptions, SumRun
from ..view import Axis, Pair
from . import single
from .validation import plain

SINGLE = "single neuron"
"""The simplest rung of the ladder of forms."""


TRIED_ROWS = 20_000
"""Maximum number of rows on which a single neuron is trained when it is compared with sums."""

LARGE = 1e25
"""Size of targets beyond which matrices are stored as float64."""

_FLOATS = {torch.float32: np.float32, torch.float64: np.float64}

ALPHA = 250.0
"""Default strength of regularisation, for which the recipe of sums sets the weight decay."""


@dataclass(frozen=True)
class Saving:
    """Place and frequency of checkpoints, and the checkpoint to continue from."""

    checkpoint: Any
    every: int
    resume: Any
    identity: dict[str, Any]
    parts: dict[str, Any] = field(default_factory=dict)

    def follow(self, name: str, part: Any) -> Any:
        """Return a tape or passes ("starts", "stream") that continue from the checkpoint and write to it."""
        if self.resume is not None:
            path = Path(self.resume)
            state = identified(path, self.identity, "tape", "starts", "stream")
            try:
                if name in state:  # passes may not have begun
                    part.load_state(state[name])
            except (ValueError, KeyError, RuntimeError) as error:
                raise artifact.damaged(path, artifact.CHECKPOINT, error) from error
        if self.checkpoint is not None:
            self.parts[name], part.changed = part, self._write
        return part

    @contextmanager
    def naming_the_checkpoint(self) -> Iterator[None]:
        """Name the checkpoint from which a fit continues in errors that it may have caused.

        Raises
        ------
        ValueError
            In place of :class:`StateError` and FloatingPointError, if there is a checkpoint.
        """
        try:
            yield
        except (StateError, FloatingPointError) as error:
            if self.resume is None:
                raise
            if isinstance(error, StateError):
                raise artifact.damaged(self.resume, artifact.CHECKPOINT, error) from error
            raise ValueError(
                f"{error}, or the checkpoint {self.resume} is damaged; start without it"
            ) from error

    def _write(self) -> None:
        state = {name: part.state() for name, part in self.parts.items()}
        artifact.write(Path(self.checkpoint), {**state, "identity": self.identity}, kind=artifact.CHECKPOINT)


def check_saving(every: int, resume: Any) -> None:
    """Raise ValueError, before any work, if ``every`` is below 1 or ``resume`` is not a checkpoint."""
    if not every >= 1:
        raise ValueError(f"expected every >= 1 epochs between checkpoints; got {every!r}")
    if resume is not None:
        artifact.read(Path(resume), kind=artifact.CHECKPOINT)


@dataclass(frozen=True)
class Fitted:
    """A fitted module, the columns that it uses, and the history of its fit."""

    module: Any
    form: str
    axes: tuple[Axis, ...]
    pairs: tuple[Pair, ...] = ()
    history: list[dict[str, Any]] = field(default_factory=list)
    rungs: list[dict[str, Any]] = field(default_factory=list)


def identity_of(est: Any, data: Partition) -> dict[str, Any]:
    """Return the properties that a checkpoint must share with the fit that resumes from it."""
    apart = {"random_state", "verbose"} | ({"form", "members"} if est.form == "single" else set())
    apart |= {name for name in ("monotone", "curvature", "provability") if not getattr(est, name)}
    options = {k: plain(v) for k, v in est.get_params().items() if k not in apart}
    digest = hashlib.sha256()
    for some in chunks(data.table.shape[0]):
        digest.update(data.table.take(some).z.data)
    digest.update(data.table.y.data)
    digest.update(data.table.weight.data)
    found = {"task": est._task, "seed": est.seed_, "options": options, "table": digest.hexdigest()}
    return found if data.whole is None else {**found, "whole table": data.whole.identity}


def fit_single(est: Any, data: Partition, saving: Saving) -> Fitted:
    """Fit one neuron."""
    data = data.with_features()
    if data.whole is not None:
        return _stream_single(est, data, saving)
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
    return _of_single(est, run, data, run.history, run.best_loss, run.best_epoch)


def _stream_single(est: Any, data: Partition, saving: Saving) -> Fitted:
    """Fit one neuron on all blocks of rows; after a tenth of the passes, the best start continues."""
    blocks, fits = data.whole, range(single.STARTS)
    count = passes_of(blocks.n_rows, est.n_epochs)
    neurons = _neurons(est, data, fits)
    starts = Passes(neurons, blocks, count, est.seed_, saving.every)
    starts.last = starts.total // 10
    saving.follow("starts", starts).train()
    best = min(fits, key=lambda fit: neurons.loss(fit, data.validation))
    neuron = _neurons(est, data, [best])
    passes = Passes(neuron, blocks, count, est.seed_, saving.every)
    passes.load_state(starts.state_of(best))  # fresh arrays: a checkpoint keeps the starts
    history = saving.follow("stream", passes).train()
    (run,) = neuron.runs
    run.best_weights = run.average.copy()
    run.finish()
    if est.norm_penalty:
        prune(run.module, data.train, run.options)
    return _of_single(est, run, data, history, history[-1].validation_loss, len(history))


def _neurons(est: Any, data: Partition, fits: Sequence[int]) -> Neurons:
    """Return some of the starts of one neuron, with settings for the whole table."""
    begun = single.begun(est, data.train)
    runs = [begun[fit] for fit in fits]
    decay = single.decay_of(est, data.whole.n_rows, data.whole.weight, runs[0].module)
    for run in runs:
        run.options = replace(run.options, weight_decay=decay)
    return Neurons(runs, [est.seed_ + fit for fit in fits])


def _of_single(
    est: Any, run: Run, data: Partition, history: Sequence[Epoch], loss: float, last: int
) -> Fitted:
    """Return a trained neuron as a module in the target's unit."""
    module = single.in_unit(est, run.module, data.scale, data.center)
    rung = {**_rung(loss, single.parameters_of(module), last), "chosen": True}
    return Fitted(module, "single", est.encoder_.axes, (), [asdict(event) for event in history], [rung])


def fit_sums(est: Any, data: Partition, saving: Saving) -> Fitted:
    """Fit a sum of neurons on the simplest inputs that are as good as the best on held-out rows."""
    return _of_sum(est, _summed(est, data, saving), data)


def fit_like(est: Any, data: Partition, saving: Saving, like: Any) -> Fitted:
    """Fit a sum of neurons with the columns, knots and pairs of another model."""
    inputs = Inputs(like.encoder_.axes, like.encoder_.pairs, est._promises)
    return _of_sum(est, _summed(est, data, saving, inputs=inputs), data)


def fit_any(est: Any, data: Partition, saving: Saving) -> Fitted:
    """Fit the simplest form, one neuron or a sum, that is as good as the best on held-out rows."""

    def single_rung(splits: list[tuple[Any, Any]]) -> list[dict[str, Any]]:
        runs = [_held_out(est, data.table, kept, held) for kept, held in splits]
        weights = [float(data.table.weight[held].sum()) for _, held in splits]
        curve = np.average(_losses(runs), axis=0, weights=weights)
        return [_rung(float(curve.min()), single.parameters_of(runs[0].module), int(curve.argmin()) + 1)]

    fit = _summed(est, data, saving, simpler=single_rung)
    if fit.rung != SINGLE:
        return _of_sum(est, fit, data)
    own = saving if data.whole is not None else Saving(None, saving.every, None, saving.identity)
    fitted = fit_single(est, data, own)
    rungs = [{**rung, "chosen": rung["rung"] == SINGLE} for rung in fit.rungs]
    return Fitted(fitted.module, "single", fitted.axes, (), fitted.history, rungs)


def bytes_of_row(form: str, axes: Sequence[Axis], outputs: int, members: int) -> int:
    """Return the number of bytes per row in a fit, as measured with 10⁶ rows of 12 columns and two threads.

    One neuron stores coordinates and features. A sum stores coordinates, places and shares of inputs, and the
    initial eigenvalues of all fits that run side by side, one per thread.
    """
    side_by_side = max(2, min(allowed_threads(), members))
    single = 16 * len(axes) + 8 * sum(axis.n_features for axis in axes) + 50
    together = 16 * len(axes) + side_by_side * 4 * LANES * outputs + 220
    return {"single": single, "sum": together, "auto": max(single, together)}[form]


def check_room(form: str, n: int, axes: Sequence[Axis], outputs: int, members: int) -> None:
    """Raise MemoryError if a fit of n rows with these columns needs more memory than there is."""
    features = sum(axis.n_features for axis in axes)
    instead = ", or with fit_batches" if n > SAMPLE_ROWS else ""
    check_memory(
        n * bytes_of_row(form, axes, outputs, members),
        f"training on {n:,} rows × {features:,} features",
        f"train on fewer rows or columns{instead}",
    )


FITS: dict[str, Callable[[Any, Partition, Saving], Fitted]] = {
    "auto": fit_any,
    "single": fit_single,
    "sum": fit_sums,
}


def rungs_of(est: Any, rungs: list[dict[str, Any]], data: Partition) -> pd.DataFrame:
    """Return a table of the forms that were tried, with losses in the target's unit."""
    frame = pd.DataFrame(rungs)
    if est._loss == "squared":
        frame["loss"] = np.sqrt(frame["loss"]) * data.scale
    names = {"rung": "inputs", "loss": "held_out_loss"}
    frame.insert(0, "form", ["single" if rung == SINGLE else "sum" for rung in frame["rung"]])
    return frame.rename(columns=names)


def _rung(loss: float, parameters: int, last: int) -> dict[str, Any]:
    return {"rung": SINGLE, "loss": loss, "parameters": parameters, "epochs": last}


def _held_out(est: Any, table: EncodedRows, kept: Any, held: Any) -> Run:
    """Return a run of one neuron, validated on held-out rows.

    It is trained on at most :data:`TRIED_ROWS` rows, since one neuron hardly gains from more.
    """
    return single.trained(est, table.take(_few(est, kept)), table.take(held))


def _few(est: Any, kept: Any) -> Any:
    """Return at most :data:`TRIED_ROWS` of the rows."""
    if len(kept) <= TRIED_ROWS:
        return kept
    return np.random.default_rng(est.seed_).choice(kept, TRIED_ROWS, replace=False)


def _losses(runs: list[Run]) -> FloatArray:
    """Return the held-out loss of every run by epoch, (runs, epochs); finished runs keep their last loss."""
    curves = [[event.validation_loss for event in run.history] for run in runs]
    longest = max(map(len, curves))
    return np.array([curve + curve[-1:] * (longest - len(curve)) for curve in curves])


def _summed(est: Any, data: Partition, saving: Saving, **options: Any) -> SumFit:
    """Return the fitted sum, chosen on held-out rows of the table."""
    tape = saving.follow("tape", Tape(every=saving.every))
    with tqdm(unit="epoch", disable=None if est.verbose else True, leave=False) as bar:

        def show(name: str, epoch: int, last: int) -> None:
            bar.set_postfix_str(f"{name}: {epoch} of {last}", refresh=False)
            bar.update()

        tape.progress = show
        return fit_sum(
            data.table,
            loss=est._loss,
            groups=data.groups,
            seed=est.seed_,
            rungs=RUNGS,
            members=est.members,
            outputs=est.n_outputs,
            norm_penalty=est.norm_penalty,
            decay=est.alpha / ALPHA,
            promises=est._promises,
            tape=tape,
            trainer=None if data.whole is None else partial(_stream_members, est, data.whole, saving),
            **options,
        )


def _stream_members(
    est: Any, blocks: Blocks, saving: Saving, inputs: Inputs, options: SumOptions, seeds: Sequence[int]
) -> list[SumRun]:
    """Return the members of a sum, trained on all blocks of rows."""
    size = options_for(
        blocks.n_rows,
        loss=options.loss,
        dim=options.dim,
        outputs=options.outputs,
        norm_penalty=options.norm_penalty,
        decays={options.weight_decay: options.hat_decay},
    )
    members = Sums(inputs, size, seeds)
    passes = Passes(members, blocks, size.n_epochs, est.seed_, saving.every)
    history = saving.follow("stream", passes).train()
    for run in members.runs:
        run.history = list(history)
        if size.norm_penalty:
            run.prune()
    return members.runs


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
    """Return the coefficients in the target's unit, rounded so that they keep the promises."""
    entries = data.scale * fit.entries
    if not fit.promises:
        return entries
    members, rows, neurons, count = entries.shape
    together = entries.transpose(1, 0, 2, 3).reshape(rows, members * neurons, count)
    chains = [(part.features, part.sign) for part in fit.inputs.chains.parts]
    kept = lifted(together, chains, Tridiagonal((count + 1) // 2), _FLOATS[_dtype(data)])
    return kept.reshape(rows, members, neurons, count).transpose(1, 0, 2, 3)


def _dtype(data: Partition) -> torch.dtype:
    """Return float32, in which sums are trained, or float64 if the target's unit exceeds its range."""
    size = max(abs(data.center), data.scale)
    return torch.float32 if size < LARGE and data.scale > 1 / LARGE else torch.float64

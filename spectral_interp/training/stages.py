"""Stages around the training loop; each passes on its events and does one thing."""

from __future__ import annotations

import copy
import math
import reprlib
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from ..eigen.engine import allowed_threads
from ..files import artifact
from .loop import epochs, mean_loss
from .run import Epoch, Options, Rows, Run

LAST_CYCLE = 0.5
"""Length of the last cycle, on all rows, as a share of the epochs up to the best weights."""


def stop_early(events: Iterable[Epoch], run: Run, *, patience: int) -> Iterator[Epoch]:
    """Pass on events until the validation loss has not improved for ``patience`` epochs."""
    while len(run.history) - run.best_epoch < patience and (event := next(iter(events), None)):
        yield event


def join_validation(events: Iterable[Epoch], run: Run, rows: Rows) -> Iterator[Epoch]:
    """Pass on events, then those of one more cycle on all rows, which starts from the best weights.

    Once the epoch is chosen, the validation rows are more useful for training. The history does not include
    this cycle.
    """
    yield from events
    last = run.again(math.ceil(LAST_CYCLE * run.best_epoch), n_rows=rows.shape[0])
    yield from epochs(last, rows, rows)
    run.best_weights = last.best_weights


def save_checkpoints(
    events: Iterable[Epoch], run: Run, path: Path, *, every: int, identity: dict[str, Any]
) -> Iterator[Epoch]:
    """Pass on events and write the run's state to ``path`` every ``every`` epochs and at the end.

    ``identity`` describes the fit and its table; :func:`resume` compares it.
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
        If the file is not a checkpoint, or belongs to another table, other options or another seed; the
        message names the difference.
    """
    state = identified(path, identity, "run")
    try:
        run.load_state(state["run"])
    except (ValueError, RuntimeError) as error:  # the latter from torch's generator
        raise artifact.damaged(path, artifact.CHECKPOINT, error) from error
    return run


def identified(path: Path, identity: dict[str, Any], *parts: str) -> dict[str, Any]:
    """Return the state in a checkpoint, which must hold at least one of ``parts``, such as "run".

    Raises
    ------
    ValueError
        If the file is not a checkpoint, or belongs to another table, other options or another seed (the
        message names the difference), or holds none of the parts.
    """
    state = artifact.read(path, kind=artifact.CHECKPOINT)
    for key, value in identity.items():
        if (found := state["identity"].get(key)) != value:
            raise ValueError(
                f"expected the {key} of this run in the checkpoint {path}; got {_difference(found, value)}; "
                "start without the checkpoint"
            )
    if not state.keys() & set(parts):
        raise ValueError(
            f"expected a checkpoint of this form in {path}; got one of another form; start without it"
        )
    return state


def _difference(found: Any, value: Any) -> str:
    """Describe the difference between values in a checkpoint and in a fit; of options, those that differ."""
    if not (isinstance(found, dict) and isinstance(value, dict)):
        return f"{reprlib.repr(found)} instead of {value!r}"
    names = sorted(name for name in found.keys() | value.keys() if found.get(name) != value.get(name))
    return ", ".join(f"{name} {found.get(name)!r} instead of {value.get(name)!r}" for name in names)


def show_progress(events: Iterable[Epoch], run: Run) -> Iterator[Epoch]:
    """Pass on events and show a progress bar if stderr is a terminal."""
    total, begun = run.options.n_epochs, len(run.history)
    with tqdm(total=total, initial=begun, unit="epoch", disable=None, leave=False) as bar:
        for event in events:
            bar.set_postfix(loss=f"{event.train_loss:.4g}", validation=f"{event.validation_loss:.4g}")
            bar.update()
            yield event


def prune(module: nn.Module, rows: Rows, options: Options) -> None:
    """Set features to zero, weakest first, wherever that does not raise ``mean loss + α Σ ‖A_i‖₂``.

    Gradient steps shrink the norms of useless features but leave them fluctuating around zero. This last step
    sets them to zero, and it never increases the objective.
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


class StateError(ValueError):
    """A recorded state does not belong to the fit."""


class _StoppedError(Exception):
    """A fit stops because another one has failed."""


@dataclass
class Tape:
    """Recorded results of the fits of a recipe; a recipe that is played again reuses them, bit for bit.

    Attributes
    ----------
    every : int
        Epochs between recordings of the state of a running fit, which are made only with ``changed``.
    changed : callable, optional
        Called after every recording, by one thread at a time, to write :meth:`state` to a file.
    progress : callable, optional
        Called after every epoch with the name of a fit, the epoch and the number of epochs.
    finished, running : dict of str to dict
        Results and states of fits, by their names.
    """

    every: int = 10
    changed: Callable[[], None] | None = None
    progress: Callable[[str, int, int], None] | None = None
    finished: dict[str, dict[str, Any]] = field(default_factory=dict)
    running: dict[str, dict[str, Any]] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.RLock, repr=False)
    _stopped: bool = False

    def play(self, name: str, run: Any, held: Any = None) -> Any:
        """Train a fit to its end, or restore its recorded result, and return it.

        Raises
        ------
        StateError
            If the recorded state belongs to another fit.
        FloatingPointError
            If a loss is not finite.
        """
        with self._lock:
            result, state = self.finished.get(name), self.running.get(name)
        if result is not None and held is None and "average" not in result:
            raise StateError(f"expected the weights of the fit {name!r}; got none")
        try:
            if result is not None:
                run.finish(result)
                return run
            if state is not None:
                run.load_state(state)
        except ValueError as error:
            raise StateError(f"fit {name!r}: {error}") from error
        for event in run.epochs(held):
            self._note(name, run, event)
        if run.options.norm_penalty:
            run.prune()
        with self._lock:
            self.running.pop(name, None)
            self.finished[name] = run.result(weights=held is None)
            self._tell()
        return run

    def _note(self, name: str, run: Any, event: Epoch) -> None:
        with self._lock:
            self._check()
            if self.progress is not None:
                self.progress(name, event.epoch, run.options.stop)
            recorded = self.changed is not None and event.epoch % self.every == 0
            if recorded and event.epoch < run.options.stop:
                self.running[name] = run.state()
                self._tell()

    def _tell(self) -> None:
        if self.changed is not None:
            self.changed()

    def side_by_side(self, function: Callable[[Any], Any], jobs: Iterable[Any]) -> list[Any]:
        """Run jobs in threads and return their results in order; if one fails, the others stop."""

        def guarded(job: Any) -> Any:
            self._check()
            try:
                return function(job)
            except BaseException:
                self._stopped = True
                raise

        jobs = list(jobs)
        try:
            with ThreadPoolExecutor(max(1, min(allowed_threads(), len(jobs)))) as pool:
                futures = [pool.submit(guarded, job) for job in jobs]
                try:
                    wait(futures)
                except BaseException:  # the user's Ctrl-C
                    self._stopped = True
                    raise
        finally:
            self._stopped = False
        errors = [error for future in futures if (error := future.exception()) is not None]
        for error in sorted(errors, key=lambda error: isinstance(error, _StoppedError)):
            raise error
        return [future.result() for future in futures]

    def _check(self) -> None:
        if self._stopped:
            raise _StoppedError

    def state(self) -> dict[str, Any]:
        """Return tensors and plain values from which :meth:`load_state` continues."""
        with self._lock:
            return {"finished": dict(self.finished), "running": dict(self.running)}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from a :meth:`state`."""
        self.finished, self.running = dict(state["finished"]), dict(state["running"])

"""Stages around the training loop: each passes its events on and does one thing."""

from __future__ import annotations

import copy
import reprlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from ..files import artifact
from .loop import mean_loss
from .run import Epoch, Options, Run, TrainingRows


def stop_early(events: Iterable[Epoch], run: Run, *, patience: int) -> Iterator[Epoch]:
    """Pass events on until the validation loss has not improved for ``patience`` epochs."""
    while len(run.history) - run.best_epoch < patience and (event := next(iter(events), None)):
        yield event


def save_checkpoints(
    events: Iterable[Epoch], run: Run, path: Path, *, every: int, identity: dict[str, Any]
) -> Iterator[Epoch]:
    """Pass events on and write the run's state to ``path`` every ``every`` epochs and at the end.

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
    state = identified(path, identity, "run")
    try:
        run.load_state(state)
    except (ValueError, RuntimeError) as error:  # torch's, of the generator
        raise artifact.damaged(path, artifact.CHECKPOINT, error) from error
    return run


def identified(path: Path, identity: dict[str, Any], part: str) -> dict[str, Any]:
    """Return the part "run" or "tape" of a checkpoint.

    Raises
    ------
    ValueError
        If the file is no checkpoint, or one of another table, other options or another seed (named), or holds
        no such part.
    """
    state = artifact.read(path, kind=artifact.CHECKPOINT)
    for key, value in identity.items():
        if state["identity"].get(key) != value:
            raise ValueError(
                f"expected a checkpoint of the same run in {path}; got another {key}: "
                f"{reprlib.repr(state['identity'].get(key))} instead of {value!r}; start without it"
            )
    if part not in state:
        raise ValueError(f"expected a checkpoint of the same form in {path}; got another; start without it")
    found: dict[str, Any] = state[part]
    return found


def show_progress(events: Iterable[Epoch], run: Run) -> Iterator[Epoch]:
    """Pass events on under a progress bar; quiet where stderr is not a terminal."""
    total, begun = run.options.n_epochs, len(run.history)
    with tqdm(total=total, initial=begun, unit="epoch", disable=None, leave=False) as bar:
        for event in events:
            bar.set_postfix(loss=f"{event.train_loss:.4g}", validation=f"{event.validation_loss:.4g}")
            bar.update()
            yield event


def prune(module: nn.Module, rows: TrainingRows, options: Options) -> None:
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

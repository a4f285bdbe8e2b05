"""The training of a module: run, loop, stages, partition.

A :class:`~spectral_interp.training.run.Run` holds everything that training changes, so that a checkpoint is
its state and a resumed run takes up where it stopped. ``epochs(run, …)`` trains; ``stop_early``,
``join_validation``, ``save_checkpoints`` and ``show_progress`` pass its events on and do one thing each; the
estimators' ``fit`` puts them together.

The sum form has its own: ``neurons`` are the kernels, a ``sums.SumRun`` is one fit, and ``selection.fit_sum``
is the recipe that chooses the inputs and trains the members, every fit recorded on a ``stages.Tape``;
``chains`` are what keeps the promises of columns.
"""

from .loop import LOSSES, best_start, epochs, mean_loss
from .run import Epoch, Options, Run, TrainingRows, adamw, one_cycle
from .stages import join_validation, prune, resume, save_checkpoints, show_progress, stop_early

__all__ = [
    "LOSSES",
    "Epoch",
    "Options",
    "Run",
    "TrainingRows",
    "adamw",
    "best_start",
    "epochs",
    "join_validation",
    "mean_loss",
    "one_cycle",
    "prune",
    "resume",
    "save_checkpoints",
    "show_progress",
    "stop_early",
]

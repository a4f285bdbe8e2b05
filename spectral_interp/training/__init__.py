"""Training of models: runs, the loop, stages and partitions.

A :class:`~spectral_interp.training.run.Run` holds everything that training changes, so a checkpoint is its
state, and a resumed run continues where it stopped. ``epochs(run, …)`` trains; ``stop_early``,
``join_validation``, ``save_checkpoints`` and ``show_progress`` pass on its events and do one thing each; the
estimators' ``fit`` combines them.

The sum form has its own modules. ``neurons`` has the kernels, a ``sums.SumRun`` is one fit, and
``selection.fit_sum`` is the recipe that chooses the inputs and trains the members; it records every fit on a
``stages.Tape``. ``chains`` keeps the promises about columns.
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

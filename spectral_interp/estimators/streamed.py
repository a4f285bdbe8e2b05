"""Fitting on tables that are larger than memory."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .._common.messages import Found, Totals, warn_of
from ..streams import Source
from ..streams.blocks import Blocks, Encoded, check_own, own_folder, rows_of_block, write_blocks
from ..streams.sample import Drawn, Part, Roles, draw
from ..tables.encoder import TableEncoder
from ..training.partition import Partition
from ..training.run import EncodedRows
from .forms import Saving, check_saving
from .validation import check_parameters, made_by

STORED_ROWS = 1_000
"""Maximum number of held-out rows stored with a model."""


class FitsBatches:
    """An estimator that can be fitted on a table that is read in batches."""

    def fit_batches(
        self: Any,
        source: Any,
        *,
        target: str,
        weight: str | None = None,
        checkpoint: str | Path | None = None,
        every: int = 10,
        resume: str | Path | None = None,
        scratch: str | Path | None = None,
    ) -> Any:
        """Fit encoder and model on a table that need not fit into memory.

        The first pass draws 100,000 different rows by their hashes, on which the encoding, the form, knots
        and pairs are chosen. A tenth of all different rows, at most 50,000, is held out and not used for any
        choice. The second pass encodes the other rows and distributes them by their hashes to files in
        ``scratch``, with 8 bytes per column and 24 bytes per row. At least five passes over these files train
        the model. One neuron has three starts; after a tenth of the passes, only the best one continues. The
        result depends on the content of the rows, not on their order or the size of batches, except for
        rounding in sums of fractional weights of repeated rows. A table of at most 100,000 rows is fitted as
        in :meth:`fit`.

        Parameters
        ----------
        source : str, Path, list of these, DataFrame, table, Dataset, iterable or callable
            Path of a Parquet or CSV file, or of a folder of these; or batches that can be read twice: see
            :meth:`spectral_interp.streams.Source.of`.
        target : str
            Column to predict.
        weight : str, optional
            Column of row weights.
        checkpoint : str or Path, optional
            File to which training writes its state.
        every : int
            Epochs on the sample, or files of at most 131,072 rows, between checkpoints.
        resume : str or Path, optional
            Checkpoint of the same fit to continue from; the result is the same, bit for bit.
        scratch : str or Path, optional
            Folder for the encoded rows, which is created if necessary and kept. By default, a folder next to
            ``checkpoint``, or that of the fit to ``resume``, or else one in the system's folder for temporary
            files; it is removed after the fit.

        Returns
        -------
        self
            ``heldout_`` has up to 1,000 of the held-out rows, and ``history_`` the losses of every pass.

        Raises
        ------
        TypeError, ValueError
            As in :meth:`fit`; or if files or batches change while they are read, batches can be read only
            once, the sample lacks a class, or ``scratch`` holds anything else.
        OSError
            If files cannot be read or written.

        Warns
        -----
        UserWarning
            If rows have no target, or contain values that the sample does not.

        Examples
        --------
        >>> import pandas as pd
        >>> from spectral_interp import SpectralRegressor
        >>> table = pd.DataFrame({"x": np.arange(40.0), "y": np.arange(40.0) ** 2})
        >>> est = SpectralRegressor(form="single", dim=3, n_epochs=2, random_state=0)
        >>> est.fit_batches(table, target="y").predict(table[["x"]]).shape
        (40,)
        """
        check_parameters(self)
        check_saving(every, resume)
        if scratch is not None:
            check_own(Path(scratch))
        source, roles = Source.of(source), self.roles(target, weight)
        return self.fit_drawn(
            source,
            roles,
            draw_from(source, roles),
            checkpoint=checkpoint,
            every=every,
            resume=resume,
            scratch=scratch,
        )

    def roles(self: Any, target: str, weight: str | None = None) -> Roles:
        """Return the roles of the columns of a table to fit."""
        return Roles(target, weight, tuple(self.drop or ()), tuple(self.na_values or ()))

    def fit_drawn(
        self: Any,
        source: Source,
        roles: Roles,
        drawn: Drawn | Part,
        *,
        checkpoint: str | Path | None = None,
        every: int = 10,
        resume: str | Path | None = None,
        scratch: str | Path | None = None,
    ) -> Any:
        """Fit as :meth:`fit_batches` does, after the first pass over the source."""
        if isinstance(drawn, Part):
            weight = None if roles.weight is None else drawn.weight
            saving = {"checkpoint": checkpoint, "every": every, "resume": resume}
            return self.fit(drawn.frame, drawn.targets, weight, **saving)
        self.target_name_ = roles.target
        frame, y, names = self._checked(drawn.sample.frame, drawn.sample.targets)
        table = frame, self._encode_targets(np.asarray(y)), drawn.sample.weight
        with _folder(scratch, checkpoint, resume) as folder:
            data = self._prepared(*table, names)
            data = replace(data, whole=_blocks(self, source, roles, drawn, folder, data))
            self._trained(data, made_by(data.whole.n_dealt), partial(Saving, checkpoint, every, resume))
        held = drawn.held.take(slice(STORED_ROWS))
        self.heldout_ = held.frame, held.targets
        return self


def draw_from(source: Source, roles: Roles) -> Drawn | Part:
    """Return the rows drawn in a first pass over a source; ValueError if it cannot be read again."""
    if source.one_pass:
        raise ValueError(
            f"expected rows that can be read twice; got {source.name}; pass a callable that returns a new "
            "iterator"
        )
    return draw(source.frames(), roles, source.name)


@contextmanager
def _folder(scratch: Any, checkpoint: Any, resume: Any) -> Iterator[Path]:
    """Provide a folder for encoded rows within the context."""
    with ExitStack() as stack:
        if scratch is not None:
            folder = Path(scratch)
        elif checkpoint is not None:
            folder = Path(f"{checkpoint}-rows")
        elif resume is not None and Path(f"{resume}-rows").is_dir():
            folder = Path(f"{resume}-rows")
        else:
            folder = (
                Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="spectral-interp-"))) / "rows"
            )
        yield stack.enter_context(own_folder(folder, stays=scratch is not None))


def _blocks(est: Any, source: Source, roles: Roles, drawn: Drawn, folder: Path, data: Partition) -> Blocks:
    """Return all rows except those held out, encoded in files of a folder."""
    encoder: TableEncoder = est.encoder_.plain
    size = rows_of_block(len(encoder.feature_names), len(encoder.axes))
    n_blocks = math.ceil(drawn.n_rows / size)
    what = drawn.digest, roles, encoder.state(), n_blocks, int(drawn.first_held)
    identity = hashlib.sha256(repr(what).encode()).hexdigest()
    files = write_blocks(
        folder, _encoded(est, encoder, source, roles, drawn), encoder.axes, n_blocks, identity
    )
    return Blocks(
        folder,
        files["identity"],
        axes=encoder.axes,
        center=data.center,
        scale=data.scale,
        sizes=tuple(files["sizes"]),
        weight=files["weight"],
        n_dealt=files["n_dealt"],
        held=_held(est, encoder, drawn, data),
        verbose=est.verbose,
    )


def _encoded(
    est: Any, encoder: TableEncoder, source: Source, roles: Roles, drawn: Drawn
) -> Iterator[Encoded]:
    """Yield the training rows by frame, and warn at the end about values that the sample lacks."""
    totals, digest = Totals(), 0
    for frame in source.frames():
        part = roles.part(frame, source.name)
        digest += part.digest
        part = part.take(np.flatnonzero(part.keys < drawn.first_held))
        notes: list[Found] = []
        u = encoder.coordinates(encoder.select(part.frame), quiet=True, notes=notes)
        totals.add(notes)
        yield part.keys, u, _targets(est, part, drawn), part.weight
    if digest % 2**64 != drawn.digest:
        raise ValueError(
            f"expected the same rows in every pass over {source.name}; got different rows; pass batches that "
            "do not change"
        )
    warn_of([f"beyond the sample, {sentence}" for sentence in totals.sentences()])


def _held(est: Any, encoder: TableEncoder, drawn: Drawn, data: Partition) -> EncodedRows:
    """Return the held-out rows, encoded."""
    u = encoder.coordinates(encoder.select(drawn.held.frame), quiet=True)
    y = (_targets(est, drawn.held, drawn) - data.center) / data.scale
    return EncodedRows(encoder.axes, u, y, drawn.held.weight)


def _targets(est: Any, part: Part, drawn: Drawn) -> Any:
    """Return the targets of rows; ValueError for classes that are not in the sample."""
    try:
        return est.encode_targets(part.targets)
    except ValueError as error:
        if not hasattr(est, "classes_"):
            raise
        raise ValueError(
            f"{error}; the model is chosen on a sample of {len(drawn.sample.keys):,} rows without "
            "this class; leave its rows out"
        ) from error

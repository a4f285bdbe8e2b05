"""Explanations and predictions of tables of any size, batch by batch in bounded memory."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from .._common.arrays import FloatArray
from .._common.caching import cached_property
from .._common.messages import shown
from .._common.text import class_text
from ..attribution.explain import explain
from ..attribution.result import Attribution
from ..certificates.bounds import Certificate
from ..certificates.certify import certify, certify_rows
from ..pencil import SpectralFunction
from ..view import Rows, rows_of
from ..view.rows import labels_of
from .inputs import TOGETHER, Findings, frames_of, split_kept
from .portable import Portable, portable
from .summaries import Summary

METHODS = "local", "shapley"
"""Methods whose results do not depend on how rows are divided into batches."""

METADATA = b"spectral_interp"
"""Key in a schema's metadata of the description of the numbers, as JSON."""

Values = dict[str, Any]
"""Values (n,) of every field of a result, by field name."""


def explain_batches(
    model: Any,
    batches: Any,
    *,
    method: str = "local",
    background: Any = None,
    output: Any = None,
    against: Any = None,
    exact: bool | None = None,
    random_state: int = 0,
    flip_radius: bool = False,
    linear_radius: float | None = None,
    keep: Sequence[str] = (),
    summary: Summary | None = None,
) -> Iterator[pa.RecordBatch]:
    """Explain the predictions of a model batch by batch, in memory bounded by the batch size.

    The result of a row equals that of :func:`spectral_interp.explain` for any order and size of batches.

    Parameters
    ----------
    model : fitted estimator, Pencil or DensePencil, pipeline or search, or Portable
        To send a model to other processes, see :func:`spectral_interp.portable`.
    batches : iterable of RecordBatch or DataFrame, or a source
        Batches of any number of rows, including zero. Or a source that is read 50,000 rows at a time: the
        path of a Parquet or CSV file or of a folder of these, a table, a ``pyarrow.dataset.Dataset`` or a
        :class:`~spectral_interp.streams.Source`.
    method : {"local", "shapley"}
        "path" is not available: its tolerance depends on the predictions of all rows.
    background, output, against, exact
        As in :func:`spectral_interp.explain`.
    random_state : int
        Seed of the orders that sampled Shapley values of all rows share.
    flip_radius : bool
        Whether to add the certified radius within which a row's class stays the same. Only for classes; with
        more than two, ``output`` and ``against`` are required.
    linear_radius : float, optional
        An error, > 0, in the prediction's unit. Adds the certified radius within which the error of a row's
        tangent plane is at most this.
    keep : sequence of str
        Columns to copy to the results, such as an identifier or the target. Other columns that the model does
        not know raise an error.
    summary : Summary, optional
        ``Summary.of(model)``, or a summary of earlier batches. Every batch is added to it before it is
        yielded.

    Yields
    ------
    RecordBatch
        One for every batch, with the same schema; its metadata under ``spectral_interp`` describe the
        explained output and its unit. There is one line per row: ``row``, its label, integer or text (the
        index of a DataFrame, else the number of the row in the stream, from 0); the columns of ``keep``; for
        classes, ``class``, the predicted class, ``probability_CLASS`` for each, and, with more than two,
        ``output`` and ``against``, the classes whose log-odds are explained; ``prediction`` and
        ``base_value``, float64; ``contribution_COLUMN`` for each column, float64, whose sum is the difference
        of the two; ``degenerate``, bool; ``standard_error_COLUMN`` for sampled values; ``flip_radius`` and
        ``linear_radius`` on request.

    Raises
    ------
    TypeError, ValueError
        At the call, if ``model`` or an option cannot be used; during iteration, if a batch does not fit the
        model, or if its row labels or kept columns differ in type from those of the first batch.

    Warns
    -----
    UserWarning
        At the end: once for every column with values that the model does not know, with the number of rows;
        and once for degenerate rows.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> pencil = Pencil(diag=[[0.0], [2.0], [-1.0]], off=[[], [], []], k=0)
    >>> batches = [pa.RecordBatch.from_pydict({"z0": [3.0, 1.0], "z1": [4.0, 0.0]})]
    >>> [batch["contribution_z0"].to_pylist() for batch in explain_batches(pencil, batches)]
    [[6.0, 2.0]]
    """
    if method not in METHODS:
        why = "; the tolerance of 'path' depends on all rows; call explain" if method == "path" else ""
        raise ValueError(f"expected method to be one of {', '.join(METHODS)}; got {method!r}{why}")
    if method != "shapley" and exact is not None:
        raise ValueError(f"expected exact only with method='shapley'; got {method!r}")
    if not isinstance(random_state, int | np.integer):
        raise ValueError(
            f"expected random_state to be an integer, the seed of all batches; got {random_state!r}"
        )
    if linear_radius is not None and not 0 < linear_radius < np.inf:
        raise ValueError(
            f"expected linear_radius > 0, an error in the prediction's unit; got {linear_radius!r}"
        )
    options = {"method": method, "background": background, "output": output, "against": against}
    options |= {"exact": exact, "random_state": int(random_state)} if method == "shapley" else {}
    work = Explaining(portable(model), options, flip_radius=flip_radius, linear_radius=linear_radius)
    work.summary = summary
    return results(work, batches, keep)


def predict_batches(model: Any, batches: Any, *, keep: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
    """Predict batch by batch, in memory bounded by the batch size.

    Parameters
    ----------
    model, batches, keep
        As in :func:`explain_batches`.

    Yields
    ------
    RecordBatch
        One for every batch, with the same schema: ``row``, the columns of ``keep``, and ``prediction``,
        float64, in the target's unit. For classes, ``class`` and ``probability_CLASS`` for each replace it,
        as returned by ``predict`` and ``predict_proba``.

    Raises
    ------
    TypeError, ValueError
        As in :func:`explain_batches`.

    Warns
    -----
    UserWarning
        At the end, once for every column with values that the model does not know.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> pencil = Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0)
    >>> (batch,) = predict_batches(pencil, [pd.DataFrame({"z0": [3.0]})])
    >>> batch["prediction"].to_numpy().round(12)
    array([6.])
    """
    return results(Predicting(portable(model)), batches, keep)


class Predicting:
    """Predictions of rows.

    Attributes
    ----------
    model : Portable
    meaning : dict
        Description of the numbers, as plain values.
    """

    def __init__(self, model: Portable) -> None:
        self.model = model
        self.meaning: dict[str, Any] = {"unit": model.view().output.unit}

    def values(self, rows: Rows, findings: Findings) -> Values:
        """Return the fields of rows."""
        return self.classes(rows.prediction) or {"prediction": rows.prediction}

    def classes(self, prediction: FloatArray) -> Values:
        """Return the predicted class and the probabilities of all classes; empty for numbers."""
        model = self.model
        if not model.classes:
            return {}
        shares, labels = model.probabilities(prediction), np.array(model.classes, dtype=object)
        found: Values = {"class": labels[model.decided(prediction)]}
        return found | {f"probability_{class_text(c)}": shares[:, i] for i, c in enumerate(model.classes)}


class Explaining(Predicting):
    """Explanations of rows.

    Attributes
    ----------
    summary : Summary or None
        All explained rows are added to it.
    """

    def __init__(
        self, model: Portable, options: dict[str, Any], *, flip_radius: bool, linear_radius: float | None
    ) -> None:
        super().__init__(model)
        self.summary: Summary | None = None
        self._options, self._flip, self._linear = options, flip_radius, linear_radius
        if options["background"] is not None:
            options["background"] = rows_of(model, options["background"])
        nothing = self._explained(rows_of(model, None))  # raises if options do not fit the model
        self.meaning = {"unit": nothing.unit, "method": nothing.method, "background": nothing.background}
        self.meaning["columns"] = list(nothing.columns)
        if flip_radius and not self._certificate.view.output.decides:
            raise ValueError(
                "expected flip_radius only for log-odds between two classes; got "
                f"{self._certificate.view.output.unit}; with more than two classes, pass output and against"
            )

    def _explained(self, rows: Rows) -> Attribution:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # degenerate rows are counted over all batches
            return explain(self.model, rows, **self._options)

    @cached_property
    def _certificate(self) -> Certificate:
        outputs = {name: self._options[name] for name in ("output", "against")}
        return certify(self.model, **outputs)

    def values(self, rows: Rows, findings: Findings) -> Values:
        """Return the fields of rows."""
        found = self._explained(rows)
        findings.degenerate += int(found.degenerate.sum())
        values = self.classes(found.prediction if self._of_positive else rows.prediction)
        if found.output is not None and found.against is not None:
            values |= {"output": found.output, "against": found.against}
        values |= {"prediction": found.prediction, "base_value": found.base_values}
        values |= _by_column("contribution", found.columns, found.values)
        values["degenerate"] = found.degenerate
        if found.standard_error is not None:
            values |= _by_column("standard_error", found.columns, found.standard_error)
        if self._flip:
            values["flip_radius"] = self._radii(rows, lambda certificate: certificate.flip_radius)
        if self._linear is not None:
            eps = self._linear
            values["linear_radius"] = self._radii(rows, lambda certificate: certificate.linear_radius(eps))
        if self.summary is not None:
            self.summary.add(rows, found, values.get("flip_radius"))
        return values

    @property
    def _of_positive(self) -> bool:
        """Whether the explained output is the model's prediction."""
        return self._options["output"] is None and isinstance(self.model.view().function, SpectralFunction)

    def _radii(self, rows: Rows, radius: Callable[[Certificate], FloatArray]) -> FloatArray:
        """Return a certified radius of rows (n,), from a bounded number of features at a time."""
        view = self._certificate.view
        own, together = Rows(view, rows.encoded, rows.data, rows.labels), view.rows_together
        parts = (own.take(slice(at, at + together)) for at in range(0, max(len(rows), 1), together))
        return np.concatenate([radius(certify_rows(self._certificate, part)) for part in parts])


def _by_column(what: str, columns: Sequence[str], values: FloatArray) -> Values:
    return {f"{what}_{name}": values[:, place] for place, name in enumerate(columns)}


def results(work: Predicting, batches: Any, keep: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Return an iterator over the results of batches that warns at its end."""
    made = Results(work, keep)
    return _one_by_one(made, frames_of(batches))


def _one_by_one(made: Results, frames: Iterator[pd.DataFrame]) -> Iterator[pa.RecordBatch]:
    try:
        for frame in frames:
            yield made.of(frame)
    finally:
        made.findings.warn()


class Results:
    """Conversion of tables' results to record batches of one schema.

    Attributes
    ----------
    work : Predicting
    findings : Findings
        Values unknown to the model, over all tables.
    schema : Schema or None
        Schema of the first batch.

    Raises
    ------
    TypeError
        If ``keep`` is a single text.
    """

    def __init__(self, work: Predicting, keep: Sequence[str]) -> None:
        if isinstance(keep, str):
            raise TypeError(
                f"expected keep to be a list of column names; got the text {keep!r}; write [{keep!r}]"
            )
        encoder = work.model.encoder
        self.work, self.findings, self.schema = work, Findings(), None
        self._keep, self._known = list(keep), () if encoder is None else encoder.table_names

    def of(self, frame: pd.DataFrame) -> pa.RecordBatch:
        """Return the results of the rows of a table, (n, columns)."""
        own, kept = split_kept(frame, self._keep, self._known)
        starts = range(0, max(len(frame), 1), TOGETHER)
        parts = [self._values(own.iloc[at : at + TOGETHER]) for at in starts]
        found = {"row": _labels(frame.index)}
        for name in parts[0]:
            found[name] = _array(self.work.model, np.concatenate([part[name] for part in parts]))
        if alike := [shown(name) for name in self._keep if name in found]:
            raise ValueError(
                f"expected columns to keep with other names than the results; got {alike[0]}; rename it"
            )
        columns = {"row": found.pop("row"), **{name: pa.array(kept[name]) for name in self._keep}, **found}
        batch = pa.RecordBatch.from_pydict(columns)
        self.schema = self.schema or _schema(batch.schema, self.work.meaning)
        return _fitted(batch, self.schema)

    def _values(self, frame: pd.DataFrame) -> Values:
        rows = self.work.model.encoded(frame)
        self.findings.add(rows.unknown)
        self.findings.rows += len(rows)
        return self.work.values(rows, self.findings)


def _labels(index: pd.Index) -> pa.Array:
    if index.dtype.kind in "iu":
        return pa.array(index.to_numpy(dtype=np.int64))
    labels, _ = labels_of(index.to_frame(), len(index))
    return pa.array([str(label) for label in labels], pa.string())


def _array(model: Portable, values: npt.NDArray[Any]) -> pa.Array:
    """Return an array of numbers or of classes."""
    if values.dtype.kind == "O":
        return pa.array(values.tolist(), pa.array(list(model.classes)).type)
    return pa.array(np.ascontiguousarray(values))


def _schema(first: pa.Schema, meaning: dict[str, Any]) -> pa.Schema:
    """Return the schema of all batches, from that of the first batch."""
    fields = [field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in first]
    return pa.schema(fields, {METADATA: json.dumps(meaning)})


def _fitted(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return a batch with the types of the first batch."""
    columns = []
    for column, field in zip(batch.columns, schema, strict=True):
        try:
            columns.append(column if column.type == field.type else column.cast(field.type))
        except pa.ArrowException as error:
            raise ValueError(
                f"expected {field.type} in column {shown(field.name)}, as in the first batch; got "
                f"{column.type}; give this column the same type in all batches"
            ) from error
    return pa.RecordBatch.from_arrays(columns, schema=schema)

"""The result of every attribution method, and of :func:`explain`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray, IntArray
from .._common.caching import cached_property
from .._common.markup import block, sentences, table, waterfall
from .._common.text import class_text, counted, number, row_text, value_text
from ..view import Axis, DateAxis, Rows
from ..view.dates import as_dates, dates_of, days_of
from ..view.levels import text_of
from ..view.model import log_odds
from .changes import Parts

if TYPE_CHECKING:
    import pandas as pd
    import shap


SHOWN = 5
"""Number of columns in the table that notebooks show; the others are added up."""

Detail = Callable[[str], FloatArray | None]
"""Computes "by_entry", "weights", "intervals" or "of_members", an array (n, …); None if not available."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Attribution(Parts):
    """Contributions of the columns to each prediction, ``prediction = base_values + Σ values``.

    Attributes
    ----------
    values : ndarray, shape (n, c)
        Contribution of every column, in ``unit``.
    base_values : ndarray, shape (n,)
    prediction : ndarray, shape (n,)
        f at the rows, computed independently of the contributions.
    diagonal, coupling : ndarray, shape (n, c), or None
        The parts of ``values`` that come from the diagonals and from the couplings of the matrices. Where
        ``pencil.split_depends_on_basis`` (two latents; three and one feature; dense matrices) another basis
        of the latents gives the same predictions and another split; only the sum is unique then.
    base_diagonal, base_coupling : ndarray, shape (n,), or None
        The same parts of ``base_values`` (method "local" only).
    standard_error : ndarray, shape (n, c), or None
        Standard errors of sampled values; None if values are exact.
    degenerate : ndarray of bool, shape (n,)
        Rows whose eigenvalue is multiple to 1e-8: f may have no unique slope there. Local contributions may
        then be one choice of several; see :meth:`intervals`. Path contributions are one choice of several
        only if a stretch of a path is degenerate and the choice matters by more than the tolerance; these
        rows are flagged too, with a warning.
    columns : tuple of str, length c
    data : ndarray, shape (n, c)
        The rows in the user's units.
    rows : ndarray, shape (n,)
        Row labels: the index of the table, or row numbers.
    method, unit : str
    evaluations : int
        Number of eigenvalues or eigenpairs computed.
    background : str
        Description of the background that contributions are measured against.
    refit_deviation : ndarray, shape (n, c), or None
        Standard deviation of every contribution over the members of the model, the fits that it averages. It
        shows how much a contribution depends on the fit. None for models of one fit.
    of_members : ndarray, shape (n, c, members), or None
        Contributions of every member, if the method keeps them; see :meth:`by_member`.
    output, against : ndarray, shape (n,), or None
        For a model of several classes: the class explained in each row, and the class that its log-odds are
        measured against (None: the mean of all classes).
    probability : ndarray, shape (n,), or None
        If log-odds are explained: the predicted probability of their class among all classes.
    target : str
        Name of the target of a model of several classes.
    axes : tuple of Axis, length c
        The columns as the model sees them; empty if not known.
    detail : callable or None
        Computes further results by name, on demand; see :meth:`by_latent`, :meth:`latent_weights`,
        :meth:`intervals` and :meth:`by_member`.

    Examples
    --------
    >>> from spectral_interp import Pencil, explain
    >>> pencil = Pencil(diag=[[0.0, 1.0], [1.0, 2.0]], off=[[0.0], [0.5]], k=1)
    >>> att = explain(pencil, [[1.0], [2.0]])
    >>> bool(att.completeness_gap.max() < 1e-14)
    True
    """

    columns: tuple[str, ...]
    data: npt.NDArray[Any]
    rows: npt.NDArray[Any]
    method: str
    unit: str
    background: str = ""
    axes: tuple[Axis, ...] = ()
    detail: Detail | None = None
    output: npt.NDArray[Any] | None = None
    against: npt.NDArray[Any] | None = None
    probability: FloatArray | None = None
    target: str = ""

    @classmethod
    def of(
        cls,
        parts: Parts,
        rows: Rows,
        *,
        method: str,
        background: str,
        detail: Detail | None = None,
        **classes: Any,
    ) -> Self:
        """Return the attribution of some rows from the parts that a method computed."""
        return cls(
            **vars(parts),
            columns=rows.view.columns,
            data=rows.data,
            rows=rows.labels,
            method=method,
            unit=rows.view.output.unit,
            background=background,
            axes=rows.view.axes,
            detail=detail,
            target=rows.view.output.target,
            **classes,
        )

    @classmethod
    def joined(cls, parts: Sequence[Self], places: Sequence[IntArray], unit: str) -> Self:
        """Return one attribution from attributions of separately explained rows, each with its places."""
        order = np.argsort(np.concatenate(places), kind="stable")
        first = parts[0]
        arrays: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts])[order]
            for name, value in vars(first).items()
            if isinstance(value, np.ndarray)
        }
        details = [part.detail for part in parts if part.detail is not None]
        detail = partial(_joined, details, order) if details else None
        cost = sum(part.evaluations for part in parts)
        return replace(first, **(arrays | {"detail": detail, "unit": unit, "evaluations": cost}))

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Any) -> Self:
        """Return the attribution of some rows, given by an index, a slice, an array of indices or a mask."""
        chosen = np.atleast_1d(np.arange(len(self))[rows])
        n = len(self)
        parts = {
            name: value[chosen] if isinstance(value, np.ndarray) and len(value) == n else value
            for name, value in vars(self).items()
            if not name.startswith("_")
        }
        detail = None if self.detail is None else partial(_some, self.detail, chosen)
        return replace(self, **(parts | {"detail": detail}))

    def by_latent(self) -> FloatArray:
        """Return the diagonal contributions of every latent: shape (n, c, neurons, d).

        Methods "local" and "path". They are computed on demand, at the cost of the method, and add up to
        ``diagonal``. They are one choice of several if ``split_depends_on_basis``.

        Raises
        ------
        ValueError
            For contributions that are not sums over latents: Shapley values, and those by other explainers.

        Examples
        --------
        >>> from spectral_interp import Pencil, explain
        >>> pencil = Pencil(diag=[[0.0, 1.0], [1.0, 2.0]], off=[[0.0], [0.0]], k=1)
        >>> explain(pencil, [[1.0]]).by_latent()
        array([[[[0., 2.]]]])
        """
        return self._latents(self._by_entry)

    def by_bond(self) -> FloatArray:
        """Return the coupling contributions of every bond (j, j + 1): shape (n, c, neurons, d − 1).

        Like :meth:`by_latent`; they add up to ``coupling``.
        """
        return self._bonds(self._by_entry)

    def latent_weights(self) -> FloatArray:
        """Return ``v_j²``, the weights of the diagonals at every row: shape (n, neurons, d).

        Method "local". They add up to 1 over the latents of a neuron; contributions by latent are the changes
        of the diagonals times these weights.

        Raises
        ------
        ValueError
            For contributions that do not come from one eigenvector per row.

        Examples
        --------
        >>> from spectral_interp import Pencil, explain
        >>> pencil = Pencil(diag=[[0.0, 0.0], [1.0, 1.0]], off=[[1.0], [0.0]], k=1)
        >>> att = explain(pencil, [[3.0]])
        >>> att.latent_weights().round(3), att.bond_weights().round(3)
        (array([[[0.5, 0.5]]]), array([[[1.]]]))
        """
        return self._latents(self._weights)

    def bond_weights(self) -> FloatArray:
        """Return ``2 v_j v_{j+1}``, the weights of the couplings at every row: (n, neurons, d − 1).

        Like :meth:`latent_weights`. Changing the sign of a latent and of the couplings on both sides of it
        changes neither predictions nor contributions, so only the size of a weight is meaningful.
        """
        return self._bonds(self._weights)

    def by_member(self) -> FloatArray:
        """Return the contributions of every member of the model: shape (n, c, members).

        Members are the fits that the model averages. The mean of their contributions is ``values``, the
        standard deviation ``refit_deviation``. For "local" they are computed on demand, at the cost of the
        method.

        Raises
        ------
        ValueError
            For models of one fit, and for contributions by other explainers.

        Examples
        --------
        >>> from spectral_interp import Pencil, explain
        >>> from spectral_interp.pencil import Total
        >>> fits = [Pencil(diag=[[0.0], [slope]], off=[[], []], k=0) for slope in (1.0, 2.0)]
        >>> att = explain(Total(fits, weights=[0.5, 0.5], member=[0, 1]), [[3.0]])
        >>> att.by_member(), att.values
        (array([[[3., 6.]]]), array([[4.5]]))
        """
        found = self.of_members
        if found is None and self.refit_deviation is not None and self.detail is not None:
            found = self.detail("of_members")
        if found is None:
            raise ValueError("expected a model that averages several fits (form='sum'); got another model")
        return found

    def intervals(self) -> tuple[FloatArray, FloatArray]:
        """Return the least and the largest contributions over all eigenvectors: two arrays of shape (n, c).

        Method "local". Both equal ``values`` except at degenerate rows. There, any unit vector v of the
        eigenspace gives contributions ``vᵀ Δ_c v`` with the same sum. Let V be an orthonormal basis of the
        eigenspace; then they range from λ_min to λ_max of ``Vᵀ Δ_c V``, and for a sum of neurons, from the
        sum of the λ_min to the sum of the λ_max. For a column of one feature, the interval bounds the
        one-sided slopes of f times the distance from the background, since these slopes are eigenvalues of
        ``Vᵀ A_i V``. Every interval is for one column: the columns need not reach their ends together.

        Raises
        ------
        ValueError
            For contributions that do not come from one eigenvector per row.

        Examples
        --------
        The larger of z and −z has a kink at 0, where its slope can be any number from −1 to 1:

        >>> import warnings
        >>> from spectral_interp import Pencil, explain
        >>> size = Pencil(diag=[[0.0, 0.0], [1.0, -1.0]], off=[[0.0], [0.0]], k=1)
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")  # that a row is degenerate
        ...     att = explain(size, [[0.0], [2.0]], background=[[-3.0]])
        >>> low, high = att.intervals()
        >>> low[:, 0], high[:, 0]
        (array([-3.,  5.]), array([3., 5.]))
        """
        low, high = self.values.copy(), self.values.copy()
        tied = bool(self.degenerate.any())
        found = self.detail("intervals") if tied and self.detail is not None else None
        if self.method != "local" or (tied and found is None):
            raise ValueError(
                "expected contributions by explain(…, method='local'), which come from one eigenvector per "
                f"row; got contributions by {self.method!r}"
            )
        if found is not None:
            np.fmin(low, found[..., 0], out=low)
            np.fmax(high, found[..., 1], out=high)
        return low, high

    @cached_property
    def _by_entry(self) -> FloatArray:
        return self._asked("by_entry", "'local' or 'path', which are sums over latents and bonds")

    @cached_property
    def _weights(self) -> FloatArray:
        return self._asked("weights", "'local', which come from one eigenvector per row")

    def _asked(self, name: str, methods: str) -> FloatArray:
        found = None if self.detail is None else self.detail(name)
        if found is None:
            raise ValueError(
                f"expected contributions of a tridiagonal or diagonal model by {methods}; got contributions "
                f"by {self.method!r}"
            )
        return found

    def _latents(self, by_entry: FloatArray) -> FloatArray:
        return by_entry[..., : (by_entry.shape[-1] + 1) // 2]

    def _bonds(self, by_entry: FloatArray) -> FloatArray:
        return by_entry[..., (by_entry.shape[-1] + 1) // 2 :]

    def unit_of(self, row: int) -> str:
        """Return the unit of one row: its two classes if they differ from row to row, else ``unit``.

        Examples
        --------
        >>> from spectral_interp import Pencil, explain
        >>> explain(Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0), [[1.0]]).unit_of(0)
        'prediction'
        """
        if self.output is None or self.against is None or self.against[row] is None:
            return self.unit
        return log_odds(self.target, self.output[row], self.against[row]).unit

    @property
    def completeness_gap(self) -> FloatArray:
        """``|base_values + Σ values − prediction|`` of every row, shape (n,).

        Rounding errors, for any pencil: at most ``16 ε S`` for "local" and "shapley", where ε = 2.2e-16 and
        ``S = ‖A_0‖ + Σ max(|z_i|, |r_i|) ‖A_i‖`` is the size of the terms of A(z); for "path", that bound
        times the square root of the number of eigenpairs along the path. (Tested on a million pencils, not
        proven.)
        """
        return np.abs(self.base_values + self.values.sum(axis=1) - self.prediction)

    def to_shap(self) -> shap.Explanation:
        """Return the contributions as a ``shap.Explanation``, for SHAP's own plots and arithmetic.

        Its ``data`` are numbers, as SHAP requires. Levels are codes in the order of the model, followed by
        levels unknown to it; dates are days since 1970-01-01. If a column has levels or dates,
        ``display_data`` holds the original values.

        Warns
        -----
        UserWarning
            If base values differ from row to row, as those of method "local" do: SHAP draws one base value
            for all rows of a force, decision or heatmap plot.
        """
        import shap  # its import takes seconds, and only this method needs it

        low, high = (float(f(self.base_values)) if len(self.base_values) else 0.0 for f in (np.min, np.max))
        if high - low > 1e-9 * max(abs(low), abs(high), float(np.abs(self.values).max(initial=0.0))):
            warnings.warn(
                f"base values of method {self.method!r} differ from row to row (from {number(low)} to "
                f"{number(high)}), but SHAP's force, decision and heatmap plots draw one base value for all "
                "rows, with wrong predictions; plot single rows there, or explain by 'path' or 'shapley'",
                stacklevel=2,
            )
            base = self.base_values.copy()
        else:
            base = np.full(len(self.base_values), low)  # SHAP requires equality to the bit
        named = any(self.leveled) or any(isinstance(axis, DateAxis) for axis in self._axes)
        return shap.Explanation(
            values=self.values.copy(),
            base_values=base,
            data=np.column_stack([self.numbers(at) for at in range(len(self.columns))]),
            display_data=self._displayed() if named else None,
            feature_names=list(self.columns),
        )

    def _displayed(self) -> npt.NDArray[Any]:
        """Return the values that SHAP writes into plots, (n, c), with dates as ISO text."""
        shown = self.data.copy()
        for at, axis in enumerate(self._axes):
            if isinstance(axis, DateAxis):
                days = dates_of(days_of(as_dates(shown[:, at])), time=axis.time)
                shown[:, at] = [None if np.isnat(day) else str(day) for day in days]
        return shown

    @property
    def leveled(self) -> list[bool]:
        """Whether each column holds levels, length c: from its axis or, without one, from its values."""
        return [
            any(isinstance(value, str | bool | np.bool_) for value in values.tolist())
            if axis is None
            else not axis.continuous
            for values, axis in zip(self.data.T, self._axes, strict=True)
        ]

    def numbers(self, at: int) -> FloatArray:
        """Return the values of a column (n,) as numbers; NaN for missing ones.

        Levels are codes, in the order of the model; dates are days since 1970-01-01.

        Examples
        --------
        >>> from spectral_interp import Pencil, explain
        >>> explain(Pencil([[0.0], [1.0]], [[], []], k=0), [[1.0], [2.0]]).numbers(0)
        array([1., 2.])
        """
        values, axis = self.data[:, at], self._axes[at]
        if isinstance(axis, DateAxis):
            return axis.drawn(axis.coordinates(values))
        return _codes(values, axis) if self.leveled[at] else _numbers(values, axis)

    @property
    def _axes(self) -> tuple[Axis | None, ...]:
        return self.axes or (None,) * len(self.columns)

    def _repr_html_(self) -> str:
        order = np.argsort(-np.abs(self.values).sum(axis=0), kind="stable").tolist()
        against = f", measured against {self.background}" if self.background else ""
        if len(self) == 1:
            (values,), (data,) = self.values, self.data
            what = f"Contributions of the columns in row {row_text(self.rows[0])} ({self.method}"
            steps = [(self.columns[i], value_text(data[i]), float(values[i])) for i in order]
            way = waterfall(float(self.base_values[0]), steps, float(self.prediction[0]))
            return block(sentences(f"{what}, {self.unit_of(0)}){against}."), way)
        what = f"Contributions of {counted(len(order), 'column')} to {counted(len(self), 'prediction')}"
        top, others = order[:SHOWN], order[SHOWN:]
        headers = ["row", *(["class"] if self.output is not None else []), "base value"]
        headers += [*(self.columns[i] for i in top), *([f"{len(others)} others"] if others else [])]
        lines = (self._line(row, top, others) for row in range(len(self)))
        found = table([*headers, "prediction"], lines, len(self))
        return block(sentences(f"{what} ({self.method}, {self.unit}){against}."), found)

    def _line(self, row: int, top: list[int], others: list[int]) -> list[Any]:
        """Return a row of the table that notebooks show."""
        own = [] if self.output is None else [class_text(self.output[row])]
        rest = [self.values[row, others].sum()] if others else []
        start = [row_text(self.rows[row]), *own, self.base_values[row]]
        return [*start, *self.values[row, top], *rest, self.prediction[row]]

    def to_frame(self) -> pd.DataFrame:
        """Return a tidy table: one line per (row, column), with the parts if the method has them."""
        import pandas as pd  # pandas is needed only for tables

        n, c = self.values.shape
        parts = {
            name: getattr(self, name).ravel()
            for name in ("diagonal", "coupling", "standard_error", "refit_deviation")
            if getattr(self, name) is not None
        }
        classes = {
            name: labels
            for name, labels in (("output", self.output), ("against", self.against))
            if labels is not None
        }
        return pd.DataFrame(
            {
                "row": np.repeat(self.rows, c),
                "column": np.tile(np.array(self.columns, dtype=object), n),
                "value": self.data.ravel(),
                "contribution": self.values.ravel(),
                **parts,
                **{name: np.repeat(labels, c) for name, labels in classes.items()},
                "method": self.method,
                "unit": self.unit,
                "background": self.background,
            }
        )


def _joined(details: Sequence[Detail], order: IntArray, name: str) -> FloatArray | None:
    """Return a detail of separately explained rows, in their order."""
    found = [detail(name) for detail in details]
    known = [part for part in found if part is not None]
    return np.concatenate(known)[order] if known else None


def _some(detail: Detail, chosen: IntArray, name: str) -> FloatArray | None:
    """Return a detail of some rows."""
    found = detail(name)
    return None if found is None else found[chosen]


def _numbers(values: npt.NDArray[Any], axis: Axis | None) -> FloatArray:
    """Return the values of a numeric column (n,) as the model reads them; NaN for missing ones."""
    if axis is None:
        return values.astype(np.float64)
    from ..tables.columns import values_as_read

    return values_as_read(axis, values).to_numpy(dtype=np.float64)


def _codes(values: npt.NDArray[Any], axis: Axis | None) -> FloatArray:
    """Return the levels of a column (n,) as numbers; NaN for missing ones."""
    missing = np.array([value is None or value != value for value in values], dtype=bool)
    if all(isinstance(value, bool | np.bool_) for value in values[~missing]):
        return np.where(missing, np.nan, values == True)  # noqa: E712 -- of objects
    codes = np.full(len(values), np.nan) if axis is None else axis.coordinates(values)
    known = 0 if axis is None else axis.n_features
    texts = np.array([text_of(value) for value in values], dtype=object)
    unknown = np.isnan(codes) & ~missing
    codes[unknown] = known + np.unique(texts[unknown].astype(str), return_inverse=True)[1]
    return codes

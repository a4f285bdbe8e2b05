"""What every attribution method returns, and what :func:`explain` makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray
from ..view import Rows

if TYPE_CHECKING:
    import pandas as pd
    import shap


@dataclass(frozen=True, eq=False, kw_only=True)
class Parts:
    """What a method computes for n rows and c columns; see :class:`Attribution`."""

    values: FloatArray
    base_values: FloatArray
    prediction: FloatArray
    degenerate: npt.NDArray[np.bool_]
    diagonal: FloatArray | None = None
    coupling: FloatArray | None = None
    base_diagonal: FloatArray | None = None
    base_coupling: FloatArray | None = None
    standard_error: FloatArray | None = None
    evaluations: int = 0


@dataclass(frozen=True, eq=False, kw_only=True)
class Attribution(Parts):
    """Contributions of the columns to each prediction, ``prediction = base_values + Σ values``.

    Attributes
    ----------
    values : ndarray, shape (n, c)
        Contribution of every column, in ``unit``.
    base_values : ndarray, shape (n,)
    prediction : ndarray, shape (n,)
        f at the rows, computed apart from the contributions.
    diagonal, coupling : ndarray, shape (n, c), or None
        The parts of ``values`` that come from the diagonals and from the couplings of the matrices. Where
        ``pencil.split_depends_on_basis`` (two latents; three and one feature; dense matrices) another basis
        of the latents gives the same predictions and another split; only the sum is unique then.
    base_diagonal, base_coupling : ndarray, shape (n,), or None
        The same parts of ``base_values`` (method "local" only).
    standard_error : ndarray, shape (n, c), or None
        Of sampled values; None where values are exact.
    degenerate : ndarray of bool, shape (n,)
        Rows whose eigenvalue is multiple to 1e-8: f has a kink there. Local contributions are then one choice
        of several; path contributions only if a stretch of a path is degenerate and the choice matters by
        more than the tolerance. Such a row is flagged as well, and warned of.
    columns : tuple of str, length c
    data : ndarray, shape (n, c)
        The rows in the user's units.
    rows : ndarray, shape (n,)
        What the user calls the rows: the index of their table, or places.
    method, unit : str
    evaluations : int
        Eigenvalues or eigenpairs that were computed: the cost.
    background : str
        What the contributions are measured against, in words.

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

    @classmethod
    def of(cls, parts: Parts, rows: Rows, *, method: str, background: str) -> Self:
        """Return the parts with what is known of the rows."""
        return cls(
            **vars(parts),
            columns=rows.view.columns,
            data=rows.data,
            rows=rows.labels,
            method=method,
            unit=rows.view.output.unit,
            background=background,
        )

    @property
    def completeness_gap(self) -> FloatArray:
        """``|base_values + Σ values − prediction|`` of every row, shape (n,).

        Rounding errors, for any pencil: at most ``16 ε S`` for "local" and "shapley", where ε = 2.2e-16 and
        ``S = ‖A_0‖ + Σ max(|z_i|, |r_i|) ‖A_i‖`` is the size of the terms of A(z); for "path" that times the
        square root of the number of eigenpairs on the way. (Tested on a million pencils, not proven.)
        """
        return np.abs(self.base_values + self.values.sum(axis=1) - self.prediction)

    def to_shap(self) -> shap.Explanation:
        """Return the contributions as a ``shap.Explanation``, for SHAP's own plots."""
        import shap  # its import takes seconds, and only this method needs it

        return shap.Explanation(
            values=self.values,
            base_values=self.base_values,
            data=self.data,
            feature_names=list(self.columns),
            output_names=self.unit,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return a tidy table: one line per (row, column), with the parts where the method has them."""
        import pandas as pd  # only here do arrays become a table

        n, c = self.values.shape
        parts = {
            name: getattr(self, name).ravel()
            for name in ("diagonal", "coupling", "standard_error")
            if getattr(self, name) is not None
        }
        return pd.DataFrame(
            {
                "row": np.repeat(self.rows, c),
                "column": np.tile(np.array(self.columns, dtype=object), n),
                "value": self.data.ravel(),
                "contribution": self.values.ravel(),
                **parts,
                "method": self.method,
                "unit": self.unit,
                "background": self.background,
            }
        )

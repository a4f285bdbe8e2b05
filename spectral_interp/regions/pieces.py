"""Where f is linear: exact pieces of diagonal models, the skeleton of tridiagonal ones, covers of any.

The diagonal part of a pencil is d affine functions ``a_j(z)``; its k-th smallest, the *skeleton*
``f_diag(z) = a_{j*}(z)``, is linear with gradient ``diag[1:, j*]`` wherever the *active latent* j* stays the
same. For a diagonal pencil that is f itself. Couplings mix latents: the participation ratio ``1 / Σ_j v_j⁴``
of the eigenvector counts how many take part, and by Weyl ``|f - f_diag| <= ‖Off(z)‖₂``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray, IntArray
from .._common.caching import cached_property
from ..pencil import MatrixPencil, Pencil
from ..view import ModelView, Rows, rows_of

if TYPE_CHECKING:
    import pandas as pd
from .cover import FLAT, Cover, counts, cover_ladder, pick, tangent_errors


@dataclass(frozen=True, eq=False)
class Regions:
    """Where a model is linear, at some rows. Build it with :func:`linear_regions`.

    Attributes
    ----------
    rows : Rows
    prediction : ndarray, shape (n,)
    gradient : ndarray, shape (n, p)
        Per unit of every feature.

    Examples
    --------
    >>> from spectral_interp import Pencil, linear_regions
    >>> size = Pencil([[0.0, 0.0], [1.0, -1.0]], [[0.0], [0.0]], k=1)
    >>> regions = linear_regions(size, [[-2.0], [1.0], [3.0]])
    >>> regions.active_latent, regions.participation, regions.skeleton_r2
    (array([1, 0, 0]), array([1., 1., 1.]), 1.0)
    >>> regions.pieces(0.1)
    (array([1, 0]), array([1, 0, 0]))
    """

    rows: Rows
    prediction: FloatArray
    gradient: FloatArray

    @cached_property
    def active_latent(self) -> IntArray:
        """Latent whose diagonal entry is the k-th smallest, shape (n,); ValueError for dense models."""
        return active_latents(self._banded("active_latent"), self.rows.z)

    @cached_property
    def participation(self) -> FloatArray:
        """How many latents the eigenvector spreads over, ``1 / Σ_j v_j⁴`` from 1 to d: shape (n,).

        Raises
        ------
        ValueError
            For dense models: another basis of the latents would give another number.
        """
        _, v = self._banded("participation").eigenpairs(self.rows.z)
        return 1 / (v**4).sum(axis=1)

    @cached_property
    def skeleton(self) -> FloatArray:
        """Value of the skeleton, shape (n,), in the prediction's unit; ValueError for dense models."""
        diag, _ = self._banded("skeleton").bands(self.rows.z)
        return np.take_along_axis(diag, self.active_latent[:, None], axis=1)[:, 0]

    @cached_property
    def skeleton_gradient(self) -> FloatArray:
        """Gradient of the skeleton, shape (n, p); ValueError for dense models."""
        return self._banded("skeleton_gradient").diag[1:, self.active_latent].T

    @property
    def skeleton_r2(self) -> float:
        """Share of f's variance over the rows that the skeleton explains; below 0 if the mean explains more.

        NaN if f is constant over the rows and the skeleton differs. ValueError for dense models.
        """
        size = float(np.abs([self.prediction, self.skeleton]).max()) or 1.0  # whose square may overflow
        prediction, skeleton = self.prediction / size, self.skeleton / size
        residual = float(((prediction - skeleton) ** 2).sum())
        total = float(((prediction - prediction.mean()) ** 2).sum())
        rounding = (FLAT * np.abs(prediction).max()) ** 2 * len(prediction)
        if residual <= rounding:
            return 1.0
        return 1 - residual / total if total > rounding else float("nan")

    def latents(self) -> pd.DataFrame:
        """Return one line per active latent, most rows first: its rows, and the affine function that it is.

        On these rows a diagonal model, or the skeleton of a tridiagonal one, is exactly this function. They
        need not be connected: a latent may be active in several places. Slopes are per unit of every feature,
        in the prediction's unit, one a feature: where two features have one name, their columns are named.
        ValueError for dense models.
        """
        import pandas as pd  # only here do arrays become a table

        diag = self._banded("latents").diag
        found, rows = np.unique(self.active_latent, return_counts=True)
        order = np.argsort(-rows, kind="stable")
        found, rows = found[order], rows[order]
        names = _distinct_names(self.rows.view)
        slopes = {f"slope of {name}": diag[1 + i, found] for i, name in enumerate(names)}
        shares = {"latent": found, "rows": rows, "share": rows / len(self.active_latent)}
        return pd.DataFrame(
            {**shares, "intercept": diag[0, found], **slopes, "unit": self.rows.view.output.unit}
        )

    def pieces(self, eps: float) -> tuple[IntArray, IntArray]:
        """Return few tangent planes of f such that every row lies within ``eps`` of that of its piece.

        Parameters
        ----------
        eps : float, >= 0
            In the prediction's unit.

        Returns
        -------
        anchors, labels : ndarray of int, shapes (m,) and (n,)
            As of :func:`linear_cover`.
        """
        return pick(self._ladder, eps)

    @cached_property
    def _ladder(self) -> list[Cover]:
        return cover_ladder(tangent_errors(self.rows.z, self.prediction, self.gradient))

    def piece_counts(self) -> dict[str, tuple[FloatArray, IntArray]]:
        """Return tolerances (m,), ascending, and numbers of pieces (m,), of the "model" and its "skeleton".

        Dense models have no skeleton, and diagonal ones are their own.
        """
        found = {"model": counts(self._ladder)}
        if self.rows.view.pencil.structure == "tridiagonal":
            errors = tangent_errors(self.rows.z, self.skeleton, self.skeleton_gradient)
            found["skeleton"] = counts(cover_ladder(errors))
        return found

    def _banded(self, what: str) -> Pencil:
        return banded(self.rows.view.pencil, what)


def linear_regions(model: Any, X: Any) -> Regions:
    """Find where ``model`` is linear, at the rows ``X``.

    Parameters
    ----------
    model : fitted SpectralRegressor or SpectralClassifier, Pencil or DensePencil
        Latents are defined for tridiagonal and diagonal models; pieces for all.
    X : DataFrame or array_like, shape (n, columns)

    Returns
    -------
    Regions

    Raises
    ------
    TypeError
        If ``model`` is neither an estimator nor a pencil.
    ValueError
        If ``X`` does not fit the model or has no rows.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> regions = linear_regions(Pencil([[0.0], [2.0]], [[], []], k=0), [[1.0], [2.0]])
    >>> regions.latents()[["latent", "rows", "slope of z0"]].to_numpy().tolist()
    [[0.0, 2.0, 2.0]]
    """
    rows = rows_of(model, X)
    if not len(rows):
        raise ValueError("expected at least one row in X; got none")
    return Regions(rows, *rows.view.function.values_and_gradients(rows.z))


def _distinct_names(view: ModelView) -> list[str]:
    """Return the names of the features, with their column where two have the same name.

    A gap of column "a" and a column "a missing" are two such features.
    """
    counts = Counter(view.features)
    taken = {name for name, count in counts.items() if count == 1}
    names = []
    for name, column in zip(view.features, view.column_of, strict=True):
        if counts[name] > 1:
            name = f"{name} (of {view.columns[column]})"
            while name in taken:
                name += "'"
            taken.add(name)
        names.append(name)
    return names


def banded(pencil: MatrixPencil, what: str) -> Pencil:
    """Return ``pencil`` if it has latents, or raise ValueError that ``what`` needs them."""
    if isinstance(pencil, Pencil):
        return pencil
    raise ValueError(
        f"expected a tridiagonal or diagonal model for {what}; got a {pencil.structure} one, "
        "whose latents depend on the basis"
    )


def active_latents(pencil: Pencil, z: npt.ArrayLike) -> IntArray:
    """Return j*(z), the place of the k-th smallest diagonal entry of A(z), shape (n,); ties in order of j."""
    diag, _ = pencil.bands(z)
    return np.argsort(diag, axis=1, kind="stable")[:, pencil.k]

"""Linear regions of f: exact pieces of diagonal models, skeletons of tridiagonal ones, covers of all.

The diagonal part of a pencil is d affine functions ``a_j(z)``; its k-th smallest, the *skeleton*
``f_diag(z) = a_{j*}(z)``, is linear with gradient ``diag[1:, j*]`` wherever the *active latent* j* stays the
same. For a diagonal pencil, the skeleton is f itself. Couplings mix latents: the participation ratio
``1 / Σ_j v_j⁴`` of the eigenvector counts the latents that take part, and by Weyl
``|f - f_diag| <= ‖Off(z)‖₂``.

A sum of neurons has tangent planes and covers like any model; latents and skeletons belong to its single
neurons. The neuron that matters most at the rows, :attr:`Regions.leading`, has the largest
``Cov(f_n, f) / Var(f)``, where f_n is the neuron's term in f. These shares of the variance add up to 1 over
the neurons.

Planes are in inputs (:meth:`ModelView.inputs`), which equal the features if no column has knots.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray, IntArray
from .._common.caching import cached_property
from .._common.markup import block, sentences, table
from .._common.text import counted, number, percent
from ..pencil import MatrixPencil, Pencil, SpectralFunction
from ..view import ModelView, Rows, output_rows

if TYPE_CHECKING:
    import pandas as pd
from .cover import FLAT, Cover, counts, cover_ladder, pick, tangent_errors


@dataclass(frozen=True, eq=False)
class Leading:
    """The most important neuron of a sum at some rows.

    Attributes
    ----------
    neuron : int
        Index of the neuron, from 0.
    share : float
        Its share of the variance of f, ``Cov(f_n, f) / Var(f)``; above 1 if others work against it. NaN if f
        is constant over the rows.
    regions : Regions
        Linear regions of this neuron alone, with its latents and its skeleton.
    """

    neuron: int
    share: float
    regions: Regions


@dataclass(frozen=True, eq=False)
class Regions:
    """The linear regions of a model at some rows. Build it with :func:`linear_regions`.

    Attributes
    ----------
    rows : Rows
    prediction : ndarray, shape (n,)
    gradient : ndarray, shape (n, p)
        Gradient per unit of every feature.

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
        """Latent whose diagonal entry is the k-th smallest, (n,); ValueError for dense models and sums."""
        pencil = self._banded("active_latent")
        (found,) = self.rows.in_chunks(lambda some: [active_latents(pencil, some.z)])
        return found

    @cached_property
    def participation(self) -> FloatArray:
        """Effective number of latents in the eigenvector, ``1 / Σ_j v_j⁴`` from 1 to d: shape (n,).

        Raises
        ------
        ValueError
            For dense models, as another basis of the latents would give another number; for sums.
        """
        pencil = self._banded("participation")
        (found,) = self.rows.in_chunks(lambda some: [1 / (pencil.eigenpairs(some.z)[1] ** 4).sum(axis=1)])
        return found

    @cached_property
    def skeleton(self) -> FloatArray:
        """Value of the skeleton, shape (n,), in the prediction's unit; ValueError as for latents."""
        pencil = self._banded("skeleton")
        (found,) = self.rows.in_chunks(lambda some: [np.sort(pencil.bands(some.z)[0], axis=1)[:, pencil.k]])
        return found

    @cached_property
    def skeleton_gradient(self) -> FloatArray:
        """Gradient of the skeleton in the features, shape (n, p); ValueError as for latents."""
        return self._banded("skeleton_gradient").diag[1:, self.active_latent].T

    @property
    def skeleton_r2(self) -> float:
        """Share of f's variance over the rows that the skeleton explains; below 0 if the mean explains more.

        NaN if f is constant over the rows and the skeleton differs. ValueError for dense models and sums.
        """
        size = float(np.abs([self.prediction, self.skeleton]).max()) or 1.0  # squares may overflow
        prediction, skeleton = self.prediction / size, self.skeleton / size
        residual = float(((prediction - skeleton) ** 2).sum())
        total = float(((prediction - prediction.mean()) ** 2).sum())
        rounding = (FLAT * np.abs(prediction).max()) ** 2 * len(prediction)
        if residual <= rounding:
            return 1.0
        return 1 - residual / total if total > rounding else float("nan")

    def latents(self) -> pd.DataFrame:
        """Return one line per active latent, in descending order of rows: its rows and its affine function.

        On these rows, a diagonal model, or the skeleton of a tridiagonal one, is exactly this function. The
        region need not be connected: a latent may be active in several places. There is one slope per
        feature, in the prediction's unit per unit of the feature. If two features have the same name, the
        names of their columns are appended. Raises ValueError for dense models and sums.
        """
        import pandas as pd  # pandas is needed only for tables

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

    @cached_property
    def leading(self) -> Leading:
        """The most important neuron at the rows; for a model of one neuron, that neuron with share 1."""
        function = self.rows.view.function
        if isinstance(function, MatrixPencil):
            return Leading(0, 1.0, self)
        neurons = function.neurons
        shares = variance_shares(*self.rows.in_chunks(lambda some: [neurons.values(neurons.at(some.z))]))
        neuron = int(np.nan_to_num(shares).argmax())
        return Leading(neuron, float(shares[neuron]), _regions(of_neuron(self.rows, neuron)))

    def _repr_html_(self) -> str:
        rows, unit = counted(len(self.prediction), "row"), self.rows.view.output.unit
        what = f"Linear regions of the model at {rows} ({unit})."
        own, which, against = self.leading, "", "the model"
        if not isinstance(own.regions.rows.view.function, Pencil):
            return block(sentences(what, "Its latents depend on the basis, as its matrices are dense."))
        if own.regions is not self:
            which = f" of neuron {own.neuron}, which has {percent(own.share)} of the variance of predictions,"
            against = "this neuron"
        explained = (
            f"The diagonal part{which} has an R² of {number(own.regions.skeleton_r2)} against {against}."
        )
        latents = own.regions.latents()[["latent", "rows", "share"]]
        lines = latents.itertuples(index=False, name=None)
        return block(
            sentences(what, explained), table(list(map(str, latents)), lines, len(latents), "latents")
        )

    def pieces(self, eps: float) -> tuple[IntArray, IntArray]:
        """Return few tangent planes of f such that each row's plane has an error up to ``eps`` at the row.

        Parameters
        ----------
        eps : float, >= 0
            In the prediction's unit.

        Returns
        -------
        anchors, labels : ndarray of int, shapes (m,) and (n,)
            As in :func:`linear_cover`.

        Raises
        ------
        ValueError
            If ``eps`` is negative or not a number, or for more than 10,000 rows: memory grows as n².
        """
        return pick(self._ladder, eps)

    @cached_property
    def _ladder(self) -> list[Cover]:
        return cover_ladder(self._errors(self.prediction, self.gradient))

    def _errors(self, values: FloatArray, gradients: FloatArray) -> FloatArray:
        """Return the errors of tangent planes, in the inputs, from values (n,) and gradients (n, p)."""
        rows = self.rows
        return tangent_errors(rows.inputs, values, rows.view.input_slopes(rows.z, gradients))

    def piece_counts(self) -> dict[str, tuple[FloatArray, IntArray]]:
        """Return tolerances (m,), ascending, and numbers of pieces (m,), for the "model" and its "skeleton".

        Dense models and sums have no skeleton, and diagonal models are their own skeletons.
        """
        found, function = {"model": counts(self._ladder)}, self.rows.view.function
        if isinstance(function, Pencil) and function.structure == "tridiagonal":
            found["skeleton"] = counts(cover_ladder(self._errors(self.skeleton, self.skeleton_gradient)))
        return found

    def _banded(self, what: str) -> Pencil:
        return banded(self.rows.view.function, what)


def linear_regions(model: Any, X: Any, *, output: Any = None, against: Any = None) -> Regions:
    """Return the linear regions of ``model`` at the rows ``X``.

    Parameters
    ----------
    model : fitted SpectralRegressor or SpectralClassifier, Pencil, DensePencil or Total
        Latents are defined for tridiagonal and diagonal models of one neuron; pieces for all models.
    X : DataFrame or array_like, shape (n, columns)
    output, against : label, optional
        The class to explain, and the class that its log-odds are measured against, as in :func:`explain`. A
        model of more than two classes needs ``output``.

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
    rows = output_rows(model, X, output, against)
    if not len(rows):
        raise ValueError("expected at least one row in X; got none")
    return _regions(rows)


def _regions(rows: Rows) -> Regions:
    function = rows.view.function
    return Regions(rows, *rows.in_chunks(lambda some: function.values_and_gradients(some.z)))


def variance_shares(own: FloatArray) -> FloatArray:
    """Return ``Cov(f_n, f) / Var(f)`` of every neuron from values at rows, (n, N); NaN if f is constant.

    Examples
    --------
    >>> variance_shares(np.array([[-3.0, -1.0], [3.0, 1.0]]))
    array([0.75, 0.25])
    """
    own = own / (float(np.abs(own).max()) or 1.0)  # whose square may overflow
    centred = own - own.mean(axis=0)
    total = centred.sum(axis=1)
    variance = float(total @ total)
    if variance <= (FLAT * np.abs(own).sum(axis=1).max()) ** 2 * len(own):
        return np.full(own.shape[1], np.nan)
    shares: FloatArray = total @ centred / variance
    return shares


def of_neuron(rows: Rows, neuron: int) -> Rows:
    """Return rows as rows of a model of one of their neurons, with the same columns."""
    return replace(rows, view=replace(rows.view, function=rows.view.function.terms[neuron]))


def _distinct_names(view: ModelView) -> list[str]:
    """Return the names of the features, with their column if two have the same name.

    For example, a gap of column "a" and a column "a missing" have the same name.
    """
    counts = Counter(view.features)
    taken = {name for name, count in counts.items() if count == 1}
    names = []
    owners = [view.columns[column] for column in view.column_of]
    for name, owner in zip_longest(view.features, owners, fillvalue="a pair"):
        if counts[name] > 1:
            name = f"{name} (of {owner})"
            while name in taken:
                name += "'"
            taken.add(name)
        names.append(name)
    return names


def banded(function: SpectralFunction, what: str) -> Pencil:
    """Return ``function`` if it has latents, or raise a ValueError that ``what`` needs them."""
    if isinstance(function, Pencil):
        return function
    if not isinstance(function, MatrixPencil):
        raise ValueError(
            f"expected a model of one neuron for {what}; got a sum of {len(function.neurons)} neurons; "
            "use linear_regions(model, X).leading for the most important neuron"
        )
    raise ValueError(
        f"expected a tridiagonal or diagonal model for {what}; got a {function.structure} "
        "model, whose latents depend on the basis"
    )


def active_latents(pencil: Pencil, z: npt.ArrayLike) -> IntArray:
    """Return j*(z), the index of the k-th smallest diagonal entry of A(z), shape (n,); ties in order of j."""
    diag, _ = pencil.bands(z)
    return np.argsort(diag, axis=1, kind="stable")[:, pencil.k]

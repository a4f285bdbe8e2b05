"""Where f is linear: exact pieces of diagonal models, the skeleton of tridiagonal ones, covers of any.

The diagonal part of a pencil is d affine functions ``a_j(z)``; its k-th smallest, the *skeleton*
``f_diag(z) = a_{j*}(z)``, is linear with gradient ``diag[1:, j*]`` wherever the *active latent* j* stays the
same. For a diagonal pencil that is f itself. Couplings mix latents: the participation ratio ``1 / Σ_j v_j⁴``
of the eigenvector counts how many take part, and by Weyl ``|f - f_diag| <= ‖Off(z)‖₂``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .caching import cached_property
from .eigen.checks import FloatArray
from .inputs import Inputs, as_inputs
from .pencil import AnyPencil, Pencil, values_and_gradients

if TYPE_CHECKING:
    import pandas as pd

IntArray = npt.NDArray[np.intp]

RUNGS, PER_OCTAVE = 64, 4
"""Tolerances at which covers are sought: this many, so many to a factor of two."""

FLAT = 1e-12
"""Errors of a tangent plane up to this fraction of the numbers that make it are rounding."""


@dataclass(frozen=True, eq=False)
class Regions:
    """Where a model is linear, at some rows. Build it with :func:`linear_regions`.

    Attributes
    ----------
    inputs : Inputs
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

    inputs: Inputs
    prediction: FloatArray
    gradient: FloatArray

    @cached_property
    def active_latent(self) -> IntArray:
        """Latent whose diagonal entry is the k-th smallest, shape (n,); ValueError for dense models."""
        return active_latents(self._banded("active_latent"), self.inputs.z)

    @cached_property
    def participation(self) -> FloatArray:
        """How many latents the eigenvector spreads over, ``1 / Σ_j v_j⁴`` from 1 to d: shape (n,).

        Raises
        ------
        ValueError
            For dense models: another basis of the latents would give another number.
        """
        _, v = self._banded("participation").eigenpairs(self.inputs.z)
        return 1 / (v**4).sum(axis=1)

    @cached_property
    def skeleton(self) -> FloatArray:
        """Value of the skeleton, shape (n,), in the prediction's unit; ValueError for dense models."""
        diag, _ = self._banded("skeleton").bands(self.inputs.z)
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

        These are the exact linear pieces of a diagonal model and of the skeleton of a tridiagonal one.
        Slopes are per unit of every feature, in the prediction's unit. ValueError for dense models.
        """
        import pandas as pd  # only here do arrays become a table

        diag = self._banded("latents").diag
        found, rows = np.unique(self.active_latent, return_counts=True)
        order = np.argsort(-rows, kind="stable")
        found, rows = found[order], rows[order]
        slopes = {f"slope of {name}": diag[1 + i, found] for i, name in enumerate(self.inputs.features)}
        shares = {"latent": found, "rows": rows, "share": rows / len(self.active_latent)}
        return pd.DataFrame({**shares, "intercept": diag[0, found], **slopes, "unit": self.inputs.unit})

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
        return _pick(self._ladder, eps)

    @cached_property
    def _ladder(self) -> list[Cover]:
        return _ladder(tangent_errors(self.inputs.z, self.prediction, self.gradient))

    def piece_counts(self) -> dict[str, tuple[FloatArray, IntArray]]:
        """Return tolerances (m,), ascending, and numbers of pieces (m,), of the "model" and its "skeleton".

        Dense models have no skeleton, and diagonal ones are their own.
        """
        counts = {"model": _counts(self._ladder)}
        if self.inputs.pencil.structure == "tridiagonal":
            errors = tangent_errors(self.inputs.z, self.skeleton, self.skeleton_gradient)
            counts["skeleton"] = _counts(_ladder(errors))
        return counts

    def _banded(self, what: str) -> Pencil:
        return banded(self.inputs.pencil, what)


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
    inputs = as_inputs(model, X)
    if not len(inputs.z):
        raise ValueError("expected at least one row in X; got none")
    return Regions(inputs, *values_and_gradients(inputs.pencil, inputs.z))


def banded(pencil: AnyPencil, what: str) -> Pencil:
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


def line_boundaries(pencil: Pencil, start: npt.ArrayLike, end: npt.ArrayLike) -> tuple[FloatArray, IntArray]:
    """Return where the active latent changes on the segment from ``start`` to ``end``, exactly.

    On the segment the diagonal entries are d affine functions of t in [0, 1]. Their order changes only where
    two of them cross, so the active latent between two neighbouring crossings is that of the middle.

    Parameters
    ----------
    pencil : Pencil
        If it is not diagonal, these are the boundaries of its skeleton.
    start, end : array_like, shape (p,)

    Returns
    -------
    t : ndarray, shape (m,)
        Ascending, strictly between 0 and 1; the boundaries are at ``start + t (end - start)``.
    latents : ndarray of int, shape (m + 1,)
        Active latent of every part of the segment.

    Examples
    --------
    >>> line_boundaries(Pencil([[0.0, 0.0], [1.0, -1.0]], [[0.0], [0.0]], k=1), [-1.0], [3.0])
    (array([0.25]), array([1, 0]))
    """
    (a, b), _ = pencil.bands(np.array([start, end], dtype=np.float64))
    i, j = np.triu_indices(pencil.dim, k=1)
    cuts = _parts(a[i] - a[j], (b - a)[i] - (b - a)[j], 0.0, 1.0)
    middles = (cuts[:-1] + cuts[1:]) / 2
    order = np.argsort(a + middles[:, None] * (b - a), axis=1, kind="stable")
    latents = order[:, pencil.k]
    changes = np.flatnonzero(latents[1:] != latents[:-1])
    return cuts[1 + changes], latents[np.concatenate([[0], changes + 1])]


def _parts(offset: FloatArray, slope: FloatArray, low: float, high: float) -> FloatArray:
    """Return low, high and the zeros between them of the functions ``offset + slope · t``, ascending."""
    crossing = slope != 0
    with np.errstate(over="ignore"):
        zeros = -offset[crossing] / slope[crossing]
    return np.unique(np.concatenate([[low, high], zeros[(zeros > low) & (zeros < high)]]))


def plane_boundaries(offset: FloatArray, slopes: FloatArray, k: int) -> FloatArray:
    """Return where the k-th smallest of d affine functions changes on the unit square.

    Where functions i and j are equal is a line; of it, those parts are boundaries on which the tie is at
    rank k, and between two crossings with the other functions the rank of the tie stays the same.

    Parameters
    ----------
    offset : ndarray, shape (d,)
    slopes : ndarray, shape (2, d)
        The functions are ``offset + x · slopes``, x in the unit square.
    k : int

    Returns
    -------
    ndarray, shape (m, 2, 2)
        Ends of straight segments.

    Examples
    --------
    >>> plane_boundaries(np.array([0.0, 0.5]), np.array([[1.0, 0.0], [0.0, 0.0]]), k=0).tolist()
    [[[0.5, 0.0], [0.5, 1.0]]]
    """
    segments = []
    for i, j in zip(*np.triu_indices(len(offset), k=1), strict=True):
        line = _clip(offset[i] - offset[j], slopes[:, i] - slopes[:, j])
        if line is None:
            continue
        start, step = line
        others = np.delete(np.arange(len(offset)), [i, j])
        above = offset[others] + start @ slopes[:, others] - (offset[i] + start @ slopes[:, i])
        turn = step @ slopes[:, others] - step @ slopes[:, i]
        cuts = _parts(above, turn, 0.0, 1.0)
        middles = above + (cuts[:-1, None] + cuts[1:, None]) / 2 * turn
        tied = ((middles < 0).sum(axis=1) <= k) & (k <= 1 + (middles <= 0).sum(axis=1))
        ends = start + cuts[:, None] * step
        segments += [ends[m : m + 2] for m in np.flatnonzero(tied)]
    return np.array(segments).reshape(-1, 2, 2)


def _clip(offset: float, slope: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Return start and step of the line ``offset + slope · x = 0`` in the unit square, None if outside."""
    norm2 = float(slope @ slope)
    if not norm2 > 0:
        return None
    foot, along = -offset * slope / norm2, np.array([-slope[1], slope[0]]) / np.sqrt(norm2)
    low, high = -np.inf, np.inf
    for x, direction in zip(foot, along, strict=True):
        if direction == 0:
            if not 0 <= x <= 1:
                return None
            continue
        ends = sorted([-x / direction, (1 - x) / direction])
        low, high = max(low, ends[0]), min(high, ends[1])
    if not low < high:
        return None
    ends = np.clip(foot + np.array([[low], [high]]) * along, 0.0, 1.0)
    ends = ends[np.lexsort(ends.T[::-1])]
    return ends[0], ends[1] - ends[0]


@dataclass(frozen=True, eq=False)
class Cover:
    """Tangent planes that hold to ``eps`` at all rows: ``anchors`` (m,), and the piece of every row (n,)."""

    eps: float
    anchors: IntArray
    labels: IntArray


def linear_cover(
    z: npt.ArrayLike, values: npt.ArrayLike, gradients: npt.ArrayLike, eps: float
) -> tuple[IntArray, IntArray]:
    """Return few tangent planes such that every row lies within ``eps`` of that of its piece.

    For any model that gives values and gradients. The fewest is a set cover, NP-hard; greedily, the plane
    that holds at most rows not yet covered comes next, within a factor ``1 + ln n`` of the fewest (Chvátal).
    A greedy cover may grow with ``eps``. So covers are sought at fixed tolerances, 4 to a factor of 2 down
    from the one at which a single plane is enough, and the smallest of those up to ``eps`` is returned: the
    number of pieces never grows with ``eps``.

    Parameters
    ----------
    z : array_like, shape (n, p)
        Features, n >= 1. Memory grows as n²; 1,000 rows take a fraction of a second.
    values : array_like, shape (n,)
    gradients : array_like, shape (n, p)
    eps : float, >= 0
        In the unit of the values; errors that are rounding count as none.

    Returns
    -------
    anchors : ndarray of int, shape (m,)
        Rows whose tangent planes are the pieces, that with most rows first.
    labels : ndarray of int, shape (n,)
        Piece of every row, 0 to m - 1: of the planes, the one that is nearest.

    Raises
    ------
    ValueError
        If shapes do not match, there are no rows, or ``eps`` is negative or not a number.

    Examples
    --------
    >>> z = np.array([[-2.0], [-1.0], [1.0]])
    >>> linear_cover(z, np.abs(z[:, 0]), np.sign(z), eps=0.5)
    (array([0, 2]), array([0, 0, 1]))
    """
    return _pick(_ladder(tangent_errors(z, values, gradients), eps), eps)


def tangent_errors(z: npt.ArrayLike, values: npt.ArrayLike, gradients: npt.ArrayLike) -> FloatArray:
    """Return ``|f_i - f_j - g_j·(z_i - z_j)|``, row i against the tangent plane of row j: shape (n, n)."""
    z, f, g = (np.asarray(array, dtype=np.float64) for array in (z, values, gradients))
    if z.ndim != 2 or not len(z) or f.shape != z.shape[:1] or g.shape != z.shape:
        raise ValueError(
            "expected z (n, p), values (n,) and gradients (n, p), n >= 1; "
            f"got {z.shape}, {f.shape}, {g.shape}"
        )
    slopes = z @ g.T
    errors = np.abs(f[:, None] - f - slopes + np.diagonal(slopes))
    errors[errors <= FLAT * (np.abs(f).max() + np.abs(slopes).max())] = 0.0
    return errors


def _ladder(errors: FloatArray, eps: float = np.inf) -> list[Cover]:
    """Return the covers at the fixed tolerances up to ``eps``, the tolerances ascending."""
    one_plane = float(errors.max(axis=0).min())
    rungs = one_plane * 2.0 ** (-np.arange(RUNGS)[::-1] / PER_OCTAVE) if one_plane > 0 else np.empty(0)
    return [_greedy_cover(errors, float(rung)) for rung in (0.0, *rungs[rungs <= eps])]


def _greedy_cover(errors: FloatArray, eps: float) -> Cover:
    covers = errors <= eps
    open_rows = np.ones(len(errors), dtype=bool)
    gains = covers.sum(axis=0)
    anchors = []
    while open_rows.any():
        anchors.append(int(gains.argmax()))
        new = open_rows & covers[:, anchors[-1]]
        gains -= covers[new].sum(axis=0)
        open_rows &= ~new
    nearest = np.array(anchors)[errors[:, anchors].argmin(axis=1)]
    kept, rows = np.unique(nearest, return_counts=True)
    kept = kept[np.argsort(-rows, kind="stable")]
    place = np.empty(len(errors), dtype=np.intp)
    place[kept] = np.arange(len(kept))
    return Cover(eps, kept, place[nearest])


def _pick(ladder: list[Cover], eps: float) -> tuple[IntArray, IntArray]:
    """Return the smallest cover of a tolerance up to ``eps``, of equal ones the closest-fitting."""
    if not eps >= 0:
        raise ValueError(f"expected eps >= 0, in the unit of the predictions; got {eps!r}")
    best = min((cover for cover in ladder if cover.eps <= eps), key=lambda cover: len(cover.anchors))
    return best.anchors, best.labels


def _counts(ladder: list[Cover]) -> tuple[FloatArray, IntArray]:
    sizes = np.minimum.accumulate([len(cover.anchors) for cover in ladder])
    return np.array([cover.eps for cover in ladder]), np.asarray(sizes, dtype=np.intp)

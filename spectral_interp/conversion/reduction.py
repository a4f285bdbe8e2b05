"""Dense models as tridiagonal ones, with a proven bound on the error of every prediction in a box.

A rotation Q changes no eigenvalue: ``λ_k(A(z)) = λ_k(QᵀA(z)Q)``. Let T(z) be tridiagonal and affine in z. Then
``E(z) = QᵀA(z)Q − T(z)`` is affine too, and by Weyl's inequality

    λ_min(E(z)) <= λ_k(A(z)) − λ_k(T(z)) <= λ_max(E(z)).

λ_max is convex and λ_min concave, so over a box both are extreme at corners. Of many features the corners are too many:
with c the centre of the box and h its half widths, ``E(z) ⪯ E(corner of some, c of the others) + Σ_others h_i |E_i|``,
where ``|E_i|`` has the absolute eigenvalues of E_i (Loewner order), and likewise from below.

Of all rotations the one is sought whose part outside the three diagonals is least in the mean over the rows: with M the
matrix of second moments of (1, z) and ``M = L Lᵀ``, ``mean_z ‖off(QᵀA(z)Q)‖²_F = Σ_m ‖off(QᵀB_mQ)‖²_F``, ``B_m = Σ_i L_im A_i``.
That is the misfit that :func:`.rotations.rotate` lowers, from several starts. In general no rotation makes more than
two matrices tridiagonal, so something is dropped; :meth:`Reduction.refit` then fits T to the dense predictions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import hessenberg
from scipy.optimize import minimize

from .._common.arrays import FloatArray
from .._common.caching import cached_property
from ..pencil.dense import DensePencil
from ..pencil.structures import Tridiagonal
from ..pencil.tridiagonal import Pencil
from .rotations import rotate

CORNERS = 10
"""Features whose corners are all tried for the bound: those that vary the error most."""

FIRST_SWEEPS = 4
"""Sweeps from every start; the best of them goes on."""

ROUNDING = 1e-12
"""Error that a bound may have from rounding, as a fraction of the size of the terms of A."""


@dataclass(frozen=True, eq=False)
class Reduction:
    """A tridiagonal model in place of a dense one, as :func:`to_tridiagonal` builds it.

    Attributes
    ----------
    original : DensePencil
    pencil : Pencil
        The tridiagonal model.
    rotation : ndarray, shape (d, d)
        Orthogonal Q, for which ``QᵀA(z)Q`` is near the matrices of ``pencil``.
    z : ndarray, shape (n, p)
        Rows that it was built for.
    box : ndarray, shape (2, p)
        Least and largest value of every feature, for which the bound is proven.
    refitted : bool
        Whether ``pencil`` was fitted to the predictions of ``original``.
    """

    original: DensePencil
    pencil: Pencil
    rotation: FloatArray
    z: FloatArray
    box: FloatArray
    refitted: bool = False

    @cached_property
    def error_range(self) -> tuple[float, float]:
        """Proven ends of ``original − pencil`` at every z in the box, in the unit of predictions."""
        return _range_in_box(self.rotation.T @ self.original.matrices @ self.rotation - self.pencil.matrices, self)

    @property
    def error_bound(self) -> float:
        """Proven bound of ``|original − pencil|`` at every z in the box, in the unit of predictions."""
        low, high = self.error_range
        return max(-low, high)

    @cached_property
    def errors(self) -> FloatArray:
        """``original − pencil`` at the rows, shape (n,)."""
        return self.original.values(self.z) - self.pencil.values(self.z)

    @property
    def rms_error(self) -> float:
        """Root of the mean square of the errors at the rows."""
        return float(np.sqrt(np.mean(self.errors**2)))

    def refit(self, *, steps: int = 1000) -> Reduction:
        """Return the tridiagonal model that fits the dense predictions best, from here on, by least squares.

        L-BFGS with the exact gradient: ``∂λ/∂T_i = z_i v vᵀ``. Rows are the ones of this reduction and as many between
        two of them each, drawn with a fixed seed, so that few rows do not decide alone. The rotation
        is turned towards the new matrices, and the bound is proven anew.

        Parameters
        ----------
        steps : int
            Maximum number of iterations.

        Returns
        -------
        Reduction
            With an ``rms_error`` that is rarely larger, and an ``error_bound`` that may be.
        """
        pencil = _fitted(self.original, self.pencil, _between(self.z), steps)
        moments = _moments(self.z)
        matrices, target = (_mixed(moments, one.matrices) for one in (self.original, pencil))
        rotation, _ = rotate(matrices, self.rotation, target, np.ones(matrices.shape[1:]))
        return replace(self, pencil=pencil, rotation=rotation, refitted=True)


def to_tridiagonal(
    pencil: DensePencil, z: npt.ArrayLike, *, box: npt.ArrayLike | None = None
) -> Reduction:
    """Return a tridiagonal model in place of a dense one, with a proven bound on its error in a box.

    All matrices are turned by one rotation, which is chosen so that as little as possible is left outside the three
    diagonals at the rows ``z``; what is left is dropped.

    Parameters
    ----------
    pencil : DensePencil
    z : array_like, shape (n, p)
        Rows of features that matter, such as those that the model was trained on: ``est.encode(X)``.
    box : array_like, shape (2, p), optional
        Least and largest value of every feature, for which the error is bounded; by default those of ``z``.

    Returns
    -------
    Reduction
        Its ``pencil`` is the tridiagonal model, ``error_bound`` the proven bound, ``errors`` those at the rows; its
        ``refit()`` fits the tridiagonal model to the dense predictions.

    Raises
    ------
    TypeError
        If ``pencil`` is not dense.
    ValueError
        If there are no rows, they do not fit the pencil, or a limit of the box is missing or above its other.

    Examples
    --------
    A tridiagonal family in another basis is found again:

    >>> rng = np.random.default_rng(0)
    >>> hidden = Pencil(rng.normal(size=(3, 4)), rng.normal(size=(3, 3)), k=1)
    >>> q, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    >>> found = to_tridiagonal(DensePencil.turned(hidden, q), rng.normal(size=(50, 2)))
    >>> bool(found.error_bound < 1e-4)
    True
    """
    if not isinstance(pencil, DensePencil):
        raise TypeError(f"expected a DensePencil; got {type(pencil).__name__}")
    rows = pencil.check_features(z)
    if not len(rows):
        raise ValueError("expected at least one row in z; got none")
    limits = np.array([rows.min(axis=0), rows.max(axis=0)]) if box is None else _limits(pencil, box)
    matrices, d = _mixed(_moments(rows), pencil.matrices), pencil.dim
    off = (np.abs(np.subtract.outer(np.arange(d), np.arange(d))) > 1).astype(np.float64)
    nothing = np.zeros_like(matrices)
    tried = [rotate(matrices, start, nothing, off, FIRST_SWEEPS) for start in _starts(matrices)]
    rotation, _ = rotate(matrices, min(tried, key=lambda one: one[1])[0], nothing, off)
    turned, j = rotation.T @ pencil.matrices @ rotation, np.arange(d)
    kept = Pencil(turned[:, j, j], turned[:, j[1:], j[:-1]], pencil.k)
    return Reduction(pencil, kept, rotation, rows, limits)


def _limits(pencil: DensePencil, box: npt.ArrayLike) -> FloatArray:
    limits = pencil.check_features(box)
    if len(limits) != 2 or (limits[0] > limits[1]).any():
        raise ValueError(
            f"expected box of shape (2, {pencil.n_features}), the least values not above the largest; got others"
        )
    return limits


def _moments(z: FloatArray) -> FloatArray:
    """Return L with ``L Lᵀ`` the second moments of (1, z), the largest direction first: (p + 1, p + 1)."""
    design = np.column_stack([np.ones(len(z)), z])
    _, size, directions = np.linalg.svd(design, full_matrices=False)
    return directions.T * (size / np.sqrt(len(z)))


def _mixed(moments: FloatArray, matrices: FloatArray) -> FloatArray:
    """Return ``B_m = Σ_i L_im A_i``."""
    return np.tensordot(moments.T, matrices, axes=1)


def _starts(matrices: FloatArray) -> list[FloatArray]:
    """Return rotations to start from: none, and those that make the first matrices diagonal or tridiagonal."""
    found = [np.eye(matrices.shape[1])]
    for matrix in matrices[:3]:
        found += [np.linalg.eigh(matrix)[1], hessenberg(matrix, calc_q=True)[1]]
    return found


def _range_in_box(errors: FloatArray, reduction: Reduction) -> tuple[float, float]:
    """Return bounds of the eigenvalues of ``E_0 + Σ z_i E_i`` in the box."""
    low, high = reduction.box
    half, slopes = (high - low) / 2, errors[1:]
    values, vectors = np.linalg.eigh(slopes)
    sizes = half * np.abs(values).max(axis=1)
    order = np.argsort(-sizes, kind="stable")
    tried, others = order[:CORNERS], order[CORNERS:]
    signs = np.array(list(product((-1.0, 1.0), repeat=len(tried))))
    centre = errors[0] + np.tensordot((low + high) / 2, slopes, axes=1)
    corners = centre + np.tensordot(signs * half[tried], slopes[tried], axes=1)
    absolute = (vectors[others] * np.abs(values[others])[:, None]) @ vectors[others].swapaxes(1, 2)
    rest = np.tensordot(half[others], absolute, axes=1)
    most = np.maximum(np.abs(low), np.abs(high))
    slack = ROUNDING * float(reduction.original.row_sums @ np.append(1.0, most))
    ends = np.linalg.eigvalsh(corners - rest)[:, 0].min(), np.linalg.eigvalsh(corners + rest)[:, -1].max()
    return float(ends[0]) - slack, float(ends[1]) + slack


def _between(z: FloatArray) -> FloatArray:
    """Return the rows and as many that lie between two of them each."""
    rng = np.random.default_rng(0)
    first, second = z[rng.integers(len(z), size=(2, len(z)))]
    return np.concatenate([z, first + rng.random((len(z), 1)) * (second - first)])


def _fitted(original: DensePencil, start: Pencil, z: FloatArray, steps: int) -> Pencil:
    """Return the pencil that fits the values of another best, by least squares from a start."""
    aim, design = original.values(z), np.column_stack([np.ones(len(z)), z])
    structure, k, d = Tridiagonal(start.dim), start.k, start.dim
    shape, scale = (design.shape[1], structure.n_entries), np.ptp(aim) or 1.0

    def loss(entries: FloatArray) -> tuple[float, FloatArray]:
        values, v = structure.pairs(design @ entries.reshape(shape) * scale, k)
        residual = (values - aim) / scale
        gradient = design.T @ (residual[:, None] * structure.products(v, v))
        return float(np.mean(residual**2)), (2 / len(z)) * gradient.ravel()

    begin = np.hstack([start.diag, start.off]).ravel() / scale
    options: dict[str, Any] = {"maxiter": steps, "maxfun": 2 * steps, "ftol": 1e-12, "gtol": 1e-9}
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", options=options).x.reshape(shape) * scale
    return Pencil(found[:, :d], found[:, d:], k)

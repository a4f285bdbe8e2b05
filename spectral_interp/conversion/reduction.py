"""Tridiagonal models for dense ones, with a proven bound on the error of every prediction in a box.

A rotation Q changes no eigenvalue: ``λ_k(A(z)) = λ_k(QᵀA(z)Q)``. Let T(z) be tridiagonal and affine in z.
Then ``E(z) = QᵀA(z)Q − T(z)`` is affine too, and by Weyl's inequality

    λ_min(E(z)) <= λ_k(A(z)) − λ_k(T(z)) <= λ_max(E(z)).

λ_max is convex and λ_min concave, so over a box both are extreme at corners. With many features there are too
many corners. Let z be at a corner in some of them and at the centre in the others, and let h be half widths.
Then E is at most ``E(z) + Σ_others h_i |E_i|`` in the Loewner order, where ``|E_i|`` has the absolute
eigenvalues of E_i, and at least ``E(z) − Σ_others h_i |E_i|``.

The rotation makes the entries outside the three diagonals small in the mean over the rows. With the second
moments ``L Lᵀ`` of (1, z) and ``B_m = Σ_i L_im A_i``, the mean of ``‖off(QᵀA(z)Q)‖²_F`` is
``Σ_m ‖off(QᵀB_m Q)‖²_F``, the misfit that :func:`.rotations.rotate` lowers from several starts. The rotation
has d (d − 1) / 2 angles, but the p + 1 matrices have (p + 1) (d − 1) (d − 2) / 2 entries to remove. In
general some entries remain; they are set to zero. :meth:`Reduction.refit` then fits T to the dense
predictions.
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
"""Number of features whose corners are all tried for the bound: those with the largest effect on it."""

RANDOM_STARTS, FIRST_SWEEPS = 8, 4
"""Numbers of random starts, and of first sweeps from every start; only the best start is continued."""

STAY = 1e-3
"""Default penalty of a refit on leaving its start; without it the proven bound grows several times."""

ROUNDING = 1e-12
"""Allowance of a bound for rounding, relative to the size of the terms of A and T."""


@dataclass(frozen=True, eq=False)
class Reduction:
    """A tridiagonal model that replaces a dense one, built by :func:`to_tridiagonal`.

    Attributes
    ----------
    original : DensePencil
    pencil : Pencil
        The tridiagonal model.
    rotation : ndarray, shape (d, d)
        Orthogonal Q, for which ``QᵀA(z)Q`` is near the matrices of ``pencil``.
    z : ndarray, shape (n, p)
        Rows for which the model was built.
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
        turned = self.rotation.T @ self.original.matrices @ self.rotation
        return _range_in_box(turned - self.pencil.matrices, self)

    @property
    def error_bound(self) -> float:
        """Proven bound of ``|original − pencil|`` at every z in the box, in the unit of predictions."""
        return max(map(abs, self.error_range))

    @cached_property
    def errors(self) -> FloatArray:
        """``original − pencil`` at the rows, shape (n,)."""
        return self.original.values(self.z) - self.pencil.values(self.z)

    @property
    def rms_error(self) -> float:
        """Root of the mean square of the errors at the rows."""
        return float(np.sqrt(np.mean(self.errors**2)))

    def refit(self, *, stay: float = STAY, steps: int = 1000) -> Reduction:
        """Return a reduction whose tridiagonal model is fitted to the dense predictions, from this start.

        L-BFGS minimises the mean of ``(λ_k(A) − λ_k(T))² + stay ‖T − T_now‖²_F`` with its exact gradient,
        ``∂λ_k/∂T_i = z_i v vᵀ``, over the rows and an equal number of random points between two rows each,
        drawn with a fixed seed. The rotation is adapted to the new matrices; the bound is proven for them.

        Parameters
        ----------
        stay : float, >= 0
            Penalty on the distance from the start. A smaller one gives smaller errors at the rows and in
            general a larger bound.
        steps : int
            Maximum number of iterations.

        Raises
        ------
        ValueError
            If ``stay`` is negative, infinite or NaN.

        Examples
        --------
        >>> rng = np.random.default_rng(0)
        >>> m = rng.normal(size=(3, 5, 5))
        >>> dense = DensePencil(m + m.transpose(0, 2, 1), k=2)
        >>> dropped = to_tridiagonal(dense, rng.normal(size=(100, 2)))
        >>> dropped.refit().rms_error < dropped.rms_error
        True
        """
        if not 0 <= stay < np.inf:
            raise ValueError(f"expected a finite stay >= 0; got {stay}")
        pencil = _fitted(self, _between(self.z), stay, steps)
        moments = _moments(self.z)
        matrices, target = (_mixed(moments, one.matrices) for one in (self.original, pencil))
        rotation, _ = rotate(matrices, self.rotation, target, np.ones(matrices.shape[1:]))
        return replace(self, pencil=pencil, rotation=rotation, refitted=True)


def to_tridiagonal(pencil: DensePencil, z: npt.ArrayLike, *, box: npt.ArrayLike | None = None) -> Reduction:
    """Return a tridiagonal model that replaces a dense one, with a proven bound on its error in a box.

    One rotation of all matrices makes the entries outside the three diagonals small at the rows ``z``. The
    remaining entries are set to zero.

    Parameters
    ----------
    pencil : DensePencil
    z : array_like, shape (n, p)
        Relevant rows of features, such as the training rows: ``est.encode(X)``.
    box : array_like, shape (2, p), optional
        Least and largest value of every feature, for which the error is bounded; by default those of ``z``.

    Returns
    -------
    Reduction
        Its ``pencil`` is the tridiagonal model, ``error_bound`` the proven bound and ``errors`` the errors at
        the rows. ``refit()`` fits the tridiagonal model to the dense predictions.

    Raises
    ------
    TypeError
        If ``pencil`` is not dense.
    ValueError
        If there are no rows, they do not fit the pencil, or limits of the box are not finite or in the wrong
        order.

    Examples
    --------
    A tridiagonal family in another basis is recovered:

    >>> rng = np.random.default_rng(0)
    >>> hidden = Pencil(rng.normal(size=(3, 4)), rng.normal(size=(3, 3)), k=1)
    >>> q, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    >>> turned = q @ hidden.matrices @ q.T
    >>> dense = DensePencil((turned + turned.transpose(0, 2, 1)) / 2, k=1)
    >>> found = to_tridiagonal(dense, rng.normal(size=(50, 2)))
    >>> found.error_bound < 1e-4
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
    limits = np.asarray(box, dtype=np.float64)
    if limits.shape != (2, pencil.n_features):
        raise ValueError(f"expected box of shape (2, {pencil.n_features}); got {limits.shape}")
    if not np.isfinite(limits).all():
        end, i = np.argwhere(~np.isfinite(limits))[0].tolist()
        which = ("least", "largest")[end]
        raise ValueError(
            f"expected finite limits in box; got {limits[end, i]} as the {which} value of feature {i}"
        )
    if (limits[0] > limits[1]).any():
        i = int((limits[0] > limits[1]).argmax())
        raise ValueError(
            f"expected each least value of the box to be at most the largest; got {limits[0, i]} and "
            f"{limits[1, i]} for feature {i}"
        )
    return limits


def _moments(z: FloatArray) -> FloatArray:
    """Return L (p + 1, m), where ``L Lᵀ`` are the second moments of (1, z), the largest direction first."""
    design = np.column_stack([np.ones(len(z)), z])
    _, size, directions = np.linalg.svd(design, full_matrices=False)
    return directions.T * (size / np.sqrt(len(z)))


def _mixed(moments: FloatArray, matrices: FloatArray) -> FloatArray:
    """Return ``B_m = Σ_i L_im A_i``."""
    return np.tensordot(moments.T, matrices, axes=1)


def _starts(matrices: FloatArray) -> list[FloatArray]:
    """Return initial rotations.

    They are the identity, rotations that make one of the first matrices diagonal, or tridiagonal by
    Householder's method, and random ones with a fixed seed.
    """
    rng, d = np.random.default_rng(0), matrices.shape[1]
    found = [np.eye(d)]
    for matrix in matrices[:3]:
        found += [np.linalg.eigh(matrix)[1], hessenberg(matrix, calc_q=True)[1]]
    return [*found, *(np.linalg.qr(rng.normal(size=(d, d)))[0] for _ in range(RANDOM_STARTS))]


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
    sizes = reduction.original.row_sums + reduction.pencil.row_sums
    slack = ROUNDING * float(sizes @ np.append(1.0, most))
    ends = np.linalg.eigvalsh(corners - rest)[:, 0].min(), np.linalg.eigvalsh(corners + rest)[:, -1].max()
    return float(ends[0]) - slack, float(ends[1]) + slack


def _between(z: FloatArray) -> FloatArray:
    """Return the rows and an equal number of random points between two rows each."""
    rng = np.random.default_rng(0)
    first, second = z[rng.integers(len(z), size=(2, len(z)))]
    return np.concatenate([z, first + rng.random((len(z), 1)) * (second - first)])


def _fitted(reduction: Reduction, z: FloatArray, stay: float, steps: int) -> Pencil:
    """Return the tridiagonal pencil fitted to the dense predictions at z, starting from the reduction's."""
    start, aim = reduction.pencil, reduction.original.values(z)
    structure, k, d = Tridiagonal(start.dim), start.k, start.dim
    scale = np.ptp(aim) or 1.0  # predictions are scaled to the order of 1 for the optimiser
    design = np.column_stack([np.ones(len(z)), z])
    second = design.T @ design / len(z)
    begin = np.hstack([start.diag, start.off]) / scale
    twice = np.repeat([1.0, 2.0], [d, d - 1])  # an off-diagonal entry occurs twice in the matrix

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        entries = flat.reshape(begin.shape)
        values, v = structure.pairs(design @ entries * scale, k)
        residual = (values - aim) / scale
        pull = second @ (entries - begin) * twice
        gradient = design.T @ (residual[:, None] * structure.products(v, v)) / len(z) + stay * pull
        return float(np.mean(residual**2) + stay * ((entries - begin) * pull).sum()), 2 * gradient.ravel()

    options: Any = {"maxiter": steps, "maxfun": 2 * steps, "ftol": 1e-12, "gtol": 1e-9}
    found = minimize(loss, begin.ravel(), jac=True, method="L-BFGS-B", options=options).x
    entries = found.reshape(begin.shape) * scale
    return Pencil(entries[:, :d], entries[:, d:], k)

"""NumPy entry points: one selected eigenvalue or eigenpair of each tridiagonal matrix in a batch."""

from __future__ import annotations

from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from .._common.arrays import check_bands, check_finite, check_index
from . import engine

Reals = npt.NDArray[Any]  # float32 or float64, like the input
_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def eigenvalues(diag: npt.ArrayLike, off: npt.ArrayLike, k: SupportsIndex) -> Reals:
    """Return the k-th smallest eigenvalue of each symmetric tridiagonal matrix.

    Parameters
    ----------
    diag : array_like of float32 or float64, shape (..., d)
        Diagonals.
    off : array_like of the same dtype, shape (..., d - 1)
        Off-diagonals.
    k : int
        0-based index in ascending order; negative values count from the top.

    Returns
    -------
    ndarray of the input dtype, shape (...)
        Accurate to a few units of rounding of the matrix norm.

    Raises
    ------
    ValueError
        If shapes do not match, ``k`` is out of range, or an entry is NaN or infinite (the row is named).
    TypeError
        If the dtypes are not both float32 or both float64, or ``k`` is not an integer.

    Examples
    --------
    >>> eigenvalues([[2.0, 2.0], [5.0, 5.0]], [[1.0], [0.0]], 0).round(12)
    array([1., 5.])
    """
    a, b, index = _rows(diag, off, k)
    values, bad = engine.values(a, b, index)
    if bad:
        _name_bad_row(diag, off)
    return values.reshape(np.shape(diag)[:-1])


def eigenvalues_of(entries: Reals, k: int) -> Reals:
    """Return the same for float64 matrices as vectors (n, 2 d − 1), the diagonal's d entries first."""
    entries = np.require(entries, np.float64, ["C", "W"])
    values, bad = engine.values_of(entries, k)
    if bad:
        d = (entries.shape[1] + 1) // 2
        _name_bad_row(entries[:, :d], entries[:, d:])
    return values


def eigenpairs(diag: npt.ArrayLike, off: npt.ArrayLike, k: SupportsIndex) -> tuple[Reals, Reals]:
    """Return the k-th smallest eigenvalue and its eigenvector of each symmetric tridiagonal matrix.

    Parameters and errors are those of :func:`eigenvalues`.

    Returns
    -------
    values : ndarray, shape (...)
    vectors : ndarray, shape (..., d)
        Vectors of unit 2-norm, with the entry of largest magnitude positive. If the eigenvalue is multiple, a
        unit vector of the eigenspace.

    Examples
    --------
    >>> eigenpairs([[1.0, 3.0]], [[0.0]], -1)
    (array([3.]), array([[0., 1.]]))
    """
    a, b, index = _rows(diag, off, k)
    values, vectors, bad = engine.pairs(a, b, index)
    if bad:
        _name_bad_row(diag, off)
    shape = np.shape(diag)
    return values.reshape(shape[:-1]), vectors.reshape(shape)


def neighbours(diag: npt.ArrayLike, off: npt.ArrayLike, k: SupportsIndex) -> tuple[Reals, Reals, Reals]:
    """Return the eigenvalues k - 1, k and k + 1; -inf and +inf beyond the ends of the spectrum.

    Parameters and errors are those of :func:`eigenvalues`; each result has shape (...).

    Examples
    --------
    >>> [values.round(12) for values in neighbours([[2.0, 2.0]], [[1.0]], 0)]
    [array([-inf]), array([1.]), array([3.])]
    """
    a, b, index = _rows(diag, off, k)
    below, values, above, bad = engine.neighbours(a, b, index)
    if bad:
        _name_bad_row(diag, off)
    lead = np.shape(diag)[:-1]
    below, above = np.minimum(below, values), np.maximum(above, values)  # rounding may swap close eigenvalues
    return below.reshape(lead), values.reshape(lead), above.reshape(lead)


def _rows(diag: npt.ArrayLike, off: npt.ArrayLike, k: SupportsIndex) -> tuple[Reals, Reals, int]:
    """Validate; return C-contiguous rows (n, d) and (n, d - 1) and a non-negative index."""
    a, b = np.asarray(diag, order="C"), np.asarray(off, order="C")
    if a.dtype != b.dtype or a.dtype not in _DTYPES:
        raise TypeError(f"expected diag and off both float32 or both float64; got {a.dtype} and {b.dtype}")
    check_bands(a.shape, b.shape)
    if not (a.flags.writeable and b.flags.writeable):
        a, b = a.copy(), b.copy()  # read-only arrays would need separate kernels
    d = a.shape[-1]
    n = a.size // d
    return a.reshape(n, d), b.reshape(n, d - 1), check_index(k, d)


def _name_bad_row(diag: npt.ArrayLike, off: npt.ArrayLike) -> None:
    check_finite("diag", np.asarray(diag))
    check_finite("off", np.asarray(off))

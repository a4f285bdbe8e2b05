"""NumPy entry points: one selected eigenvalue or eigenpair of each tridiagonal matrix in a batch."""

from __future__ import annotations

from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh_tridiagonal

from .checks import check_bands, check_finite, check_index

Reals = npt.NDArray[Any]  # float32 or float64, as given


def eigenvalues(diag: npt.ArrayLike, off: npt.ArrayLike, k: SupportsIndex) -> Reals:
    """Return the k-th smallest eigenvalue of each symmetric tridiagonal matrix.

    Parameters
    ----------
    diag : array_like of float32 or float64, shape (..., d)
        Diagonals.
    off : array_like, shape (..., d - 1)
        Off-diagonals, of the same dtype as ``diag``.
    k : int
        0-based index in ascending order; negative values count from the top.

    Returns
    -------
    ndarray of the input dtype, shape (...)

    Raises
    ------
    ValueError
        If shapes do not match, ``k`` is out of range, or an entry is NaN or infinite (the row is named).
    TypeError
        If the dtypes are not both float32 or both float64, or ``k`` is not an integer.

    Examples
    --------
    >>> eigenvalues([2.0, 2.0], [1.0], 0)
    array(1.)
    """
    values, _ = eigenpairs(diag, off, k)
    return values


def eigenpairs(diag: npt.ArrayLike, off: npt.ArrayLike, k: SupportsIndex) -> tuple[Reals, Reals]:
    """Return the k-th smallest eigenvalue and its eigenvector of each symmetric tridiagonal matrix.

    Parameters and errors are those of :func:`eigenvalues`.

    Returns
    -------
    values : ndarray, shape (...)
    vectors : ndarray, shape (..., d)
        Of unit 2-norm, the entry of largest magnitude positive. Where the eigenvalue is multiple, some unit
        vector of the eigenspace.

    Examples
    --------
    >>> value, vector = eigenpairs([1.0, 3.0], [0.0], 1)
    >>> value, vector
    (array(3.), array([0., 1.]))
    """
    a, b = _bands(diag, off)
    index = check_index(k, a.shape[-1])
    lead, dim = a.shape[:-1], a.shape[-1]
    values, vectors = np.empty(lead, a.dtype), np.empty(a.shape, a.dtype)
    for at in np.ndindex(lead):
        if dim == 1:
            values[at], vectors[at] = a[at][0], 1.0
            continue
        w, v = eigh_tridiagonal(a[at], b[at], select="i", select_range=(index, index))
        values[at], vectors[at] = w[0], v[:, 0] * np.sign(v[np.argmax(np.abs(v[:, 0])), 0])
    return values, vectors


def _bands(diag: npt.ArrayLike, off: npt.ArrayLike) -> tuple[Reals, Reals]:
    a, b = np.asarray(diag), np.asarray(off)
    if a.dtype != b.dtype or a.dtype not in (np.float32, np.float64):
        raise TypeError(f"expected diag and off both float32 or both float64; got {a.dtype} and {b.dtype}")
    check_bands(a.shape, b.shape)
    check_finite("diag", a)
    check_finite("off", b)
    return a, b


def neighbours(diag: npt.ArrayLike, off: npt.ArrayLike, k: SupportsIndex) -> tuple[Reals, Reals, Reals]:
    """Return the eigenvalues k - 1, k and k + 1; -inf and +inf stand beyond the ends of the spectrum.

    Parameters and errors are those of :func:`eigenvalues`; each result has shape (...).

    Examples
    --------
    >>> neighbours([2.0, 2.0], [1.0], 0)
    (array(-inf), array(1.), array(3.))
    """
    a, b = _bands(diag, off)
    index, dim = check_index(k, a.shape[-1]), a.shape[-1]
    below = eigenvalues(a, b, index - 1) if index > 0 else np.full(a.shape[:-1], -np.inf, a.dtype)
    above = eigenvalues(a, b, index + 1) if index < dim - 1 else np.full(a.shape[:-1], np.inf, a.dtype)
    return below, eigenvalues(a, b, index), above

"""The pencil: coefficients of an eigenvalue model, and everything that analysis asks of the model."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .eigen import eigenpairs, eigenvalues, neighbours
from .eigen.checks import FloatArray, check_bands, check_finite, check_index

DEGENERATE = 1e-8
"""Rows whose gap is at most this fraction of ‖A(z)‖ are reported as degenerate."""


class AnyPencil(Protocol):
    """What analyses need of a model ``f(z) = λ_k(A_0 + Σ z_i A_i)``, whatever its structure."""

    @property
    def k(self) -> int:
        """0-based index of the eigenvalue, ascending."""

    @property
    def structure(self) -> str:
        """Name of the structure: "tridiagonal", "diagonal" or "dense"."""

    @property
    def n_features(self) -> int:
        """Number p of features."""

    @property
    def dim(self) -> int:
        """Order d of the matrices."""

    def check_features(self, z: npt.ArrayLike) -> FloatArray:
        """Return ``z`` as a finite float64 array of shape (n, p), or raise ValueError."""

    def values(self, z: npt.ArrayLike) -> FloatArray:
        """Return f at every row of ``z``: shape (n,)."""

    def eigenpairs(self, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return (λ, v) at every row of ``z``: shapes (n,) and (n, d)."""

    def forms(self, u: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the diagonal and the coupling part of ``uᵀ A_i w``: two arrays of shape (n, p + 1)."""

    def gap(self, z: npt.ArrayLike) -> FloatArray:
        """Return the distance from λ_k to its nearest neighbour at every row: shape (n,), inf where d = 1."""

    def degenerate(self, z: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return which rows have a gap of at most 1e-8 ‖A(z)‖: shape (n,)."""

    def extremes(self) -> tuple[FloatArray, FloatArray]:
        """Return (λ_min(A_i), λ_max(A_i)) for i = 0 … p: two arrays of shape (p + 1,)."""

    @property
    def matrices(self) -> FloatArray:
        """A_0 … A_p in full, shape (p + 1, d, d)."""

    def spectra(self, z: npt.ArrayLike) -> FloatArray:
        """Return all eigenvalues of A(z), ascending, at every row of ``z``: shape (n, d)."""

    def step_range(self, s: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return (λ_min, λ_max) of ``Σ s_i A_i`` for every row of ``s``: two arrays of shape (m,)."""


@dataclass(frozen=True, eq=False)
class Pencil:
    """Tridiagonal (or diagonal) matrix pencil with a selected eigenvalue, ``f(z) = λ_k(A_0 + Σ z_i A_i)``.

    Parameters
    ----------
    diag : array_like, shape (p + 1, d)
        Diagonals of A_0 (the intercept) … A_p.
    off : array_like, shape (p + 1, d - 1)
        Off-diagonals. All zero: the pencil is diagonal and f piecewise linear.
    k : int
        0-based index of the eigenvalue in ascending order; negative counts from the top.

    Raises
    ------
    ValueError
        If shapes do not match, ``k`` is out of range or an entry is not finite.

    Examples
    --------
    The larger eigenvalue of [[0, z], [z, 0]] is |z|:

    >>> pencil = Pencil(diag=[[0.0, 0.0], [0.0, 0.0]], off=[[0.0], [1.0]], k=1)
    >>> pencil.values([[-2.0], [3.0]])
    array([2., 3.])
    """

    diag: FloatArray
    off: FloatArray
    k: int

    def __post_init__(self) -> None:
        for name in ("diag", "off"):
            array = np.array(getattr(self, name), dtype=np.float64, order="C")
            if array.ndim != 2:
                raise ValueError(f"expected {name} with 2 axes (p + 1, entries); got shape {array.shape}")
            check_finite(name, array)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        check_bands(self.diag.shape, self.off.shape)
        if len(self.diag) < 2:
            raise ValueError("expected diag with at least 2 rows, the intercept and one feature; got 1")
        object.__setattr__(self, "k", check_index(self.k, self.dim))

    @property
    def structure(self) -> str:
        """Name of the structure: "tridiagonal", or "diagonal" when every coupling is zero."""
        return "tridiagonal" if self.off.any() else "diagonal"

    @property
    def n_features(self) -> int:
        """Number p of features."""
        return len(self.diag) - 1

    @property
    def dim(self) -> int:
        """Order d of the matrices."""
        return self.diag.shape[1]

    def check_features(self, z: npt.ArrayLike) -> FloatArray:
        """Return ``z`` as a finite float64 array of shape (n, p), or raise ValueError."""
        return _check_features(z, self.n_features)

    def bands(self, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the diagonals (n, d) and off-diagonals (n, d - 1) of A(z)."""
        z = self.check_features(z)
        return self.diag[0] + z @ self.diag[1:], self.off[0] + z @ self.off[1:]

    def values(self, z: npt.ArrayLike) -> FloatArray:
        """Return f at every row of ``z``, shape (n, p): shape (n,)."""
        return eigenvalues(*self.bands(z), self.k)

    def eigenpairs(self, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return λ (n,) and v (n, d), of unit norm with its largest entry positive."""
        return eigenpairs(*self.bands(z), self.k)

    def forms(self, u: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return ``uᵀ A_i w`` for i = 0 … p, split into terms with ``diag`` and with ``off``.

        Parameters
        ----------
        u, w : ndarray, shape (n, d)

        Returns
        -------
        diagonal, coupling : ndarray, shape (n, p + 1)
        """
        coupling = u[:, :-1] * w[:, 1:] + u[:, 1:] * w[:, :-1]
        return (u * w) @ self.diag.T, coupling @ self.off.T

    def gap(self, z: npt.ArrayLike) -> FloatArray:
        """Return the distance from λ_k to its nearest neighbour: shape (n,), inf where d = 1."""
        below, value, above = neighbours(*self.bands(z), self.k)
        return np.minimum(value - below, above - value)

    def degenerate(self, z: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return which rows have ``gap <= 1e-8 ‖A(z)‖₂``: shape (n,)."""
        a, b = self.bands(z)
        norm = np.maximum(-eigenvalues(a, b, 0), eigenvalues(a, b, -1))
        return self.gap(z) <= DEGENERATE * norm

    def extremes(self) -> tuple[FloatArray, FloatArray]:
        """Return λ_min(A_i) and λ_max(A_i) for i = 0 … p: shapes (p + 1,)."""
        return eigenvalues(self.diag, self.off, 0), eigenvalues(self.diag, self.off, -1)

    @property
    def matrices(self) -> FloatArray:
        """A_0 … A_p in full, shape (p + 1, d, d)."""
        full = np.zeros((self.n_features + 1, self.dim, self.dim))
        j = np.arange(self.dim)
        full[:, j, j] = self.diag
        full[:, j[:-1], j[1:]] = full[:, j[1:], j[:-1]] = self.off
        return full

    def spectra(self, z: npt.ArrayLike) -> FloatArray:
        """Return all eigenvalues of A(z), ascending: shape (n, d)."""
        bands = self.bands(z)
        found = np.stack([eigenvalues(*bands, k) for k in range(self.dim)], axis=1)
        return np.sort(found, axis=1)  # rounding may swap close ones

    def step_range(self, s: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return λ_min and λ_max of ``Σ s_i A_i``, s (m, p): shapes (m,). A step s changes f within it."""
        s = self.check_features(s)
        bands = s @ self.diag[1:], s @ self.off[1:]
        return eigenvalues(*bands, 0), eigenvalues(*bands, -1)


@dataclass(frozen=True, eq=False)
class DensePencil:
    """Pencil of dense symmetric matrices, for the analyses that need no tridiagonal structure.

    Parameters
    ----------
    matrices : array_like, shape (p + 1, d, d)
        Symmetric matrices A_0 … A_p.
    k : int
        0-based index in ascending order; negative counts from the top.

    Examples
    --------
    >>> pencil = DensePencil([[[0.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]], k=-1)
    >>> pencil.values([[-2.0]])
    array([2.])
    """

    matrices: FloatArray
    k: int

    def __post_init__(self) -> None:
        array = np.array(self.matrices, dtype=np.float64)
        if array.ndim != 3 or array.shape[1] != array.shape[2] or len(array) < 2 or not array.shape[1]:
            raise ValueError(f"expected matrices of shape (p + 1, d, d), p and d >= 1; got {array.shape}")
        check_finite("matrices", array)
        if not np.array_equal(array, array.transpose(0, 2, 1)):
            raise ValueError("expected symmetric matrices; got some that differ from their transpose")
        array.setflags(write=False)
        object.__setattr__(self, "matrices", array)
        object.__setattr__(self, "k", check_index(self.k, self.dim))

    @property
    def structure(self) -> str:
        """Name of the structure, "dense"."""
        return "dense"

    @property
    def n_features(self) -> int:
        """Number p of features."""
        return len(self.matrices) - 1

    @property
    def dim(self) -> int:
        """Order d of the matrices."""
        return self.matrices.shape[1]

    def check_features(self, z: npt.ArrayLike) -> FloatArray:
        """Return ``z`` as a finite float64 array of shape (n, p), or raise ValueError."""
        return _check_features(z, self.n_features)

    def _matrix(self, z: npt.ArrayLike) -> FloatArray:
        return self.matrices[0] + np.tensordot(self.check_features(z), self.matrices[1:], axes=1)

    def spectra(self, z: npt.ArrayLike) -> FloatArray:
        """Return all eigenvalues of A(z), ascending: shape (n, d)."""
        return np.linalg.eigvalsh(self._matrix(z)).astype(np.float64, copy=False)

    def values(self, z: npt.ArrayLike) -> FloatArray:
        """Return f at every row of ``z``, shape (n, p): shape (n,)."""
        return self.spectra(z)[:, self.k]

    def eigenpairs(self, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return λ (n,) and v (n, d), of unit norm with its largest entry positive."""
        values, vectors = np.linalg.eigh(self._matrix(z))
        v = vectors[:, :, self.k]
        largest = np.take_along_axis(v, np.abs(v).argmax(axis=1, keepdims=True), axis=1)
        return values[:, self.k], v * np.sign(largest)

    def forms(self, u: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return ``uᵀ A_i w`` split into diagonal and off-diagonal entries of A_i: shapes (n, p + 1)."""
        diagonal = (u * w) @ np.diagonal(self.matrices, axis1=1, axis2=2).T
        total = np.einsum("nj,ijl,nl->ni", u, self.matrices, w, optimize=True)
        return diagonal, total - diagonal

    def gap(self, z: npt.ArrayLike) -> FloatArray:
        """Return the distance from λ_k to its nearest neighbour: shape (n,), inf where d = 1."""
        spectrum = self.spectra(z)
        others = np.delete(spectrum, self.k, axis=1)
        return np.abs(others - spectrum[:, [self.k]]).min(axis=1, initial=np.inf)

    def degenerate(self, z: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return which rows have ``gap <= 1e-8 ‖A(z)‖₂``: shape (n,)."""
        norm = np.abs(self.spectra(z)).max(axis=1)
        return self.gap(z) <= DEGENERATE * norm

    def extremes(self) -> tuple[FloatArray, FloatArray]:
        """Return λ_min(A_i) and λ_max(A_i) for i = 0 … p: shapes (p + 1,)."""
        spectra = np.linalg.eigvalsh(self.matrices).astype(np.float64, copy=False)
        return spectra[:, 0], spectra[:, -1]

    def step_range(self, s: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return λ_min and λ_max of ``Σ s_i A_i``, s (m, p): shapes (m,). A step s changes f within it."""
        change = np.tensordot(self.check_features(s), self.matrices[1:], axes=1)
        spectra = np.linalg.eigvalsh(change).astype(np.float64, copy=False)
        return spectra[:, 0], spectra[:, -1]


def values_and_gradients(pencil: AnyPencil, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return f (n,) and ``∂f/∂z_i = vᵀA_i v`` (n, p) at every row of ``z`` (Hellmann–Feynman).

    Where λ_k is multiple the gradient is one of Clarke's subgradients.

    Examples
    --------
    >>> values_and_gradients(Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0), [[3.0]])
    (array([6.]), array([[2.]]))
    """
    values, v = pencil.eigenpairs(z)
    diagonal, coupling = pencil.forms(v, v)
    return values, (diagonal + coupling)[:, 1:]


@dataclass(frozen=True)
class Axis:
    """One column as features: where it stands in z, and how its values become features.

    A number x is ``z = (x - mean) / scale`` in the first feature, of log x if ``log``. A column of levels has
    one feature a level, its indicator less its share.

    Attributes
    ----------
    name : str
    first : int
        Its first feature.
    mean, scale : float
    log : bool
    rest : tuple of float
        Further features of a numeric column where it has a value (the indicator of a gap).
    levels : tuple of str
        Empty for a numeric column.
    shares : tuple of float

    Examples
    --------
    >>> age = Axis("age", first=0, mean=50.0, scale=10.0)
    >>> age.value(np.array([-1.0, 2.0])), age.step
    (array([40., 70.]), 'standard deviation of age')
    >>> age.place(np.array([0.0, 7.0]), np.array([-1.0, 2.0]))
    array([[-1.,  7.],
           [ 2.,  7.]])
    """

    name: str
    first: int
    mean: float = 0.0
    scale: float = 1.0
    log: bool = False
    rest: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()

    @property
    def step(self) -> str:
        """What a step of one in its first feature is: a standard deviation, or the column's own unit."""
        return f"standard deviation of {self.quantity}" if self.scale != 1 else self.own_unit

    @property
    def own_unit(self) -> str:
        """The unit of the column, or of its logarithm."""
        return f"unit of {self.quantity}"

    @property
    def quantity(self) -> str:
        """What is standardised: the column or its logarithm."""
        return f"log {self.name}" if self.log else self.name

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of its features."""
        if self.levels:
            return tuple(f"{self.name} = {level}" for level in self.levels)
        return (self.name, f"{self.name} missing")[: 1 + len(self.rest)]

    def value(self, z: FloatArray) -> FloatArray:
        """Return the numbers of the column, in its own unit, whose first feature is ``z``."""
        x = self.mean + self.scale * z
        return np.exp(x) if self.log else x

    def place(self, row: FloatArray, z: FloatArray) -> FloatArray:
        """Return ``row`` (p,) with the column's first feature set to each of ``z`` (m,): shape (m, p)."""
        rows = np.repeat(row[None], len(z), axis=0)
        rows[:, self.first] = z
        rows[:, self.first + 1 : self.first + 1 + len(self.rest)] = self.rest
        return rows

    def place_levels(self, row: FloatArray) -> FloatArray:
        """Return ``row`` (p,) with the column at each of its levels: shape (levels, p)."""
        rows = np.repeat(row[None], len(self.levels), axis=0)
        rows[:, self.first : self.first + len(self.levels)] = np.eye(len(self.levels)) - np.array(self.shares)
        return rows


@dataclass(frozen=True, eq=False)
class Inputs:
    """Rows of one model in the form that every analysis starts from.

    Attributes
    ----------
    pencil : Pencil or DensePencil
    z : ndarray, shape (n, p)
        Encoded features.
    columns : tuple of str, length c
        The user's columns.
    column_of : ndarray of int, shape (p,)
        Column of every feature.
    data : ndarray, shape (n, c)
        The rows in the user's units.
    unit : str
        Unit of the predictions.
    reference : ndarray, shape (b, p)
        Background rows, encoded, when the caller names none.
    axes : tuple of Axis, length c
        How every column becomes features.
    decides : bool
        Whether the sign of f is a class.
    """

    pencil: AnyPencil
    z: FloatArray
    columns: tuple[str, ...]
    column_of: npt.NDArray[np.intp]
    data: npt.NDArray[Any]
    unit: str
    reference: FloatArray
    axes: tuple[Axis, ...] = ()
    decides: bool = False

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, length p."""
        return tuple(name for axis in self.axes for name in axis.feature_names)

    def axis(self, name: str) -> Axis:
        """Return the axis of a column; ValueError suggests the nearest name if there is none."""
        if name in self.columns:
            return self.axes[self.columns.index(name)]
        near = difflib.get_close_matches(str(name), self.columns, n=1, cutoff=0.0)
        raise ValueError(f"expected one of the {len(self.columns)} columns; got {name!r}; is it {near[0]!r}?")

    def per_column(self, per_feature: FloatArray) -> FloatArray:
        """Sum numbers per feature, shape (n, p), over the features of each column: shape (n, c)."""
        membership = self.column_of[:, None] == np.arange(len(self.columns))
        return per_feature @ membership.astype(np.float64)


def as_inputs(model: Any, X: Any) -> Inputs:
    """Return the rows ``X`` of ``model`` as :class:`Inputs`.

    Parameters
    ----------
    model : fitted estimator, Pencil or DensePencil
        With a pencil each feature is its own column, and the reference is the origin.
    X : DataFrame or array_like, shape (n, columns), or None
        None stands for no rows.

    Raises
    ------
    TypeError
        If ``model`` is neither.
    ValueError
        If ``X`` does not fit the model.
    """
    if isinstance(model, Pencil | DensePencil):
        p = model.n_features
        z = model.check_features(np.empty((0, p)) if X is None else X)
        names = tuple(f"z{i}" for i in range(p))
        axes = tuple(Axis(name, i) for i, name in enumerate(names))
        return Inputs(model, z, names, np.arange(p), z, "prediction", np.zeros((1, p)), axes)
    if hasattr(model, "inputs"):
        return model.inputs(X)
    raise TypeError(f"expected a fitted spectral estimator or a Pencil; got {type(model).__name__}")


def _check_features(z: npt.ArrayLike, n_features: int) -> FloatArray:
    array = np.asarray(z, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != n_features:
        raise ValueError(f"expected features of shape (n, {n_features}); got {array.shape}")
    check_finite("the features", array)
    return array

"""Functions from state dicts of published spectral modules.

The modules of the articles and of the paper's code (A. Shtoff, *Eigenvalues as models*, 2025–2026) store the
matrices of ``f(z) = λ_k(A_0 + Σ z_i A_i)`` under these names. The index k is an attribute of the module and
not in its state dict.

- ``diag.weight`` (d, p), ``diag.bias`` (d,), ``off_diag.weight`` (d − 1, p), ``off_diag.bias`` (d − 1,):
  tridiagonal matrices from two linear layers.
- ``diag`` (p + 1, d), ``off_diag`` (p + 1, d − 1): the same as rows, the intercept first.
- ``lin.weight`` (T, p), ``lin.bias`` (T,): lower triangles, row by row, T = d (d + 1) / 2, from a linear
  layer. Early modules use the entries unchanged. Later ones divide those below the diagonal by √2, so that
  the norm of the vector is the Frobenius norm of the matrix. The state dicts of both look the same.
- ``A``, ``B`` and, for two features, ``C``, (d, d): ``λ_k(A + x B + y C)``.
- ``mu.start`` (1,), ``mu.increments`` (d − 1,), ``A`` (p, d, d) or (d, d, 1, p): A_0 is diagonal with the
  entries ``start`` and ``start + cumsum(softplus(increments))``.
- ``matrices`` (p + 1, d, d): A_0 … A_p in full.

Modules with a monotone feature (``feat_vec`` or ``last_diag``) are not read: some versions pass it through
softplus and some through squareplus, and their state dicts look the same.

In each case an additional ``mixing_weight`` (d,) gives the mixture ``Σ_j w_j λ_j``. Like the solvers of these
modules, the functions here read the lower triangle of ``A``, ``B`` and ``C`` and ignore the upper one, which
need not mirror it. ``matrices`` must be symmetric.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray, check_finite
from ..pencil.dense import DensePencil
from ..pencil.total import Total
from ..pencil.tridiagonal import Pencil

COUPLINGS = {"plain": 1.0, "scaled": math.sqrt(0.5)}
"""Conventions for lower triangles → factor of the entries below the diagonal."""

ASYMMETRY = 1e-6
"""Largest difference of ``matrices`` from their transposes that counts as rounding, relative to the
largest entry."""

MIXTURE = "mixing_weight"
"""Key of the weights of a mixture."""

_LINEAR = frozenset({"lin.weight", "lin.bias"})
_PLACES = "tril_emb.map"

Tensors = dict[str, FloatArray]


def from_state_dict(
    state: Mapping[str, Any] | str | Path,
    *,
    k: SupportsIndex | None = None,
    couplings: str | None = None,
    weights: npt.ArrayLike | None = None,
) -> Pencil | DensePencil | Total:
    """Return the function of a state dict of a published spectral module.

    Parameters
    ----------
    state : mapping of str to tensor or array, or path of a file that ``torch.save`` wrote
        The known keys and their shapes are listed at the top of the module. A file is read without running
        code.
    k : int, optional
        0-based index of the eigenvalue, ascending, negative from the top. Required, except for a mixture,
        which has none.
    couplings : {"plain", "scaled"}, optional
        Whether entries below the diagonal are used unchanged or divided by √2. Required for ``lin.weight``,
        and an error otherwise.
    weights : array_like, shape (d,), optional
        Weights w of a mixture ``Σ_j w_j λ_j``, for state dicts without ``mixing_weight``. A window of
        eigenvalues has equal weights in the window and zeros outside.

    Returns
    -------
    Pencil, DensePencil or Total
        The function in float64. A mixture is a Total with one pencil for each nonzero weight.

    Raises
    ------
    TypeError
        If ``state`` is neither a mapping nor a path.
    ValueError
        If keys are unknown, shapes do not fit, numbers are not finite, ``matrices`` are not symmetric, a
        required argument is missing, or the file cannot be read.
    OSError
        If the file cannot be opened.

    Examples
    --------
    The larger eigenvalue of [[0, x], [x, 0]] is |x|, and the difference of its two eigenvalues is 2 |x|:

    >>> state = {"diag": np.zeros((2, 2)), "off_diag": [[0.0], [1.0]]}
    >>> from_state_dict(state, k=-1).values([[-2.0]])
    array([2.])
    >>> from_state_dict(state, weights=[-1.0, 1.0]).values([[-2.0]])
    array([4.])
    """
    tensors = _read(state) if isinstance(state, str | Path) else state
    if not isinstance(tensors, Mapping):
        raise TypeError(
            f"expected a state dict, such as module.state_dict(), or a path; got {type(state).__name__}"
        )
    arrays = {key: _array(key, value) for key, value in tensors.items()}
    own = arrays.pop(MIXTURE, None)
    if own is not None and weights is not None:
        raise ValueError(f"expected no weights for a state dict that has {MIXTURE!r}; got some")
    mixture = own if weights is None else _array("weights", weights)
    coefficients = _coefficients(arrays, couplings)
    make: type[Any] = Pencil if len(coefficients) == 2 else DensePencil
    if mixture is not None:
        return _mixed(lambda j: make(*coefficients, j), mixture, coefficients[0].shape[-1], k)
    if k is None:
        raise ValueError(
            "expected k, the index of the eigenvalue, or weights of a mixture; got neither; a state dict "
            "does not hold k"
        )
    return make(*coefficients, k)


def _read(path: str | Path) -> dict[str, Any]:
    from ..files import artifact  # imported here because PyTorch takes a second to load

    state = artifact.read(path)
    if "format" in state:
        raise ValueError(f"expected a bare state dict; got {path}, a model of this package; use load(path)")
    return state


def _array(key: str, value: Any) -> FloatArray:
    """Return a PyTorch tensor or an array-like as a float64 array."""
    plain = value
    if hasattr(value, "detach"):
        held = value.detach().cpu()
        plain = (held if held.is_complex() else held.double()).numpy()
    try:
        array: FloatArray = np.asarray(plain).astype(np.float64, casting="same_kind")
    except (TypeError, ValueError):
        got = "complex ones" if np.iscomplexobj(plain) else type(value).__name__
        raise ValueError(f"expected an array of real numbers for {key!r}; got {got}") from None
    check_finite(key, array)
    return array


def _mixed(
    pencil: Callable[[int], Pencil | DensePencil], weights: FloatArray, dim: int, k: SupportsIndex | None
) -> Total:
    """Return ``Σ_j w_j λ_j``."""
    if k is not None:
        raise ValueError(f"expected no k for a mixture of all eigenvalues; got {k}")
    used = np.flatnonzero(weights)
    if weights.shape != (dim,) or not len(used):
        raise ValueError(
            f"expected a weight for each of the {dim} eigenvalues, not all zero; got shape {weights.shape} "
            f"with {len(used)} nonzero weights"
        )
    return Total([pencil(j) for j in used.tolist()], weights[used])


def _coefficients(arrays: Tensors, couplings: str | None) -> tuple[FloatArray, ...]:
    """Return A_0 … A_p: diagonals and off-diagonals, or full matrices."""
    keys = frozenset(arrays) - ({_PLACES} if arrays.keys() >= _LINEAR else set())
    if keys == _LINEAR:
        return (_triangles(arrays, couplings),)
    if keys not in _FORMS:
        raise _unknown(keys)
    if couplings is not None:
        raise ValueError(f"expected couplings only for lin.weight and lin.bias; got {couplings!r}")
    return _FORMS[keys](arrays)


def _unknown(keys: frozenset[str]) -> ValueError:
    """Return the error for unknown keys: the superfluous keys of a form, or all known forms."""
    largest = max((form for form in (_LINEAR, *_FORMS) if form < keys), key=len, default=None)
    if largest is not None:
        return ValueError(
            f"expected {', '.join(sorted(largest))} and optionally {MIXTURE!r}; got "
            f"{', '.join(sorted(keys - largest))} too; leave out keys that predictions do not depend on"
        )
    known = "; ".join(", ".join(sorted(form)) for form in (_LINEAR, *_FORMS))
    got = ", ".join(sorted(keys)) or "none"
    return ValueError(f"expected the keys of a published module, one of: {known}; got {got}")


def _affine(arrays: Tensors, name: str) -> FloatArray:
    """Return a linear layer as rows (p + 1, E), the bias first."""
    weight, bias = arrays[f"{name}.weight"], arrays[f"{name}.bias"]
    if weight.ndim != 2 or bias.shape != weight.shape[:1]:
        raise ValueError(
            f"expected {name}.weight with 2 axes and {name}.bias of the length of its first axis; got shapes "
            f"{weight.shape} and {bias.shape}"
        )
    return np.vstack([bias, weight.T])


def _triangles(arrays: Tensors, couplings: str | None) -> FloatArray:
    """Return the matrices (p + 1, d, d) of lower triangles, row by row."""
    if couplings not in COUPLINGS:
        raise ValueError(
            "expected couplings='plain' or 'scaled' for lin.weight, whose entries below the diagonal are "
            f"used unchanged or divided by √2; got {couplings!r}"
        )
    rows = _affine(arrays, "lin")
    dim = (math.isqrt(8 * rows.shape[1] + 1) - 1) // 2
    i, j = np.tril_indices(dim)
    if not dim or len(i) != rows.shape[1]:
        raise ValueError(f"expected lin.weight with d (d + 1) / 2 rows; got {rows.shape[1]}")
    places = np.zeros((dim, dim))
    places[i, j] = places[j, i] = np.arange(len(i))
    if _PLACES in arrays and not np.array_equal(arrays[_PLACES], places.ravel()):
        raise ValueError(f"expected lower triangles row by row; got another order in {_PLACES!r}")
    matrices = np.zeros((len(rows), dim, dim))
    matrices[:, i, j] = matrices[:, j, i] = rows * np.where(i == j, 1.0, COUPLINGS[couplings])
    return matrices


def _lower(name: str, matrices: FloatArray) -> FloatArray:
    """Return the symmetric matrices (m, d, d) with these lower triangles."""
    if matrices.ndim != 3 or matrices.shape[1] != matrices.shape[2]:
        raise ValueError(f"expected square matrices for {name}; got shape {matrices.shape}")
    return np.tril(matrices) + np.tril(matrices, -1).swapaxes(1, 2)


def _layers(arrays: Tensors) -> tuple[FloatArray, ...]:
    return _affine(arrays, "diag"), _affine(arrays, "off_diag")


def _bands(arrays: Tensors) -> tuple[FloatArray, ...]:
    return arrays["diag"], arrays["off_diag"]


def _full(arrays: Tensors) -> tuple[FloatArray, ...]:
    given = arrays["matrices"]
    symmetric = _lower("matrices", given)
    apart = np.abs(given - symmetric).max(initial=0)
    if not apart <= ASYMMETRY * np.abs(given).max(initial=0):
        raise ValueError(
            f"expected symmetric matrices; got entries that differ by {apart:.3g} from their mirror images; "
            "to use the lower triangles, as solvers do, pass np.tril(m) + np.tril(m, -1).swapaxes(1, 2)"
        )
    return (symmetric,)


def _letters(arrays: Tensors) -> tuple[FloatArray, ...]:
    shapes = {name: arrays[name].shape for name in sorted(arrays)}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"expected {', '.join(shapes)} of the same shape (d, d); got {shapes}")
    return (_lower(", ".join(shapes), np.stack([arrays[name] for name in shapes])),)


def _increasing(arrays: Tensors) -> tuple[FloatArray, ...]:
    """Return A_0, which is diagonal with an ascending spectrum, and the matrices of the features."""
    steps, given = arrays["mu.increments"], arrays["A"]
    features = given[:, :, 0].transpose(2, 0, 1) if given.ndim == 4 and given.shape[2] == 1 else given
    features = _lower("A", features)
    if arrays["mu.start"].shape != (1,) or steps.shape != (features.shape[1] - 1,):
        raise ValueError(
            f"expected mu.start of shape (1,) and mu.increments of shape ({features.shape[1] - 1},) to go "
            f"with A; got {arrays['mu.start'].shape} and {steps.shape}"
        )
    spectrum = arrays["mu.start"] + np.append(0.0, np.cumsum(np.logaddexp(0.0, steps)))
    return (np.concatenate([np.diag(spectrum)[None], features]),)


_FORMS: dict[frozenset[str], Callable[[Tensors], tuple[FloatArray, ...]]] = {
    frozenset({"diag.weight", "diag.bias", "off_diag.weight", "off_diag.bias"}): _layers,
    frozenset({"diag", "off_diag"}): _bands,
    frozenset({"matrices"}): _full,
    frozenset({"A", "B"}): _letters,
    frozenset({"A", "B", "C"}): _letters,
    frozenset({"A", "mu.start", "mu.increments"}): _increasing,
}

"""Slow and faithful: what the methods are compared with."""

from itertools import combinations, product
from math import factorial

import numpy as np
from scipy.integrate import quad_vec
from scipy.linalg import eigh

from spectral_interp import Pencil
from spectral_interp.attribution.changes import Changes


def dense(pencil):
    """Return the matrices A_0 … A_p of a pencil, (p + 1, d, d)."""
    if not isinstance(pencil, Pencil):
        return pencil.matrices
    return np.array(
        [np.diag(a) + np.diag(b, 1) + np.diag(b, -1) for a, b in zip(pencil.diag, pencil.off, strict=True)]
    )


def path_by_quadrature(pencil, z, r):
    """Integrate ``(z − r) v(t)ᵀA_i v(t)`` by SciPy's adaptive rule, broken where the spectrum is narrow.

    Returns diagonal and coupling contributions, (2, p).
    """
    matrices = dense(pencil)
    diagonals = np.array([np.diag(np.diag(a)) for a in matrices[1:]])
    parts = np.array([diagonals, matrices[1:] - diagonals])

    def spectrum(t):
        """Return the eigenvalues at a time or at several, (…, d)."""
        return np.linalg.eigvalsh(
            matrices[0] + np.tensordot(r + np.multiply.outer(t, z - r), matrices[1:], axes=1)
        )

    def integrand(t):
        matrix = matrices[0] + np.tensordot(r + t * (z - r), matrices[1:], axes=1)
        _, v = eigh(matrix, subset_by_index=[pencil.k, pencil.k], driver="evr")
        v = v[:, 0]
        return (z - r) * np.einsum("j,qijl,l->qi", v, parts, v)

    breaks = narrow_places(spectrum, pencil.k)
    return quad_vec(integrand, 0, 1, epsabs=1e-10, epsrel=1e-10, points=breaks, limit=20_000, norm="max")[0]


def narrow_places(spectrum, k):
    """Return where the gap around eigenvalue k has a minimum, found on a fine grid and refined."""
    t = np.linspace(0, 1, 2001)
    spectra = spectrum(t)
    places = []
    for low in (k - 1, k):
        if 0 <= low < spectra.shape[1] - 1:
            gap = spectra[:, low + 1] - spectra[:, low]
            for i in np.flatnonzero((gap[1:-1] < gap[:-2]) & (gap[1:-1] < gap[2:])) + 1:
                places.append(minimum(lambda s, low=low: np.diff(spectrum(s))[low], t[i - 1], t[i + 1]))
    return sorted(places)


def minimum(function, left, right):
    """Return the place of a minimum by golden section."""
    ratio = (5**0.5 - 1) / 2
    while right - left > 1e-13:
        a, b = right - ratio * (right - left), left + ratio * (right - left)
        left, right = (left, b) if function(a) < function(b) else (a, right)
    return (left + right) / 2


def game(pencil, z, background, column_of):
    """Return v(S) for one row as a dictionary from frozensets of columns."""
    columns = range(max(column_of) + 1)
    values = {}
    for members in product([False, True], repeat=len(columns)):
        chosen = np.array(members)[np.array(column_of)]
        values[frozenset(np.flatnonzero(members))] = pencil.values(np.where(chosen, z, background)).mean()
    return values


def shapley_interaction(v, i, j, c):
    """Return the interaction index of a game as the sum over subsets."""
    others = [player for player in range(c) if player not in (i, j)]
    total = 0.0
    for size in range(c - 1):
        weight = factorial(size) * factorial(c - size - 2) / factorial(c - 1)
        for chosen in combinations(others, size):
            s = frozenset(chosen)
            total += weight * (v[s | {i, j}] - v[s | {i}] - v[s | {j}] + v[s])
    return total


def plain_local(view, z, reference):
    """Return what method "local" returns, from the change matrix of every row and reference."""
    changes, (n, b) = Changes(view, z, reference), (len(z), len(reference))
    neurons, d = changes.neurons, changes.neurons.structure.dim
    row, ref = np.repeat(np.arange(n), b), np.tile(np.arange(b), n)
    delta = halves(changes, row, ref)
    delta = delta.reshape(n, b, *delta.shape[1:]).mean(axis=1)
    matrices = neurons.at(z)
    values, v = neurons.pairs(matrices)
    products = neurons.products(v)
    forms, base = delta * products[:, None], neurons.at(reference).mean(axis=0) * products
    found = {
        "diagonal": forms[..., :d].sum(axis=(2, 3)),
        "coupling": forms[..., d:].sum(axis=(2, 3)),
        "base_diagonal": base[..., :d].sum(axis=(1, 2)),
        "base_coupling": base[..., d:].sum(axis=(1, 2)),
        "prediction": values.sum(axis=1),
        "degenerate": neurons.degenerate(matrices),
    }
    found["values"] = found["diagonal"] + found["coupling"]
    found["base_values"] = found["base_diagonal"] + found["base_coupling"]
    if neurons.n_members > 1:
        found["refit_deviation"] = neurons.by_member(forms.sum(axis=3)).std(axis=2, ddof=1)
    return found


def halves(changes, row, ref):
    """Return the change matrices of the columns, (m, c, N, E), each with half of what its pairs change."""
    polynomial = changes.polynomial(row, ref)
    found = polynomial[:, : changes.columns]
    for q, pair in enumerate(changes.view.pairs, start=changes.columns):
        found[:, [pair.first, pair.second]] += polynomial[:, [q]] / 2
    return found

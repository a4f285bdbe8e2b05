"""Symmetric tridiagonal matrices that eigensolvers are known to get wrong, as (diag, off) pairs."""

import numpy as np

ORDERS = (1, 2, 3, 15, 45, 100, 500, 2000)


def _jacobi(weights):
    """Zero-diagonal Jacobi matrices with couplings weights(j, d), j = 1 … d − 1."""
    return [(np.zeros(d), weights(np.arange(1.0, d), d)) for d in ORDERS]


def wilkinson(half):
    return np.abs(np.arange(-half, half + 1.0)), np.ones(2 * half)


def glued(glue, copies=20):
    a, b = wilkinson(10)
    joined = np.append(b, glue)
    return np.tile(a, copies), np.tile(joined, copies)[:-1]


def graded():
    rng, pairs = np.random.default_rng(1), []
    for d in (3, 15, 100):
        for high, low in ((300, -300), (10, -10), (0, -300), (-300, -310)):
            scale = 10.0 ** np.linspace(high, low, d)
            pairs += [(scale, scale[:-1]), (scale[::-1], scale[1:][::-1])]
            pairs += [(scale * rng.normal(size=d), scale[1:] * rng.normal(size=d - 1))]
    return pairs


def weak_couplings():
    rng, pairs = np.random.default_rng(2), []
    for weak in (1e-8, 1e-16, 1e-20, 1e-160, 1e-300, 0.0):
        for d in (2, 3, 15, 100):
            off = np.where(rng.random(d - 1) < 0.4, weak, rng.normal(size=d - 1))
            pairs += [(rng.normal(size=d), off), (np.full(d, 0.7), off), (np.zeros(d), off)]
            pairs += [(rng.normal(size=d), np.full(d - 1, weak)), (np.full(d, 0.3), np.full(d - 1, weak))]
    return pairs


def persymmetric():
    rng, pairs = np.random.default_rng(3), []
    for d in (15, 16, 45, 100):
        a, b = rng.normal(size=d), rng.normal(size=d - 1)
        pairs += [(a + a[::-1], b + b[::-1]), (0 * a, b + b[::-1])]
    return pairs


def scaled(scales):
    rng = np.random.default_rng(4)
    return [(s * rng.normal(size=d), s * rng.normal(size=d - 1)) for s in scales for d in (1, 2, 15, 100)]


def random_matrices():
    rng = np.random.default_rng(0)
    return [(rng.normal(size=d), rng.normal(size=d - 1)) for d in ORDERS for _ in range(2)]


def equal_diagonals():
    rng = np.random.default_rng(5)
    return [(np.full(d, value), rng.normal(size=d - 1)) for d in ORDERS for value in (0.0, 3.0)]


def diagonal_matrices():
    rng = np.random.default_rng(6)
    pairs = [(rng.integers(-3, 4, size=d).astype(float), np.zeros(d - 1)) for d in ORDERS]
    return pairs + [(np.full(d, value), np.zeros(d - 1)) for d in ORDERS for value in (0.0, -1.0, 1 / 3)]


FAMILIES = {
    "random": random_matrices(),
    "1-2-1": [(np.full(d, 2.0), np.full(d - 1, -1.0)) for d in ORDERS],
    "Wilkinson": [wilkinson(half) for half in (1, 3, 10, 50)],
    "glued Wilkinson": [glued(glue) for glue in (1e-2, 1e-6, 1e-8, 1e-14, 1e-20, 0.0)],
    "Clement": _jacobi(lambda j, d: np.sqrt(j * (d - j))),
    "Legendre": _jacobi(lambda j, d: j / np.sqrt(4 * j * j - 1)),
    "Hermite": _jacobi(lambda j, d: np.sqrt(j / 2)),
    "Laguerre": [(2.0 * np.arange(d) + 1, np.arange(1.0, d)) for d in ORDERS],
    "graded": graded(),
    "huge and tiny": scaled((1e300, 1e150, 1e-150, 1e-300)),
    "subnormal": scaled((1e-320,)),
    "equal diagonals": equal_diagonals(),
    "weak couplings": weak_couplings(),
    "diagonal": diagonal_matrices(),
    "persymmetric": persymmetric(),
    "shifted": [(1e6 + a, b) for a, b in scaled((1.0,))],
}

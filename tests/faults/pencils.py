"""Pencils that are hard on floating-point arithmetic, a block of equal shape at a time."""

from dataclasses import dataclass

import numpy as np

from spectral_interp import Pencil

EPS, TINY = np.finfo(np.float64).eps, np.finfo(np.float64).smallest_subnormal
ROWS = 4  # of every pencil; the fourth is the first reference row
ORDERS = np.array([1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 40, 64, 100, 200])


@dataclass(frozen=True)
class Block:
    """Pencils diag (m, p + 1, d), off (m, p + 1, d - 1), k (m,) and rows z (m, 4, p), reference (m, 2, p)."""

    name: str
    diag: np.ndarray
    off: np.ndarray
    k: np.ndarray
    z: np.ndarray
    reference: np.ndarray

    def __len__(self):
        return len(self.k)

    @property
    def pencils(self):
        return map(Pencil, self.diag, self.off, self.k)

    @property
    def norms(self):
        """Return bounds of ``‖A_i‖₂``, the largest sums of absolute values in a row: (m, p + 1)."""
        sums, off = np.abs(self.diag), np.abs(self.off)
        sums[..., 1:] += off
        sums[..., :-1] += off
        return sums.max(axis=-1)

    def take(self, pencils, rows, background):
        """Return some of the pencils, with their first rows and background rows."""
        z, reference = self.z[pencils, :rows], self.reference[pencils, :background]
        return Block(self.name, self.diag[pencils], self.off[pencils], self.k[pencils], z, reference)

    def bands(self, z):
        """Return diagonals (m, r, d) and off-diagonals (m, r, d - 1) of A at rows z (m, r, p)."""
        ones = np.concatenate([np.ones((*z.shape[:2], 1)), z], axis=2)
        return ones @ self.diag, ones @ self.off


def blocks(seed, pencils, largest=ORDERS[-1], scale=None):
    """Yield so many pencils of orders up to ``largest``, on any scale or one, in 200 blocks or more."""
    orders, number = ORDERS[largest >= ORDERS], 0
    size = min(max(pencils // 200, 1), 50)
    while pencils > 0:
        rng, m = np.random.default_rng([seed, number]), min(size, pencils)
        d = int(rng.choice(orders, p=1 / orders / (1 / orders).sum()))
        yield draw(rng, f"{seed}/{number}", m, d, scale)
        number, pencils = number + 1, pencils - m


def draw(rng, name, m, d, scale=None):
    """Return a block of one shape of coefficients on one scale."""
    p = int(rng.choice([1, 2, 3, 5]))
    shape, scale = rng.choice(list(SHAPES)), scale or rng.choice(list(SCALES))
    z = rng.integers(-3, 4, size=(m, ROWS, p)).astype(float)
    reference = rng.integers(-3, 4, size=(m, 2, p)).astype(float)
    reference[:, 0] *= rng.random((m, 1)) < 0.5
    diag, off = SHAPES[shape](rng, m, p, d, z[:, 0])
    z[:, 1] = z[:, 0] + 10.0 ** rng.uniform(-16, -6, size=(m, 1)) * rng.normal(size=(m, p))
    z[:, 2] = 10.0 ** rng.uniform(-2, 2, size=(m, 1)) * rng.normal(size=(m, p))
    z[:, 3] = reference[:, 0]
    diag, off, factors = SCALES[scale](rng, diag, off)
    k = rng.choice([0, d // 2, d - 1], size=m) if d > 3 else rng.integers(d, size=m)
    return Block(f"{name} {shape}, {scale}", diag, off, k, z * factors, reference * factors)


# ------------------------------------------------------------------------------------ shapes of coefficients


def normal(rng, m, p, d, z):
    return rng.normal(size=(m, p + 1, d)), rng.normal(size=(m, p + 1, d - 1))


def integers(rng, m, p, d, z):
    """Ties, exact crossings and multiple eigenvalues at integer rows."""
    return rng.integers(-2, 3, (m, p + 1, d)) * 1.0, rng.integers(-1, 2, (m, p + 1, d - 1)) * 1.0


def diagonal(rng, m, p, d, z):
    diag, off = integers(rng, m, p, d, z) if rng.random() < 0.5 else normal(rng, m, p, d, z)
    return diag, 0 * off


def decoupled(rng, m, p, d, z):
    """Blocks without couplings between them: eigenvalues of different blocks cross."""
    diag, off = integers(rng, m, p, d, z) if rng.random() < 0.3 else normal(rng, m, p, d, z)
    return diag, off * (rng.random((m, 1, d - 1)) < 0.6)


def weakly_coupled(rng, m, p, d, z):
    diag, off = normal(rng, m, p, d, z)
    return diag, off * 10.0 ** rng.uniform(-160, -4, size=(m, 1, 1))


def partly_weakly_coupled(rng, m, p, d, z):
    diag, off = normal(rng, m, p, d, z)
    return diag, off * np.where(rng.random((m, 1, d - 1)) < 0.5, 10.0 ** rng.uniform(-20, -4, (m, 1, 1)), 1.0)


def twins(rng, m, p, d, z):
    """Two copies of one matrix, nearly: every eigenvalue has a neighbour close by at all rows."""
    diag, off = normal(rng, m, p, d, z)
    half, (near, weak) = (
        d // 2,
        10.0 ** rng.uniform([[-14], [-20]], [[-1], [-3]], size=(2, m))[..., None, None],
    )
    diag[..., half : 2 * half] = diag[..., :half] + near * rng.normal(size=(m, p + 1, 1))
    off[..., half : 2 * half - 1] = off[..., : half - 1] if half else 0
    off[..., half - 1 : half] *= weak * rng.integers(2, size=(m, 1, 1))
    return diag, off


def fixed_couplings(rng, m, p, d, z):
    diag, off = normal(rng, m, p, d, z)
    off[:, 1:] = 0
    return diag, off


def one_direction(rng, m, p, d, z):
    """A_1 … A_p multiples of one matrix, or of the identity."""
    diag, off = normal(rng, m, p, d, z)
    if rng.random() < 0.3:
        diag[:, 1], off[:, 1] = 1.0, 0.0
    factors = rng.integers(-2, 3, size=(m, p, 1))
    diag[:, 1:], off[:, 1:] = factors * diag[:, 1:2], factors * off[:, 1:2]
    return diag, off


def sparse(rng, m, p, d, z):
    """Most entries zero: whole matrices, too, and for small orders the whole pencil."""
    return tuple(part * (rng.random(part.shape) < 0.15) for part in normal(rng, m, p, d, z))


def meeting(matrix):
    """Return a shape whose pencils are the matrix (a, b) at the row z, exactly if it is made of integers."""

    def shape(rng, m, p, d, z):
        diag, off = integers(rng, m, p, d, z)
        a, b = matrix(rng, m, d)
        diag[:, 0] = a - (z[:, None] @ diag[:, 1:])[:, 0]
        off[:, 0] = b - (z[:, None] @ off[:, 1:])[:, 0]
        return diag, off

    return shape


def wilkinson(rng, m, d):
    """Pairs of eigenvalues that agree in almost all digits."""
    return np.abs(np.arange(d) - d // 2) * np.ones((m, 1)), np.ones((m, d - 1))


def glued(rng, m, d):
    a, b = np.abs(np.arange(d) % 9 - 4.0) * np.ones((m, 1)), np.ones((m, d - 1))
    b[:, 8::9] = 2.0 ** rng.integers(-60, -10, size=(m, 1))
    return a, b


def clustered(rng, m, d):
    near, weak = 10.0 ** rng.uniform(-17, -5, size=(2, m, 1))
    return 1 + near * rng.normal(size=(m, d)), weak * rng.normal(size=(m, d - 1))


def identical(rng, m, d):
    return np.full((m, d), 3.0), np.zeros((m, d - 1))


def zero(rng, m, d):
    return np.zeros((m, d)), np.zeros((m, d - 1))


def persymmetric(rng, m, d):
    a, b = rng.integers(-2, 3, (m, d)) * 1.0, rng.integers(-1, 2, (m, d - 1)) * 1.0
    return a + a[:, ::-1], b + b[:, ::-1]


def graded(rng, m, d):
    scale = 10.0 ** np.linspace(0, -rng.uniform(5, 300), d)
    return scale * rng.normal(size=(m, d)), scale[1:] * rng.normal(size=(m, d - 1))


SHAPES = {
    "normal": normal,
    "integers": integers,
    "diagonal": diagonal,
    "decoupled": decoupled,
    "weakly coupled": weakly_coupled,
    "partly weakly coupled": partly_weakly_coupled,
    "twins": twins,
    "fixed couplings": fixed_couplings,
    "one direction": one_direction,
    "sparse": sparse,
    **{f"{f.__name__} at a row": meeting(f) for f in (wilkinson, glued, clustered, identical, zero)},
    **{f"{f.__name__} at a row": meeting(f) for f in (persymmetric, graded)},
}

# --------------------------------------------------------------------------------------------------- scales


def scaled(low, high):
    """Return a scale: all coefficients times 10^low to 10^high."""

    def scale(rng, diag, off):
        factor = 10.0 ** rng.uniform(low, high, size=(len(diag), 1, 1))
        return factor * diag, factor * off, 1.0

    return scale


def per_feature(rng, diag, off):
    """A_i times a factor from 1e-150 to 1e150, and z_i by it: contributions keep their size."""
    m, rows, _ = diag.shape
    factor = 10.0 ** rng.uniform(-150, 150, size=(m, rows, 1))
    factor[:, 0] = 1.0
    return factor * diag, factor * off, 1 / factor[:, None, 1:, 0]


def per_matrix(rng, diag, off):
    """A_i times a factor from 1e-150 to 1e150, so that some features drown the others."""
    factor = 10.0 ** rng.uniform(-150, 150, size=(*diag.shape[:2], 1))
    return factor * diag, factor * off, 1.0


def per_latent(rng, diag, off):
    """Rows and columns times factors from 1e-75 to 1e75."""
    factor = 10.0 ** rng.uniform(-75, 75, size=(len(diag), 1, diag.shape[2]))
    return diag * factor * factor, off * factor[..., 1:] * factor[..., :-1], 1.0


SCALES = {
    "unit": scaled(0, 0),
    "ordinary": scaled(-6, 6),
    "1e150": scaled(149, 150),
    "1e-150": scaled(-150, -149),
    "1e290": scaled(285, 290),
    "1e-290": scaled(-290, -285),
    "subnormal": scaled(-322, -308),
    "per feature": per_feature,
    "per matrix": per_matrix,
    "per latent": per_latent,
}

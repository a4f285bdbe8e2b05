"""Models of random tables with gaps, levels and logarithms, and what raw rows say of them."""

import numpy as np

from spectral_interp import DensePencil, Pencil
from spectral_interp.view import LevelsAxis, ModelView, NumberAxis, Output, Rows

NEVER_SEEN = "never seen"


def random_axes(rng):
    """Return one to five columns of random kinds."""
    axes = []
    for place in range(int(rng.integers(1, 6))):
        name, kind = f"c{place}", rng.choice(["number", "gaps", "log", "log gaps", "levels", "other"])
        moments = {"mean": float(rng.normal()), "scale": float(rng.choice([1.0, 0.3, 2.5]))}
        if kind in ("levels", "other"):
            count = int(rng.integers(2, 5))
            names = [f"{name}{letter}" for letter in "abcd"[:count]]
            names[-1] = "other" if kind == "other" else names[-1]
            axes.append(LevelsAxis(name, tuple(names), tuple(map(float, rng.dirichlet(np.ones(count))))))
            continue
        if "gaps" in kind:
            moments |= {"median": float(np.exp(rng.normal())), "missing": float(rng.uniform(0.05, 0.9))}
        axes.append(NumberAxis(name, log="log" in kind, **moments))
    return tuple(axes)


def random_view(rng):
    """Return a model of random columns: some matrices pruned, semidefinite or multiples of the identity."""
    axes = random_axes(rng)
    p, d = sum(axis.n_features for axis in axes), int(rng.integers(1, 6))
    full = rng.normal(size=(p + 1, d, d))
    full = np.triu(np.tril(full + full.transpose(0, 2, 1), 1), -1)
    for i in range(1, p + 1):
        kind = rng.integers(6)
        if kind == 0:
            full[i] = 0
        elif kind == 1:
            full[i] = rng.choice([-1, 1]) * np.diag(rng.integers(0, 3, d))
        elif kind == 2:
            full[i] = rng.normal() * np.eye(d)
    diag, off = np.diagonal(full, 0, 1, 2), np.diagonal(full, 1, 1, 2)
    k = int(rng.choice([0, d - 1, d // 2]))
    pencil = DensePencil(full, k) if rng.random() < 0.2 else Pencil(diag, off, k)
    output = Output("u", ("no", "yes") if rng.random() < 0.3 else ())
    return ModelView(pencil, axes, output, np.zeros((1, p)))


def random_values(axis, rng, n):
    """Return values of a column: numbers, levels, gaps where training had some, and an unknown level."""
    if isinstance(axis, LevelsAxis):
        return rng.choice(np.array([*axis.levels, NEVER_SEEN], dtype=object), n)
    x = axis.values(rng.normal(size=n) * rng.choice([0.5, 3.0], n))
    return np.where(rng.random(n) < 0.3, np.nan, x) if axis.median is not None else x


def encoded(view, columns):
    """Return the features of raw columns (each (n,)), (n, p)."""
    return np.hstack([axis.encode(columns[axis.name]) for axis in view.axes])


def random_rows(view, rng, n):
    """Return raw columns of n rows."""
    return {axis.name: random_values(axis, rng, n) for axis in view.axes}


def rows_of_columns(view, columns):
    """Return raw columns as rows of the model."""
    z = encoded(view, columns)
    return Rows(
        view, z, np.column_stack([np.asarray(v, dtype=object) for v in columns.values()]), np.arange(len(z))
    )

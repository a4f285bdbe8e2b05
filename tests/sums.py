"""Made-up sums of neurons on columns of every kind, and what their definitions say of them."""

import numpy as np

from spectral_interp import Pencil
from spectral_interp.pencil import Total
from spectral_interp.view import DateAxis, HatsAxis, LevelsAxis, ModelView, NumberAxis, Output, Pair, Rows

DAYS = DateAxis("day", 19000.0, 400.0, 18000.0, 20000.0, month=(1 / 12,) * 12, median=19100.0, missing=0.1)


def random_sum(rng, *, neurons=3, members=2, dim=5, diagonal=False, pairs=True):
    """Return the view of a total on a linear number, hats with and without gaps, levels, a date, pairs."""
    axes = (
        NumberAxis("plain", 1.0, 2.0, median=0.5, missing=0.2),
        HatsAxis("bent", knots=tuple(np.sort(rng.normal(size=5)))),
        LevelsAxis("city", ("Oslo", "Rome", "missing"), (0.5, 0.3, 0.2)),
        HatsAxis("gappy", 3.0, 0.5, median=3.2, missing=0.1, knots=(-1.0, 0.2, 1.5)),
        DAYS,
        HatsAxis("logged", 0.3, 1.2, log=True, knots=(-2.0, 0.0, 0.1, 2.0)),
    )
    chosen = (
        Pair(1, 3, sign=-1.0, mean=0.1, scale=1.4, knots=(-1.5, -0.2, 0.4, 1.6)),
        Pair(0, 5, sign=1.0, mean=0.0, scale=0.8, knots=(-1.0, 1.0)),
        Pair(1, 5, sign=1.0, mean=-0.3, scale=1.1, knots=(-0.5, 0.1, 0.9)),
    )
    p = sum(axis.n_features for axis in axes) + (sum(len(pair.knots) for pair in chosen) if pairs else 0)
    shape = (neurons * members, p + 1)
    diag, off = rng.normal(size=(*shape, dim)), rng.normal(size=(*shape, dim - 1)) * (not diagonal)
    weights = rng.choice([-1.0, 0.5, 2.0], neurons * members) / members
    pencils = [Pencil(a, b, int(rng.integers(dim))) for a, b in zip(diag, off, strict=True)]
    total = Total(pencils, weights, np.repeat(np.arange(members), neurons))
    view = ModelView(total, axes, Output("u"), np.empty((0, p)), pairs=chosen if pairs else ())
    return view


def random_table(rng, n):
    """Return the columns of ``n`` rows in the order of the axes, gaps among them."""
    gaps = rng.random((2, n)) < 0.3
    days = np.datetime64("2021-01-01") + rng.integers(0, 900, n)
    return [
        np.where(gaps[0], np.nan, rng.normal(1, 2, n)),
        rng.normal(size=n) * 1.5,
        rng.choice(np.array(["Oslo", "Rome", None, "Atlantis"], dtype=object), n),
        np.where(gaps[1], np.nan, rng.normal(3, 0.5, n)),
        np.where(rng.random(n) < 0.2, np.datetime64("NaT", "D"), days),
        np.exp(rng.normal(size=n)),
    ]


def encoded(view, table):
    """Return the features of a table."""
    blocks = [axis.encode(column) for axis, column in zip(view.axes, table, strict=True)]
    return view.with_pairs(np.hstack(blocks))


def rows_of_table(view, table):
    """Return the table as rows of the model."""
    z = encoded(view, table)
    data = np.empty((len(z), len(table)), dtype=object)
    for at, column in enumerate(table):
        data[:, at] = (
            column.tolist() if column.dtype.kind != "M" else [None if np.isnat(d) else d for d in column]
        )
    return Rows(view, z, data, np.arange(len(z)))


def mixed(view, table, row, references, chosen):
    """Return the features of reference rows (b, p) whose ``chosen`` columns are those of a row."""
    columns = [
        np.repeat(column[row : row + 1], len(reference)) if own else reference
        for column, reference, own in zip(table, references, chosen, strict=True)
    ]
    return encoded(view, columns)


def matrices(view, z):
    """Return A(z) in full for every neuron, (n, N, d, d), from its definition."""
    found = []
    for weight, pencil in zip(view.function.weights, view.function.pencils, strict=True):
        full = [
            np.diag(a) + np.diag(b, 1) + np.diag(b, -1) for a, b in zip(pencil.diag, pencil.off, strict=True)
        ]
        found.append(weight * (full[0] + np.tensordot(z, np.array(full[1:]), axes=1)))
    return np.array(found).swapaxes(0, 1)


def change_matrices(view, table, row, references, at):
    """Return Δ of every column, (c, N, d, d), for a row and the reference ``at``: each pair by its own game.

    A column changes its own features from the reference to the row; a pair's change is shared by the Shapley
    value of its two columns.
    """
    one = [column[at : at + 1] for column in references]
    own = ModelView(view.function, view.axes, view.output, view.background, pairs=view.pairs)
    nothing = matrices(view, mixed(own, table, row, one, [False] * len(table)))[0]
    c = len(view.axes)
    found = np.zeros((c, *nothing.shape))

    def value(columns):
        chosen = [place in columns for place in range(c)]
        return matrices(view, mixed(own, table, row, one, chosen))[0]

    singles = [value({place}) - nothing for place in range(c)]
    for place in range(c):
        found[place] = singles[place]
    for pair in view.pairs:
        both = value({pair.first, pair.second}) - nothing - singles[pair.first] - singles[pair.second]
        found[pair.first] += both / 2
        found[pair.second] += both / 2
    return found

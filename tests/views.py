"""Rows of made-up models, with columns of several features."""

import numpy as np

from spectral_interp.view import LevelsAxis, ModelView, NumberAxis, Output, Rows


def grouped_rows(function, z, columns, column_of, background, *, data=None, unit="u", classes=()):
    """Return rows of a model whose columns have the features that ``column_of`` gives them."""
    counts = np.bincount(column_of, minlength=len(columns))
    axes = tuple(
        NumberAxis(name)
        if count == 1
        else LevelsAxis(name, tuple(map(str, range(count))), (1 / count,) * int(count))
        for name, count in zip(columns, counts, strict=True)
    )
    view = ModelView(function, axes, Output(unit, classes), np.asarray(background))
    return Rows(view, z, z[:, : len(columns)] if data is None else data, np.arange(len(z)))

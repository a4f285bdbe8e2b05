"""Models of every kind with rows of theirs, made quickly."""

from dataclasses import replace

import numpy as np
import pandas as pd

from spectral_interp.batches import Portable
from spectral_interp.tables import TableEncoder
from tests.sums import random_sum, random_table

NAMES = ("plain", "bent", "city", "gappy", "day", "logged")


def sum_model(seed=0, **options):
    """Return a sum of neurons on columns of every kind, with pairs, as it travels."""
    view = random_sum(np.random.default_rng(seed), neurons=16, dim=5, **options)
    encoder = TableEncoder(view.axes, pairs=view.pairs)
    background = encoder.encode(table(20, seed + 1), quiet=True)
    return Portable(encoder, replace(view, background=background))


def table(n, seed=0):
    """Return rows of the sum."""
    columns = random_table(np.random.default_rng(seed), n)
    return pd.DataFrame(dict(zip(NAMES, columns, strict=True)))


def divided(frame, rng, *, most=40):
    """Return the rows of a table in batches of random sizes, some empty."""
    ends = np.sort(rng.integers(0, len(frame) + 1, len(frame) // most + 3))
    return [frame.iloc[a:b] for a, b in zip([0, *ends], [*ends, len(frame)], strict=True)]

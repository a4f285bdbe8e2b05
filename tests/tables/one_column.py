"""Encoders of a table of one column, ``a``."""

import pandas as pd

from spectral_interp.tables.encoder import TableEncoder


def fit(values, **options):
    return TableEncoder.fit(pd.DataFrame({"a": values}), **options)


def encode(encoder, values):
    return encoder.encode(pd.DataFrame({"a": values}))

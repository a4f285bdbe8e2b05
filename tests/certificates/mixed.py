"""A model of a table with columns of every kind."""

import functools

import numpy as np
import pandas as pd

from spectral_interp import SpectralRegressor


@functools.cache
def mixed():
    """Return a model of a table with a logged, a gappy, a two-level and a three-level column."""
    rng, n = np.random.default_rng(1), 300
    frame = pd.DataFrame(
        {
            "age": rng.normal(50, 10, n),
            "income": np.exp(rng.normal(10, 1, n)),
            "dose": np.where(rng.random(n) < 0.2, np.nan, rng.normal(3, 2, n)),
            "smoker": rng.random(n) < 0.4,
            "city": rng.choice(["Oslo", "Bergen", "Rome"], n),
        }
    )
    y = frame["age"] + 5 * np.log(frame["income"]) + frame["dose"].fillna(0) + 9 * frame["smoker"]
    y += frame["city"].map({"Oslo": 0.0, "Bergen": 4.0, "Rome": -7.0})
    est = SpectralRegressor(dim=2, n_epochs=300, random_state=0, log=["income"], form="single")
    return est.fit(frame, y.rename("risk")), frame

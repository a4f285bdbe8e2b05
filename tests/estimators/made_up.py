"""Made-up tables with gaps, levels, logarithms and weights, models with promises of them, and attacks."""

import warnings

import numpy as np
import pandas as pd

from spectral_interp import SpectralClassifier, SpectralRegressor

GRADES = ("A", "B", "C", "D")


def columns(rng, n):
    """Return n rows of every kind of column, which have nothing to do with each other."""
    return pd.DataFrame(
        {
            "a": rng.normal(size=n),
            "gappy": np.where(rng.random(n) < 0.15, np.nan, rng.normal(3, 2, n)),
            "skewed": np.exp(1.5 * rng.normal(size=n)),
            "few": rng.integers(0, 4, n).astype(float),
            "flag": rng.integers(0, 2, n),
            "grade": rng.choice(GRADES, n, p=[0.4, 0.3, 0.2, 0.1]),
            "city": rng.choice(np.array(["Oslo", "Rome", None], dtype=object), n),
            "day": pd.to_datetime("2021-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
        }
    )


def made_up(seed, **options):
    """Return an estimator fitted with random promises, its table, and the promises."""
    rng = np.random.default_rng(seed)
    X = columns(rng, n := int(rng.integers(150, 700)))
    places = X["grade"].map(dict(zip(GRADES, rng.permutation(4), strict=True)))
    y = (
        rng.normal() * X["a"]
        + np.sin(rng.uniform(1, 3) * X["a"]) * rng.normal()
        + 2 * rng.normal() * (X["a"] > X["gappy"].fillna(3) - 3)
    )
    y += rng.normal() * np.log(X["skewed"]) + rng.normal() * X["few"] * X["flag"] + rng.normal() * places
    y += rng.normal() * (X["city"] == "Oslo") + rng.normal(size=n) * rng.uniform(0.1, 1)
    y *= 10.0 ** rng.integers(-3, 6)
    names = rng.permutation(["a", "gappy", "skewed", "few", "flag", "grade", "day"])[: rng.integers(1, 5)]
    promises = {
        str(name): tuple(map(str, rng.permutation(GRADES))) if name == "grade" else int(rng.choice([-1, 1]))
        for name in names
    }
    weight = rng.choice([0.0, 0.3, 1.0, 2.0], n) if rng.random() < 0.5 else None
    form = rng.choice(["sum", "sum", "single", "auto"])
    settings = {"form": form, "monotone": promises, "random_state": seed}
    settings |= {"members": int(rng.integers(1, 4))} if form != "single" else {}
    settings |= {"dim": int(rng.integers(1, 8)), "n_epochs": 60} if form != "sum" else {}
    settings |= {"norm_penalty": 0.02} if rng.random() < 0.2 else {}
    kind, y = (SpectralClassifier, y > np.median(y)) if rng.random() < 0.4 else (SpectralRegressor, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kind(**settings | options).fit(X, y, weight), X, promises


def attacked(est, X, name, wanted, n, seed):
    """Return how predictions change where a promise says that they do not fall, (n,), and their spread.

    All columns are drawn at random, also outside of the training range, and then the promised one is raised.
    """
    rng = np.random.default_rng([seed, n])
    rows = columns(rng, n)
    for column in ("a", "gappy", "few"):
        rows[column] *= rng.choice([1.0, 5.0], n)
    rows["skewed"] *= rng.choice([1.0, 1e-6, 0.0, -1.0], n, p=[0.7, 0.1, 0.1, 0.1])
    after = rows.copy()
    if isinstance(wanted, tuple):
        low, high = np.sort(rng.integers(0, len(wanted), (2, n)), axis=0)
        rows[name], after[name] = np.array(wanted)[low], np.array(wanted)[high]
    elif name == "day":
        after[name] += pd.to_timedelta(rng.integers(0, 2000, n), unit="D")
    else:
        after[name] = rows[name] + np.abs(rng.normal(size=n)) * 10.0 ** rng.uniform(-6, 1, n)
        rows[name] = rows[name].fillna(1.0)
        after[name] = after[name].fillna(1.0 + rng.exponential())
    values = getattr(est, "decision_function", est.predict)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, then = values(rows), values(after)
    sign = 1 if isinstance(wanted, tuple) else wanted
    return sign * (then - before), np.std(before)

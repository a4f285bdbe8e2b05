"""A fit divided: one member on each part of a table, merged into one model.

The first fit decides on columns, knots and pairs, and the others take them over by ``like``, so that they can
be trained apart, on other machines too. ``merge`` averages them. The picture shows errors on held-out rows:
those of the members, trained on one part each, and that of the merged model.
"""

import numpy as np
from _gallery import arguments, save
from matplotlib import pyplot as plt
from sklearn.datasets import make_friedman1
from sklearn.metrics import root_mean_squared_error

from spectral_interp import SpectralRegressor, explain, merge, plots

args = arguments(__doc__).parse_args()

parts = 2 if args.quick else 6
X, y = make_friedman1(n_samples=300 * parts + 1000, n_features=6, noise=1.0, random_state=0)
X_test, y_test = X[-1000:], y[-1000:]
rows = np.array_split(np.arange(300 * parts), parts)  # the rows are in random order


def fitted(part: np.ndarray, seed: int, like: SpectralRegressor | None = None) -> SpectralRegressor:
    """Return a sum of one member, fitted on a part of the rows."""
    return SpectralRegressor(form="sum", members=1, random_state=seed).fit(X[part], y[part], like=like)


first = fitted(rows[0], seed=0)
members = [first, *(fitted(part, seed, like=first) for seed, part in enumerate(rows[1:], start=1))]
whole = merge(members)
errors = [root_mean_squared_error(y_test, model.predict(X_test)) for model in members]
merged = root_mean_squared_error(y_test, whole.predict(X_test))
print(f"Errors of {parts} members (RMSE): from {min(errors):.2f} to {max(errors):.2f}; merged: {merged:.2f}")
mean = np.mean([model.predict(X_test) for model in members], axis=0)
print(f"Largest difference from the mean of the members: {abs(whole.predict(X_test) - mean).max():.0e}")
deviation = explain(whole, X_test).refit_deviation
print(f"Contributions deviate over the members by {deviation.mean():.2f} (mean over rows and columns).")

with plots.style():
    figure, ax = plt.subplots(figsize=(7.2, 3.6))
    ax.plot(errors, np.arange(parts) + 1, "o", color=plots.COLOURS[0], label="a member, on its part")
    ax.axvline(merged, color=plots.COLOURS[2], label="all merged")
    ax.axvline(1.0, color=plots.COLOURS[4], linestyle="--", label="noise of the target")
    ax.set(xlabel="error at held-out rows (RMSE)", ylabel="part")
    ax.legend()
    save(args)

"""Certificates attacked: random search tries to break what is proven, and does not.

``certify`` encloses the slope along every column, for all inputs, by the eigenvalues of the column's matrix.
The attack draws pairs of standardised patients that differ in one column only, far beyond the range of the
data too, and measures the slope between them. The picture shows the proven interval of every column and the
interval of the slopes found.
"""

import numpy as np
import pandas as pd
from _gallery import arguments, save
from matplotlib import pyplot as plt
from sklearn.datasets import load_diabetes

from spectral_interp import SpectralRegressor, certify, plots

args = arguments(__doc__).parse_args()

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
est = SpectralRegressor(form="single", n_epochs=30 if args.quick else 300, random_state=0)
proven = certify(est.fit(X, y.rename("progression"))).columns().set_index("column")

rng, n = np.random.default_rng(0), 1_000 if args.quick else 50_000
attacked = {}
for at, name in enumerate(X.columns):
    start = rng.choice([0.5, 1, 3, 10], size=(n, 1)) * rng.standard_normal((n, X.shape[1]))
    step = rng.choice([0.01, 1, 10], size=n)
    end = start + step[:, None] * np.eye(X.shape[1])[at]
    attacked[name] = (est.function_.values(end) - est.function_.values(start)) / step
slopes = pd.DataFrame(attacked)
beyond = (slopes < proven["low"] - 1e-6) | (slopes > proven["high"] + 1e-6)
reached = (slopes.max() - slopes.min()) / (proven["high"] - proven["low"])
print(f"{beyond.to_numpy().sum()} of {slopes.size:,} slopes are outside of what is proven.")
print(f"The attack reached from {reached.min():.0%} to {reached.max():.0%} of the width of the intervals.")

lines = proven.assign(least=slopes.min(), largest=slopes.max()).sort_values("norm")
with plots.style():
    figure, ax = plt.subplots(figsize=(7.2, plots.height(len(lines))))
    ax.hlines(lines.index, lines["low"], lines["high"], color="lightgrey", linewidth=11, label="proven")
    found = lines["least"], lines["largest"]
    ax.hlines(lines.index, *found, color=plots.COLOURS[0], linewidth=4, label="found")
    ax.axvline(0, color=plots.COLOURS[4], linewidth=0.8)
    ax.set_xlabel("slope (progression per standard deviation)")
    ax.legend(loc="lower right")
    save(args)

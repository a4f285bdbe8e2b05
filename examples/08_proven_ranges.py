"""Proven ranges: how far a prediction can move while every measurement is a little off.

All eight measurements of a patient may be wrong by up to some percent at once. ``certify`` bounds every
prediction in that box from the matrices of the model; a search attains predictions close to these bounds.
The picture shows both, with random patients from the boxes.
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
cert = certify(est.fit(X, y.rename("progression")))

patient = X[:1]
measured = patient.columns.drop(["age", "sex"])
off = np.linspace(0.5, 5, 3 if args.quick else 10)  # percent
rng = np.random.default_rng(0)
lines, sampled = [], []
for percent in off:
    share = percent / 100
    limits = {
        name: (patient[name].item() * (1 - share), patient[name].item() * (1 + share)) for name in measured
    }
    found = cert.range(limits, patient, max_evaluations=500)
    lines.append((found.low, found.attained_low, found.attained_high, found.high))
    inside = pd.concat([patient] * 200, ignore_index=True)
    inside[measured] *= 1 + share * rng.uniform(-1, 1, (200, len(measured)))
    sampled.append(est.predict(inside))
low, attained_low, attained_high, high = np.array(lines).T
print(f"Measurements off by up to {off[-1]:.0f} %: {found}")
values = np.array(sampled).T
outside = ((values < low) | (values > high)).sum()
print(f"Of {values.size:,} random patients in the boxes, {outside} are outside of the proven range.")
print(f"In the largest box they span {np.ptp(sampled[-1]) / (high[-1] - low[-1]):.0%} of the proven range.")

with plots.style():
    figure, ax = plt.subplots(figsize=(7.2, 4.6))
    ax.fill_between(off, low, high, color=plots.COLOURS[4], alpha=0.2, label="proven")
    ax.plot(off, attained_low, color=plots.COLOURS[0], label="attained")
    ax.plot(off, attained_high, color=plots.COLOURS[0])
    ax.plot(np.repeat(off, 200), np.ravel(sampled), ".", color=plots.COLOURS[1], markersize=3, label="random")
    ax.set(xlabel="measurements off by up to (percent)", ylabel="prediction (progression)")
    ax.set_title(f"All {len(measured)} measurements off at once")
    ax.legend(loc="upper left")
    save(args)

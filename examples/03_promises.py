"""A promise: predictions never rise with the mileage of a car, whatever else is known about it.

In this made-up table only well-kept cars are still for sale after 120,000 km, and no column holds how well a
car was kept. A free model therefore learns that driving on makes a car dearer. The promise rules that out for
every input, and is proven from the numbers of the fitted model. The picture shows the predicted prices of
twenty cars as their mileage changes and nothing else; thick lines rise.
"""

import numpy as np
import pandas as pd
from _gallery import arguments, save
from matplotlib import pyplot as plt

from spectral_interp import SpectralRegressor, certify, plots

args = arguments(__doc__).parse_args()

rng = np.random.default_rng(0)
ranges = {"mileage": (0, 200), "age": (0, 12), "power": (50, 200)}  # thousand km, years, horsepower
cars = pd.DataFrame({name: rng.uniform(*ends, size=300) for name, ends in ranges.items()})
kept = 2.5 * (cars["mileage"] > 120)
price = 8 + 0.1 * cars["power"] * np.exp(-cars["mileage"] / 150 - cars["age"] / 10) + kept
price = (price + rng.normal(0, 1, 300)).rename("price")

settings = {"form": "sum", "members": 1 if args.quick else 4, "random_state": 0}
models = {
    "free": SpectralRegressor(**settings).fit(cars, price),
    "promised": SpectralRegressor(monotone={"mileage": -1}, **settings).fit(cars, price),
}
mileage = np.linspace(0, 200, 101)
shown = cars[::15]
driven = shown.loc[shown.index.repeat(len(mileage))].assign(mileage=np.tile(mileage, len(shown)))

with plots.style():
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 4.2), sharey=True)
    for ax, (name, est) in zip(axes, models.items(), strict=True):
        prices = est.predict(driven).reshape(len(shown), -1)
        rises = np.diff(prices) > 0
        print(f"{name}: rises somewhere for {rises.any(axis=1).sum()} of {len(shown)} cars")
        proven = certify(est).column("mileage")["monotone"]
        print(f"{name}: {'proven that no prediction rises' if proven == -1 else 'no direction is proven'}")
        ax.plot(mileage, prices.T, color=plots.COLOURS[0], alpha=0.5, linewidth=1)
        rising = np.where(np.pad(rises, ((0, 0), (1, 0))) | np.pad(rises, ((0, 0), (0, 1))), prices, np.nan)
        ax.plot(mileage, rising.T, color=plots.COLOURS[1], linewidth=2)
        ax.set(
            title=f"{name}: rises for {rises.any(axis=1).sum()} of {len(shown)}",
            xlabel="mileage (thousand km)",
        )
    axes[0].set_ylabel("predicted price (thousand €)")
    save(args)

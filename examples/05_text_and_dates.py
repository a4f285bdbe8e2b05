"""Text and dates: one contribution for each, compared with a truth that is known.

Bicycles rented on 730 made-up days depend on the season, on the weekday and on the weather. The model gets a
date and a word, and explains both as columns. The picture compares their contributions, averaged over months
and by word, with the effects that made the table.
"""

import numpy as np
import pandas as pd
from _gallery import arguments, save
from matplotlib import pyplot as plt
from matplotlib.dates import ConciseDateFormatter, MonthLocator

from spectral_interp import SpectralRegressor, explain, plots

args = arguments(__doc__).parse_args()

rng = np.random.default_rng(0)
day = pd.Series(pd.date_range("2023-01-01", periods=730, freq="D"))
weather = pd.Series(rng.choice(["sun", "clouds", "rain", "snow"], 730, p=[0.4, 0.3, 0.2, 0.1]))
days = pd.DataFrame({"day": day, "weather": weather})
of_weather = weather.map({"sun": 60.0, "clouds": 20.0, "rain": -80.0, "snow": -120.0})
of_day = 100 * np.sin(2 * np.pi * (day.dt.day_of_year - 100) / 365) + 50 * (day.dt.day_of_week >= 5)
rentals = (300 + of_weather + of_day + rng.normal(0, 30, 730)).rename("rentals")

est = SpectralRegressor(form="sum", members=1 if args.quick else 4, random_state=0).fit(days, rentals)
found = explain(est, days, method="shapley", background=days)
contributions = pd.DataFrame(found.values, columns=found.columns)
truth = pd.DataFrame({"day": of_day - of_day.mean(), "weather": of_weather - of_weather.mean()})
for name in found.columns:
    error, spread = (contributions[name] - truth[name]).std(), truth[name].std()
    print(f"{name}: error of the contributions {error:.1f} rentals, spread of the truth {spread:.1f}")

month = day.dt.to_period("M").dt.start_time
with plots.style():
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 4.2), sharey=True, width_ratios=[3, 2])
    for ax, name, group in zip(axes, found.columns, (month, weather), strict=True):
        true, ours = truth[name].groupby(group).mean(), contributions[name].groupby(group).mean()
        order = true.index if name == "day" else true.sort_values().index
        ax.plot(order, true[order], "o", color="black", fillstyle="none", markersize=10, label="truth")
        ax.plot(order, ours[order], "o", color=plots.COLOURS[0], markersize=5, label="contribution")
        ax.set_title(name)
    axes[0].set_ylabel("effect on rentals (bicycles)")
    axes[0].xaxis.set_major_locator(MonthLocator([1, 7]))
    axes[0].xaxis.set_major_formatter(ConciseDateFormatter(axes[0].xaxis.get_major_locator()))
    axes[1].legend(loc="lower right")
    save(args)

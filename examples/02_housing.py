"""The sum form on California housing: as accurate as gradient boosting, and still taken apart exactly.

The contributions of longitude and latitude together are what a location adds to the predicted value of a
house. The picture is their map at held-out districts. Name a CSV file with ``--data``, with its target in the
last column; without one, scikit-learn downloads its copy, whose columns differ.
"""

from pathlib import Path

import pandas as pd
from _gallery import arguments, save
from matplotlib import pyplot as plt
from sklearn.datasets import fetch_california_housing
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

from spectral_interp import SpectralRegressor, explain, plots

parser = arguments(__doc__)
parser.add_argument("--data", type=Path, help="CSV file of districts")
args = parser.parse_args()

table = pd.read_csv(args.data) if args.data else fetch_california_housing(as_frame=True).frame
table.columns = table.columns.str.lower()
target = table.columns[-1]
X_train, X_test, y_train, y_test = train_test_split(
    table.drop(columns=target), table[target], test_size=3000 if len(table) > 9000 else 0.3, random_state=0
)

est = SpectralRegressor(form="sum", members=1 if args.quick else 4, random_state=0).fit(X_train, y_train)
boosting = HistGradientBoostingRegressor(random_state=0).fit(X_train, y_train)
for name, model in {"sum of neurons": est, "gradient boosting": boosting}.items():
    error = root_mean_squared_error(y_test, model.predict(X_test))
    print(f"Error of {name} at {len(X_test):,} held-out districts (RMSE of {target}): {error:,.5g}")

found = explain(est, X_test)
location = [found.columns.index("longitude"), found.columns.index("latitude")]
adds = found.values[:, location].sum(axis=1)
print(f"The location adds from {adds.min():,.6g} to {adds.max():,.6g} to a prediction.")
print(f"Largest difference of a prediction from its parts: {found.completeness_gap.max():.0e}")

with plots.style():
    figure, ax = plt.subplots(figsize=(7.2, 6.4))
    most = abs(adds).max()
    dots = ax.scatter(
        X_test["longitude"], X_test["latitude"], c=adds, s=9, cmap="RdBu_r", vmin=-most, vmax=most
    )
    figure.colorbar(dots, label=f"contribution of the location ({target})", format="{x:,.6g}")
    ax.set(xlabel="longitude (degrees)", ylabel="latitude (degrees)", title="What a location adds")
    save(args)

"""Missing values and unknown levels: nothing is filled in silently.

A gap in a column is a feature of its own, so that the model learns what a missing value means. In this
made-up table the year of building is missing for old flats, which are cheap. The picture shows the curves of
the columns, the gap beside them. A warning names levels in new rows that training did not have.
"""

import warnings

import numpy as np
import pandas as pd
from _gallery import arguments, save

from spectral_interp import SpectralRegressor, certify, explain, plots

args = arguments(__doc__).parse_args()

rng = np.random.default_rng(0)
year, size = rng.integers(1900, 2024, 800).astype(float), rng.uniform(20, 150, 800)
flats = pd.DataFrame({"year": year, "size": size, "district": rng.choice(["Hill", "Lake", "Station"], 800)})
rent = 200 + 9 * size + 3 * (year - 1960) + 150 * (flats["district"] == "Lake") + rng.normal(0, 60, 800)
flats.loc[year < 1940, "year"] = np.nan
flats.loc[rng.uniform(size=800) < 0.05, "size"] = np.nan
print(f"Missing: {flats['year'].isna().sum()} years and {flats['size'].isna().sum()} sizes of {len(flats)}")

est = SpectralRegressor(form="sum", members=1 if args.quick else 4, random_state=0).fit(
    flats, rent.rename("rent")
)
new = pd.DataFrame({"year": [np.nan, 1990.0], "size": [70.0, 70.0], "district": ["Hill", "Harbour"]})
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    found = explain(est, new)
print(found.to_frame()[["row", "column", "value", "contribution"]].to_string(index=False))
print("\n".join(f"Warning: {warning.message}" for warning in caught))

cert = certify(est, flats)
print("\n".join(words for words in cert.sentences() if "missing" in words))
plots.curves(cert, ["year", "size", "district"])
save(args)

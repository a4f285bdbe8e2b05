"""Inside a neuron: read its matrices, and see which latents and bonds make a prediction.

A bill is the highest of three tariffs, each linear in the energy used and in the peak load. The largest
eigenvalue of a diagonal matrix is also a maximum of linear functions, so a neuron with three latents can hold
one tariff in each. The picture is the chain at one customer: the weight of every latent and bond in the
eigenvector, and what each column adds there.
"""

import numpy as np
import pandas as pd
from _gallery import arguments, save

from spectral_interp import SpectralRegressor, explain, linear_regions, plots

args = arguments(__doc__).parse_args()

rng = np.random.default_rng(0)
use = pd.DataFrame({"energy": rng.uniform(0, 100, 800), "peak": rng.uniform(0, 10, 800)})
tariffs = {"base": (40, 0.2, 0), "energy": (5, 0.9, 1), "peak": (10, 0.3, 6)}  # fixed, per kWh, per kW
bills = pd.DataFrame({name: a + b * use["energy"] + c * use["peak"] for name, (a, b, c) in tariffs.items()})
y = (bills.max(axis=1) + rng.normal(0, 1, len(use))).rename("bill")

est = SpectralRegressor(
    form="single", dim=3, curvature="convex", n_epochs=40 if args.quick else 300, random_state=0
).fit(use, y)
print(f"R²: {est.score(use, y):.4f}; the largest of {est.dim} eigenvalues (k = {est.pencil_.k})")
print("Diagonals of the intercept and of both columns (standardised), in €:")
print(pd.DataFrame(est.pencil_.diag, ["intercept", *est.view().features]).round(1).to_string())
print("Off-diagonals, the bonds between neighbouring latents:")
print(pd.DataFrame(est.pencil_.off, ["intercept", *est.view().features]).round(1).to_string())

regions = linear_regions(est, use)
active = pd.Series(regions.active_latent).map("latent {}".format).rename("leading latent")
print("Customers by their tariff and by the latent that leads the diagonal part:")
print(pd.crosstab(bills.idxmax(axis=1).rename("tariff"), active).to_string())

between = regions.participation.argmax()  # the customer whose eigenvector is spread over most latents
plots.chain(explain(est, use), between)
save(args)

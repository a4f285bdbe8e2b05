"""Side by side with SHAP: the same numbers for one model, and SHAP's own plots for two.

``explain`` computes the Shapley values of a spectral model exactly, and ``to_shap`` hands them to SHAP's
plots. The picture is SHAP's beeswarm of our values for a spectral model, beside that of ``TreeExplainer`` for
gradient boosting, both against the same background.
"""

import numpy as np
import shap
from _gallery import arguments, save
from matplotlib import pyplot as plt
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.model_selection import train_test_split

from spectral_interp import SpectralRegressor, explain, plots

args = arguments(__doc__).parse_args()

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
background = X_train.sample(25, random_state=0)

est = SpectralRegressor(form="single", n_epochs=30 if args.quick else 300, random_state=0)
est.fit(X_train, y_train)
boosting = GradientBoostingRegressor(random_state=0).fit(X_train, y_train)

ours = explain(est, X_test, method="shapley", background=background)
few = X_test[: 2 if args.quick else 20]
theirs = shap.ExactExplainer(est.predict, shap.maskers.Independent(background))(few, silent=True)
difference = abs(ours.values[: len(few)] - theirs.values).max()
print(f"Largest difference from shap.ExactExplainer over {len(few)} rows: {difference:.0e} of progression")

of_trees = shap.TreeExplainer(boosting, data=background)(X_test)
agreement = np.corrcoef(ours.values.ravel(), of_trees.values.ravel())[0, 1]
print(f"Correlation with the contributions of gradient boosting, another model: {agreement:.2f}")

np.random.seed(0)  # noqa: NPY002 -- which places the dots of SHAP's plots
with plots.style():
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.6))
    panels = {
        "spectral model, explain(…).to_shap()": ours.to_shap(),
        "boosting, shap.TreeExplainer": of_trees,
    }
    for ax, (title, explanation) in zip(axes, panels.items(), strict=True):
        shap.plots.beeswarm(
            explanation, ax=ax, show=False, plot_size=None, color_bar=ax is axes[1], max_display=11
        )
        ax.set(title=title, xlabel="Shapley value (progression)")
    save(args)

"""A pipeline inside a grid search, explained as it is.

The pipeline keeps the columns with the highest F score and fits a neuron on them; the search chooses how many
columns, and whether neighbouring latents are coupled. ``explain`` takes the fitted search, and names the
columns that the model sees. The picture shows the cross-validated R² of every combination.
"""

import pandas as pd
from _gallery import arguments, save
from matplotlib import pyplot as plt
from sklearn.datasets import load_diabetes
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from spectral_interp import SpectralRegressor, explain, plots

args = arguments(__doc__).parse_args()

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
neuron = SpectralRegressor(form="single", dim=7, n_epochs=20 if args.quick else 150, random_state=0)
pipeline = Pipeline([("select", SelectKBest(f_regression)), ("model", neuron)]).set_output(transform="pandas")
grid = {"select__k": [2, 10] if args.quick else [1, 2, 4, 6, 8, 10]}
grid["model__structure"] = ["diagonal", "tridiagonal"]
search = GridSearchCV(pipeline, grid, cv=2 if args.quick else 5).fit(X, y.rename("progression"))
print(f"Best: {search.best_params_}, cross-validated R² {search.best_score_:.3f}")

explanation = explain(search, X)
importance = pd.Series(abs(explanation.values).mean(axis=0), explanation.columns).sort_values()[::-1]
print(f"Mean size of the contributions of its {len(importance)} columns ({explanation.unit}):")
print(importance.round(1).to_string())

found = pd.DataFrame(search.cv_results_)
with plots.style():
    figure, ax = plt.subplots(figsize=(7.2, 4.6))
    looks = zip(found.groupby("param_model__structure"), ("o--", "s-"), plots.COLOURS, strict=False)
    for (structure, lines), look, colour in looks:
        kept, score = lines["param_select__k"], lines["mean_test_score"]
        error = lines["std_test_score"] / search.n_splits_**0.5
        ax.errorbar(kept, score, yerr=error, fmt=look, color=colour, capsize=3, label=structure)
    ax.set(xlabel="columns kept", ylabel="cross-validated R² (mean ± standard error)")
    ax.legend(loc="lower right")
    save(args)

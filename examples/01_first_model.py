"""A first model: fit it, predict, and take one prediction apart.

A single spectral neuron predicts how far diabetes progresses in a year. The picture is the waterfall of the
held-out patient with the highest prediction: from the base value, every column moves the prediction by its
contribution, and nothing is left over.
"""

from _gallery import arguments, save
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from spectral_interp import SpectralRegressor, explain, plots

args = arguments(__doc__).parse_args()

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
y = y.rename("progression")
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

est = SpectralRegressor(form="single", n_epochs=30 if args.quick else 300, random_state=0)
est.fit(X_train, y_train)
print(f"R² on {len(X_test)} held-out patients: {est.score(X_test, y_test):.2f}")

explanation = explain(est, X_test)
patient = explanation.prediction.argmax()
strongest = abs(explanation.values[patient]).argmax()
print(
    f"Patient {explanation.rows[patient]}: predicted {explanation.prediction[patient]:.1f}, "
    f"most strongly moved by {explanation.columns[strongest]} ({explanation.values[patient, strongest]:+.1f})"
)
print(f"Largest difference of a prediction from its parts: {explanation.completeness_gap.max():.0e}")

plots.waterfall(explanation[patient])
save(args)

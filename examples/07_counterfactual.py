"""What would have to change: the nearest change that gives another prediction, and a proof.

Age and sex cannot change, and blood pressure may only fall. The search returns the smallest change of a
patient that lowers the predicted progression of diabetes to 150, and a proven bound: no allowed change
smaller than it does. The picture shows what changes, within the range of the training rows.
"""

from _gallery import arguments, save
from sklearn.datasets import load_diabetes

from spectral_interp import SpectralRegressor, counterfactual, plots

args = arguments(__doc__).parse_args()

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
est = SpectralRegressor(form="single", n_epochs=30 if args.quick else 300, random_state=0)
est.fit(X, y.rename("progression"))

patient = X.iloc[[est.predict(X).argsort()[-40]]]
found = counterfactual(est, patient, target=150, fixed=["age", "sex"], directions={"bp": -1})
print(found)
print(found.changes.to_string(index=False, float_format="{:.3g}".format))
print(f"Predicted for the changed patient: {est.predict(found.to_frame().loc[['answer 1']])[0]:.2f}")

plots.nearest_change(found, est.view(), patient.index[0], fixed=["age", "sex"])
save(args)

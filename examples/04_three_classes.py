"""Three classes: what makes a wine one cultivar and not another.

Every class has a score of its own, and an explanation is of the log-odds of a class against the mean of all,
or against one other class. The picture is the mean size of the contributions to each cultivar; arrows tell
whether high or low values of a column raise its log-odds.
"""

from _gallery import arguments, save
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

from spectral_interp import SpectralClassifier, explain, plots

args = arguments(__doc__).parse_args()

X, y = load_wine(return_X_y=True, as_frame=True)
y = y.map({0: "Barolo", 1: "Grignolino", 2: "Barbera"}).rename("cultivar")
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

est = SpectralClassifier(form="sum", members=1 if args.quick else 4, random_state=0).fit(X_train, y_train)
print(f"Accuracy on {len(X_test)} held-out wines: {est.score(X_test, y_test):.3f}")

closest = explain(est, X_test)  # the predicted class of every wine, against its runner-up
wine = closest.prediction.argmin()
print(
    f"The closest call is wine {closest.rows[wine]}: {closest.output[wine]} rather than "
    f"{closest.against[wine]}, by log-odds of {closest.prediction[wine]:.2f}"
)
parts = closest[wine].to_frame().set_index("column")["contribution"]
for name in parts.abs().nlargest(3).index:
    print(f"  {name}: {parts[name]:+.2f}")

plots.class_importance({name: explain(est, X_test, output=name) for name in est.classes_})
save(args)

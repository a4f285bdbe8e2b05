"""Explainers and models by name, and the columns of the models that are compared."""

from spectral_interp.comparison.explainers import EXPLAINERS

BY_NAME = {explainer.name: explainer for explainer in EXPLAINERS}
COLUMNS = ["age", "bmi", "bp", "s1", "s5"]


def by_name(models, name):
    return next(model for model in models if model.name == name)

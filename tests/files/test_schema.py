"""Damaged models are refused, each with the place in the file and the reason."""

import numpy as np
import pytest
import torch

from spectral_interp import SpectralRegressor, load
from spectral_interp.models.spectral import TridiagonalSpectral

ADDED = {"seed", "baselines", "background_of", "trained_on", "form", "pairs", "rungs"}
"""Keys that files of the first version need not have."""


def test_versions_and_damaged_keys(tmp_path, regressor):
    path = tmp_path / "m.pt"
    regressor.save(path)
    state = torch.load(path, weights_only=True)
    torch.save(state | {"version": 99}, path)
    with pytest.raises(ValueError, match="version 1 or 2; got 99"):
        load(path)
    for key in set(state) - {"format", "version", "kind", *ADDED}:
        torch.save({k: v for k, v in state.items() if k != key}, path)
        with pytest.raises(ValueError, match=rf"undamaged model in .*m\.pt; .* expected '{key}'; got none"):
            load(path)
    for key in ("format", "kind", "version"):
        for value in (torch.zeros(3), [[1]], None, "x" * 10**6):
            torch.save(state | {key: value}, path)
            with pytest.raises(ValueError, match=r"expected a model .*m\.pt") as error:
                load(path)
            assert len(str(error.value)) < 500


def at(*path):
    """Return a function that sets what is at the path in a state, or removes it."""

    def damage(state, value):
        for key in path[:-1]:
            state = state[key]
        if value is ...:
            del state[path[-1]]
        else:
            state[path[-1]] = value

    return damage


NUMBERS = torch.zeros(3, dtype=torch.float64)


LOGARITHM = {"kind": "numeric", "name": "age", "mean": 4.0, "scale": 1.0, "log": True}


NO_LEVELS = {"kind": "categorical", "name": "x", "levels": [], "shares": []}


GAPS = {"kind": "numeric", "name": "age", "mean": 4.0, "scale": 1.0, "median": 4.0, "missing": 0.5}


DATES = {"kind": "date", "name": "age", "mean": 19723.0, "scale": 9.0, "first": 19700.0, "last": 19800.0}


HUGE_LAYERS = {
    f"{layer}.{name}": torch.full(shape, 1e150, dtype=torch.float64)
    for layer, inputs in ((0, 3), (2, 1), (4, 1))
    for name, shape in (("weight", (1, inputs)), ("bias", (1,)))
}


DAMAGES = [
    (at("task"), "poetry", "task"),
    (at("parameters", "depth"), 3, "depth"),
    (at("parameters", "dim"), 10**9, "weights of the shapes"),
    (at("parameters", "dim"), -1, "expected dim >= 1"),
    (at("parameters", "dim"), "6", "not supported"),
    (at("parameters", "dim"), [[1]], "parameters.dim"),
    (at("parameters", "k"), 6, "expected k in"),
    (at("parameters", "k"), 1.0, "k to be an integer"),
    (at("parameters", "structure"), "cubic", "expected structure"),
    (at("parameters", "structure"), "dense", "weights of the shapes"),
    (at("parameters", "alpha"), float("nan"), "expected alpha"),
    (at("weights"), {}, "weights of the shapes"),
    (at("weights", "diag.bias"), ..., "weights of the shapes"),
    (at("weights", "diag.bias"), NUMBERS, "weights of the shapes"),
    (at("weights", "diag.bias"), [1.0], "weights.diag.bias"),
    (at("weights", "diag.bias"), torch.full((6,), np.nan, dtype=torch.float64), "weights.diag.bias"),
    (at("weights", "diag.bias"), torch.full((6,), 1e200, dtype=torch.float64), "weights.diag.bias"),
    (at("weights", "diag.bias"), torch.zeros(6), "float64"),
    (at("encoder"), [{"kind": "magic"}], "kind"),
    (at("encoder"), [], "n_features >= 1"),
    (at("encoder", 0, "name"), "sex", "different names"),
    (at("encoder", 0, "name"), 3, r"encoder\[0\]\.name"),
    (at("encoder", 0, "name"), "x" * 10**6, r"encoder\[0\]\.name"),
    (at("encoder", 0, "scale"), 0.0, r"encoder\[0\]\.scale"),
    (at("encoder", 0, "scale"), 1e-300, "numbers within"),
    (at("encoder", 0, "mean"), float("inf"), r"encoder\[0\]\.mean"),
    (at("encoder", 0, "magic"), 1, "magic"),
    (at("encoder", 0, "log"), "yes", r"encoder\[0\]\.log"),
    (at("encoder", 1, "levels"), ["one", "one"], "different levels"),
    (at("encoder", 0), DATES | {"mean": 1e9}, r"encoder\[0\]\.mean"),
    (at("encoder", 0), DATES | {"scale": 0.0}, r"encoder\[0\]\.scale"),
    (at("encoder", 0), DATES | {"last": float("nan")}, r"encoder\[0\]\.last"),
    (at("encoder", 0), DATES | {"last": 1.0}, "between the first and the last date"),
    (at("encoder", 0), DATES | {"median": 1.0}, "between the first and the last date"),
    (at("encoder", 0), DATES | {"missing": 0.5}, "none without a median"),
    (at("encoder", 0), DATES | {"weekday": [0.5, 0.5]}, "shares of 12 months, 7 weekdays and 24 hours"),
    (at("encoder", 0), DATES | {"weekday": [0.5] * 7}, "shares of 12 months, 7 weekdays and 24 hours"),
    (at("encoder", 0), DATES | {"hour": ["x"] * 24}, r"encoder\[0\]\.hour\[0\]"),
    (at("encoder", 0), DATES | {"day_first": 1}, r"encoder\[0\]\.day_first"),
    (at("encoder", 0), DATES, "expected dates in column 'age'"),
    (at("encoder", 1, "shares"), [0.5], "share for every level"),
    (at("encoder", 1, "shares"), [0.0, 0.0], r"shares that add up to 1 for 'encoder\[1\]'"),
    (at("encoder", 1, "shares"), [0.6, 0.5], "shares that add up to 1"),
    (
        at("encoder", 1),
        {"kind": "categorical", "name": "x", "levels": [], "shares": []},
        "at least one level",
    ),
    (at("encoder", 0, "missing"), 0.5, "share of missing values below 1, none without a median"),
    (at("encoder", 0), GAPS | {"missing": 1.0}, "share of missing values below 1"),
    (at("encoder", 0), GAPS | {"low": 1.0}, "a least value of at most the largest"),
    (at("encoder", 0), GAPS | {"low": 2.0, "high": 1.0}, "a least value of at most the largest"),
    (at("encoder", 0), GAPS | {"gaps": [""]}, "text of 1 to"),
    (at("target"), 3, "target"),
    (at("named"), None, "named"),
    (at("classes"), ["a", "b"], "none for a regressor"),
    (at("background"), {}, "background rows"),
    (at("background", "age"), ..., "'age' is missing"),
    (at("background", "height"), torch.zeros(100, dtype=torch.float64), "not known to the model"),
    (at("background", "age"), NUMBERS, "columns of one length"),
    (at("background", "age"), torch.full((100,), np.inf, dtype=torch.float64), "finite numbers"),
    (at("background", "age"), [None] * 99 + [[1]], r"background\.age\[99\]"),
    (at("background", "age"), ["old"] * 100, "expected numbers in column 'age'"),
    (at("heldout"), {"rows": 1}, r"heldout\.rows"),
    (at("heldout", "targets", "y"), NUMBERS, "a target for each"),
    (at("heldout", "targets", "y"), torch.full((5,), np.nan, dtype=torch.float64), r"heldout\.targets\.y"),
    (at("heldout", "targets", "y"), ["a"] * 5, "expected numbers in the target"),
    (at("history"), {"epoch": 3}, "history"),
    (at("history"), {"epoch": [1]}, "history.train_loss"),
    (at("history", "epoch"), [1, 2], "columns of one length"),
    (at("history", "epoch", 0), 0.5, r"history\.epoch\[0\]"),
    (at("seed"), -1, "seed"),
    (at("background_of"), 0, "background_of"),
    (at("trained_on"), NUMBERS, "a tensor of int64"),
    (at("trained_on"), torch.zeros(1, 1, dtype=torch.int64), "1 axes"),
    (at("trained_on"), torch.tensor([1, 1]), "ascending numbers"),
    (at("trained_on"), torch.arange(2**20 + 1), "at most 1,048,576 numbers"),
    (at("encoder", 0), LOGARITHM | {"mean": 800.0}, "for a logarithm"),
    (at("encoder", 0), LOGARITHM | {"median": -1.0}, "for a logarithm"),
    (at("baselines"), {"MLP": {"0.weight": NUMBERS[None]}}, "layers of the shapes"),
    (at("baselines"), {"MLP": HUGE_LAYERS}, "finite predictions of the baseline"),
]


@pytest.mark.parametrize(("damage", "value", "reason"), DAMAGES, ids=[reason for _, _, reason in DAMAGES])
def test_damaged_models_are_refused(tmp_path, mixed, damage, value, reason):
    path = tmp_path / "m.pt"
    est, X, y = mixed
    est.save(path, heldout=(X[:5], y[:5]))
    state = torch.load(path, weights_only=True)
    damage(state, value)
    torch.save(state, path)
    with pytest.raises(ValueError, match=rf"expected an undamaged model in .*m\.pt; .*{reason}"):
        load(path)


@pytest.fixture(scope="module")
def mixed(diabetes):
    """Return a regressor on a numeric and a categorical column, and its table."""
    X, y = diabetes
    X = X[["age"]].assign(sex=X["sex"].map({1: "one", 2: "two"}))
    return SpectralRegressor(dim=5, n_epochs=3, random_state=0, form="single").fit(X, y), X, y


@pytest.mark.parametrize(
    "labels", [None, ["benign"], ["benign"] * 2, ["benign", 1], ["a", "b", "c"], [[], []]]
)
def test_damaged_classes_are_refused(tmp_path, classifier, labels):
    path = tmp_path / "m.pt"
    classifier.save(path)
    torch.save(torch.load(path, weights_only=True) | {"classes": labels}, path)
    with pytest.raises(ValueError, match=r"expected an undamaged model in .*m\.pt"):
        load(path)


def test_unknown_keys_are_ignored(tmp_path, mixed):
    path, (est, X, _) = tmp_path / "m.pt", mixed
    est.save(path)
    state = torch.load(path, weights_only=True) | {"later": [torch.zeros(2), {"a": [1]}]}
    state["history"]["gradient_norm"] = [0.0, 0.0, 0.0]
    torch.save(state, path)
    np.testing.assert_array_equal(load(path).predict(X), est.predict(X))


def test_damaged_bare_state_dicts_are_refused(tmp_path):
    path = tmp_path / "bare.pt"
    state = TridiagonalSpectral(3, 6).state_dict()
    for wrong in (torch.zeros(2, 2), "text", torch.zeros(5), torch.full((5, 3), np.nan), torch.zeros(6, 3)):
        torch.save(state | {"off_diag.weight": wrong}, path)
        with pytest.raises(ValueError, match=r"bare\.pt"):
            load(path)

"""Fitted sums of neurons: choice, files, resuming, weights, explanations, and what cannot be used."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from spectral_interp import SpectralClassifier, SpectralRegressor, explain, load
from spectral_interp.files import artifact
from spectral_interp.models import SumSpectral
from spectral_interp.view import HatsAxis

N = 900


@pytest.fixture(scope="module")
def table():
    """A step in the difference of two numbers, a knee, a skewed number, levels and gaps."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "a": rng.normal(size=N),
            "b": rng.normal(size=N),
            "skewed": np.exp(1.5 * rng.normal(size=N)),
            "city": rng.choice(["Oslo", "Rome", "Bern"], N),
            "flag": rng.integers(0, 2, N),
        }
    )
    y = 3 * (X["a"] > X["b"]) + np.abs(X["a"]) + np.log(X["skewed"]) + (X["city"] == "Oslo")
    X.loc[rng.random(N) < 0.1, "b"] = np.nan
    return X, (y + 0.1 * rng.normal(size=N)).rename("price")


@pytest.fixture(scope="module")
def fitted(table):
    return SpectralRegressor(form="sum", members=2, random_state=0).fit(*table)


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    [
        SpectralRegressor(form="sum", members=1, random_state=0),
        SpectralClassifier(form="sum", members=1, random_state=0),
    ]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_a_sum_is_more_accurate_than_a_line(table, fitted):
    X, y = table
    assert fitted.form_ == "sum"
    assert isinstance(fitted.module_, SumSpectral)
    dummies = pd.get_dummies(X.fillna(0))
    assert fitted.score(X, y) > Ridge().fit(dummies, y).score(dummies, y) + 0.2
    assert [rung for rung in fitted.rungs_["form"]] == ["sum"] * len(fitted.rungs_)
    chosen = fitted.rungs_[fitted.rungs_["chosen"]]
    assert len(chosen) == 1
    squares = fitted.rungs_["held_out_loss"] ** 2
    assert squares[chosen.index[0]] <= 1.01 * squares.min()
    assert (squares[: chosen.index[0]] > 1.01 * squares.min()).all()
    kinds = {axis.name: axis for axis in fitted.view().axes}
    assert isinstance(kinds["a"], HatsAxis)
    assert kinds["skewed"].log
    assert not isinstance(kinds["flag"], HatsAxis)
    assert fitted.view().pairs


def test_predictions_are_those_of_the_module_and_of_the_function(table, fitted):
    X, _ = table
    z = fitted.encode(X)
    expected = fitted.predict(X)
    np.testing.assert_allclose(fitted.function_.values(z), expected, atol=1e-10)
    torch_values = fitted.module_(torch.from_numpy(z)).detach().numpy()
    np.testing.assert_allclose(torch_values, expected, atol=1e-9)
    np.testing.assert_array_equal(
        fitted.predict(X.sample(frac=1, random_state=1)).sum().round(6), expected.sum().round(6)
    )
    with pytest.raises(ValueError, match="sum of 32"):
        fitted.pencil_  # noqa: B018


@pytest.mark.parametrize("method", ["local", "path", "shapley"])
def test_contributions_add_up_on_the_raw_table(table, fitted, method):
    X, _ = table
    att = explain(fitted, X[:3], method=method, background=X[50:54])
    assert att.columns == tuple(X.columns)
    assert att.completeness_gap.max() <= 1e-9 * np.ptp(att.prediction)
    assert att.refit_deviation.shape == (3, 5)
    assert "refit_deviation" in att.to_frame()


def test_files_change_nothing(tmp_path, table, fitted):
    X, y = table
    fitted.save(tmp_path / "m.pt", heldout=(X[:5], y[:5]))
    back = load(tmp_path / "m.pt")
    np.testing.assert_array_equal(back.predict(X), fitted.predict(X))
    pd.testing.assert_frame_equal(back.rungs_, fitted.rungs_)
    assert (back.form_, back.view().axes, back.view().pairs) == (
        "sum",
        fitted.view().axes,
        fitted.view().pairs,
    )
    back.save(tmp_path / "again.pt")
    assert load(tmp_path / "again.pt").predict(X[:3]).tolist() == fitted.predict(X[:3]).tolist()
    state = torch.load(tmp_path / "m.pt", weights_only=True)
    entries = state["weights"]["entries"]
    broken = (
        {"pairs": [state["pairs"][0] | {"first": 3}]},
        {"pairs": [state["pairs"][0] | {"knots": [1.0, 1.0]}]},
        {"weights": {"entries": entries[:, :-1].clone()}},
        {"weights": {"entries": entries[..., :-1].clone()}},
        {"form": "single"},
    )
    for change in broken:
        torch.save(state | change, tmp_path / "broken.pt")
        with pytest.raises(ValueError, match="undamaged model"):
            load(tmp_path / "broken.pt")


def test_a_fit_resumes_to_the_bit(tmp_path, table, fitted):
    X, y = table
    path, states = tmp_path / "run.pt", []
    write = artifact.write

    def keep(where, state, **options):
        write(where, state, **options)
        if where == path:
            states.append(where.read_bytes())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(artifact, "write", keep)
        whole = SpectralRegressor(form="sum", members=2, random_state=0).fit(X, y, checkpoint=path, every=9)
    np.testing.assert_array_equal(whole.predict(X), fitted.predict(X))
    for at in (0, len(states) // 2, -1):
        path.write_bytes(states[at])
        resumed = SpectralRegressor(form="sum", members=2, random_state=0).fit(X, y, resume=path)
        np.testing.assert_array_equal(resumed.predict(X), fitted.predict(X))
    with pytest.raises(ValueError, match="the table of this run"):
        SpectralRegressor(form="sum", members=2, random_state=0).fit(X, y + 1, resume=path)
    with pytest.raises(ValueError, match="the options of this run"):
        SpectralRegressor(form="single", random_state=0).fit(X, y, resume=path)


class StoppedError(Exception):
    """A fit was stopped as it wrote a checkpoint."""


@pytest.fixture(scope="module")
def begun(table):
    """Return the first rows of the table, and the state in the first checkpoint of a fit on them."""
    X, y = (part[:60] for part in table)
    states = []

    def stop(where, state, **options):
        states.append(state)
        raise StoppedError

    est = SpectralRegressor(form="sum", members=1, random_state=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(artifact, "write", stop)
        with pytest.raises(StoppedError):
            est.fit(X, y, checkpoint="run.pt", every=2)
    return X, y, states[0]


def running(fit, **parts):
    return {"running": {"coarse": fit | parts}}


def finished(fit, *, epochs=50, **parts):
    history = [fit["history"][0] | {"epoch": epoch} for epoch in range(1, epochs + 1)]
    own = {name: tensor.clone() for name, tensor in parts.items()}  # a file holds a tensor in one place only
    return {"finished": {"coarse": {"history": history, **own}}}


DAMAGES = {
    "cut": (lambda fit: running(fit, weights=fit["weights"][:-1]), "expected weights of shape"),
    "fewer epochs": (lambda fit: running(fit, history=fit["history"][:1]), "got 8 in 1 epochs"),
    "more steps": (lambda fit: running(fit, steps=9), "expected 4 steps an epoch; got 9 in 2 epochs"),
    "finished, another fit's": (
        lambda fit: finished(fit, average=fit["average"][:, :-1]),
        "expected average of shape",
    ),
    "finished early": (
        lambda fit: finished(fit, epochs=2, average=fit["average"]),
        "expected 50 epochs; got 2",
    ),
    "finished, without weights": (finished, "expected the weights of the fit 'coarse'"),
    "large weights": (lambda fit: running(fit, weights=fit["weights"] + 3e38), "weights"),
    "large moments": (lambda fit: running(fit, mean=fit["mean"] + 1e30), "damaged"),
    "negative squares": (lambda fit: running(fit, square=-1 - fit["square"]), "damaged"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_named(tmp_path, begun, damage):
    X, y, state = begun
    damaged, reason = DAMAGES[damage]
    tape = state["tape"] | damaged(state["tape"]["running"]["coarse"])
    found = {"format": artifact.FORMAT, "kind": artifact.CHECKPOINT, "version": artifact.VERSION}
    torch.save(found | state | {"tape": tape}, tmp_path / "run.pt")
    with pytest.raises(ValueError, match=r"checkpoint .*run\.pt") as refused:
        SpectralRegressor(form="sum", members=1, random_state=0).fit(X, y, resume=tmp_path / "run.pt")
    assert reason in str(refused.value)


def test_a_fit_that_diverges_without_a_checkpoint_blames_none(table):
    X, y = (part[:60] for part in table)
    with pytest.raises(FloatingPointError, match="lower learning_rate"):
        SpectralRegressor(form="single", learning_rate=1e200, random_state=0).fit(X, y)


def test_a_weight_of_two_is_the_row_twice(table):
    X, y = table
    weight = np.where(np.arange(N) % 3, 1, 2)
    options = {"form": "sum", "members": 1, "random_state": 0}
    one = SpectralRegressor(**options).fit(X, y, sample_weight=weight)
    places = np.repeat(np.arange(N), weight)
    two = SpectralRegressor(**options).fit(X.iloc[places], y.iloc[places])
    np.testing.assert_array_equal(one.predict(X), two.predict(X))


def test_auto_prefers_a_single_neuron_where_it_is_as_good():
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(300, 2)), columns=["a", "b"])
    y = X["a"] + 0.5 * X["b"] + 0.1 * rng.normal(size=300)
    est = SpectralRegressor(dim=3, n_epochs=150, members=1, random_state=0).fit(X, y)
    assert est.rungs_["inputs"][0] == "single neuron"
    assert est.rungs_["chosen"].sum() == 1
    assert est.form_ == est.rungs_[est.rungs_["chosen"]]["form"].item()


def test_classes(breast_cancer, tmp_path):
    X, y = breast_cancer
    est = SpectralClassifier(form="sum", members=1, random_state=0).fit(X, y)
    assert est.score(X, y) > 0.97
    est.save(tmp_path / "m.pt")
    np.testing.assert_array_equal(load(tmp_path / "m.pt").predict_proba(X), est.predict_proba(X))
    att = explain(est, X[:2], method="path", background=X[5:7])
    assert att.completeness_gap.max() <= 1e-9 * max(1, np.ptp(att.prediction))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "both"}, "form to be one of auto, single, sum"),
        ({"form": "single", "members": 3}, "members only with form='sum' or 'auto'; got members=3"),
        ({"form": "sum", "dim": 7}, "dim only with form='single' or 'auto'; got dim=7"),
        ({"form": "sum", "structure": "dense"}, "structure only with form='single'"),
        ({"members": 0}, "members >= 1"),
    ],
)
def test_options_of_the_other_form_are_refused(table, options, message):
    with pytest.raises(ValueError, match=message):
        SpectralRegressor(**options).fit(*table)


def test_zeros_under_a_chosen_logarithm_count_as_the_least_value(table, fitted):
    X, _ = table
    row = X[:1].assign(skewed=0.0)
    with pytest.warns(
        UserWarning, match="'skewed', which enters by its logarithm, has 1 value below the training minimum"
    ):
        at_zero = fitted.predict(row)
    np.testing.assert_array_equal(at_zero, fitted.predict(row.assign(skewed=X["skewed"].min())))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "columns",
    [
        {"a": [0.0, 1.0] * 10},
        {"a": np.arange(20.0), "b": [np.nan] * 18 + [1.0, 2.0]},
        {"a": np.arange(20.0), "b": np.arange(20.0) * 2, "c": -np.arange(20.0)},
        {"city": ["Oslo"] * 10 + ["Rome"] * 10},
        {"a": np.arange(20.0) * 1e280},
        {"a": [1.0, 2.0, 3.0, 1.0] * 5, "constant": [5.0] * 20},
    ],
    ids=["two values", "gaps", "collinear", "levels", "huge", "few values"],
)
def test_small_and_odd_tables_give_a_model(columns):
    X = pd.DataFrame(columns)
    y = np.linspace(-1, 1, len(X))
    est = SpectralRegressor(form="sum", members=1, random_state=0).fit(X, y)
    assert np.isfinite(est.predict(X)).all()
    assert explain(est, X[:2]).completeness_gap.max() <= 1e-9


@pytest.mark.parametrize("unit", [1e-60, 1e60])
def test_targets_of_any_size(tmp_path, table, unit):
    X, y = table[0][:120], table[1][:120]
    options = {"form": "sum", "members": 1, "random_state": 0}
    scaled = SpectralRegressor(**options).fit(X, y * unit)
    assert np.corrcoef(scaled.predict(X) / unit, y)[0, 1] > 0.9
    assert explain(scaled, X[:3]).completeness_gap.max() <= 1e-9 * unit
    scaled.save(tmp_path / "m.pt")
    np.testing.assert_array_equal(load(tmp_path / "m.pt").predict(X), scaled.predict(X))

"""scikit-learn's own checks of both estimators, and the tools that users put them into."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from spectral_interp import SpectralClassifier, SpectralRegressor, load
from spectral_interp.estimators.single import going_on, options_of
from spectral_interp.models import TridiagonalSpectral
from spectral_interp.training import TrainingRows
from spectral_interp.training.partition import Partition
from tests.training.small import start


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    [kind(n_epochs=50, random_state=0, form="single") for kind in (SpectralRegressor, SpectralClassifier)]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def quick(cls, **options):
    return cls(dim=3, n_epochs=5, random_state=0, form="single", **options)


def test_pipeline_and_grid_search_in_two_processes(diabetes):
    """Forked ones, which start in a moment; the long form of tests/faults has new ones."""
    X, y = diabetes
    pipeline = make_pipeline(PowerTransformer(), quick(SpectralRegressor))
    with parallel_config("multiprocessing"):
        search = GridSearchCV(pipeline, {"spectralregressor__dim": [2, 3]}, n_jobs=2, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert cross_val_score(quick(SpectralRegressor), X, y, cv=2).shape == (2,)


def test_pickle_keeps_every_bit(diabetes):
    X, y = diabetes
    est = quick(SpectralRegressor).fit(X, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(est)).predict(X), est.predict(X))


def test_classes_may_go_through_one_versus_rest():
    X, y = load_iris(return_X_y=True, as_frame=True)
    est = OneVsRestClassifier(SpectralClassifier(dim=5, n_epochs=100, random_state=0, form="single")).fit(
        X, y
    )
    assert est.score(X, y) > 0.9


@pytest.mark.parametrize("labels", [("no", "yes"), (0, 1), (-1, 1), (False, True), (2.0, 7.0)])
def test_labels_of_any_type(breast_cancer, labels):
    X, y = breast_cancer
    codes = (y == "malignant").to_numpy().astype(int)
    est = SpectralClassifier(dim=3, n_epochs=30, random_state=0, form="single").fit(
        X, np.array(labels)[codes]
    )
    predicted = est.predict(X)
    assert predicted.dtype == est.classes_.dtype
    assert (predicted == np.array(labels)[codes]).mean() > 0.9


def test_attributes_that_users_expect(regressor, diabetes):
    X, _ = diabetes
    assert list(regressor.feature_names_in_) == list(X.columns)
    assert regressor.n_features_in_ == 10
    low, high = regressor.pencil_.extremes()
    np.testing.assert_array_equal(regressor.feature_importances_, np.maximum(-low, high)[1:])
    assert [event["epoch"] for event in regressor.history_] == list(range(1, len(regressor.history_) + 1))


def test_weights_and_order_of_rows(diabetes):
    X, y = diabetes
    weight = np.random.default_rng(0).integers(0, 4, len(y))
    repeated = np.random.default_rng(1).permutation(np.repeat(np.arange(len(y)), weight))
    one = quick(SpectralRegressor).fit(X, y, sample_weight=weight)
    two = quick(SpectralRegressor).fit(X.iloc[repeated], y.iloc[repeated])
    np.testing.assert_array_equal(one.predict(X), two.predict(X))
    three = quick(SpectralRegressor).fit(X, y, sample_weight=np.where(np.arange(len(y)) < 200, 100.0, 1e-6))
    assert three.score(X[:200], y[:200]) != one.score(X[:200], y[:200])
    with pytest.raises(ValueError, match=r"sample_weight of shape \(442,\)"):
        quick(SpectralRegressor).fit(X, y, sample_weight=-weight)


def test_norm_penalty_removes_features_of_breast_cancer(breast_cancer):
    X, y = breast_cancer
    kept = {}
    for penalty in (0.0, 0.03):
        est = SpectralClassifier(dim=5, norm_penalty=penalty, random_state=0, form="single").fit(X, y)
        kept[penalty] = int((est.feature_importances_ > 0).sum())
        assert est.score(X, y) > 0.95
    assert kept[0.0] == 30
    assert kept[0.03] <= 15


def test_a_diverging_run_keeps_the_last_good_weights(diabetes, monkeypatch):
    from sklearn.exceptions import ConvergenceWarning

    from spectral_interp.training import loop

    X, y = diabetes
    step, calls = loop._step, []

    def diverge(run, rows, weight):
        calls.append(1)
        return step(run, rows, weight) if len(calls) < 4 else float("nan")

    monkeypatch.setattr(loop, "_step", diverge)
    with pytest.warns(ConvergenceWarning, match="epoch 4, batch 1.*the weights of epoch 3 are kept"):
        est = quick(SpectralRegressor).fit(X, y)
    assert len(est.history_) == 3
    assert np.isfinite(est.predict(X)).all()


def test_checkpoint_and_resume_through_fit(tmp_path, diabetes, monkeypatch):
    from spectral_interp.training import loop

    X, y = diabetes
    whole = quick(SpectralRegressor).fit(X, y)
    step, calls = loop._step, []

    def die(run, rows, weight):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return step(run, rows, weight)

    path = tmp_path / "run.pt"
    monkeypatch.setattr(loop, "_step", die)
    with pytest.raises(KeyboardInterrupt):
        quick(SpectralRegressor).fit(X, y, checkpoint=path, every=1)
    monkeypatch.setattr(loop, "_step", step)
    resumed = quick(SpectralRegressor).fit(X, y, resume=path)
    np.testing.assert_array_equal(resumed.predict(X), whole.predict(X))
    with pytest.raises(ValueError, match=r"the options of .*; got dim 3 instead of 5;"):
        SpectralRegressor(dim=5, n_epochs=5, random_state=0, form="single").fit(X, y, resume=path)
    with pytest.raises(ValueError, match="the table of this run"):
        quick(SpectralRegressor).fit(X, y + 1, resume=path)


def test_checkpoints_and_models_of_numpy_parameters(tmp_path, diabetes):
    X, y = diabetes
    options = {
        "dim": np.int64(3),
        "alpha": np.float64(2.0),
        "n_epochs": np.int64(4),
        "log": np.array(["bmi"]),
    }
    est = SpectralRegressor(**options, random_state=np.int64(0), form="single")
    path = tmp_path / "run.pt"
    expected = est.fit(X, y, checkpoint=path, every=2).predict(X)
    np.testing.assert_array_equal(est.fit(X, y, resume=path).predict(X), expected)
    est.save(tmp_path / "m.pt")
    assert load(tmp_path / "m.pt").get_params()["log"] == ["bmi"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim": 0}, "dim >= 1; got 0"),
        ({"n_epochs": 0}, "n_epochs >= 1"),
        ({"batch_size": 0}, "batch_size >= 1"),
        ({"alpha": -1.0}, "alpha >= 0"),
        ({"norm_penalty": float("nan")}, "norm_penalty >= 0; got nan"),
        ({"learning_rate": 0.0}, "learning_rate > 0"),
        ({"validation_fraction": 1.5}, "0 < validation_fraction < 1"),
        ({"log": ["weight"]}, "weight"),
    ],
)
def test_bad_parameters(diabetes, options, message):
    with pytest.raises(ValueError, match=message):
        SpectralRegressor(**options, form="single").fit(*diabetes)


def test_missing_values_and_words_in_tables():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"size": rng.normal(size=200), "city": rng.choice(["Oslo", "Rome"], 200)})
    y = X["size"] + (X["city"] == "Rome") * 3.0
    X.loc[5, "size"] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        est = SpectralRegressor(dim=3, random_state=0, form="single").fit(X, y.fillna(0.0))
    assert est.score(X, y.fillna(0.0)) > 0.9


def test_alpha_shrinks_the_weights(diabetes):
    norms = [
        np.linalg.norm(
            SpectralRegressor(dim=5, alpha=alpha, patience=300, random_state=0, form="single")
            .fit(*diabetes)
            .pencil_.diag[1:]
        )
        for alpha in (0.0, 2000.0)
    ]
    assert norms[1] < 0.9 * norms[0]


@pytest.mark.parametrize(("n", "share"), [(300, 1), (1080, 1), (4320, 0.25)])
def test_weight_decay_is_less_where_a_coefficient_has_more_than_20_rows(n, share):
    module = TridiagonalSpectral(5, 5)
    assert sum(weight.numel() for weight in module.parameters()) == 54
    rows = TrainingRows(np.zeros((n, 5)), np.zeros(n), np.full(n, 2.0))
    decay = options_of(SpectralRegressor(alpha=100.0), rows, module).weight_decay
    assert decay == pytest.approx(share * 100 / (2 * n))


@pytest.mark.parametrize(("n", "many"), [(29, False), (30, True)])
def test_fits_go_on_where_a_coefficient_has_10_rows(n, many):
    run, events = start(), iter(())  # of three coefficients
    table = TrainingRows(np.zeros((n + 5, 2)), np.zeros(n + 5), np.ones(n + 5))
    data = Partition(table, np.arange(n + 5), np.arange(n), np.arange(n, n + 5), 0.0, 1.0)
    assert (going_on(events, run, data) is not events) == many

"""Explanations of batches: those of the whole table, for any order and size of batches."""

import io
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spectral_interp import Pencil, certify, explain, explain_batches, portable, predict_batches
from spectral_interp.batches import inputs
from spectral_interp.streams import Source
from tests.batches.models import divided, sum_model, table

EXACT = {"rtol": 1e-12, "atol": 1e-12}


def whole(batches):
    """Return all batches as one table, after checking that they share a schema."""
    batches = list(batches)
    assert all(batch.schema.equals(batches[0].schema, check_metadata=True) for batch in batches)
    return pa.Table.from_batches(batches).to_pandas()


def contributions(frame, what="contribution"):
    return frame.filter(regex=f"^{what}_").to_numpy()


def check_same(found, expected):
    """Check results in the order of the rows against an attribution."""
    np.testing.assert_allclose(contributions(found), expected.values, **EXACT)
    np.testing.assert_allclose(found["base_value"], expected.base_values, **EXACT)
    np.testing.assert_allclose(found["prediction"], expected.prediction, **EXACT)
    np.testing.assert_array_equal(found["degenerate"], expected.degenerate)
    np.testing.assert_array_equal(found["row"].astype(str), expected.rows.astype(str))
    assert [name for name in found if name.startswith("contribution_")] == [
        f"contribution_{name}" for name in expected.columns
    ]


@pytest.fixture(scope="module")
def models(regressor, classifier, florist, diabetes, breast_cancer, flowers):
    pencil = Pencil(*(np.random.default_rng(3).normal(size=(4, d)) for d in (5, 4)), 2)
    z = pd.DataFrame(np.random.default_rng(4).normal(size=(90, 3)), columns=["z0", "z1", "z2"])
    scaled = make_pipeline(StandardScaler().set_output(transform="pandas"), regressor)
    scaled.named_steps["standardscaler"].fit(diabetes[0])
    return {
        "single": (regressor, diabetes[0][:120]),
        "two classes": (classifier, breast_cancer[0][:120]),
        "three classes": (florist, flowers[0]),
        "sum": (sum_model(), table(300)),
        "pencil": (pencil, z),
        "pipeline": (scaled, diabetes[0][:60]),
    }


KINDS = ["single", "two classes", "three classes", "sum", "pencil", "pipeline"]


@pytest.mark.parametrize("kind", KINDS)
def test_batches_are_explained_as_the_table(models, kind, rng):
    model, X = models[kind]
    check_same(whole(explain_batches(model, divided(X, rng))), explain(model, X))


@pytest.mark.parametrize("kind", KINDS)
def test_any_order_of_rows(models, kind, rng):
    model, X = models[kind]
    order = rng.permutation(len(X))
    found = whole(explain_batches(portable(model), divided(X.iloc[order], rng)))
    check_same(found.iloc[np.argsort(order)], explain(model, X))


@pytest.mark.parametrize("kind", ["single", "sum", "two classes"])
def test_large_batches_are_analysed_in_parts(models, kind, monkeypatch):
    monkeypatch.setattr(inputs, "TOGETHER", 7)
    monkeypatch.setattr("spectral_interp.batches.explaining.TOGETHER", 7)
    model, X = models[kind]
    batches = list(explain_batches(model, [X]))
    assert [len(batch) for batch in batches] == [len(X)]
    check_same(whole(batches), explain(model, X))


@pytest.mark.parametrize("kind", ["arrow", "csv"])
def test_types_of_batches_of_one_row_do_not_matter(kind):
    """Each batch has types of its own: a missing level is of none, a number may be whole, a date text."""
    model, X = sum_model(), table(60)
    alone = [X[at : at + 1].reset_index(drop=True) for at in range(len(X))]
    if kind == "arrow":
        batches = [pa.RecordBatch.from_pandas(row) for row in alone]
    else:
        batches = [pd.read_csv(io.StringIO(row.to_csv(index=False))) for row in alone]
    check_same(whole(explain_batches(model, batches)), explain(model, X))


def test_outputs_that_are_chosen(models, rng):
    model, X = models["three classes"]
    for chosen in ({"output": "rose"}, {"output": "lily", "against": "iris"}):
        found = whole(explain_batches(model, divided(X, rng), **chosen))
        check_same(found, explain(model, X, **chosen))
        assert set(found["output"]) == {chosen["output"]}
        assert set(found["against"].dropna()) == set(list(chosen.values())[1:])
    model, X = models["two classes"]
    found = whole(explain_batches(model, divided(X, rng), output="benign"))
    check_same(found, explain(model, X, output="benign"))
    np.testing.assert_array_equal(found["class"], model.predict(X))


def test_background_is_that_of_the_call(models, rng):
    model, X = models["single"]
    found = whole(explain_batches(model, divided(X, rng), background=X[:5]))
    check_same(found, explain(model, X, background=X[:5]))


@pytest.mark.parametrize("options", [{}, {"exact": False, "random_state": 3}])
def test_shapley_values(models, options, rng):
    model, X = models["pencil"]
    found = whole(explain_batches(model, divided(X, rng), method="shapley", **options))
    expected = explain(model, X, method="shapley", **options)
    check_same(found, expected)
    if options:
        np.testing.assert_allclose(contributions(found, "standard_error"), expected.standard_error, **EXACT)
    model, X = models["three classes"]
    found = whole(explain_batches(model, divided(X[:9], rng), method="shapley", background=X[:2], **options))
    check_same(found, explain(model, X[:9], method="shapley", background=X[:2], **options))


@pytest.mark.parametrize("kind", ["single", "two classes", "sum"])
def test_certified_radii(models, kind, rng):
    model, X = models[kind]
    classes = kind == "two classes"
    found = whole(explain_batches(model, divided(X[:40], rng), flip_radius=classes, linear_radius=0.1))
    cert = certify(model, X[:40])
    np.testing.assert_allclose(found["linear_radius"], cert.linear_radius(0.1), rtol=1e-10)
    if classes:
        np.testing.assert_allclose(found["flip_radius"], cert.flip_radius, rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_predictions(models, kind, rng):
    model, X = models[kind]
    found = whole(predict_batches(model, divided(X, rng)))
    if "classes" in kind:
        np.testing.assert_array_equal(found["class"], model.predict(X))
        shares = found[[f"probability_{label}" for label in model.classes_]]
        np.testing.assert_allclose(shares, model.predict_proba(X), **EXACT)
    else:
        expected = explain(model, X).prediction
        np.testing.assert_allclose(found["prediction"], expected, **EXACT)


def test_the_negative_class_comes_first_in_the_other_order(breast_cancer):
    from spectral_interp import SpectralClassifier

    X, y = breast_cancer
    model = SpectralClassifier(form="single", dim=3, n_epochs=3, positive="benign", random_state=0).fit(X, y)
    found = whole(predict_batches(model, [X]))
    np.testing.assert_array_equal(found["class"], model.predict(X))
    np.testing.assert_allclose(found["probability_malignant"], model.predict_proba(X)[:, 1], **EXACT)


def test_sources_are_read(models, tmp_path):
    model, X = models["sum"]
    X.to_parquet(tmp_path / "t.parquet", row_group_size=120)
    expected = whole(explain_batches(model, [X]))
    reader = pa.RecordBatchReader.from_batches
    batches = pa.Table.from_pandas(X).to_batches(max_chunksize=77)
    for source in (
        tmp_path / "t.parquet",
        str(tmp_path),
        Source.of(X, rows=50),
        X,
        pa.Table.from_pandas(X),
        iter(batches),
        reader(batches[0].schema, batches),
        lambda: iter(batches),
    ):
        found = whole(explain_batches(model, source))
        pd.testing.assert_frame_equal(found, expected, rtol=1e-12, atol=1e-12)


def test_batches_without_rows(models):
    model, X = models["two classes"]
    batches = list(explain_batches(model, [X[:0], X[:3], X[:0]], flip_radius=True))
    assert [len(batch) for batch in batches] == [0, 3, 0]
    assert batches[0].schema.equals(batches[1].schema)
    assert list(explain_batches(model, [])) == []


def test_labels_and_kept_columns(models):
    model, X = models["single"]
    named = X[:6].set_axis([f"patient {i}" for i in range(6)]).assign(ward=[*"aabbc", None])
    found = whole(explain_batches(model, [named[:2], named[2:]], keep=["ward", "bmi"]))
    assert found["row"].tolist() == named.index.tolist()
    assert found["ward"].tolist()[:5] == [*"aabbc"]
    np.testing.assert_array_equal(found["bmi"], named["bmi"])
    with pytest.raises(ValueError, match=r"'ward' is not known to the model"):
        list(explain_batches(model, [named]))
    with pytest.raises(ValueError, match=r"columns to keep in every batch; got no 'ward'"):
        list(explain_batches(model, [X], keep=["ward"]))
    with pytest.raises(
        ValueError, match=r"expected int64 in column 'row', as in the first batch; got string"
    ):
        list(explain_batches(model, [X[:2], named.drop(columns="ward")]))


def test_contributions_are_never_kept_columns(models):
    """Names of results and of the user's columns are apart, even if the user calls columns alike."""
    pencil = Pencil(diag=[[0.0], [1.0]], off=[[], []], k=0)
    batch = pd.DataFrame({"z0": [2.0], "prediction": [7.0]})
    with pytest.raises(ValueError, match=r"got 'prediction'; rename it"):
        list(explain_batches(pencil, [batch], keep=["prediction"]))


def test_unknown_values_are_warned_of_once():
    model, X = sum_model(), table(200)
    unknown = int((X["city"] == "Atlantis").sum())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        list(explain_batches(model, [X[:90], X[90:], X[:0]]))
    said = [str(one.message) for one in caught]
    (of_city,) = [text for text in said if text.startswith("column 'city'")]
    assert f"values that are not levels of the model in {unknown} rows of 2 batches" in of_city
    assert len({text.split(" in ")[0] for text in said}) == len(said)


def test_degenerate_rows_are_counted():
    pencil = Pencil(diag=[[0.0, 0.0], [1.0, -1.0]], off=[[0.0], [0.0]], k=1)
    batch = pd.DataFrame({"z0": [0.0, 1.0, 0.0]})
    with pytest.warns(UserWarning, match="4 of 6 rows are degenerate"):
        found = list(explain_batches(pencil, [batch, batch]))
    assert found[0]["degenerate"].to_pylist() == [True, False, True]


def test_schema_says_what_is_explained(models):
    import json

    model, X = models["two classes"]
    (batch,) = explain_batches(model, [X[:2]])
    said = json.loads(batch.schema.metadata[b"spectral_interp"])
    assert said["unit"] == "log-odds of diagnosis = malignant"
    assert said["columns"] == list(X.columns)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "path"}, "tolerance of 'path' depends on all rows"),
        ({"exact": True}, "exact only with method='shapley'"),
        ({"method": "shapley", "random_state": np.random.default_rng(0)}, "random_state to be an integer"),
        ({"flip_radius": True}, "flip_radius only for log-odds between two classes"),
        ({"linear_radius": 0.0}, "linear_radius > 0"),
        ({"output": "a"}, "expected output only for a model of classes"),
    ],
)
def test_options_are_checked_at_the_call(models, options, message):
    model, X = models["single"]
    with pytest.raises(ValueError, match=message):
        explain_batches(model, [X], **options)


def test_what_is_no_batch(models):
    model, X = models["single"]
    with pytest.raises(TypeError, match="expected batches to be an iterable"):
        list(explain_batches(model, 5))
    with pytest.raises(TypeError, match="expected keep to be a list"):
        explain_batches(model, [X], keep="bmi")
    with pytest.raises(TypeError, match="expected a fitted spectral estimator"):
        explain_batches("model.pt", [X])


UNPICKLE = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ImportError("torch is blocked")
sys.meta_path.insert(0, NoTorch())
import pickle
from pathlib import Path
model, X = pickle.loads(Path(sys.argv[1]).read_bytes())
from spectral_interp import explain, explain_batches, predict_batches
(batch,) = explain_batches(model, [X])
list(predict_batches(model, [X]))
assert "torch" not in sys.modules
view = model.view() if hasattr(model, "view") else model
Path(sys.argv[2]).write_bytes(pickle.dumps(batch.to_pandas()))
"""


@pytest.mark.parametrize("kind", ["three classes", "sum"])
def test_a_portable_model_needs_no_torch(models, kind, tmp_path):
    model, X = models[kind]
    paths = tmp_path / "model", tmp_path / "found"
    paths[0].write_bytes(pickle.dumps((portable(model), X)))
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", UNPICKLE, *map(str, paths)], check=True, cwd=root)
    check_same(pickle.loads(paths[1].read_bytes()), explain(model, X))


def test_pickles_hold_no_more_than_the_coefficients():
    model, X = sum_model(), table(50)
    explain(model, X)  # fills what is computed once
    entries = model.view().function.neurons.entries
    assert len(pickle.dumps(model)) < 1.5 * entries.nbytes + 50_000


def test_a_portable_model_is_explained_as_the_estimator(models):
    model, X = models["three classes"]
    own, other = explain(portable(model), X[:9]), explain(model, X[:9])
    np.testing.assert_array_equal(own.values, other.values)
    pd.testing.assert_frame_equal(pd.DataFrame(own.data), pd.DataFrame(other.data))

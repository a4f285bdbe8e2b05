"""Both command lines on targets of more than two classes."""

import json

import numpy as np
import pandas as pd
import pytest

from spectral_interp import load
from spectral_interp.commands import analyze, train
from spectral_interp.commands.analyze import default_methods, fewer

QUICK = ("--methods", "local", "--no-compare")
SINGLE = ("--form", "single", "--dim", 3, "--epochs", 5)


@pytest.fixture(scope="module")
def table(tmp_path_factory, flowers):
    X, y = flowers
    path = tmp_path_factory.mktemp("flowers") / "flowers.csv"
    X.assign(kind=y).to_csv(path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory, florist, flowers):
    X, y = flowers
    path = tmp_path_factory.mktemp("model") / "model.pt"
    florist.save(path, heldout=(X[:60], y[:60]))
    return path


def test_train_and_analyze_three_classes(tmp_path, table, run, no_figures):
    out = tmp_path / "m.pt"
    status, text, _ = run(train, table, "--target", "kind", "--id", "flower", "--out", out, *SINGLE)
    assert status == 0
    est = load(out)
    X, y = est.heldout_
    assert len(X) == 48
    assert sorted(y.value_counts()) == [16, 16, 16]  # stratified
    metrics = est.evaluate(X, y)
    assert list(metrics) == ["accuracy", "largest class", "log loss"]
    for name, value in metrics.items():
        assert f"{name} {value:.4g}" in text
    assert {"linear baseline", "MLP baseline"} <= {line.split(":")[0] for line in text.splitlines()}
    status, text, err = run(analyze, out, *QUICK)
    assert (status, err) == (0, "")
    found = json.loads((tmp_path / "m-analysis" / "summary.json").read_text())["classes"]
    assert f"log-odds of {found['output']} against the mean of all classes" in text
    for one in found["classes"]:
        assert f"{one['name']}: {', '.join(one['top_columns'])}" in text
    tables = {path.stem for path in (tmp_path / "m-analysis" / "tables").iterdir()}
    assert {"confusion", "class_importance", "class_contrasts"} <= tables


def test_output_and_against_of_analyze(tmp_path, model, run, no_figures):
    status, _, _ = run(
        analyze, model, *QUICK, "--out", tmp_path / "a", "--output", "rose", "--against", "iris"
    )
    assert status == 0
    summary = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert summary["unit"] == "log-odds of kind = rose against iris"
    waterfall = pd.read_csv(tmp_path / "a" / "tables" / "waterfall_low.csv")
    assert (waterfall["unit"] == summary["unit"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--output", "lilly"), r"got 'lilly'; did you mean 'lily'"),
        (("--output", "lily", "--against", "lily"), "different classes; got 'lily' for both"),
        (("--against", "lily"), "expected output, the class to explain, one of 'iris', 'lily', 'rose'"),
    ],
)
def test_outputs_that_are_none(tmp_path, model, run, options, message):
    status, _, err = run(analyze, model, *QUICK, "--out", tmp_path / "a", *options)
    assert status == 2
    assert message in err
    assert not (tmp_path / "a").exists()


def test_numbers_have_no_output(tmp_path, regressor, diabetes, run):
    regressor.save(tmp_path / "m.pt", heldout=(diabetes[0][:9], diabetes[1][:9]))
    status, _, err = run(analyze, tmp_path / "m.pt", *QUICK, "--output", "high")
    assert status == 2
    assert "expected output only for a model of classes; got 'high'" in err


def write(path, labels, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.normal(size=len(labels)), "b": rng.normal(size=len(labels))})
    frame.assign(kind=labels).to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (["x", "y", "z"] * 20, ("--positive", "x"), "two classes; got 'kind', which has 3"),
        (["x", "y"] * 20 + ["z"], (), "expected at least 2 rows of every class of 'kind'"),
        ([f"c{at}" for at in range(101)] * 2, (), "a target with 2 to 100 classes in 'kind'; got 101"),
        ([f"c{at}" for at in range(300)], (), "expected a target with 2 to 100 classes in 'kind'; got 300"),
    ],
)  # fmt: skip
def test_targets_that_are_no_use(tmp_path, run, labels, options, message):
    path = write(tmp_path / "t.csv", labels)
    status, _, err = run(train, path, "--target", "kind", "--out", tmp_path / "m.pt", *SINGLE, *options)
    assert status == 2
    assert message in err
    assert not (tmp_path / "m.pt").exists()


def test_every_class_is_trained_on_with_few_rows_of_many(tmp_path, run):
    labels = [f"c{at % 15:02}" for at in range(30)]
    path = write(tmp_path / "t.csv", labels)
    out = tmp_path / "m.pt"
    status, _, _ = run(train, path, "--target", "kind", "--out", out, *SINGLE, "--no-baselines")
    assert status == 0
    assert len(load(out).classes_) == 15


def test_a_code_of_the_class_is_called_a_leak(tmp_path, run):
    labels = np.array(["x", "y", "z"])[np.arange(90) % 3]
    path = write(tmp_path / "t.csv", labels)
    frame = pd.read_csv(path).assign(code=np.arange(90) % 3 * 7.5)
    frame.to_csv(path, index=False)
    status, _, err = run(
        train, path, "--target", "kind", "--out", tmp_path / "m.pt", *SINGLE, "--no-baselines"
    )
    assert status == 0
    assert "column 'code' (AUC 1.0000) alone predicts the target 'kind'" in err


def test_costly_methods_explain_fewer_rows_of_many_classes():
    class Estimator:
        n_outputs = 1

    found = []
    for Estimator.n_outputs in (1, 3, 10, 100):
        found.append(fewer(50, Estimator()))
    assert found == [50, 50, 15, 5]
    Estimator.n_outputs, made = 13, {}
    assert default_methods(Estimator(), made, "--methods local path") == ["local"]
    assert "--methods local path" in made["methods"]

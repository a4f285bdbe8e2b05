"""``analyze --batch-out``: every row of a file is explained, in place of a report."""

import numpy as np
import pandas as pd
import pytest

from spectral_interp import explain
from spectral_interp.commands import analyze


@pytest.fixture(scope="module")
def place(tmp_path_factory, classifier, breast_cancer):
    """Return a folder with a classifier and a CSV file of rows with labels and targets."""
    folder = tmp_path_factory.mktemp("batches")
    classifier.save(folder / "m.pt")
    X, y = breast_cancer
    X.assign(patient=[f"p{i}" for i in range(len(X))], diagnosis=y).to_csv(folder / "t.csv", index=False)
    return folder


def test_every_row_is_explained(place, run, classifier, breast_cancer):
    out = place / "out.parquet"
    arguments = ("--data", place / "t.csv", "--id", "patient", "--batch-out", out, "--flip-radius")
    status, text, err = run(analyze, place / "m.pt", *arguments)
    assert (status, err) == (0, "")
    found, (X, y) = pd.read_parquet(out), breast_cancer
    expected = explain(classifier, X)
    np.testing.assert_allclose(found.filter(like="contribution_"), expected.values, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(found["class"], classifier.predict(X))
    assert found["patient"].tolist() == [f"p{i}" for i in range(len(X))]
    assert found["diagnosis"].tolist() == y.tolist()
    assert "569 rows explained" in text
    importance = pd.read_csv(place / "out-importance.csv")
    assert f"importance over 569 rows: {place / 'out-importance.csv'}" in text
    top = expected.columns[np.abs(expected.values).mean(axis=0).argmax()]
    assert importance["column"][0] == top
    assert set(pd.read_csv(place / "out-dependence.csv")["column"]) == set(expected.columns)
    assert pd.read_csv(place / "out-margins.csv")["certified"].between(0, 1).all()


def test_predictions_alone(place, run, classifier, breast_cancer):
    status, text, _ = run(
        analyze,
        place / "m.pt",
        "--data",
        place / "t.csv",
        "--id",
        "patient",
        "--predict-out",
        place / "p.parquet",
    )
    assert status == 0
    assert "569 rows predicted" in text
    found = pd.read_parquet(place / "p.parquet")
    expected = classifier.predict_proba(breast_cancer[0])[:, 1]
    np.testing.assert_allclose(found["probability_malignant"], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--batch-out", "o.parquet"), "expected --data, the rows to explain, with --batch-out"),
        (("--data", "t.csv", "--batch-out", "o.csv"), "ends in .parquet; got o.csv"),
        (("--data", "t.csv", "--batch-out", "o.parquet", "--rows", 5), "expected no --rows with --batch-out"),
        (("--data", "t.csv", "--batch-out", "o.parquet", "--predict-out", "p.parquet"), "got both"),
        (("--data", "t.csv", "--predict-out", "p.parquet", "--flip-radius"), "only with --batch-out"),
        (("--flip-radius",), "expected --flip-radius only with --batch-out"),
        (
            ("--data", "t.csv", "--batch-out", "o.parquet", "--id", "nobody"),
            "names 'nobody' in t.csv; got none",
        ),
        (("--data", "t.csv", "--batch-out", "o.parquet"), "column 'patient' is not known to the model"),
    ],
)
def test_what_does_not_go_together(place, run, monkeypatch, arguments, message):
    monkeypatch.chdir(place)
    status, _, err = run(analyze, "m.pt", *arguments)
    assert status == 2
    assert message in err

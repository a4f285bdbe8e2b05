"""Promises on the command line."""

import numpy as np
import pandas as pd
import pytest

from spectral_interp import certify, load
from spectral_interp.commands import train

QUICK = ["--form", "single", "--dim", "3", "--epochs", "5", "--no-baselines"]


@pytest.fixture
def table(tmp_path, rng):
    X = pd.DataFrame({"income": rng.normal(size=80), "age": rng.normal(size=80), "city": list("uv") * 40})
    frame = X.assign(row=[f"r{i}" for i in range(80)], score=X["income"] - X["age"] + rng.normal(size=80))
    frame.to_csv(tmp_path / "t.csv", index=False)
    return str(tmp_path / "t.csv")


def command(table, tmp_path, *options):
    return [table, "--target", "score", "--id", "row", "--out", str(tmp_path / "m.pt"), *QUICK, *options]


def test_promises_reach_the_model(table, tmp_path, run):
    status, *_ = run(train, *command(table, tmp_path, "--increasing", "income", "--decreasing", "age"))
    assert status == 0
    est = load(tmp_path / "m.pt")
    assert est.monotone == {"income": 1, "age": -1}
    assert [certify(est).column(name)["monotone"] for name in ("income", "age")] == [1, -1]


def test_curvature_reaches_the_model(table, tmp_path, run):
    assert run(train, *command(table, tmp_path, "--curvature", "concave"))[0] == 0
    assert certify(load(tmp_path / "m.pt")).curvature == "concave"
    assert load(tmp_path / "m.pt").monotone is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--increasing", "incom"], ["'incom'", "'income'", "--increasing"]),
        (["--increasing", "row"], ["--increasing", "'row'", "--id"]),
        (["--decreasing", "score"], ["--decreasing", "'score'", "--target"]),
        (["--increasing", "age", "--decreasing", "age"], ["--increasing", "--decreasing", "'age'"]),
        (["--increasing", "age", "--drop", "age"], ["--increasing", "--drop", "'age'"]),
        (["--increasing", "city"], ["'city'", "levels", "order"]),
    ],
)
def test_what_cannot_be_promised(table, tmp_path, run, options, words):
    found = run(train, *command(table, tmp_path, *options))
    assert found[0] == 2
    message = found[-1].strip()
    assert message.count("\n") == 0
    assert [word for word in words if word not in message] == []
    assert not np.any([(tmp_path / "m.pt").exists()])

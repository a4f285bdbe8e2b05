"""Rows that repeat are no held-out rows, and rows trained on are named."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from spectral_interp import load
from spectral_interp.commands import analyze, train

QUICK = ("--form", "single", "--dim", 3, "--epochs", 60, "--no-baselines")


def noise(rng, n=60):
    return pd.DataFrame(rng.normal(size=(n, 4)), columns=[*"abcy"])


def test_noise_that_repeats_is_not_predicted(tmp_path, run, rng):
    table = pd.concat([noise(rng)] * 10).assign(id=[f"r{i}" for i in range(600)])
    table.to_csv(tmp_path / "t.csv", index=False)
    status, text, _ = run(train, tmp_path / "t.csv", "--target", "y", "--out", tmp_path / "m.pt", *QUICK)
    assert status == 0
    assert float(re.search(r"R² (-?[\d.]+)", text)[1]) < 0.1
    assert "120 held out" in text
    assert "600 rows equal another" in text
    assert "not held out" not in text
    assert load(tmp_path / "m.pt").count_trained_on(load(tmp_path / "m.pt").heldout_[0]) == 0


def test_classes_are_on_both_sides_though_rows_repeat(tmp_path, run, rng):
    table = pd.concat([noise(rng)] * 5).assign(y=lambda t: np.where(t["y"] > 1, "yes", "no"))
    table.to_csv(tmp_path / "t.csv", index=False)
    status, _, _ = run(train, tmp_path / "t.csv", "--target", "y", "--out", tmp_path / "m.pt", *QUICK)
    assert status == 0
    _, y = load(tmp_path / "m.pt").heldout_
    assert set(y) == {"yes", "no"}


def test_a_table_of_few_different_rows_says_that_nothing_is_held_out(tmp_path, run, rng):
    table = pd.DataFrame({"sex": np.tile(["f", "m"], 50), "y": rng.normal(size=100)})
    table.to_csv(tmp_path / "t.csv", index=False)
    _, text, _ = run(train, tmp_path / "t.csv", "--target", "y", "--out", tmp_path / "m.pt", *QUICK)
    assert re.search(r"100 rows equal another", text)
    assert re.search(r"20 of them equal training rows", text)


def test_tables_without_repeats_say_nothing(tmp_path, run):
    _, text, _ = run(
        train,
        "diabetes",
        "--out",
        tmp_path / "m.pt",
        "--form",
        "single",
        "--dim",
        3,
        "--epochs",
        2,
        "--no-baselines",
    )
    assert "equal" not in text


@pytest.mark.usefixtures("no_figures")
def test_analyze_says_which_rows_were_trained_on(tmp_path, run, regressor, diabetes):
    X, y = diabetes
    regressor.save(tmp_path / "m.pt")
    new = X[:5] * 1.01
    options = ("--methods", "local", "--no-compare")
    for rows, count, said in (
        (X[:12], 12, "All 12 rows equal training rows"),
        (pd.concat([X[:3], new]), 3, "3 of the 8 rows equal training rows"),
        (new, 0, None),
    ):
        rows.assign(progression=y[: len(rows)].to_numpy()).to_csv(tmp_path / "t.csv", index=False)
        _, text, _ = run(analyze, tmp_path / "m.pt", "--data", tmp_path / "t.csv", *options)
        summary = json.loads((tmp_path / "m-analysis" / "summary.json").read_text())
        page = (tmp_path / "m-analysis" / "report.html").read_text()
        assert summary["rows_trained_on"] == count
        for place in (text, page):
            assert (said in place and "not held out" in place) if said else "not held out" not in place

"""What ``train`` prints of the form of a model, and ``analyze`` after it."""

import numpy as np
import pandas as pd
import pytest

from spectral_interp import load
from spectral_interp._common.text import number
from spectral_interp.commands import analyze, train


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=200), "b": rng.normal(size=200)})
    table["price"] = np.sign(np.sin(3 * table["a"])) + table["b"]
    path = tmp_path_factory.mktemp("forms") / "data.csv"
    table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("form", ["sum", "auto"])
def test_a_line_for_every_form_that_was_tried(tmp_path, run, no_figures, data, form):
    model = tmp_path / "model.pt"
    few = ("--epochs", 5) if form == "auto" else ()
    arguments = ("--target", "price", "--out", model, "--form", form, "--no-baselines", *few)
    status, text, err = run(train, data, *arguments)
    assert status == 0, err
    est = load(model)
    rungs = est.rungs_
    assert (rungs["inputs"] == "single neuron").any() == (form == "auto")
    epochs = int(rungs.loc[rungs["chosen"], "epochs"].iloc[0])
    assert est.form_ == "sum"
    assert f"a sum of 64 neurons in 4 fits of {epochs} epoch" in text
    lines = [line for line in text.splitlines() if line.startswith("form: ")]
    assert len(lines) == len(rungs) > 1
    for line, rung in zip(lines, rungs.itertuples(), strict=True):
        assert f"RMSE (price) {number(rung.held_out_loss)}, " in line
        assert f" {rung.parameters:,} parameter" in line
        assert line.endswith("chosen") == rung.chosen
    status, text, err = run(analyze, model, "--rows", 5, "--methods", "local", "--no-compare")
    assert (status, err) == (0, "")
    assert all(line.removeprefix("form: ") in text for line in lines)


def test_a_single_neuron_has_no_lines_of_forms(tmp_path, run, data):
    arguments = ("--target", "price", "--form", "single", "--dim", 3, "--epochs", 4, "--no-baselines")
    status, text, _ = run(train, data, "--out", tmp_path / "model.pt", *arguments)
    assert status == 0
    assert "training rows, 4 epochs; 40 held out" in text
    assert "form:" not in text

"""Every example runs in its quick form, leaves its picture, and claims what holds; all are in the gallery."""

import re
import runpy
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt

from spectral_interp import explain

FOLDER = Path(__file__).parents[1] / "examples"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("[0-9]*.py"))


def adds_up(found, prediction, rtol=1e-9):
    np.testing.assert_allclose(found.base_values + found.values.sum(axis=1), prediction, rtol=rtol)


def first_model(left):
    adds_up(left.explanation, left.est.predict(left.X_test))


def housing(left):
    adds_up(left.found, left.est.predict(left.X_test))
    np.testing.assert_array_equal(left.adds, left.found.values[:, 0] + left.found.values[:, 1])


def promises(left):
    prices = {
        name: est.predict(left.driven).reshape(len(left.shown), -1) for name, est in left.models.items()
    }
    assert np.diff(prices["free"]).max() > 0
    assert np.diff(prices["promised"]).max() <= 1e-9
    assert left.proven == -1


def three_classes(left):
    assert (left.closest.output == left.est.predict(left.X_test)).all()
    first, second = np.sort(left.est.predict_proba(left.X_test), axis=1)[:, :-3:-1].T
    np.testing.assert_allclose(left.closest.prediction, np.log(first / second), rtol=1e-9)
    assert left.wine == (first - second).argmin()


def text_and_dates(left):
    for name, spread in left.truth.std().items():
        assert np.corrcoef(left.contributions[name], left.truth[name])[0, 1] > 0.95
        assert (left.contributions[name] - left.truth[name]).std() < 0.3 * spread


def shap_side_by_side(left):
    assert left.difference < 1e-9
    adds_up(left.of_trees, left.boosting.predict(left.X_test), rtol=1e-5)


def counterfactual(left):
    changed = left.found.to_frame().loc[["answer 1"]]
    assert left.est.predict(changed)[0] <= 150 < left.est.predict(left.patient)[0]
    assert (changed[["age", "sex"]].to_numpy() == left.patient[["age", "sex"]].to_numpy()).all()
    assert left.found.lower <= left.found.distance


def proven_ranges(left):
    assert (left.low <= left.attained_low).all()
    assert (left.attained_high <= left.high).all()
    assert left.low[-1] <= left.est.predict(left.inside).min()
    assert left.est.predict(left.inside).max() <= left.high[-1]
    assert left.outside == 0


def published_state_dict(left):
    assert left.difference < 1e-4


def batches_from_parquet(left):
    means = np.abs(explain(left.est, left.rows).values).mean(axis=0)
    found = left.summary.importance().set_index("column")["mean_absolute"]
    np.testing.assert_allclose(found[list(left.summary.columns)], means, rtol=1e-9)
    assert left.summary.n_rows == sum(left.sizes) == len(left.rows)


def pipeline_with_grid_search(left):
    kept = left.search.best_estimator_["select"].get_feature_names_out()
    assert left.explanation.columns == tuple(kept)
    adds_up(left.explanation, left.search.predict(left.X))


def inside_a_neuron(left):
    assert left.difference < 1e-12


def certificates_attacked(left):
    assert not left.beyond.to_numpy().any()
    assert (left.reached > 0.5).all()


def members_on_parts(left):
    np.testing.assert_allclose(left.whole.predict(left.X_test), left.mean, rtol=1e-9)


def missing_values(left):
    (warning,) = left.caught
    assert "'Harbour' in 1 row" in str(warning.message)
    year, _, district = left.found.columns
    assert (year, district) == ("year", "district")
    assert left.found.values[0, 0] < -50  # old flats are cheap


CLAIMS = {
    f"{number:02}_{claim.__name__}": claim
    for number, claim in enumerate(
        [
            *(first_model, housing, promises, three_classes, text_and_dates, shap_side_by_side),
            *(counterfactual, proven_ranges, published_state_dict, batches_from_parquet),
            *(pipeline_with_grid_search, inside_a_neuron, certificates_attacked, members_on_parts),
            missing_values,
        ],
        start=1,
    )
}


@pytest.fixture
def districts(tmp_path):
    """Return the path of a table of made-up districts, with the columns that the example names."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"longitude": rng.uniform(-124, -114, 300), "latitude": rng.uniform(33, 42, 300)})
    value = 2e5 - 1e4 * (table["longitude"] + 119) + rng.normal(0, 1e4, 300)
    table.assign(median_house_value=value).to_csv(tmp_path / "districts.csv", index=False)
    return tmp_path / "districts.csv"


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(tmp_path, monkeypatch, capsys, districts, name):
    monkeypatch.syspath_prepend(FOLDER)
    options = ["--data", str(districts)] if name == "02_housing" else []
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--quick", "--out", str(tmp_path / "out"), *options])
    state = np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        left = runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    np.random.set_state(state)  # noqa: NPY002
    plt.close("all")
    assert len(capsys.readouterr().out.splitlines()) >= 3
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{name}.png"]
    assert (tmp_path / "out" / f"{name}.png").stat().st_size > 10_000
    CLAIMS[name](SimpleNamespace(**left))


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_short(name):
    lines = (FOLDER / f"{name}.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 60
    assert lines[0].startswith('"""')


def test_gallery_has_every_example():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    linked = re.findall(r"\[!\[[^]]+\]\(images/(\w+)\.png\)\]\((\w+)\.py\) \[[^]]+\]\((\w+)\.py\)", text)
    assert all(picture == script == name for picture, script, name in linked)
    assert sorted(name for *_, name in linked) == EXAMPLES
    sizes = {path.stem: path.stat().st_size for path in (FOLDER / "images").iterdir()}
    assert sorted(sizes) == EXAMPLES
    assert max(sizes.values()) < 120_000
    assert sum(sizes.values()) < 1_500_000


def test_make_gallery_draws_every_example():
    command = ["make", "--dry-run", "--assume-old=.venv/installed", "gallery"]
    printed = subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True, check=True).stdout
    (pattern,) = re.findall(r"for example in (\S+);", printed)
    assert sorted(path.stem for path in FOLDER.parent.glob(pattern)) == EXAMPLES
    assert "--out examples/images" in printed

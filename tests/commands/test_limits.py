"""``--fixed`` and ``--limits`` of analyze: what they mean, and one line for what cannot be read."""

import json

import numpy as np
import pandas as pd
import pytest

from spectral_interp import SpectralRegressor
from spectral_interp.commands import analyze
from spectral_interp.commands.limits import read_limits


@pytest.fixture(scope="module")
def house():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a=b": rng.normal(size=80), "rooms": rng.integers(1, 9, 80).astype(float)})
    X["city"] = rng.choice(["Oslo", "Paris, TX", "Rome"], 80)
    X["sold"] = pd.to_datetime("2024-01-01 08:00") + pd.to_timedelta(rng.integers(0, 9000, 80), unit="h")
    y = (X["a=b"] + X["rooms"] + 2 * (X["city"] == "Oslo")).rename("price")
    return SpectralRegressor(dim=3, n_epochs=20, random_state=0, form="single").fit(X, y), X, y


@pytest.fixture(scope="module")
def model(house, tmp_path_factory):
    est, X, y = house
    path = tmp_path_factory.mktemp("house") / "model.pt"
    est.save(path, heldout=(X[:30], y[:30]))
    return path


def test_limits_of_every_kind_of_column(house):
    texts = ["a=b=-1..1.5", " rooms = 2 .. 4", 'city=Oslo, "Paris, TX"', "sold=2024-01-01 08:30..2024-02-01"]
    assert read_limits(house[0].view(), texts) == {
        "a=b": (-1.0, 1.5),
        "rooms": (2.0, 4.0),
        "city": ["Oslo", "Paris, TX"],
        "sold": ("2024-01-01 08:30", "2024-02-01"),
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fixed", "room"], "for --fixed; got 'room', of columns"),
        (["--limits", "room=1..2"], "did you mean 'rooms'?"),
        (["--limits", "rooms"], "expected COLUMN=LOW..HIGH"),
        (["--limits", "rooms=3"], "expected rooms=LOW..HIGH"),
        (["--limits", "rooms=few..many"], "got 'rooms=few..many'"),
        (["--limits", "rooms=4..2"], "expected LOW <= HIGH"),
        (["--limits", "rooms=4..inf"], "expected LOW <= HIGH"),
        (["--limits", "city=Oslo,Bergen"], "got 'Bergen'"),
        (["--limits", "sold=2024-02-01..2024-01-01"], "'sold=2024-02-01..2024-01-01'"),
        (["--limits", "sold=then..now"], "dates of 'sold'"),
        (["--limits", "rooms=1..2", "rooms=2..3"], "'rooms' once in --limits"),
        (["--limits", "rooms=1..2", "--fixed", "rooms"], "'rooms' either in --fixed or in --limits"),
    ],
)
def test_what_cannot_be_read_is_one_line(model, run, tmp_path, arguments, message):
    status, out, err = run(analyze, model, "--out", tmp_path / "out", *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_changes_keep_what_is_fixed_and_within_limits(model, house, run, no_figures, tmp_path):
    _, X, _ = house
    arguments = ("--fixed", "city", "sold", "--limits", "rooms=1..8", "--methods", "local", "--no-compare")
    status, text, err = run(analyze, model, "--out", tmp_path / "out", *arguments)
    assert (status, err) == (0, "")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["changes"]
    for label, change in summary["changes"].items():
        assert change["sentence"] in text
        assert not {"city", "sold"} & set(change["changes"])
        table = pd.read_csv(tmp_path / "out" / "tables" / f"nearest_change_{label}.csv")
        rooms = table[table["column"] == "rooms"]
        assert rooms["to"].astype(float).between(1, 8).all()
    assert summary["ranges"]["sentence"] in text
    everything = ("--fixed", *X.columns, "--methods", "local", "--no-compare")
    status, text, err = run(analyze, model, "--out", tmp_path / "out", *everything)
    assert (status, err) == (0, "")
    left_out = json.loads((tmp_path / "out" / "summary.json").read_text())["left_out"]
    assert any(reason.startswith("nearest changes: rows") and "may change" in reason for reason in left_out)
    assert any(reason.startswith("proven ranges: ") for reason in left_out)

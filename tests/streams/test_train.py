"""The command ``train`` on tables that are read in batches: what it prints is true."""

import re

import numpy as np
import pandas as pd
import pytest

from spectral_interp import load
from spectral_interp.commands import train
from spectral_interp.commands.start import OPTIONS
from spectral_interp.streams import blocks, passes, sample
from spectral_interp.streams.sample import Roles, draw

N = 1_200


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(sample, "SAMPLE_ROWS", 400)
    monkeypatch.setattr(blocks, "LEAST_ROWS", 200)
    monkeypatch.setattr(blocks, "MOST_ROWS", 300)
    monkeypatch.setattr(passes, "VISITS", 10_000)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(N, 2)).round(3), columns=["a", "b"])
    return frame.assign(y=(frame.a + rng.normal(size=N)).round(3), w=np.arange(N) % 4 / 2)


@pytest.fixture
def run(tmp_path, capsys):
    def trained(frame, *options):
        path = tmp_path / "t.parquet"
        frame.to_parquet(path)
        given = ["--stream", "--target", "y", "--out", tmp_path / "m.pt", "--form", "single", "--dim", 3]
        given = [path, *given, "--epochs", 2, *options]
        train.main(OPTIONS["train"]("train").parse_args([str(one) for one in given]))
        return load(tmp_path / "m.pt"), capsys.readouterr().out

    return trained


@pytest.mark.parametrize("weighted", [False, True])
def test_rows_are_counted_where_they_repeat(run, table, weighted):
    frame = pd.concat([table] * 3, ignore_index=True)
    roles = Roles("y", "w") if weighted else Roles("y", drop=["w"])
    held = len(draw([table], roles, "t").held.keys)
    there = int((table.w > 0).sum()) if weighted else N
    if weighted:
        with pytest.warns(UserWarning, match="900 of 3,600 rows"):
            est, out = run(frame, "--weight", "w")
    else:
        est, out = run(frame, "--drop", "w")
    found = re.match(r"(\d+) training rows, 5 epochs; (\d+) held out", out)
    assert [int(number) for number in found.groups()] == [3 * (there - held), 3 * held]
    assert est.made_by_["training rows"] == 3 * (there - held)
    assert est.background_of_ == there - held


def test_few_rows_of_a_class_are_those_of_the_sample(run, table):
    labels = np.where(table.index % 60 == 0, "high", "low")
    with pytest.warns(UserWarning, match=r"rows are of the class 'high' in a sample of 400 rows"):
        est, _ = run(table.assign(y=labels).drop(columns="w"))
    assert est.classes_.tolist() == ["high", "low"]


def test_rows_cannot_be_named(run, table):
    with pytest.raises(ValueError, match=r"expected no --id .*; got 'w'; list it in --drop"):
        run(table, "--id", "w")

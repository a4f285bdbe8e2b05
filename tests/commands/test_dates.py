"""The command lines on a table with dates."""

import json
import re

import numpy as np
import pandas as pd

from spectral_interp import analyze, train


def test_dates_in_a_csv_file(tmp_path, run, rng, no_figures):
    days = pd.Series(pd.date_range("2022-03-01", periods=120))
    frame = pd.DataFrame(
        {
            "day": days.dt.strftime("%d.%m.%Y").where(days.index % 10 > 0, "unknown"),
            "seen": days.dt.strftime("%Y-%m-%d %H:%M"),
            "x": rng.normal(size=120),
            "y": rng.normal(size=120) + np.arange(120),
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    options = ("--epochs", 3, "--form", "single", "--dim", 3, "--no-baselines")
    status, _, err = run(train, tmp_path / "t.csv", "--target", "y", "--out", tmp_path / "m.pt", *options)
    assert status == 0
    assert err.count("text counts as a missing date") == 1
    assert "'day' ('unknown' in " in err
    status, out, _ = run(analyze, tmp_path / "m.pt", "--no-compare", "--out", tmp_path / "a")
    assert status == 0
    assert "region map: it needs two numeric columns, and the model has 1" in out
    page = (tmp_path / "a" / "report.html").read_text()
    assert "00:00" not in re.sub("<script>.*?</script>", "", page, flags=re.DOTALL)
    summary = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert sorted(summary["top_columns"]) == ["day", "seen", "x"]
    table = pd.read_csv(tmp_path / "a" / "tables" / "beeswarm_local.csv")
    values = table.loc[table["column"] == "day", "value"].dropna()
    assert values.str.fullmatch(r"2022-\d\d-\d\d").all()
    late = frame.assign(day="31.12.2023").drop(columns="y")
    late.to_csv(tmp_path / "late.csv", index=False)
    status, _, err = run(
        analyze, tmp_path / "m.pt", "--data", tmp_path / "late.csv", "--no-compare", "--out", tmp_path / "b"
    )
    assert status == 0
    assert "120 dates outside the training dates" in err
    assert "such as 2023-12-31 in " in err


def test_dates_that_can_be_read_in_two_ways_end_in_one_line(tmp_path, run, rng):
    frame = pd.DataFrame({"day": ["01/02/2024", "03/04/2024"] * 10, "y": rng.normal(size=20)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    status, _, err = run(train, tmp_path / "t.csv", "--target", "y", "--out", tmp_path / "m.pt")
    assert status == 2
    assert "got '01/02/2024' in " in err
    assert "write dates as 2024-01-31" in err

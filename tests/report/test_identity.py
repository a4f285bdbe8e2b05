"""A row is called what its table calls it, everywhere; labels may be text, repeat, and be held out."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from spectral_interp import (
    Pencil,
    SpectralClassifier,
    SpectralRegressor,
    certify,
    compare,
    explain,
    load,
    plots,
    report,
)
from spectral_interp._common.arrays import spread
from spectral_interp._common.text import row_text
from spectral_interp.comparison import study
from spectral_interp.report.page import table_cells
from spectral_interp.report.rows import picker_rows
from spectral_interp.report.subject import Subject
from spectral_interp.view import rows_of
from tests.report.test_page import picked_rows

N = 60


def frame(index):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=N), "b": rng.normal(size=N), "c": rng.choice(["u", "v"], N)})
    return X.set_axis(index)


INDEXES = {
    "text": pd.Index([f"cust{i}" for i in range(N)], name="customer"),
    "lines": pd.RangeIndex(2, N + 2, name="line"),
    "large": pd.Index(10**9 + np.arange(N)[::-1]),
    "repeated": pd.Index([f"twin {i // 2}" for i in range(N)]),
    "mixed": pd.Index([i if i % 2 else f"x{i}" for i in range(N)], dtype=object),
    "dates": pd.date_range("2024-01-01", periods=N, name="day"),
    "levels": pd.MultiIndex.from_product([["north", "south"], range(N // 2)], names=["branch", "number"]),
}
CALLED = {
    "text": [f"cust{i}" for i in range(N)],
    "lines": [str(i + 2) for i in range(N)],
    "large": [str(10**9 + N - 1 - i) for i in range(N)],
    "repeated": [f"twin {i // 2}" for i in range(N)],
    "mixed": [str(i) if i % 2 else f"x{i}" for i in range(N)],
    "dates": [f"2024-{1 + (i > 30) + (i > 59):02d}-{i + 1 - 31 * (i > 30):02d}" for i in range(N)],
    "levels": [f"{branch}, {i}" for branch in ("north", "south") for i in range(N // 2)],
}


@pytest.fixture(scope="module")
def est():
    X = frame(range(N))
    return SpectralRegressor(dim=3, n_epochs=5, random_state=0, form="single").fit(
        X, (2 * X["a"] + X["b"]).rename("y")
    )


NAMED = ("beeswarm_local", "dependence_1", "margins", "waterfall_high", "spectrum_1", "region_map")
"""Tables that name rows."""


@pytest.mark.parametrize("kind", INDEXES)
def test_sampled_rows_keep_their_labels_in_every_table_title_and_message(est, kind):
    X = frame(INDEXES[kind])
    chosen, _ = report.choose_rows(est, X, limit=20, seed=3)
    places = np.sort(np.random.default_rng(3).permutation(N)[:20])
    expected = [CALLED[kind][place] for place in places]
    analysis = report.analyze(est, chosen, None, methods=["local", "path"], most=5, seed=0)
    tables = analysis.tables
    called = {name: [row_text(label) for label in tables[name]["row"].dropna()] for name in NAMED}
    assert called["beeswarm_local"][::3] == called["dependence_1"] == called["margins"] == expected
    order = np.argsort(analysis.subject.prediction, kind="stable")
    assert set(called["waterfall_high"]) == {expected[order[-1]]}
    middle = expected[order[10]]
    assert set(called["spectrum_1"]) == set(called["region_map"]) == {middle}
    assert str(analysis.summary.slices_at_row) == middle
    titles = {exhibit.name: exhibit.title for exhibit in analysis.exhibits}
    assert titles["waterfall_high"] == f"Row {expected[order[-1]]}"
    picker = picker_rows(analysis.subject)
    rows = picked_rows(picker["methods"]["local"])
    assert [row["row"] for row in rows] == expected
    assert rows[picker["start"]]["row"] == middle
    of_path = picked_rows(picker["methods"]["path"])
    assert [row["row"] for row in of_path] == [expected[i] for i in spread(20, 5)]
    json.dumps(picker, allow_nan=False)
    json.dumps(analysis.summary.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("kind", "said"), [("lines", "line in the file"), ("text", "value of customer"), ("large", "index")]
)
def test_the_summary_says_what_rows_are_called(est, kind, said):
    subject = Subject.explained(
        est, frame(INDEXES[kind])[:2], None, ["local"], most=None, compare_rows=0, seed=0
    )
    assert said in subject.row_labels


@pytest.mark.parametrize("kind", INDEXES)
def test_held_out_rows_keep_their_labels_in_the_file(est, kind, tmp_path):
    X = frame(INDEXES[kind])[10:30]
    est.save(tmp_path / "model.pt", heldout=(X, X["a"].rename("y")))
    found, targets = load(tmp_path / "model.pt").heldout_
    called = rows_of(est, found)
    assert [row_text(label) for label in called.labels] == CALLED[kind][10:30]
    assert called.label_name == {
        "text": "customer",
        "lines": "line",
        "dates": "day",
        "levels": "branch, number",
    }.get(kind, "")
    assert targets.index.equals(found.index)
    np.testing.assert_array_equal(found["a"], X["a"])
    again = load(tmp_path / "model.pt")
    again.save(tmp_path / "again.pt")
    assert load(tmp_path / "again.pt").heldout_[0].index.equals(found.index)


def test_rows_that_count_from_zero_take_no_room_in_the_file(est, tmp_path):
    from spectral_interp.files import artifact

    X = frame(range(N))[:5]
    est.save(tmp_path / "model.pt", heldout=(X, X["a"]))
    assert artifact.read(tmp_path / "model.pt")["heldout"].keys() == {"rows", "targets"}
    state = artifact.read(tmp_path / "model.pt")
    state.pop("format"), state.pop("kind"), state.pop("version")
    state["heldout"]["labels"] = ["too", "few"]
    artifact.write(tmp_path / "other.pt", state)
    with pytest.raises(ValueError, match="a label for each of the 5 held-out rows; got 2"):
        load(tmp_path / "other.pt")


def test_a_comparison_names_rows_by_their_labels(est):
    X = frame(INDEXES["text"])
    with pytest.MonkeyPatch.context() as patch:
        quick = [one for one in study.EXPLAINERS if one.name in ("local", "path")]
        patch.setattr(study, "EXPLAINERS", quick)
        found = compare(est, X, max_rows=4, random_state=1)
    places = np.sort(np.random.default_rng(1).permutation(N)[:4])
    assert found.rows.tolist() == X.index[places].tolist()
    for dispute in found.disputed:
        assert dispute.label == found.rows[dispute.row]
        assert f"in row {dispute.label} " in dispute.reason
        assert set(plots.dispute_table(found, dispute)["row"]) == {dispute.label}


def test_a_pencil_takes_the_labels_of_a_table():
    pencil = Pencil([[0.0], [1.0]], [[], []], 0)
    table = pd.DataFrame({"z": [1.0, 2.0]}, index=["one", "two"])
    assert explain(pencil, table).rows.tolist() == ["one", "two"]
    assert plots.margins_table(certify(pencil, table), 0.1)["row"].tolist() == ["one", "two"]
    assert explain(pencil, [[1.0]]).rows.tolist() == [0]


def test_labels_and_counts_on_the_page_have_all_their_digits():
    table = pd.DataFrame({"row": [1234567], "rows": [123456], "share": [0.123456]})
    cells = table_cells(table, plots.pieces)
    assert [cell["text"] for cell in cells["rows"][0]] == ["1234567", "123,456", "0.1235"]
    repeated = pd.DataFrame({"row": [1234567] * 2, "value": [1.0, 2.0]})
    assert table_cells(repeated, plots.waterfall)["common"] == ["row: 1234567"]


@pytest.mark.parametrize("kind", [int, float, str, bool])
def test_the_error_of_a_class_has_its_sign_however_the_class_is_written(kind):
    X = frame(range(N))
    y = (X["a"] > 0).astype(int).rename("sick")
    est = SpectralClassifier(dim=3, n_epochs=10, random_state=0, form="single").fit(X[["a", "b"]], y)
    data = X[["a", "b"]].assign(sick=y.astype(kind) if kind is not bool else y.astype(float).astype(object))
    rows, targets = report.choose_rows(est, data, limit=20, seed=0)
    subject = Subject.explained(est, rows, targets, ["local"], most=None, compare_rows=0, seed=0)
    for row, true in zip(picked_rows(picker_rows(subject)["methods"]["local"]), y[rows.index], strict=True):
        assert row["target"] == str(true)
        assert row["error"] == pytest.approx(-row["prediction"] if true else row["prediction"], rel=1e-4)


def test_targets_of_a_regression_may_be_text(est):
    X = frame(range(N))[:9]
    subject = Subject.explained(est, X, X["a"].astype(str), ["local"], most=None, compare_rows=0, seed=0)
    for row, target in zip(picked_rows(picker_rows(subject)["methods"]["local"]), X["a"], strict=True):
        assert row["target"] == pytest.approx(target)
        assert row["error"] == pytest.approx(abs(row["prediction"] - target), rel=1e-4)


HOSTILE = ["\x1b]0;owned\x07\x1b[2J", "b\nmodel certified", "\u202egnp\u2066", "\x9b2J", "=cmd|' /C calc'!A0"]
FORMULAS = ['=HYPERLINK("http://e","x")', "+1", "-1", "@SUM(A1)", " =1", "\uff1d1"]


@pytest.fixture
def hostile(tmp_path, no_drawings):
    """Return what an analysis of a stranger's names writes, its summary and the analysis."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(N, len(HOSTILE))), columns=HOSTILE)
    X["level"] = rng.choice([*FORMULAS, "plain"], N)
    X.index = [f"=row{i}\x1b" for i in range(N)]
    est = SpectralRegressor(dim=3, n_epochs=3, random_state=0, form="single").fit(
        X, X[HOSTILE[0]].rename("y\u202e\x1b")
    )
    analysis = report.analyze(est, X[:12], X[HOSTILE[0]][:12], methods=["local"], seed=0)
    return tmp_path / "out", report.write(analysis, tmp_path / "out"), analysis


def unseen(text):
    return {char for char in text if not char.isprintable() and char != "\n"}


def test_no_name_of_a_stranger_commands_a_terminal_a_spreadsheet_or_a_page(hostile):
    folder, summary, analysis = hostile
    written = [path for path in folder.rglob("*.*") if path.suffix != ".png"]
    texts = {path.name: path.read_text(encoding="utf-8") for path in written}
    assert {name: unseen(text) for name, text in texts.items() if unseen(text)} == {}
    for path in (folder / "tables").iterdir():
        cells = pd.read_csv(path, dtype=str, keep_default_na=False).to_numpy().ravel()
        formulas = [cell for cell in cells if re.match(r"[=+@]|-(?![0-9.]+(e|$))", cell)]
        assert formulas == [], path
    swarm = pd.read_csv(folder / "tables" / "beeswarm_local.csv")
    pd.testing.assert_series_equal(swarm["contribution"], analysis.tables["beeswarm_local"]["contribution"])
    assert set(swarm["row"]) == {f"'=row{i}[U+001B]" for i in range(12)}
    assert json.loads(texts["summary.json"])["top_columns"] == summary.top_columns
    assert set(summary.top_columns) <= {*HOSTILE, "level"}

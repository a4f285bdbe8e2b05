"""Both command lines: results, and one line and status 2 for bad input."""

import json
import os
import re
import sys

import numpy as np
import pandas as pd
import pytest
import torch

import spectral_interp
from spectral_interp import SpectralRegressor, load
from spectral_interp.commands import analyze, start, train
from spectral_interp.models.spectral import TridiagonalSpectral
from spectral_interp.report import writing
from tests.conftest import undrawn

FIGURES = {
    *(f"{name}_{method}.png" for name in ("beeswarm", "importance") for method in ("local", "path")),
    *("curves.png", "interactions.png", "joint.png"),
    *(f"{name}_{place}.png" for name in ("dependence", "spectrum") for place in (1, 2, 3)),
    *(f"waterfall_{which}.png" for which in ("low", "median", "high")),
    *(f"chain_{which}.png" for which in ("high", "mean")),
    *(f"nearest_change_{which}.png" for which in ("low", "median", "high")),
    "proven_ranges.png",
    *(f"{n}.png" for n in ["certified", "margins", "pieces", "region_map", "sensitivity", "training_curve"]),
    *(f"{n}.png" for n in ["agreement", "deletion", "dispute_1", "dispute_2"]),
    *(f"{n}.png" for n in ["faithfulness_cost", "importance_by_model"]),
}
COMPARED = {
    "accuracy",
    "agreement",
    "cost",
    "deletion",
    "faithfulness",
    "faithfulness_cost",
    "importance_by_model",
}
LOCAL = ("--methods", "local", "--no-compare")


@pytest.fixture(scope="module")
def model(tmp_path_factory, regressor, diabetes):
    X, y = diabetes
    path = tmp_path_factory.mktemp("model") / "model.pt"
    regressor.save(path, heldout=(X[:80], y[:80]))
    return path


def test_train_then_analyze(tmp_path, run):
    out = tmp_path / "model.pt"
    status, text, _ = run(train, "diabetes", "--out", out, "--form", "single", "--dim", 5, "--epochs", 10)
    assert status == 0
    assert re.search(r"\b89 held out.*R²", text)
    status, text, err = run(analyze, out, "--compare-rows", 4)
    assert (status, err) == (0, "")
    folder = tmp_path / "model-analysis"
    assert {p.name for p in (folder / "figures").iterdir()} == FIGURES
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["rows"] == 89
    for name, method in summary["methods"].items():
        assert method["completeness_gap_relative"] <= 1e-10
        assert f"{method['completeness_gap']:.1e}" in text
        assert f"{method['milliseconds_per_row']:.3g} ms" in text
        importance = pd.read_csv(folder / "tables" / f"importance_{name}.csv")
        assert importance["column"].head(5).tolist() == method["top_columns"]
        assert 0 < method["coupling_share"] < 1
    assert summary["top_columns"] == summary["methods"]["local"]["top_columns"]
    assert re.search(r"\b100 training rows .*\bseed 0\b", text)
    assert summary["certified"]["sentences"][0] in text
    assert "figures" in summary["seconds"]
    compared = summary["comparison"]
    assert list(compared["accuracy"]) == ["spectral", "linear", "MLP"]
    assert {"path", "local", "shapley", "SHAP Exact", "Captum IG"} <= set(compared["methods"])
    assert compared["methods"]["shapley"]["completeness_gap_relative"] <= 1e-9
    assert len(compared["disputed"]) == 2
    assert compared["disputed"][0] in text
    assert {p.stem for p in (folder / "tables").iterdir()} >= COMPARED
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model-analysis", "model.pt"]


def test_two_runs_of_train_give_identical_tensors(tmp_path, run):
    files = [tmp_path / name for name in ("a.pt", "b.pt")]
    for file in files:
        run(train, "breast_cancer", "--out", file, "--form", "single", "--dim", 3, "--epochs", 3, "--seed", 7)
    one, two = (torch.load(file, weights_only=True)["weights"] for file in files)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_rows_seed_out_and_a_second_run(tmp_path, run, no_figures, model, diabetes):
    X, y = diabetes
    X.assign(progression=y).to_csv(tmp_path / "rows.csv", index=False)
    arguments = (model, "--data", tmp_path / "rows.csv", "--rows", 10, "--seed", 3, "--out", tmp_path / "out")
    arguments += ("--methods", "path", "local", "--no-compare")
    assert run(analyze, *arguments)[0] == 0
    first = {p.name: p.read_bytes() for p in (tmp_path / "out" / "tables").iterdir()}
    (tmp_path / "out" / "tables" / "stale.csv").write_text("old")
    assert run(analyze, *arguments)[0] == 0
    assert {p.name: p.read_bytes() for p in (tmp_path / "out" / "tables").iterdir()} == first
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["rows"] == 10
    X.to_csv(tmp_path / "rows.csv", index=False)
    status, text, _ = run(analyze, *arguments)
    assert status == 0
    assert "no targets given" in text


def test_bare_state_dict(tmp_path, no_figures, run, rng):
    torch.save(TridiagonalSpectral(2, 5).state_dict(), tmp_path / "bare.pt")
    pd.DataFrame(rng.normal(size=(20, 2)), columns=["u", "v"]).to_parquet(tmp_path / "rows.parquet")
    options = ("--data", tmp_path / "rows.parquet", "--k", 1, "--compare-rows", 2)
    status, text, err = run(analyze, tmp_path / "bare.pt", *options)
    assert (status, err) == (0, "")
    for pattern in (
        "linear .*MLP left out",
        "background .*origin",
        "at least 2 background rows",
        "training curve: .*hist",
    ):
        assert re.search(pattern, text), pattern
    table = pd.read_csv(tmp_path / "bare-analysis" / "tables" / "importance_path.csv")
    assert sorted(table["column"]) == ["u", "v"]


def test_bare_lower_triangles(tmp_path, no_figures, run, rng):
    layer = torch.nn.Linear(2, 6)
    torch.save({f"lin.{name}": part for name, part in layer.state_dict().items()}, tmp_path / "bare.pt")
    pd.DataFrame(rng.normal(size=(20, 2)), columns=["u", "v"]).to_csv(tmp_path / "rows.csv", index=False)
    options = ("--data", tmp_path / "rows.csv", "--k", 1, "--no-compare")
    status, _, err = run(analyze, tmp_path / "bare.pt", *options)
    assert status == 2
    assert "couplings='plain' or 'scaled'" in err
    status, _, err = run(analyze, tmp_path / "bare.pt", *options, "--couplings", "scaled")
    assert (status, err) == (0, "")
    table = pd.read_csv(tmp_path / "bare-analysis" / "tables" / "importance_local.csv")
    assert sorted(table["column"]) == ["u", "v"]


CSV = "a,b,y\n" + "".join(f"{i}.5,{i % 3},{i % 5}\n" for i in range(60))


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (None, ["--target", "y"], "data.csv"),
        (CSV, ["--target", "price"], "target column 'price' in"),
        (CSV, [], "expected --target NAME"),
        ("a,b,y\n", ["--target", "y"], "with rows in"),
        ("", ["--target", "y"], "readable table"),
        ("a,b,y\n1,2,3\n", ["--target", "y"], "at least 10 rows in"),
        ("y\n" + "1\n2\n" * 30, ["--target", "y"], "columns besides the target 'y' in"),
        (
            "a,y\n" + "1,3\n2,3\n" * 30,
            ["--target", "y"],
            "two different values in 'y'; got 1: 3; name another",
        ),
        ("a,y\n1,b\n" + "1,a\n2,a\n" * 30, ["--target", "y"], "2 rows of both classes of 'y' in"),
        (CSV.replace("12.5,0,2", "12.5,0,1e200"), ["--target", "y"], "at most 1e+100 in 'y'"),
        (CSV.replace("12.5,0,2", "12.5,0,two"), ["--target", "y"], "column 'y'; got 'two' in line 14"),
        (CSV.replace("\n7.5,1,", "\n7.5,<1,"), ["--target", "y"], "column 'b'; got '<1' in line 9"),
        (CSV.replace("\n7.5,1,", "\n7.5,inf,"), ["--target", "y"], "column 'b'; got inf"),
        ("a,b,y\n" + "1,2,3\n1,2,5\n" * 30, ["--target", "y"], "expected a column that varies"),
        (CSV.replace("12.5,0,2", "12.5,0,inf"), ["--target", "y"], "'y', the first in line 14"),
        (CSV, ["--target", "Y "], "target column 'Y' in"),
        (CSV, ["--target", "Y"], "did you mean 'y'?"),
        (
            CSV,
            ["--target", "y", "--drop", "bb"],
            "for --drop; got 'bb', of columns 'a', 'b'; did you mean 'b'?",
        ),
        (CSV, ["--target", "y", "--categorical", "y"], "for --categorical; got 'y', of columns 'a', 'b'"),
        (CSV, ["--target", "y", "--log", "x"], "for --log; got 'x', of columns 'a', 'b'"),
        (CSV, ["--target", "y", "--id", "x"], "the column of row names in"),
        (CSV, ["--target", "y", "--id", "y"], "different columns for --target and --id; got 'y' for both"),
        (CSV, ["--target", "y", "--weight", "x"], "the column of weights in"),
        (CSV.replace("12.5,0,2", "-12.5,0,2"), ["--target", "y", "--weight", "a"], "got -12.5 in line 14"),
        (CSV, ["--target", "y", "--positive", "1"], "expected --positive only with a target of two classes"),
        (
            CSV.replace(",2\n", ",0\n"),
            ["--target", "b", "--drop", "a", "y"],
            "expected drop to leave a column",
        ),
        (CSV, ["--target", "y", "--form", "single", "--dim", "0"], "expected --dim >= 1"),
        (
            CSV,
            ["--target", "y", "--form", "sum", "--epochs", "2"],
            "expected --epochs only with --form='single'",
        ),
        (CSV, ["--target", "y", "--k", "15"], r"k in [-15, 15)"),
        (CSV, ["--target", "y", "--every", "0"], "every >= 1"),
        (CSV, ["--target", "y", "--checkpoint", "nowhere/run.pt"], "create it first"),
        (CSV, ["--target", "y", "--checkpoint", "."], "expected the name of a file; got ."),
    ],
)
def test_train_refuses(tmp_path, run, content, arguments, message):
    if content is not None:
        (tmp_path / "data.csv").write_text(content)
    status, _, err = run(train, tmp_path / "data.csv", "--out", tmp_path / "m.pt", *arguments)
    assert status == 2
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "m.pt").exists()


def test_held_out_rows_that_cannot_be_read_are_refused_before_training(tmp_path, monkeypatch, run):
    def fit(*_, **__):
        raise AssertionError("trained")

    monkeypatch.setattr(SpectralRegressor, "fit", fit)
    frame = pd.DataFrame({"a": np.arange(60.0), "y": np.arange(60) % 7})
    for row in range(12):  # some of which are held out
        values = frame["a"].astype(str).mask(frame.index == row, "1 kg")
        frame.assign(b=values).to_csv(tmp_path / "t.csv", index=False)
        status, _, err = run(train, tmp_path / "t.csv", "--target", "y", "--out", tmp_path / "m.pt")
        assert status == 2
        assert f"column 'b'; got '1 kg' in line {row + 2};" in err


def test_a_rare_class_is_both_held_out_and_trained_on(tmp_path, run):
    rare = [2, 4]  # a split that knows nothing of classes holds both of these out
    frame = pd.DataFrame({"a": np.arange(60.0) / 7, "y": ["b" if i in rare else "a" for i in range(60)]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    options = ("--target", "y", "--out", tmp_path / "m.pt", "--epochs", 1, "--form", "single", "--dim", 3)
    status, _, err = run(train, tmp_path / "t.csv", *options)
    assert status == 0
    assert re.fullmatch(
        r"spectral_interp\.train: warning: only 2 rows are of the class 'b': .*--seed .*\n", err
    )


def test_a_warning_is_one_line_and_told_once(tmp_path, run, no_figures, model, diabetes):
    data = diabetes[0][:9].assign(bmi=np.nan)
    data.to_csv(tmp_path / "rows.csv", index=False)
    status, _, err = run(analyze, model, "--data", tmp_path / "rows.csv", "--out", tmp_path / "out", *LOCAL)
    assert status == 0
    (line,) = err.splitlines()
    assert re.match(r"spectral_interp\.analyze: warning: .*'bmi'.*\b9\b.*\bline 2\b", line)
    (tmp_path / "t.csv").write_text("""a,"one\ntwo",y\n""" + "".join(f"{i}.5,1,{i % 5}\n" for i in range(60)))
    _, _, err = run(train, tmp_path / "t.csv", "--target", "y", "--out", tmp_path / "m.pt", "--epochs", 1)
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("break_it", "arguments", "message"),
    [
        (lambda d: (d / "m.pt").write_text("no"), ["m.pt"], "m.pt, which cannot be read"),
        (lambda d: None, ["absent.pt"], "absent.pt"),
        (lambda d: None, ["{model}", "--data", "absent.csv"], "absent.csv"),
        (
            lambda d: (d / "r.csv").write_text("age\n1\n"),
            ["{model}", "--data", "r.csv"],
            "columns 'sex', 'bmi'",
        ),
        (lambda d: None, ["{model}", "--rows", "0"], "at least 1 row"),
        (lambda d: None, ["{model}", "--out", "nowhere/out"], "create "),
        (lambda d: (d / "keep.txt").write_text("mine"), ["{model}", "--out", "."], "holds other files"),
    ],
)
def test_analyze_refuses(tmp_path, monkeypatch, run, model, break_it, arguments, message):
    monkeypatch.chdir(tmp_path)
    break_it(tmp_path)
    before = sorted(p.name for p in tmp_path.iterdir())
    status, _, err = run(analyze, *[a.format(model=model) for a in arguments])
    assert status == 2
    assert message in err
    assert err.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_costly_methods_explain_fewer_rows_unless_told(tmp_path, monkeypatch, no_figures, run, model):
    monkeypatch.setattr(analyze, "COSTLY_ROWS", 3)
    for arguments, rows in (((), 3), (("--rows", 5), 5)):
        assert run(analyze, model, "--out", tmp_path / "out", "--no-compare", *arguments)[0] == 0
        methods = json.loads((tmp_path / "out" / "summary.json").read_text())["methods"]
        assert methods["path"]["rows"] == rows
    assert methods["local"]["rows"] == 5


def test_an_unknown_method_is_refused(run, model):
    status, _, err = run(analyze, model, "--methods", "lime")
    assert status == 2
    assert "invalid choice: 'lime'" in err


def test_a_failing_figure_keeps_the_previous_analysis(tmp_path, monkeypatch, run, no_figures, model):
    assert run(analyze, model, "--out", tmp_path / "out", *LOCAL)[0] == 0
    before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}

    drawn = []

    def fail_at_the_third(*arguments):
        drawn.append(arguments)
        if len(drawn) == 3:
            raise OSError("disk full")
        return undrawn(*arguments)

    monkeypatch.setattr(writing, "draw_figure", fail_at_the_third)
    status, _, err = run(analyze, model, "--out", tmp_path / "out", *LOCAL)
    assert (status, "disk full" in err) == (2, True)
    assert len(drawn) == 3
    assert {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_model_without_rows_asks_for_data(tmp_path, run, regressor):
    regressor.save(tmp_path / "m.pt")
    status, _, err = run(analyze, tmp_path / "m.pt")
    assert status == 2
    assert "pass --data" in err


def test_a_single_row_and_a_column_of_one_value(tmp_path, no_figures, run, model, diabetes):
    diabetes[0][:1].to_csv(tmp_path / "one.csv", index=False)
    assert run(analyze, model, "--data", tmp_path / "one.csv", "--out", tmp_path / "out")[0] == 0
    assert np.isfinite(pd.read_csv(tmp_path / "out" / "tables" / "beeswarm_path.csv")["contribution"]).all()


def test_words_booleans_and_gaps_go_all_the_way(tmp_path, no_figures, run, rng):
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=120),
            "city": rng.choice(["Oslo", "Rome"], 120),
            "flag": rng.random(120) < 0.5,
        }
    )
    frame.loc[::7, "size"] = np.nan
    frame["y"] = frame["size"].fillna(0.0) + 2.0 * (frame["city"] == "Rome")
    frame.to_csv(tmp_path / "mixed.csv", index=False)
    assert (
        run(train, tmp_path / "mixed.csv", "--target", "y", "--out", tmp_path / "m.pt", "--epochs", 20)[0]
        == 0
    )
    status, text, err = run(analyze, tmp_path / "m.pt", "--methods", "local", "shapley", "--compare-rows", 2)
    assert (status, err) == (0, "")
    assert re.search(r"region map: .*two numeric columns.*\b1\b", text)
    table = pd.read_csv(tmp_path / "m-analysis" / "tables" / "beeswarm_shapley.csv")
    assert sorted(table["column"].unique()) == ["city", "flag", "size"]
    assert (table["nominal"] == (table["column"] != "size")).all()
    assert table["level"].dropna().between(0, 1).all()
    assert (table["level"].isna() == (table["nominal"] | table["value"].isna())).all()
    summary = json.loads((tmp_path / "m-analysis" / "summary.json").read_text())
    assert summary["methods"]["shapley"]["completeness_gap_relative"] <= 1e-10


def test_baselines_are_fitted_on_rows_that_hold_the_target(tmp_path, no_figures, run, model, diabetes):
    diabetes[0].assign(progression=diabetes[1]).to_csv(tmp_path / "rows.csv", index=False)
    options = ("--data", tmp_path / "rows.csv", "--rows", 5, "--compare-rows", 2, "--methods", "local")
    assert run(analyze, model, *options, "--out", tmp_path / "out")[0] == 0
    compared = json.loads((tmp_path / "out" / "summary.json").read_text())["comparison"]
    assert list(compared["accuracy"]) == ["spectral", "linear", "MLP"]
    assert (compared["rows"], compared["metric"]) == (2, "R²")
    assert any(re.search("accuracy .*not held out", note) for note in compared["notes"])


def test_file_names_and_arguments_that_are_not_text(tmp_path, no_figures, run):
    """Names of files are bytes; where the locale is ASCII, all other characters arrive so too."""
    table, model = (tmp_path / os.fsdecode(name) for name in (b"t\xff.csv", b"m\xff.pt"))
    table.write_text("Größe,b\n" + "".join(f"{i},{i % 7}\n" for i in range(60)), encoding="utf-8")
    target = "Größe".encode().decode("ascii", errors="surrogateescape")
    arguments = (
        "--target",
        target,
        "--out",
        model,
        "--form",
        "single",
        "--dim",
        3,
        "--epochs",
        2,
        "--no-baselines",
    )
    assert run(train, table, *arguments)[::2] == (0, "")
    assert run(analyze, model, "--data", table, *LOCAL)[::2] == (0, "")
    report = (tmp_path / os.fsdecode(b"m\xff-analysis") / "report.html").read_text()
    assert "data t\ufffd.csv" in report
    assert "m\ufffd.pt" in report


def test_one_program_for_both_commands(tmp_path, monkeypatch, capsys, no_figures, model):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["spectral-interp", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            start.script()
        return stop.value.code, *capsys.readouterr()

    monkeypatch.setattr(start, "prepare", lambda: None)
    assert call("analyze", model, "--out", tmp_path / "out", *LOCAL)[0] == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert f"spectral_interp.analyze {model} --out" in summary["provenance"]["command"]
    assert call("analyze", "absent.pt")[::2] == (
        2,
        "spectral-interp analyze: error: expected a model file; got 'absent.pt', which is not a file; check "
        "the path\n",
    )
    status, _, err = call("train", "--dim", "x")
    assert status == 2
    assert err.startswith("usage: spectral-interp train [-h]")
    status, out, _ = call("train", "--help")
    assert (status, out[: len("usage: spectral-interp train")]) == (0, "usage: spectral-interp train")
    assert call("--version") == (0, f"{spectral_interp.__version__}\n", "")
    assert call("--help")[0] == 0
    for arguments in ([], ["fit"]):
        status, _, err = call(*arguments)
        assert status == 2
        assert "{train,analyze}" in err


def test_options_of_columns(tmp_path, run, no_figures):
    """What is said of columns in training holds for the model, its file, and the rows that are explained."""
    rng = np.random.default_rng(0)
    n = 80
    frame = pd.DataFrame(
        {
            "Patient ": [f"{i:03d}" for i in range(n)],
            " dose": rng.normal(size=n).round(3),
            "ward": rng.choice([1, 2, 3], n),
            "lab": rng.choice([-9.0, 2.5, 4.0, 7.5], n),
            "note": "x",
            "weight": rng.integers(0, 3, n),
        }
    )
    frame["ill"] = np.where(frame[" dose"] + rng.normal(size=n) > 0, "yes", "no")
    frame.loc[[3, 5], "ill"] = ["", "-9"]
    text = frame.to_csv(index=False, sep=";", decimal=",")
    (tmp_path / "t.txt").write_text(text)
    columns = (
        "--id Patient --drop note --categorical ward --weight weight --na-values -9 --positive no --decimal ,"
    )
    arguments = [
        "--target",
        "ill",
        "--out",
        tmp_path / "m.pt",
        "--form",
        "single",
        "--dim",
        3,
        "--epochs",
        3,
        "--no-baselines",
    ]
    status, out, err = run(train, tmp_path / "t.txt", *arguments, *columns.replace("-9", "-9 ?").split())
    assert status == 0, err
    assert re.search(r"62 training rows.* 16 held out: accuracy .*largest class 0\.\d+, AUC .*log loss", out)
    assert re.search(r"'ill' has no value in 2 of 80 rows of .*; they are left out: Patient 003, 005", err)
    est = load(tmp_path / "m.pt")
    assert (est.positive_, est.unit_) == ("no", "log-odds of ill = no")
    assert est.encoder_.names == ("dose", "ward", "lab")
    assert est.encoder_.axes[1].kind == "levels"
    assert est.encoder_.axes[2].median > 0
    assert set(est.heldout_[0].index) < set(frame["Patient "])
    assert (est.made_by_["id"], est.made_by_["weight"]) == ("Patient", "weight")
    for options in ((), ("--id", "Patient")):
        status, out, err = run(
            analyze, tmp_path / "m.pt", "--data", tmp_path / "t.txt", "--decimal", ",", *LOCAL, *options
        )
        assert status == 0, err
        assert "not know" not in err
        rows = pd.read_csv(tmp_path / "m-analysis" / "tables" / "beeswarm_local.csv", dtype=str)["row"]
        assert rows.unique().tolist() == frame["Patient "].tolist()


def test_a_weight_of_two_is_the_row_twice(tmp_path, run):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=60), "w": rng.integers(1, 4, 60)}).assign(
        y=lambda d: d["a"] ** 2
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    options = ["--target", "y", "--form", "single", "--dim", 3, "--epochs", 2, "--no-baselines"]
    assert run(train, tmp_path / "t.csv", "--out", tmp_path / "w.pt", "--weight", "w", *options)[0] == 0
    assert run(train, tmp_path / "t.csv", "--out", tmp_path / "o.pt", "--drop", "w", *options)[0] == 0
    weighted, plain = load(tmp_path / "w.pt"), load(tmp_path / "o.pt")
    assert weighted.encoder_.table_names == ("a",)
    rows = frame.drop(index=weighted.heldout_[0].index - 2)  # lines of the file
    expected = SpectralRegressor(3, n_epochs=2, random_state=0, form="single").fit(
        rows[["a"]], rows["y"], rows["w"]
    )
    np.testing.assert_array_equal(weighted.predict(frame[["a"]]), expected.predict(frame[["a"]]))
    assert (weighted.predict(frame[["a"]]) != plain.predict(frame[["a"]])).all()


def test_every_kind_of_file_trains_the_same_model(tmp_path, run):
    frame = pd.DataFrame({"a": np.arange(60.0) / 7, "b": list("xyz") * 20}).assign(y=lambda d: d["a"] % 3)
    writers = {
        "t.csv": lambda p: frame.to_csv(p, index=False),
        "t.TSV.gz": lambda p: frame.to_csv(p, index=False, sep="\t", compression="gzip"),
        "t.feather": frame.to_feather,
        "t.pq": frame.to_parquet,
    }
    found = []
    for name, write in writers.items():
        write(tmp_path / name)
        options = [
            "--target",
            "y",
            "--out",
            tmp_path / "m.pt",
            "--form",
            "single",
            "--dim",
            3,
            "--epochs",
            1,
            "--no-baselines",
        ]
        assert run(train, tmp_path / name, *options)[::2] == (0, "")
        found.append(load(tmp_path / "m.pt").predict(frame[["a", "b"]]))
    assert all((other == found[0]).all() for other in found)

"""Tables of every kind through both command lines: a result, or one line that says what is wrong."""

import json
import re
import shutil
import warnings

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from spectral_interp import analyze, load, train
from spectral_interp.report import writing
from spectral_interp.tables.reading import read_table

from ..conftest import undrawn
from .strange_tables import ODDITIES, changed, tables, tables_in_dialects

INTERNALS = re.compile(
    r"Traceback|Error\b|\bException|object has no|NoneType|<class|literal|dtype|ndarray|[Pp]yarrow|[Pp]andas|"
    r"numpy|tokenizing|FieldRef|codec|not supported between|convert string|positional|subscript|__",
)
LONGEST = 600
"""Characters of an error line."""

GAP = 1e-7
"""Largest completeness gap, relative to the largest prediction."""


def check_refusal(module, err, arguments, names):
    """Assert that the last line says what is wrong in words of the user, after nothing but warnings."""
    *warned, line = err.splitlines()
    assert line.startswith(f"{module.__name__}: error: "), line
    assert all(text.startswith(f"{module.__name__}: warning: ") for text in warned), warned
    assert len(line) <= LONGEST, len(line)
    found = INTERNALS.search(line.replace("'nan'", ""))
    assert not found, line
    known = [str(argument) for argument in arguments] + [repr(name)[:50] for name in names]
    assert any(name in line for name in known), f"names no file, column or argument: {line}"


def check_model(path, text):
    """Assert that a model and what ``train`` printed are finite, and return it."""
    numbers = re.findall(r"(?:R²|RMSE|accuracy|largest class|log loss) (\S+?),?(?=\s|$)", text)
    assert numbers
    assert np.isfinite([float(number) for number in numbers]).all(), text
    est = load(path)
    X, _ = est.heldout_
    assert np.isfinite(est.values(X)).all()


def check_analysis(folder):
    """Assert that summary and tables can be read and are finite, and that contributions add up."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"), parse_constant=_refuse)
    for method in summary["methods"].values():
        assert method["completeness_gap_relative"] <= GAP, method
    for path in (folder / "tables").iterdir():
        table = pd.read_csv(path, keep_default_na=False, na_values={"": [""]})
        assert len(table.columns), path
        for name in table.select_dtypes("number"):
            assert not np.isinf(table[name]).any(), f"{path.name}: {name}"
    for name in summary["methods"]:
        table = pd.read_csv(folder / "tables" / f"beeswarm_{name}.csv")
        assert np.isfinite(table["contribution"]).all()


def _refuse(constant):
    raise ValueError(f"{constant} in the summary")


def check_run(run, module, arguments, names, made):
    """Run a command line that is to make a file or folder; None if it refused the table and made nothing."""
    before = set(made.parent.iterdir())
    status, out, err = run(module, *arguments)
    after = set(made.parent.iterdir())
    if status == 0:
        assert after == {*before, made}, after
        prefix = f"{module.__name__}: warning: "
        assert all(line.startswith(prefix) for line in err.splitlines()), err
        return out
    assert status == 2, status
    assert after == before, after
    check_refusal(module, err, arguments, names)
    return None


def options(trial, every):
    """Return the arguments of both command lines for one of the trials: what is slow comes now and then."""
    slow = every and trial % every == 0
    structure = {1: "diagonal", 2: "dense"}.get(trial % 10, "tridiagonal")
    few = ["--epochs", 2, "--form", "single", "--dim", 1 if trial % 10 == 3 else 3, "--structure", structure]
    few += [] if slow else ["--no-baselines"]
    return few, ["--rows", 5, *(["--compare-rows", 3] if slow else ["--no-compare"])]


def generated(examples, **strategies):
    """Return a decorator: call the function with so many generated examples, the same ones every time."""

    def decorate(function):
        steady = settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        return steady(given(**strategies)(function))

    return decorate


def test_generated_tables(tmp_path, monkeypatch, run, size, tally):
    """Two thousand tables, most of them with something odd; figures and comparison for one in forty."""
    every, draw_figure = size(0, 40), writing.draw_figure
    apart = size(2, 1)  # from one trained model to the next that is analyzed

    def check_trained(table, folder, arguments):
        file, model = folder / f"train{table.suffix}", folder / "m.pt"
        table.write(file)
        arguments = [file, f"--target={table.target}", "--out", model, *arguments]
        text = check_run(run, train, arguments, table.names, model)
        if text is not None:
            check_model(model, text)
        return text is not None

    def check_analyzed(table, later, folder, arguments):
        names, arguments = list(table.names), [folder / "m.pt", *arguments]
        if later is not None:
            file = folder / f"later{later.suffix}"
            later.write(file)
            names, arguments = [*names, *later.names], [*arguments, "--data", file]
        if check_run(run, analyze, arguments, names, folder / "m-analysis") is not None:
            check_analysis(folder / "m-analysis")

    with tally("tables: train") as trained, tally("tables: analyze what was trained") as analyzed:

        def check(oddity, table, later):
            trial, done = trained.tried, False
            to_train, to_analyze = options(trial, every)
            drawn = every and trial % every == 0
            monkeypatch.setattr(writing, "draw_figure", draw_figure if drawn else undrawn)
            folder = tmp_path / str(trial)
            folder.mkdir()
            with trained.trial(f"{trial}, {oddity}: {table}"):
                done = check_trained(table, folder, to_train)
            if done and trial % apart == 0:
                with analyzed.trial(f"{trial}, {oddity}: {later or table}"):
                    check_analyzed(table, later, folder, to_analyze)
            shutil.rmtree(folder)

        def check_many(oddity):
            @generated(size(1, 10), table=tables(oddity), data=st.data())
            def each(table, data):
                check(oddity, table, data.draw(st.none() | changed(table)))

            each()

        for oddity in list(ODDITIES)[:: size(8, 1)]:
            check_many(oddity)
        assert analyzed.tried > trained.tried / (
            3 * apart
        )  # most of the oddities are no reason to refuse a table


def test_a_dialect_does_not_change_a_table(tmp_path, size, tally):
    with tally("tables: CSV dialects") as counts:

        @generated(size(20, 1000), table=tables_in_dialects())
        def each(table):
            with counts.trial(table):
                table.write(tmp_path / "t.csv")
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    frame = read_table(tmp_path / "t.csv")
                assert list(frame) == [name.strip() for name in table.names]
                for name, cells in zip(frame, table.columns, strict=True):
                    if pd.api.types.is_numeric_dtype(frame[name].dtype) and cells[0] not in ("True", "False"):
                        np.testing.assert_allclose(
                            frame[name], [float(cell or "nan") for cell in cells], rtol=1e-15
                        )
                    else:
                        assert [str(value) for value in frame[name]] == cells

        each()

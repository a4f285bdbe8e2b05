"""Which rows are explained, what the summary says, and that nobody's files are lost."""

import json

import numpy as np
import pandas as pd
import pytest

from spectral_interp import Pencil, explain, load, report
from spectral_interp.commands.printing import summary_lines
from spectral_interp.models import TridiagonalSpectral
from spectral_interp.plots import beeswarm_table
from spectral_interp.report.headlines import limits
from spectral_interp.tables import TableEncoder


def test_rows_are_chosen_by_the_seed(regressor, diabetes):
    X, y = diabetes
    data = X.assign(progression=y)
    one, target = report.choose_rows(regressor, data, limit=20, seed=1)
    two, _ = report.choose_rows(regressor, data, limit=20, seed=1)
    other, _ = report.choose_rows(regressor, data, limit=20, seed=2)
    pd.testing.assert_frame_equal(one, two)
    assert not one.equals(other)
    merged = one.assign(progression=target).merge(data, how="left", indicator=True)
    assert (merged["_merge"] == "both").all()


def test_targets_of_the_rows_to_explain(regressor, classifier, diabetes, breast_cancer):
    X, y = diabetes
    for empty in (None, np.nan, pd.NA):
        assert report.choose_rows(regressor, X.assign(progression=empty), limit=9, seed=0)[1] is None
    rows, known = report.choose_rows(regressor, X.assign(progression=y.astype(str)), limit=9, seed=0)
    assert regressor.evaluate(rows, known) == regressor.evaluate(rows, known.astype(float))
    with pytest.raises(ValueError, match="without infinite values in the rows to explain; got 1"):
        report.choose_rows(regressor, X.assign(progression=y.where(y.index != 3, np.inf)), limit=9, seed=0)
    with pytest.raises(ValueError, match="numbers in the target 'progression'; got 'high' in row 0"):
        report.choose_rows(regressor, X.assign(progression="high"), limit=9, seed=0)
    with pytest.raises(ValueError, match="labels 'benign', 'malignant' in 'diagnosis'; got 0, 1"):
        report.choose_rows(classifier, breast_cancer[0].assign(diagnosis=[0, 1] * 284 + [0]), limit=9, seed=0)


def test_rows_without_a_target_are_explained_and_not_measured(regressor, diabetes):
    X, y = diabetes[0][:30], diabetes[1][:30]
    some = X.assign(progression=y.where(y.index % 3 > 0))
    with pytest.warns(UserWarning, match="in 10 of 30 rows of .*; metrics use the other rows: row 0, 3"):
        rows, known = report.choose_rows(regressor, some, limit=99, seed=0)
    assert (len(rows), known.isna().sum()) == (30, 10)
    summary = report.analyze(regressor, rows, known, methods=["local"], seed=0).summary
    measured = y.index % 3 > 0
    assert summary.metrics == regressor.evaluate(X[measured], y[measured])


def test_unknown_columns_are_left_out_unless_others_are_missing(regressor, diabetes):
    X, y = diabetes
    with pytest.warns(UserWarning, match="unknown to the model are dropped: 'id', 'note'"):
        rows, _ = report.choose_rows(regressor, X.assign(id=1, note="x"), limit=9, seed=0)
    assert list(rows) == list(X)
    with pytest.raises(
        ValueError, match="column 'bmi' is missing; column 'BMI' is not known to the model; dr"
    ):
        report.choose_rows(regressor, X.rename(columns={"bmi": "BMI"}).assign(progression=y), limit=9, seed=0)


def test_a_column_named_like_the_target_is_a_column(tmp_path):
    from spectral_interp import SpectralRegressor

    rng = np.random.default_rng(0)
    X = pd.DataFrame({"target": rng.normal(size=60), "b": rng.normal(size=60)})
    est = SpectralRegressor(dim=3, n_epochs=2, random_state=0, form="single").fit(X, X["b"].to_numpy())
    rows, y = report.choose_rows(est, X, limit=10, seed=0)
    assert list(rows) == ["target", "b"]
    assert y is None


def test_summary_and_sensitivity_against_their_definitions(regressor, diabetes):
    X, y = diabetes
    analysis = report.analyze(regressor, X, y, methods=["local"], seed=0)
    att, found = explain(regressor, X), analysis.summary.methods["local"]
    diagonal, coupling = np.abs(att.diagonal).mean(axis=0).sum(), np.abs(att.coupling).mean(axis=0).sum()
    assert found.coupling_share == pytest.approx(coupling / (diagonal + coupling))
    assert found.completeness_gap == att.completeness_gap.max()
    assert found.evaluations == att.evaluations
    bounds = analysis.tables["sensitivity"].set_index("column")["bound"]
    pencil = regressor.pencil_
    for i, name in enumerate(X.columns):
        dense = np.diag(pencil.diag[i + 1]) + np.diag(pencil.off[i + 1], 1) + np.diag(pencil.off[i + 1], -1)
        assert bounds[name] == pytest.approx(np.linalg.norm(dense, 2))


def test_beeswarm_levels_are_ranks_within_the_column(regressor, diabetes):
    X, _ = diabetes
    table = beeswarm_table(explain(regressor, X))
    for name in X.columns:
        levels = table.loc[table["column"] == name, "level"].to_numpy()
        np.testing.assert_allclose(levels, X[name].rank(pct=True))


def test_degenerate_counts_the_norm_of_negative_matrices_too():
    pencil = Pencil([[-1e9, -1e9], [1.0, -1.0]], [[0.0], [0.0]], 0)
    np.testing.assert_array_equal(pencil.degenerate([[1.0], [1e3]]), [True, False])


def test_metrics_of_a_single_row_are_none_not_nan(tmp_path, no_drawings, regressor, diabetes):
    X, y = diabetes
    with pytest.warns(UserWarning, match="R.2 score is not well-defined"):
        analysis = report.analyze(regressor, X[:1], y[:1], methods=["local"], seed=0)
    report.write(analysis, tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["metrics"]["R²"] is None
    assert "R² undefined" in summary_lines(analysis.summary)[0]


def test_other_peoples_files_are_never_replaced(tmp_path, no_drawings, regressor, diabetes):
    analysis = report.analyze(regressor, diabetes[0][:20], None, methods=["local"], seed=0)
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "summary.json").write_text("{}")
    with pytest.raises(ValueError, match="holds other files"):
        report.write(analysis, folder)
    (folder / "summary.json").unlink()
    report.write(analysis, folder)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds other files"):
        report.write(analysis, folder)
    assert (folder / "notes.txt").read_text() == "mine"
    link = tmp_path / "link"
    link.symlink_to(folder)
    with pytest.raises(ValueError, match="a file or a link"):
        report.write(analysis, link)


def test_an_analysis_encodes_every_table_once(classifier, breast_cancer, tmp_path, monkeypatch, no_drawings):
    """The rows, the background and the pencil of a model from a file: once each, whatever looks at them."""
    classifier.save(tmp_path / "model.pt", heldout=tuple(part[:12] for part in breast_cancer))
    encoded, built = [], []

    def counting(own):
        def counted(self, frame, **how):
            encoded.append(len(frame))
            return own(self, frame, **how)

        return counted

    for name in ("encode", "coordinates"):
        monkeypatch.setattr(TableEncoder, name, counting(getattr(TableEncoder, name)))
    pencil = TridiagonalSpectral.pencil
    monkeypatch.setattr(TridiagonalSpectral, "pencil", lambda self: built.append(1) or pencil(self))
    est = load(tmp_path / "model.pt")
    X, y = report.choose_rows(est, None, limit=12, seed=0)
    analysis = report.analyze(est, X, y, methods=["local", "path"], most=5, compare_rows=3, seed=0)
    report.write(analysis, tmp_path / "out")
    answers = [1, 1, 1]  # predict checks the nearest change of every picked row
    assert sorted(encoded) == [*answers, 12, 100]
    assert len(built) == 1


def test_the_report_says_what_the_model_does_not_know(regressor, diabetes):
    X = diabetes[0][:6].assign(bmi=[25.0] * 5 + [9000.0])
    with pytest.warns(UserWarning, match="'bmi' has 1 value far outside the training range"):
        analysis = report.analyze(regressor, X, None, methods=["local"], seed=0)
    (text,) = analysis.summary.unknown_values
    assert "the first 9000 in row 5" in text
    assert f"C{text[1:]}." in dict(limits(analysis.subject, analysis.summary))["Unknown values"]
    known = report.analyze(regressor, diabetes[0][:6], None, methods=["local"], seed=0)
    assert known.summary.unknown_values == []
    assert "Unknown values" not in dict(limits(known.subject, known.summary))

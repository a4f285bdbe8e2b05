"""The comparison as a whole: its tables and figures, and failures that cost one line."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shap
import torch
from matplotlib.figure import Figure

from spectral_interp import Pencil, SpectralClassifier, SpectralRegressor, compare, explain, load, plots
from spectral_interp.comparison import agreement, explainers, faithfulness, study
from spectral_interp.comparison.disputes import disputes
from spectral_interp.models.spectral import TridiagonalSpectral
from spectral_interp.view import Association
from tests.comparison.models import BY_NAME, COLUMNS


def test_every_explainer_keeps_to_rows_columns_unit_and_background(found, est, rows):
    assert len(found.attributions) == 12
    assert set(found.cost["status"]) == set(found.faithfulness["status"]) == {"ok"}
    for (model, method), att in found.attributions.items():
        assert att.values.shape == (12, 5)
        assert att.columns == tuple(COLUMNS)
        assert (att.method, att.unit) == (method, "progression")
        assert att.background == "25 of 100 training rows kept by the model, chosen with seed 0"
        expected = (
            est.predict(rows[0]) if model == "spectral" else est.baselines_[model].values(est.encode(rows[0]))
        )
        np.testing.assert_allclose(att.prediction, expected)


def test_completeness_gaps_are_reported(found):
    gaps = found.faithfulness.set_index(["model", "method"])["completeness_gap_relative"]
    exact = gaps.drop([("spectral", "Captum IG"), ("MLP", "SHAP Gradient")])
    assert exact.max() < 1e-6
    assert gaps["MLP", "SHAP Gradient"] > 1e-4


def test_accuracy_is_that_of_each_model(found, est, rows):
    table = found.accuracy.set_index("model")
    assert table.loc["spectral", "R²"] == pytest.approx(est.score(*rows))
    assert table.index.tolist() == ["spectral", "linear", "MLP"]
    assert set(table["unit"]) == {"progression"}


def test_agreement_within_and_across_models(found):
    table = found.agreement
    assert len(table) == 12 * 11 // 2
    same = table.set_index(["model_a", "method_a", "model_b", "method_b"]).loc[
        ("spectral", "shapley", "spectral", "SHAP Exact")
    ]
    np.testing.assert_allclose(same[list(agreement.MEASURES)].astype(float), 1.0, atol=1e-9)
    assert table.loc[table["within"], "model_a"].eq(table.loc[table["within"], "model_b"]).all()


def test_costs_count_model_evaluations(found):
    cost = found.cost.set_index(["model", "method"])["evaluations_per_row"]
    assert cost["spectral", "local"] == 1
    assert cost["spectral", "shapley"] == pytest.approx(25 * 2**5, rel=0.1)
    assert 25 * 2**5 <= cost["spectral", "SHAP Exact"] < 1.25 * 25 * 2**5
    assert cost["spectral", "Captum IG"] == pytest.approx(25 * 50, rel=0.1)
    assert (found.cost["ms_per_row"] > 0).all()
    assert found.cost["gini"].between(0, 1).all()


def test_an_explainer_that_raises_costs_one_line(monkeypatch, est, rows):
    def fail(*_, **__):
        raise AssertionError("The SHAP explanations do not sum up to the model's output!")

    monkeypatch.setattr(shap.DeepExplainer, "shap_values", fail)
    some = tuple(BY_NAME[n] for n in ("local", "SHAP Linear", "SHAP Deep"))
    monkeypatch.setattr(study, "EXPLAINERS", some)
    found = compare(est, *rows)
    status = found.cost.set_index("method")["status"]
    assert status["SHAP Deep"] == "failed: The SHAP explanations do not sum up to the model's output!"
    assert status.drop("SHAP Deep").eq("ok").all()
    line = found.faithfulness.set_index("method").loc["SHAP Deep"]
    assert line["status"].startswith("failed: The SHAP")
    assert np.isnan(line["deletion"])
    assert ("MLP", "SHAP Deep") not in found.attributions
    assert len(found.agreement) == 1


def test_a_metric_that_raises_costs_one_cell(monkeypatch, est, rows):
    def fail(*_, **__):
        raise RuntimeError("no gradient")

    monkeypatch.setattr(faithfulness, "sensitivity", fail)
    monkeypatch.setattr(study, "EXPLAINERS", (BY_NAME["local"],))
    line = compare(est, *rows).faithfulness.iloc[0]
    assert line["status"] == "failed: sensitivity: no gradient"
    assert np.isnan(line["sensitivity"])
    assert np.isfinite(line["deletion"])


def test_what_cannot_be_computed_is_named(monkeypatch, diabetes):
    X, y = diabetes
    est = SpectralRegressor(dim=3, n_epochs=20, random_state=0, form="single").fit(X[["bmi"]], y)
    found = compare(est, X[["bmi"]][:5])
    assert found.accuracy.empty
    text = "; ".join(found.notes)
    for part in (
        "linear model and MLP left out",
        "no targets",
        "5 rows explained",
        "only one column",
        "top three",
    ):
        assert part in text
    assert found.agreement["spearman"].isna().all()
    assert found.agreement["sign"].notna().all()
    monkeypatch.setattr(study, "EXPLAINERS", (BY_NAME["local"],))
    lone = compare(est, X[["bmi"]][:1], y[:1])
    assert re.search("accuracy .*1 of 1 row", "; ".join(lone.notes))
    gappy = compare(est, X[["bmi"]][:6], y[:6].where(y.index[:6] != 2))
    assert re.search("accuracy .*5 of 6 row", "; ".join(gappy.notes))
    assert gappy.accuracy["R²"].item() == pytest.approx(est.score(X[["bmi"]][:6].drop(2), y[:6].drop(2)))


def test_all_coalitions_are_left_out_where_they_are_too_many(monkeypatch, est, rows):
    monkeypatch.setattr(explainers, "BUDGET", 2000)
    monkeypatch.setattr(study, "BUDGET", 2000)
    some = tuple(BY_NAME[n] for n in ("shapley", "SHAP Exact"))
    monkeypatch.setattr(study, "EXPLAINERS", some)
    status = compare(est, *rows).cost.set_index(["model", "method"])["status"]
    assert re.match(r"left out: .*5 columns .*9\.6e\+03", status["spectral", "SHAP Exact"])
    assert status["spectral", "shapley"] == "ok"


def test_rows_follow_from_the_work(monkeypatch, est, diabetes):
    """Half of the work, fewer rows, and never fewer than the fewest; the notes say which, once."""
    monkeypatch.setattr(study, "EXPLAINERS", tuple(BY_NAME[n] for n in ("local", "SHAP Kernel")))
    models = explainers.explained_models(est, est.baselines_)
    rows = []
    for work in (1, 3 * 10**9, 4 * 10**9, 10**18):
        monkeypatch.setattr(study, "WORK", work)
        rows.append(study.affordable(models, 5, 25)[0])
    assert (rows[0], rows[-1]) == (20, 200)
    assert 20 < rows[1] < rows[2] < 200
    assert study.affordable(models, 6, 25)[0] == 200
    monkeypatch.setattr(study, "WORK", 3 * 10**9)
    assert study.affordable(models, 6, 25)[0] < rows[1]
    monkeypatch.setattr(faithfulness, "SENSITIVE_ROWS", 1)
    assert study.affordable(models, 5, 25)[0] > rows[1]
    X, y = diabetes[0][COLUMNS][:60], diabetes[1][:60]
    found = compare(est, X, y)
    n = study.affordable(models, 5, 25)[0]
    assert len(found.rows) == min(n, 60)
    monkeypatch.setattr(study, "WORK", 1)
    monkeypatch.setattr(study, "EXPLAINERS", (BY_NAME["local"],))
    found = compare(est, X, y)
    assert len(found.rows) == 20
    (note,) = [note for note in found.notes if "rows explained" in note]
    assert re.match("20 of 60 rows explained: .*max_rows", note)
    asked = compare(est, X, y, max_rows=25)
    assert len(asked.rows) == 25
    assert set(found.rows) < set(asked.rows)
    assert not [note for note in asked.notes if "rows explained" in note]


def test_an_explainer_that_takes_too_much_is_left_out_unless_rows_are_asked_for(monkeypatch, est, rows):
    monkeypatch.setattr(study, "EXPLAINERS", tuple(BY_NAME[n] for n in ("local", "shapley", "SHAP Kernel")))
    monkeypatch.setattr(study, "WORK", 10)
    status = compare(est, *rows).cost.set_index("method")["status"]
    assert re.match("left out: even 20 rows .* [0-9,]+ times .*max_rows", status["SHAP Kernel"])
    assert status.drop("SHAP Kernel").eq("ok").all()
    assert compare(est, *rows, max_rows=2).cost["status"].eq("ok").all()


def test_the_work_counted_is_what_explainers_evaluate(found, est):
    """Where an evaluation costs as much as any other; the others count gradients or loops besides."""
    evaluations = found.cost.set_index(["model", "method"])["evaluations_per_row"]
    spectral = explainers.explained_models(est, None)[0]
    for name in ("SHAP Exact", "SHAP Permutation"):
        work = BY_NAME[name].work(spectral, 5, 25)
        assert evaluations["spectral", name] == pytest.approx(work / spectral.size, rel=0.2)
    assert BY_NAME["shapley"].work(spectral, 5, 25) == 25 * spectral.switching(32, 32)
    assert evaluations["spectral", "shapley"] == pytest.approx(25 * 32, rel=0.2)


def test_levels_only_and_training_tables(monkeypatch):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.choice(["x", "y"], 80), "b": rng.choice(["u", "v", "w"], 80)})
    y = (X["a"] == "x") + 0.1 * rng.normal(size=80)
    est = SpectralRegressor(dim=3, n_epochs=10, random_state=0, form="single").fit(X, y)
    monkeypatch.setattr(study, "EXPLAINERS", (BY_NAME["local"], BY_NAME["SHAP Linear"]))
    found = compare(est, X, y, train=(X, y), max_rows=10)
    assert found.accuracy["model"].tolist() == ["spectral", "linear", "MLP"]
    assert found.accuracy["rows"].eq(80).all()
    assert len(found.rows) == 10
    assert found.faithfulness["sensitivity"].isna().all()
    assert re.search("sensitivity left out: .*numeric column", "; ".join(found.notes))
    assert est.baselines_ is None


def test_bad_input(est, rows):
    with pytest.raises(TypeError, match="expected a fitted spectral estimator; got Pencil"):
        compare(Pencil(np.ones((2, 1)), np.empty((2, 0)), 0), [[1.0]])
    with pytest.raises(ValueError, match="max_rows >= 1; got 0"):
        compare(est, *rows, max_rows=0)
    with pytest.raises(ValueError, match=r"y of shape \(12,\)"):
        compare(est, rows[0], rows[1][:3])
    with pytest.raises(ValueError, match="at least one row"):
        compare(est, rows[0][:0])
    att = explain(est, rows[0])
    with pytest.raises(ValueError, match="same unit; got progression and log-odds"):
        agreement.agreement(att, replace(att, unit="log-odds"))
    with pytest.raises(ValueError, match="same rows"):
        agreement.agreement(att, replace(att, values=att.values[:2]))


def test_disputes_name_the_cause():
    def att(values, prediction):
        n = len(values)
        return explain(Pencil(np.ones((4, 1)), np.empty((4, 0)), 0), np.zeros((n, 3))).__class__(
            values=np.array(values),
            base_values=np.zeros(n),
            prediction=np.array(prediction),
            degenerate=np.zeros(n, dtype=bool),
            columns=("a", "b", "c"),
            data=np.zeros((n, 3)),
            rows=np.arange(n),
            method="m",
            unit="kg",
        )

    one = att([[1.0, 1.0, 0.0], [5.0, 0.0, 1.0], [0.0, 1.0, 9.0]], [2.0, 6.0, 10.0])
    other = att([[1.0, 1.0, 0.1], [0.0, 5.0, 1.0], [0.0, 1.0, 0.0]], [2.1, 6.0, 1.0])
    both = Association(np.array([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]]), np.zeros((3, 3), dtype=int))
    found = disputes({("spectral", "m"): one, ("MLP", "m"): other}, both)
    assert [dispute.row for dispute in found] == [1, 2]
    assert re.search(r"spectral \(m\) .*\ba \+5 .*MLP \(m\) .*\b0 \(kg\)", found[0].reason)
    assert re.search(r"\bb\b.*associat.*\(r = \+0\.90 in the background", found[0].reason)
    assert "100%" in found[1].reason
    assert re.search(r"predictions.* 10 and 1\.", found[1].reason)
    assert disputes({("spectral", "m"): one}, both) == []
    close = replace(one, values=one.values + 1e-10)
    assert disputes({("spectral", "m"): one, ("MLP", "m"): close}, both) == []


def test_figures(found):
    tables = {
        "agreement": plots.agreement_table(found),
        "importance_by_model": plots.importance_by_model_table(found),
        "deletion": plots.deletion_table(found),
        "faithfulness_cost": plots.faithfulness_cost_table(found),
        "dispute": plots.dispute_table(found, found.disputed[0]),
    }
    with plots.style():
        for name, table in tables.items():
            figure = Figure()
            ax = figure.subplots()
            assert getattr(plots, name)(table, ax) is ax
            figure.canvas.draw()
    matrix = tables["agreement"].pivot(index="a", columns="b", values="value")
    np.testing.assert_array_equal(matrix, matrix.T)
    waterfall = tables["dispute"]
    last = waterfall.groupby("model").last()
    np.testing.assert_allclose(last["start"] + last["contribution"], last["prediction"], rtol=1e-6)
    assert waterfall["model"].nunique() == 3
    gain = tables["faithfulness_cost"].set_index(["model", "method"])["gain"]
    assert gain["spectral", "path"] > 0


def test_figures_of_a_lone_model(monkeypatch, rows, est):
    monkeypatch.setattr(study, "EXPLAINERS", tuple(BY_NAME[n] for n in ("local", "path")))
    lone = SpectralRegressor(dim=3, n_epochs=5, random_state=0, form="single").fit(*rows)
    found = compare(lone, *rows)
    table = plots.dispute_table(found, found.disputed[0])
    assert table["model"].unique().tolist() == ["spectral (local)", "spectral (path)"]
    assert "the same model" in found.disputed[0].reason


@pytest.mark.parametrize("structure", ["diagonal", "dense"])
def test_other_structures(structure, rows):
    est = SpectralRegressor(dim=3, structure=structure, n_epochs=5, random_state=0, form="single").fit(*rows)
    found = compare(est, rows[0][:2])
    assert found.cost["status"].eq("ok").all()
    shapley, theirs = (found.attributions["spectral", name].values for name in ("shapley", "SHAP Exact"))
    np.testing.assert_allclose(shapley, theirs, atol=1e-8)


def test_a_bare_state_dict(tmp_path):
    torch.save(TridiagonalSpectral(3, 5, dtype=torch.float64).state_dict(), tmp_path / "bare.pt")
    found = compare(load(tmp_path / "bare.pt"), np.eye(3))
    assert found.cost["status"].eq("ok").all()
    assert found.accuracy.empty


def test_a_constant_model(monkeypatch, rows):
    monkeypatch.setattr(study, "EXPLAINERS", tuple(BY_NAME[n] for n in ("local", "SHAP Exact")))
    flat = SpectralRegressor(dim=3, n_epochs=2, random_state=0, form="single").fit(*rows)
    flat.module_.rescale_(1e-300, 1.0)
    found = compare(flat, *rows)
    assert found.faithfulness[["deletion", "infidelity"]].isna().all(axis=None)
    assert found.disputed == []
    for name in ("agreement", "importance_by_model", "deletion", "faithfulness_cost"):
        figure = Figure()
        getattr(plots, name)(getattr(plots, f"{name}_table")(found), figure.subplots())
        figure.canvas.draw()


def test_our_shapley_values_are_sampled_beyond_14_columns(monkeypatch, rng):
    monkeypatch.setattr(study, "EXPLAINERS", tuple(BY_NAME[name] for name in ("path", "shapley")))
    X = rng.normal(size=(60, 16))
    est = SpectralRegressor(dim=3, n_epochs=3, random_state=0, form="single").fit(X, X[:, 0])
    found = compare(est, X, max_rows=2)
    ours = found.attributions["spectral", "shapley"]
    assert (ours.standard_error > 0).any()
    assert found.attributions["spectral", "path"].coupling is not None
    assert "shapley sampled from 32 orders of the columns and their reverses" in found.notes
    assert found.cost["rows"].tolist() == [2, 2]


def test_sampled_shapley_values_take_fewer_orders_where_a_row_takes_more_work(monkeypatch, rng):
    X = rng.normal(size=(60, 16))
    est = SpectralRegressor(dim=3, n_epochs=3, random_state=0, form="single").fit(X, X[:, 0])
    spectral = explainers.explained_models(est, None)[0]
    assert explainers.orders_of(spectral, 16, 25) == 32
    assert explainers.orders_of(spectral, 2000, 10**4) == 4
    of_five = 25 * 2 * 15 * 5 * (spectral.solving + 5)  # a matrix of order 3 has 5 entries
    monkeypatch.setattr(explainers, "SAMPLED", of_five)
    assert [explainers.orders_of(spectral, 16, b) for b in (20, 25, 26, 50)] == [6, 5, 4, 4]
    assert [explainers.orders_of(spectral, c, 25) for c in (13, 17)] == [6, 4]
    monkeypatch.setattr(study, "EXPLAINERS", (BY_NAME["shapley"],))
    found = compare(est, X, max_rows=2)
    assert found.cost["evaluations_per_row"].item() == pytest.approx(25 * 2 * 15 * 5, rel=0.1)
    assert "shapley sampled from 5 orders of the columns and their reverses" in found.notes


def test_targets_with_gaps_may_be_a_list(rng):
    X = rng.normal(size=(60, 2))
    est = SpectralClassifier(dim=3, n_epochs=3, random_state=0, form="single").fit(
        X, (X[:, 0] > 0).astype(int)
    )
    found = compare(est, X[:6], [0, 1, None, 0, 1, 1], max_rows=2)
    assert found.accuracy["rows"].tolist() == [5]

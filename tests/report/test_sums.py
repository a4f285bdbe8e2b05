"""The analysis of a sum of neurons: sections work or are left out, and sentences have the tables' numbers."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from spectral_interp import SpectralRegressor, analyze, certify, explain, load, plots, report
from spectral_interp._common.text import at_most, number
from spectral_interp.commands.printing import summary_lines
from spectral_interp.report import sections
from spectral_interp.report.headlines import limits
from spectral_interp.report.page import render
from spectral_interp.report.rows import picker_rows
from spectral_interp.report.summary import RungFound
from tests.report.test_page import picked_rows

N = 300


@pytest.fixture(scope="module")
def table():
    """Return numbers, one of them skewed and one with gaps, and levels, of which two numbers interact."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=N), "b": rng.normal(size=N), "income": np.exp(rng.normal(size=N))})
    X["gappy"] = np.where(rng.random(N) < 0.1, np.nan, rng.normal(size=N))
    X["city"] = rng.choice(["Oslo", "Rome"], N)
    y = 8 * np.sign(np.sin(3 * X["a"])) + 20 * (np.abs(X["a"] - X["b"]) < 0.7)
    return X, (y + 3 * np.log(X["income"]) + 5 * (X["city"] == "Oslo")).rename("price")


@pytest.fixture(scope="module")
def est(table):
    X, y = table
    return SpectralRegressor(form="sum", members=2, random_state=0).fit(X[:250], y[:250])


@pytest.fixture(scope="module")
def analysis(est, table):
    X, y = (part[250:] for part in table)
    return report.analyze(est, X, y, methods=["local", "path"], most=4, seed=0)


def test_every_exhibit_has_its_words_and_is_drawn(analysis):
    for exhibit in analysis.exhibits:
        for text in (exhibit.title, exhibit.reading, exhibit.finding):
            assert text
            assert not {"{", "}"} & set(text)
            assert not re.search(r"\b(nan|None|undefined)\b", text)
        if exhibit.is_drawn:
            exhibit.draw(Figure().subplots())
    of_sums = {"rungs", "segments_1", "certified", "importance_local", "waterfall_median", "region_map"}
    assert of_sums <= set(analysis.figures)


def test_what_a_sum_does_not_have_is_left_out_with_the_reason(analysis, est):
    left_out = dict(reason.split(": ", 1) for reason in analysis.summary.left_out)
    assert "latents" in left_out["skeleton"]
    if "spectra" in left_out:
        share = analysis.subject.regions.leading.share
        assert f"{share:.1%}" in left_out["spectra"]
        assert f"its {len(est.function_.neurons)} neurons" in left_out["spectra"]
    assert not {"latents", "spectrum_1"} & set(analysis.tables) or "spectra" not in left_out
    assert "piece" not in analysis.tables["region_map"]
    assert set(analysis.tables["pieces"]["of"]) == {"model"}


def test_the_spectrum_is_that_of_the_leading_neuron_where_one_leads(analysis, monkeypatch):
    monkeypatch.setattr(sections, "LEADS", 0.0)
    exhibits = sections._spectra(analysis.subject)
    leading = analysis.subject.leading
    for exhibit in exhibits:
        assert set(exhibit.table["neuron"]) == {leading.neuron}
        assert f"{leading.share:.0%} of the variance" in exhibit.finding
        assert f"neuron {leading.neuron}" in exhibit.reading
        assert "prediction" not in exhibit.reading
        ax = exhibit.draw(Figure().subplots())
        assert f"Neuron {leading.neuron}" in ax.get_title(loc="left")
        assert any(line.get_label().startswith("value of the neuron") for line in ax.lines)


def test_the_price_of_readability_is_that_of_the_rungs(analysis, est):
    table, rungs = analysis.tables["rungs"], est.rungs_
    np.testing.assert_array_equal(table["held_out"], rungs["held_out_loss"])
    np.testing.assert_allclose(table["ratio"], rungs["held_out_loss"] / rungs["held_out_loss"].min())
    np.testing.assert_allclose(table["above_best"], table["ratio"] ** 2 - 1)
    assert table["measure"][0] == "RMSE (price)"
    chosen = table[table["chosen"]].iloc[0]
    assert chosen["above_best"] <= 0.01
    assert (table["above_best"][: int(chosen.name)] > 0.01).all()
    finding = next(e.finding for e in analysis.exhibits if e.name == "rungs")
    assert chosen["inputs"] in finding
    assert number(chosen["held_out"]) in finding
    plain = analysis.summary.to_dict()["rungs"]
    assert [RungFound(**rung) for rung in plain] == [RungFound(**rung) for rung in rungs.to_dict("records")]
    lines = "\n".join(summary_lines(analysis.summary))
    assert all(f"RMSE (price) {number(loss)}" in lines for loss in rungs["held_out_loss"])


def test_refit_deviations_of_contributions(analysis, est, table):
    att = explain(est, table[0][250:])
    below = np.abs(att.values) < att.refit_deviation
    ranking = analysis.tables["importance_local"].set_index("column").loc[list(att.columns)]
    np.testing.assert_allclose(ranking["mean_refit_deviation"], att.refit_deviation.mean(axis=0))
    np.testing.assert_array_equal(ranking["below_refit_deviation"], below.sum(axis=0))
    found = analysis.summary.methods["local"].refit
    assert (found.contributions, found.below_deviation) == (below.size, below.sum())
    weak = np.abs(att.values).mean(axis=0) < att.refit_deviation.mean(axis=0)
    assert set(found.columns) == set(np.array(att.columns)[weak])
    finding = next(e.finding for e in analysis.exhibits if e.name == "importance_local")
    assert f"{below.sum():,} of the {below.size:,} contributions ({below.mean():.0%})" in finding
    lines = "\n".join(summary_lines(analysis.summary))
    assert f"{below.sum():,} of {below.size:,} contributions" in lines
    own = analysis.tables["waterfall_low"]
    at = int(np.argmin(att.prediction))
    order = [att.columns.index(name) for name in own["column"]]
    np.testing.assert_allclose(own["refit_deviation"], att.refit_deviation[at, order])
    for row, deviation in zip(
        picked_rows(picker_rows(analysis.subject)["methods"]["local"]), att.refit_deviation, strict=True
    ):
        for step in row["steps"]:
            assert step[4] == pytest.approx(deviation[step[0]], rel=1e-4)


def test_slopes_by_segment_are_those_of_the_certificate(analysis, est, table):
    cert = certify(est, table[0][250:])
    for place in (1, 2):
        exhibit = next(e for e in analysis.exhibits if e.name == f"segments_{place}")
        drawn, column = exhibit.table, exhibit.table["column"][0]
        expected = cert.segments(column)
        pd.testing.assert_frame_equal(drawn[expected.columns], expected)
        width = expected["observed_max"] - expected["observed_min"]
        times = ((expected["high"] - expected["low"]) / width)[width > 0]
        assert f"{len(expected)} segments of {column}" in exhibit.finding
        assert f"{number(times.median(), 2)} times" in exhibit.finding
        assert ("much wider" in exhibit.finding) == (times.median() >= 2)
        assert (drawn["least"] <= drawn["largest"]).all()


def test_knots_and_slopes_of_a_bent_column(analysis, est):
    dots = analysis.tables["dependence_1"]
    axis = est.view().axis(dots["column"][0])
    knots = dots.loc[dots["of"] == "knot", "value"].astype(float)
    np.testing.assert_allclose(knots, axis.values(np.array(axis.knots)))
    rows = dots[(dots["of"] == "row") & dots["value"].notna()]
    assert (rows["low"] <= rows["contribution"] + 1e-9).all()
    assert (rows["contribution"] <= rows["high"] + 1e-9).all()
    assert (dots["slope_low"] < dots["slope_high"]).all()


def test_the_curve_ends_at_the_epoch_of_the_chosen_form(analysis, est):
    epochs = int(est.rungs_.loc[est.rungs_["chosen"], "epochs"].iloc[0])
    finding = next(e.finding for e in analysis.exhibits if e.name == "training_curve")
    assert f"The 2 fits of the model end after epoch {epochs}:" in finding
    made = report.analysis.provenance(est, "model.pt", None)["training"]
    assert f"epochs {epochs}," in made
    assert "members 2" in made
    assert not re.search(r"\b(dim|k|structure|patience) ", made)


def test_page_and_summary_know_what_the_model_is(analysis, est):
    plain = analysis.summary.to_dict()
    assert (plain["form"], plain["members"], plain["neurons"]) == ("sum", 2, 32)
    assert (plain["dim"], plain["k"]) == (5, 2)
    assert plain["pairs"] == len(est.encoder_.pairs) > 0
    assert plain["bent_columns"] == sum(bool(axis.knots) for axis in est.encoder_.axes)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    images = dict.fromkeys(analysis.figures, bytes(24))
    page = render(analysis.exhibits, images, analysis.subject, analysis.summary)
    assert "a sum of 32 neurons in 2 fits" in page
    assert "its prediction is eigenvalue" not in page
    said = dict(limits(analysis.subject, analysis.summary))
    assert "average of 2 fits" in said["Refit deviation"]
    assert "a − b" in said["Pairs of columns"] or "a + b" in said["Pairs of columns"]
    gaps = next(e.finding for e in analysis.exhibits if e.name == "margins")
    assert "all of the 32 neurons" in gaps
    assert "in inputs" in gaps


def test_analyze_from_a_file(est, table, tmp_path, run, no_drawings):
    X, y = (part[250:] for part in table)
    est.save(tmp_path / "model.pt", heldout=(X, y))
    arguments = (tmp_path / "model.pt", "--rows", 12, "--methods", "local", "--no-compare")
    status, text, err = run(analyze, *arguments, "--out", tmp_path / "out")
    assert (status, err) == (0, "")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [rung["inputs"] for rung in summary["rungs"]] == load(tmp_path / "model.pt").rungs_[
        "inputs"
    ].tolist()
    assert "32 neurons in 2 fits" in text
    assert (tmp_path / "out" / "tables" / "rungs.csv").exists()


def test_the_price_of_a_single_neuron_is_one_line(regressor, diabetes):
    analysis = report.analyze(regressor, diabetes[0][:9], None, methods=["local"], seed=0)
    exhibit = next(e for e in analysis.exhibits if e.name == "rungs")
    assert len(exhibit.table) == 1
    assert not exhibit.is_drawn
    assert 'form="auto"' in exhibit.finding
    assert number(regressor.rungs_["held_out_loss"][0]) in exhibit.finding
    assert not [e for e in analysis.exhibits if e.name.startswith("segments")]
    assert analysis.summary.methods["local"].refit is None


def test_a_sum_on_levels_alone_has_no_segments(table):
    X, y = table
    est = SpectralRegressor(form="sum", members=1, random_state=0).fit(X[["city"]][:80], y[:80])
    analysis = report.analyze(est, X[["city"]][:9], None, methods=["local"], seed=0)
    assert "slopes by segment: no column is piecewise linear" in analysis.summary.left_out
    assert analysis.summary.methods["local"].refit is None
    assert "Refit deviation" not in dict(limits(analysis.subject, analysis.summary))
    assert "a sum of 16 neurons. Each" in analysis.summary.description
    for exhibit in analysis.exhibits:
        assert exhibit.reading
        assert "nan" not in exhibit.finding
        if exhibit.is_drawn:
            exhibit.draw(Figure().subplots())


def test_older_files_know_no_price(diabetes):
    X, y = diabetes
    est = SpectralRegressor(form="single", dim=3, n_epochs=2, random_state=0).fit(X[:60], y[:60])
    est.rungs_ = pd.DataFrame()
    summary = report.analyze(est, X[:9], None, methods=["local"], seed=0).summary
    assert any(reason.startswith("price of readability: ") for reason in summary.left_out)
    assert summary.rungs == []


def test_certified_bars_are_in_the_order_of_their_ends(analysis):
    table = analysis.tables["certified"]
    steepest = np.maximum(table["high"], -table["low"])
    assert (np.diff(steepest) <= 0).all()
    assert (table["norm"] <= steepest * (1 + 1e-12)).all()
    many = pd.concat([table.assign(column=table["column"] + str(i)) for i in range(9)], ignore_index=True)
    many = many.sort_values("high", ascending=False, ignore_index=True)
    ax = plots.certified(many, Figure().subplots())
    bound = np.maximum(many["high"], -many["low"])[20:].max()
    assert any(at_most(bound) in text.get_text() for text in ax.texts)

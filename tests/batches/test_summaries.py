"""Summaries of streams: those of the whole table, in any order and from any parts."""

import pickle

import numpy as np
import pandas as pd
import pytest

from spectral_interp import certify, explain, explain_batches
from spectral_interp.batches import Summary
from spectral_interp.batches.summaries import RADII
from tests.batches.models import divided, sum_model, table

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def summarised(model, batches, **options):
    summary = Summary.of(model)
    for _ in explain_batches(model, batches, summary=summary, **options):
        pass
    return summary


def check_same(one, other):
    assert one.n_rows == other.n_rows
    for name in ("importance", "dependence", "margins"):
        pd.testing.assert_frame_equal(getattr(one, name)(), getattr(other, name)(), rtol=1e-10)


def test_importance_is_that_of_all_rows(rng):
    model, X = sum_model(), table(300)
    found = summarised(model, divided(X, rng)).importance().set_index("column")
    att = explain(model, X)
    for place, name in enumerate(att.columns):
        values = att.values[:, place]
        expected = [np.abs(values).mean(), values.mean(), values.std(), len(X)]
        np.testing.assert_allclose(found.loc[name].to_numpy(dtype=float), expected, rtol=1e-9)
    assert found["mean_absolute"].is_monotonic_decreasing


def test_dependence_groups_rows_by_value():
    model, X = sum_model(), table(300)
    found = summarised(model, [X]).dependence()
    att = explain(model, X)
    assert found.groupby("column")["rows"].sum().tolist() == [300] * 6
    of_city = found[found["column"] == "city"].set_index("value")
    city, contribution = X["city"].to_numpy(), att.values[:, 2]
    for level in ("Oslo", "Rome"):
        assert of_city.loc[level, "rows"] == (city == level).sum()
        expected = contribution[city == level].mean()
        assert of_city.loc[level, "mean_contribution"] == pytest.approx(expected, rel=1e-9)
    gappy = found[(found["column"] == "gappy") & (found["value"] == "missing")]
    assert gappy["rows"].item() == X["gappy"].isna().sum()
    bent = found[found["column"] == "bent"]
    centre = np.average(bent["value"].astype(float), weights=bent["rows"])
    assert centre == pytest.approx(X["bent"].mean(), rel=1e-9)
    assert bent["value"].astype(float).is_monotonic_increasing


def test_order_and_division_do_not_matter(rng):
    model, X = sum_model(), table(300)
    whole = summarised(model, [X])
    parts = [summarised(model, [part]) for part in divided(X.iloc[rng.permutation(300)], rng)]
    merged = Summary.of(model)
    for part in parts:
        merged = merged.merge(pickle.loads(pickle.dumps(part)))
    check_same(merged, whole)
    check_same(Summary.of(model).restored(merged.state()), whole)


def test_merging_leaves_both_as_they_are():
    model, X = sum_model(), table(60)
    one, other = summarised(model, [X[:20]]), summarised(model, [X[20:]])
    before = one.state(), other.state()
    one.merge(other)
    assert (one.state(), other.state()) == before


def test_margins_count_certified_rows(classifier, breast_cancer):
    X = breast_cancer[0][:60]
    found = summarised(classifier, [X[:25], X[25:]], flip_radius=True).margins()
    radii = certify(classifier, X).flip_radius
    np.testing.assert_allclose(found["certified"], [(radii >= radius).mean() for radius in RADII])
    assert found["rows"].unique().tolist() == [60]
    assert summarised(classifier, [X]).margins().empty


def test_summaries_of_different_models_or_outputs(classifier, breast_cancer):
    with pytest.raises(ValueError, match="expected summaries of one model"):
        Summary.of(sum_model()).merge(Summary.of(classifier))
    X = breast_cancer[0][:5]
    benign = summarised(classifier, [X], output="benign")
    with pytest.raises(
        ValueError, match="contributions to log-odds of diagnosis = benign; got contributions to"
    ):
        benign.merge(summarised(classifier, [X]))

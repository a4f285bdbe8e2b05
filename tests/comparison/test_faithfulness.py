"""Deletion, insertion, infidelity and sensitivity: breaking contributions lowers the scores."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spectral_interp import Pencil, SpectralClassifier, explain
from spectral_interp.comparison import agreement, faithfulness
from spectral_interp.comparison.explainers import ExplainedModel, explained_models
from spectral_interp.view import rows_of
from tests.comparison.models import BY_NAME, by_name
from tests.views import grouped_rows


def test_deletion_by_our_path_beats_random_and_breaking_it_does_not(est, rows):
    spectral = explained_models(est, None)[0]
    inputs = est.rows(rows[0])
    reference = inputs.view.background[:25]
    rng = np.random.default_rng(0)
    att = BY_NAME["path"](spectral, inputs, reference, seed=0)

    def scores(attribution):
        base = float(spectral.values(reference).mean())
        order = faithfulness.attributed_order(attribution, base)
        deletion, insertion = faithfulness.curves(spectral, inputs, reference, order)
        removed = faithfulness.removals(spectral, inputs, reference, np.random.default_rng(1))
        infidelity = faithfulness.infidelity(attribution, *removed)
        return faithfulness.area(deletion, 5), faithfulness.area(insertion, 5), infidelity

    deletion, insertion, infidelity = scores(att)
    curves = faithfulness.random_curves(spectral, inputs, reference, rng)
    random = [faithfulness.area(curve, 5) for curve in curves]
    assert deletion < random[0]
    assert insertion > random[1]
    swapped = att.values.copy()
    swapped[:, [1, 2]] = rng.permutation(swapped)[:, [2, 1]]
    for broken in (replace(att, values=-att.values), replace(att, values=swapped)):
        worse = scores(broken)
        assert worse[0] > deletion
        assert worse[1] < insertion
        assert worse[2] > infidelity
        measures = agreement.agreement(att, broken)
        assert max(measures[name] for name in ("spearman", "pearson", "sign")) < 0.95
    wrong = agreement.agreement(att, replace(att, values=-att.values))
    assert (wrong["spearman"], wrong["sign"]) == (pytest.approx(-1), 0)
    assert (wrong["top3"], wrong["ranking"]) == pytest.approx((1, 1))


@pytest.mark.parametrize("table", ["regressor", "classifier", "two_or_five"])
def test_deletion_by_path_is_never_worse_than_random(request, table):
    from spectral_interp.tables.reading import read_table, split_target

    if table == "two_or_five":
        X, y = split_target(read_table("two_or_five"), "two_or_five", "two_or_five")
        est = SpectralClassifier(dim=5, n_epochs=20, random_state=0, form="single").fit(X, y)
    else:
        est = request.getfixturevalue(table)
        X, _ = request.getfixturevalue("diabetes" if table == "regressor" else "breast_cancer")
    spectral, inputs = explained_models(est, None)[0], est.rows(X[:30])
    reference = inputs.view.background[:10]
    att = BY_NAME["path"](spectral, inputs, reference, seed=0)
    order = faithfulness.attributed_order(att, float(spectral.values(reference).mean()))
    ours = faithfulness.curves(spectral, inputs, reference, order)[0]
    random = faithfulness.random_curves(spectral, inputs, reference, np.random.default_rng(0))[0]
    c = len(inputs.view.columns)
    assert faithfulness.area(ours, c) <= faithfulness.area(random, c)


def test_wide_tables_lose_several_columns_a_step(rng):
    """Of an additive model the curve is the sum of what is left, at any share of the columns."""
    weights = rng.random(130)
    model = ExplainedModel("linear", torch.nn.Identity(), lambda x: x @ weights)
    pencil = Pencil(np.append(0.0, weights)[:, None], np.empty((131, 0)), 0)
    order = rng.permutation(130)
    rows, none = rows_of(pencil, np.ones((1, 130))), np.zeros((1, 130))
    deletion, insertion = faithfulness.curves(model, rows, none, order[None])
    share = faithfulness.shares(130)
    assert (len(share), share[0], share[-1]) == (51, 0.0, 1.0)
    inserted = np.append(0.0, np.cumsum(weights[order])) / weights.sum()
    np.testing.assert_allclose(insertion, np.interp(share, np.linspace(0, 1, 131), inserted), atol=1e-12)
    np.testing.assert_allclose(deletion, 1 - insertion, atol=1e-12)
    every = np.trapezoid(inserted, dx=1 / 130)
    assert faithfulness.area(insertion, 130) == pytest.approx(every, abs=1e-3)


def test_infidelity_of_an_additive_model_is_zero_and_counts_squares(rng):
    pencil = Pencil(np.array([[1.0], [2.0], [-3.0]]), np.empty((3, 0)), 0)
    model = ExplainedModel("linear", torch.nn.Identity(), pencil.values)
    inputs = grouped_rows(pencil, rng.normal(size=(40, 2)), ("a", "b"), np.arange(2), np.zeros((1, 2)))
    att = explain(pencil, inputs.z)
    exact = replace(att, columns=("a", "b"))
    zero = np.zeros((1, 2))
    removed = faithfulness.removals(model, inputs, zero, rng)
    assert faithfulness.infidelity(exact, *removed) < 1e-25
    off = replace(exact, values=exact.values + np.array([2.0, 0.0]))
    got = faithfulness.infidelity(off, *removed) * exact.prediction.var()
    assert got == pytest.approx(2.0, rel=0.15)  # 4 wherever the first column is put away: half of the time


def test_infidelity_is_that_of_captum(mixed, rng):
    from captum.metrics import infidelity

    est, X, _ = mixed
    spectral, inputs = explained_models(est, None)[0], est.rows(X[:6])
    reference = inputs.view.background[:4]
    removed, left = faithfulness.removals(spectral, inputs, reference, rng)
    values = torch.from_numpy(rng.normal(size=(6, 3)))

    def forward(kept, row):
        each = zip(row.tolist(), kept.numpy() > 0, strict=True)
        means = (
            faithfulness.coalition_means(spectral, inputs.take([i]), reference, [own[None]])
            for i, own in each
        )
        return torch.from_numpy(np.concatenate(list(means))[:, 0])

    def perturb(kept):
        away = torch.from_numpy(removed.reshape(-1, 3)).to(kept.dtype)
        return away, kept - away

    everything, n = torch.ones_like(values), faithfulness.MASKS
    got = infidelity(forward, perturb, everything, values, None, torch.arange(6), n_perturb_samples=n)
    ours = replace(explain(est, X[:6]), values=values.numpy())
    expected = float(got.mean()) / inputs.prediction.var()
    assert faithfulness.infidelity(ours, removed, left) == pytest.approx(expected, rel=1e-9)


def test_coalitions_switch_whole_columns(mixed, rng):
    est, X, _ = mixed
    spectral, inputs = explained_models(est, None)[0], est.rows(X[:3])
    background = est.background_[:4]
    masks = rng.random((3, 5, 3)) < 0.5
    got = faithfulness.coalition_means(spectral, inputs, est.encode(background), masks)
    for i, j in np.ndindex(3, 5):
        table = background.copy()
        for column in np.array(inputs.view.columns)[masks[i, j]]:
            table[column] = X[column].iloc[i]
        assert got[i, j] == pytest.approx(est.decision_function(table).mean(), abs=1e-12)


def test_sensitivity_is_the_largest_relative_change(mixed):
    est, X, _ = mixed
    linear = by_name(explained_models(est, est.baselines_), "linear")
    inputs = est.rows(X[:4])
    reference = inputs.view.background[:10]
    explainer = BY_NAME["SHAP Linear"]
    got = faithfulness.sensitivity(explainer, linear, inputs, reference, np.random.default_rng(2), seed=0)
    numeric = [inputs.view.own(axis.name).start for axis in inputs.view.axes if axis.continuous]
    assert len(numeric) == 2
    moved = np.repeat(inputs.z, faithfulness.JITTERS, axis=0)
    moved[:, numeric] += np.random.default_rng(2).uniform(-0.1, 0.1, size=(len(moved), 2))
    before = explainer(linear, inputs, reference, seed=0).values
    repeated = inputs.take(np.repeat(np.arange(4), faithfulness.JITTERS))
    after = explainer(linear, replace(repeated, encoded=moved), reference, seed=0).values
    change = np.linalg.norm(after.reshape(4, faithfulness.JITTERS, -1) - before[:, None], axis=2)
    assert got == pytest.approx((change.max(axis=1) / np.linalg.norm(before, axis=1)).mean())


@pytest.mark.parametrize("name", ["spectral", "linear"])
def test_coalitions_by_change_matrices_are_those_of_mixed_inputs(est, rows, name):
    model = {one.name: one for one in explained_models(est, est.baselines_)}[name]
    inputs = est.rows(rows[0])
    reference = inputs.view.background[:7]
    masks = np.random.default_rng(3).random((len(inputs), 9, 5)) < 0.5
    mixed = replace(model, view=None)
    found, expected = (faithfulness.coalition_means(one, inputs, reference, masks) for one in (model, mixed))
    np.testing.assert_allclose(found, expected, rtol=1e-5 if name == "linear" else 1e-9)
    order = np.argsort(np.random.default_rng(4).random((len(inputs), 5)), axis=1)
    for one, other in zip(
        faithfulness.curves(model, inputs, reference, order),
        faithfulness.curves(mixed, inputs, reference, order),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)

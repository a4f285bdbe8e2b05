"""Local contributions: exact sum, exact split, invariances, columns."""

import numpy as np
import pytest

from spectral_interp import DensePencil, Pencil, explain
from spectral_interp.attribution.local import local
from tests.views import grouped_rows


@pytest.mark.parametrize(("p", "d"), [(1, 1), (3, 2), (5, 9)])
def test_contributions_add_up(random_pencil, rng, p, d):
    for k in range(d):
        pencil, z = random_pencil(p, d, k), rng.normal(size=(50, p))
        att = explain(pencil, z, background=rng.normal(size=(7, p)))
        assert att.completeness_gap.max() <= 1e-12 * np.abs(att.prediction).max()
        np.testing.assert_allclose(att.diagonal + att.coupling, att.values, atol=1e-13)
        np.testing.assert_allclose(att.base_diagonal + att.base_coupling, att.base_values, atol=1e-13)


def test_contributions_are_step_times_gradient(random_pencil, rng):
    pencil, z, r, h = random_pencil(3, 5), rng.normal(size=(10, 3)), rng.normal(size=(1, 3)), 1e-6
    att = explain(pencil, z, background=r)
    for i in range(3):
        step = h * np.eye(3)[i]
        slope = (pencil.values(z + step) - pencil.values(z - step)) / (2 * h)
        np.testing.assert_allclose(att.values[:, i], (z[:, i] - r[0, i]) * slope, atol=1e-6)


def test_split_counts_diagonals_and_couplings(random_pencil, rng):
    pencil, z = random_pencil(4, 5), rng.normal(size=(20, 4))
    _, v = pencil.eigenpairs(z)
    att = explain(pencil, z)
    for i in range(4):
        expected = sum(pencil.diag[i + 1, j] * v[:, j] ** 2 for j in range(5))
        np.testing.assert_allclose(att.diagonal[:, i], z[:, i] * expected, atol=1e-13)
        expected = sum(2 * pencil.off[i + 1, j] * v[:, j] * v[:, j + 1] for j in range(4))
        np.testing.assert_allclose(att.coupling[:, i], z[:, i] * expected, atol=1e-13)


def test_split_ignores_signs_and_order_of_latents(random_pencil, rng):
    pencil, z = random_pencil(4, 5), rng.normal(size=(30, 4))
    signs = np.array([1, -1, -1, 1, -1])
    flipped = Pencil(pencil.diag, pencil.off * signs[:-1] * signs[1:], pencil.k)
    reversed_ = Pencil(pencil.diag[:, ::-1], pencil.off[:, ::-1], pencil.k)
    att = explain(pencil, z)
    for other in (explain(flipped, z), explain(reversed_, z)):
        np.testing.assert_allclose(other.diagonal, att.diagonal, atol=1e-10)
        np.testing.assert_allclose(other.coupling, att.coupling, atol=1e-10)
        np.testing.assert_allclose(other.base_coupling, att.base_coupling, atol=1e-10)


def test_diagonal_and_linear_pencils(rng):
    diagonal = Pencil(rng.normal(size=(4, 5)), np.zeros((4, 4)), 2)
    att = explain(diagonal, rng.normal(size=(30, 3)))
    assert not att.coupling.any()
    linear = Pencil([[1.0], [2.0], [-3.0]], np.zeros((3, 0)), 0)
    att = explain(linear, [[1.0, 1.0]], background=[[0.0, 0.0], [2.0, 4.0]])
    np.testing.assert_allclose(att.values, [[0.0, 3.0]])
    np.testing.assert_allclose(att.base_values, [1 + 2 - 6])


def test_dense_pencil_adds_up(rng):
    matrices = rng.normal(size=(4, 5, 5))
    att = explain(DensePencil(matrices + matrices.transpose(0, 2, 1), 2), rng.normal(size=(20, 3)))
    assert att.completeness_gap.max() < 1e-12


def test_features_of_a_column_are_summed(random_pencil, rng):
    pencil, z = random_pencil(3, 5), rng.normal(size=(6, 3))
    rows = grouped_rows(pencil, z, ("a", "b"), np.array([0, 1, 1]), np.zeros((1, 3)))
    single, grouped = explain(pencil, z).values, local(rows, rows.view.background).values
    np.testing.assert_allclose(grouped, np.column_stack([single[:, 0], single[:, 1] + single[:, 2]]))


def test_a_batch_equals_its_rows(random_pencil, rng):
    pencil, z = random_pencil(3, 5), rng.normal(size=(40, 3))
    whole = explain(pencil, z)
    for i in range(40):
        np.testing.assert_allclose(explain(pencil, z[[i]]).values[0], whole.values[i], atol=1e-13)


def test_degenerate_rows_are_flagged_not_hidden():
    pencil = Pencil([[0.0, 0.0], [1.0, -1.0]], [[0.0], [0.0]], 0)
    with pytest.warns(UserWarning, match="1 of 2 rows are degenerate"):
        att = explain(pencil, [[0.0], [1.0]])
    np.testing.assert_array_equal(att.degenerate, [True, False])
    assert att.completeness_gap.max() == 0


def test_estimators_explain_in_columns_and_units(regressor, classifier, diabetes, breast_cancer):
    for est, (X, _) in ((regressor, diabetes), (classifier, breast_cancer)):
        att = explain(est, X)
        assert att.columns == tuple(X.columns)
        assert att.unit == est.unit_
        assert att.completeness_gap.max() <= 1e-10 * np.abs(att.prediction).max()
        np.testing.assert_array_equal(att.data, X.to_numpy())
        shuffled = explain(est, X[X.columns[::-1]], background=est.background_)
        np.testing.assert_array_equal(shuffled.values, att.values)


def test_shap_explanation_and_tidy_table(regressor, diabetes):
    X, _ = diabetes
    att = explain(regressor, X[:5])
    with pytest.warns(UserWarning, match="base values of method 'local' differ"):
        explanation = att.to_shap()
    np.testing.assert_allclose(explanation.values.sum(axis=1) + explanation.base_values, att.prediction)
    assert explanation.feature_names == list(X.columns)
    frame = att.to_frame()
    assert list(frame.columns) == [
        "row",
        "column",
        "value",
        "contribution",
        "diagonal",
        "coupling",
        "method",
        "unit",
        "background",
    ]
    second = frame[(frame["row"] == 2) & (frame["column"] == "bmi")].iloc[0]
    assert second["contribution"] == att.values[2, 2]
    assert second["value"] == X["bmi"].iloc[2]


def test_bad_arguments(random_pencil, regressor, diabetes):
    pencil = random_pencil(2, 3)
    with pytest.raises(ValueError, match="one of local, path, shapley; got 'magic'"):
        explain(pencil, [[0.0, 0.0]], method="magic")
    with pytest.raises(ValueError, match="at least one row"):
        explain(pencil, [[0.0, 0.0]], background=np.empty((0, 2)))
    with pytest.raises(ValueError, match=r"shape \(n, 2\); got \(1, 3\)"):
        explain(pencil, [[0.0, 0.0]], background=[[0.0, 0.0, 0.0]])
    with pytest.raises(ValueError, match="column 'bmi' is missing"):
        explain(regressor, diabetes[0].drop(columns="bmi"))


def test_numbers_that_overflow_are_refused_not_turned_into_nan(rng):
    pencil = Pencil(1e200 * rng.normal(size=(3, 4)), 1e200 * rng.normal(size=(3, 3)), 2)
    dense = DensePencil(pencil.matrices, 2)
    huge, row = [[0.0, 1.0], [1e150, -1e150]], [[1.0, 1.0]]
    for model in (pencil, dense):
        for method in ("local", "path", "shapley"):
            for X, background in ((huge, row), (row, huge)):
                with pytest.raises(ValueError, match=r"A\(z\) stays below 1e\+300; got inf in row 1"):
                    explain(model, X, method=method, background=background)

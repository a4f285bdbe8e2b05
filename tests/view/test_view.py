"""Axes, the view of a model, and rows: what analyses start from."""

import pickle
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_interp import Pencil, SpectralClassifier, SpectralRegressor, explain, load
from spectral_interp.view import LevelsAxis, NumberAxis, Output, rows_of, view_of
from tests.sums import encoded, random_sum, random_table


@pytest.fixture(scope="module")
def table():
    rng, n = np.random.default_rng(4), 120
    frame = pd.DataFrame(
        {
            "a": rng.normal(3, 2, n),
            "b": np.exp(rng.normal(size=n)),
            "c": np.where(np.arange(n) % 4 == 0, np.nan, rng.normal(size=n)),
            "constant": 1.0,
            "d": rng.choice(["x", "y", "z"], n),
        },
        index=[f"row {i}" for i in range(n)],
    )
    with pytest.warns(UserWarning, match="'constant'"):
        est = SpectralRegressor(dim=3, n_epochs=1, random_state=0, log=["b"], form="single").fit(
            frame, rng.normal(size=n)
        )
    return est, frame


def test_axes_of_a_pencil_are_its_features(random_pencil, rng):
    z = rng.normal(size=(4, 3))
    pencil = random_pencil(3, 3)
    rows = rows_of(pencil, z)
    assert rows.view.features == rows.view.columns == ("z0", "z1", "z2")
    axis = rows.view.axis("z1")
    assert (axis.directions().labels, axis.directions().own_label) == (("unit of z1",), "unit of z1")
    np.testing.assert_array_equal(axis.decode(z[:, [1]]), z[:, 1])
    for look in (rows.view.axis, rows.view.own):
        with pytest.raises(ValueError, match=r"one of the 3 columns; got 'y2'; is it 'z2'\?"):
            look("y2")
    assert rows_of(pencil, None).z.shape == (0, 3)


def test_axes_of_an_estimator_repeat_its_encoder(table):
    est, frame = table
    rows = est.rows(frame)
    assert rows.view is est.view()
    assert rows.view.features == est.encoder_.feature_names
    assert not rows.view.output.decides
    row = rows.z[0]  # has a gap in column c
    for name in ("a", "b", "c"):
        axis, u = rows.view.axis(name), np.array([-1.0, 0.5])
        there = frame.iloc[[0, 0]].assign(**{name: axis.values(u)})
        np.testing.assert_allclose(rows.view.moved(row, name, u), est.encode(there), atol=1e-12)
    levels = rows.view.axis("d")
    there = frame.iloc[[0, 0, 0]].assign(d=list(levels.levels))
    np.testing.assert_allclose(rows.view.moved(row, "d", np.arange(3.0)), est.encode(there))
    none = rows_of(est, None)
    assert (none.z.shape, none.data.shape) == ((0, rows.z.shape[1]), (0, 4))


@pytest.mark.parametrize(
    ("axis", "values"),
    [
        (NumberAxis("a", 3.0, 2.0), [1.0, 5.5]),
        (NumberAxis("a", 3.0, 2.0, median=2.5, missing=0.1), [1.0, np.nan, 5.5]),
        (NumberAxis("a", 0.5, 2.0, log=True), [0.1, 700.0]),
        (NumberAxis("a", 0.5, 2.0, log=True, median=1.5, missing=0.5), [0.1, np.nan]),
        (LevelsAxis("a", ("x", "2", "missing"), (0.5, 0.25, 0.25)), ["2", "missing", "x"]),
    ],
)
def test_values_survive_encoding(axis, values):
    z = axis.encode(values)
    assert z.shape == (len(values), axis.n_features) == (len(values), len(axis.feature_names))
    found = axis.decode(z)
    if axis.continuous:
        np.testing.assert_allclose(found, values, rtol=1e-12)
    else:
        assert found.tolist() == values
    known = axis.coordinates(values)
    np.testing.assert_allclose(axis.locate(z), known)
    grid = axis.grid(known, 7)
    assert (np.diff(grid) > 0).all()
    np.testing.assert_allclose(axis.place(grid), axis.encode(axis.values(grid)), atol=1e-12)


def test_unknown_levels_count_as_other_or_as_average():
    with_other = LevelsAxis("a", ("x", "other"), (0.9, 0.1))
    np.testing.assert_allclose(with_other.encode(["y"]), [[-0.9, 0.9]])
    without = LevelsAxis("a", ("x", "y"), (0.9, 0.1))
    np.testing.assert_array_equal(without.encode(["z", None]), np.zeros((2, 2)))
    assert without.decode(np.zeros((1, 2))).tolist() == [None]
    with pytest.raises(ValueError, match="expected levels of 'a': x, y; got 'z'"):
        without.checked(["x", "z"])


def test_directions_are_changes_of_the_column():
    levels = LevelsAxis("a", ("x", "y", "z"), (0.5, 0.3, 0.2))
    directions = levels.directions()
    assert len(directions.labels) == len(directions.steps) == 6
    for label, step in zip(directions.labels, directions.steps, strict=True):
        source, target = label.split(" → ")
        np.testing.assert_allclose(step, (levels.encode([target]) - levels.encode([source]))[0], atol=1e-15)
    number = NumberAxis("a", 3.0, 2.0, median=2.5, missing=0.1)
    (step,) = number.directions().steps
    np.testing.assert_allclose(step, (number.encode([5.0]) - number.encode([3.0]))[0])
    assert number.directions().per_own == 0.5


def test_rows_keep_what_the_user_calls_them(table):
    est, frame = table
    rows = est.rows(frame[::10])
    assert rows.labels.tolist() == list(frame.index[::10])
    assert rows.take([2, 0]).labels.tolist() == ["row 20", "row 0"]
    att = explain(est, frame[::10])
    assert att.rows.tolist() == rows.labels.tolist()
    assert att.to_frame()["row"].tolist()[::4] == rows.labels.tolist()


def test_rows_are_explained_like_their_table(table):
    est, frame = table
    rows = est.rows(frame[:6])
    np.testing.assert_array_equal(rows.prediction, est.predict(frame[:6]))
    for model in (est, est.view()):
        np.testing.assert_array_equal(explain(model, rows).values, explain(est, frame[:6]).values)


def test_rows_of_another_model_are_refused(table, random_pencil):
    est, frame = table
    with pytest.raises(ValueError, match="expected rows with the model's encoding"):
        explain(random_pencil(3, 3), est.rows(frame))
    with pytest.raises(TypeError, match="expected Rows to go with a ModelView; got DataFrame"):
        explain(est.view(), frame)
    for model in ("model", frame, frame.to_numpy(), torch.ones(2), SpectralRegressor, LevelsAxis):
        with pytest.raises(TypeError, match=r"fitted spectral estimator, a Pencil, .*; got"):
            view_of(model)


def test_views_travel(table):
    est, frame = table
    view = pickle.loads(pickle.dumps(est.view()))
    rows = est.rows(frame[:5])
    z = rows.z
    np.testing.assert_array_equal(view.function.values(z), rows.prediction)
    assert len(pickle.dumps(view)) < 50_000
    assert (view.columns, view.output) == (est.view().columns, est.view().output)


def test_outputs(classifier):
    output = classifier.view().output
    assert isinstance(classifier, SpectralClassifier)
    assert output.classes == tuple(classifier.classes_)
    assert output.decides


def test_the_view_follows_the_model(table):
    _, frame = table
    est = SpectralRegressor(dim=3, n_epochs=1, random_state=0, form="single").fit(
        frame[["a", "b"]], frame["a"]
    )
    before, view = est.predict(frame[["a", "b"]]), est.view()
    assert est.view() is view
    est.module_.rescale_(2.0, 1.0)
    np.testing.assert_allclose(est.predict(frame[["a", "b"]]), 2 * before + 1, rtol=1e-12)
    for change in (
        lambda weights: [weight.data.mul_(0.5) for weight in weights.values()],
        lambda weights: [np.multiply(w.numpy(), 2.0, out=w.numpy()) for w in weights.values()],
        lambda weights: est.module_.load_state_dict({k: w / 2 for k, w in weights.items()}, assign=True),
    ):
        before = est.predict(frame[["a", "b"]])
        change(est.module_.state_dict())
        after = est.predict(frame[["a", "b"]])
        assert np.abs(after - before).max() > 0.1
        np.testing.assert_allclose(after, est.module_.pencil().values(est.encode(frame[["a", "b"]])))
    est.module_.k = 0
    assert est.pencil_.k == 0
    est.target_name_ = "price"
    assert est.unit_ == "price"
    est.background_ = est.background_[:3]
    assert len(est.view().background) == 3


def test_models_load_and_fit_in_inference_mode(table, tmp_path):
    est, frame = table
    est.save(tmp_path / "model.pt")
    with torch.inference_mode():
        back = load(tmp_path / "model.pt")
        np.testing.assert_array_equal(back.predict(frame), est.predict(frame))


def test_rows_travel_with_their_model(table):
    est, frame = table
    expected = explain(est, frame[:4]).values
    for copied in (
        pickle.loads(pickle.dumps((est, est.rows(frame[:4])))),
        deepcopy((est, est.rows(frame[:4]))),
    ):
        np.testing.assert_array_equal(explain(*copied).values, expected)


def test_rows_are_explained_as_the_view_says(table):
    est, frame = table
    view = replace(est.view(), background=est.view().background[:1], output=Output("kg"))
    att = explain(view, est.rows(frame[:3]))
    assert att.unit == "kg"
    expected = explain(est, frame[:3], background=est.background_[:1])
    np.testing.assert_allclose(att.values, expected.values)


def test_the_background_cannot_be_overwritten(table):
    with pytest.raises(ValueError, match="read-only"):
        table[0].view().background[:] = 0


def test_rows_have_one_length(table):
    est, frame = table
    with pytest.raises(ValueError, match="features, data and labels of the same rows; got 3, 5 and 5"):
        replace(est.rows(frame[:5]), encoded=np.zeros((3, 7)))


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_every_missing_value_is_missing(missing):
    levels = LevelsAxis("a", ("x", "missing"), (0.5, 0.5))
    assert levels.coordinates(["x", missing]).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("axis", "value", "message"),
    [
        (NumberAxis("a"), np.nan, "numbers in column 'a', which has no gaps; got NaN"),
        (NumberAxis("a", log=True), -2.0, "positive numbers in column 'a'; got -2"),
    ],
)
def test_numbers_that_a_column_does_not_have(axis, value, message):
    with pytest.raises(ValueError, match=message):
        axis.checked([value])
    assert NumberAxis("a", median=1.0, missing=0.5).checked(np.nan).shape == (1,)


def test_own_features_and_changes(random_pencil, rng):
    view = view_of(Pencil(rng.normal(size=(4, 2)), rng.normal(size=(4, 1)), 0))
    np.testing.assert_array_equal(view.steps("z1", np.array([[2.0]])), [[0.0, 2.0, 0.0]])
    np.testing.assert_array_equal(view.per_column(np.ones((2, 3))), np.ones((2, 3)))


def test_a_gap_is_a_step_from_the_median():
    axis = NumberAxis("a", 3.0, 2.0, median=2.5, missing=0.1)
    np.testing.assert_allclose(axis.gap().steps, np.diff(axis.encode([2.5, np.nan]), axis=0), atol=1e-15)
    assert axis.gap().labels == ("median → missing",)
    assert NumberAxis("a", 3.0, 2.0).gap() is None
    assert LevelsAxis("a", ("x", "missing"), (0.5, 0.5)).gap() is None


def test_values_of_inputs_in_pieces_are_those_at_once(rng, monkeypatch):
    view = random_sum(rng)
    z = encoded(view, random_table(rng, 20))
    x, expected = view.inputs(z), view.function.values(z)
    np.testing.assert_allclose(view.values_of_inputs(x), expected, rtol=0, atol=1e-11)
    monkeypatch.setattr("spectral_interp.view.model.TOGETHER", 3 * len(view.features))
    np.testing.assert_allclose(view.values_of_inputs(x), expected, rtol=0, atol=1e-11)
    assert view.values_of_inputs(x[:0]).shape == (0,)
    np.testing.assert_array_equal(view.per_column(np.ones_like(x))[0], np.bincount(view.input_column_of))

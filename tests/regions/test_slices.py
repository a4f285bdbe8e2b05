"""Slices: spectra along a column, regions over two, in the columns' own units."""

import numpy as np
import pandas as pd
import pytest

from spectral_interp import DensePencil, Pencil, SpectralRegressor
from spectral_interp.regions.slices import slice_plane, slice_spectrum


@pytest.fixture(scope="module")
def mixed():
    """Return a model of a table with a logged, a gappy and a text column, and the table."""
    rng, n = np.random.default_rng(1), 200
    frame = pd.DataFrame(
        {
            "age": rng.normal(50, 10, n),
            "income": np.exp(rng.normal(10, 1, n)),
            "dose": np.where(np.arange(n) % 5 == 0, np.nan, rng.normal(3, 2, n)),
            "city": rng.choice(["Oslo", "Bergen", "Rome"], n),
        }
    )
    y = frame["age"] * np.log(frame["income"]) / 10 + frame["dose"].fillna(0)
    est = SpectralRegressor(dim=5, n_epochs=40, random_state=0, log=["income"], form="single")
    return est.fit(frame, y.rename("risk")), frame


def with_value(frame, row, column, values):
    rows = frame.iloc[[row] * len(values)].reset_index(drop=True)
    return rows.assign(**{column: values})


@pytest.mark.parametrize("column", ["age", "income", "dose", "city"])
@pytest.mark.parametrize("row", [0, 7])
def test_slices_are_predictions_in_the_columns_unit(mixed, column, row):
    est, frame = mixed
    found = slice_spectrum(est, frame, column, row=row)
    np.testing.assert_allclose(
        found.spectra[:, found.k], est.predict(with_value(frame, row, column, found.x)), rtol=1e-9
    )
    assert (np.diff(found.spectra, axis=1) >= 0).all()
    others = np.delete(found.spectra, found.k, axis=1) - found.spectra[:, [found.k]]
    np.testing.assert_allclose(found.gap, np.abs(others).min(axis=1), atol=1e-9)
    value = frame[column].iloc[row]
    if column == "dose" and row == 0:
        assert found.here is None
    elif column == "city":
        assert found.here == value
        assert sorted(found.x) == ["Bergen", "Oslo", "Rome"]
    else:
        assert found.here == pytest.approx(value)
        assert found.x[0] == pytest.approx(frame[column].min())
        assert found.x[-1] == pytest.approx(frame[column].max())


def test_avoided_crossings_are_located(rng):
    """Of [[z - c, b], [b, c - z]] the gap 2√((z - c)² + b²) is least, 2b, at z = c."""
    for b, c in ((0.5, 0.3), (1e-3, -0.7123), (0.0, 0.123456)):
        pencil = Pencil([[-c, c], [1.0, -1.0]], [[b], [0.0]], 0)
        found = slice_spectrum(pencil, [[-2.0], [3.0]], "z0")
        np.testing.assert_allclose(found.x[found.crossing], [c], atol=1e-6)
        np.testing.assert_allclose(found.gap[found.crossing], [2 * b], atol=1e-6)


def test_crossings_with_both_neighbours_are_found():
    lines = Pencil([[0.0, 2.0, -2.0], [0.0, -1.0, -1.0]], np.zeros((2, 2)), 1)
    found = slice_spectrum(lines, [[-3.0], [3.0]], "z0")
    np.testing.assert_allclose(np.sort(found.x[found.crossing])[[0, -1]], [-2.0, 2.0], atol=1e-6)


def test_dense_models_have_spectra(rng, random_pencil):
    pencil = random_pencil(2, 5)
    mine = slice_spectrum(pencil, rng.normal(size=(5, 2)), "z1", row=3)
    theirs = slice_spectrum(DensePencil(pencil.matrices, pencil.k), [[0.0, 0.0]], "z1")
    assert theirs.spectra.shape[1] == mine.spectra.shape[1] == 5


def test_single_rows_and_constant_columns(random_pencil, regressor, diabetes):
    found = slice_spectrum(random_pencil(2, 3), [[0.0, 5.0]], "z0")
    np.testing.assert_allclose(found.x[[0, -1]], [-1.0, 1.0])
    assert np.isinf(slice_spectrum(Pencil([[0.0], [1.0]], [[], []], 0), [[2.0]], "z0").gap).all()
    found = slice_spectrum(regressor, diabetes[0][:1], "bmi")
    assert found.x[0] == pytest.approx(regressor.background_["bmi"].min())
    assert (
        slice_spectrum(Pencil([[1.0, 2.0], [0.0, 0.0]], [[0.0], [0.0]], 0), [[1.0]], "z0").crossing.sum() == 0
    )


@pytest.mark.parametrize("columns", [("age", "income"), ("dose", "age")])
def test_planes_are_predictions_in_the_columns_units(mixed, columns):
    est, frame = mixed
    plane = slice_plane(est, frame, columns, row=0)
    for b in (0, 40, 120):
        rows = with_value(frame, 0, columns[0], plane.x).assign(**{columns[1]: plane.y[b]})
        np.testing.assert_allclose(plane.values[b], est.predict(rows), rtol=1e-9)
        diag, _ = est.pencil_.bands(est.encode(rows))
        np.testing.assert_array_equal(plane.active_latent[b], np.argsort(diag, axis=1)[:, est.pencil_.k])
    assert (plane.here is None) == ("dose" in columns)


@pytest.mark.parametrize("columns", [("age", "income"), ("income", "age")])
def test_plane_boundaries_are_ties_in_the_columns_units(mixed, columns):
    est, frame = mixed
    skeleton = Pencil(est.pencil_.diag, 0 * est.pencil_.off, est.pencil_.k)
    plane = slice_plane(est, frame, columns, row=3)
    assert plane.boundaries
    for line in plane.boundaries:
        rows = with_value(frame, 3, columns[0], line[:, 0]).assign(**{columns[1]: line[:, 1]})
        np.testing.assert_allclose(skeleton.gap(est.encode(rows)), 0, atol=1e-9)


def test_bad_arguments(mixed, random_pencil):
    est, frame = mixed
    with pytest.raises(ValueError, match=r"one of the 4 columns; got 'agee'; is it 'age'\?"):
        slice_spectrum(est, frame, "agee")
    with pytest.raises(ValueError, match=r"got 'incme'; is it 'income'\?"):
        slice_plane(est, frame, ("age", "incme"))
    with pytest.raises(ValueError, match="two different columns"):
        slice_plane(est, frame, ("age", "age"))
    with pytest.raises(ValueError, match="numeric columns; got 'city', which has levels"):
        slice_plane(est, frame, ("age", "city"))
    with pytest.raises(ValueError, match="row below 200, the number of rows; got 200"):
        slice_spectrum(est, frame, "age", row=200)
    with pytest.raises(ValueError, match="at least one row"):
        slice_spectrum(est, frame[:0], "age")
    dense = DensePencil(random_pencil(2, 3).matrices, 1)
    with pytest.raises(ValueError, match="model for slice_plane; got a dense model"):
        slice_plane(dense, [[0.0, 0.0]], ("z0", "z1"))

"""Tables of other libraries, arrays of objects, lists of rows and blanks around names."""

import os
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from spectral_interp import SpectralClassifier, SpectralRegressor, explain, load
from spectral_interp.tables.encoder import TableEncoder
from spectral_interp.tables.frames import as_frame, with_names

if "POLARS" in os.environ:  # a folder that holds polars
    sys.path.append(os.environ["POLARS"])


def _polars(frame):
    polars = pytest.importorskip("polars")
    return polars.DataFrame({name: frame[name].tolist() for name in frame})


class Exporter:
    """A table that exports an Arrow stream, as those of any library may."""

    def __init__(self, frame):
        self.table = pa.Table.from_pandas(frame, preserve_index=False)
        self.columns = self.table.column_names

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


class OnlyToPandas:
    def __init__(self, frame):
        self.frame, self.columns = frame, frame.columns

    def to_pandas(self):
        return self.frame


FORMS = {
    "polars": _polars,
    "pyarrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "record batch": lambda frame: pa.RecordBatch.from_pandas(frame, preserve_index=False),
    "Arrow stream": Exporter,
    "to_pandas": OnlyToPandas,
    "list of dicts": lambda frame: frame.to_dict("records"),
    "list of Series": lambda frame: [frame.loc[i] for i in frame.index],
}
UNNAMED = {
    "objects": lambda frame: frame.to_numpy(dtype=object),
    "lists": lambda frame: frame.to_numpy(dtype=object).tolist(),
}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=60),
            "city": rng.choice(["Oslo", "Rome"], 60),
            "new": rng.random(60) < 0.5,
            "floor": rng.integers(0, 9, 60),
        }
    )
    return frame, (frame["size"] + 2.0 * (frame["city"] == "Rome")).rename("price")


@pytest.fixture(scope="module")
def fitted(table):
    return SpectralRegressor(dim=3, n_epochs=3, random_state=0, form="single").fit(*table)


@pytest.mark.parametrize("form", FORMS)
def test_tables_of_other_libraries(table, fitted, form):
    X, y = table
    other = FORMS[form](X)
    np.testing.assert_array_equal(fitted.predict(other), fitted.predict(X))
    again = SpectralRegressor(dim=3, n_epochs=3, random_state=0, form="single").fit(other, y)
    assert again.encoder_.names == ("size", "city", "new", "floor")
    assert list(again.feature_names_in_) == ["size", "city", "new", "floor"]
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    part = X[:4]
    ours, theirs = (explain(fitted, rows, background=rows) for rows in (part, FORMS[form](part)))
    np.testing.assert_array_equal(ours.values, theirs.values)


@pytest.mark.parametrize("form", UNNAMED)
def test_arrays_and_lists_of_numbers_and_words(table, fitted, form):
    X, y = table
    other = UNNAMED[form](X)
    np.testing.assert_array_equal(fitted.predict(other), fitted.predict(X))
    again = SpectralRegressor(dim=3, n_epochs=3, random_state=0, form="single").fit(other, y)
    assert (again.encoder_.names, again.n_features_in_) == (("x0", "x1", "x2", "x3"), 4)
    np.testing.assert_array_equal(again.predict(other), fitted.predict(X))
    att = explain(fitted, X[:3], background=UNNAMED[form](X[5:9]))
    np.testing.assert_array_equal(att.values, explain(fitted, X[:3], background=X[5:9]).values)
    with pytest.raises(ValueError, match=r"expected 4 columns \(size, city, new, floor\); got 3"):
        fitted.predict(UNNAMED[form](X[["size", "city", "new"]]))


def test_targets_of_other_libraries(table, rng):
    X, y = table
    polars = pytest.importorskip("polars")
    est = SpectralRegressor(dim=3, n_epochs=2, random_state=0, form="single").fit(
        _polars(X), polars.Series(" price ", y.tolist())
    )
    assert est.unit_ == "price"
    labels = rng.choice(["no", "yes"], 60)
    for given in (pa.array(labels), polars.Series("sold", labels, dtype=polars.Categorical)):
        assert SpectralClassifier(dim=3, n_epochs=1, form="single").fit(X, given).classes_.tolist() == [
            "no",
            "yes",
        ]
    assert (
        SpectralClassifier(dim=3, n_epochs=1, form="single")
        .fit(X, polars.Series("sold", labels))
        .target_name_
        == "sold"
    )
    with pytest.raises(ValueError, match=r"got 1 missing in 'price', the first in row 2"):
        est.fit(X[:4], polars.Series("price", [1, 2, None, 4]))


@pytest.mark.parametrize(
    "which", [lambda X: X.iloc[0], lambda X: X["size"], lambda X: X.iloc[0].rename(None)]
)
def test_a_series_is_neither_row_nor_column(table, fitted, which):
    X, y = table
    with pytest.raises(
        ValueError, match=r"got a Series named .*X\.loc\[\[label\]\] or X\.iloc\[\[i\]\].*X\[\[name\]\]"
    ):
        fitted.predict(which(X))
    with pytest.raises(ValueError, match="got a Series"):
        explain(fitted, X[:2], background=which(X))
    with pytest.raises(ValueError, match="got a Series"):
        SpectralRegressor(form="single").fit(which(X), y)


def test_decimals_and_gaps_of_arrow_are_numbers():
    from decimal import Decimal

    table = pa.table({"a": [Decimal("1.5"), None], "b": pa.array([1, None], pa.int64()), "c": [True, None]})
    frame = as_frame(table)
    assert frame.dtypes.map(str).tolist()[:2] == ["float64", "float64"]
    assert frame["c"].tolist() == [True, None]


def test_blanks_around_names(tmp_path):
    """What pandas reads from a file fits a model of the command line, and the reverse."""
    rng = np.random.default_rng(0)
    plain = pd.DataFrame(rng.normal(size=(60, 3)), columns=["x1", "BMI", "two  blanks"])
    blank = plain.set_axis([" x1", " BMI ", "two  blanks\t"], axis=1)
    y = plain["BMI"].rename(" y ")
    options = {"dim": 2, "n_epochs": 2, "random_state": 0}
    one, two = (SpectralRegressor(**options, form="single").fit(X, y) for X in (plain, blank))
    assert list(two.feature_names_in_) == list(two.encoder_.names) == list(two.background_) == list(plain)
    assert two.target_name_ == "y"
    for est in (one, two):
        np.testing.assert_array_equal(est.predict(blank), one.predict(plain))
    two.save(tmp_path / "m.pt", heldout=(blank[:5], y[:5]))
    np.testing.assert_array_equal(load(tmp_path / "m.pt").predict(blank), one.predict(plain))
    with pytest.raises(
        ValueError, match="columns ' x1', 'x1' have the same name except for blanks around it"
    ):
        one.predict(blank.assign(x1=1.0))
    with pytest.raises(ValueError, match="columns 'a', 'a ' have the same name"):
        SpectralRegressor(form="single").fit(
            pd.DataFrame([[1.0, 2.0]] * 9, columns=["a", "a "]), np.arange(9)
        )
    one.set_params(log=[" BMI"], drop=["x1 "]).fit(blank.abs() + 1, y)
    assert [(axis.name, axis.log) for axis in one.encoder_.axes] == [("BMI", True), ("two  blanks", False)]


def test_a_model_that_knows_names_with_blanks_keeps_them():
    """Files of earlier versions have such names."""
    encoder = TableEncoder.fit(pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 3.0]}))
    state = [{**entry, "name": entry["name"] + " "} for entry in encoder.state()]
    old = TableEncoder.from_state(state)
    for names in (["a", "b"], ["a ", "b "], [" b", "a"]):
        frame = pd.DataFrame([[1.0, 1.0]], columns=names)
        np.testing.assert_array_equal(
            old.encode(frame), encoder.encode(pd.DataFrame({"a": [1.0], "b": [1.0]}))
        )
    both = TableEncoder.from_state([state[0], encoder.state()[0]])
    assert list(with_names(pd.DataFrame([[1.0, 2.0]], columns=["a", "a "]), both.names)) == ["a", "a "]

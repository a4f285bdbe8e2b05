"""Numbers or labels: how a target is told apart, checked and encoded."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from spectral_interp import SpectralClassifier, SpectralRegressor
from spectral_interp.tables.reading import split_target
from spectral_interp.tables.targets import class_codes, holds_numbers, strata, target_numbers


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 2.0, 3.0], True),
        (["1", "2.5", "-3"], True),
        ([Decimal(1), Decimal(2), Decimal(3)], True),
        ([0.5, 1.5, 0.5], True),
        (["0.5", "1", "1"], True),
        (["1", "inf"], False),
        ([1, 2, 1], False),
        ([1.0, 2.0, 1.0], False),
        (["1", "2", "1"], False),
        (["a", "b", "c"], False),
        ([True, False], False),
        (pd.Series([1, 2, 3], dtype="category"), False),
    ],
)
def test_more_than_two_numbers_are_numbers(values, expected):
    assert holds_numbers(pd.Series(values)) is expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([7, 7, 7], r"at least two different values in 'y'; got 1: 7; name another column"),
        (["1"] * 30 + ["one"], "expected numbers in column 'y'; got 'one' in row 30; write every number"),
        (["1,5", "2,5", "3,5"], "expected numbers in column 'y'; got '1,5' in row 0; write every number"),
        (["2024-01-03", "2024-01-04"], "in column 'y'; got '2024-01-03' in row 0; turn dates and times into"),
    ],
)
def test_targets_of_neither_kind(values, message):
    with pytest.raises(ValueError, match=message):
        holds_numbers(pd.Series(values, name="y"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, np.inf, 2.0], r"without infinite values in t\.csv; got 1 in 'y', the first in row 1"),
        ([datetime.date(2024, 1, 3)] * 3, "in the target 'y'; got '2024-01-03' in row 0. Turn dates"),
        ([[1], [2], [3]], r"in column 'y'; got \[1\] in row 0; turn list values"),
    ],
)
def test_columns_that_are_no_target(values, message):
    with pytest.raises(ValueError, match=message):
        split_target(pd.DataFrame({"a": 1.0, "y": values}), "y", "t.csv")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["1", "x"], "expected numbers in the target 'y'; got 'x' in row 1; correct it; labels need"),
        ([1.0, np.inf], "finite targets in 'y'"),
        ([1.0, -1e300], r"at most 1e\+100 in 'y'; got one of size 1e\+300; change their unit"),
        ([10**400], "within ±1.8e308 in column 'y'"),
    ],
)
def test_numbers_that_are_no_target(values, message):
    with pytest.raises(ValueError, match=message):
        target_numbers(values, "y")


@pytest.mark.parametrize("unit", [1e-95, 1.0, 1e95])
def test_targets_of_any_usual_size_are_learnt(rng, unit):
    x = pd.DataFrame({"a": rng.normal(size=60)})
    y = unit * x["a"].to_numpy()
    assert SpectralRegressor(dim=3, alpha=1.0, random_state=0, form="single").fit(x, y).score(x, y) > 0.9


def test_targets_that_hardly_vary_are_refused(rng):
    x = pd.DataFrame({"a": rng.normal(size=60)})
    with pytest.raises(
        ValueError, match=r"vary by at least 1e-100 in 'target'; got .*e-300; change their unit"
    ):
        SpectralRegressor(dim=3, n_epochs=2, form="single").fit(x, x["a"].to_numpy() * 1e-300)


@pytest.mark.parametrize(
    ("classes", "values"),
    [
        ([0, 1], [1, 0, 1]),
        ([0, 1], [1.0, 0.0, 1.0]),
        ([0, 1], [True, False, True]),
        ([0, 1], ["1", "0", "1"]),
        ([False, True], ["True", "False", "True"]),
        (["0", "1"], [1.0, 0.0, 1.0]),
        (["no", "yes"], pd.Series(["yes", "no", "yes"], dtype="category")),
    ],
)
def test_labels_are_recognised_by_value_or_as_text(classes, values):
    np.testing.assert_array_equal(class_codes(values, classes, "y"), [1.0, 0.0, 1.0])


def test_unknown_labels_are_shown():
    with pytest.raises(ValueError, match=r"labels 'a', 'b' in 'y'; got 'c', nan; correct them or leave"):
        class_codes(["a", "c", np.nan], ["a", "b"], "y")


def test_metrics_take_targets_in_every_form(classifier, breast_cancer):
    X, y = breast_cancer
    expected = classifier.evaluate(X, y)
    assert classifier.evaluate(X, y.astype("category")) == expected
    codes = SpectralClassifier(dim=3, n_epochs=2, random_state=0, form="single").fit(
        X, (y == "malignant").astype(int)
    )
    assert codes.evaluate(
        X, (y == "malignant").astype(str).map({"True": "1", "False": "0"})
    ) == codes.evaluate(X, y == "malignant")


def test_a_class_of_one_row_cannot_be_held_out():
    assert strata(pd.Series(["a", "a", "b", "b"]), "t.csv").tolist() == ["a", "a", "b", "b"]
    assert strata(pd.Series(["a", "b", "c"] * 2), "t.csv").tolist() == ["a", "b", "c"] * 2
    with pytest.raises(ValueError, match=r"2 rows of every class of 'y' in t\.csv; got 1 of 'c'; add rows"):
        strata(pd.Series(["a", "a", "b", "b", "c"], name="y"), "t.csv")
    assert strata(pd.Series([0.5, 0.5, 1.0]), "t.csv") is None
    unused = pd.Series(pd.Categorical(["a", "a", "b", "b"], categories=["a", "b", "c"]))
    assert strata(unused, "t.csv").tolist() == ["a", "a", "b", "b"]
    with pytest.raises(ValueError, match=r"2 rows of both classes of 'y' in t\.csv; got 1 of 'b'; add rows"):
        strata(pd.Series(["a", "a", "b"], name="y"), "t.csv")


DAYS = pd.Series(pd.date_range("2024-01-01", periods=40))


@pytest.mark.parametrize(
    ("y", "advice"),
    [
        (DAYS.astype("datetime64[us]"), "Turn dates"),
        (DAYS.astype("datetime64[s]").to_numpy(), "Turn dates"),
        (DAYS.dt.tz_localize("Europe/Oslo"), "Turn dates"),
        (DAYS - DAYS[0], "Turn dates"),
        (DAYS.dt.to_period("D"), "Turn dates"),
        (DAYS.dt.date, "Turn dates"),
        (DAYS.dt.to_pydatetime().tolist(), "Turn dates"),
        (DAYS.astype("category"), "Turn dates"),
        (DAYS.dt.strftime("%Y-%m-%d"), "Turn dates"),
        (DAYS.dt.strftime("%d.%m.%Y 12:00").tolist(), "Turn dates"),
        (pa.array(DAYS), "Turn dates"),
        (pd.Series(range(40)) + 1j, "Complex data not supported: predict the real part"),
        ([complex(i, 1) for i in range(40)], "Complex data not supported"),
        (pd.Series([complex(i, 1) for i in range(40)], dtype=object), "Complex data not supported"),
    ],
)
@pytest.mark.parametrize("estimator", [SpectralRegressor, SpectralClassifier])
def test_dates_and_complex_numbers_are_no_targets_anywhere(y, advice, estimator):
    X = pd.DataFrame({"a": np.arange(40.0) % 13})
    for table in (X, X.to_numpy()):
        with pytest.raises(ValueError, match=rf"the target '.*'; got .* in row 0\. {advice}"):
            estimator(dim=3, n_epochs=1, form="single").fit(table, y)
    with pytest.raises(ValueError, match=advice):
        target_numbers(y, "y")
    if isinstance(y, pd.Series):
        with pytest.raises(ValueError, match=advice):
            split_target(X.assign(y=y), "y", "t")

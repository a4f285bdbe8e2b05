"""Columns of every type become features; columns that cannot are refused."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from spectral_interp.tables.encoder import TableEncoder
from spectral_interp.tables.levels import FEW_LEVELS
from tests.tables.one_column import encode, fit


def test_log():
    x = np.array([1.0, 10.0, 1000.0])
    encoder = fit(x, log=("a",))
    expected = (np.log(x) - np.log(x).mean()) / np.log(x).std()
    np.testing.assert_allclose(encode(encoder, x)[:, 0], expected, rtol=1e-14)
    with pytest.raises(ValueError, match=r"positive numbers for log in column 'a'; got 0\.0 in row 1"):
        encode(encoder, [1.0, 0.0])


@pytest.mark.parametrize("log", [(), ("a",)])
def test_gaps_take_the_median_and_an_indicator(log):
    encoder = fit([1.0, 2.0, 6.0, np.nan], log=log)
    column = encoder.axes[0]
    assert (column.median, column.missing) == (2.0, 0.25)
    assert encoder.feature_names == ("a", "a missing")
    assert encoder.axes[0].n_features == 2
    z = encode(encoder, [2.0, np.nan])
    assert z[0, 0] == z[1, 0]
    np.testing.assert_array_equal(z[:, 1], [-0.25, 0.75])
    training = encode(encoder, [1.0, 2.0, 6.0, np.nan])
    np.testing.assert_allclose(training[:3, 0].mean(), 0, atol=1e-15)
    np.testing.assert_allclose(training[:, 1].mean(), 0, atol=1e-15)


def test_a_gap_that_training_did_not_have():
    frame = pd.DataFrame({"a": [1.0, np.nan]}, index=["first", "second"])
    encoder = fit([1.0, 2.0])
    with pytest.warns(UserWarning, match="'a' has 1 missing value, the first in row second, but had none"):
        z = encoder.encode(frame)
    np.testing.assert_array_equal(z, [[-1.0], [0.0]])
    logged = TableEncoder.fit(pd.DataFrame({"a": [1.0, np.e**2]}), log=("a",))
    with pytest.warns(UserWarning, match="they count as average"):
        np.testing.assert_array_equal(logged.encode(frame), [[-1.0], [0.0]])


def test_a_constant_with_gaps_keeps_what_the_gaps_say():
    encoder = fit([1.0, np.nan, 1.0, np.nan])
    assert encoder.feature_names == ("a = 1", "a = missing")
    np.testing.assert_array_equal(encode(encoder, [np.nan, 1]), [[-0.5, 0.5], [0.5, -0.5]])


@pytest.mark.parametrize(
    "values",
    [
        ["x", "y", "x"],
        pd.Series(["x", "y", "x"], dtype="category"),
        pd.Series(["x", "y", "x"], dtype="string"),
        pd.Series(["x", "y", "x"], dtype="string[pyarrow]"),
        pd.Series(["x", "y", "x"], dtype=object),
    ],
)
def test_levels_are_centred_indicators(values):
    encoder = fit(values)
    assert encoder.feature_names == ("a = x", "a = y")
    third = 1 / 3
    np.testing.assert_allclose(encode(encoder, values), [[third, -third], [-2 / 3, 2 / 3], [third, -third]])


@pytest.mark.parametrize(
    "values",
    [
        [True, False, None],
        pd.Series([True, False, None], dtype="boolean"),
        pd.Series([True, False, None], dtype="bool[pyarrow]"),
    ],
)
def test_booleans_are_levels(values):
    encoder = fit(values)
    assert encoder.feature_names == ("a = False", "a = True", "a = missing")
    np.testing.assert_array_equal(encode(encoder, values), encode(encoder, ["True", "False", None]))


def test_categories_that_are_numbers_survive_a_gap():
    encoder = fit(pd.Series([1, 2, 2, None], dtype="category"))
    assert encoder.feature_names == ("a = 2", "a = 1", "a = missing")
    np.testing.assert_array_equal(encode(encoder, [1, 2]), encode(encoder, ["1", "2"]))
    np.testing.assert_array_equal(encode(encoder, [1.0, np.nan]), encode(encoder, ["1", None]))


def test_rare_unseen_and_missing_levels():
    values = ["x"] * 100 + ["y"] * 90 + ["p"] * 4 + ["q"] * 5 + [None]
    encoder = fit(values)
    assert encoder.feature_names == ("a = x", "a = y", "a = q", "a = other", "a = missing")
    np.testing.assert_allclose(encode(encoder, values).mean(axis=0), 0, atol=1e-15)
    np.testing.assert_array_equal(encode(encoder, ["p"]), encode(encoder, ["never seen"]))
    assert encode(encoder, ["p"])[0].argmax() == 3
    assert encode(encoder, [None])[0].argmax() == 4
    without_gaps = fit(values[:-1])
    np.testing.assert_array_equal(encode(without_gaps, [None]), encode(without_gaps, ["p"]))


def test_an_unseen_value_is_the_average_row_where_nothing_was_rare():
    np.testing.assert_array_equal(encode(fit(["x", "y"]), ["z", None]), np.zeros((2, 2)))


def test_texts_that_are_called_like_the_special_levels():
    encoder = fit(["other"] * 50 + ["x"] * 50 + ["missing"] * 50 + ["rare"] + [None])
    assert encoder.feature_names == ("a = x", "a = other", "a = missing")
    np.testing.assert_array_equal(encode(encoder, ["other", None]), encode(encoder, ["rare", "missing"]))


def test_row_order_does_not_change_the_levels():
    values = ["b", "a", "c", "a", "b", "c"]
    assert fit(values) == fit(values[::-1])
    assert fit(values).axes[0].levels == ("a", "b", "c")


def test_an_id_column_does_not_explode():
    with pytest.warns(UserWarning, match="every value is rare.*'id' \\(300 values in 300 rows, such as"):
        encoder = TableEncoder.fit(pd.DataFrame({"id": [f"u{i}" for i in range(300)], "x": np.arange(300.0)}))
    assert encoder.names == ("x",)
    values = [f"u{i % 60}" for i in range(480)] + ["u59"] * 9
    with pytest.warns(
        UserWarning, match=r"more levels than the rows can support.*'a' \(10 of 60 values, 16 %"
    ):
        encoder = fit(values)
    assert encoder.axes[0].n_features == FEW_LEVELS + 1
    assert encoder.axes[0].levels[0] == "u59"
    assert encoder.axes[0].levels[-1] == "other"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, np.nan, np.inf], "finite numbers of at most .* in column 'a'; got inf in row 2"),
        (["1", "-inf", "2"], "finite numbers of at most .* in column 'a'; got '-inf' in row 1"),
        (["1"] * 30 + ["one"], "expected numbers in column 'a'; got 'one' in row 30; write every number of"),
        (["1,5", "2,5", "1"], "expected numbers in column 'a'; got '1,5' in row 0"),
        (["$1,200.50", "$3"], r"expected numbers in column 'a'; got '\$1,200\.50'"),
        ([[1], [2]], r"numbers, text or booleans in column 'a'; got \[1\] in row 0; turn list values"),
        ([np.arange(2), np.arange(2)], r"got \[0, 1\] in row 0; turn list values"),
        ([1.0, {"b": 2}], "got {'b': 2} in row 1; turn dict values"),
        (pd.to_timedelta([1, 2], unit="D"), "got Timedelta.* in row 0; turn dates and times into"),
        (np.array([1j, 2.0]), "got 1j in row 0; split complex numbers"),
        ([10**400, 1], "numbers within .* in column 'a'"),
        ([b"x", b"y"], "got b'x' in row 0; turn bytes values"),
        ([], "a table with rows; got 0 rows"),
    ],
)
def test_bad_columns(values, message):
    with pytest.raises(ValueError, match=message):
        fit(values)


def test_long_values_are_cut_in_messages():
    with pytest.raises(ValueError, match=r"got \[0, 1, .*\.\.\. in row 0") as error:
        fit([list(range(1000)), 1])
    assert len(str(error.value)) < 250


@pytest.mark.parametrize(
    "values",
    [
        ["1", "2.5", None],
        ["1", 2.5, " "],
        [Decimal(1), Decimal("2.5"), None],
        pd.Series(["1", "2.5", None], dtype="string[pyarrow]"),
        pd.Series([1.0, 2.5, None], dtype="Float64"),
        pd.Series([1.0, 2.5, None], dtype="double[pyarrow]"),
        pd.Series([1.0, 2.5, None], dtype="float32"),
        pd.Series(pd.arrays.SparseArray([1.0, 2.5, np.nan])),
    ],
)
def test_every_dtype_of_numbers(values):
    expected = fit([1.0, 2.5, np.nan])
    assert fit(values) == expected
    np.testing.assert_array_equal(encode(expected, values), encode(expected, [1.0, 2.5, np.nan]))


@pytest.mark.parametrize("dtype", ["Int64", "int64[pyarrow]", "UInt8"])
def test_nullable_integers(dtype):
    assert fit(pd.Series([1, 3, None], dtype=dtype)) == fit([1.0, 3.0, np.nan])


def test_a_rare_constant_with_gaps_is_a_level():
    encoder = fit([5.0] + [np.nan] * 39)
    assert encoder.feature_names == ("a = other", "a = missing")
    np.testing.assert_allclose(encode(encoder, [5.0, np.nan]), [[0.975, -0.975], [-0.025, 0.025]])


def test_text_and_numbers_mixed_are_levels():
    assert fit(["x", 1, 2.0, "x"]).feature_names == ("a = x", "a = 1", "a = 2")


@pytest.mark.parametrize("values", [[1e300, -1e300, 3e299], [9e299, -9e299, 0], [1e-290, 2e-290, 5e-290]])
def test_numbers_of_any_size_do_not_overflow(values):
    x = np.array(values)
    exact = x / np.abs(x).max()
    expected = (exact - exact.mean()) / exact.std()
    np.testing.assert_allclose(encode(fit(x), x)[:, 0], expected, rtol=1e-12)
    gaps = fit([*values, None])
    assert gaps.axes[0].median == np.median(exact) * np.abs(x).max()


@pytest.mark.parametrize(
    ("trained", "given"), [([1e-290, 2e-290], 1e50), ([1.0, 2.0], 1e101), ([1.0, 2.0], -1e300)]
)
def test_numbers_too_far_from_training_are_refused(trained, given):
    expected = (
        r"within 1e\+100 standard deviations of the training mean .* in column 'a'; got .* in row 1; corr"
    )
    with pytest.raises(ValueError, match=expected):
        encode(fit(trained), [trained[1], given])


def test_numbers_without_room_for_differences_are_refused():
    with pytest.raises(
        ValueError, match=r"at most 1e\+300 in column 'a'; got 1\.7e\+308 in row 0; correct it"
    ):
        fit([1.7e308, -1.7e308])


def test_unit_scale_is_the_change_per_unit():
    encoder = fit([1.0, 4.0, 9.0])
    z = encode(encoder, [5.0, 6.0])[:, 0]
    assert encoder.axes[0].directions().per_own == pytest.approx(z[1] - z[0])


def test_commas_in_numbers_may_be_decimal_marks():
    with pytest.raises(ValueError, match=r"got '1,5' in row 0.*with --decimal ,"):
        fit(["1,5", "-0,25", "12,0"] * 5)
    with pytest.raises(ValueError, match=r"got '\$1,200'") as refused:
        fit(["$1,200", "3", "4"] * 5)
    assert "--decimal" not in str(refused.value)

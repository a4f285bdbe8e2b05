"""Values are read by what they mean, and what the model does not know is said."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge

from spectral_interp import SpectralRegressor, load
from spectral_interp._common.messages import MOST_WARNINGS
from spectral_interp.tables.encoder import TableEncoder
from spectral_interp.tables.levels import most_levels
from spectral_interp.view import LevelsAxis, NumberAxis
from tests.tables.one_column import encode, fit

AGES = np.random.default_rng(0).integers(18, 80, 200)
LAB = np.random.default_rng(0).gamma(2, 1, 300).round(2)
FLAG = np.arange(40) % 3 == 0


def said(call):
    """Return what a call returns, and the warnings that it gives."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = call()
    return found, [str(warning.message) for warning in caught]


def replaced(values, places, text):
    return [text if place else str(value) for value, place in zip(values, places, strict=True)]


@pytest.mark.parametrize(
    "mark", ["?", "-", "na", "NA", "n/a", "Unknown", " none ", "ND", "not available", "."]
)
@pytest.mark.parametrize("share", [0.03, 0.3, 0.9])
def test_numbers_with_placeholders_are_numbers_with_gaps(mark, share):
    hit = np.arange(200) % 100 < 100 * share
    values = replaced(AGES, hit, mark)
    encoder, notes = said(lambda: fit(values))
    blank = fit(replaced(AGES, hit, ""))
    assert isinstance(encoder.axes[0], NumberAxis)
    assert len(notes) == 1
    assert f"{mark.strip()!r} in {hit.sum()} rows" in notes[0]
    z, notes = said(lambda: encode(encoder, values))
    assert not notes
    np.testing.assert_array_equal(z, encode(blank, replaced(AGES, hit, "")))


@pytest.mark.parametrize(
    ("values", "row", "text"),
    [
        (replaced(LAB, LAB < 0.5, "<0.5"), int((LAB < 0.5).argmax()), "<0.5"),
        (replaced(LAB, LAB < 2.5, "< 2.5"), int((LAB < 2.5).argmax()), "< 2.5"),
        (replaced(LAB, LAB > 4, ">4"), int((LAB > 4).argmax()), ">4"),
        (replaced(LAB.round().astype(int), LAB > 3.5, "4+"), int((LAB > 3.5).argmax()), "4+"),
        ([f"{x} kg" for x in range(30)] * 9, 0, "0 kg"),
        (replaced(AGES, np.arange(200) == 7, "abut 30"), 7, "abut 30"),
        (replaced(AGES, np.arange(200) % 5 == 1, "young"), 1, "young"),
        (replaced(AGES, np.arange(200) % 2 == 1, "$1,200.50"), 1, "$1,200.50"),
    ],
)
def test_numbers_that_hide_in_text_are_refused_with_advice(values, row, text):
    with pytest.raises(ValueError, match="expected numbers in column 'a'") as error:
        fit(values)
    for part in (
        f"got {text!r} in row {row};",
        "categorical",
        "na_values",
        f"{text!r} in {values.count(text)}",
    ):
        assert part in str(error.value)
    assert isinstance(fit(values, categorical=["a"]).axes[0], LevelsAxis)


def test_texts_that_the_user_calls_missing_are_gaps():
    values = replaced(LAB, LAB < 0.5, "<0.5")
    encoder = fit(values, na_values=["<0.5"])
    blank = fit(replaced(LAB, LAB < 0.5, ""))
    np.testing.assert_array_equal(encode(encoder, values), encode(blank, replaced(LAB, LAB < 0.5, "")))
    codes = [-999.0, 1.0, 2.0, 4.0]
    for given in (codes, [-999, 1, 2, 4], ["-999", "1", "2", "4"]):
        np.testing.assert_array_equal(
            encode(fit(codes, na_values=["-999"]), given), encode(fit([np.nan, 1, 2, 4]), [None, 1, 2, 4])
        )
    words = fit(["x", "y", "no idea"] * 9, na_values=["", "no idea"])
    blank = fit(pd.Categorical(["x", "y", " "] * 9))
    assert blank.axes[0].levels == words.axes[0].levels
    assert words.axes[0].gaps == ("no idea",)
    assert words.axes[0].levels == ("x", "y", "missing")
    assert TableEncoder.from_state(words.state()) == words


@pytest.mark.parametrize(
    "values",
    [
        ["1st", "2nd", "3rd"] * 20,
        ["<5", "5-10", ">10"] * 20,
        ["10 years", "20 years", "< 1 year"] * 20,
        ["yes", "no", "na"] * 20,
        ["s1", "s2", "s3", "s14"] * 20,
        ["unknown", "none"] * 20,
        ["1", "2", "A", "B"] * 20,
    ],
)
def test_levels_that_look_like_numbers_stay_levels(values):
    axis = fit(values).axes[0]
    assert isinstance(axis, LevelsAxis)
    assert set(axis.levels) == set(values)


def test_numbers_and_codes_are_levels_with_a_word():
    values = [str(x) for x in range(100, 140)] * 9 + [f"V{i % 9}" for i in range(90)]
    encoder, notes = said(lambda: fit(values))
    assert isinstance(encoder.axes[0], LevelsAxis)
    assert "360 numbers; other text: 'V0' in 10 rows" in notes[0]
    assert not said(lambda: fit(values, categorical=["a"]))[1]


BOOLEANS = {
    "bool": FLAG,
    "boolean": pd.array(FLAG, dtype="boolean"),
    "object": FLAG.astype(object),
    "category": pd.Categorical(FLAG),
    "int": FLAG.astype(int),
    "float": FLAG.astype(float),
    "Int64": pd.array(FLAG.astype(int), dtype="Int64"),
    "category of int": pd.Categorical(FLAG.astype(int)),
    **{
        f"{yes}/{no}": np.where(FLAG, yes, no).astype(object)
        for yes, no in zip(
            ["True", "true", "t", "YES", "y", "1", "1.0", " true", "on"],
            ["False", "false", "f", "NO", "n", "0", "0.0", " false", "off"],
            strict=True,
        )
    },
}


@pytest.mark.parametrize("trained", BOOLEANS)
def test_booleans_are_the_same_in_every_spelling(trained):
    encoder = fit(BOOLEANS[trained])
    for asked, values in BOOLEANS.items():
        z, notes = said(lambda values=values: encode(encoder, values))
        np.testing.assert_array_equal(z, encode(encoder, BOOLEANS[trained]), err_msg=asked)
        assert not notes, asked


def test_a_boolean_of_which_one_value_is_rare():
    values = [False] * 300 + [True]
    encoder = fit(values)
    for asked in ([0, 1], ["no", "Yes"], [0.0, 1.0]):
        z, notes = said(lambda asked=asked: encode(encoder, asked))
        np.testing.assert_array_equal(z, encode(encoder, [False, True]))
        assert not notes
    with pytest.raises(ValueError, match="got 2 in row 1"):
        encode(encoder, [0, 2])


@pytest.mark.parametrize("levels", [["x", "y"], ["1", "2"], ["y", "f"], ["m", "f"]])
def test_other_pairs_are_no_booleans(levels):
    encoder = fit(levels * 9, categorical=["a"])
    _, notes = said(lambda: encode(encoder, ["true", "True"]))
    assert "'True' in 1 row, 'true' in 1 row" in notes[0]


def test_spellings_of_training_values_are_one_level():
    encoder, notes = said(lambda: fit(["1", "01", "1.0", "x ", "x", "2"] * 9 + [1.0], categorical=["a"]))
    assert encoder.axes[0].levels == ("1", "x", "2")
    assert "'01' as '1' in 9 rows, '1.0' as '1' in 9 rows" in notes[0]
    np.testing.assert_allclose(
        encode(encoder, ["1", "01", 1.0, 1, " 1"]), np.tile(encode(encoder, ["1"]), (5, 1))
    )
    encoder, notes = said(lambda: fit(["Yes", "yes", "no", " no"] * 9 + ["Yes"]))
    assert encoder.axes[0].levels == ("Yes", "no") or encoder.axes[0].levels == ("no", "Yes")
    assert "'yes' as 'Yes' in 9 rows" in notes[0]


def test_big_whole_numbers_stay_different_levels():
    ids = ["12345678901234567890", "12345678901234567891"]
    assert fit(ids * 9, categorical=["a"]).axes[0].levels == tuple(ids)


def test_other_capitals_are_the_level_that_only_they_differ_from():
    encoder = fit(["Oslo", "Rome"] * 9)
    z, notes = said(lambda: encode(encoder, [" rome", "ROME", "Oslo"]))
    np.testing.assert_array_equal(z, encode(encoder, ["Rome", "Rome", "Oslo"]))
    (note,) = notes
    assert "with other capitals than in training in 2 rows: read 'rome' as 'Rome', 'ROME' as 'Rome'" in note
    both, notes = said(lambda: fit(["a", "A", "b"] * 9))
    assert both.axes[0].levels == ("A", "a", "b")
    assert "kept apart" in notes[0]
    assert "'A' and 'a'" in notes[0]
    rare, notes = said(lambda: fit(["Oslo", "Rome"] * 99 + ["rome"]))
    assert rare.axes[0].levels == ("Rome", "Oslo")
    assert "'rome' as 'Rome' in 1 row" in notes[0]


def test_unknown_levels_are_said_with_counts_and_the_nearest_level():
    encoder = fit(["Bergen", "Oslo"] * 9)
    z, notes = said(lambda: encode(encoder, ["Bregen"] * 3 + ["Rome", "Oslo", None]))
    np.testing.assert_array_equal(z[:4], 0)
    missing, unknown = notes
    assert "has 1 missing value, but had none in training; they count as average" in missing
    assert "'Bregen' in 3 rows, 'Rome' in 1 row; they count as average; is 'Bregen' 'Bergen'?" in unknown


def test_rare_levels_are_known_afterwards():
    values = ["x"] * 100 + ["y"] * 90 + ["p"] * 4 + ["r"]
    encoder, notes = said(lambda: fit(values))
    assert "'a' (2 of 4 values, 2.6 % of the rows: such as 'p')" in notes[0]
    assert not said(lambda: encode(encoder, values))[1]
    _, notes = said(lambda: encode(encoder, ["p", "q"]))
    assert "'q' in 1 row; they count as \"other\"" in notes[0]
    assert said(lambda: encode(TableEncoder.from_state(encoder.state()), ["p", "q"]))[1] == notes


def test_numbers_far_outside_training_are_said():
    encoder = fit([18.0, 80.0, 40.0, 50.0])
    assert not said(lambda: encode(encoder, [-40.0, 140.0]))[1]
    _, notes = said(lambda: encode(encoder, [30.0, 143.0, 1e6]))
    assert len(notes) == 1
    assert "2 values far outside the training range 18 to 80, the first 143 in row 1" in notes[0]
    logged = fit([1.0, 10.0, 100.0], log=["a"])
    assert not said(lambda: encode(logged, [0.02, 9000.0]))[1]
    assert said(lambda: encode(logged, [0.005]))[1]
    old = TableEncoder((NumberAxis("a", 50.0, 10.0),))
    assert not said(lambda: encode(old, [149.0]))[1]
    assert "the training mean 50" in said(lambda: encode(old, [151.0]))[1][0]
    assert not said(lambda: encode(TableEncoder((NumberAxis("a"),)), [1e9]))[1]


def test_placeholders_that_training_did_not_have_are_said():
    encoder = fit([1.0, 2.0, np.nan])
    z, notes = said(lambda: encode(encoder, ["1", "?", "NA"]))
    np.testing.assert_array_equal(z, encode(encoder, [1.0, np.nan, np.nan]))
    assert notes == ["column 'a' has text that is read as missing: '?' in 1 row, 'NA' in 1 row"]
    _, notes = said(lambda: encode(fit([1.0, 2.0]), ["1", "?"]))
    assert "has 1 missing value ('?' in 1 row read as missing)" in notes[0]


def test_what_is_said_of_a_wide_table_is_bounded():
    frame = pd.DataFrame({f"c{i}": ["x", "y"] * 3 for i in range(100)})
    encoder = TableEncoder.fit(frame)
    _, notes = said(lambda: encoder.encode(frame.replace("x", "z")))
    assert len(notes) == MOST_WARNINGS + 1
    assert notes[-1].startswith("80 more columns")
    _, notes = said(lambda: TableEncoder.fit(pd.DataFrame({f"c{i}": [*"xxy" * 20, "z"] for i in range(100)})))
    assert len(notes) == 1


def test_levels_are_as_many_as_the_rows_allow(rng):
    n = 1500
    shop, effect = np.arange(n) % 140, rng.normal(size=140)
    X = pd.DataFrame({"shop": [f"s{i}" for i in shop], "x": rng.normal(size=n)})
    y, dummies = effect[shop] + 0.3 * X["x"], pd.get_dummies(X)
    est, notes = said(
        lambda: SpectralRegressor(random_state=0, n_epochs=60, form="single").fit(X[:1400], y[:1400])
    )
    assert not notes
    ridge = Ridge().fit(dummies[:1400], y[:1400]).score(dummies[1400:], y[1400:])
    assert est.score(X[1400:], y[1400:]) > ridge - 0.02
    values = [f"s{i}" for i in rng.integers(0, 90, 600)]
    encoder, notes = said(lambda: fit(values))
    assert len(encoder.axes[0].own) == most_levels(600) == 60
    share = sum(value not in encoder.axes[0].own for value in values) / 600
    assert f"'a' (30 of 90 values, {100 * share:.0f} % of the rows" in notes[0]


def test_identifiers_are_said():
    n = 120
    frame = pd.DataFrame(
        {
            "name": [f"person {i}" for i in range(n)],
            "number": np.random.default_rng(0).permutation(n + 30)[:n],
            "CustomerID": np.random.default_rng(0).choice(10**9, n, replace=False),
            "paid": np.random.default_rng(1).choice(10**9, n, replace=False),
            "x": np.random.default_rng(0).normal(size=n),
        }
    )
    encoder, (left_out, used) = said(lambda: TableEncoder.fit(frame))[0:2]
    assert encoder.names == ("number", "CustomerID", "paid", "x")
    both = left_out + used
    assert "'name' (120 values in 120 rows, such as 'person 0')" in both
    assert "'number'" in both
    assert "'CustomerID'" in both
    assert "'paid'" not in both
    assert not said(lambda: TableEncoder.fit(frame, drop=["name", "number", "CustomerID"]))[1]


def test_drop_categorical_and_na_values_of_an_estimator(tmp_path, rng):
    n = 80
    X = pd.DataFrame(
        {
            "id": [f"u{i}" for i in range(n)],
            "when": pd.date_range("2024-01-01", periods=n),
            "zone": rng.integers(1, 4, n),
            "dose": np.where(np.arange(n) % 5, rng.normal(size=n).round(3).astype(str), "<0.1"),
        }
    )
    options = {"drop": ["id", "when"], "categorical": ["zone"], "na_values": ["<0.1"]}
    est = SpectralRegressor(dim=3, n_epochs=3, random_state=0, **options, form="single")
    assert {name: clone(est).get_params()[name] for name in options} == options
    (_, notes) = said(lambda: est.fit(X, X["zone"] == 2.0))
    assert not notes
    whole, kept = (est.partition(table, X["zone"] == 2.0).table.z for table in (X, X[["zone", "dose"]]))
    np.testing.assert_array_equal(whole, kept)
    assert est.encoder_.feature_names[-2:] == ("dose", "dose missing")
    assert sorted(est.encoder_.axes[0].levels) == ["1", "2", "3"]
    assert list(est.background_) == ["zone", "dose"]
    est.save(tmp_path / "model.pt")
    again = load(tmp_path / "model.pt")
    assert {name: again.get_params()[name] for name in options} == options
    for table in (X, X[["zone", "dose"]]):
        found, notes = said(lambda table=table: again.predict(table))
        np.testing.assert_array_equal(found, est.predict(X))
        assert not notes


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"drop": ["c"]}, ValueError, "drop to name some of the columns 'a', 'b'; got 'c'"),
        ({"categorical": ["c"]}, ValueError, "categorical to name some of the columns 'a', 'b'; got 'c'"),
        ({"drop": "a"}, TypeError, r"drop as a list of column names; got the text 'a'; write \['a'\]"),
        ({"na_values": "?"}, TypeError, "na_values as a list of texts"),
        ({"drop": ["a"], "log": ["a"]}, ValueError, "drop and log to name different columns; got 'a'"),
        ({"log": ["a"], "categorical": ["a"]}, ValueError, "log and categorical to name different columns"),
        ({"drop": ["a", "b"]}, ValueError, "drop to leave a column"),
    ],
)
def test_bad_lists_of_columns(options, error, message):
    with pytest.raises(error, match=message):
        TableEncoder.fit(pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 3.0]}), **options)
    with pytest.raises(error, match=message):
        SpectralRegressor(dim=3, n_epochs=1, **options, form="single").fit(
            pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 3.0]}), [1, 2]
        )

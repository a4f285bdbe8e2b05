"""A table becomes features: order, names, what is dropped, what is kept of it in a file."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_interp.tables.encoder import TableEncoder
from spectral_interp.tables.frames import as_frame
from spectral_interp.tables.reading import split_target
from spectral_interp.view import NumberAxis
from tests.tables.one_column import encode, fit


def test_encoding_standardises_and_reorders(rng):
    frame = pd.DataFrame(rng.normal(3, 5, size=(50, 3)), columns=["a", "b", "c"])
    encoder = TableEncoder.fit(frame)
    z = encoder.encode(frame)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=1e-14)
    np.testing.assert_array_equal(encoder.encode(frame[["c", "a", "b"]]), z)
    pd.testing.assert_frame_equal(encoder.select(frame[["c", "a", "b"]]), frame)
    np.testing.assert_array_equal(TableEncoder.from_state(encoder.state()).encode(frame), z)


@pytest.mark.parametrize(
    ("values", "log", "error", "message"),
    [
        ([1.0, -2.0], ["a"], ValueError, r"positive numbers for log in column 'a'; got -2\.0 in row 1"),
        ([1.0, 2.0], ["b"], ValueError, "log to name some of the columns 'a'; got 'b'"),
        (["x", "y"], ["a"], ValueError, "positive numbers for log in column 'a'; got 'x' in row 0"),
        ([True, False], ["a"], ValueError, "positive numbers for log in column 'a'; got True in row 0"),
        ([1.0, 2.0], "a", TypeError, r"list of column names; got the text 'a'"),
    ],
)
def test_bad_log(values, log, error, message):
    with pytest.raises(error, match=message):
        fit(values, log=log)


def test_constant_and_empty_columns_are_dropped():
    frame = pd.DataFrame({"a": [2.0, 2.0], "b": [1.0, 2.0], "c": ["x", "x"], "d": [None, None]})
    with pytest.warns(UserWarning, match=r"'a' \(always 2\), 'c' \(always 'x'\), 'd' \(no values\)"):
        encoder = TableEncoder.fit(frame)
    assert encoder.names == ("b",)
    assert encoder.table_names == ("a", "b", "c", "d")
    np.testing.assert_array_equal(encoder.encode(frame), [[-1.0], [1.0]])
    np.testing.assert_array_equal(encoder.encode(frame[["b"]]), [[-1.0], [1.0]])
    assert TableEncoder.from_state(encoder.state()) == encoder
    with pytest.raises(ValueError, match=r"a column that varies; got only 'a' \(always 2\), 'c'"):
        TableEncoder.fit(frame[["a", "c"]])
    with pytest.raises(ValueError, match=r"got only 'a' \(always 1e\+17\)"):
        fit([1e17, 1e17 + 1])


def test_names_and_lists_are_cut_in_messages():
    with pytest.raises(ValueError, match=r"in column 'nnn.*nnn\.\.\.; got \[1\] in row 0") as error:
        TableEncoder.fit(pd.DataFrame({"n" * 9999: [[1], [2]]}))
    assert len(str(error.value)) < 250
    wide = pd.DataFrame({f"column {i}": [1.0, 2.0] for i in range(1000)})
    with pytest.raises(
        ValueError, match=r"expected columns 'column 0', 'column 1', .* and 9\d\d more$"
    ) as error:
        TableEncoder.fit(wide).encode(wide.rename(columns={"column 7": "a"}))
    assert len(str(error.value)) < 500


def test_identity_columns():
    x = np.array([[0.1], [1e9], [-3.0]])
    np.testing.assert_array_equal(encode(TableEncoder((NumberAxis("a", 0.0, 1.0),)), x[:, 0]), x)


def test_state_is_plain_and_exact(rng, tmp_path):
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=60),
            "gaps": np.where(np.arange(60) % 7, rng.normal(size=60), np.nan),
            "size": rng.lognormal(size=60),
            "city": rng.choice(["Oslo", "Rome", "Bonn"], 60),
            "constant": 1.0,
        }
    )
    with pytest.warns(UserWarning, match="'constant'"):
        encoder = TableEncoder.fit(frame, log=["size"])
    assert [axis.n_features for axis in encoder.axes] == [1, 2, 1, 3]
    torch.save(encoder.state(), tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert state == encoder.state() == json.loads(json.dumps(state))
    back = TableEncoder.from_state(state)
    assert back == encoder
    np.testing.assert_array_equal(back.encode(frame), encoder.encode(frame))


def test_states_of_the_first_version():
    state = [{"kind": "numeric", "name": "a", "mean": 1.0, "scale": 2.0}]
    np.testing.assert_array_equal(encode(TableEncoder.from_state(state), [5.0]), [[2.0]])
    with pytest.raises(
        ValueError, match="kinds of column numeric, hats, categorical, date, dropped; got 'ordinal' for 'a'"
    ):
        TableEncoder.from_state([{"kind": "ordinal", "name": "a"}])


def test_other_columns_than_fitted():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 3.0]})
    encoder = TableEncoder.fit(frame)
    with pytest.raises(ValueError, match="column 'b' is missing; expected columns 'a', 'b'"):
        encoder.encode(frame[["a"]])
    with pytest.raises(
        ValueError, match="columns 'a', 'b' are missing; column 'c' is not known to the model; drop"
    ):
        encoder.encode(pd.DataFrame({"c": [1.0]}))
    with pytest.raises(ValueError, match="column 'c' is not known to the model; drop or rename"):
        encoder.encode(frame.assign(c=0.0))
    with pytest.raises(ValueError, match="column 'a' appears more than once"):
        encoder.encode(frame[["a", "a", "b"]])


@pytest.mark.parametrize(
    ("trained", "given", "message"),
    [
        ([1.0, 2.0], ["1", "one"], "numbers in column 'a'; got 'one' in row 1; correct it or convert the"),
        ([1.0, 2.0], [True, False], "numbers in column 'a'; got True in row 0; .* convert the bool column"),
        (["x", "y"], [1.0, 2.0], "values such as 'x' in column 'a'; got 1.0 in row 0; convert the float64"),
        ([True, False], [1, 2], "values such as 'False' in column 'a'; got 2 in row 1; convert the int64"),
        (["x", "y"], [[1], [2]], r"got \[1\] in row 0; turn list values"),
    ],
)
def test_retyped_columns(trained, given, message):
    with pytest.raises(ValueError, match=message):
        encode(fit(trained), given)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([1, "1"], "column '1' appears more than once"),
        (["a", "a"], "column 'a' appears more than once"),
        (["a", " "], "an empty name for column 2; name every column"),
        ([("a", "x"), ("a", "y")], "one name per column; got 2 levels"),
    ],
)
def test_bad_names(names, message):
    columns = pd.MultiIndex.from_tuples(names) if isinstance(names[0], tuple) else names
    with pytest.raises(ValueError, match=message):
        TableEncoder.fit(pd.DataFrame([[1.0, 2.0], [3.0, 5.0]], columns=columns))


def test_names_become_text():
    frame = pd.DataFrame([[1.0, 2.0], [3.0, 5.0]], columns=[0, 1])
    encoder = TableEncoder.fit(frame, log=[1])
    assert encoder.names == ("0", "1")
    np.testing.assert_array_equal(encoder.encode(frame), encoder.encode(frame.rename(columns=str)))


def test_split_target_and_arrays():
    frame = pd.DataFrame({"a": [1.0], "y": [2.0]})
    X, y = split_target(frame, "y", "t.csv")
    assert list(X) == ["a"]
    assert y.tolist() == [2.0]
    with pytest.raises(ValueError, match=r"target column 'z' in t\.csv; got columns 'a', 'y'"):
        split_target(frame, "z", "t.csv")
    with pytest.raises(ValueError, match="columns besides the target"):
        split_target(frame[["y"]], "y", "t.csv")
    with pytest.raises(ValueError, match="2D array"):
        as_frame([1.0, 2.0])
    with pytest.raises(ValueError, match=r"expected 2 columns \(a, b\); got 1"):
        as_frame([[1.0]], ("a", "b"))

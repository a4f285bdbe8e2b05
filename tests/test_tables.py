"""Reading and encoding tables, and what bad ones are told."""

import numpy as np
import pandas as pd
import pytest

from spectral_interp.tables import TableEncoder, as_frame, read_table, split_target


def test_bundled_data_sets():
    diabetes = read_table("diabetes")
    assert diabetes.shape == (442, 11)
    assert diabetes["bmi"].mean() == pytest.approx(26.4, abs=0.1)  # raw units
    assert read_table("breast_cancer")["diagnosis"].value_counts().to_dict() == {
        "benign": 357,
        "malignant": 212,
    }
    words = read_table("two_or_five")
    bits = words.drop(columns="two_or_five").sum(axis=1)
    assert len(words.drop_duplicates()) == 4096
    np.testing.assert_array_equal(words["two_or_five"], bits.isin([2, 5]))


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".PQ"])
def test_files_round_trip(tmp_path, suffix):
    frame = pd.DataFrame({"a b": [1.5, 2.0], "é": [3, 4]})
    path = tmp_path / f"table{suffix}"
    if suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    pd.testing.assert_frame_equal(read_table(path), frame)


def test_encoding_standardises_and_reorders(rng):
    frame = pd.DataFrame(rng.normal(3, 5, size=(50, 3)), columns=["a", "b", "c"])
    encoder = TableEncoder.fit(frame)
    z = encoder.encode(frame)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=1e-14)
    np.testing.assert_array_equal(encoder.encode(frame[["c", "a", "b"]]), z)
    np.testing.assert_array_equal(TableEncoder.from_state(encoder.state()).encode(frame), z)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.csv", None, r"absent.csv', which is not a file"),
        ("table.xlsx", "x", "named .csv, .parquet or .pq"),
        ("empty.csv", "", r"readable table in .*empty\.csv"),
        ("header.csv", "a,b\n", "with rows in .*header.csv"),
        ("twice.csv", "a,b,a\n1,2,3\n", "column 'a' appears more than once"),
        ("ragged.csv", "a,b\n1,2\n1,2,3,4\n", "readable table in .*ragged.csv"),
        ("binary.csv", b"\xff\xfe\x00\x00", "readable table in .*binary.csv"),
        ("fake.parquet", "a,b\n1,2\n", "readable table in .*fake.parquet"),
    ],
)
def test_bad_files(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message):
        read_table(path)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": ["x", "1"]}, "numbers in column 'a'; got 'x' in row 0"),
        ({"a": [1.0, np.nan, np.inf]}, r"finite numbers in column 'a'; got nan in row 1 \(2 such rows\)"),
        ({"a": [2.0, 2.0]}, "column 'a' to vary; got a constant, 2"),
        ({"a": [1e17, 1e17 + 1]}, "column 'a' to vary"),
    ],
)
def test_bad_columns(columns, message):
    with pytest.raises(ValueError, match=message):
        TableEncoder.fit(pd.DataFrame(columns))


def test_other_columns_than_fitted():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 3.0]})
    encoder = TableEncoder.fit(frame)
    with pytest.raises(ValueError, match="column 'b' is missing; expected columns a, b"):
        encoder.encode(frame[["a"]])
    with pytest.raises(ValueError, match="column 'c' is not one the model knows"):
        encoder.encode(frame.assign(c=0.0))
    with pytest.raises(ValueError, match="column 'a' appears more than once"):
        encoder.encode(frame[["a", "a", "b"]])


def test_split_target_and_arrays():
    frame = pd.DataFrame({"a": [1.0], "y": [2.0]})
    X, y = split_target(frame, "y", "t.csv")
    assert list(X) == ["a"]
    assert y.tolist() == [2.0]
    with pytest.raises(ValueError, match=r"target column 'z' in t\.csv; got columns a, y"):
        split_target(frame, "z", "t.csv")
    with pytest.raises(ValueError, match="columns besides the target"):
        split_target(frame[["y"]], "y", "t.csv")
    with pytest.raises(ValueError, match="2D array"):
        as_frame([1.0, 2.0])
    with pytest.raises(ValueError, match=r"expected 2 columns \(a, b\); got 1"):
        as_frame([[1.0]], ("a", "b"))

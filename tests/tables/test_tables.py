"""Reading and encoding tables, and what bad ones are told."""

import datetime
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from spectral_interp.tables import readers
from spectral_interp.tables.columns import MAX_LEVELS, NumericColumn
from spectral_interp.tables.encoder import TableEncoder, as_frame
from spectral_interp.tables.reading import read_table, split_target


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
    pd.testing.assert_frame_equal(encoder.select(frame[["c", "a", "b"]]), frame)
    np.testing.assert_array_equal(TableEncoder.from_state(encoder.state()).encode(frame), z)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.csv", None, r"absent.csv', which is not a file"),
        ("table.xlsx", "x", "named .csv, .parquet or .pq"),
        ("empty.csv", "", r"readable table in .*empty\.csv; got: an empty file"),
        ("header.csv", "a,b\n", "with rows in .*header.csv"),
        ("twice.csv", "a,b,a\n1,2,3\n", "column 'a' appears more than once"),
        ("nameless.csv", "a,,b\n1,2,3\n", "nameless.csv; got: an empty name for column 2"),
        ("blank.csv", "\ufeff\n \n", r"readable table in .*blank\.csv; got: an empty file"),
        ("quotes.csv", '""\n', r"readable table in .*quotes\.csv; got: an empty file"),
        (
            "after.csv",
            'a,b\n\n"x\ny",2\n3,4\n5,6,7\n',
            "after.csv; got: 3 fields in line 6 where the first line has 2",
        ),
        (
            "both.csv",
            b"a,b\n1,2,3\n" + b"1,2\n" * 40000 + b"\xe9,2\n",
            "both.csv; got: byte 0xe9",
        ),
        (
            "ragged.csv",
            "a,b\n1,2\n1,2,3,4\n",
            "ragged.csv; got: 4 fields in line 3 where the first line has 2",
        ),
        (
            "comment.csv",
            "# mine\na,b\n1,2\n",
            "comment.csv; got: 2 fields in line 2 where the first line has 1; take lines",
        ),
        (
            "longrows.csv",
            "a,b\n1,2,3\n4,5,6\n",
            "longrows.csv; got: 3 fields in line 2 where the first line has 2",
        ),
        (
            "trailing.csv",
            "a,b\n1,2,\n4,5,\n",
            "trailing.csv; got: 3 fields in line 2 where the first line has 2",
        ),
        (
            "open.csv",
            'a,b\n1,2\n"1,2\n',
            r'open.csv; got: a quote \("\) before or in line 3 that is never closed',
        ),
        (
            "long.csv",
            'a,b\n1,"2\n' + "3,4\n" * 50_000,
            r'long.csv; got: a quote \("\) before or in line \d+ that',
        ),
        ("binary.csv", b"\xff\xfe\x00\x00", "readable table in .*binary.csv; got: bytes that are no UTF-8"),
        ("utf16.csv", "a,b\n1,2\n".encode("utf-16-le"), "utf16.csv; got: bytes that are no UTF-8 text"),
        ("nul.csv", b"a,b\n" + b"1,2\n" * 40000 + b"\0,2\n", "nul.csv; got: bytes that are no UTF-8 text"),
        ("cut.csv", "a,b\n1,é".encode()[:-1], "cut.csv; got: byte 0xc3, which is not UTF-8"),
        ("latin.csv", "é,b\n1,2\n".encode("latin-1"), "latin.csv; got: byte 0xe9, which is not UTF-8"),
        ("late.csv", b"a,b\n" + b"1,2\n" * 40000 + b"\xe9,2\n", "late.csv; got: byte 0xe9"),
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
    "content",
    [
        "\ufeffa,b\n1,x\n2,y\n",
        "a;b\n1;x\n2;y\n",
        "a\tb\n1\tx\n2\ty\n",
        "a, b\n1, x\n2, y\n",
        ",a,b\n7,1,x\n9,2,y\n",
        "Unnamed: 0,a,b\n7,1,x\n9,2,y\n",
        "a|b\n1|x\n2|y\n",
        '\ufeff"a","b"\r\n"1","x"\r\n"2","y"\r\n',
        "a,b\r1,x\r2,y\r",
        "\n \na,b\n\n1,x\n\n2,y",
    ],
)
def test_kinds_of_csv(tmp_path, content):
    path = tmp_path / "table.csv"
    path.write_text(content, encoding="utf-8")
    frame = read_table(path)
    assert frame.to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    assert frame.index.tolist() == ([7, 9] if "7" in content else [0, 1])


def test_a_character_across_two_reads_is_utf8(tmp_path):
    text = "a\n" + "x" * (2**16 - 3) + "é\n"
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    assert read_table(tmp_path / "t.csv")["a"][0].endswith("xé")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("weight, kg;b\n1;2\n", {"weight, kg": [1], "b": [2]}),
        ("a\tb, c\td, e\n1\t2\t3\n", {"a": [1], "b, c": [2], "d, e": [3]}),
        ("a;b;c, d\n1;2;3,5\n", {"a": [1], "b": [2], "c, d": ["3,5"]}),
        ("a,note\n1,x; y; z\n", {"a": [1], "note": ["x; y; z"]}),
        ('"a;b;c",d\n"1;2;3",4\n', {"a;b;c": ["1;2;3"], "d": [4]}),
        ('a,b\n"x\ny",2\n', {"a": ["x\ny"], "b": [2]}),
        ("a|b\n", None),
    ],
)
def test_the_separator_is_what_splits_names_and_rows_alike(tmp_path, content, expected):
    (tmp_path / "t.csv").write_text(content)
    if expected is None:
        with pytest.raises(ValueError, match="got 0 rows"):
            read_table(tmp_path / "t.csv")
    else:
        assert read_table(tmp_path / "t.csv").to_dict("list") == expected


def test_short_lines_leave_gaps_and_a_warning(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n\n3\n4,\n5\n")
    with pytest.warns(UserWarning, match=r"line 4 and 1 more of .*t\.csv: fewer fields than in the first"):
        frame = read_table(tmp_path / "t.csv")
    pd.testing.assert_frame_equal(frame, pd.DataFrame({"a": [1, 3, 4, 5], "b": [2, np.nan, np.nan, np.nan]}))


def test_a_column_without_a_comma_is_one_column(tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n2\n")
    assert read_table(tmp_path / "t.csv").to_dict("list") == {"a": [1, 2]}


def test_long_text_needs_no_quotes(tmp_path):
    (tmp_path / "t.csv").write_text(f"a,b\n1,{'x' * 200_000}\n")
    assert read_table(tmp_path / "t.csv")["b"].str.len().tolist() == [200_000]


def test_a_file_too_large_is_not_read(tmp_path):
    with (tmp_path / "big.csv").open("wb") as file:
        file.truncate(40 * 2**30)
    with pytest.raises(ValueError, match=r"big\.csv; got: 40 GiB, more than 2 GiB; write a sample"):
        read_table(tmp_path / "big.csv")


def test_a_compressed_table_too_large_is_not_read(tmp_path, monkeypatch):
    pd.DataFrame({"a": np.zeros(10_000), "b": 1.0}).to_parquet(tmp_path / "t.parquet")
    monkeypatch.setattr(readers, "MAX_TABLE_BYTES", 100_000)
    assert (tmp_path / "t.parquet").stat().st_size < 100_000
    with pytest.raises(ValueError, match=r"t\.parquet; got: 0\.000149 GiB, more than 9\.31e-05 GiB; write a"):
        read_table(tmp_path / "t.parquet")


def test_odd_parquet_files(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), path)
    with pytest.raises(ValueError, match=r"t\.parquet; got: column 'a' appears more than once; rename one"):
        read_table(path)
    pd.DataFrame(index=range(3)).to_parquet(path)
    with pytest.raises(ValueError, match=r"a table with columns in .*t\.parquet; got none"):
        read_table(path)
    pq.write_table(pa.table({"a": pa.array([Decimal("1.5"), None, Decimal(2)])}), path)
    pd.testing.assert_frame_equal(read_table(path), pd.DataFrame({"a": [1.5, None, 2.0]}))


def test_damaged_parquet_files(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [1, 2]}).replace_schema_metadata({"pandas": '{"columns": 1}'}), path)
    with pytest.raises(
        ValueError, match=r"readable table in .*t\.parquet; got: a damaged Parquet file; write"
    ):
        read_table(path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(
        ValueError, match=r"readable table in .*t\.parquet; got: Parquet magic bytes not found"
    ):
        read_table(path)


def test_parquet_names_become_text(tmp_path):
    pd.DataFrame([[1.0, 2.0]], columns=[0, 1]).to_parquet(tmp_path / "t.parquet")
    assert list(read_table(tmp_path / "t.parquet")) == ["0", "1"]


def fit(values, **options):
    return TableEncoder.fit(pd.DataFrame({"a": values}), **options)


def encode(encoder, values):
    return encoder.encode(pd.DataFrame({"a": values}))


def test_log():
    x = np.array([1.0, 10.0, 1000.0])
    encoder = fit(x, log=("a",))
    expected = (np.log(x) - np.log(x).mean()) / np.log(x).std()
    np.testing.assert_allclose(encode(encoder, x)[:, 0], expected, rtol=1e-14)
    assert encoder.columns[0].unit_scale is None
    with pytest.raises(ValueError, match=r"positive numbers for log in column 'a'; got 0\.0 in row 1"):
        encode(encoder, [1.0, 0.0])


@pytest.mark.parametrize(
    ("values", "log", "error", "message"),
    [
        ([1.0, -2.0], ["a"], ValueError, r"positive numbers for log in column 'a'; got -2\.0 in row 1"),
        ([1.0, 2.0], ["b"], ValueError, "log to name columns of 'a'; got 'b'"),
        (["x", "y"], ["a"], ValueError, "positive numbers for log in column 'a'; got 'x' in row 0"),
        ([True, False], ["a"], ValueError, "positive numbers for log in column 'a'; got True in row 0"),
        ([1.0, 2.0], "a", TypeError, r"list of column names; got the text 'a'"),
    ],
)
def test_bad_log(values, log, error, message):
    with pytest.raises(error, match=message):
        fit(values, log=log)


@pytest.mark.parametrize("log", [(), ("a",)])
def test_gaps_take_the_median_and_an_indicator(log):
    encoder = fit([1.0, 2.0, 6.0, np.nan], log=log)
    column = encoder.columns[0]
    assert (column.median, column.missing) == (2.0, 0.25)
    assert encoder.feature_names == ("a", "a missing")
    assert encoder.column_of.tolist() == [0, 0]
    z = encode(encoder, [2.0, np.nan])
    assert z[0, 0] == z[1, 0]
    np.testing.assert_array_equal(z[:, 1], [-0.25, 0.75])
    training = encode(encoder, [1.0, 2.0, 6.0, np.nan])
    np.testing.assert_allclose(training[:3, 0].mean(), 0, atol=1e-15)
    np.testing.assert_allclose(training[:, 1].mean(), 0, atol=1e-15)


def test_a_gap_that_training_did_not_have():
    frame = pd.DataFrame({"a": [1.0, np.nan]}, index=["first", "second"])
    encoder = fit([1.0, 2.0])
    with pytest.warns(UserWarning, match="'a' has 1 missing values, the first in row second, but had none"):
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
    assert encoder.columns[0].unit_scale is None
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
    assert fit(values).columns[0].levels == ("a", "b", "c")


def test_an_id_column_does_not_explode():
    with pytest.warns(UserWarning, match="'id' \\(every value is rare\\)"):
        encoder = TableEncoder.fit(pd.DataFrame({"id": [f"u{i}" for i in range(300)], "x": np.arange(300.0)}))
    assert encoder.names == ("x",)
    encoder = fit([f"u{i % 60}" for i in range(600)] + ["u59"] * 9)
    assert encoder.columns[0].n_features == MAX_LEVELS + 1
    assert encoder.columns[0].levels[0] == "u59"
    assert encoder.columns[0].levels[-1] == "other"


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
        (pd.to_datetime(["2024-01-03", "2024-01-04"]), "got Timestamp.* in row 0; turn dates and times into"),
        (pd.to_timedelta([1, 2], unit="D"), "got Timedelta.* in row 0; turn dates and times into"),
        (pd.period_range("2024-01", periods=2, freq="M"), "got Period.* in row 0; turn dates"),
        ([datetime.date(2024, 1, 3), None], r"got datetime.date.* in row 0; turn dates"),
        (pd.Series([datetime.date(2024, 1, 3)], dtype="date32[pyarrow]"), "datetime.date.* in row 0; turn"),
        (["2024-01-03", "2024-01-04 10:00"], "got '2024-01-03' in row 0; turn dates and times into numbers"),
        (["3.1.2024", "4.1.2024"], r"got '3\.1\.2024' in row 0; turn dates and times into numbers"),
        (np.array([1j, 2.0]), "got 1j in row 0; split complex numbers"),
        ([10**400, 1], "numbers within .* in column 'a'"),
        ([b"x", b"y"], "got b'x' in row 0; turn bytes values"),
        ([], "a table with rows; got 0 rows"),
    ],
)
def test_bad_columns(values, message):
    with pytest.raises(ValueError, match=message):
        fit(values)


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
    assert gaps.columns[0].median == np.median(exact) * np.abs(x).max()


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


def test_identity_columns():
    x = np.array([[0.1], [1e9], [-3.0]])
    np.testing.assert_array_equal(encode(TableEncoder((NumericColumn("a", 0.0, 1.0),)), x[:, 0]), x)


def test_unit_scale_is_the_change_per_unit():
    encoder = fit([1.0, 4.0, 9.0])
    z = encode(encoder, [5.0, 6.0])[:, 0]
    assert encoder.columns[0].unit_scale == pytest.approx(z[1] - z[0])


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
    assert encoder.column_of.tolist() == [0, 1, 1, 2, 3, 3, 3]
    assert encoder.column_of.dtype == np.intp
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
        ValueError, match="kinds of column numeric, categorical, dropped; got 'ordinal' for 'a'"
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
        ([True, False], [1, 0], "values such as 'False' in column 'a'; got 1 in row 0; convert the int64"),
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

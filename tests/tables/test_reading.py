"""Tables from files: kinds of CSV and Parquet, and what is wrong with a bad one."""

import gzip
import struct
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectral_interp.files.feather import unpacked_size
from spectral_interp.tables import readers
from spectral_interp.tables.reading import check_known, read_table, split_target, split_weight


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


def zipped(content):
    return gzip.compress(content, mtime=0)


def as_lines(frame, lines):
    return frame.set_axis(pd.Index(lines, name="line"))


@pytest.mark.parametrize(
    "name",
    [
        "t.csv",
        "t.TSV",
        "t.txt",
        "t.csv.gz",
        "t.Tsv.GZ",
        "t.txt.gz",
        "t.parquet",
        "t.PQ",
        "t.feather",
        "t.Feather",
    ],
)
def test_files_round_trip(tmp_path, name):
    frame = pd.DataFrame({"a b": [1.5, 2.0], "é": [3, 4], "c": ["x, y", "z"]})
    path, kind = tmp_path / name, name.lower()
    if kind.endswith((".parquet", ".pq")):
        frame.to_parquet(path)
    elif kind.endswith(".feather"):
        frame.to_feather(path)
    else:
        frame = as_lines(frame, [2, 3])
        frame.to_csv(
            path,
            index=False,
            sep="\t" if "tsv" in kind else ",",
            compression="gzip" if "gz" in kind else None,
        )
    pd.testing.assert_frame_equal(read_table(path), frame)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.csv", None, r"absent.csv', which is not a file"),
        ("table.xlsx", "x", r"named \.csv, .*\.parquet, .*\.feather; got .*table\.xlsx; convert"),
        ("empty.csv", "", r"readable table in .*empty\.csv; got: an empty file"),
        ("header.csv", "a,b\n", "with rows in .*header.csv"),
        ("twice.csv", "a,b,a\n1,2,3\n", "column 'a' appears more than once"),
        ("nameless.csv", "a,,b\n1,2,3\n", "nameless.csv; got: an empty name for column 2"),
        ("blank.csv", "\ufeff\n \n", r"readable table in .*blank\.csv; got: an empty file"),
        ("quotes.csv", '""\n', r"readable table in .*quotes\.csv; got: an empty name for column 1"),
        (
            "after.csv",
            'a,b\n\n"x\ny",2\n3,4\n5,6,7\n',
            "after.csv; got: 3 fields in line 6, but 2 in the first line",
        ),
        (
            "both.csv",
            b"a,b\n1,2,3\n" + b"1,2\n" * 40000 + b"\xe9,2\n",
            "both.csv; got: byte 0xe9",
        ),
        (
            "ragged.csv",
            "a,b\n1,2\n1,2,3,4\n",
            "ragged.csv; got: 4 fields in line 3, but 2 in the first line",
        ),
        (
            "comment.csv",
            "# mine\na,b\n1,2\n",
            "comment.csv; got: 2 fields in line 2, but 1 in the first line; remove lines",
        ),
        (
            "longrows.csv",
            "a,b\n1,2,3\n4,5,6\n",
            "longrows.csv; got: 3 fields in line 2, but 2 in the first line",
        ),
        (
            "trailing.csv",
            "a,b\n1,2,\n4,5,\n",
            "trailing.csv; got: 3 fields in line 2, but 2 in the first line",
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
        ("binary.csv", b"\xff\xfe\x00\x00", "readable table in .*binary.csv; got: bytes that are not UTF-8"),
        ("utf16.csv", "a,b\n1,2\n".encode("utf-16-le"), "utf16.csv; got: bytes that are not UTF-8 text"),
        ("nul.csv", b"a,b\n" + b"1,2\n" * 40000 + b"\0,2\n", "nul.csv; got: bytes that are not UTF-8 text"),
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
    ("content", "lines"),
    [
        ("\ufeffa,b\n1,x\n2,y\n", [2, 3]),
        ("a;b\n1;x\n2;y\n", [2, 3]),
        ("a\tb\n1\tx\n2\ty\n", [2, 3]),
        ("a, b\n1, x\n2, y\n", [2, 3]),
        (" a ,b\t\n1,x\n2,y\n", [2, 3]),
        (",a,b\n7,1,x\n9,2,y\n", None),
        ("Unnamed: 0,a,b\n7,1,x\n9,2,y\n", None),
        ("a|b\n1|x\n2|y\n", [2, 3]),
        ('\ufeff"a","b"\r\n"1","x"\r\n"2","y"\r\n', [2, 3]),
        ("a,b\r1,x\r2,y\r", [2, 3]),
        ("\n \na,b\n\n1,x\n\n2,y", [5, 7]),
        ('"a",b\n\n1,x\n \t\n2,y', [3, 5]),
    ],
)
def test_kinds_of_csv_and_the_lines_of_their_rows(tmp_path, content, lines):
    path = tmp_path / "table.csv"
    path.write_text(content, encoding="utf-8")
    frame = read_table(path)
    assert frame.to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    assert frame.index.tolist() == (lines or [7, 9])
    assert frame.index.name == (lines and "line")


def test_a_row_is_called_by_the_line_that_it_begins_on(tmp_path):
    """Quoted fields of several lines, blank lines and an empty value alone on a line among them."""
    (tmp_path / "t.csv").write_text('"a\nb"\n\n"x\n\ny"\n"z"\n""\n \n5\n')
    frame = read_table(tmp_path / "t.csv")
    assert frame.index.tolist() == [4, 7, 8, 10]
    assert frame["a\nb"].tolist()[0::3] == ["x\n\ny", "5"]


@given(st.text(alphabet='a1," \n\r\t;', max_size=30))
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_lines_and_rows_are_counted_alike(tmp_path_factory, text):
    """The reader of numbers and the counter of lines are two programs, which agree on what a row is."""
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_text("a,b\n1,2\n" + text, encoding="utf-8", newline="")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            frame = read_table(path)
        except ValueError as error:
            assert "fields in line" in str(error) or "never closed" in str(error)  # noqa: PT017
            return
    assert frame.index[0] == 2
    assert frame.index.is_monotonic_increasing


def test_row_labels_that_leave_rows_unnamed_are_lines_instead(tmp_path):
    (tmp_path / "t.csv").write_text(",a,b\n7,1,x\n,2,y\n")
    with pytest.warns(UserWarning, match=r"first column of .*t\.csv, .* leaves rows without a label"):
        assert read_table(tmp_path / "t.csv").index.tolist() == [2, 3]


def test_a_character_across_two_reads_is_utf8(tmp_path):
    text = "a\n" + "x" * (2**16 - 3) + "é\n"
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    assert read_table(tmp_path / "t.csv")["a"][2].endswith("xé")


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
    expected = pd.DataFrame({"a": [1, 3, 4, 5], "b": [2, np.nan, np.nan, np.nan]})
    pd.testing.assert_frame_equal(frame, as_lines(expected, [2, 4, 5, 6]))


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


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "t.csv.gz",
            b"a,b\n1,2\n",
            "t.csv.gz; got: a damaged gzip file, or a file that is not gzipped; write it again",
        ),
        ("t.csv.gz", zipped(b"a,b\n1,2\n" * 99)[:-9], "t.csv.gz; got: a damaged gzip file"),
        ("t.csv.gz", zipped(b"a,b\n1,2\n")[:10] + b"\xff" * 9, "t.csv.gz; got: a damaged gzip file"),
        ("t.csv.gz", zipped(b""), "t.csv.gz; got: an empty file"),
        ("t.csv.gz", zipped(b"a,b\n1,\xe9\n"), "t.csv.gz; got: byte 0xe9"),
        ("t.tsv.gz", zipped(b"a\tb\n1\t2\t3\n"), "t.tsv.gz; got: 3 fields in line 2"),
        ("t.feather", b"ARROW1\0\0" + b"\xff" * 40 + b"ARROW1", "readable table in .*t.feather; got: "),
        ("t.feather", b"", "readable table in .*t.feather; got: "),
        ("t.feather", b"FEA1" + bytes(40) + b"FEA1", "readable table in .*t.feather; got: "),
    ],
)
def test_damaged_files_of_other_kinds(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        read_table(tmp_path / name)
    assert "\n" not in str(error.value)


def test_what_is_too_large_unpacked_is_not_read(tmp_path, monkeypatch):
    with gzip.open(tmp_path / "t.csv.gz", "wb") as file:
        file.write(b"a,b\n" + b"0" * 3_000_000)
    pa.feather.write_feather(
        pa.table({"a": np.zeros(100_000), "b": np.ones(100_000)}), tmp_path / "t.feather", compression="zstd"
    )
    monkeypatch.setattr(readers, "MAX_TABLE_BYTES", 1_000_000)
    for name, size in (
        ("t.csv.gz", "more than 0.000931 GiB when unzipped"),
        ("t.feather", "0.00149 GiB, more"),
    ):
        assert (tmp_path / name).stat().st_size < 100_000
        with pytest.raises(ValueError, match=rf"{name}; got: {size}.*; write a sample"):
            read_table(tmp_path / name)


@pytest.mark.parametrize("compression", ["zstd", "lz4", "uncompressed"])
def test_the_size_of_a_feather_file_is_known_before_it_is_unpacked(tmp_path, monkeypatch, compression):
    text = pd.Series(["x" * 100_000, None, "y"] * 4)
    frame = pd.DataFrame({"a": range(12), "t": text, "c": text.astype("category"), "b": [True, None] * 6})
    pa.feather.write_feather(frame, tmp_path / "t.feather", compression=compression, chunksize=5)
    assert 500_000 <= unpacked_size(tmp_path / "t.feather") <= 501_000  # text four times, and a level
    assert read_table(tmp_path / "t.feather")["t"].tolist()[:1] == ["x" * 100_000]
    monkeypatch.setattr(readers, "MAX_TABLE_BYTES", 350_000)
    with pytest.raises(ValueError, match=r"more than 0\.000326 GiB; write a sample"):
        read_table(tmp_path / "t.feather")


def test_text_that_lies_outside_of_a_feather_file_is_refused(tmp_path):
    pa.feather.write_feather(pa.table({"a": ["x", "yy"]}), tmp_path / "t.feather", compression="uncompressed")
    right, wrong = struct.pack("<3i", 0, 1, 3), struct.pack("<3i", 0, 2**30, 2**30 + 2)
    content = (tmp_path / "t.feather").read_bytes()
    assert content.count(right) == 1
    (tmp_path / "t.feather").write_bytes(content.replace(right, wrong))
    with pytest.raises(ValueError, match=r"readable table in .*t\.feather; got: Column 0: .*offset"):
        read_table(tmp_path / "t.feather")


def test_feather_and_parquet_are_read_alike(tmp_path):
    table = pa.table({"a": [Decimal("1.5"), None], "b": ["x", None], "c": pa.array([1, None], pa.int64())})
    pa.feather.write_feather(table, tmp_path / "t.feather")
    pq.write_table(table, tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.feather"), read_table(tmp_path / "t.parquet"))
    pa.feather.write_feather(pa.table([[1], [2]], names=["a", "a"]), tmp_path / "t.feather")
    with pytest.raises(ValueError, match=r"t\.feather; got: column 'a' appears more than once"):
        read_table(tmp_path / "t.feather")


def test_parquet_keeps_its_index(tmp_path):
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["p", "q"], name="patient"))
    frame.to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").index.equals(frame.index)
    frame.set_axis(pd.MultiIndex.from_tuples([("x", 1), ("x", 2)], names=["w", None])).to_parquet(
        tmp_path / "t.parquet"
    )
    found = read_table(tmp_path / "t.parquet").index
    assert (found.name, found.tolist()) == ("w, None", ["x, 1", "x, 2"])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a;b\n1,5;x\n-2,;y\n", {"a": [1.5, -2.0], "b": ["x", "y"]}),
        ("a\tb\n1,5\tx\n2\ty\n", {"a": [1.5, 2.0], "b": ["x", "y"]}),
        ("a\n1,5\n2\n", {"a": [1.5, 2.0]}),
        ('a,b\n"1,5",x\n"2,5",y\n', {"a": [1.5, 2.5], "b": ["x", "y"]}),
        ("a;b\n1,5e3;2,x\nND;3.1.2024\n", {"a": ["1.5e3", "ND"], "b": ["2,x", "3.1.2024"]}),
        ("weight, kg;b\n1,5;2\n", {"weight, kg": [1.5], "b": [2]}),
    ],
)
def test_decimal_commas(tmp_path, content, expected):
    (tmp_path / "t.csv").write_text(content)
    assert read_table(tmp_path / "t.csv", decimal=",").to_dict("list") == expected


def test_a_column_names_the_rows(tmp_path):
    (tmp_path / "t.csv").write_text("a, id \n1,007\n2, 8 \n3,8\n")
    frame = read_table(tmp_path / "t.csv", id_column="id")
    assert (frame.index.name, frame.index.tolist(), list(frame)) == ("id", ["007", "8", "8"], ["a"])
    pd.DataFrame({"id": [7, 9], "a": [1, 2]}).to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet", id_column=" id").index.tolist() == [7, 9]
    assert read_table("diabetes", id_column="bmi").index.name == "bmi"
    with pytest.raises(ValueError, match=r"row names in .*t\.csv; got 'idd', of .*; did you mean 'id'\?"):
        read_table(tmp_path / "t.csv", id_column="idd")
    (tmp_path / "t.csv").write_text("a,id\n1,007\n\n2, \n3,\n")
    with pytest.raises(
        ValueError, match=r"every row of 'id' in .*; got 2 missing, the first in line 4; fill"
    ):
        read_table(tmp_path / "t.csv", id_column="id")
    (tmp_path / "t.csv").write_text("id\n1\n")
    with pytest.raises(ValueError, match="columns besides 'id', which names the rows"):
        read_table(tmp_path / "t.csv", id_column="id")


@pytest.mark.parametrize("content", ["a,a ,y\n1,2,3\n", "x , x,y\n1,2,3\n"])
def test_names_that_differ_in_blanks_only(tmp_path, content):
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(
        ValueError, match=r"t\.csv; got: columns? '(a', 'a |x', 'x )' have the same name except for"
    ):
        read_table(tmp_path / "t.csv")


def test_rows_without_a_target_are_left_out_and_counted():
    frame = pd.DataFrame(
        {"a": range(5), "y": ["1", " ", "-9", None, "2"]}, index=pd.Index([2, 3, 5, 6, 7], name="line")
    )
    with pytest.warns(
        UserWarning,
        match=r"'y' has no value in 3 of 5 rows of t\.csv; they are left out: line 3, 5, 6",
    ):
        X, y = split_target(frame, "y", "t.csv", na_values=["-9"])
    assert (X["a"].tolist(), y.tolist(), y.index.tolist()) == ([0, 4], ["1", "2"], [2, 7])
    with pytest.warns(UserWarning, match="1 of 3 rows"):
        assert (
            split_target(pd.DataFrame({"a": 1, "y": [1.0, 2.0, -9.0]}), "y", "t", na_values=["-9"])[1].size
            == 2
        )
    with pytest.raises(ValueError, match=r"values of the target 'y' in t\.csv; got none in 2 rows"):
        split_target(pd.DataFrame({"a": [1, 2], "y": [None, ""]}), "y", "t.csv")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, -2.0], r"numbers >= 0 in 'w' in t\.csv; got -2\.0 in line 3"),
        ([1.0, np.nan], r"numbers >= 0 in 'w' in t\.csv; got nan in line 3"),
        (["1", "two"], r"numbers >= 0 in 'w' in t\.csv; got 'two' in line 3"),
        ([np.inf, 1.0], r"got inf in line 2"),
        (pd.to_datetime(["2024-01-01", "2024-01-02"]), "numbers >= 0 in 'w'"),
        ([0, 0], "a weight > 0 in 'w' in t.csv; got only zeros"),
    ],
)
def test_weights_that_are_none(weights, message):
    frame = pd.DataFrame({"a": 1, "w": weights}, index=pd.Index([2, 3], name="line"))
    with pytest.raises(ValueError, match=message):
        split_weight(frame, "w", "t.csv")


def test_a_name_that_is_nearly_right():
    with pytest.raises(
        ValueError, match=r"target column 'Prize' in t; got columns 'price', 'a'; did you mean 'price'\?"
    ):
        split_target(pd.DataFrame({"price": [1], "a": [2]}), "Prize", "t")
    with pytest.raises(ValueError, match=r"got 'zzz', of columns 'price'$"):
        check_known(["price", "zzz"], ["price"], "columns")

"""Tables from files: kinds of CSV and Parquet, and what is wrong with a bad one."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectral_interp.tables import readers
from spectral_interp.tables.reading import read_table


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

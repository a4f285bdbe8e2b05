"""Streams of rows: what reading a whole table gives, a bounded number of rows at a time."""

import gzip
import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from spectral_interp.streams import Source
from spectral_interp.tables.reading import read_table

FRAME = pd.DataFrame(
    {
        "size": [1.5, np.nan, 3.0, 4.25, 5.0],
        "rooms": [1, 2, 3, 4, 5],
        "city": ["Oslo", None, "Bergen", "Oslo", "Tromsø"],
        "new": [True, False, True, True, False],
    }
)


def joined(source):
    """Return the rows of a source as one table, after checking its frames."""
    frames = list(source.frames())
    assert all(1 <= len(frame) <= source.rows for frame in frames)
    assert source.n_rows == sum(map(len, frames))
    whole = pd.concat(frames)
    assert whole.index.tolist() == list(range(len(whole)))
    return whole


def check_same(source, frame):
    """Check the rows of a source, twice where it can be read twice."""
    for _ in range(1 if source.one_pass else 2):
        pd.testing.assert_frame_equal(joined(source), frame.reset_index(drop=True), check_dtype=False)


def parquet(path, frame=FRAME, **options):
    frame.to_parquet(path, index=False, **options)
    return path


def folder(tmp_path, *frames, end="parquet"):
    for place, frame in enumerate(frames):
        path = tmp_path / f"part_{place}.{end}"
        frame.to_parquet(path, index=False) if end == "parquet" else frame.to_csv(path, index=False)
    return tmp_path


def sources(tmp_path):
    path = parquet(tmp_path / "t.parquet", row_group_size=3)
    batches = pa.Table.from_pandas(FRAME).to_batches(max_chunksize=3)
    (tmp_path / "parts").mkdir()
    parts = folder(tmp_path / "parts", FRAME[:3], FRAME[3:])
    (parts / "_SUCCESS").touch()
    return {
        "file": path,
        "folder": parts,
        "paths": [parts / "part_0.parquet", str(parts / "part_1.parquet")],
        "frame": FRAME.set_index(pd.Index([7, 7, 8, 9, 9])),
        "table": pa.Table.from_pandas(FRAME),
        "batch": pa.RecordBatch.from_pandas(FRAME),
        "dataset": pa.dataset.dataset(parts, format="parquet", exclude_invalid_files=True),
        "list": batches,
        "iterator": iter(batches),
        "reader": pa.RecordBatchReader.from_batches(batches[0].schema, batches),
        "frames": [FRAME[:1], FRAME[1:1], FRAME[1:]],
        "callable": lambda: iter(batches),
    }


@pytest.mark.parametrize("rows", [2, 100])
def test_every_source_gives_the_rows_of_the_table(tmp_path, rows):
    for kind, source in sources(tmp_path).items():
        made = Source.of(source, rows=rows)
        assert made.one_pass == (kind in ("iterator", "reader")), kind
        check_same(made, FRAME)


def test_datasets_may_be_filtered_partitioned_or_of_csv(tmp_path):
    for size, rooms in ((1, 3), (2, 4)):
        (tmp_path / "parts" / f"size={size}").mkdir(parents=True)
        pd.DataFrame({"rooms": [rooms]}).to_parquet(tmp_path / "parts" / f"size={size}" / "a.parquet")
    dataset = pa.dataset.dataset(tmp_path / "parts", partitioning="hive")
    check_same(Source.of(dataset), pd.DataFrame({"rooms": [3, 4], "size": [1, 2]}))
    large = dataset.filter(pa.dataset.field("size") == 2)
    check_same(Source.of(large), pd.DataFrame({"rooms": [4], "size": [2]}))
    (tmp_path / "t.csv").write_text("a\n1\n2\n")
    check_same(Source.of(pa.dataset.dataset(tmp_path / "t.csv", format="csv")), pd.DataFrame({"a": [1, 2]}))
    with pytest.raises(ValueError, match=r"got the folder size=1 in .*partitioning='hive'"):
        Source.of(tmp_path / "parts")


def test_a_source_is_its_own_source():
    source = Source.of(FRAME)
    assert Source.of(source) is source
    assert Source.of("diabetes", rows=100).n_rows == 442


def test_an_iterator_is_read_once():
    source = Source.of(iter([FRAME]))
    joined(source)
    with pytest.raises(ValueError, match=r"used up; pass a callable"):
        joined(source)


def test_number_of_rows_before_reading(tmp_path):
    assert Source.of(parquet(tmp_path / "t.parquet")).n_rows == 5
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    assert Source.of(tmp_path / "t.csv").n_rows is None


CSV = {
    "plain": "a,b\n1,x\n2.5,y\n,z\n4,\n",
    "a word far below": "a,b\n01,2\n2.50,3\nmany,4\n",
    "gaps below whole numbers": "a,b\n1,5\n2,6\n3,\n",
    "booleans with a gap": 'a,b\nTrue,1\nFalse,2\n"",3\nTrue,4\n',
    "booleans, then a number": "a,b\nTrue,1\nFalse,2\n1,3\n",
    "booleans, then a word": "a,b\nTrue,1\nFalse,2\nx,3\n",
    "large whole numbers": "a,b\n1,1\n2,2\n123456789012345678901,3\n",
    "nothing at first": "a,b\n,1\n,2\nOslo,3\nBergen,4\n",
    "names with blanks": " a , b\n1,x\n2,3\nx,4\n",
    "row labels": ",a,b\nr1,1,x\nr2,2,y\nr3,3,z\n",
    "quotes and blank lines": 'a,b\n\n"1","x\ny"\n\n2,"z, w"\n3,\n',
    "semicolons": "a;b\n1;x\n2;y\n3;z\n",
}


@pytest.mark.parametrize("text", CSV.values(), ids=CSV)
@pytest.mark.parametrize("rows", [1, 2])
def test_chunks_of_a_csv_file_hold_what_the_whole_file_does(tmp_path, text, rows):
    path = tmp_path / "t.csv"
    path.write_text(text)
    whole = read_table(path)
    source = Source.of(path, rows=rows)
    for frame in source.frames():
        there = whole.iloc[frame.index]
        pd.testing.assert_frame_equal(
            frame, there.set_axis(frame.index), check_dtype=False, check_column_type=False
        )
        for name in frame:
            words = there[name].map(lambda value: isinstance(value, str))
            assert frame[name].map(lambda value: isinstance(value, str)).tolist() == words.tolist()
    assert source.n_rows == len(whole)


def test_csv_with_decimal_commas_and_carriage_returns(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a;b\r1,5;x\r2,25;3,5\r")
    found = joined(Source.of(path, rows=1, decimal=","))
    whole = read_table(path, decimal=",")
    assert found.to_numpy().tolist() == whole.to_numpy().tolist() == [[1.5, "x"], [2.25, "3.5"]]


def test_csv_files_decide_on_types_together(tmp_path):
    first, second = pd.DataFrame({"a": ["07", "08"]}), pd.DataFrame({"a": ["x"]})
    source = Source.of(folder(tmp_path, first, second, end="csv"))
    assert joined(source)["a"].tolist() == ["07", "08", "x"]


def test_a_zipped_csv_file(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(FRAME.to_csv(index=False).encode()))
    check_same(Source.of(path, rows=2), FRAME)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(ValueError, match=r"t.csv.gz; got: a damaged gzip file"):
        joined(Source.of(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "an empty file"),
        (b"a,b\n1,2\n3,4,5\n", "3 fields in line 3, but 2 in the first line"),
        (b"a,a\n1,2\n", "column 'a' appears more than once"),
        (b"a,b\n1,\xe9\n", "byte 0xe9, which is not UTF-8"),
        (b'a,b\n1,"x\n', "never closed"),
    ],
)
def test_bad_csv_files(tmp_path, text, message):
    path = tmp_path / "t.csv"
    path.write_bytes(text)
    with pytest.raises(ValueError, match=f"t.csv; got: .*{message}"):
        joined(Source.of(path))


def test_short_lines_of_a_csv_file_are_missing(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n3\n")
    source = Source.of(path)
    with pytest.warns(UserWarning, match=r"line 3 of .*fewer fields"):
        assert joined(source)["b"].isna().tolist() == [False, True]


def test_parts_of_other_columns_or_types(tmp_path):
    with pytest.raises(ValueError, match=r"part_0.parquet in .*part_1.parquet; missing 'new'$"):
        Source.of(folder(tmp_path, FRAME, FRAME.drop(columns="new")))
    with pytest.raises(ValueError, match=r"part_1.parquet; got 'more' too$"):
        Source.of(folder(tmp_path, FRAME, FRAME.assign(more=1)))
    other = FRAME.assign(rooms=["one", "two", "three", "four", "five"])
    with pytest.raises(ValueError, match=r"numbers in column 'rooms' of .*part_1.parquet.*; got text"):
        Source.of(folder(tmp_path, FRAME, other))
    with pytest.raises(ValueError, match=r"numbers in column 'rooms' of batch 1, as in batch 0; got text"):
        joined(Source.of([FRAME, other]))


def test_parts_may_order_columns_and_store_numbers_otherwise(tmp_path):
    second = FRAME[["city", "size", "new", "rooms"]].astype({"rooms": "float32"})
    check_same(Source.of(folder(tmp_path, FRAME, second)), pd.concat([FRAME, FRAME]))
    gaps = FRAME.assign(city=None, size=np.nan)
    check_same(Source.of([gaps, FRAME]), pd.concat([gaps, FRAME]))


def test_empty_parts_are_skipped(tmp_path):
    check_same(Source.of(folder(tmp_path, FRAME[:0], FRAME, FRAME[:0])), FRAME)
    check_same(Source.of(iter([*pa.Table.from_pandas(FRAME[:0]).to_batches(), FRAME])), FRAME)


def test_no_rows(tmp_path):
    with pytest.raises(ValueError, match=r"expected rows in .*part_0.parquet; got none"):
        Source.of(folder(tmp_path, FRAME[:0]))
    with pytest.raises(ValueError, match=r"expected rows in the batches of a list; got none"):
        joined(Source.of([]))
    (tmp_path / "t.csv").write_text("a,b\n")
    with pytest.raises(ValueError, match=r"expected rows in .*t.csv; got none"):
        joined(Source.of(tmp_path / "t.csv"))


def test_no_files(tmp_path):
    with pytest.raises(ValueError, match=r"expected Parquet or CSV files in the folder"):
        Source.of(tmp_path)
    with pytest.raises(ValueError, match=r"got .*nowhere, which is neither"):
        Source.of(tmp_path / "nowhere")
    parquet(tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_text("a\n1\n")
    with pytest.raises(ValueError, match=r"one kind; got a.parquet and b.csv"):
        Source.of(tmp_path)
    (tmp_path / "b.csv").rename(tmp_path / "b.xlsx")
    with pytest.raises(ValueError, match=r"got .*b.xlsx; convert"):
        Source.of(tmp_path)
    with pytest.raises(TypeError, match=r"expected a source of rows.*got int"):
        Source.of(5)


@pytest.mark.parametrize("change", ["grow", "vanish"])
def test_files_that_change_meanwhile(tmp_path, change):
    parts = folder(tmp_path, FRAME, FRAME)
    source = Source.of(parts)
    joined(source)
    last = parts / "part_1.parquet"
    if change == "vanish":
        last.unlink()
        message = "part_1.parquet, which existed"
    else:
        FRAME[:4].to_parquet(last, index=False)
        message = "part_1.parquet as it was when reading began"
    with pytest.raises(ValueError, match=message):
        joined(source)


def test_a_file_that_changes_during_a_pass(tmp_path):
    path = tmp_path / "t.csv"
    FRAME.to_csv(path, index=False)
    frames = Source.of(path, rows=1).frames()
    next(frames)
    with path.open("a") as file:
        file.write("1,2,x,True\n")
    with pytest.raises(ValueError, match=r"t.csv as it was when reading began"):
        list(frames)


def test_a_damaged_parquet_file(tmp_path):
    path = parquet(tmp_path / "t.parquet")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"expected a readable table in .*t.parquet; got: "):
        Source.of(path)


def test_identity_tells_sources_apart(tmp_path):
    path = parquet(tmp_path / "t.parquet")
    known = Source.of(path).identity()
    assert Source.of(tmp_path).identity() == known
    os.utime(path, ns=(1, 1))
    assert Source.of(path).identity() != known
    assert Source.of(FRAME).identity() == Source.of(pa.Table.from_pandas(FRAME)).identity()
    assert Source.of(FRAME).identity() != Source.of(FRAME[::-1]).identity()


def test_decimals_are_numbers(tmp_path):
    table = pa.table({"a": pa.array([1, 2], pa.decimal128(5, 2))})
    pq.write_table(table, tmp_path / "t.parquet")
    assert joined(Source.of(tmp_path / "t.parquet"))["a"].dtype == np.float64

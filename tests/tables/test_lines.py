"""Records of CSV files and their fields, against the csv module."""

import csv
import gzip
import io

import numpy as np
import pytest

from spectral_interp.tables import readers
from spectral_interp.tables.reading import read_table


def expected(text, separator):
    """Return the line on which every record that is not blank begins, and its number of fields."""
    lines, found, start = io.StringIO(text, newline=""), [], 1
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    for fields in reader:
        if len(fields) > 1 or any(field.strip() for field in fields):
            found.append((start, len(fields)))
        start = reader.line_num + 1
    return found


def cell(rng, quoted):
    return str(rng.choice(["1", "", " ", "\t", "Zoë", "a;b", " x"] + ['"a,b"', '"two\r\nlines"'] * quoted))


@pytest.mark.parametrize("blocks", [(2**14, 2**22), (3, 40)])
@pytest.mark.parametrize("seed", range(12))
def test_records_and_fields_are_those_of_the_csv_module(monkeypatch, tmp_path, blocks, seed):
    monkeypatch.setattr(readers, "FIRST_BLOCK", blocks[0])
    monkeypatch.setattr(readers, "LARGEST_BLOCK", blocks[1])
    rng = np.random.default_rng(seed)
    end = ("\n", "\r\n", "\r")[seed % 3]
    text = ""
    for line in range(40):
        text += ",".join(cell(rng, seed % 2 and line > 20) for _ in range(rng.integers(1, 5))) + end
    text = text if seed % 4 else text[: -len(end)]
    path = tmp_path / ("table.csv.gz" if seed % 5 == 0 else "table.csv")
    content = text.encode("utf-8-sig" if seed % 2 else "utf-8")
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    for separator in ",;\t":
        batches = list(readers._widths(path, separator))
        found = [pair for numbers, counts in batches for pair in zip(numbers, counts, strict=True)]
        assert found == expected(text, separator)
        assert readers._first_widths(path, separator) == [count for _, count in expected(text, separator)][:2]


@pytest.mark.parametrize("before", [1, 5000])
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (b"1,2,3\n", "3 fields in line {line}, but 2 in the first line"),
        (b"1,\xe9\n", "byte 0xe9, which is not UTF-8"),
        (b"1,\0\n", "bytes that are not UTF-8 text"),
        (b'1,"2\n', r'a quote \("\) before or in line .* that is never closed'),
    ],
)
def test_faults_far_below_are_found_with_their_line(tmp_path, before, fault, message):
    path = tmp_path / "table.csv"
    path.write_bytes(b"a,b\n" + b"10,20\n" * before + fault + b"30,40\n" * 10)
    with pytest.raises(ValueError, match=message.format(line=before + 2)):
        read_table(path)


def test_short_and_blank_lines_far_below_are_counted(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n" + "1,2\n" * 6000 + "\n \n7\n1,2\n8")
    with pytest.warns(UserWarning, match="line 6004 and 1 more .*fewer fields"):
        frame = read_table(path)
    assert frame.index[-3:].tolist() == [6004, 6005, 6006]
    assert frame["a"].iloc[-3:].tolist() == [7, 1, 8]

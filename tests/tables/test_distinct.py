"""Different values of a column, against reading it row by row."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from spectral_interp.tables.dates import dates_as_text, read_dates
from spectral_interp.tables.encoder import TableEncoder
from spectral_interp.tables.parsing import check_values, coded, distinct, types_of
from spectral_interp.view.levels import is_missing, text_of

VALUES = (
    1,
    True,
    1.0,
    "1",
    " 1",
    "",
    "Oslo",
    "oslo ",
    None,
    np.nan,
    pd.NA,
    pd.NaT,
    np.int64(1),
    np.float32(0.5),
)
VALUES += (np.bool_(True), Decimal(1), Decimal("1.0"), Decimal("NaN"), -0.0, 0, 2**70, "nan", np.str_("Oslo"))


def column(values, n=400, seed=0):
    chosen = np.empty(n, dtype=object)
    chosen[:] = [values[i] for i in np.random.default_rng(seed).integers(0, len(values), n)]
    return pd.Series(chosen, name="a", dtype=object)


@pytest.mark.parametrize("seed", range(3))
def test_codes_lead_back_to_every_value_and_type(seed):
    given = column(VALUES, seed=seed)
    codes, values = distinct(given)
    for code, value in zip(codes, given, strict=True):
        assert (code < 0) == bool(pd.isna(value))
        if code >= 0:
            assert values[code] == value
            assert isinstance(value, type(values[code]))
            assert text_of(values[code]) == text_of(value)
    first = [int((codes == code).argmax()) for code in range(len(values))]
    assert first == sorted(first)
    plain = [value for value in values if not isinstance(value, Decimal)]
    assert len({(type(value), value) for value in plain}) == len(plain)
    of_type, kinds = types_of(given)
    assert [None if at < 0 else kinds[at] for at in of_type] == [
        None if pd.isna(value) else type(value) for value in given
    ]


@pytest.mark.parametrize("dtype", ["object", "str", "string"])
def test_texts_are_those_of_the_rows_one_by_one(dtype):
    texts = [value for value in VALUES if isinstance(value, str) or value is None]
    given = column(VALUES if dtype == "object" else texts).astype(dtype)
    checked = check_values(given, "a")
    blank = [isinstance(value, str) and not value.strip() for value in given]
    assert checked.isna().tolist() == [
        is_missing(v) or pd.isna(v) or b for v, b in zip(given, blank, strict=True)
    ]
    codes, found = coded(checked)
    expected = ["missing" if pd.isna(value) else text_of(value).strip() for value in checked]
    assert found[codes].tolist() == expected


def test_dates_among_other_values_are_text_row_by_row():
    day = datetime.date(2024, 1, 31)
    given = column(("Oslo", day, None, 1.5, pd.Timestamp(day), True))
    expected = [str(v) if isinstance(v, datetime.date) and not pd.isna(v) else v for v in given]
    assert dates_as_text(given).tolist() == expected
    spelled = column(("31.01.2024", " 31.01.2024", day, "", None, "n/a"))
    days = [np.nan if pd.isna(v) or not str(v).strip() or v == "n/a" else 19753.0 for v in spelled]
    np.testing.assert_array_equal(read_dates(spelled).days, days)


def test_a_table_is_encoded_as_its_rows_one_by_one():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "town": column(["Oslo", " Oslo", "Rome", "rome", None, "", "?", "07", 7, 7.0, True], 300),
            "size": column([1, "2", " 3.5", "n/a", None, 4.0, Decimal("5.5")], 300, 1),
            "day": column(["2024-01-31", "2025-02-28", "2026-07-15", None, ""], 300, 2),
            "x": rng.normal(size=300),
        }
    )
    encoder = TableEncoder.fit(frame)
    assert set(encoder.names) == {"town", "size", "day", "x"}
    rows = [encoder.encode(frame.iloc[[at]], quiet=True) for at in range(300)]
    np.testing.assert_array_equal(encoder.encode(frame, quiet=True), np.concatenate(rows))

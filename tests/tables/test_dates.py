"""Columns of dates: which are recognised, how they are read, what is refused, what is said."""

import datetime
import warnings

import numpy as np
import pandas as pd
import pytest

from spectral_interp import SpectralRegressor
from spectral_interp.tables.dates import fit_dates, read_dates
from spectral_interp.tables.encoder import TableEncoder
from spectral_interp.view import DateAxis, LevelsAxis, NumberAxis
from spectral_interp.view.spelling import spelled
from tests.tables.one_column import encode, fit

EXPECTED = np.array(["2024-01-31", "2023-12-05"], dtype="datetime64[D]")


@pytest.mark.parametrize(
    "values",
    [
        ["2024-01-31", "2023-12-05"],
        ["2024/01/31", "2023/12/5"],
        ["2024.01.31", "2023.12.05"],
        ["31.01.2024", "5.12.2023"],
        ["31/01/2024", "05/12/2023"],
        ["31-01-2024", "05-12-2023"],
        ["01/31/2024", "12/05/2023"],
        [" 1/31/2024 ", "12/5/2023"],
        ["31 Jan 2024", "5 December 2023"],
        ["31-Jan-2024", "05-DEC-2023"],
        ["31. January 2024", "5. Dec. 2023"],
        ["Jan 31, 2024", "December 5th, 2023"],
        ["Wed, 31 Jan 2024", "Tuesday, 5 Dec 2023"],
        ["2024-Jan-31", "2023-Dec-05"],
        ["2024-01-31 00:00", "2023-12-05T00:00:00"],
        ["2024-01-31T00:00:00.000Z", "2023-12-05T00:00:00Z"],
        ["2024-01-31 12:00 AM", "2023-12-05 12:00:00 a.m."],
        EXPECTED.tolist(),
        [datetime.datetime(2024, 1, 31), pd.Timestamp("2023-12-05")],
        [np.datetime64("2024-01-31"), "2023-12-05"],
        list(pd.PeriodIndex(["2024-01-31", "2023-12-05"], freq="D")),
        *(EXPECTED.astype(f"datetime64[{unit}]") for unit in ("s", "ms", "us", "ns")),
        pd.Series(EXPECTED).dt.tz_localize("UTC"),
        pd.Series(EXPECTED.tolist(), dtype="date32[pyarrow]"),
        pd.Series(["31.01.2024", "05.12.2023"], dtype="string"),
    ],
)
def test_usual_spellings(values):
    encoder = fit(pd.Series(values))
    (axis,) = encoder.axes
    assert isinstance(axis, DateAxis)
    assert not axis.time
    np.testing.assert_array_equal(axis.decode(encode(encoder, pd.Series(values))), EXPECTED)


def test_times_zones_months_and_fractions():
    for text, expected in {
        "2024-01-31 18:30": "2024-01-31T18:30",
        "31.01.2024 6:30 pm": "2024-01-31T18:30",
        "2024-01-31T18:30:00+02:00": "2024-01-31T16:30",
        "2024-01-31 18:30:00.250 -0130": "2024-01-31T20:00:00.250",
        "2024-01": "2024-01-01",
        "January 2024": "2024-01-01",
        "0001-01-01": "0001-01-01",
        "29 Feb 2024": "2024-02-29",
    }.items():
        days = (np.datetime64(expected, "us") - np.datetime64(0, "us")) / np.timedelta64(1, "D")
        assert spelled(text).days == pytest.approx(days, abs=1e-10), text


NO_DATES = """
2024
20240131
12:30
2024-13-01
2023-02-29
31.04.2024x
2024-01-31 24:00
2024-01-31 13:00 pm
2024-01-31 10
0000-01-01
2024-01/31
32/32/2024
1.2.3
May
Jam 3, 2024
3 days
"""


@pytest.mark.parametrize("text", NO_DATES.strip().splitlines())
def test_other_texts_spell_no_date(text):
    assert spelled(text) is None


@pytest.mark.parametrize("values", [[2019, 2020, 2021], ["2019", "2020", "2021"], ["20240131", "20240201"]])
def test_years_and_numbers_stay_numbers(values):
    assert isinstance(fit(values).axes[0], NumberAxis)


@pytest.mark.parametrize(
    "values",
    [["12:30", "14:00"], ["2024-01-03 to 2024-02-03", "x"], pd.Categorical(["2024-01-03", "2024-02-03"])],
)
def test_times_texts_and_categories_stay_levels(values):
    assert isinstance(fit(values).axes[0], LevelsAxis)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["03/04/2024", "04/05/2023"], "whether day or month comes first .*; got '03/04/2024' in row 0"),
        (["03-04-2024", "04-05-2023"], "whether day or month comes first .*; got '03-04-2024'"),
        (["31/01/2024", "01/31/2024"], "one order of .*'31/01/2024' .* got '01/31/2024' in row 1"),
        (["1/31/24", "2/3/24"], "years of four digits in column 'a'; got '1/31/24' in row 0; write dates as"),
        (["31.01.24", "03.02.24"], "years of four digits in column 'a'; got '31.01.24'"),
        (["2024-01-03T10:00Z", "2024-01-04"], "a time zone in every time .* got '2024-01-04' in row 1"),
        ([*map("2024-01-{:02}".format, range(1, 31)), "2024-02-31"], "dates .* '2024-02-31' in row 30"),
        ([*pd.date_range("2024-01-01", periods=40), "soon"], "expected dates .* got 'soon' in row 40"),
        (np.array(["2024-01-01", "12024-01-01"], "datetime64[s]"), "years from 1 to 9999 .* row 1"),
        (pd.to_timedelta([1, 2], unit="D"), "got Timedelta.* in row 0; turn dates and times into"),
        ([datetime.time(10), datetime.time(11)], "got datetime.time.* in row 0; turn dates and times into"),
    ],
)  # fmt: skip
def test_refused_columns(values, message):
    with pytest.raises(ValueError, match=message):
        fit(pd.Series(values))


def test_dates_have_no_logarithm():
    with pytest.raises(
        ValueError, match=r"numbers for log in column 'a'; got '2024-01-03' in row 1; leave dates"
    ):
        fit([None, "2024-01-03", "2024-01-04"], log=["a"])


def test_texts_that_stand_for_no_date_are_gaps():
    values = ["2024-01-03", "2024-01-09", "Unknown", "-", "-", "", None, "2024-01-04", "2024-01-04"]
    with pytest.warns(UserWarning, match=r"'a' \('-' in 2 rows, 'Unknown' in 1 row\)"):
        encoder = fit(values)
    (axis,) = encoder.axes
    assert (axis.kind, axis.missing) == ("date with gaps", 5 / 9)
    assert np.datetime64(int(axis.median), "D") == np.datetime64("2024-01-04")
    assert np.isnat(axis.decode(encode(encoder, values))).tolist() == [False] * 2 + [True] * 5 + [False] * 2
    half = ["2024-01-03", "2024-01-04", "?", "-", "na"]
    assert isinstance(fit(half * 5).axes[0], LevelsAxis)


def test_a_single_date_is_dropped_or_tells_gaps():
    with pytest.warns(UserWarning, match=r"'a' \(always 2024-01-03\)"):
        encoder = TableEncoder.fit(pd.DataFrame({"a": ["2024-01-03"] * 3, "b": [1, 2, 3]}))
    assert encoder.names == ("b",)
    z = encode(fit(["2024-01-03", None, "2024-01-03"]), ["2024-01-03", None])
    np.testing.assert_allclose(z, [[0, -1 / 3], [0, 2 / 3]])


@pytest.mark.parametrize(
    ("dates", "parts"),
    [
        (pd.date_range("2022-01-05", periods=800), {"month", "weekday"}),
        (pd.date_range("2022-01-05", periods=300), {"weekday"}),
        (pd.date_range("2022-01-05", periods=5), set()),
        (pd.date_range("2022-01-05", periods=99, freq="7D"), {"month"}),
        (pd.date_range("2022-01-01", periods=60, freq="MS"), {"month"}),
        (pd.date_range("1950-01-01", periods=60, freq="YS"), set()),
        (pd.date_range("2022-01-05", periods=100, freq="h"), {"hour"}),
        (pd.date_range("2022-01-05 12:00", periods=10), {"weekday"}),
    ],
)
def test_parts_enter_that_vary_and_come_again(dates, parts):
    assert set(fit(pd.Series(dates)).axes[0].shares) == parts


def test_weights_are_repetitions(rng):
    days = pd.Series(pd.date_range("2022-01-05", periods=800)[rng.integers(0, 800, 60)]).mask(
        rng.random(60) < 0.2
    )
    weight = rng.integers(1, 4, 60)
    often = days.repeat(weight)
    one = fit_dates(days, read_dates(days), weight=weight.astype(float))
    other = fit_dates(often, read_dates(often))
    for key, value in vars(other).items():
        assert getattr(one, key) == (value if isinstance(value, str) else pytest.approx(value)), key


def test_text_and_datetimes_are_the_same_to_the_bit(rng):
    times = pd.Series(pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 4e7, 200), unit="s"))
    encoder = fit(times)
    expected = encode(encoder, times)
    for other in (
        times.astype(str),
        times.dt.strftime("%d.%m.%Y %H:%M:%S"),
        times.astype("datetime64[ns]"),
        list(times),
    ):
        np.testing.assert_array_equal(encode(encoder, other), expected)


def test_options_of_a_fit_come_before_dates():
    ambiguous = ["01/02/2024", "03/04/2024"] * 6
    with pytest.raises(ValueError, match="whether day or month comes first"):
        fit(ambiguous)
    assert isinstance(fit(ambiguous, categorical=["a"]).axes[0], LevelsAxis)
    values = [*map("2024-01-{:02}".format, range(1, 31)), "ongoing"]
    encoder = fit(values, na_values=["ongoing"])
    assert encoder.axes[0].gaps == ("ongoing",)
    assert np.isnat(encoder.axes[0].decode(encode(encoder, values))[-1])
    X = pd.DataFrame({"a": values, "b": ambiguous[:1] * 15 + ambiguous[1:2] * 16})
    est = SpectralRegressor(
        dim=3, n_epochs=1, random_state=0, na_values=["ongoing"], categorical=["b"], form="single"
    )
    assert [axis.kind for axis in est.fit(X, range(31)).view().axes] == ["date with gaps", "levels"]


def test_dates_that_stand_for_no_value():
    values = ["2024-01-03", "2024-01-09", "9999-12-31"]
    for column in (
        values,
        pd.Series(values).astype("datetime64[s]"),
        [*map(datetime.date.fromisoformat, values)],
    ):
        (axis,) = fit(column, na_values=["9999-12-31"]).axes
        assert (axis.kind, axis.last) == ("date with gaps", 19731.0)


def test_the_order_of_training_holds_for_new_rows():
    encoder = fit(["31/01/2024", "05/12/2023"])
    np.testing.assert_array_equal(encode(encoder, ["05/12/2023"]), encode(encoder, ["2023-12-05"]))
    with pytest.raises(
        ValueError, match=r"dates with the day first, as in training .* got '01/31/2024' in row 0"
    ):
        encode(encoder, ["01/31/2024"])
    iso = fit(["2024-01-31", "2023-12-05"])
    with pytest.raises(ValueError, match=r"shows whether day or month comes first"):
        encode(iso, ["05/12/2023"])
    for bad in (["soon"], [45000], [True]):
        with pytest.raises(ValueError, match=r"expected dates in column 'a'; got .* in row 0; write"):
            encode(iso, bad)


def said(encoder, values):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        encode(encoder, values)
    return [str(warning.message) for warning in caught]


def test_what_training_had_not_is_said_once():
    days = pd.date_range("2020-01-01", periods=500)
    encoder = fit(days[days.month != 8])
    assert said(encoder, ["2020-05-04", "2021-05-14"]) == []
    (text,) = said(encoder, ["2020-08-04", "2024-01-01 18:00", None, "2020-08-05"])
    for part in (
        "column 'a' has 1 missing date, the first in row 2, but had none in training",
        "1 time of day, such as 2024-01-01T18:00:00 in row 1",
        "1 date outside the training dates (2020-01-01 to 2021-05-14), such as 2024-01-01T18:00:00 in row 1",
        "2 dates of a month that does not occur in training, such as 2020-08-04T00:00:00 in row 0",
    ):
        assert part in text.replace("T00:00:00 to", " to").replace("T00:00:00)", ")")


def test_text_that_counts_as_missing_is_said_unless_training_had_it():
    days = ["2024-01-03", "2024-01-09", "2024-01-04", "Unknown"]
    with pytest.warns(UserWarning, match="'Unknown' in 1 row"):
        gappy = fit(days)
    assert said(gappy, ["2024-01-05", "Unknown ", None]) == said(gappy, ["2024-01-05", "Unknown"]) == []
    (text,) = said(gappy, ["2024-01-05", "?", "NaT"])
    assert "text that is read as missing: '?' in 1 row, 'NaT' in 1 row" in text
    (text,) = said(fit(days[:3]), ["2024-01-05", "?"])
    assert "1 missing date ('?' in 1 row read as missing), the first in row 1" in text


def test_time_zones_are_moved_to_utc_and_said(rng):
    local = pd.Series(pd.date_range("2024-01-01", periods=60, freq="7h", tz="Europe/Oslo"))
    with pytest.warns(UserWarning, match=r"in UTC .* 'a' \(2024-01-01 00:00:00\+01:00 as 2023-12-31T23"):
        encoder = fit(local)
    utc = local.dt.tz_convert("UTC")
    np.testing.assert_array_equal(encode(encoder, local), encode(encoder, utc))
    np.testing.assert_array_equal(encode(encoder, local.map(str)), encode(encoder, utc))
    assert said(encoder, utc) == []
    (text,) = said(encoder, utc.dt.tz_localize(None))
    assert "no time zone, unlike training; times count as UTC" in text
    (text,) = said(fit(utc.dt.tz_localize(None)), utc)
    assert "a time zone, unlike training" in text


def test_states_survive(rng):
    days = pd.Series(pd.date_range("2022-01-05", periods=800)).mask(rng.random(800) < 0.1)
    encoder = fit(days)
    assert encoder.axes[0].n_features == 1 + 12 + 7 + 1
    assert TableEncoder.from_state(encoder.state()) == encoder


def test_explanations_show_dates(rng):
    encoder = TableEncoder.fit(pd.DataFrame({"a": ["31.01.2024", "05.02.2024", None], "b": [1, 2, 3]}))
    cells = encoder.cells(pd.DataFrame({"a": ["05.02.2024", None], "b": [1, 2]}))
    assert cells.astype(str).tolist() == [["2024-02-05", "1"], ["NaT", "2"]]


def test_one_missing_date_among_none_counts_as_average():
    encoder = fit(["2024-01-31", "2023-12-05"])
    with pytest.warns(UserWarning, match="1 missing date"):
        z = encode(encoder, pd.Series([None], dtype=object))
    assert not z.any()


def test_rows_with_dates_of_every_type_are_compared():
    same = [datetime.date(2024, 1, 31), None, datetime.date(2024, 2, 1)]
    for values in (same, pd.Series(same, dtype="date32[pyarrow]"), pd.PeriodIndex(same, freq="D")):
        X = pd.DataFrame({"day": pd.Series(values).repeat(5), "x": 1.0})
        est = SpectralRegressor(dim=3, n_epochs=1, random_state=0, form="single")
        with pytest.warns(UserWarning, match="'x'"):
            assert len(est.fit(X, np.repeat([1.0, 2.0, 4.0], 5)).background_) < 4

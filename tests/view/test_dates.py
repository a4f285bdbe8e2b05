"""The axis of a column of dates: features, decoding, grids and directions."""

import numpy as np
import pandas as pd
import pytest

from spectral_interp.view import DateAxis
from spectral_interp.view.dates import as_dates, parts_of

DAYS = np.arange("2022-01-01", "2024-01-01", dtype="datetime64[D]")


def axis(**options):
    days = DAYS.astype(float)
    found = parts_of(days)
    shares = {part: tuple(np.bincount(at) / len(at)) for part, at in found.items()}
    return DateAxis(
        "day",
        **{
            "mean": days.mean(),
            "scale": days.std(),
            "first": days[0],
            "last": days[-1],
            "month": shares["month"],
            "weekday": shares["weekday"],
            **options,
        },
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"median": 19300.0, "missing": 0.2},
        {"month": (), "weekday": ()},
        {"time": True, "hour": (0.25, *[0.0] * 11, 0.75, *[0.0] * 11)},
    ],
)
def test_dates_survive_encoding(options, rng):
    day = axis(**options)
    values = np.sort(rng.choice(DAYS, 50, replace=False)).astype("datetime64[s]")
    values += np.timedelta64(12, "h") * day.time
    if day.median is not None:
        values[0] = "NaT"
    z = day.encode(values)
    assert z.shape == (50, day.n_features) == (50, len(day.feature_names))
    np.testing.assert_array_equal(day.decode(z).astype("datetime64[s]"), values)
    known = day.coordinates(values)
    np.testing.assert_allclose(day.locate(z), known)
    grid = day.grid(known, 9)
    assert (np.diff(grid) > 0).all()
    np.testing.assert_allclose(day.place(grid), day.encode(day.values(grid)), atol=1e-9)
    assert day.values(grid).dtype == ("datetime64[s]" if day.time else "datetime64[D]")


def test_features_are_zero_for_the_average_date():
    np.testing.assert_allclose(axis().encode(DAYS).mean(axis=0), 0, atol=1e-12)
    gappy = axis(median=float(DAYS[-1].astype(int)), missing=0.5)
    z = gappy.encode([*DAYS, *[None] * len(DAYS)])
    np.testing.assert_allclose(z[:, 1:].mean(axis=0), 0, atol=1e-12)
    (gap,) = gappy.encode([None])
    assert gap[0] == pytest.approx((gappy.median - gappy.mean) / gappy.scale)
    assert gap[-1] == 0.5
    assert not gap[1:-1].any()
    assert not axis().encode([None]).any()


def test_parts_are_those_of_the_calendar():
    day = axis()
    features = dict(zip(day.feature_names, day.encode(["2023-07-05"])[0], strict=True))
    high = [name for name, value in features.items() if value > 0]
    assert high == ["day elapsed", "day month = Jul", "day weekday = Wed"]
    dates = as_dates(["0001-01-01T00", "1969-12-31T23:59:59", "2024-02-29T00", "9999-12-31T12"])
    found = parts_of(dates.astype(np.int64) / 86_400e6)
    assert found["month"].tolist() == [0, 11, 1, 11]
    assert found["weekday"].tolist() == [d.weekday() for d in dates.tolist()]
    assert found["hour"].tolist() == [0, 23, 0, 12]


def test_a_level_that_training_had_not_is_the_average_of_its_part():
    day = axis(month=(0.5, 0.5, *[0.0] * 10))
    assert sum("month" in name for name in day.feature_names) == 2
    z = dict(zip(day.feature_names, day.encode(["2023-07-05"])[0], strict=True))
    assert z["day month = Jan"] == z["day month = Feb"] == 0
    assert z["day weekday = Wed"] > 0


def test_directions_are_steps_of_one_part_alone():
    day = axis()
    directions = day.directions()
    assert len(directions.labels) == len(directions.steps) == 2 + 12 * 11 + 7 * 6
    assert np.isnan(directions.per_own)
    a, b = day.encode(["2023-08-02", "2023-08-05"])  # Wednesday, Saturday
    step = directions.steps[directions.labels.index("weekday Wed → Sat")]
    np.testing.assert_allclose(b - a - step, [3 / day.scale] + [0] * 19, atol=1e-12)
    straight = axis(month=(), weekday=()).directions()
    assert straight.labels == ("standard deviation of day",)
    assert straight.per_own == pytest.approx(1 / day.scale)


def test_lines_stay_on_one_weekday_where_there_are_many_weeks():
    day = axis()
    u = day.coordinates(DAYS)
    line, which = day.trace(u, 401, day.coordinates(["2023-07-05"])[0])
    assert which == "every Wed"
    assert {date.weekday() for date in day.values(line).tolist()} == {2}
    assert len(line) == 104
    few, which = day.trace(u[:30], 401, u[3])
    assert which == ""
    assert len(few) == 30
    hourly = axis(month=(), weekday=(), hour=(1 / 24,) * 24, time=True)
    line, which = hourly.trace(u, 401, hourly.coordinates(["2023-07-05T10:30"])[0])
    assert which == "every day at 10:30"
    assert len(line) <= 401


def test_dates_far_apart_are_told_from_near_ones_on_the_grid():
    day = axis()
    single = day.grid(day.coordinates(["2023-07-05"]), 9)
    assert len(single) >= 3
    observed = day.coordinates(DAYS[::17])
    assert np.isin(observed, day.grid(observed, 9)).all()  # the weekday enters: every date has its own value


@pytest.mark.parametrize("value", ["soon", 5, 2.5, True])
def test_values_that_are_no_dates_are_refused(value):
    with pytest.raises(ValueError, match=r"expected dates of 'day', such as 2024-01-31; got"):
        axis().checked(["2024-01-31", value])
    with pytest.raises(ValueError, match="which has no gaps; got a missing one"):
        axis().checked(["2024-01-31", None])
    assert np.isnat(axis(median=19300.0, missing=0.2).checked([None])).all()


@pytest.mark.parametrize(
    "value", ["2024-01-31T02:00+02:00", pd.Timestamp("2024-01-31T02:00", tz="Europe/Helsinki")]
)
def test_time_zones_are_those_of_training(value):
    """Converted to UTC without a word where training had them, and refused where it had none."""
    assert axis(utc=True).checked([value]) == np.datetime64("2024-01-31T00:00")
    with pytest.raises(ValueError, match="expected dates of 'day' without time zones"):
        axis().checked([value])

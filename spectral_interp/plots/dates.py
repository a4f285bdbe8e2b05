"""Dates on the axes of figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axis import Axis
from matplotlib.dates import (
    DAILY,
    HOURLY,
    MINUTELY,
    MONTHLY,
    SECONDLY,
    AutoDateLocator,
    ConciseDateFormatter,
)

from .._common.arrays import FloatArray
from ..view.dates import as_dates, days_of

TICKS, FEW_TICKS = 7, 4
"""Maximum number of dates on an axis, and on a narrow axis."""

WHOLE = {MONTHLY: 12, DAILY: 31, HOURLY: 24, MINUTELY: 60, SECONDLY: 60}
"""Steps of a year, a month, a day, an hour and a minute, which Matplotlib lacks between few dates."""


def holds_dates(values: pd.Series) -> bool:
    """Return whether values are dates.

    Examples
    --------
    >>> holds_dates(pd.Series(np.array(["2024-01-31"], "datetime64[D]"))), holds_dates(pd.Series([1.0]))
    (True, False)
    """
    return pd.api.types.is_datetime64_any_dtype(values.dtype)


def drawn(values: Any) -> FloatArray:
    """Return the positions of numbers and dates, (m,): dates are drawn at their days since 1970-01-01.

    Examples
    --------
    >>> drawn(pd.Series([1.5])), drawn(np.array(["2024-01-31"], "datetime64[D]"))
    (array([1.5]), array([19753.]))
    """
    array = np.asarray(values)
    return days_of(as_dates(array)) if array.dtype.kind == "M" else array.astype(np.float64)


def label_dates(axis: Axis, *, narrow: bool = False) -> None:
    """Label an axis of days since 1970-01-01 with a few dates."""
    locator = AutoDateLocator(minticks=2, maxticks=FEW_TICKS) if narrow else AutoDateLocator(maxticks=TICKS)
    for part, whole in WHOLE.items():
        locator.intervald[part] = [*locator.intervald[part], whole]
    axis.set_major_locator(locator)
    axis.set_major_formatter(ConciseDateFormatter(locator))

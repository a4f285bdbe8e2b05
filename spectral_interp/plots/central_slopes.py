"""What is proven of slopes where the data are, of columns whose direction is not proven everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from .._common.text import at_least, at_most, counted, percent
from ..certificates.bounds import Certificate
from .figure import Figure

CENTRAL = 0.4
"""Share of the values of every column that are in the region."""

BOXES = 120
"""Boxes that are bounded for a column."""

NEARLY = 0.1
"""Slopes are nearly of one sign if the largest of the other sign is at most this share of the largest."""


def candidates(certificate: Certificate, names: Sequence[str]) -> list[str]:
    """Return those columns of numbers whose slopes at the rows have one sign, or nearly, which is not proven.

    Examples
    --------
    >>> from spectral_interp import Pencil, certify
    >>> bent = Pencil(diag=[[0.0, 4.0], [1.0, -2.0]], off=[[0.0], [0.0]], k=0)
    >>> candidates(certify(bent, [[0.0], [1.0]]), ["z0"]), candidates(certify(bent, [[0.0], [3.0]]), ["z0"])
    (['z0'], [])
    """
    found = []
    for name in names:
        line = certificate.column(name)
        ends = sorted((abs(line["observed_min"]), abs(line["observed_max"])))
        same = line["observed_min"] * line["observed_max"] > 0 or ends[0] <= NEARLY * ends[1]
        if not line["monotone"] and ends[1] > 0 and same and certificate.view.axis(name).sloped:
            found.append(name)
    return found


def central_slopes_table(certificate: Certificate, names: Sequence[str]) -> pd.DataFrame:
    """Return one line per column: its slopes where every column is in the middle of its background values.

    Parameters
    ----------
    certificate : Certificate
    names : sequence of str
        Columns of numbers.

    Returns
    -------
    DataFrame
        ``low`` to ``high`` is proven per ``step``, ``attained_low`` to ``attained_high`` was found in the
        region; ``monotone`` is 1 if predictions provably never fall in it, −1 if they never rise, 0 if
        neither is proven. The region holds the central ``share`` of every column.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from spectral_interp import Pencil, certify
    >>> from spectral_interp.view import view_of
    >>> view = view_of(Pencil(diag=[[0.0, 4.0], [1.0, -2.0]], off=[[0.0], [0.0]], k=0))
    >>> cert = certify(replace(view, background=[[-1.0], [0.0], [1.0]]))
    >>> central_slopes_table(cert, ["z0"])[["column", "monotone"]].values.tolist()
    [['z0', 1]]
    """
    within = certificate.usual(CENTRAL)
    return pd.DataFrame([_line(certificate, name, within) for name in names])


def _line(certificate: Certificate, name: str, within: dict[str, Any]) -> dict[str, Any]:
    limits = within | {name: tuple(end for end in within[name] if end is not None)}
    found = certificate.slopes(name, limits, max_evaluations=BOXES)
    low, high = limits[name]
    return {
        "column": name,
        "from": low,
        "to": high,
        "step": found.step,
        "low": found.low,
        "high": found.high,
        "attained_low": found.attained_low,
        "attained_high": found.attained_high,
        "monotone": found.monotone,
        "share": CENTRAL,
        "unit": found.unit,
    }


def central_sentences(table: pd.DataFrame) -> list[str]:
    """Return a sentence for every column whose direction is proven where the data are."""
    where = f"Where every number is in the central {percent(CENTRAL)} of its background values"
    return [
        f"{where}, predictions never {'fall' if line['monotone'] > 0 else 'rise'} when {line['column']} "
        f"rises: slopes are between {at_least(line['low'])} and {at_most(line['high'])} ({line['unit']} per "
        f"{line['step']})."
        for line in table[table["monotone"] != 0].to_dict("records")
    ]


def finding(table: pd.DataFrame) -> str:
    """State for how many columns a direction is proven."""
    proven = int((table["monotone"] != 0).sum())
    tried = counted(len(table), "column")
    return (
        f"Where the data are, a direction is proven for {proven} of {tried} whose direction is not proven "
        "for every input."
    )


central_slopes = Figure(
    name="central_slopes",
    title="What is proven where the data are",
    kind="Table",
    reading="Columns whose slopes at the rows have one sign, or nearly, though that is not proven for every "
    "input. In the region every number is in the central 40 % of its background values, for the column "
    "itself between from and to, and levels are any of the background. It is proven that every slope in the "
    "region is between low and high.",
    table=central_slopes_table,
    finding=finding,
    headers={"attained_low": "attained, lowest", "attained_high": "attained, highest"},
    once=("share", "unit"),
)

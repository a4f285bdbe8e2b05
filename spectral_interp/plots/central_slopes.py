"""Slopes proven where the data are, for columns whose direction is not proven for every input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from .._common.text import at_least, at_most, counted, percent
from ..certificates.bounds import Certificate
from .figure import Figure

CENTRAL = 0.4
"""Share of the values of every column inside the region."""

BOXES = 120
"""Maximum number of boxes bounded per column."""

NEARLY = 0.1
"""Maximum ratio of the largest slope of the other sign to the largest slope, for nearly one sign."""


def candidates(certificate: Certificate, names: Sequence[str]) -> list[str]:
    """Return the columns of numbers whose slopes at the rows have one sign, or nearly so, without a proof.

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
    """Return one line per column with its slopes in the middle of the background values of all columns.

    Parameters
    ----------
    certificate : Certificate
    names : sequence of str
        Columns of numbers.

    Returns
    -------
    DataFrame
        ``low`` and ``high`` are proven bounds per ``step``; ``attained_low`` and ``attained_high`` are the
        extreme slopes found in the region. ``monotone`` is 1 if predictions provably never fall there, −1 if
        they never rise, 0 if neither is proven. The region is the central ``share`` of every column.

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
    """Return a sentence for every column whose direction is proven in the region."""
    where = f"If every number is in the central {percent(CENTRAL)} of its background values"
    return [
        f"{where}, predictions never {'fall' if line['monotone'] > 0 else 'rise'} when {line['column']} "
        f"rises: slopes are between {at_least(line['low'])} and {at_most(line['high'])} ({line['unit']} per "
        f"{line['step']})."
        for line in table[table["monotone"] != 0].to_dict("records")
    ]


def finding(table: pd.DataFrame) -> str:
    """State the number of columns with a proven direction."""
    proven = int((table["monotone"] != 0).sum())
    tried = counted(len(table), "column")
    return (
        f"Of {tried} without a direction proven for every input, {proven} {'has' if proven == 1 else 'have'} "
        "a direction proven where the data are."
    )


central_slopes = Figure(
    name="central_slopes",
    title="Directions proven where the data are",
    kind="Table",
    reading="The table lists columns whose slopes at the rows have one sign, or nearly so, without a proof "
    "for every input. In the region, every number is in the central 40 % of its background values, and "
    "levels are any of those in the background. From and to are the ends of the region for the column "
    "itself. Every slope in the region is proven to be between low and high.",
    table=central_slopes_table,
    finding=finding,
    headers={"attained_low": "attained, lowest", "attained_high": "attained, highest"},
    once=("share", "unit"),
)

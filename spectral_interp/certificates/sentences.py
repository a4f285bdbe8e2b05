"""Certificates as sentences."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from .._common.text import at_least, at_most, class_text, counted, listed
from ..view import Axis

NAMED = 5
"""Maximum number of columns that the sentence about curvature names."""

LOOSE = 2.0
"""Least ratio of the widths of the proven and the observed interval that a sentence points out."""


def is_change(line: Any) -> bool:
    """Return whether the certificate of a column is about one named change, not about a direction."""
    return line["kind"] == "levels" or line.get("own_step") == ""


def monotone_sentence(line: dict[str, Any]) -> str:
    """Return the proven direction of a column; empty if there is none."""
    name, verdict = line["column"], line["monotone"]
    if not line["norm"]:
        if line.get("gap_norm"):
            return f"Predictions depend on {name} only by whether it is missing."
        return f"Predictions do not depend on {name}."
    where = ", between rows that have a value" if line["kind"].endswith("with gaps") else ""
    if len(re.findall(" [≤=] ", str(line.get("order", "")))) > 1:
        return f"Predictions never fall along the levels of {name}: {line['order']}."
    if is_change(line):
        alone = "" if line["kind"] == "levels" else " alone"
        return f"Changing {name} ({line['step']}{alone}) never lowers a prediction{where}." if verdict else ""
    return (
        f"Predictions never {'fall' if verdict > 0 else 'rise'} when {name} rises{where}." if verdict else ""
    )


def norm_sentence(line: dict[str, Any]) -> str:
    """Return the largest effect of a step of a column; empty if it has none."""
    if not line["norm"]:
        return ""
    most = f"{at_most(line['norm'])} ({line['unit']})"
    if line["kind"] == "levels":
        return f"No change of {line['column']} moves a prediction by more than {most}."
    where = " between rows that have a value" if line["kind"].endswith("with gaps") else ""
    if is_change(line):
        return (
            f"No step of {line['column']}{where} moves a prediction by more than {most}: neither a standard "
            "deviation of elapsed time nor a change of month, weekday or hour, each of them alone."
        )
    return f"One {line['step']}{where} never moves a prediction by more than {most}."


def gap_sentence(line: dict[str, Any]) -> str:
    """Return the effect of a missing value; empty for a column without gaps, or without an effect."""
    if not line.get("gap_norm"):
        return ""
    instead = " instead of its median" if line["norm"] else ""
    ends = f"{at_least(line['gap_low'])} to {at_most(line['gap_high'])} ({line['unit']})"
    return f"A missing {line['column']}{instead} moves a prediction by {ends}."


def curvature_sentence(axes: Sequence[Axis], curvature: str | None, *, linear: bool) -> str:
    """Return the columns in which a model is linear, convex or concave; empty if there are none."""
    numbers = [
        f"log {axis.name}" if axis.log else axis.name for axis in axes if axis.linear or len(axis.knots) == 2
    ]
    if not numbers or not (linear or curvature):
        return ""
    more = len(numbers) - NAMED
    named = listed(numbers if more <= 0 else [*numbers[:NAMED], counted(more, "other number")])
    fixed = any(not (axis.linear or len(axis.knots) == 2) or axis.gap() for axis in axes)
    where = ", between rows of the same levels and gaps" if fixed else ""
    if linear:
        return f"Predictions are linear in {named}{where}."
    side = "below" if curvature == "convex" else "above"
    return f"Predictions are {curvature} in {named}{where}: every tangent plane bounds them from {side}."


def looseness_sentence(lines: Sequence[dict[str, Any]], rows: int) -> str:
    """Return the column whose proven interval is widest relative to the observed one; empty if none is wide.

    The intervals of a sum add the extremes of its neurons, which are seldom reached at the same input.
    """
    wide = [line for line in lines if line["norm"] and not is_change(line) and "observed_min" in line]
    if rows < 2 or not wide:
        return ""

    def widths(line: dict[str, Any]) -> tuple[float, float]:
        return line["high"] - line["low"], line["observed_max"] - line["observed_min"]

    worst = max(wide, key=lambda line: widths(line)[0] - LOOSE * widths(line)[1])
    if widths(worst)[0] <= LOOSE * widths(worst)[1]:
        return ""
    ends = f"{at_least(worst['low'])} to {at_most(worst['high'])}"
    seen = f"{at_least(worst['observed_min'])} to {at_most(worst['observed_max'])}"
    return (
        f"The proven interval of {worst['column']} is wider than what was observed: {ends} against {seen} at "
        f"the {rows:,} rows ({worst['unit']} per {worst['step']}); it holds for every input."
    )


def class_sentence(radius: float, rows: int, where: str = "features", two: tuple[Any, ...] = ()) -> str:
    """Return the distance within which half of the rows, or the only row, keep their class; empty if it is 0.

    ``two`` names two of several classes; the sentence is then about the likelier of these two.
    """
    who = "For half of the rows" if rows > 1 else "For the row"
    within = "" if math.isinf(radius) else f" by less than {at_least(radius)}"
    if two:
        one, other = map(class_text, two)
        kept = f"{who} the likelier of {one} and {other} stays the same"
    else:
        kept = "Half of the rows keep their class" if rows > 1 else "The row keeps its class"
    return f"{kept} under every change of the {where}{within}." if radius else ""

"""Smallest change of one row that gives a target prediction, column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes

from .._common.plain import Found
from .._common.text import counted, listed, number, plain_label, row_text
from ..nearest.counterfactuals import Counterfactual, size_text
from ..view import Axis, ModelView, NumberAxis
from .figure import Figure
from .lines import Colours, fold_names, height_of_lines, legend_below, name_lines
from .style import FAINT, GREEN, TOP, WHOLE
from .text import LETTER, printable, room, row_name, shorten, shorten_value, value_text

_BELOW = 0.34
"""Distance of the numbers at the ends of a track below it, in lines."""

_NAME = 20
"""Maximum number of characters of a name, which shares the width with values beside the tracks."""

_SHORT = 0.06
"""Maximum change, as a share of the range, for which there is no room for an arrow."""

_ARROW = {"arrowstyle": "-|>", "color": GREEN, "linewidth": 2}


def nearest_change_table(
    found: Counterfactual, view: ModelView, label: Any, aim: str = "", fixed: Sequence[str] = ()
) -> pd.DataFrame:
    """Return one line per changed column, most costly first, or one line without a column if none changes.

    Parameters
    ----------
    found : Counterfactual
    view : ModelView
        View of the model, for the ranges of its columns in training.
    label : object
        The user's label of the row.
    aim : str
        Description of the target, if one is needed.
    fixed : sequence of str
        Columns that were not allowed to change.

    Returns
    -------
    DataFrame
        ``from`` and ``to`` are in the table's units. ``low`` and ``high`` are the range in training, missing
        for levels; ``from_share`` and ``to_share`` are the positions of both values in this range, from 0 to
        1. ``distance`` is the size of the change, or inf if none was found. ``proven_distance`` is a proven
        bound: no smaller allowed change gives the target. It is inf if no allowed change gives the target.

    Examples
    --------
    >>> from spectral_interp import Pencil, counterfactual
    >>> from spectral_interp.view import view_of
    >>> pencil = Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0)
    >>> near = counterfactual(pencil, [[0.0]], target=3, limits={"z0": (-5, 5)})
    >>> table = nearest_change_table(near, view_of(pencil), 0)
    >>> table[["column", "from", "to", "distance"]].round(6).values.tolist()
    [['z0', 0.0, 1.5, 1.5]]
    """
    changes = found.changes if len(found.changes) else pd.DataFrame([[None, None, None, np.nan]])
    lines = [
        {"column": column, "from": old, "to": new, "cost": cost, **_track(view, column, old, new)}
        for column, old, new, cost in changes.itertuples(index=False)
    ]
    classes = bool(view.output.classes)
    return pd.DataFrame(lines).assign(
        distance=found.distance,
        proven_distance=found.lower,
        norm=found.norm,
        row=label,
        now=found.now,
        target=found.target,
        aim=aim,
        prediction=found.prediction,
        reached=found.reached,
        of="class" if classes else "number",
        fixed=", ".join(fixed),
        unit=found.unit,
    )


def _track(view: ModelView, column: str | None, old: Any, new: Any) -> dict[str, Any]:
    """Return the range of a column in training, and the positions of two values in it."""
    axis = None if column is None else view.axis(column)
    ends = None if axis is None else _ends(axis)
    if axis is None or ends is None:
        return {"low": None, "high": None, "from_share": np.nan, "to_share": np.nan}
    low, high, start, end = (float(axis.coordinates([value])[0]) for value in (*ends, old, new))
    width = (high - low) or 1.0
    shares = {"from_share": (start - low) / width, "to_share": (end - low) / width}
    return {"low": ends[0], "high": ends[1], **shares}


def _ends(axis: Axis) -> tuple[Any, Any] | None:
    """Return the smallest and largest values in training; None for levels and if they are unknown."""
    if not axis.sloped and not axis.continuous:
        return None
    if isinstance(axis, NumberAxis):
        return None if axis.low is None or axis.high is None else (axis.low, axis.high)
    first, last = axis.values((np.array([axis.first, axis.last]) - axis.mean) / axis.scale)  # type: ignore[attr-defined]
    return first, last


def draw(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> None:
    """Draw a track for every changed column: its range in training, the row's value and the new value.

    Parameters
    ----------
    table : DataFrame
        From :func:`nearest_change_table`.
    ax : Axes
    colours : mapping, optional
        Colours of columns, from :func:`spectral_interp.plots.column_colours`.
    """
    ax.set_title(shorten(f"Row {row_name(table['row'].iloc[0])}: {_way(table)}", 60))
    ax.set_xticks([])
    ax.spines[["bottom", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    if not _is_found(table):
        ax.set_yticks([])
        ax.text(0.5, 0.5, _none(table), ha="center", va="center", transform=ax.transAxes, wrap=True)
        return
    names = fold_names(table["column"].tolist())
    shown = table.iloc[: TOP if len(names) < len(table) else None]
    name_lines(ax, names, colours=colours, width=_NAME)
    ax.set_ylim(len(names) - 0.3, -0.6)
    ax.set_xlim(*_limits(shown, ax))
    for at, line in enumerate(shown.to_dict("records")):
        add = _add_words if np.isnan(line["from_share"] + line["to_share"]) else _add_track
        add(line, at, ax)
    ax.set_xlabel("from the smallest to the largest value in training")
    legend_below(ax)


def _limits(shown: pd.DataFrame, ax: Axes) -> tuple[float, float]:
    """Return limits of the axis with room for values beside the tracks, which extend from 0 to 1."""
    pairs = zip(shown["from"], shown["to"], strict=True)
    texts = [shorten_value(text) for old, new in pairs for text in both_texts(old, new)]
    wide = LETTER * 1.15 * rcParams["font.size"] * max(map(len, texts))
    beside = 0.03 + wide / max(room(ax) - 2 * wide, wide)
    return -beside, 1 + beside


def _add_track(line: Mapping[Any, Any], at: int, ax: Axes) -> None:
    """Draw a column with a range: an arrow from the old value to the new one, with both values beside it."""
    start, end = np.clip([line["from_share"], line["to_share"]], 0, 1).tolist()
    ax.plot([0, 1], [at, at], color=FAINT, linewidth=5, solid_capstyle="butt", zorder=1)
    if abs(end - start) > _SHORT:
        ax.annotate("", (end, at), (start, at), arrowprops=_ARROW | {"shrinkA": 4, "shrinkB": 3}, zorder=2)
    is_first = "needed" not in ax.get_legend_handles_labels()[1]
    one, other = ("current value", "needed") if is_first else (None, None)
    look: dict[str, Any] = {"markersize": 8, "linestyle": "", "color": GREEN}
    ax.plot(end, at, "o", label=other, zorder=3, **look)
    ax.plot(start, at, "o", markerfacecolor="white", markeredgewidth=2, label=one, zorder=4, **look)
    old, new = map(shorten_value, both_texts(line["from"], line["to"]))
    ax.text(-0.03, at, old, ha="right", va="center")
    ax.text(1.03, at, new, ha="left", va="center", fontweight="bold")
    for share, value, side in ((0, line["low"], "left"), (1, line["high"], "right")):
        ax.text(share, at + _BELOW, _brief(value), ha=side, va="center", color=WHOLE, fontsize=9)


def _add_words(line: Mapping[Any, Any], at: int, ax: Axes) -> None:
    """Write a change of level, or a change to or from a missing value."""
    ax.text(0.46, at, _brief(line["from"]), ha="right", va="center")
    ax.annotate("", (0.54, at), (0.47, at), arrowprops=_ARROW)
    ax.text(0.56, at, _brief(line["to"]), ha="left", va="center", fontweight="bold")


def _brief(value: Any) -> str:
    return shorten_value(printable(value_text(value)))


def _way(table: pd.DataFrame) -> str:
    """Return a brief description of the change of the prediction."""
    first = table.iloc[0]
    if first["of"] == "class":
        return f"from {first['now']} to {first['target']}"
    return f"from {number(first['prediction'])} to {first['target']}"


def _is_found(table: pd.DataFrame) -> bool:
    return bool(np.isfinite(table["distance"].iloc[0]))


def _none(table: pd.DataFrame) -> str:
    if np.isinf(table["proven_distance"].iloc[0]):
        return "proven: no allowed change gives this prediction"
    return "no allowed change that gives this prediction was found"


def both_texts(old: Any, new: Any) -> tuple[str, str]:
    """Return two values as text, with enough digits to distinguish two numbers.

    Examples
    --------
    >>> both_texts(-122.08, -122.11), both_texts("Oslo", None)
    (('−122.08', '−122.11'), ('Oslo', 'missing'))
    """
    texts = value_text(old), value_text(new)
    if texts[0] == texts[1]:
        tried = ((number(float(old), digits), number(float(new), digits)) for digits in range(5, 17))
        return next((pair for pair in tried if pair[0] != pair[1]), texts)
    return texts


def change_texts(table: pd.DataFrame, most: int = TOP) -> list[str]:
    """Return every change as text. Changes after the first ``most`` are only counted."""
    texts = [
        f"{column} from {' to '.join(both_texts(old, new))}"
        for column, old, new in table[["column", "from", "to"]].itertuples(index=False)
    ]
    few = len(texts) <= most + 1
    return texts if few else [*texts[:most], counted(len(texts) - most, "other column")]


def finding(table: pd.DataFrame) -> str:
    """State the prediction, the change needed for the target, and the proven bound."""
    first = table.iloc[0]
    of_class = first["of"] == "class"
    now, target = (f"'{first[name]}'" if of_class else first[name] for name in ("now", "target"))
    aim = f", {first['aim']}" if first["aim"] else ""
    start = f"The prediction for row {row_text(first['row'])} is {now}."
    lower, norm = first["proven_distance"], first["norm"]
    if np.isinf(lower):
        return f"{start} It is proven that no allowed change gives {target}{aim}."
    smallest = size_text(lower, norm, bound=True)
    proven = f"it is proven that no allowed change smaller than {smallest} gives it"
    if not _is_found(table):
        bound = f"; {proven}" if lower > 0 else ""
        return f"{start} No allowed change that gives {target}{aim} was found{bound}."
    return (
        f"{start} The smallest change found that gives {target}{aim}: {listed(change_texts(table, 5))}. "
        f"Its size is {size_text(first['distance'], norm)}{_counting(table)}; "
        f"{proven if lower > 0 else 'there is no proven lower bound'}."
    )


def _counting(table: pd.DataFrame) -> str:
    """Return a note on the size of changes of levels and missing values, if there are any."""
    is_level = (table["from_share"] + table["to_share"]).isna() & (table["cost"] == 1)
    if not is_level.any() or table["norm"].iloc[0] == "columns":
        return ""
    return " (a change of level, or to or from a missing value, counts as 1)"


def reading(table: pd.DataFrame) -> str:
    """Return how to read the figure."""
    first = table.iloc[0]
    aim = (
        "The target is the other class; with more than two classes, it is the second most likely class."
        if first["of"] == "class"
        else "The target is the median of the predictions, or the upper quartile for the row with the median "
        "prediction."
    )
    fixed = f" Fixed columns: {first['fixed']}." if first["fixed"] else ""
    return (
        "The hollow dot is the row's value, the filled dot is the value needed, and the bar is the range of "
        f"the column in training. {aim} Columns that are not shown do not change.{fixed} The size of a "
        "change is the sum over columns of the change in standard deviations of the column (or of its "
        "logarithm if the model uses it); a change of level, or to or from a missing value, counts as 1. The "
        "search covers the ranges in training, or the given limits. The stated lower bound is proven, not "
        "sampled. The figure describes the model and is not advice: changing a column in reality may have a "
        "different effect, or none."
    )


@dataclass(frozen=True, kw_only=True)
class ChangeFound(Found):
    """Nearest change of a row to a target prediction; ``proven_distance`` is None if no change gives it."""

    row: int | str
    target: str
    changes: dict[str, list[str]]
    distance: float | None
    proven_distance: float | None
    sentence: str

    @classmethod
    def of(cls, table: pd.DataFrame) -> ChangeFound:
        """Return the change described by the table."""
        first, changed = table.iloc[0], table.dropna(subset="column")
        return cls(
            row=plain_label(first["row"]),
            target=first["target"],
            changes={
                line["column"]: list(both_texts(line["from"], line["to"]))
                for line in changed.to_dict("records")
            },
            distance=float(first["distance"]),
            proven_distance=float(first["proven_distance"]),
            sentence=finding(table),
        )


nearest_change = Figure(
    name="nearest_change",
    title="Row {row}: the smallest change from {now} to {target}",
    kind="Chart of changes",
    reading=reading,
    table=nearest_change_table,
    draw=draw,
    height=lambda table: height_of_lines(len(table) + 1),
    finding=finding,
    headers={
        "from_share": "from, as a share of the range",
        "to_share": "to, as a share of the range",
        "proven_distance": "proven distance",
    },
    once=(
        *(
            "distance",
            "proven_distance",
            "norm",
            "row",
            "now",
            "target",
            "aim",
            "prediction",
            "reached",
            "of",
        ),
        *("fixed", "unit"),
    ),
)

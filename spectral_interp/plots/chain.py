"""Inside the matrix: the chain of latents, and the contribution of every column at each latent and bond."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes

from .._common.arrays import FloatArray
from .._common.text import counted, listed, number, signed
from ..attribution.result import Attribution
from .figure import Figure
from .lines import Colours, add_squares, fold, fold_names, label_x, legend_below
from .style import COUPLING, COUPLING_HATCH, DIAGONAL, NEUTRAL, height
from .text import LETTER, NAME, room, row_name, shorten_all, shorten_value, unit_text, value_text

COLUMNS = 7
"""Number of columns with their own line where there are more than eight columns."""

_LARGEST, _THICKEST = 22.0, 9.0
"""Diameter of a latent and width of a bond of weight 1, in points."""

_BAR = 0.42
"""Width of a bar. The distance between a latent and a bond is 0.5."""

_NAMED = 0.1
"""Minimum weight for which the weight of a latent is written above it."""

_CHAIN = -1
"""Height of the chain, above the lines of the columns."""


def chain_table(
    attribution: Attribution, row: int | None = None, *, neuron: int = 0, share: float | None = None
) -> pd.DataFrame:
    """Return one line per (column, latent) and (column, bond), for one row or averaged over all rows.

    For one row, ``contribution`` is the part of the column's contribution at that latent or bond, ``weight``
    is ``v_j²`` or ``2 |v_j v_{j+1}|``, and ``whole`` is the contribution of the column. Without a row, each
    is the mean absolute value over the rows. Columns are in decreasing order of |whole|; if there are more
    than eight, the smallest share one line, "N others".

    Parameters
    ----------
    attribution : Attribution
        From method "local".
    row : int, optional
        Position in the attribution; negative values count from the end.
    neuron : int
        Position of the neuron in a sum.
    share : float, optional
        The neuron's share of the variance of the predictions of a sum.

    Raises
    ------
    ValueError
        If the row or neuron does not exist, or the contributions are not split by latent.

    Examples
    --------
    >>> from spectral_interp import Pencil, explain
    >>> att = explain(Pencil([[0.0, 0.0], [1.0, 1.0]], [[0.0], [2.0]], k=1), [[3.0]])
    >>> chain_table(att, 0)[["column", "at", "weight", "contribution"]].round(3).values.tolist()
    [['z0', '0', 0.5, 1.5], ['z0', '1', 0.5, 1.5], ['z0', '0–1', 1.0, 6.0]]
    """
    n, several = len(attribution), attribution.latent_weights().shape[1]
    if row is not None and not -n <= row < n:
        raise ValueError(f"expected row below {n}, the number of rows explained; got {row}")
    if not 0 <= neuron < several:
        raise ValueError(f"expected neuron below {several}, the number of neurons; got {neuron}")
    parts = [
        np.concatenate([at_latents, at_bonds], axis=-1)[..., neuron, :]
        for at_latents, at_bonds in (
            (attribution.by_latent(), attribution.by_bond()),
            (attribution.latent_weights(), np.abs(attribution.bond_weights())),
        )
    ]
    parts.append(parts[0].sum(axis=-1))
    added, weight, whole = (np.abs(part).mean(axis=0) if row is None else part[row] for part in parts)
    d = (len(weight) + 1) // 2
    places = [*map(str, range(d)), *(f"{j}–{j + 1}" for j in range(d - 1))]
    if not added[:, d:].any():
        places, added, weight = places[:d], added[:, :d], weight[:d]
    order = np.argsort(-np.abs(whole), kind="stable")
    names = fold_names([attribution.columns[i] for i in order], COLUMNS)
    name = "mean_abs_contribution" if row is None else "contribution"
    return pd.DataFrame(
        {
            "column": np.repeat(names, len(places)),
            **_values(attribution, row, order, len(places)),
            "at": places * len(names),
            "of": (["latent"] * d + ["bond"] * (len(places) - d)) * len(names),
            "weight": np.tile(weight, len(names)),
            name: fold(added[order].T, COLUMNS).T.ravel(),
            "whole": np.repeat(fold(whole[order], COLUMNS), len(places)),
            **({"rows": n} if row is None else {"row": attribution.rows[row]}),
            **({} if several == 1 else {"neuron": neuron, "share": np.nan if share is None else share}),
            "method": attribution.method,
            "unit": attribution.unit if row is None else attribution.unit_of(row),
        }
    )


def _values(attribution: Attribution, row: int | None, order: Any, places: int) -> dict[str, Any]:
    """Return the values of the columns in the row as text."""
    if row is None:
        return {}
    values = [value_text(value) for value in attribution.data[row, order]]
    shown = values if len(values) <= COLUMNS + 1 else [*values[:COLUMNS], ""]
    return {"value": np.repeat(shown, places)}


def draw(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> None:
    """Draw the chain at the top and a line of bars for every column below it.

    The area of a latent and the thickness of a bond show their weights. Bars are placed at a latent or
    between two latents, all on one scale. The number beside a line is the whole contribution of the column.

    Parameters
    ----------
    table : DataFrame
        From :func:`chain_table`.
    ax : Axes
    colours : mapping, optional
        Colours of columns, from :func:`spectral_interp.plots.column_colours`.
    """
    place = _places(table)
    chain = table[table["column"] == table["column"].iloc[0]]
    latents = int((chain["of"] == "latent").sum())
    _name_lines(table, ax, colours)
    ax.set_xlim(-0.7, latents - 0.3)
    apart = room(ax) / latents
    _add_chain(chain, place[chain.index], ax, apart)
    tallest = _add_bars(table, place, latents, ax)
    ax.set_xticks(range(0, latents, _step(apart)))
    label_x(ax, f"latent; tallest bar {_text(table, tallest)} ({unit_text(table['unit'].iloc[0])})")
    ax.set_title(_heading(table))
    legend_below(ax)


def _step(apart: float) -> int:
    """Return the step between numbered latents that are ``apart`` points apart."""
    return int(np.ceil(3 * LETTER * rcParams["font.size"] / apart))


def _is_single(table: pd.DataFrame) -> bool:
    return "contribution" in table


def _text(table: pd.DataFrame, value: float) -> str:
    """Return a contribution with its sign, or a mean |contribution|."""
    return signed(value) if _is_single(table) else number(value)


def _bars(table: pd.DataFrame) -> pd.Series:
    return table["contribution" if _is_single(table) else "mean_abs_contribution"]


def _places(table: pd.DataFrame) -> FloatArray:
    """Return the position of every line of the table along the chain: j for a latent, j + ½ for a bond."""
    first = table["at"].str.split("–").str[0].astype(np.float64)
    places: FloatArray = np.asarray(first + 0.5 * (table["of"] == "bond"), dtype=np.float64)
    return places


def _add_chain(chain: pd.DataFrame, place: FloatArray, ax: Axes, apart: float) -> None:
    """Draw the latents as discs and the bonds as lines, with large weights written above."""
    is_latent = (chain["of"] == "latent").to_numpy()
    at, weight = place[is_latent], chain["weight"].to_numpy()[is_latent]
    for middle, share in zip(place[~is_latent], chain["weight"][~is_latent], strict=True):
        ends = [middle - 0.5, middle + 0.5]
        ax.plot(ends, [_CHAIN, _CHAIN], color=COUPLING, linewidth=_THICKEST * share, solid_capstyle="butt")
    line = np.full(len(at), _CHAIN)
    ax.scatter(at, line, 9, facecolor="white", edgecolor=NEUTRAL, zorder=3)
    ax.scatter(at, line, _LARGEST**2 * weight, color=DIAGONAL, linewidth=0, zorder=4)
    ax.plot([], [], "o", color=DIAGONAL, markersize=_LARGEST / 2, label="weight of a latent")
    if not is_latent.all():
        ax.plot([], [], color=COUPLING, linewidth=_THICKEST / 2, label="weight of a bond")
    size = 0.75 * rcParams["font.size"]
    crowded = 4 * LETTER * size > apart
    for x, share in zip(at, weight, strict=True):
        if share >= _NAMED and (not crowded or share == weight.max()):
            above: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "fontsize": size}
            ax.annotate(f"{share:.0%}", (x, _CHAIN), (0, 3 + _LARGEST / 2), **above)


def _add_bars(table: pd.DataFrame, place: FloatArray, latents: int, ax: Axes) -> float:
    """Draw the bars of every column on its line. Return the tallest bar of a single column."""
    bars = _bars_by_line(table)
    scales = _scales(table)
    tallest = bars.flat[np.abs(bars / scales[:, None]).argmax()]
    foot, reach = (0.0, 0.45) if _is_single(table) else (0.4, 0.85)
    floor = foot + np.arange(len(bars))
    up = reach * (bars / scales[:, None] / abs(tallest) if tallest else bars)
    for y in floor:
        ax.axhline(y, color=NEUTRAL, alpha=0.3, linewidth=0.8, zorder=0)
    looks: dict[str, dict[str, Any]] = {
        "latent": {"color": DIAGONAL, "label": "at a latent (diagonal)"},
        "bond": {"color": COUPLING, "hatch": COUPLING_HATCH, "label": "at a bond (coupling)"},
    }
    width = _BAR * min(1.0, (latents + 1) / 8)
    bottom = np.repeat(floor, bars.shape[1])
    for of, look in looks.items():
        own = (table["of"] == of).to_numpy()
        if own.any():
            ax.bar(place[own], -up.ravel()[own], width, bottom[own], edgecolor="white", linewidth=0, **look)
    return float(tallest)


def _bars_by_line(table: pd.DataFrame) -> FloatArray:
    """Return the bars, one row per column."""
    bars: FloatArray = _bars(table).to_numpy().reshape(table["column"].nunique(), -1)
    return bars


def _scales(table: pd.DataFrame) -> FloatArray:
    """Return the divisors of the bars: above 1 only if the line "N others" has the tallest bar."""
    tallest = np.abs(_bars_by_line(table)).max(axis=1)
    scales = np.ones(len(tallest))
    if len(tallest) == COLUMNS + 1 and table["column"].iloc[-1].endswith(" others") and tallest[:-1].any():
        scales[-1] = max(1.0, np.ceil(tallest[-1] / tallest[:-1].max()))
    return scales


def _name_lines(table: pd.DataFrame, ax: Axes, colours: Colours) -> None:
    """Name the lines and write the whole contributions beside them."""
    lines = table.drop_duplicates("column")
    columns = lines["column"].tolist()
    texts = shorten_all(columns, NAME - 4)
    if _is_single(table):
        texts = [_valued(name, value) for name, value in zip(texts, lines["value"], strict=True)]
    if (scale := _scales(table)[-1]) > 1:
        texts[-1] += f" (÷ {scale:.0f})"
    ax.set_yticks([_CHAIN, *range(len(columns))], ["weights", *texts])
    ax.set_ylim(len(columns) - 0.4, _CHAIN - 0.8)
    ax.grid(axis="x", color=NEUTRAL, alpha=0.12)
    ax.set_axisbelow(True)
    add_squares(ax, dict(enumerate(columns)), colours)
    beside: dict[str, Any] = {"xycoords": ax.get_yaxis_transform(), "textcoords": "offset points"}
    for y, text in [(_CHAIN, "whole"), *enumerate(_text(table, value) for value in lines["whole"])]:
        ax.annotate(text, (1, y), (6, 0), va="center", fontsize=0.85 * rcParams["font.size"], **beside)


def _valued(name: str, value: str) -> str:
    """Return the name of a line with the value of its column, on two lines if it is long."""
    if not value:
        return name
    text = f"{name} = {shorten_value(value)}"
    return text if len(text) < NAME - 4 else f"{name}\n= {shorten_value(value)}"


def _heading(table: pd.DataFrame) -> str:
    neuron = f"Neuron {table['neuron'].iloc[0]}: " if "neuron" in table else ""
    if _is_single(table):
        return f"{neuron}{'r' if neuron else 'R'}ow {row_name(table['row'].iloc[0])} by latent and bond"
    rows = counted(int(table["rows"].iloc[0]), "row")
    return f"{neuron}{'m' if neuron else 'M'}ean |contribution| by latent and bond, {rows}"


def finding(table: pd.DataFrame) -> str:
    """Name the latents with the largest weights, and the largest sums over columns."""
    chain = table[table["column"] == table["column"].iloc[0]]
    latents = chain[(chain["of"] == "latent") & (chain["weight"] > 0)].nlargest(2, "weight")
    named = f"Latent{'s' * (len(latents) > 1)} {' and '.join(latents['at'])}"
    text = f"{named} {'have' if len(latents) > 1 else 'has'} {latents['weight'].sum():.0%} of the weight"
    bars = _bars(table)
    if not bars.any():
        return f"{text}; no column contributes anything."
    sums = bars.groupby([table["of"], table["at"]], sort=False).sum()
    most = []
    for of in chain["of"].unique():
        at = sums[of].abs().idxmax()
        most.append(f"{_text(table, sums[of][at])} at {of} {at}")
    single = _is_single(table)
    what = "contributions" if single else "mean |contributions|"
    text += f". Summed over all columns, {what} are largest here: {listed(most)} ({table['unit'].iloc[0]})."
    if len(most) == 1:
        return text
    share = bars[table["of"] == "bond"].abs().sum() / bars.abs().sum()
    return f"{text} Bonds account for {share:.0%} of the total length of the bars."


READING = (
    "The chain at the top is the eigenvector v {of}: the area of a disc is the weight v² of a latent, and "
    "the thickness of a link is the weight 2|v v′| of a bond, a pair of neighbours. {sum} is the sum of all "
    "entries of the matrix, each multiplied by its signed weight. Every column has a line of bars: {what} "
    "each latent, through the diagonal, and at each bond, through the coupling. The number beside the line "
    "is {whole}. If the signs of a latent and its couplings change together, the bars and the absolute "
    "values of the weights stay the same."
)


def reading(table: pd.DataFrame) -> str:
    """Return how to read the figure."""
    words = (
        {"of": "of row {row}", "what": "its contribution at", "whole": "the sum of the bars"}
        if _is_single(table)
        else {
            "of": "averaged over {rows:,} rows",
            "what": "its mean |contribution| at",
            "whole": "the mean |contribution| of the column, which is smaller than the sum of the bars where "
            "parts cancel",
        }
    )
    is_sum = "neuron" in table
    text = READING.format(
        **words, sum="The neuron's contribution to the prediction" if is_sum else "The prediction"
    )
    if set(table["at"]) == {"0", "1", "0–1"}:
        text += " Two latents can be rotated: another basis gives the same predictions but different bars."
    if not is_sum:
        return text
    return (
        "A sum has no latents of its own. The figure shows neuron {neuron}, the most important one, and "
        f"contributions to this neuron alone. {text}"
    )


def title(table: pd.DataFrame) -> str:
    """Return the heading on a page."""
    return "Inside the matrix at row {row}" if _is_single(table) else "Inside the matrix, on average"


chain = Figure(
    name="chain",
    title=title,
    kind="Chart of bars along a chain",
    reading=reading,
    table=chain_table,
    draw=draw,
    height=lambda table: height(round(1.6 * table["column"].nunique()) + 4),
    finding=finding,
    headers={"at": "latent or bond", "mean_abs_contribution": "mean |contribution|"},
    once=("unit", "method", "row", "rows", "neuron", "share"),
)

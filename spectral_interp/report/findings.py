"""What each figure and table shows: one sentence, computed from the table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from .._common.text import at_least, at_most, counted, listed, number
from ..comparison.explainers import SPECTRAL

STEADY = 0.6
"""Rank correlation of values and contributions from which on a column is said to raise or to lower."""

ROUNDING = 1e-9
"""Gaps up to this share of the predictions' spread are rounding."""

HIGHER_IS_BETTER = {"R²", "accuracy"}
"""Of the metrics that come first in a table of accuracies."""


def importance(table: pd.DataFrame) -> str:
    """Say which columns have most of the contributions, and what the couplings have."""
    sizes = table["mean_abs_contribution"]
    if not sizes.sum():
        return "No column contributes anything: the predictions do not vary."
    top = table["column"].head(3).tolist()
    share = sizes.head(3).sum() / sizes.sum()
    if len(table) == 1:
        text = f"{top[0]} is the only column, with a mean size of {_with_unit(sizes[0], table)}"
    else:
        text = f"{listed(top)} make {share:.0%} of the size of all contributions"
    if "mean_abs_coupling" not in table:
        return f"{text}."
    parts = table["mean_abs_coupling"].sum(), table["mean_abs_diagonal"].sum()
    return f"{text}; {parts[0] / sum(parts):.0%} of the size of all parts comes from couplings."


def beeswarm(table: pd.DataFrame) -> str:
    """Say for the three strongest columns whether high values raise or lower the prediction."""
    sizes = table["contribution"].abs().groupby(table["column"], sort=False).mean()
    strongest = sizes.sort_values(ascending=False, kind="stable").index[:3]
    ways: dict[str, list[str]] = {}
    for name in strongest:
        ways.setdefault(_way(table[table["column"] == name]), []).append(str(name))
    return _sentence("; ".join(way.format(listed(names)) for way, names in ways.items()))


def _way(rows: pd.DataFrame) -> str:
    """Return how the contributions of a column go with its values."""
    if rows["value"].map(lambda value: isinstance(value, str)).any():
        return "levels of {} raise or lower predictions"
    ranks = rows[["level", "contribution"]].rank()
    steady = ranks["level"].corr(ranks["contribution"]) if (ranks.std() > 0).all() else np.nan
    if np.isnan(steady):
        return "nothing varies with {}"
    if abs(steady) < STEADY:
        return "no single direction for {}"
    return "high values of {} raise predictions" if steady > 0 else "high values of {} lower predictions"


def dependence(table: pd.DataFrame) -> str:
    """Say between what the contributions of the column range, and how much of them is coupling."""
    low, high = table["contribution"].min(), table["contribution"].max()
    text = f"{table['column'].iloc[0]} moves predictions by {number(low)} to {_with_unit(high, table)}"
    if "coupling_share" not in table or table["coupling_share"].isna().all():
        return f"{text}."
    return f"{text}; couplings make {table['coupling_share'].median():.0%} of that in the median row."


def waterfall(table: pd.DataFrame) -> str:
    """Say what makes the row's prediction differ most from the base value."""
    first = table.iloc[table["contribution"].abs().argmax()]
    base, prediction = table["base"].iloc[0], table["prediction"].iloc[0]
    return (
        f"From {number(base)} to {_with_unit(prediction, table)}; the largest step is {first['column']}, "
        f"{number(first['contribution'])}."
    )


def background_stability(table: pd.DataFrame) -> str:
    """Say by how much the mean sizes of the strongest columns move when the background is drawn again."""
    said = []
    for method, lines in table.groupby("method", sort=False):
        top = lines.head(5)
        if top["redraw_standard_deviation_relative"].notna().any():
            worst = top.iloc[int(top["redraw_standard_deviation_relative"].argmax())]
            said.append(f"{worst['redraw_standard_deviation_relative']:.1%} by {method} ({worst['column']})")
    if not said:
        return "The mean sizes do not depend on the draw of the background."
    return (
        "From draw to draw of the background the mean sizes of the five strongest columns have standard "
        f"deviations of up to {listed(said)}."
    )


def spectrum(table: pd.DataFrame) -> str:
    """Say where along the column the prediction comes closest to another eigenvalue."""
    column = table["column"].iloc[0]
    selected = table[table["selected"]].reset_index(drop=True)
    nearest = selected.iloc[int(selected["gap"].argmin())]
    span = selected["eigenvalue"].max() - selected["eigenvalue"].min()
    at = nearest["value"] if isinstance(nearest["value"], str) else number(float(nearest["value"]))
    return (
        f"Along {column} the prediction moves over {_with_unit(span, table)}; it comes closest to another "
        f"eigenvalue at {at}, where they are {number(nearest['gap'])} apart."
    )


def region_map(table: pd.DataFrame) -> str:
    """Say how many pieces of the skeleton the plane shows."""
    shares = table["active_latent"].value_counts(normalize=True)
    pieces = counted(len(shares), "linear piece")
    return (
        f"The diagonal part has {pieces} on this plane; the largest, latent {shares.index[0]}, covers "
        f"{shares.iloc[0]:.0%}."
    )


def pieces(table: pd.DataFrame) -> str:
    """Say how tolerant one must be for ten pieces, and for one."""
    model = table[table["of"] == "model"].sort_values("eps")
    few = model[model["pieces"] <= 10]["eps"].min()
    one = model[model["pieces"] <= 1]["eps"].min()
    most = int(model["pieces"].max())
    if most <= 10:
        return f"{counted(most, 'tangent plane holds', 'tangent planes hold')} all rows exactly."
    return (
        f"Ten tangent planes hold every row to within {at_most(few)} ({table['unit'].iloc[0]}); a single "
        f"one only to within {at_most(one)}."
    )


def latents(table: pd.DataFrame) -> str:
    """Say how the rows are spread over the exact pieces of the skeleton."""
    return (
        f"The rows use {counted(len(table), 'latent')}; latent {table['latent'].iloc[0]} alone holds "
        f"{table['share'].iloc[0]:.0%} of them."
    )


def margins(table: pd.DataFrame) -> str:
    """Say how far the median row is linear."""
    radius, gap, eps = (table[name].median() for name in ("linear_radius", "gap", "eps"))
    return (
        f"Half of the rows have a gap of at least {at_least(gap)} ({table['unit'].iloc[0]}), and half are "
        f"linear to within {at_most(eps)} up to a distance of {at_least(radius)} in features."
    )


def certified(table: pd.DataFrame) -> str:
    """Say which directions are proven; that of levels is proven of one change only, which is named."""
    proven = table[table["monotone"] != 0]
    if proven.empty:
        return "No column has a proven direction: every interval holds zero."
    numbers, levels = proven[proven["kind"] != "levels"], proven[proven["kind"] == "levels"]
    gaps = np.where(numbers["kind"] == "number with gaps", " (where it has a value)", "")
    named = (numbers["column"] + gaps).groupby(numbers["monotone"]).agg(list)
    said = [
        f"never {way} when {listed(named[sign], 'or')} rises"
        for sign, way in ((1, "fall"), (-1, "rise"))
        if sign in named
    ]
    said += [f"never fall when {line.column} changes ({line.step})" for line in levels.itertuples()]
    return f"Proven for every input: predictions {listed(said)}."


def sensitivity(table: pd.DataFrame) -> str:
    """Say the largest bound, and the smallest."""
    first, last = table.iloc[0], table.iloc[-1]
    most = f"{at_most(first['bound'])} ({first['unit']})"
    text = f"One step ({first['step']}) of {first['feature']} never moves a prediction by more than {most}"
    return f"{text}." if len(table) == 1 else f"{text}; one of {last['feature']}, {at_most(last['bound'])}."


def training_curve(table: pd.DataFrame) -> str:
    """Say which epoch was kept, and how far apart the two losses are there."""
    best = table.iloc[int(table["validation_loss"].argmin())]
    return (
        f"Epoch {int(best['epoch'])} of {len(table)} was kept, with a validation loss of "
        f"{number(best['validation_loss'])} against {number(best['train_loss'])} on the training rows."
    )


def accuracy(table: pd.DataFrame) -> str:
    """Say which model predicts best."""
    if table.empty:
        return "No targets were given, so nothing can be said of accuracy."
    metric = table.columns[1]
    higher = metric in HIGHER_IS_BETTER
    order = table.sort_values(metric, ascending=not higher, kind="stable", ignore_index=True)
    first, ours = order.iloc[0], table[table["model"] == SPECTRAL].iloc[0]
    text = f"The {first['model']} model is best on these rows: {metric} {number(first[metric])}"
    if first["model"] == SPECTRAL:
        return (
            f"{text}; next comes {order['model'][1]}, {number(order[metric][1])}."
            if len(order) > 1
            else f"{text}."
        )
    return f"{text} against {number(ours[metric])} of the spectral model."


def cost(table: pd.DataFrame) -> str:
    """Say which explainer of our model is cheapest, and which the dearest."""
    ours = table[(table["model"] == SPECTRAL) & table["ms_per_row"].notna()].sort_values("ms_per_row")
    if ours.empty:
        return "No explainer worked on the spectral model."
    cheap, dear = ours.iloc[0], ours.iloc[-1]
    return (
        f"On the spectral model {cheap['method']} is cheapest, {number(cheap['ms_per_row'])} ms a row, and "
        f"{dear['method']} the dearest, {number(dear['ms_per_row'])} ms."
    )


def faithfulness(table: pd.DataFrame) -> str:
    """Say which sums miss the prediction."""
    ours = table[table["model"] == SPECTRAL].dropna(subset=["completeness_gap_relative"])
    missing = ours[ours["completeness_gap_relative"] > ROUNDING]
    if missing.empty:
        return (
            "On the spectral model every method's contributions add up to the prediction, but for rounding."
        )
    said = [f"{line.method} (by up to {line.completeness_gap_relative:.1%})" for line in missing.itertuples()]
    return (
        f"On the spectral model the sums of {listed(said)} miss the prediction, as a share of the "
        "predictions' spread; all others only by rounding."
    )


def importance_by_model(table: pd.DataFrame) -> str:
    """Say which columns are among the top three of every model."""
    tops = [
        set(lines.nlargest(3, "mean_abs_contribution")["column"])
        for _, lines in table.groupby("model", sort=False)
    ]
    shared = [name for name in dict.fromkeys(table["column"]) if all(name in top for top in tops)]
    if len(tops) < 2:
        return "There is a single model."
    if not shared:
        return "No column is among the three strongest of every model."
    among = "is" if len(shared) == 1 else "are"
    return f"{listed(shared)} {among} among the three strongest columns of every model."


def agreement(table: pd.DataFrame) -> str:
    """Say how far the methods agree on our model, and how far the models agree."""
    pairs = table[table["a"] != table["b"]].dropna(subset=["value"])
    ours = pairs["a"].str.startswith(f"{SPECTRAL}: ")
    within = pairs.loc[ours & pairs["b"].str.startswith(f"{SPECTRAL}: "), "value"]
    between = pairs.loc[ours & ~pairs["b"].str.startswith(f"{SPECTRAL}: "), "value"]
    found = {"on the spectral model methods agree": within, "with those on other models": between}
    said = [
        f"{what} from {number(values.min())} to {number(values.max())}"
        for what, values in found.items()
        if len(values)
    ]
    return _sentence(" and ".join(said)) if said else "There is nothing to correlate."


def deletion(table: pd.DataFrame) -> str:
    """Say whose order takes a prediction away fastest."""
    ours = table[table["model"] == SPECTRAL].drop_duplicates("method").set_index("method")["mean"]
    methods = ours.drop("random", errors="ignore").sort_values()
    text = f"On the spectral model the order of {methods.index[0]} takes predictions away fastest"
    if "random" not in ours:
        return f"{text}."
    return (
        f"{text}: mean distance {number(methods.iloc[0])} against {number(ours['random'])} for random orders."
    )


def faithfulness_cost(table: pd.DataFrame) -> str:
    """Say what the cheapest method costs that is nearly as faithful as the best."""
    ours = table[table["model"] == SPECTRAL].dropna(subset=["gain", "ms_per_row"])
    if ours.empty:
        return "No explainer worked on the spectral model."
    best = ours.iloc[int(ours["gain"].argmax())]
    near = ours[ours["gain"] >= 0.98 * best["gain"]] if best["gain"] > 0 else ours
    cheap = near.iloc[int(near["ms_per_row"].argmin())]
    return (
        f"On the spectral model {cheap['method']} is the cheapest within 2% of the most faithful "
        f"({best['method']}), at {number(cheap['ms_per_row'])} ms a row."
    )


def dispute(table: pd.DataFrame) -> str:
    """Say for which column the models differ most at this row."""
    by_model = table.pivot(index="column", columns="model", values="contribution")
    worst = by_model.iloc[int((by_model.max(axis=1) - by_model.min(axis=1)).argmax())]
    high, low = (worst.index[int(at)] for at in (worst.argmax(), worst.argmin()))
    return (
        f"The models differ most over {worst.name}: {high} gives it {number(float(worst.max()))}, {low} "
        f"{_with_unit(worst.min(), table)}."
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _with_unit(value: float, table: pd.DataFrame) -> str:
    return f"{number(float(value))} ({table['unit'].iloc[0]})"


FINDINGS: dict[str, Callable[[pd.DataFrame], str]] = {
    found.__name__: found
    for found in (
        importance,
        beeswarm,
        dependence,
        waterfall,
        background_stability,
        spectrum,
        region_map,
        pieces,
        latents,
        margins,
        certified,
        sensitivity,
        training_curve,
        accuracy,
        cost,
        faithfulness,
        importance_by_model,
        agreement,
        deletion,
        faithfulness_cost,
        dispute,
    )
}
"""By kind of exhibit."""


def kind_of(name: str) -> str:
    """Return the kind of an exhibit by its name.

    Examples
    --------
    >>> kind_of("importance_local"), kind_of("region_map")
    ('importance', 'region_map')
    """
    return name if name in FINDINGS else name.rsplit("_", 1)[0]

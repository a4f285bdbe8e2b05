"""What a newcomer reads first: what drives the model, what is certain, where SHAP differs, and the limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from .. import plots
from .._common.text import counted, listed, number
from ..plots.class_importance import driver_sentences
from ..plots.importance import refit_sentences
from .subject import Subject
from .summary import AgainstShap, ClassesFound, ShapFound, Summary

NAMED_ASSOCIATION = 0.8
"""Columns that are associated by more than this are named."""

BASIS = (
    "How a contribution is split into both is not unique here: in another basis of the latents the same "
    "predictions have another split, other linear pieces and another skeleton. Only both parts together are "
    "unique."
)
"""Of models whose latents can be turned and stay tridiagonal, and of dense ones."""

PARTS = (
    "The diagonal part of a contribution is what a column does by moving single latents of the neurons up or "
    "down; alone, it would make every neuron piecewise linear. The coupling part is what it does by mixing "
    "neighbouring latents. Both are added up over all neurons."
)
"""Of sums, whose report seldom has a section on it."""

CONTRASTS = 2
"""Maximum number of pairs of classes in a headline."""

PAIRS, HEADLINE_SENTENCES = 8, 4
"""Maximum number of pairs of columns, and of certified sentences in a headline."""


@dataclass(frozen=True)
class Bar:
    """One bar of a headline: its name, its length in percent of the longest, and its number."""

    name: str
    percent: float
    text: str


@dataclass(frozen=True)
class Headline:
    """A box of a few sentences, with bars where there is something to compare."""

    title: str
    lines: list[str]
    bars: list[Bar] = field(default_factory=list)


def headlines(summary: Summary, tables: Mapping[str, pd.DataFrame]) -> list[Headline]:
    """Return what drives the predictions, what is certain, and where SHAP disagrees."""
    first = _apart(summary.classes, tables) if summary.classes else _drivers(summary, tables)
    return [first, _certain(summary), _disagreement(summary)]


def _apart(found: ClassesFound, tables: Mapping[str, pd.DataFrame]) -> Headline:
    """Return what drives every class, what tells the most confused apart, and how often they are confused."""
    title, table = "What tells the classes apart", tables["class_importance"]
    sizes = table.groupby("column", sort=False)["mean_abs_contribution"].mean().nlargest(3)
    if not sizes.sum():
        return Headline(title, ["No column contributes anything at these rows."])
    bars = [
        Bar(str(name), 100 * size / sizes.max(), number(size))
        for name, size in zip(sizes.index, sizes.tolist(), strict=True)
    ]
    lines = [
        f"{listed(list(map(str, sizes.index)))}: the bars are the mean size of their contributions to the "
        "log-odds of a class, over all classes.",
        *driver_sentences(table),
        *found.contrasts[:CONTRASTS],
        *filter(None, [found.confused]),
    ]
    return Headline(title, lines, bars)


def _drivers(summary: Summary, tables: Mapping[str, pd.DataFrame]) -> Headline:
    method = next(iter(summary.methods))
    ranking = tables[f"importance_{method}"]
    names, sizes = ranking["column"].head(3).tolist(), ranking["mean_abs_contribution"]
    if not sizes.sum():
        return Headline("What drives the predictions", ["No column contributes anything at these rows."])
    bars = [
        Bar(str(name), 100 * size / sizes.max(), number(size))
        for name, size in zip(names, sizes.head(3).tolist(), strict=True)
    ]
    text = f"{listed(names)}: the bars are the mean size of their contributions ({summary.unit})"
    if len(ranking) > 1:
        text += f", {sizes.head(3).sum() / sizes.sum():.0%} of what all {len(ranking)} columns contribute"
    lines = [f"{text}.", plots.beeswarm.finding(tables[f"beeswarm_{method}"])]
    share = summary.methods[method].coupling_share
    if share is not None:
        lines.append(
            f"{1 - share:.0%} of the size of all parts comes from the columns by themselves (diagonal), "
            f"{share:.0%} from mixing latents of the {_owner(summary)} (coupling)."
        )
    lines += refit_sentences(ranking)
    for name, found in summary.methods.items():
        if found.top_columns[:3] != names:
            order = listed(found.top_columns[:3])
            lines.append(f"By {_called(name)} contributions the order is {order}.")
    return Headline("What drives the predictions", lines, bars)


def _owner(summary: Summary) -> str:
    """Return what has latents."""
    return "neurons" if summary.form == "sum" or summary.classes else "model"


def _certain(summary: Summary) -> Headline:
    certified = summary.certified
    gap = max(method.completeness_gap for method in summary.methods.values())
    lines = [
        "The contributions of every row add up to its prediction: the largest miss is "
        f"{number(gap)} ({summary.unit}).",
        *certified.sentences[:HEADLINE_SENTENCES],
    ]
    if not certified.columns_of_proven_direction:
        lines.insert(1, "The certificates prove no direction for every input.")
    lines += [summary.ranges.sentence] if summary.ranges else []
    metrics = ", ".join(f"{name} {number(value)}" for name, value in (summary.metrics or {}).items())
    if metrics:
        lines.append(f"What is explained is the model, which is not always right: {metrics} on these rows.")
        lines += filter(None, [summary.not_held_out])
    return Headline("What is certain", lines)


def _disagreement(summary: Summary) -> Headline:
    title = "Where SHAP disagrees"
    compared = summary.comparison
    if compared is None:
        return Headline(title, ["No comparison was made."])
    lines = [] if compared.shap is None else _against_shap(compared.shap, compared.rows)
    models = [f"{model} {value:.2f}" for model, value in compared.models.items() if value is not None]
    if models:
        lines.append(
            "Rank correlation of our explanations with those of other models of the same data: "
            f"{listed(models)}."
        )
    lines += [f"The most disputed row: {reason}" for reason in compared.disputed[:1]]
    return Headline(title, lines or ["There was nothing to compare."])


def _against_shap(found: ShapFound, rows: int) -> list[str]:
    """Return a line for methods that equal SHAP, and one for each that does not."""
    shap, lines = found.method, []
    for name, method in found.methods.items():
        ranks, called = method.spearman, _called(name)
        ours, theirs = number(method.mean_abs_contribution), number(method.mean_abs_contribution_shap)
        order = "" if ranks is None else f"have a rank correlation of {ranks:.2f} with {shap} and "
        if _equal(method):
            at = counted(rows, "row")
            lines.append(f"{shap} on this model and our {called} values are the same numbers, at {at}.")
        else:
            lines.append(
                f"Our {called} contributions {order}differ most on {method.column}: mean size {ours} "
                f"here, {theirs} by SHAP."
            )
    return lines


def _called(method: str) -> str:
    return "Shapley" if method == "shapley" else method


def _equal(method: AgainstShap) -> bool:
    largest = max(method.mean_abs_contribution, method.mean_abs_contribution_shap)
    return method.mean_abs_difference <= 1e-6 * largest


def limits(subject: Subject, summary: Summary) -> list[tuple[str, str]]:
    """Return what the numbers are measured in and against, and what they cannot say."""
    return [
        ("Unit", _unit(subject, summary)),
        ("Background", _background(summary)),
        *([("Unknown values", _unknown(summary))] if summary.unknown_values else []),
        *([("Diagonal and coupling", " ".join(parts))] if (parts := _parts(subject)) else []),
        *([("Refit deviation", _refits(summary))] if summary.members > 1 else []),
        *([("Pairs of columns", _pairs(subject))] if summary.pairs else []),
        ("Associated columns", _associated(subject)),
        ("Sampling error", _sampling(summary)),
        ("Degenerate rows", _degenerate(summary)),
        (
            "Causes",
            "Contributions describe what this model does, not what the world does: changing a column in "
            "reality may have another effect, or none.",
        ),
    ]


def _unknown(summary: Summary) -> str:
    return " ".join(f"{text[0].upper()}{text[1:]}." for text in summary.unknown_values)


def _parts(subject: Subject) -> list[str]:
    """Return what the parts of a contribution are, of sums, and that they are not unique where that is so."""
    sums = [PARTS] if subject.is_sum else []
    return [*sums, BASIS] if subject.function.split_depends_on_basis else sums


def _refits(summary: Summary) -> str:
    return (
        f"The model is the average of {summary.members} fits, which differ in their random starts and in the "
        "order of the rows. The refit deviation of a contribution is its standard deviation over these: a "
        "contribution that is not larger may be an accident of the fit. It does not measure what other rows "
        "to train on would change."
    )


def _pairs(subject: Subject) -> str:
    view = subject.rows.view
    named = [
        f"{view.columns[pair.first]} {'+' if pair.sign > 0 else '−'} {view.columns[pair.second]}"
        for pair in view.pairs[:PAIRS]
    ]
    if len(view.pairs) > PAIRS:
        named.append(counted(len(view.pairs) - PAIRS, "other"))
    return (
        f"The model also sees {listed(named)}, of standardised values. What such an input does is divided "
        "between its two columns by the Shapley value, and is part of their contributions."
    )


def _unit(subject: Subject, summary: Summary) -> str:
    unit = subject.unit
    if summary.classes:
        return (
            f"{summary.classes.sentence} The log-odds of a class against another are the logarithm of the "
            "ratio of their probabilities; against the mean of all classes, of the ratio of its probability "
            "to the geometric mean of all probabilities. "
            "Differences of log-odds are no differences of probability."
        )
    if not subject.classes:
        return f"Predictions and contributions are in the unit of {unit}, the target."
    below, above = subject.classes
    return (
        f"Predictions and contributions are {unit}: above 0 the model decides for {above}, below for "
        f"{below}. Differences of log-odds are no differences of probability."
    )


def _background(summary: Summary) -> str:
    text = f"Contributions are measured against {summary.background}. Another background gives other numbers."
    largest = []
    redraws = summary.background_stability or {}
    if redraws and all(found.is_all for found in redraws.values()):
        return f"{text} It holds every row that was trained on, so no other can be drawn from them."
    for name, found in redraws.items():
        moves = [s for s in list(found.relative_standard_deviation.values())[:5] if s is not None]
        largest += [f"{max(moves):.1%} ({name})"] if moves else []
    if not largest:
        return text
    return (
        f"{text} From draw to draw the mean sizes of the five strongest columns have standard deviations of "
        f"up to {listed(largest)}."
    )


def associated_columns(subject: Subject) -> list[tuple[str, str, str]]:
    """Return pairs of columns that go together by more than 0.8 over the rows and the background.

    The strongest come first, each with its measure and value: see :mod:`spectral_interp.view.association`.
    """
    rows = subject.certificate.rows
    view = rows.view
    found = view.association(np.concatenate([rows.z, view.background]))
    size = np.abs(found.values)
    i, j = np.nonzero(np.triu(size > NAMED_ASSOCIATION, k=1))
    order = np.argsort(-size[i, j], kind="stable")
    pairs = zip(i[order].tolist(), j[order].tolist(), strict=True)
    return [(view.columns[a], view.columns[b], found.text(a, b)) for a, b in pairs]


def _associated(subject: Subject) -> str:
    pairs = associated_columns(subject)
    measures = "r: Pearson's correlation of numbers; V: Cramér's V of levels; η: correlation ratio of both"
    if not pairs:
        return f"No two columns are associated by more than {NAMED_ASSOCIATION} ({measures})."
    named = [f"{a} and {b} ({text})" for a, b, text in pairs[:PAIRS]]
    if len(pairs) > PAIRS:
        named.append(counted(len(pairs) - PAIRS, "pair") + " more")
    return (
        f"{listed(named)} ({measures}). The rows do not show which of the two an effect belongs to, and the "
        "model may have put it on either; path and Shapley values also visit combinations of values that no "
        "row has."
    )


def _sampling(summary: Summary) -> str:
    errors = {name: method.largest_standard_error for name, method in summary.methods.items()}
    sampled = [
        f"{name} up to {number(error)} ({summary.unit})"
        for name, error in errors.items()
        if error is not None
    ]
    if not sampled:
        names = listed([_called(name) for name in summary.methods])
        return f"None: {names} contributions are computed, not sampled."
    return f"Sampled, with standard errors: {listed(sampled)}."


def _degenerate(summary: Summary) -> str:
    counts = [
        f"{method.degenerate_rows} by {name}"
        for name, method in summary.methods.items()
        if method.degenerate_rows
    ]
    if not counts:
        return "None: every row has a slope of its own."
    widest = [
        method.widest_interval.sentence(summary.unit)
        for method in summary.methods.values()
        if method.widest_interval
    ]
    text = f"{listed(counts)}: the eigenvalue is multiple there, so the slope is one choice of several."
    return " ".join([text, *widest])

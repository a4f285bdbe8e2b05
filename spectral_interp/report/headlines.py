"""What a newcomer reads first: how good the model is, what drives it, what is proven, and the limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from .. import plots
from .._common.text import at_most, counted, listed, number, row_text
from ..comparison.explainers import SPECTRAL
from ..plots.accuracy import LARGEST
from ..plots.class_importance import driver_sentences
from ..plots.importance import refit_sentences
from .subject import Subject
from .summary import AgainstShap, ClassesFound, ShapFound, Summary

NAMED_ASSOCIATION = 0.8
"""Columns that are associated by more than this are named."""

NAMED_INTERACTION = 0.1
"""Share of the predictions' standard deviation from which an interaction is a headline."""

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
class Headline:
    """A box of a few sentences.

    Attributes
    ----------
    title : str
    lines : list of str
    section : str
        Anchor of the section that has more of it.
    scores : list of list of str
        A small table, its heads first; the first cell of a line names it.
    drawn : bool
        Whether the figure of the first screen belongs here.
    """

    title: str
    lines: list[str]
    section: str
    scores: list[list[str]] = field(default_factory=list)
    drawn: bool = False


def headlines(summary: Summary, tables: Mapping[str, pd.DataFrame]) -> list[Headline]:
    """Return how good the predictions are, what drives them, what is proven, and where others disagree."""
    first = _apart(summary.classes, tables) if summary.classes else _drivers(summary, tables)
    return [_quality(summary, tables), first, _proven(summary), _disagreement(summary, tables)]


def _quality(summary: Summary, tables: Mapping[str, pd.DataFrame]) -> Headline:
    """Return how well the model predicts, beside other models and what needs none."""
    title, metrics = "What is predicted, and how well", summary.metrics
    if not metrics:
        unknown = "The rows have no targets, so how well the model predicts them is not known."
        return Headline(title, [unknown], "model")
    names = [name for name in metrics if name != LARGEST]
    accuracy = tables.get("accuracy", pd.DataFrame())
    models = {
        f"this model ({model})" if model == SPECTRAL else model: line[names].tolist()
        for model, line in ({} if accuracy.empty else accuracy.set_index("model").T).items()
    } or {"this model": [metrics[name] for name in names]}
    constant, values = _constant(metrics)
    models[constant] = [values.get(name) for name in names]
    scores = [
        [str(model), *("" if pd.isna(value) else number(float(value)) for value in line)]
        for model, line in models.items()
    ]
    rows = "The row" if summary.rows == 1 else f"None of the {summary.rows:,} rows"
    unseen = f"{rows} equals {'no' if summary.rows == 1 else 'a'} training row in all columns of the model."
    lines = [
        *_against_constant(summary, values),
        *filter(None, [summary.not_held_out]),
        *([unseen] if summary.rows_trained_on == 0 else []),
        "What is explained here is the model, which is not always right.",
    ]
    return Headline(title, lines, "model", [["", *names], *scores])


def _constant(metrics: Mapping[str, float | None]) -> tuple[str, dict[str, float]]:
    """Return the best prediction that needs no model, on the same rows, and its metrics.

    The mean of the targets has R² 0, and the R² of a model is 1 − (RMSE / RMSE of the mean)².

    Examples
    --------
    >>> _constant({"R²": 0.75, "RMSE": 2.0})
    ('always the mean', {'R²': 0.0, 'RMSE': 4.0})
    >>> _constant({"accuracy": 0.9, "largest class": 0.6, "log loss": 0.2})
    ('always the largest class', {'accuracy': 0.6})
    """
    if LARGEST in metrics:
        share = metrics[LARGEST]
        return "always the largest class", {} if share is None else {"accuracy": share}
    r2, rmse = metrics["R²"], metrics["RMSE"]
    if r2 is None or rmse is None or r2 >= 1:
        return "always the mean", {}
    return "always the mean", {"R²": 0.0, "RMSE": rmse / math.sqrt(1 - r2)}


def _against_constant(summary: Summary, constant: Mapping[str, float]) -> list[str]:
    """Return in plain words how much better the model is than what needs none."""
    metrics = summary.metrics or {}
    accuracy, r2 = metrics.get("accuracy"), metrics.get("R²")
    if accuracy is not None and constant:
        return [
            f"The predicted {summary.target} is right for {accuracy:.1%} of the rows with a target; the "
            f"largest class alone would be right for {constant['accuracy']:.1%}."
        ]
    if r2 is None or not constant:
        return []
    if r2 <= 0:
        return [f"On these rows the model predicts {summary.target} no better than their mean does."]
    return [
        f"The model accounts for {r2:.0%} of the variation (R²) of {summary.target}. Its typical error "
        f"(RMSE) is {number(metrics['RMSE'] or 0.0)}; that of always predicting the "
        f"mean of these rows is {number(constant['RMSE'])}."
    ]


def _apart(found: ClassesFound, tables: Mapping[str, pd.DataFrame]) -> Headline:
    """Return what drives every class, what tells the most confused apart, and how often they are confused."""
    title, table = "What tells the classes apart", tables["class_importance"]
    sizes = table.groupby("column", sort=False)["mean_abs_contribution"].mean().nlargest(3)
    if not sizes.sum():
        return Headline(title, ["No column contributes anything at these rows."], "classes", drawn=True)
    lines = [
        f"Over all classes, {listed(list(map(str, sizes.index)))} count most.",
        *driver_sentences(table),
        *found.contrasts[:CONTRASTS],
        *filter(None, [found.confused]),
    ]
    return Headline(title, lines, "classes", drawn=True)


def _drivers(summary: Summary, tables: Mapping[str, pd.DataFrame]) -> Headline:
    title, method = "What drives the predictions", next(iter(summary.methods))
    ranking = tables[f"importance_{method}"]
    names, sizes = ranking["column"].head(3).tolist(), ranking["mean_abs_contribution"]
    if not sizes.sum():
        return Headline(title, ["No column contributes anything at these rows."], "drivers", drawn=True)
    lines = [plots.beeswarm.finding(tables[f"beeswarm_{method}"])]
    if len(ranking) > len(names):
        part = sizes.head(3).sum() / sizes.sum()
        lines.insert(0, f"{listed(names)} make {part:.0%} of what all {len(ranking)} columns contribute.")
    share = summary.methods[method].coupling_share
    if share is not None:
        lines.append(
            f"{1 - share:.0%} of the size of all parts comes from the columns by themselves (diagonal), "
            f"{share:.0%} from mixing latents of the {_owner(summary)} (coupling)."
        )
    pairs = tables.get("interactions")
    if pairs is not None and pairs["share"].iloc[0] >= NAMED_INTERACTION:
        lines.append(plots.interactions.finding(pairs))
    lines += refit_sentences(ranking)
    for name, found in summary.methods.items():
        if found.top_columns[:3] != names:
            order = listed(found.top_columns[:3])
            lines.append(f"By {_called(name)} contributions the order is {order}.")
    return Headline(title, lines, "drivers", drawn=True)


def _owner(summary: Summary) -> str:
    """Return what has latents."""
    return "neurons" if summary.form == "sum" or summary.classes else "model"


def _proven(summary: Summary) -> Headline:
    certified = summary.certified
    gap = max(method.completeness_gap for method in summary.methods.values())
    none = "No column is proven to move predictions in one direction only."
    lines = [
        *([] if certified.columns_of_proven_direction else [none]),
        *certified.sentences[:HEADLINE_SENTENCES],
        f"The contributions of every row add up to its prediction to within {at_most(gap)} ({summary.unit}).",
    ]
    lines += [summary.ranges.sentence] if summary.ranges else []
    return Headline("What is proven", lines, "certificates")


def _disagreement(summary: Summary, tables: Mapping[str, pd.DataFrame]) -> Headline:
    title = "Where SHAP and other models disagree"
    compared = summary.comparison
    if compared is None:
        return Headline(title, ["No comparison was made."], "comparison")
    lines = [] if compared.shap is None else _against_shap(compared.shap, compared.rows)
    models = [f"{model} {value:.2f}" for model, value in compared.models.items() if value is not None]
    if models:
        lines.append(
            "Rank correlation of our explanations with those of other models of the same data: "
            f"{listed(models)}."
        )
    if "dispute_1" in tables:
        table = tables["dispute_1"]
        lines.append(f"Most disputed is row {row_text(table['row'].iloc[0])}. {plots.dispute.finding(table)}")
    return Headline(title, lines or ["There was nothing to compare."], "comparison")


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
        return "None: the slope at every row is unique."
    widest = [
        method.widest_interval.sentence(summary.unit)
        for method in summary.methods.values()
        if method.widest_interval
    ]
    text = f"{listed(counts)}: the eigenvalue is multiple there, so the slope is one choice of several."
    return " ".join([text, *widest])

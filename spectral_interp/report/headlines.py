"""First screen of the report: accuracy, contributions, proven properties, agreement, and the limits."""

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
"""Minimum association of columns that are named."""

NAMED_INTERACTION = 0.1
"""Minimum interaction in a headline, as a share of the standard deviation of the predictions."""

BASIS = (
    "For this model the split into diagonal and coupling parts is not unique: in another basis of the "
    "latents, the same predictions have a different split, different linear pieces and a different skeleton. "
    "Only the sum of both parts is unique."
)
"""Text for dense models, and for models whose latents can be rotated and stay tridiagonal."""

PARTS = (
    "The diagonal part of a contribution is the effect of a column on single latents of the neurons; without "
    "couplings, every neuron would be piecewise linear. The coupling part is the effect of mixing "
    "neighbouring latents. Both are summed over all neurons."
)
"""Text for sums, whose report often has no section on the two parts."""

CONTRASTS = 2
"""Maximum number of pairs of classes in a headline."""

PAIRS, HEADLINE_SENTENCES = 8, 4
"""Maximum number of pairs of columns named, and of certified sentences in a headline."""


@dataclass(frozen=True)
class Headline:
    """Box with a few sentences.

    Attributes
    ----------
    title : str
    lines : list of str
    section : str
        Anchor of the section with details.
    scores : list of list of str
        Small table that starts with its header. The first cell of a line is its name.
    drawn : bool
        Whether the box contains the figure of the first screen.
    """

    title: str
    lines: list[str]
    section: str
    scores: list[list[str]] = field(default_factory=list)
    drawn: bool = False


def headlines(summary: Summary, tables: Mapping[str, pd.DataFrame]) -> list[Headline]:
    """Return the boxes of the first screen: accuracy, contributions, proven properties, agreement."""
    first = _apart(summary.classes, tables) if summary.classes else _drivers(summary, tables)
    return [_quality(summary, tables), first, _proven(summary), _disagreement(summary, tables)]


def _quality(summary: Summary, tables: Mapping[str, pd.DataFrame]) -> Headline:
    """Return the accuracy of the model, of other models, and of a constant prediction."""
    title, metrics = "Accuracy", summary.metrics
    if not metrics:
        unknown = "The rows have no targets, so the accuracy of the model on these rows is unknown."
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
        "This report explains the model, which is not always right.",
    ]
    return Headline(title, lines, "model", [["", *names], *scores])


def _constant(metrics: Mapping[str, float | None]) -> tuple[str, dict[str, float]]:
    """Return the best constant prediction for the same rows, and its metrics.

    The mean of the targets has an R² of 0, and the R² of a model is 1 − (RMSE / RMSE of the mean)².

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
    """Return a sentence that compares the model with the best constant prediction."""
    metrics = summary.metrics or {}
    accuracy, r2 = metrics.get("accuracy"), metrics.get("R²")
    if accuracy is not None and constant:
        return [
            f"The predicted {summary.target} is correct for {accuracy:.1%} of the rows with a target; always "
            f"predicting the largest class would be correct for {constant['accuracy']:.1%}."
        ]
    if r2 is None or not constant:
        return []
    if r2 <= 0:
        return [f"On these rows, the model predicts {summary.target} no better than their mean."]
    return [
        f"The model explains {r2:.0%} of the variance of {summary.target} (R²). Its typical error "
        f"(RMSE) is {number(metrics['RMSE'] or 0.0)}; always predicting the mean of these rows gives "
        f"{number(constant['RMSE'])}."
    ]


def _apart(found: ClassesFound, tables: Mapping[str, pd.DataFrame]) -> Headline:
    """Return the strongest columns of every class, contrasts of the most confused classes, and confusions."""
    title, table = "Differences between classes", tables["class_importance"]
    sizes = table.groupby("column", sort=False)["mean_abs_contribution"].mean().nlargest(3)
    if not sizes.sum():
        return Headline(title, ["No column contributes anything at these rows."], "classes", drawn=True)
    lines = [
        f"Over all classes, the strongest columns are {listed(list(map(str, sizes.index)))}.",
        *driver_sentences(table),
        *found.contrasts[:CONTRASTS],
        *filter(None, [found.confused]),
    ]
    return Headline(title, lines, "classes", drawn=True)


def _drivers(summary: Summary, tables: Mapping[str, pd.DataFrame]) -> Headline:
    title, method = "Contributions by column", next(iter(summary.methods))
    ranking = tables[f"importance_{method}"]
    names, sizes = ranking["column"].head(3).tolist(), ranking["mean_abs_contribution"]
    if not sizes.sum():
        return Headline(title, ["No column contributes anything at these rows."], "drivers", drawn=True)
    lines = [plots.beeswarm.finding(tables[f"beeswarm_{method}"])]
    if len(ranking) > len(names):
        part = sizes.head(3).sum() / sizes.sum()
        lines.insert(
            0, f"{listed(names)} account for {part:.0%} of the contributions of all {len(ranking)} columns."
        )
    share = summary.methods[method].coupling_share
    if share is not None:
        lines.append(
            f"{1 - share:.0%} of the sum of all |parts| is diagonal, and {share:.0%} comes from the coupling "
            f"of latents of the {_owner(summary)}."
        )
    pairs = tables.get("interactions")
    if pairs is not None and pairs["share"].iloc[0] >= NAMED_INTERACTION:
        lines.append(plots.interactions.finding(pairs))
    lines += refit_sentences(ranking)
    for name, found in summary.methods.items():
        if found.top_columns[:3] != names:
            order = listed(found.top_columns[:3])
            lines.append(f"For {_called(name)} contributions, the strongest columns are {order}.")
    return Headline(title, lines, "drivers", drawn=True)


def _owner(summary: Summary) -> str:
    """Return the part of the model that has latents."""
    return "neurons" if summary.form == "sum" or summary.classes else "model"


def _proven(summary: Summary) -> Headline:
    certified = summary.certified
    gap = max(method.completeness_gap for method in summary.methods.values())
    none = "No column has a proven direction."
    lines = [
        *([] if certified.columns_of_proven_direction else [none]),
        *certified.sentences[:HEADLINE_SENTENCES],
        f"The contributions of every row add up to its prediction within {at_most(gap)} ({summary.unit}).",
    ]
    lines += [summary.ranges.sentence] if summary.ranges else []
    return Headline("Proven properties", lines, "certificates")


def _disagreement(summary: Summary, tables: Mapping[str, pd.DataFrame]) -> Headline:
    title = "Agreement with SHAP and other models"
    compared = summary.comparison
    if compared is None:
        return Headline(title, ["No comparison was made."], "comparison")
    lines = [] if compared.shap is None else _against_shap(compared.shap, compared.rows)
    models = [f"{model} {value:.2f}" for model, value in compared.models.items() if value is not None]
    if models:
        lines.append(
            "The rank correlations of our explanations with those of other models trained on the same data "
            f"are {listed(models)}."
        )
    if "dispute_1" in tables:
        table = tables["dispute_1"]
        row = row_text(table["row"].iloc[0])
        lines.append(f"The explanations differ most for row {row}. {plots.dispute.finding(table)}")
    return Headline(title, lines or ["No comparison was possible."], "comparison")


def _against_shap(found: ShapFound, rows: int) -> list[str]:
    """Return one sentence per method that compares it with SHAP."""
    shap, lines = found.method, []
    for name, method in found.methods.items():
        ranks, called = method.spearman, _called(name)
        ours, theirs = number(method.mean_abs_contribution), number(method.mean_abs_contribution_shap)
        order = "" if ranks is None else f"have a rank correlation of {ranks:.2f} with {shap} and "
        if _equal(method):
            at = counted(rows, "row")
            lines.append(f"{shap} and our {called} values for this model are equal, at {at}.")
        else:
            lines.append(
                f"Our {called} contributions {order}differ most on {method.column}: the mean |contribution| "
                f"is {ours} here and {theirs} for SHAP."
            )
    return lines


def _called(method: str) -> str:
    return "Shapley" if method == "shapley" else method


def _equal(method: AgainstShap) -> bool:
    largest = max(method.mean_abs_contribution, method.mean_abs_contribution_shap)
    return method.mean_abs_difference <= 1e-6 * largest


def limits(subject: Subject, summary: Summary) -> list[tuple[str, str]]:
    """Return the units and references of the numbers, and their limits."""
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
            "Contributions describe this model and are not causal effects: changing a column in reality may "
            "have a different effect, or none.",
        ),
    ]


def _unknown(summary: Summary) -> str:
    return " ".join(f"{text[0].upper()}{text[1:]}." for text in summary.unknown_values)


def _parts(subject: Subject) -> list[str]:
    """Return notes on the parts of contributions: a definition for sums, and a warning if not unique."""
    sums = [PARTS] if subject.is_sum else []
    return [*sums, BASIS] if subject.function.split_depends_on_basis else sums


def _refits(summary: Summary) -> str:
    return (
        f"The model is the average of {summary.members} fits, which differ in their random starts and in the "
        "order of the rows. The refit deviation of a contribution is its standard deviation over these fits. "
        "A smaller contribution may be an accident of the fit. The refit deviation does not measure the "
        "effect of other training rows."
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
        f"The model also has the inputs {listed(named)}, computed from standardised values. The effect of "
        "each of these inputs is divided between its two columns by the Shapley value, and is part of their "
        "contributions."
    )


def _unit(subject: Subject, summary: Summary) -> str:
    unit = subject.unit
    if summary.classes:
        return (
            f"{summary.classes.sentence} The log-odds of one class against another are the logarithm of the "
            "ratio of their probabilities. The log-odds of a class against the mean of all classes are the "
            "logarithm of the ratio of its probability to the geometric mean of all probabilities. "
            "Differences of log-odds are not differences of probability."
        )
    if not subject.classes:
        return f"Predictions and contributions are in the unit of {unit}, the target."
    below, above = subject.classes
    return (
        f"Predictions and contributions are {unit}. The model predicts {above} above 0 and {below} below 0. "
        "Differences of log-odds are not differences of probability."
    )


def _background(summary: Summary) -> str:
    text = (
        f"Contributions are measured against {summary.background}. A different background gives different "
        "contributions."
    )
    largest = []
    redraws = summary.background_stability or {}
    if redraws and all(found.is_all for found in redraws.values()):
        return f"{text} The background consists of every training row, so no other background can be drawn."
    for name, found in redraws.items():
        moves = [s for s in list(found.relative_standard_deviation.values())[:5] if s is not None]
        largest += [f"{max(moves):.1%} ({name})"] if moves else []
    if not largest:
        return text
    return (
        f"{text} Over draws of the background, the mean |contribution| of the five strongest columns has "
        f"relative standard deviations of up to {listed(largest)}."
    )


def associated_columns(subject: Subject) -> list[tuple[str, str, str]]:
    """Return pairs of columns with an association above 0.8 over the rows and the background.

    Pairs are in decreasing order of association, each with its measure and value: see
    :mod:`spectral_interp.view.association`.
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
    measures = (
        "r: Pearson correlation of numbers; V: Cramér's V of levels; η: correlation ratio of mixed pairs"
    )
    if not pairs:
        return f"No two columns have an association above {NAMED_ASSOCIATION} ({measures})."
    named = [f"{a} and {b} ({text})" for a, b, text in pairs[:PAIRS]]
    if len(pairs) > PAIRS:
        named.append(counted(len(pairs) - PAIRS, "pair") + " more")
    return (
        f"{listed(named)} ({measures}). The data do not show to which of two such columns an effect belongs, "
        "and the model may assign it to either. Path and Shapley values also use combinations of values that "
        "no row has."
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
    return f"Contributions are sampled, with these standard errors: {listed(sampled)}."


def _degenerate(summary: Summary) -> str:
    counts = [
        f"{method.degenerate_rows} for {name}"
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
    text = f"{listed(counts)}. The eigenvalue is multiple at these rows, so the slope may not be unique."
    return " ".join([text, *widest])

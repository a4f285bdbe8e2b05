"""Sections of a report, with the figures of each and the functions that build them from a subject.

If a figure is not defined for a model or its rows, its function raises :class:`LeftOut` with the reason.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .. import plots
from .._common.arrays import FloatArray, spread
from .._common.text import counted, listed, row_text
from ..plots import Exhibit, Figure
from ..plots.central_slopes import candidates
from .subject import FEW_COLUMNS, FEW_NEURONS, LeftOut, Subject

SLICES = 3
"""Maximum number of columns with a figure of their contributions, segments or spectrum."""

RANGES, FEWEST_RANGES = 12, 3
"""Maximum and minimum number of rows with a proven range."""

NEURONS_OF_RANGES, COLUMNS_OF_RANGES = 64, 100
"""Numbers of neurons and columns above which the number of these rows is reduced in proportion."""

CURVES = 6
"""Maximum number of columns in the figure of curves."""

LEADS = 0.1
"""Minimum share of the variance of the predictions for a neuron of a sum to be leading."""


@dataclass(frozen=True)
class Part:
    """Figure in a section.

    Attributes
    ----------
    figure : Figure
    study : str
        Name under which time and omissions are reported, shared by the figures of one computation.
    build : callable
        Returns the exhibits of the figure. May raise LeftOut.
    depth : int
        Number of clicks to reach the figure: 1 in its section, 2 behind a further click there. The first
        figure of depth 0 in an analysis is on the first screen; other figures of depth 0 are in their
        sections.
    """

    figure: Figure
    study: str
    build: Callable[[Subject], list[Exhibit]]
    depth: int = 1


@dataclass(frozen=True)
class Section:
    """Section of the page.

    Attributes
    ----------
    name : str
        Anchor of the section.
    title, intro : str
    parts : sequence of Part
        Figures in the order of the page.
    of_sums : str
        Addition to the introduction for a sum of neurons.
    look : str
        Summary of the section, shown below its title.
    """

    name: str
    title: str
    intro: str
    parts: Sequence[Part]
    of_sums: str = ""
    look: str = ""


@dataclass(frozen=True)
class Built:
    """All exhibits, the reasons for those that are missing, and the seconds of each study."""

    exhibits: list[Exhibit] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def _importances(subject: Subject) -> list[Exhibit]:
    return [
        plots.importance.of(ranking, method, colours=subject.colours)
        for method, ranking in subject.rankings.items()
    ]


def _beeswarms(subject: Subject) -> list[Exhibit]:
    exhibits = []
    for method, attribution in subject.attributions.items():
        table = plots.beeswarm.table(attribution)
        exhibits.append(plots.beeswarm.of(table, method, colours=subject.colours))
    return exhibits


def _dependences(subject: Subject) -> list[Exhibit]:
    exhibits = []
    for place, column in enumerate(subject.strongest[:SLICES], start=1):
        table = plots.dependence.table(subject.first, subject.certificate, column)
        exhibits.append(plots.dependence.of(table, str(place)))
    return exhibits


def _curves(subject: Subject) -> list[Exhibit]:
    table = plots.curves.table(subject.certificate, subject.strongest[:CURVES])
    return [plots.curves.of(table)]


def _interactions(subject: Subject) -> list[Exhibit]:
    return [plots.interactions.of(subject.interactions)]


def _joint(subject: Subject) -> list[Exhibit]:
    first, second = subject.interactions.loc[0, ["first", "second"]]
    return [plots.joint.of(plots.joint.table(subject.certificate, first, second))]


def _redraws(subject: Subject) -> list[Exhibit]:
    return [plots.background_stability.of(plots.background_stability.table(subject.redraws()))]


def _confusion(subject: Subject) -> list[Exhibit]:
    if not subject.is_many:
        return []
    known = ~np.isnan(subject.targets)
    if not known.any():
        raise LeftOut("the rows have no targets")
    labels = subject.whole.view.output.classes
    truth = [labels[int(at)] for at in subject.targets[known]]
    predicted = [labels[int(at)] for at in subject.whole.prediction[known].argmax(axis=1)]
    return [plots.confusion.of(plots.confusion.table(truth, predicted, labels))]


def _class_importance(subject: Subject) -> list[Exhibit]:
    if not subject.is_many:
        return []
    return [plots.class_importance.of(plots.class_importance.table(subject.of_classes))]


def _class_contrasts(subject: Subject) -> list[Exhibit]:
    if not subject.is_many:
        return []
    table = plots.class_contrasts.table(subject.of_classes, subject.truth)
    if table.empty:
        raise LeftOut("all rows belong to one class")
    return [plots.class_contrasts.of(table, colours=subject.colours)]


def _waterfalls(subject: Subject) -> list[Exhibit]:
    first, exhibits = next(iter(subject.singled.values())), []
    for label, place in _low_to_high(first.prediction).items():
        table = plots.waterfall.table(first, place)
        exhibits.append(plots.waterfall.of(table, label, colours=subject.colours))
    return exhibits


def _low_to_high(prediction: FloatArray) -> dict[str, int]:
    """Return the positions of the lowest, the median and the highest prediction, without duplicates.

    Examples
    --------
    >>> _low_to_high(np.array([3.0, 1.0, 2.0])), _low_to_high(np.array([1.0]))
    ({'low': 1, 'median': 2, 'high': 0}, {'median': 0})
    """
    order = np.argsort(prediction, kind="stable")
    median = int(order[len(order) // 2])
    ends = {"low": int(order[0]), "high": int(order[-1])}
    own = {name: place for name, place in ends.items() if place != median}
    return {name: place for name, place in {"low": -1, "median": median, **own}.items() if place >= 0}


def _nearest_changes(subject: Subject) -> list[Exhibit]:
    first, exhibits = next(iter(subject.singled.values())), []
    reasons: dict[str, list[str]] = {}
    for label, at in _low_to_high(first.prediction).items():
        place = int(subject.places(first)[at])
        try:
            found, aim = subject.nearest_change(place, middle=label == "median")
        except LeftOut as reason:
            reasons.setdefault(str(reason), []).append(row_text(first.rows[at]))
            continue
        if found is not None:
            view = subject.whole.view
            table = plots.nearest_change.table(found, view, first.rows[at], aim, subject.fixed)
            exhibits.append(plots.nearest_change.of(table, label, colours=subject.colours))
    if reasons:
        texts = (f"row{'s' * (len(rows) > 1)} {listed(rows)}: {text}" for text, rows in reasons.items())
        raise LeftOut("; ".join(texts), exhibits)
    return exhibits


def _proven_ranges(subject: Subject) -> list[Exhibit]:
    certificate, order = subject.certificate, np.argsort(subject.prediction, kind="stable")
    columns = len(subject.rows.view.columns)
    share = min(1.0, NEURONS_OF_RANGES / subject.neurons, COLUMNS_OF_RANGES / columns)
    most = max(FEWEST_RANGES, int(RANGES * share))
    try:
        table = plots.proven_ranges.table(certificate, order[spread(len(order), most)], subject.fixed)
    except ValueError as error:
        raise LeftOut(str(error)) from error
    return [plots.proven_ranges.of(table)]


def _central_slopes(subject: Subject) -> list[Exhibit]:
    if subject.proofs_take_long:
        raise LeftOut(
            f"proofs in a region may take minutes for {counted(subject.neurons, 'neuron')} and "
            f"{counted(len(subject.rows.view.columns), 'column')}; they are computed for up to {FEW_NEURONS} "
            f"neurons and {FEW_COLUMNS} columns"
        )
    found = candidates(subject.certificate, subject.strongest)[:SLICES]
    if not found:
        return []
    if len(subject.rows.view.background) < 2:
        raise LeftOut("a region in the middle of the background needs at least 2 background rows")
    return [plots.central_slopes.of(plots.central_slopes.table(subject.certificate, found))]


def _training_curve(subject: Subject) -> list[Exhibit]:
    history = subject.est.history_
    if not history:
        raise LeftOut("the file has no training history")
    loss = "mean squared error (standardised target)" if not subject.labels else "log loss (nats)"
    members = subject.members if subject.est.form_ == "sum" else None
    return [plots.training_curve.of(plots.training_curve.table(history, members=members), loss=loss)]


def _rungs(subject: Subject) -> list[Exhibit]:
    if not len(subject.est.rungs_):
        raise LeftOut("the file does not record which forms of the model were fitted")
    table = plots.rungs.table(subject.est.rungs_, subject.est.target_name_, squared=not subject.labels)
    figure = plots.rungs if len(table) > 1 else replace(plots.rungs, draw=None)
    return [figure.of(table)]


def _spectra(subject: Subject) -> list[Exhibit]:
    if subject.function.dim == 1:
        raise LeftOut("a model with one latent has one eigenvalue, its prediction")
    share = _leading_share(subject) if subject.is_sum else None
    return [
        plots.spectrum.of(plots.spectrum.table(subject.spectrum_along(column), share), str(place))
        for place, column in enumerate(subject.strongest[:SLICES], start=1)
    ]


def _chains(subject: Subject) -> list[Exhibit]:
    _need_latents(subject)
    if subject.function.dim == 1:
        raise LeftOut("a model with one latent has no chain of latents")
    neuron = {"neuron": subject.leading.neuron, "share": _leading_share(subject)} if subject.is_sum else {}
    shown = {
        "high": plots.chain.table(subject.highest, 0, **neuron),
        "mean": plots.chain.table(subject.inside, **neuron),
    }
    return [plots.chain.of(table, label, colours=subject.colours) for label, table in shown.items()]


def _leading_share(subject: Subject) -> float:
    """Return the leading neuron's share of the variance. Raise LeftOut if no neuron of the sum leads."""
    share = subject.leading.share
    if share < LEADS:
        raise LeftOut(
            f"a sum has no eigenvalues of its own, and none of its {subject.neurons} neurons is dominant: "
            f"the largest share of the variance of the predictions is {share:.1%}"
        )
    return share


def _region_map(subject: Subject) -> list[Exhibit]:
    _need_latents(subject)
    numeric = subject.strongest_numeric[:2]
    if len(numeric) < 2:
        raise LeftOut(f"it needs two numeric columns, and the model has {len(numeric)}")
    plane = subject.plane_over(numeric[0], numeric[1])
    return [plots.region_map.of(plots.region_map.table(plane), boundaries=plane.boundaries)]


def _pieces(subject: Subject) -> list[Exhibit]:
    subject.eps  # noqa: B018 -- raises LeftOut if there is no tolerance
    return [plots.pieces.of(plots.pieces.table(subject.regions))]


def _latents(subject: Subject) -> list[Exhibit]:
    _need_latents(subject)
    if subject.is_sum:
        raise LeftOut("a sum of neurons has no latents of its own; only its neurons have latents")
    return [plots.latents.of(plots.latents.table(subject.regions))]


def _need_latents(subject: Subject) -> None:
    if subject.function.structure == "dense":
        raise LeftOut("the latents of a dense model depend on the basis")


def _certified(subject: Subject) -> list[Exhibit]:
    return [plots.certified.of(plots.certified.table(subject.certificate), colours=subject.colours)]


def _segments(subject: Subject) -> list[Exhibit]:
    if subject.est.form_ != "sum":
        return []
    bent = [name for name in subject.strongest_numeric if subject.rows.view.axis(name).knots]
    if not bent:
        raise LeftOut("no column is piecewise linear")
    return [
        plots.segments.of(plots.segments.table(subject.certificate, column), str(place))
        for place, column in enumerate(bent[:SLICES], start=1)
    ]


def _sensitivity(subject: Subject) -> list[Exhibit]:
    return [plots.sensitivity.of(plots.sensitivity.table(subject.certificate), colours=subject.colours)]


def _margins(subject: Subject) -> list[Exhibit]:
    if subject.function.dim == 1:
        raise LeftOut("a model with one latent has no other eigenvalue and is linear everywhere")
    table = plots.margins.table(subject.certificate, subject.eps)
    if subject.classes:
        table["flip_radius"] = subject.certificate.flip_radius
    return [plots.margins.of(table)]


def _of_comparison(figure: Figure, depth: int = 1) -> Part:
    """Return a part with a table from the comparison, if there is one."""

    def build(subject: Subject) -> list[Exhibit]:
        return [] if subject.comparison is None else [figure.of(figure.table(subject.comparison))]

    return Part(figure, "comparison", build, depth)


def _importance_by_model(subject: Subject) -> list[Exhibit]:
    if subject.comparison is None:
        return []
    table = plots.importance_by_model.table(subject.comparison)
    return [plots.importance_by_model.of(table, colours=subject.colours)]


def _disputes(subject: Subject) -> list[Exhibit]:
    found = subject.comparison
    return [
        plots.dispute.of(plots.dispute.table(found, dispute), str(place), colours=subject.colours)
        for place, dispute in enumerate(() if found is None else found.disputed, start=1)
    ]


SECTIONS = (
    Section(
        "classes",
        "Differences between classes",
        "This section shows local contributions to the log-odds of every class, and to the log-odds between "
        "two classes. The log-odds of a class are against the mean of all classes unless another class is "
        "named.",
        [
            Part(plots.class_importance, "all classes", _class_importance, depth=0),
            Part(plots.class_contrasts, "all classes", _class_contrasts),
            Part(plots.confusion, "confusion", _confusion),
        ],
        look="Columns that separate two classes, and classes that are confused.",
    ),
    Section(
        "model",
        "Model and accuracy",
        "",
        [
            _of_comparison(plots.accuracy),
            Part(plots.rungs, "price of readability", _rungs),
            Part(plots.training_curve, "training curve", _training_curve, depth=2),
        ],
        look="The form of the model, and its errors compared with other models.",
    ),
    Section(
        "drivers",
        "Contributions by column",
        "A contribution is the amount by which a column raises or lowers one prediction, in the unit of the "
        "prediction. The base value and the contributions of a row add up to its prediction.",
        [
            Part(plots.importance, "contributions", _importances, depth=0),
            Part(plots.beeswarm, "contributions", _beeswarms),
            Part(plots.curves, "curves", _curves),
            Part(plots.interactions, "interactions", _interactions),
            Part(plots.joint, "interactions", _joint),
            Part(plots.dependence, "dependence", _dependences, depth=2),
            Part(plots.background_stability, "redraws of the background", _redraws, depth=2),
        ],
        look="The size and direction of the effect of every column.",
    ),
    Section(
        "rows",
        "Single predictions",
        "Choose a row to see the contributions to its prediction, the strongest columns first.",
        [Part(plots.waterfall, "single predictions", _waterfalls)],
        look="The contributions to the prediction of one row.",
    ),
    Section(
        "changes",
        "Changing a prediction",
        "This section shows the smallest change that gives a target prediction, for the rows with the "
        "lowest, the median and the highest prediction, and the ranges of predictions under small changes of "
        "the numbers. Proven statements hold for every allowed change. They describe the model, not reality.",
        [
            Part(plots.nearest_change, "nearest changes", _nearest_changes),
            Part(plots.proven_ranges, "proven ranges", _proven_ranges),
        ],
        look="The smallest change that gives a different prediction.",
    ),
    Section(
        "parts",
        "Diagonal and coupling parts",
        "The diagonal part of a contribution is the effect of a column on single latents of the model; "
        "without couplings, the model would be piecewise linear. The coupling part is the effect of mixing "
        "neighbouring latents.",
        [Part(plots.chain, "latents and bonds", _chains), Part(plots.spectrum, "spectra", _spectra, depth=2)],
        "Both are sums over the neurons, which do not share latents.",
        look="Inside the model: the direct effect of a column, and its effect through mixing latents.",
    ),
    Section(
        "regions",
        "Linear regions",
        "Within a piece, one set of slopes explains every prediction within a tolerance.",
        [
            Part(plots.region_map, "region map", _region_map),
            Part(plots.pieces, "linear pieces", _pieces),
            Part(plots.latents, "skeleton", _latents, depth=2),
        ],
        look="Inside the model: where it is linear, and where it bends.",
    ),
    Section(
        "certificates",
        "Proven properties",
        "These statements follow from the matrices of the model. Unless they name rows or a region, they "
        "hold for every input, whether or not it is in the data.",
        [
            Part(plots.certified, "certificates", _certified),
            Part(plots.central_slopes, "slopes where the data are", _central_slopes),
            Part(plots.segments, "slopes by segment", _segments, depth=2),
            Part(plots.sensitivity, "certificates", _sensitivity, depth=2),
            Part(plots.margins, "gaps and radii", _margins, depth=2),
        ],
        "A bound for a sum adds up the worst cases of its neurons, which seldom occur at the same input. It "
        "always holds, but it may be wide.",
        look="Statements that hold for all inputs, including values that no row has.",
    ),
    Section(
        "comparison",
        "Comparison with SHAP and other models",
        "The same rows are explained by public explainers and, if they were trained on the same data, by a "
        "linear model and an MLP.",
        [
            Part(plots.importance_by_model, "comparison", _importance_by_model),
            _of_comparison(plots.agreement),
            Part(plots.dispute, "comparison", _disputes),
            _of_comparison(plots.deletion, depth=2),
            _of_comparison(plots.faithfulness_cost, depth=2),
            _of_comparison(plots.faithfulness, depth=2),
            _of_comparison(plots.cost, depth=2),
        ],
        look="Agreement with other explainers, and with other models of the same data.",
    ),
)
"""Sections in the order of the page."""


def build(subject: Subject) -> Built:
    """Return the exhibits of all sections, the reasons for omissions, and the seconds of each study."""
    built = Built(seconds=dict(subject.seconds))
    for part in (part for section in SECTIONS for part in section.parts):
        start = time.perf_counter()
        try:
            built.exhibits.extend(part.build(subject))
        except LeftOut as reason:
            text = f"{part.study}: {reason}"
            if text not in built.left_out:
                built.left_out.append(text)
            built.exhibits.extend(reason.built)
            if not reason.built:
                continue
        built.seconds[part.study] = built.seconds.get(part.study, 0.0) + time.perf_counter() - start
    return built

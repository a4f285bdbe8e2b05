"""Attribution, cost and faithfulness of every explainer on every model."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from .._common.arrays import FloatArray
from ..attribution.explain import METHODS
from ..attribution.result import Attribution
from ..view import Rows
from . import faithfulness
from .agreement import Key
from .explainers import BUDGET, EXACT, EXPLAINERS, ExplainedModel, Explainer, evaluations_of_all

OK = "ok"

WORK = 8 * 10**10
"""Number of multiplications of a comparison with the default number of rows: about ten seconds.

In that case an explainer is left out if it alone would need twice as many for the fewest rows.
"""

MOST_ROWS, FEWEST_ROWS = 200, 20

MOST_TIMES = 10**6
"""Largest multiple of ``WORK`` that is stated."""

Measure = Callable[[ExplainedModel, Explainer], dict[str, Any]]


@dataclass
class Study:
    """Every explainer on every model, one line each."""

    rows: Rows
    reference: FloatArray
    seed: int
    notes: list[str]
    too_dear: dict[Key, str] = field(default_factory=dict)
    attributions: dict[Key, Attribution] = field(default_factory=dict)
    faithfulness: list[dict[str, Any]] = field(default_factory=list)
    cost: list[dict[str, Any]] = field(default_factory=list)
    curves: list[dict[str, Any]] = field(default_factory=list)
    removals: dict[str, tuple[npt.NDArray[np.bool_], FloatArray]] = field(default_factory=dict)

    def run(self, models: list[ExplainedModel]) -> None:
        """Run all explainers under a progress bar that names the current one."""
        cells = _cells(models)
        n, b = len(self.rows), len(self.reference)
        random: dict[str, dict[str, float]] = {}
        with tqdm(cells, unit="explainer", disable=None, leave=False) as bar:
            for model, explainer in bar:
                bar.set_description(f"{n} rows × {b} background rows: {explainer.name} on {model.name}")
                if model.name not in random:
                    random[model.name] = self._random(model)
                self._cell(model, explainer, random[model.name])

    def _random(self, model: ExplainedModel) -> dict[str, float]:
        deletion, insertion = faithfulness.random_curves(model, self.rows, self.reference, self._rng())
        self._keep_curves(model.name, "random", deletion, insertion)
        return {
            "random_deletion": self._area(deletion),
            "random_insertion": self._area(insertion),
        }

    def _cell(self, model: ExplainedModel, explainer: Explainer, random: dict[str, float]) -> None:
        """Add the lines of an explainer."""
        key = {"model": model.name, "method": explainer.name}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            status = self._left_out(model, explainer)
            cost, failure = ({}, status) if status != OK else _attempt(self._explain, model, explainer)
            status = failure or OK
            counts = {"rows": 0 if status != OK else len(self.rows), "players": explainer.players}
            self.cost.append(key | _COST | cost | counts | {"status": status})
            measured: dict[str, Any] = {}
            for name, measure in self._measures().items() if status == OK else ():
                found, failure = _attempt(measure, model, explainer)
                measured |= found
                status = failure.replace("failed:", f"failed: {name}:", 1) if failure else status
        self.notes += [
            f"{explainer.name} on {model.name}: {' '.join(str(warning.message).split())}"
            for warning in caught
            if issubclass(warning.category, UserWarning | RuntimeWarning)
        ]
        line = (
            key | _FAITHFULNESS | measured | random | {"unit": self.rows.view.output.unit, "status": status}
        )
        self.faithfulness.append(line)

    def _left_out(self, model: ExplainedModel, explainer: Explainer) -> str:
        needed = evaluations_of_all(self.rows, self.reference) * model.scores
        if explainer.name == EXACT and needed > BUDGET:
            c = len(self.rows.view.axes)
            return f"left out: all coalitions of {c} columns would need {needed:.1e} evaluations"
        return self.too_dear.get((model.name, explainer.name), OK)

    def _explain(self, model: ExplainedModel, explainer: Explainer) -> dict[str, Any]:
        """Explain one row to compile the kernels, then all rows; return the cost."""
        explainer(model, self.rows.take(slice(1)), self.reference, seed=self.seed)
        start = time.perf_counter()
        attribution = explainer(model, self.rows, self.reference, seed=self.seed)
        seconds = time.perf_counter() - start
        if not np.isfinite(attribution.values).all():
            raise ValueError("contributions that are not finite")
        self.attributions[model.name, explainer.name] = attribution
        n = len(self.rows)
        return {
            "gini": faithfulness.gini(attribution.values),
            "ms_per_row": 1e3 * seconds / n,
            "evaluations_per_row": attribution.evaluations / n,
        }

    def _measures(self) -> dict[str, Measure]:
        return {
            "completeness": self._completeness,
            "deletion": self._deletion,
            "infidelity": self._infidelity,
            "sensitivity": self._sensitivity,
        }

    def _completeness(self, model: ExplainedModel, explainer: Explainer) -> dict[str, Any]:
        attribution = self.attributions[model.name, explainer.name]
        gap, spread = float(attribution.completeness_gap.max()), float(np.ptp(attribution.prediction))
        return {
            "completeness_gap": gap,
            "completeness_gap_relative": gap / spread if spread > 0 else np.nan,
        }

    def _deletion(self, model: ExplainedModel, explainer: Explainer) -> dict[str, Any]:
        attribution = self.attributions[model.name, explainer.name]
        order = faithfulness.attributed_order(
            attribution, float(model.values(self.rows.view.inputs(self.reference)).mean())
        )
        deletion, insertion = faithfulness.curves(model, self.rows, self.reference, order)
        self._keep_curves(model.name, explainer.name, deletion, insertion)
        return {"deletion": self._area(deletion), "insertion": self._area(insertion)}

    def _infidelity(self, model: ExplainedModel, explainer: Explainer) -> dict[str, Any]:
        attribution = self.attributions[model.name, explainer.name]
        if model.name not in self.removals:
            found = faithfulness.removals(model, self.rows, self.reference, self._rng())
            self.removals[model.name] = found
        return {"infidelity": faithfulness.infidelity(attribution, *self.removals[model.name])}

    def _sensitivity(self, model: ExplainedModel, explainer: Explainer) -> dict[str, Any]:
        value = faithfulness.sensitivity(
            explainer, model, self.rows, self.reference, self._rng(), seed=self.seed
        )
        return {"sensitivity": value}

    def _rng(self) -> np.random.Generator:
        """Return a generator with the same draws for every explainer."""
        return np.random.default_rng(self.seed)

    def _area(self, curve: FloatArray) -> float:
        return faithfulness.area(curve, len(self.rows.view.axes))

    def _keep_curves(self, model: str, method: str, deletion: FloatArray, insertion: FloatArray) -> None:
        shares = faithfulness.shares(len(self.rows.view.axes))
        for share, fall, climb in zip(shares, deletion, insertion, strict=True):
            self.curves.append(
                {"model": model, "method": method, "share": share, "deletion": fall, "insertion": climb}
            )


def affordable(models: list[ExplainedModel], c: int, b: int) -> tuple[int, dict[Key, str]]:
    """Return the number of rows for which ``WORK`` suffices, and reasons for explainers that are left out.

    The work is counted, not timed, so it is the same for the same models, c columns and b background rows.
    """
    explaining = {
        (model.name, explainer.name): explainer.work(model, c, b) for model, explainer in _cells(models)
    }
    besides = 1 + faithfulness.SENSITIVE_ROWS * (
        1 + faithfulness.JITTERS
    )  # rows explained for compilation and sensitivity
    too_dear = {
        key: _too_much((FEWEST_ROWS + besides) * work)
        for key, work in explaining.items()
        if key[1] not in METHODS and (FEWEST_ROWS + besides) * work > 2 * WORK
    }
    a_row = sum(work for key, work in explaining.items() if key not in too_dear)
    curves, masks, orders = 2 * len(faithfulness.shares(c)), faithfulness.MASKS, faithfulness.RANDOM_ORDERS
    measuring = sum(
        b * (model.switching(orders * curves, orders * 2 * c) + model.switching(masks, masks * c))
        for model in models
    ) + sum(
        b * model.switching(curves, 2 * c)
        for model, explainer in _cells(models)
        if (model.name, explainer.name) not in too_dear
    )
    rows = (WORK - besides * a_row) // (a_row + measuring)
    return min(max(rows, FEWEST_ROWS), MOST_ROWS), too_dear


def _too_much(work: int) -> str:
    """Return the reason for leaving out an explainer with this work for the fewest rows."""
    times = min(work // WORK, MOST_TIMES)
    return (
        f"left out: even {FEWEST_ROWS} rows would need at least {times:,} times the work allowed for all "
        "explainers together; set max_rows or --compare-rows to include it"
    )


def _cells(models: list[ExplainedModel]) -> list[tuple[ExplainedModel, Explainer]]:
    """Return every model with every explainer that runs on it."""
    return [
        (model, explainer) for model in models for explainer in EXPLAINERS if model.name in explainer.models
    ]


_COST = dict.fromkeys(("gini", "ms_per_row", "evaluations_per_row"), np.nan)

_FAITHFULNESS = dict.fromkeys(
    ("completeness_gap", "completeness_gap_relative", "deletion", "insertion", "infidelity", "sensitivity"),
    np.nan,
)


def _attempt(call: Measure, model: ExplainedModel, explainer: Explainer) -> tuple[dict[str, Any], str]:
    """Return the result of ``call`` and an empty text, or an empty result and the reason of its failure."""
    try:
        return call(model, explainer), ""
    except Exception as error:  # other packages may raise any error; only this line is affected
        return {}, f"failed: {' '.join(str(error).split()) or type(error).__name__}"

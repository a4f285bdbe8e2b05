"""The nearest change of a row that reaches a target, and a proven lower bound of its cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .._common.markup import block, sentences, table
from .._common.messages import shown
from .._common.progress import progress
from .._common.text import at_least, counted, listed, number, value_text
from ..boxes.limits import Free
from ..boxes.ranges import SECONDS, coordinates
from ..view import Rows
from ..view.wrapped import unwrapped
from .allowed import allowed_columns
from .goals import Goal, goal_of
from .moves import NORMS, Norm
from .search import Nearest
from .stars import Stars

if TYPE_CHECKING:
    import pandas as pd

CHECKS = (0.0, 1e-9, 1e-7, 1e-5, 1e-3)
"""Margins beyond the target, as fractions of the distance to it, that are tried until ``predict`` agrees."""


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """The nearest change found that gives a target, and a proven lower bound of its cost.

    Attributes
    ----------
    found : ndarray, shape (c,), or None
        The changed row in the table's units; None if there is none.
    distance : float
        Cost of the change in the norm; inf if there is none.
    lower : float
        Proven lower bound: no cheaper allowed change gives the target. It is inf if no change gives it at
        all.
    row : ndarray, shape (c,)
        The original row, in the table's units.
    costs : ndarray, shape (c,)
        Cost of the change of every column.
    prediction, reached : float
        The prediction at the row and at the changed row, in the prediction's unit. With more than two
        classes, the log-odds of the target against the predicted class.
    evaluations : int
        Number of cells that were bounded.
    proven : bool
        Whether the distance is at most ``1 + rtol`` times ``lower``, or no change gives the target at all.
    columns : tuple of str, length c
    norm, unit : str
    now, target : str
        Descriptions of the prediction and of the target.
    others : tuple of Counterfactual
        Further answers; each fixes the columns that cost most in the previous answers.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> pencil = Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0)
    >>> near = counterfactual(pencil, [[0.0]], target=3, limits={"z0": (-5, 5)})
    >>> near.changes.round(6).to_numpy().tolist()
    [['z0', 0.0, 1.5, 1.5]]
    >>> counterfactual(pencil, [[0.0]], target=30, limits={"z0": (-5, 5)}).impossible
    True
    """

    found: npt.NDArray[np.object_] | None
    distance: float
    lower: float
    row: npt.NDArray[np.object_]
    costs: npt.NDArray[np.float64]
    prediction: float
    reached: float
    evaluations: int
    proven: bool
    columns: tuple[str, ...]
    norm: str
    unit: str
    now: str
    target: str
    others: tuple[Counterfactual, ...] = field(default=())

    @property
    def impossible(self) -> bool:
        """Whether it is proven that no allowed change gives the target."""
        return bool(np.isinf(self.lower))

    @property
    def changes(self) -> pd.DataFrame:
        """The columns that change, in descending order of cost: column, from, to, and cost."""
        import pandas as pd  # pandas is needed only for tables

        names = ["column", "from", "to", "cost"]
        if self.found is None:
            return pd.DataFrame(columns=names)
        places = np.argsort(-self.costs, kind="stable")[: int((self.costs > 0).sum())].tolist()
        lines = [(self.columns[i], self.row[i], self.found[i], self.costs[i]) for i in places]
        return pd.DataFrame(lines, columns=names)

    def to_frame(self) -> pd.DataFrame:
        """Return the row and the changed rows, of all answers, as a table of the model's columns."""
        import pandas as pd  # pandas is needed only for tables

        answers = [one.found for one in (self, *self.others) if one.found is not None]
        labels = ["row", *(f"answer {i + 1}" for i in range(len(answers)))]
        return pd.DataFrame([self.row, *answers], labels, list(self.columns)).infer_objects()

    def _repr_html_(self) -> str:
        lines = self.changes.itertuples(index=False, name=None)
        changed = table(["column", "from", "to", "cost"], lines, len(self.changes), "columns")
        others = (str(one) for one in self.others)
        return block(sentences(str(self)), changed if self.found is not None else "", sentences(*others))

    def __str__(self) -> str:
        start = f"Predicted: {self.now}."
        if self.found is None and self.impossible:
            return f"{start} No allowed change gives {self.target}: this is proven."
        if self.found is None:
            return f"{start} No change that gives {self.target} was found.{self._excluded}"
        parts = [
            f"{column} from {value_text(old)} to {value_text(new)}"
            for column, old, new in self.changes.iloc[:, :3].itertuples(index=False)
        ]
        nearest = f"{listed(parts)} (a change of {self._size(self.distance)})"
        return f"{start} The smallest change found that gives {self.target}: {nearest}.{self._excluded}"

    @property
    def _excluded(self) -> str:
        if self.lower <= (1.0 if self.norm == "columns" else 0.0):
            return ""
        less = "fewer" if self.norm == "columns" else "less"
        return f" It is proven that no allowed change of {less} than {self._size(self.lower)} gives it."

    def _size(self, cost: float) -> str:
        return size_text(cost, self.norm, bound=cost != self.distance)


def size_text(cost: float, norm: str, *, bound: bool = False) -> str:
    """Return the size of a change in words; a lower bound is rounded down.

    Examples
    --------
    >>> size_text(1.0, "scaled l1"), size_text(2.3457, "l2", bound=True), size_text(2.0, "columns")
    ('1 standard deviation', '2.345 standard deviations', '2 columns')
    """
    if norm == "columns":
        return counted(int(cost), "column")
    text = at_least(cost) if bound else number(cost)
    return f"{text} standard deviation{'' if text == '1' else 's'}"


def counterfactual(
    est: Any,
    row: Any,
    *,
    target: Any = None,
    output: Any = None,
    against: Any = None,
    fixed: str | Iterable[str] = (),
    limits: Mapping[str, Any] | None = None,
    directions: Mapping[str, int] | None = None,
    norm: str = "scaled l1",
    most_columns: int | None = None,
    answers: int = 1,
    rtol: float = 0.1,
    max_evaluations: int = 32,
) -> Counterfactual:
    """Return the nearest change of a row that gives a target, and a proven lower bound of its cost.

    Parameters
    ----------
    est : fitted SpectralRegressor or SpectralClassifier, Pencil or DensePencil, pipeline or search
    row : DataFrame or array_like, shape (1, columns)
    target : optional
        For numbers, the number that the prediction must reach from its present side, or an interval
        ``(low, high)``, with None for an open end. For classes, the label that must be predicted; with two
        classes, the default is the other one. With ``output``, a number or interval in log-odds.
    output, against : label, optional
        Use the log-odds of a class, as in :func:`explain`, in place of the predicted class.
    fixed : str or iterable of str
        Columns that must not change.
    limits : dict, optional
        Permitted values of columns, in the table's units: ``(low, high)``, or a list of levels; include None
        to permit a gap. By default, numbers and dates stay in the range in training, extended to the row's
        own value; levels are those of training; a value does not become a gap, nor a gap a value.
    directions : dict, optional
        1 for numbers or dates that may only rise, -1 for those that may only fall.
    norm : {"scaled l1", "l2", "columns"}
        "scaled l1": the sum of the changes in standard deviations (of the logarithm if the model uses that);
        a change of level, or from or to a gap, counts 1. "l2": the square root of the sum of their squares.
        "columns": the number of columns that change; ties are broken by "scaled l1".
    most_columns : int, optional
        Maximum number of columns that may change.
    answers : int
        Number of answers. Each further answer fixes the columns that cost most in the previous ones, and has
        its own bound. There are fewer if no further change is found.
    rtol : float
        The search stops when the distance is at most ``1 + rtol`` times the proven bound.
    max_evaluations : int
        Maximum number of cells to bound.

    Returns
    -------
    Counterfactual
        The mathematics is at the top of :mod:`.stars`. A column stays whole if its values in the background
        and the ends of its range in training are whole. Dates stay whole days if the model has no times of
        day.

    Raises
    ------
    TypeError
        If ``est`` is not a spectral model.
    ValueError
        If ``row`` is not one row or is outside the limits, the target is invalid or already met, no column
        may change, or an argument does not fit the model.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> pencil = Pencil(diag=[[0.0], [1.0], [2.0]], off=[[], [], []], k=0)
    >>> near = counterfactual(pencil, [[0.0, 0.0]], target=3, limits={"z0": (-5, 5), "z1": (-5, 5)})
    >>> near.found.astype(float).round(6).tolist(), round(near.distance, 6), near.lower > 1.499
    ([0.0, 1.5], 1.5, True)
    """
    _check_numbers(norm, most_columns, answers, rtol, max_evaluations)
    goal, rows = goal_of(est, row, target, output, against)
    start = coordinates(rows.view, rows)
    free = allowed_columns(rows.view, start, rows, fixed, limits, directions)
    found: list[Counterfactual] = []
    for _ in range(answers):
        if not free or (found and found[-1].found is None):
            break
        one = _answer(
            est, goal, rows, free, start, Norm(norm), most_columns or len(free), rtol, max_evaluations
        )
        if found and one.found is None:
            break
        found.append(one)
        strongest = one.columns[int(one.costs.argmax())]
        free = [column for column in free if column.axis.name != strongest]
    return replace(found[0], others=tuple(found[1:]))


def _check_numbers(norm: str, most: int | None, answers: int, rtol: float, max_evaluations: int) -> None:
    if norm not in NORMS:
        raise ValueError(f"expected norm to be one of {', '.join(map(shown, NORMS))}; got {shown(norm)}")
    if not (isinstance(rtol, Real) and 0 < rtol < np.inf):
        raise ValueError(f"expected rtol > 0, as a share of the proven distance; got {shown(rtol)}")
    counts = {"answers": answers, "max_evaluations": max_evaluations}
    for name, value in (counts if most is None else counts | {"most_columns": most}).items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"expected {name} to be a whole number >= 1; got {shown(value)}")


def _answer(
    est: Any,
    goal: Goal,
    rows: Rows,
    free: Sequence[Free],
    start: npt.NDArray[np.float64],
    norm: Norm,
    most: int,
    rtol: float,
    max_evaluations: int,
) -> Counterfactual:
    conditions = [Stars(view, free, start, norm) for view in goal.conditions]
    search = Nearest(conditions, free, norm, most)
    seconds = SECONDS * max_evaluations * len(conditions[0].neurons)
    size = f"at most {max_evaluations:,} cells of {len(free)} columns"
    with progress(max_evaluations, seconds=seconds, size=size, unit="cell") as advance:
        search.run(rtol, max_evaluations, advance)
    lower, row, costs = search.lower, rows.data[0].astype(object), np.zeros(len(rows.view.axes))
    point = _checked(est, goal, row, free, search)
    distance = float("inf") if point is None else search.cost
    if point is not None:
        places = [column.place for column in free]
        costs[places] = norm.costs(free, search.start, search.descent.found[None])[0]
    return Counterfactual(
        found=point,
        distance=distance,
        lower=lower,
        row=row,
        costs=costs,
        prediction=goal.prediction,
        reached=float("nan") if point is None else goal.reached(rows, search.placed()),
        evaluations=search.evaluations,
        proven=bool(np.isinf(lower) or distance <= (1 + rtol) * lower),
        columns=rows.view.columns,
        norm=norm.name,
        unit=goal.unit,
        now=goal.now,
        target=goal.target,
    )


def _checked(
    est: Any, goal: Goal, row: npt.NDArray[np.object_], free: Sequence[Free], search: Nearest
) -> npt.NDArray[np.object_] | None:
    """Return the changed row, moved beyond the target until ``predict`` agrees; None if there is none."""
    for margin in CHECKS:
        search.descent.move_beyond(margin)
        if np.isinf(search.cost):
            return None
        point = _changed(row, free, search)
        if goal.met(_predicted(est, point, goal)):
            return point
    return None


def _changed(row: npt.NDArray[np.object_], free: Sequence[Free], search: Nearest) -> npt.NDArray[np.object_]:
    """Return the row with the changes that the search has found, in the table's units."""
    point, moved = row.copy(), search.descent.changed(search.descent.found[None])[0]
    for column, u, changed in zip(free, search.descent.found, moved, strict=True):
        if changed:
            value = column.values(np.array([u]))[0]
            old = point[column.place]
            point[column.place] = str(value) == "True" if isinstance(old, bool | np.bool_) else value
    return point


def _predicted(est: Any, point: npt.NDArray[np.object_], goal: Goal) -> Any:
    """Return the output of ``predict`` for a row in the table's units; None for a view."""
    import pandas as pd  # pandas is needed only for tables

    if isinstance(est, type(goal.view)):
        return None
    model, _ = unwrapped(est)
    if not hasattr(model, "predict"):
        return goal.value_of(np.asarray(point, dtype=np.float64)[None])
    frame = pd.DataFrame([point], columns=list(model.view().columns)).infer_objects()
    return goal.seen(model, frame)

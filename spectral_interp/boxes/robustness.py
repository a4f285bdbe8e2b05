"""Robustness of a decision to changes of columns, proven by ranges in growing regions.

With a factor t, every column moves by at most t times its tolerance from the row's value. These regions grow
with t. A statement that holds in a region holds in all smaller ones, and a point that violates it in a region
violates it in all larger ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray
from .._common.markup import block, sentences, table
from .._common.messages import shown
from .._common.text import at_least, at_most, number
from ..view import ModelView, NumberAxis, Rows
from .bounds import ROUNDING, bounds_in
from .limits import Region, free_columns
from .ranges import Search, check_effort, coordinates, unknown_gap

if TYPE_CHECKING:
    import pandas as pd

FARTHEST = 2.0**10
"""Largest factor tried."""

NEAREST = 2.0**-20
"""Smallest factor tried; a row that fails here is at the edge of its decision."""

BEYOND = 1e-6
"""Share of the path by which a point goes beyond the nearest change of the decision; allows for rounding."""

CLOSER = 40
"""Number of times that the path to a point that changes the decision is halved."""


@dataclass(frozen=True, eq=False)
class Robustness:
    """The multiple of their tolerances by which columns may move before a decision can change.

    Attributes
    ----------
    proven : float
        Up to this factor, no change within the tolerances alters the decision.
    attained : float
        Smallest factor at which a change was found that alters the decision; inf if none was found.
    point : ndarray, shape (c,), or None
        The changed row, in the table's units.
    band : float or None
        Permitted distance of the prediction from the row's; None if the class must stay the same.
    evaluations : int
        Number of boxes that were bounded.
    columns : tuple of str, length c
    unit : str
    """

    proven: float
    attained: float
    point: npt.NDArray[np.object_] | None
    band: float | None
    evaluations: int
    columns: tuple[str, ...]
    unit: str

    def to_frame(self) -> pd.DataFrame:
        """Return the row that changes the decision, as a table of one row, or of none."""
        import pandas as pd  # pandas is needed only for tables

        rows = [] if self.point is None else [self.point]
        return pd.DataFrame(rows, columns=list(self.columns)).infer_objects()

    def _repr_html_(self) -> str:
        if self.point is None:
            return block(sentences(str(self)))
        lines = zip(self.columns, self.point, strict=True)
        found = table(["column", "changed row"], lines, len(self.columns), "columns")
        return block(sentences(str(self)), found)

    def __str__(self) -> str:
        if self.band is None:
            stays = "the class stays the same"
        else:
            stays = f"the prediction moves by at most {number(self.band)} ({self.unit})"
        if self.proven:
            factor = at_least(self.proven)
            proven = f"While columns move within {factor} times their tolerances, {stays}: this is proven"
        else:
            proven = f"For no tolerance is it proven that {stays}"
        if self.point is None:
            return f"{proven}. No change that breaks this was found."
        return f"{proven}. A change of {at_most(self.attained)} times the tolerances breaks it."


class _Growing:
    """The regions around a row: each column within a factor of its tolerance, (below, above), in its unit."""

    def __init__(self, view: ModelView, rows: Rows, tolerances: Mapping[str, tuple[float, float]]) -> None:
        self.view, self.rows, self.tolerances = view, rows, tolerances
        self.u = coordinates(view, rows)
        self.values = {
            name: float(view.axis(name).values(self.u[[view.columns.index(name)]])[0]) for name in tolerances
        }

    @property
    def farthest(self) -> float:
        """The factor up to which numbers on a logarithmic scale stay positive."""
        logged = (name for name in self.tolerances if self.view.axis(name).log)
        room = [self.values[name] / max(self.tolerances[name][0], 1e-300) for name in logged]
        return min([FARTHEST, *(0.999 * factor for factor in room)])

    def region(self, factor: float) -> Region:
        limits = {
            name: (self.values[name] - factor * below, self.values[name] + factor * above)
            for name, (below, above) in self.tolerances.items()
        }
        return Region(self.view, free_columns(self.view, limits, self.rows), self.u)

    def nearest(self, point: FloatArray, breaks: Callable[[FloatArray], bool]) -> tuple[float, FloatArray]:
        """Return the factor of the nearest point (free,) towards ``point`` that breaks, and that point."""
        region = self.region(1.0)
        start = self.u[[column.place for column in region.free]]
        near, far = 0.0, 1.0
        for _ in range(CLOSER):
            middle = (near + far) / 2
            if breaks(start + middle * (point - start)):
                far = middle
            else:
                near = middle
        point = start + min((1 + BEYOND) * far, 1.0) * (point - start)
        return max(self._factors(region, point)), point

    def _factors(self, region: Region, point: FloatArray) -> list[float]:
        found = []
        for column, u in zip(region.free, point, strict=True):
            name = column.axis.name
            way = float(column.axis.values(np.array([u]))[0]) - self.values[name]
            tolerance = self.tolerances[name][0 if way < 0 else 1]
            found.append(abs(way) / tolerance if tolerance else 0.0)
        return found


class _Decision:
    """Test of whether f stays between two values in growing regions; the nearest counterexample found."""

    def __init__(self, growing: _Growing, least: float, most: float) -> None:
        self.growing, self.least, self.most = growing, least, most
        self.attained, self.evaluations = math.inf, 0
        self.point: FloatArray | None = None

    def stays(self, factor: float, max_evaluations: int) -> bool:
        """Return whether f is proven to stay up to a factor; keep a point that refutes it."""
        region = self.growing.region(factor)
        slack = ROUNDING * float(region.size.sum())
        enough = self.least + slack, self.most - slack
        search = Search(region, partial(bounds_in, region), region.values, enough)
        search.run(0.0, 0.0, max_evaluations)
        self.evaluations += search.evaluations
        broken = [point for point in search.found if self._breaks(region, point)]
        if broken:
            found = [self.growing.nearest(point, partial(self._breaks, region)) for point in broken]
            attained, point = min(found, key=lambda one: one[0])
            if attained < self.attained:
                self.attained, self.point = attained, point
        return not broken and bool(search.low.min() >= enough[0] and search.high.max() <= enough[1])

    def _breaks(self, region: Region, point: FloatArray) -> bool:
        return not self.least <= float(region.values(point[None])[0]) <= self.most

    @property
    def row(self) -> npt.NDArray[np.object_] | None:
        """The point as a row of the table."""
        if self.point is None:
            return None
        region = self.growing.region((1 + BEYOND) * self.attained)
        return region.points(self.point[None], self.growing.rows.data[0])[0]


def robustness_in(
    view: ModelView, rows: Rows, tolerances: Any, band: float | None, *, rtol: float, max_evaluations: int
) -> Robustness:
    """Return the robustness of a row's decision; see :meth:`Certificate.robustness`.

    Raises
    ------
    ValueError
        If rows or tolerances do not fit the model, ``band`` is not positive or missing, or ``rtol`` or
        ``max_evaluations`` is not positive.
    """
    check_effort(rtol, max_evaluations)
    if len(rows) != 1:
        raise ValueError(f"expected one row; got {len(rows)}")
    growing = _Growing(view, rows, _checked(view, rows, tolerances))
    least, most = _allowed(view, float(view.values(rows.z)[0]), band)
    decision = _Decision(growing, least, most)
    proven, failed = 0.0, math.inf
    while proven < growing.farthest and failed > max(NEAREST, (1 + rtol) * proven):
        factor = min(max(2 * proven, 1.0), growing.farthest) if failed == math.inf else (proven + failed) / 2
        if decision.stays(factor, max_evaluations):
            proven = factor
        else:
            failed = min(factor, decision.attained)
    factor = failed
    while decision.point is None and factor < growing.farthest:
        factor = min((1 + rtol) * factor, growing.farthest)
        decision.stays(factor, 1)
    return Robustness(
        proven=proven,
        attained=decision.attained,
        point=decision.row,
        band=band,
        evaluations=decision.evaluations,
        columns=view.columns,
        unit=view.output.unit,
    )


def _allowed(view: ModelView, prediction: float, band: float | None) -> tuple[float, float]:
    """Return the ends between which predictions must stay."""
    if band is not None:
        if not (_is_size(band) and band > 0):
            raise ValueError(f"expected band > 0, in the unit of the predictions; got {shown(band)}")
        return prediction - band, prediction + band
    if not view.output.decides:
        raise ValueError(
            f"expected band, the permitted change of a prediction, for a model of "
            f"{view.output.unit!r}; got none"
        )
    return (0.0, math.inf) if prediction > 0 else (-math.inf, 0.0)


def _checked(view: ModelView, rows: Rows, tolerances: Any) -> dict[str, tuple[float, float]]:
    """Return the tolerance of every column below and above the row's value, in its unit."""
    if not isinstance(tolerances, Mapping) or not tolerances:
        raise ValueError(f"expected tolerances by column, such as {{'income': 0.1}}; got {shown(tolerances)}")
    u, found = coordinates(view, rows), {}
    for name, tolerance in tolerances.items():
        axis = view.axis(name)
        if not isinstance(axis, NumberAxis):
            raise ValueError(
                f"expected columns of numbers in tolerances; got {name!r}, which has {axis.kind}"
            )
        (value,) = axis.values(u[[view.columns.index(name)]]).tolist()
        if math.isnan(value) or unknown_gap(rows, view.columns.index(name)):
            raise ValueError(f"expected a value of {name!r} in the row, as it has a tolerance; got a gap")
        own = tolerance if isinstance(tolerance, tuple | list) else (tolerance, tolerance)
        if len(own) != 2 or not all(map(_is_size, own)):
            own = (0.0, 0.0)
        share = 1.0 if isinstance(tolerance, tuple | list) else abs(value)
        below, above = (float(x) * share for x in own)
        if not below + above > 0:
            raise ValueError(
                f"expected a tolerance of {name!r} that allows a change: a share of its value such as 0.1, "
                f"or (below, above) in its unit; got {shown(tolerance)} at the value {number(value)}"
            )
        found[name] = below, above
    return found


def _is_size(value: Any) -> bool:
    """Return whether a value is a finite non-negative number."""
    return isinstance(value, Real) and not isinstance(value, bool) and 0 <= float(value) < math.inf

"""Certificates: statements about f that hold for every input or within a stated radius.

All follow from the matrices ``A(z) = A_0 + Σ z_i A_i`` of the neurons, whose eigenvalues add up to f. Each
theorem, with its proof, is in the module that computes it: :mod:`.slopes` bounds slopes along one column,
:mod:`.contributions` changes and contributions of one column, :mod:`.radii` changes of all columns together,
and :mod:`..boxes` f in a region. In addition:

- *Interval of a derivative* (Rayleigh): a quadratic form of a unit vector lies between the extreme
  eigenvalues, so ``Σ_n λ_min(A_i) <= ∂f/∂z_i <= Σ_n λ_max(A_i)`` at every z.
- *Curvature*: λ_0 is the minimum and λ_{d-1} the maximum of ``uᵀA(z)u``, affine in z, over unit u (Rayleigh–
  Ritz): a neuron is concave for k = 0 and convex for k = d - 1, and so is f if all neurons are and the
  matrices are affine in the inputs.

Everything is exact up to the rounding of the eigenvalues, a few units of 1e-16 of ``Σ_n ‖A_i‖₂``. A proven
direction does not depend on that rounding: see :mod:`.signs`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray
from .._common.caching import cached_property
from .._common.markup import block, sentences, table
from .._common.text import at_least, at_most
from ..view import Axis, ModelView, Rows

if TYPE_CHECKING:
    import pandas as pd
from .contributions import change_range, contribution_range, step_range
from .radii import Balls
from .sentences import (
    class_sentence,
    curvature_sentence,
    gap_sentence,
    looseness_sentence,
    monotone_sentence,
    norm_sentence,
)
from .slopes import Response, observed_in_segments, order_of_levels

SHOWN_NORMS = 3
"""Number of columns whose largest effect is stated in a sentence."""


@dataclass(frozen=True, eq=False)
class Margins:
    """Results at rows: predictions (n,), gradients (n, p), gaps of the neurons (n, N)."""

    prediction: FloatArray
    gradient: FloatArray
    gaps: FloatArray
    slopes: FloatArray
    """Gradients in the inputs, (n, g)."""

    @property
    def gap(self) -> FloatArray:
        """The smallest gap of all neurons, (n,)."""
        return self.gaps.min(axis=1)


@dataclass(frozen=True, eq=False)
class Everywhere:
    """Statements for every input, or within a radius of the rows; see :class:`.bounds.Certificate`."""

    feature_norm: FloatArray
    gradient_low: FloatArray
    gradient_high: FloatArray
    monotone: npt.NDArray[np.int_]
    lipschitz: float
    bend: float
    curvature: str | None
    rows: Rows
    margins: Margins | None
    model: Any

    @property
    def view(self) -> ModelView:
        """The model that the certificate is about."""
        return self.rows.view

    @property
    def gap(self) -> FloatArray:
        """Distance from λ_k to its nearest neighbour, shape (n,), in the predictions' unit; inf if d = 1.

        For a sum, it is the smallest gap of all its neurons.
        """
        return self._rows("gap").gap

    def linear_radius(self, eps: float) -> FloatArray:
        """Return the ℓ2 radius, in inputs, within which each row's tangent plane has an error up to ``eps``.

        The remainder is at most F(‖s‖) (see :mod:`.radii`), so the radius is ``F⁻¹(eps)``. For a single
        neuron and columns without knots it is ``√(eps γ) / ρ`` up to eps = γ, and ``(eps + γ) / (2ρ)`` beyond
        and for diagonal pencils. Inputs are the features if no column has knots.

        Parameters
        ----------
        eps : float, > 0
            In the prediction's unit.

        Returns
        -------
        ndarray, shape (n,)
            inf for a linear model.

        Raises
        ------
        ValueError
            If ``eps`` is not positive and finite, or the certificate has no rows.
        """
        gaps = self._rows("linear_radius").gaps
        if not 0 < eps < np.inf:
            raise ValueError(f"expected eps > 0, in the unit of the predictions; got {eps!r}")
        none = np.zeros(len(gaps))
        return self._radius(gaps, none + eps, none)

    def _radius(self, *of_rows: FloatArray) -> FloatArray:
        """Return :meth:`.Balls.radius` of the rows, from their gaps, targets and slopes."""
        balls, rows = self._balls, self.rows
        (found,) = rows.view.in_chunks(
            len(rows), lambda some: [balls.radius(rows.features(some), *(part[some] for part in of_rows))]
        )
        return found

    @property
    def flip_radius(self) -> FloatArray:
        """ℓ2 radius, in inputs, within which no row's class can change, shape (n,); classifiers only.

        For log-odds between two of several classes, it is the radius within which the likelier of the two
        stays the likelier; a third class may be likelier than both. It is the larger of ``|f| / L``
        (Lipschitz) and the root r of ``|f| = ‖g‖ r + F(r)``, as slope and remainder of the tangent plane
        change f by at most ``‖g‖ r + F(r)``.

        Raises
        ------
        ValueError
            If the model is not a classifier, or the certificate has no rows.
        """
        if not self.view.output.decides:
            advice = (
                "; name a class against it" if self.view.output.target else ", which has no class to flip"
            )
            raise ValueError(
                "expected log-odds between two classes for flip_radius; got a model of "
                f"{self.view.output.unit!r}{advice}"
            )
        rows = self._rows("flip_radius")
        margin, slope = np.abs(rows.prediction), np.hypot.reduce(rows.slopes, axis=1)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            everywhere = margin / self.lipschitz
        local = self._radius(rows.gaps, np.where(margin > 0, margin, 1.0), slope)
        return np.where(margin > 0, np.fmax(everywhere, local), 0.0)

    @cached_property
    def _balls(self) -> Balls:
        return Balls(self.view)

    def _rows(self, what: str) -> Margins:
        if self.margins is None:
            raise ValueError(f"expected rows for {what}; got a certificate of none; call certify(model, X)")
        return self.margins

    def columns(self) -> pd.DataFrame:
        """Return one line per column of the table, in the order of the model.

        The interval from ``low`` to ``high`` contains every derivative, per ``step``. A step is a standard
        deviation of a numeric column (of its logarithm if the model uses that), or the change between the two
        levels that can differ most. For dates with a month, weekday or hour, it is the change of one of these
        or of elapsed time, alone, that can move f most. ``norm`` is the largest change of f by a step: the
        largest absolute derivative, or less if a number is piecewise linear and a step crosses segments (see
        :meth:`segments`). ``*_per_unit`` are the derivatives per ``own_step``, a unit of the column; they are
        missing for levels and for dates with these parts. ``observed_*`` are the smallest, median and largest
        derivative at the rows, if there are any.

        These entries describe a column's values. ``gap_*`` describe its gaps, if it had gaps in training:
        ``gap_low`` and ``gap_high`` bound the change of f if the median is replaced with a missing value
        (``gap_step``), and ``gap_norm`` is the largest size of this change. From any other value, the step to
        the median is added. ``order`` lists levels along which f never falls.
        """
        import pandas as pd  # pandas is needed only for tables

        return pd.DataFrame(self._lines)

    def column(self, name: str) -> dict[str, Any]:
        """Return the line of one column, as in :meth:`columns`; ValueError if there is no such column."""
        return self._line(self.view.axis(name))

    def segments(self, name: str) -> pd.DataFrame:
        """Return one line per segment of a column of numbers, with bounds of the slope of f.

        The interval from ``low`` to ``high`` contains ∂f/∂u at every input whose value of the column is in
        the segment, per ``step``: a standard deviation of the column (of its logarithm if the model uses
        that). ``*_per_unit`` are the same bounds per ``own_step``. They include the effects of the column's
        pairs. ``monotone`` is 1 if f never falls in the segment, -1 if it never rises, 0 if neither is proven
        or nothing changes. ``observed_*`` are the smallest, median and largest slope at the ``rows`` in the
        segment, if the certificate has rows; rows without a value are in no segment.

        Parameters
        ----------
        name : str
            A column of numbers, or of dates that enter by elapsed time alone.

        Returns
        -------
        DataFrame
            ``from`` and ``to`` are in the column's unit; the first and the last segment are unbounded. A
            number without knots has one segment.

        Raises
        ------
        ValueError
            If there is no such column, or it has levels, months, weekdays or hours.

        Examples
        --------
        >>> from spectral_interp import Pencil, certify
        >>> cert = certify(Pencil(diag=[[0.0, 4.0], [1.0, 2.0]], off=[[0.0], [0.0]], k=0))
        >>> cert.segments("z0")[["from", "to", "low", "high", "monotone"]].to_numpy().round(9).tolist()
        [[-inf, inf, 1.0, 2.0, 1.0]]
        """
        import pandas as pd  # pandas is needed only for tables

        axis = self.view.axis(name)
        if not axis.sloped:
            has = "months, weekdays or hours" if axis.continuous else "levels"
            raise ValueError(f"expected a column of numbers for segments; got {name!r}, which has {has}")
        response, directions = Response(self.view, axis), axis.plain.directions()
        low, high = response.bounds.low, response.bounds.high
        edges = np.concatenate([[-np.inf], axis.knots[1:-1], [np.inf]])
        if axis.kind.startswith("date"):
            edges = np.full(2, np.nan)
        ends = axis.values(edges)
        return pd.DataFrame(
            {
                "from": ends[:-1],
                "to": ends[1:],
                "step": directions.labels[0],
                "low": low,
                "high": high,
                "monotone": [response.monotone(at) for at in range(len(low))],
                **self._observed(axis),
                "own_step": directions.own_label,
                "low_per_unit": low * directions.per_own,
                "high_per_unit": high * directions.per_own,
                "unit": self.view.output.unit,
            }
        )

    def _observed(self, axis: Axis) -> dict[str, Any]:
        if self.margins is None:
            return {}
        u = axis.locate(self.rows.z[:, self.view.own(axis.name)])
        return observed_in_segments(self.margins.slopes[:, self._input(axis)], u, axis.knots)

    def _input(self, axis: Axis) -> int:
        """Return the place of a column's first input."""
        return int(self.view.input_firsts[self.view.columns.index(axis.name)])

    def _line(self, axis: Axis) -> dict[str, Any]:
        """Return the line of one column; for levels, of the change that can raise predictions most."""
        response, directions = Response(self.view, axis), axis.plain.directions()
        bounds = response.bounds
        if directions.own_label:
            worst, bottom, top = 0, float(bounds.low.min()), float(bounds.high.max())
            monotone = response.monotone_in_all
        else:
            worst = int(bounds.high.argmax())
            bottom, top = float(bounds.low[worst]), float(bounds.high[worst])
            monotone = response.monotone(worst)
        steepest = max(top, -bottom)  # this order avoids −0
        line = {
            "column": axis.name,
            "kind": axis.kind,
            "step": directions.labels[worst],
            "norm": self._most(axis, steepest),
            "low": bottom,
            "high": top,
            "monotone": monotone,
        }
        if self.margins is not None and len(self.margins.gradient):
            own = slice(self._input(axis), self._input(axis) + axis.plain.n_features)
            observed = self.margins.slopes[:, own] @ directions.steps[worst]
            line |= {f"observed_{f.__name__}": float(f(observed)) for f in (np.min, np.median, np.max)}
        return line | {
            "own_step": directions.own_label,
            "norm_per_unit": steepest * directions.per_own,
            "low_per_unit": bottom * directions.per_own,
            "high_per_unit": top * directions.per_own,
            **self._gap(axis),
            **order_of_levels(self.view, axis),
            "unit": self.view.output.unit,
        }

    def _most(self, axis: Axis, steepest: float) -> float:
        """Return the largest change of f by a step; below the steepest slope if a step crosses segments."""
        if not axis.knots:
            return steepest
        low, high = step_range(self.view, axis.name)
        return min(max(high, -low) or steepest, steepest)

    def _gap(self, axis: Axis) -> dict[str, Any]:
        """Return the certified effect of a missing value; empty for columns without gaps."""
        gap = axis.gap()
        if gap is None:
            return {}
        (low,), (high,) = self.view.function.step_range(self.view.steps(axis.name, gap.steps))
        ends = {"gap_norm": max(high, -low), "gap_low": low, "gap_high": high}
        return {"gap_step": gap.labels[0]} | {name: float(end) for name, end in ends.items()}

    def contribution_range(
        self, column: str, values: Any, *, method: str = "local", nodes: Any = None
    ) -> tuple[FloatArray, FloatArray]:
        """Return bounds of the contribution of a column, for any values of the other columns.

        Contributions are against the model's own background. A gap is NaN, or the level "missing".

        Parameters
        ----------
        column : str
        values : array_like, shape (m,)
            Numbers in the column's own unit, NaN for a missing one, dates, or levels.
        method : str
            "local", "path" or "shapley".
        nodes : array_like, optional
            Numbers at which bounds are tightest, for a column with knots or pairs and many values; by
            default, they are spread over the values.

        Returns
        -------
        low, high : ndarray, shape (m,)
            In the prediction's unit. Path contributions may be outside the bounds by their tolerance.

        Raises
        ------
        ValueError
            If there is no such column, level or method.

        Examples
        --------
        >>> from spectral_interp import Pencil, certify
        >>> cert = certify(Pencil(diag=[[0.0, 4.0], [1.0, 2.0]], off=[[0.0], [0.0]], k=0))
        >>> cert.contribution_range("z0", [-1.0, 3.0])
        (array([-2.,  3.]), array([-1.,  6.]))
        """
        axis = self.view.axis(column)
        if nodes is not None:
            nodes = np.unique(axis.coordinates(axis.checked(nodes)))
        return contribution_range(self.view, column, axis.encode(axis.checked(values)), method, nodes)

    def change_range(self, column: str, start: Any, end: Any) -> tuple[FloatArray, FloatArray]:
        """Return bounds of the change of predictions as a column goes from start to end.

        They hold for any values of the other columns.

        Parameters
        ----------
        column : str
        start, end : array_like, shape (m,)
            As in :meth:`contribution_range`.

        Returns
        -------
        low, high : ndarray, shape (m,)
            In the prediction's unit.

        Raises
        ------
        ValueError
            If there is no such column or level, or start and end differ in length.

        Examples
        --------
        >>> from spectral_interp import Pencil, certify
        >>> cert = certify(Pencil(diag=[[0.0, 4.0], [1.0, 2.0]], off=[[0.0], [0.0]], k=0))
        >>> cert.change_range("z0", [0.0], [3.0])
        (array([3.]), array([6.]))
        """
        axis = self.view.axis(column)
        ends = [axis.encode(axis.checked(values)) for values in (start, end)]
        if len(ends[0]) != len(ends[1]):
            raise ValueError(f"expected as many starts as ends; got {len(ends[0])} and {len(ends[1])}")
        return change_range(self.view, column, *ends)

    def sentences(self) -> list[str]:
        """Return the certificates as sentences, the strongest columns first."""
        lines = self._strongest
        said = [monotone_sentence(line) for line in lines]
        said += [sentence(line) for line in lines[:SHOWN_NORMS] for sentence in (norm_sentence, gap_sentence)]
        if len(self.view.function.neurons) > 1:
            said.append(looseness_sentence(lines, len(self.rows)))
        return [sentence for sentence in (*said, *self._joint_sentences()) if sentence]

    @cached_property
    def _lines(self) -> list[dict[str, Any]]:
        """The lines of :meth:`columns`."""
        return [self._line(axis) for axis in self.view.axes]

    @property
    def _strongest(self) -> list[dict[str, Any]]:
        """The same lines, in descending order of the largest effect on f."""
        return sorted(self._lines, key=lambda line: -max(line["norm"], line.get("gap_norm", 0.0)))

    def _repr_html_(self) -> str:
        directions = {1: "never fall as it rises", -1: "never rise as it rises", 0: ""}
        lines = [
            (
                *(line["column"], line["step"], at_least(line["low"]), at_most(line["high"])),
                directions[line["monotone"]] if line["own_step"] else "",
            )
            for line in self._strongest
        ]
        headers = ["column", "step", "at least", "at most", "proven direction of predictions"]
        of_steps = f"Change of predictions by a step of each column ({self.view.output.unit}):"
        return block(
            sentences(*self.sentences()),
            sentences(of_steps),
            table(headers, lines, len(lines), "columns"),
        )

    def _joint_sentences(self) -> Iterator[str]:
        view, unit = self.view, self.view.output.unit
        yield curvature_sentence(view.axes, self.curvature, linear=not self.bend)
        most, where = at_most(self.lipschitz), "features" if view.plain_axes == view.axes else "inputs"
        yield f"Two rows at distance 1 in {where} never differ by more than {most} ({unit})."
        if self.margins is not None and len(self.margins.gap) and view.output.decides:
            output, radius = view.output, float(np.median(self.flip_radius))
            yield class_sentence(
                radius, len(self.margins.gap), where, output.classes if output.paired else ()
            )

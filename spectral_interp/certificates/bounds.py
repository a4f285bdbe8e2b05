"""Certificates: statements about f that hold for every input, within a stated radius, or in a region.

Those for every input and within a radius are in :mod:`.everywhere`. Those in a region are found by branch and
bound in :mod:`..boxes`; the proofs are at the top of its modules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..boxes.directions import Direction, Slopes, direction_in, slopes_in, usual_limits
from ..boxes.ranges import Range, range_in
from ..boxes.robustness import Robustness, robustness_in
from ..view import Rows, rows_of
from .everywhere import Everywhere
from .slopes import Response
from .spread import Spread, spread_of


@dataclass(frozen=True, eq=False)
class Certificate(Everywhere):
    """Proven statements about a model of one neuron or a sum of neurons. Build it with :func:`certify`.

    Features are in standard deviations of their column (those of a Pencil are not scaled); the features of a
    number with knots are its hat functions. Statements about all columns together are in inputs, which equal
    the features if no column has knots: see :meth:`ModelView.inputs`.

    Attributes
    ----------
    feature_norm : ndarray, shape (p,)
        ``‖A_i‖₂``: a unit of feature i never moves f by more.
    gradient_low, gradient_high : ndarray, shape (p,)
        Interval that holds ``∂f/∂z_i`` at every input.
    monotone : ndarray of int, shape (p,)
        1: f never falls when the feature rises; -1: never rises; 0: neither is proven, or no effect at all.
    lipschitz : float
        ``|f(x + s) - f(x)| <= lipschitz · ‖s‖₂``, all inputs moving together.
    bend : float
        Every gradient in the inputs lies in one ball of this radius. Zero for a linear model.
    curvature : {"convex", "concave"} or None
        Curvature of f as a function of the inputs; a linear model (d = 1) is called convex. For a column on a
        logarithmic scale, the logarithm is the input. None for a sum unless all its neurons are convex, or
        all are concave; None if numbers have knots.
    rows : Rows
        The given rows; may be empty.
    margins : Margins or None
        Margins of the rows; None if :func:`certify` was called without rows.
    model : object
        The model; reads further rows.

    Examples
    --------
    >>> from spectral_interp import Pencil, certify
    >>> cert = certify(Pencil(diag=[[0.0, 4.0], [1.0, 2.0]], off=[[0.0], [0.0]], k=0), [[0.0]])
    >>> cert.gradient_low, cert.gradient_high, cert.monotone, cert.curvature
    (array([1.]), array([2.]), array([1]), 'concave')
    >>> cert.gap, cert.linear_radius(0.1)
    (array([4.]), array([4.1]))
    >>> cert.sentences()[0]
    'Predictions never fall when z0 rises.'
    """

    def range(
        self, limits: Any, row: Any = None, *, rtol: float = 0.05, max_evaluations: int = 2000
    ) -> Range:
        """Return the range of predictions while columns move within limits: proven, and attained.

        Parameters
        ----------
        limits : dict
            For a column of numbers or dates, ``(low, high)`` in its own unit, followed by None if it may also
            be missing; for a column of levels, a list of levels. A single value fixes the column; a date
            without a time means its first moment.
        row : DataFrame or array_like, shape (1, columns), or Rows, optional
            The values of the other columns. Without a row they may take any value in the range of the
            training table and any level, and may be missing if training had gaps.
        rtol : float, > 0
            Permitted excess of the proven range over the attained range, as a share of the latter.
        max_evaluations : int
            Maximum number of boxes to bound; may be exceeded by a few dozen. The result is proven for any
            number.

        Returns
        -------
        Range
            Unpacks as ``low, high``. The proof is at the top of :mod:`..boxes.bounds`.

        Raises
        ------
        ValueError
            If there is no such column or level; if limits are empty, reversed, not finite, or include None
            for a column without gaps; if ``row`` is not one row; if the range in training is needed but
            unknown.

        Examples
        --------
        >>> from spectral_interp import Pencil, certify
        >>> cert = certify(Pencil(diag=[[0.0, 4.0], [1.0, 2.0]], off=[[0.0], [0.0]], k=0))
        >>> print(cert.range({"z0": (-1.0, 2.0)}))
        Every prediction in the region is between −1 and 2 (prediction); −1 and 2 are attained.
        >>> low, high = cert.range({"z0": (-1.0, 2.0)})
        """
        return range_in(self.view, limits, self._row(row), rtol=rtol, max_evaluations=max_evaluations)

    def slopes(
        self,
        name: str,
        within: Any = None,
        row: Any = None,
        *,
        rtol: float = 0.05,
        max_evaluations: int = 500,
    ) -> Slopes:
        """Return the range of slopes along a column in a region: proven, and attained.

        For a column of numbers, a slope is the derivative on any segment that the region covers, per standard
        deviation of the column (of its logarithm if the model uses that) and, in ``*_per_unit``, per unit.
        The range also bounds the slope between any two inputs of the region that differ in this column alone.
        For a column of levels, a slope is the change of the prediction from one level to another.

        Parameters
        ----------
        name : str
            A column of numbers or levels, or of dates that enter by elapsed time alone.
        within : dict, optional
            Limits as in :meth:`range`. Those of ``name`` include no gap, as slopes are between values. For a
            column of levels they are the two levels, from and to; they may be omitted if it has only two.
        row : DataFrame or array_like, shape (1, columns), or Rows, optional
            The values of the columns without limits, as in :meth:`range`.
        rtol : float, > 0
            Permitted excess of the proven interval over the attained interval, as a share of the latter.
        max_evaluations : int
            Maximum number of boxes to bound; may be exceeded by a few dozen. A proof of the direction alone
            has the same budget again. The result is proven for any number.

        Returns
        -------
        Slopes
            Unpacks as ``low, high``. The proof is at the top of :mod:`..boxes.slopes`.

        Raises
        ------
        ValueError
            As for :meth:`range`; also if the column has months, weekdays or hours, its limits include a gap,
            the row has no value in it, or two levels are required but not given.

        Examples
        --------
        >>> from spectral_interp import Pencil, certify
        >>> cert = certify(Pencil(diag=[[0.0, 4.0], [1.0, 2.0]], off=[[0.0], [0.0]], k=0))
        >>> low, high = cert.slopes("z0", {"z0": (-3.0, 2.0)}, rtol=1e-6)
        >>> round(low, 9), round(high, 9)
        (1.0, 1.0)
        """
        along = Response(self.view, self.view.axis(name)).along
        return slopes_in(
            self.view, name, within, self._row(row), along, rtol=rtol, max_evaluations=max_evaluations
        )

    def direction(
        self, name: str, sign: int, within: Any = None, row: Any = None, *, max_evaluations: int = 200
    ) -> Direction:
        """Return the interval of a column, around the data, in which a direction of predictions is proven.

        For any two inputs that differ in this column alone, both within the interval, with the other columns
        within their limits, it is proven that f never falls (sign 1), or never rises (sign −1), as the column
        rises. The interval grows from the median of the background in both directions, in sixteenths of the
        column's limits and from knot to knot. It ends at the first part without a proof, so the direction may
        hold beyond it.

        Parameters
        ----------
        name : str
            A column of numbers.
        sign : {1, -1}
        within : dict, optional
            Limits of the other columns, as in :meth:`range`. Limits of the column itself restrict the search;
            without them it covers the range in training.
        row : DataFrame or array_like, shape (1, columns), or Rows, optional
            The values of the columns without limits, as in :meth:`range`.
        max_evaluations : int
            Maximum number of boxes to bound for each part.

        Returns
        -------
        Direction

        Raises
        ------
        ValueError
            As for :meth:`slopes`; also if the column has no numbers or ``sign`` is not 1 or -1.

        Examples
        --------
        >>> from spectral_interp import Pencil, certify
        >>> cert = certify(Pencil(diag=[[0.0, 4.0], [1.0, -2.0]], off=[[0.0], [0.0]], k=0))  # falls from 4/3
        >>> found = cert.direction("z0", 1, {"z0": (-2.0, 2.0)})
        >>> round(found.low, 2), round(found.high, 2)
        (-2.0, 1.33)
        """
        along = Response(self.view, self.view.axis(name)).along
        return direction_in(
            self.view, name, sign, within, self._row(row), along, max_evaluations=max_evaluations
        )

    def usual(self, share: float = 0.98) -> dict[str, Any]:
        """Return limits that contain most of the data, by column: the central share of the background.

        They are a natural ``within`` for the other methods. Often, few rows are within the limits of all
        columns.

        Parameters
        ----------
        share : float, in (0, 1]
            Share of the background rows that have a value in the column.

        Returns
        -------
        dict
            ``(low, high)`` for numbers, in their own unit, with None if the background has gaps; for levels,
            those in the background. Dates are left out.

        Raises
        ------
        ValueError
            If ``share`` is not in (0, 1].

        Examples
        --------
        >>> from spectral_interp import Pencil, certify
        >>> certify(Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0)).usual()
        {'z0': (0.0, 0.0)}
        """
        return usual_limits(self.view, share)

    def robustness(
        self,
        row: Any,
        tolerances: Any,
        *,
        band: float | None = None,
        rtol: float = 0.05,
        max_evaluations: int = 500,
    ) -> Robustness:
        """Return the multiple of their tolerances by which columns may move before a decision can change.

        Parameters
        ----------
        row : DataFrame or array_like, shape (1, columns), or Rows
        tolerances : dict
            For every column that moves: a share of the row's value, such as 0.1 for ±10 %, or
            ``(below, above)`` in the column's own unit. Only columns of numbers may move; all other columns
            stay fixed.
        band : float, optional, > 0
            Permitted change of the prediction. By default, the class must stay the same.
        rtol : float, > 0
            Permitted excess of the smallest unproven factor over the proven factor, as a share of the latter.
        max_evaluations : int
            Maximum number of boxes to bound for each factor tried.

        Returns
        -------
        Robustness
            Up to ``proven`` times the tolerances, no change alters the decision. ``attained`` is the smallest
            factor at which a row that alters it was found.

        Raises
        ------
        ValueError
            If ``row`` is not one row or has a gap in a column with a tolerance, a tolerance allows no change,
            or the model has no classes and there is no ``band``.

        Examples
        --------
        >>> from spectral_interp import Pencil, certify
        >>> cert = certify(Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0))
        >>> found = cert.robustness([[3.0]], {"z0": 0.1}, band=1.2, rtol=0.01)
        >>> 1.98 <= found.proven <= 2 <= found.attained <= 2.001
        True
        """
        return robustness_in(
            self.view, rows_of(self.model, row), tolerances, band, rtol=rtol, max_evaluations=max_evaluations
        )

    def spread(self, name: str, *, rtol: float = 0.05, max_evaluations: int = 500) -> Spread:
        """Return the largest change of predictions as one column alone changes: anywhere, and at the rows.

        The column changes among all its levels, or within its range in training; gaps of numbers are
        excluded.

        Parameters
        ----------
        name : str
            A column of levels or numbers.
        rtol, max_evaluations
            As in :meth:`range`, for the values at the rows of a column of numbers.

        Returns
        -------
        Spread
            ``str`` of it is a sentence, for instance for a report on fairness.

        Raises
        ------
        ValueError
            If there is no such column, it has dates, or its range in training is unknown.
        """
        return spread_of(self.view, self.rows, name, rtol=rtol, max_evaluations=max_evaluations)

    def _row(self, row: Any) -> Rows | None:
        return None if row is None else rows_of(self.model, row)

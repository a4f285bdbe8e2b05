"""Certificates: statements about f that hold for every input, within a stated radius, or in a region.

Those for every input and within a radius are in :mod:`.everywhere`. Those in a region are searched by branch
and bound in :mod:`..boxes`, with the proofs at the top of its modules.
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
    """What is proven about a model, one neuron or a sum of them. Build it with :func:`certify`.

    Features are in standard deviations of their column (the columns of a Pencil are as they are); of a number
    with knots they are its hat functions. Statements about all columns together are in inputs, which are the
    features where no column has knots: see :meth:`ModelView.inputs`.

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
        Of f as a function of the inputs; a linear model (d = 1) is called convex. A logarithm is such an
        input, the number in it is not. None for a sum unless all its neurons are convex, or all concave, and
        where numbers have knots.
    rows : Rows
        Those given, or none.
    margins : Margins or None
        Of the rows, None if :func:`certify` was given none.
    model : object
        The model that reads further rows.

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
        """Return between what predictions are while columns move within limits: proven, and attained.

        Parameters
        ----------
        limits : dict
            For a column of numbers or dates ``(low, high)`` in its own unit, with None beside them where it
            may also be missing; for a column of levels a list of them. A single value stands for itself, and
            a date without a time for its first moment.
        row : DataFrame or array_like, shape (1, columns), or Rows, optional
            The values of the other columns. Without a row they are anywhere in the range of the training
            table, at any level, and missing where training had gaps.
        rtol : float, > 0
            How much wider than the attained range the proven one may be, as a share of it.
        max_evaluations : int
            Maximum number of boxes to bound, up to a few dozen more. The result is proven for any.

        Returns
        -------
        Range
            Unpacks as ``low, high``. The proof is at the top of :mod:`..boxes.bounds`.

        Raises
        ------
        ValueError
            If there is no such column or level, limits are empty, reversed or not finite, a column without
            gaps is to be missing, ``row`` is not one row, or a range in training is needed and not known.

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
        """Return between what slopes along a column are in a region: proven, and attained.

        Of a column of numbers it is the derivative on all segments that the region covers, per standard
        deviation of the column (of its logarithm where that is what enters) and, in ``*_per_unit``, per unit.
        It also bounds the slope between any two inputs of the region that differ in this column alone. Of a
        column of levels it is how far predictions go from one level to another.

        Parameters
        ----------
        name : str
            A column of numbers or levels, or of dates that enter by elapsed time alone.
        within : dict, optional
            Limits as in :meth:`range`. Those of ``name`` hold no gap, as slopes are between values; of a
            column of levels they are the two levels, from and to, and may be left out if it has two.
        row : DataFrame or array_like, shape (1, columns), or Rows, optional
            The values of the columns without limits, as in :meth:`range`.
        rtol : float, > 0
            How much wider than the attained interval the proven one may be, as a share of it.
        max_evaluations : int
            Maximum number of boxes to bound, up to a few dozen more, and again to prove a direction alone.
            The result is proven for any.

        Returns
        -------
        Slopes
            Unpacks as ``low, high``. The proof is at the top of :mod:`..boxes.slopes`.

        Raises
        ------
        ValueError
            As :meth:`range`, or if the column has months, weekdays or hours, limits of it hold a gap, the row
            has no value of it, or two levels are not given.

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

        What is proven: between any two inputs that differ in this column alone, both within the interval,
        and whose other columns are within their limits, f never falls (sign 1), or never rises (sign −1). The
        interval grows from the median of the background both ways, in sixteenths of the column's limits and
        from knot to knot. A part that is not proven ends it, so that the direction may hold further.

        Parameters
        ----------
        name : str
            A column of numbers.
        sign : {1, -1}
        within : dict, optional
            Limits of the other columns, as in :meth:`range`, and of the column itself where not all of its
            range in training is to be searched.
        row : DataFrame or array_like, shape (1, columns), or Rows, optional
            The values of the columns without limits, as in :meth:`range`.
        max_evaluations : int
            Maximum number of boxes to bound for every part.

        Returns
        -------
        Direction

        Raises
        ------
        ValueError
            As :meth:`slopes`, or if the column has no numbers or ``sign`` is another.

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
        """Return limits in which the data are, column by column: the central share of the background.

        They are a natural ``within`` for the other methods. Together columns are seldom within all of them.

        Parameters
        ----------
        share : float, in (0, 1]
            Of the background rows that have a value of the column.

        Returns
        -------
        dict
            ``(low, high)`` of numbers, in their own unit, with None where the background has gaps; the levels
            in the background; dates are left out.

        Raises
        ------
        ValueError
            If ``share`` is none.

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
        """Return how many times their tolerances columns may move before a decision can change.

        Parameters
        ----------
        row : DataFrame or array_like, shape (1, columns), or Rows
        tolerances : dict
            For every column that moves a share of the row's value, 0.1 for ±10 %, or ``(below, above)`` in
            the column's own unit. Columns of numbers; all others stay as they are.
        band : float, optional, > 0
            How far the prediction may move; without it the class is to stay the same.
        rtol : float, > 0
            How much larger than the proven factor one may be that is not proven, as a share of it.
        max_evaluations : int
            Maximum number of boxes to bound for every factor that is tried.

        Returns
        -------
        Robustness
            Up to ``proven`` times the tolerances nothing changes the decision; at ``attained`` times, or
            never, a row was found that does.

        Raises
        ------
        ValueError
            If ``row`` is not one row or has a gap where a tolerance is, a tolerance lets nothing move, or the
            model has no class to stay and there is no ``band``.

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
        """Return how far predictions move as one column alone changes: everywhere, and at the rows.

        It changes among all its levels, or within its range in training; a gap of a number is no change.

        Parameters
        ----------
        name : str
            A column of levels or numbers.
        rtol, max_evaluations
            For the rows, of a column of numbers, as in :meth:`range`.

        Returns
        -------
        Spread
            Its text is a sentence, such as for a report on fairness.

        Raises
        ------
        ValueError
            If there is no such column, it has dates, or its range in training is not known.
        """
        return spread_of(self.view, self.rows, name, rtol=rtol, max_evaluations=max_evaluations)

    def _row(self, row: Any) -> Rows | None:
        return None if row is None else rows_of(self.model, row)

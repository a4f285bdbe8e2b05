"""Certificates: statements about f that hold for every input or within a stated radius, and their proofs.

All follow from the pencil ``A(z) = A_0 + Σ z_i A_i`` alone. A step s changes it by ``Δ = Σ s_i A_i``; v is
the unit eigenvector of ``f = λ_k`` at z, ``g_i = vᵀA_i v`` the gradient (Hellmann–Feynman), γ the gap at z.

- *Interval of a derivative* (Rayleigh): a quadratic form of a unit vector lies between the extreme
  eigenvalues, so ``λ_min(A_i) <= g_i <= λ_max(A_i)`` at every z, and f never falls in z_i if ``λ_min(A_i) >=
  0``.
- *Step* (Weyl): ``λ_min(Δ) <= f(z + s) - f(z) <= λ_max(Δ)`` at every z; this bounds a change of level.
- *Ball of gradients*: let ``B_i = A_i - c_i I``. By Cauchy–Schwarz ``‖g - c‖² = Σ (vᵀB_i v)² <= Σ ‖B_i v‖²
  = vᵀ(Σ B_i²)v <= ‖Σ B_i²‖₂ =: ρ²``, for any c. Also ``‖Σ s_i B_i‖₂ <= ‖Σ s_i B_i‖_F``, so that the largest
  singular value of the matrix with rows vec(B_i) is another ρ. Hence ``L = min_c ‖c‖ + ρ(c)`` is a Lipschitz
  constant (c = 0 gives ``‖Σ A_i²‖₂^½``), and ``‖Δ - (c·s) I‖₂ <= ρ ‖s‖``.
- *Curvature*: λ_0 is the minimum and λ_{d-1} the maximum of ``uᵀA(z)u``, affine in z, over unit u (Rayleigh–
  Ritz): f is concave for k = 0 and convex for k = d - 1.
- *Remainder of the tangent plane*: with ``δ = min_c ‖Δ - cI‖₂``, ``R = |f(z + s) - f(z) - g·s| <= φ(δ)``,
  where ``φ(δ) = δ²/γ`` up to δ = γ and ``2δ - γ`` beyond. Proof: shifting Δ by cI leaves R, so let ``‖Δ‖₂ =
  δ`` and f(z) = 0. On the span S of the first k + 1 eigenvectors ``A(z) <= -γ (I - vvᵀ)``, so by
  Courant–Fischer ``f(z + s) <= max over unit u in S of -γ (1 - (uᵀv)²) + uᵀΔu``. The best u lies in a plane
  with v, where Δ is a 2 × 2 matrix of norm at most δ; maximising over such matrices gives ``g·s + φ(δ)``. The
  span of the last d - k eigenvectors gives the other side. 2 × 2 pencils attain it. For a diagonal pencil u
  is a coordinate vector and ``φ(δ) = max(0, 2δ - γ)``.
- *Contribution*: let Δ_b be the change of A as a column goes from its value in the background row b to its
  value in z. A path contribution is a mean over b of means of vᵀΔ_b v along the path, a Shapley value one of
  differences of f across Δ_b, so both lie between the means of ``λ_min(Δ_b)`` and ``λ_max(Δ_b)`` (Rayleigh,
  Weyl). A local contribution is ``vᵀΔv``, Δ going from the mean of the background.

Everything is exact up to the rounding of the eigenvalues, a few units of 1e-16 of ``‖A_i‖₂``. A proven
direction does not depend on that rounding: see :mod:`.signs`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray
from .._common.text import at_most
from ..pencil import MatrixPencil
from ..view import Axis, ModelView, Rows, rows_of

if TYPE_CHECKING:
    import pandas as pd
from .sentences import class_sentence, curvature_sentence, gap_sentence, monotone_sentence, norm_sentence
from .signs import proven_sign

SHOWN_NORMS = 3
"""Columns whose largest effect is put into a sentence."""


@dataclass(frozen=True, eq=False)
class Margins:
    """What certificates need of rows: predictions (n,), gradients (n, p) and gaps (n,)."""

    prediction: FloatArray
    gradient: FloatArray
    gap: FloatArray


@dataclass(frozen=True, eq=False)
class Certificate:
    """What is proven about a model. Build it with :func:`certify`.

    Features are in standard deviations of their column (the columns of a Pencil are as they are).

    Attributes
    ----------
    feature_norm : ndarray, shape (p,)
        ``‖A_i‖₂``: a unit of feature i never moves f by more.
    gradient_low, gradient_high : ndarray, shape (p,)
        Interval that holds ``∂f/∂z_i`` at every input.
    monotone : ndarray of int, shape (p,)
        1: f never falls when the feature rises; -1: never rises; 0: neither is proven, or no effect at all.
    lipschitz : float
        ``|f(z + s) - f(z)| <= lipschitz · ‖s‖₂``, all features moving together.
    bend : float
        The ρ of the remainder: every gradient lies in one ball of this radius. Zero for a linear model.
    curvature : {"convex", "concave"} or None
        Of f as a function of the features; a linear model (d = 1) is called convex. A logarithm is such a
        feature, the number in it is not.
    rows : Rows
        Those given, or none.
    margins : Margins or None
        Of the rows, None if :func:`certify` was given none.

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

    feature_norm: FloatArray
    gradient_low: FloatArray
    gradient_high: FloatArray
    monotone: npt.NDArray[np.int_]
    lipschitz: float
    bend: float
    curvature: str | None
    rows: Rows
    margins: Margins | None

    @property
    def view(self) -> ModelView:
        """The model that the certificate is about."""
        return self.rows.view

    @property
    def gap(self) -> FloatArray:
        """Distance from λ_k to its nearest neighbour, shape (n,), in the predictions' unit; inf if d = 1."""
        return self._rows("gap").gap

    def linear_radius(self, eps: float) -> FloatArray:
        """Return the ℓ2 radius, in features, within which each row's tangent plane holds to ``eps``.

        The remainder is at most φ(ρ‖s‖) (see the module), so the radius is ``φ⁻¹(eps) / ρ``: ``√(eps γ) / ρ``
        up to eps = γ and ``(eps + γ) / (2ρ)`` beyond, or for a diagonal pencil.

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
        gap = self._rows("linear_radius").gap
        if not 0 < eps < np.inf:
            raise ValueError(f"expected eps > 0, in the unit of the predictions; got {eps!r}")
        if not self.bend:
            return np.full(len(gap), np.inf)
        beyond = (eps + gap) / 2
        within = beyond if self._diagonal else np.sqrt(eps) * np.sqrt(gap)
        with np.errstate(over="ignore"):
            return np.where(gap < eps, beyond, within) / self.bend

    @property
    def flip_radius(self) -> FloatArray:
        """ℓ2 radius, in features, within which no row's class can change, shape (n,); classifiers only.

        The larger of two: ``|f| / L`` (Lipschitz), and the root r of ``|f| = ‖g‖ r + φ(ρ r)``, as far as
        slope and remainder of the tangent plane can carry f at most.

        Raises
        ------
        ValueError
            If the model is no classifier, or the certificate has no rows.
        """
        if not self.view.output.decides:
            raise ValueError(
                f"expected a classifier for flip_radius; got a model of {self.view.output.unit!r}, "
                "which has no class to flip"
            )
        rows = self._rows("flip_radius")
        margin, slope = np.abs(rows.prediction), np.hypot.reduce(rows.gradient, axis=1)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            everywhere = margin / self.lipschitz
            beyond = (margin + rows.gap) / (slope + 2 * self.bend)
            if self._diagonal:
                local = np.fmin(margin / slope, beyond)
            else:
                bend = 2 * np.sqrt(margin) / np.sqrt(rows.gap) * self.bend
                within = 2 * margin / (slope + np.hypot(slope, bend))
                local = np.where(beyond * self.bend > rows.gap, beyond, within)
        return np.where(margin > 0, np.fmax(everywhere, local), 0.0)

    @property
    def _diagonal(self) -> bool:
        return self.view.function.structure == "diagonal"

    def _rows(self, what: str) -> Margins:
        if self.margins is None:
            raise ValueError(f"expected rows for {what}; got a certificate of none; call certify(model, X)")
        return self.margins

    def columns(self) -> pd.DataFrame:
        """Return one line per column of the table, in the order of the model.

        ``low`` to ``high`` holds every derivative and ``norm`` is its largest size, per ``step``: a standard
        deviation of a numeric column (of its logarithm where that is what enters), or the change between the
        two levels that can differ most. Of dates whose month, weekday or hour enter it is a change of one of
        these or of elapsed time, each alone, whichever can differ most. ``*_per_unit`` repeat them per
        ``own_step``, a unit of the column, and are missing for levels and for such dates. ``observed_*`` are
        the smallest, median and largest derivative at the rows, if there are any.

        All these are of a column's values. What a gap does is in ``gap_*``, for columns that had gaps in
        training: a missing value counts as the median, and ``gap_low`` to ``gap_high`` holds how far f moves
        if the median is replaced with a missing value (``gap_step``), ``gap_norm`` its largest size. From
        any other value it is this and the step to the median.
        """
        import pandas as pd  # only here do arrays become a table

        return pd.DataFrame([self._line(axis) for axis in self.view.axes])

    def column(self, name: str) -> dict[str, Any]:
        """Return the line of one column, as in :meth:`columns`; ValueError if there is no such column."""
        return self._line(self.view.axis(name))

    def _line(self, axis: Axis) -> dict[str, Any]:
        """Return what is certified of one column: the direction that can raise predictions most."""
        directions = axis.directions()
        steps = self.view.steps(axis.name, directions.steps)
        low, high = self.view.function.step_range(steps)
        worst = int(high.argmax())
        bottom, top = float(low[worst]), float(high[worst])
        norm = max(top, -bottom)  # in this order, so that zero is not −0
        line = {
            "column": axis.name,
            "kind": axis.kind,
            "step": directions.labels[worst],
            "norm": norm,
            "low": bottom,
            "high": top,
            "monotone": proven_sign(self.view.function, steps[worst], bottom, top),
        }
        if self.margins is not None and len(self.margins.gradient):
            observed = self.margins.gradient @ steps[worst]
            line |= {f"observed_{f.__name__}": float(f(observed)) for f in (np.min, np.median, np.max)}
        factor = directions.per_own
        return line | {
            "own_step": directions.own_label,
            "norm_per_unit": norm * factor,
            "low_per_unit": bottom * factor,
            "high_per_unit": top * factor,
            **self._gap(axis),
            "unit": self.view.output.unit,
        }

    def _gap(self, axis: Axis) -> dict[str, Any]:
        """Return what is certified of a missing value; nothing for columns without gaps."""
        gap = axis.gap()
        if gap is None:
            return {}
        (low,), (high,) = self.view.function.step_range(self.view.steps(axis.name, gap.steps))
        ends = {"gap_norm": max(high, -low), "gap_low": low, "gap_high": high}
        return {"gap_step": gap.labels[0]} | {name: float(end) for name, end in ends.items()}

    def contribution_range(
        self, column: str, values: Any, *, method: str = "local"
    ) -> tuple[FloatArray, FloatArray]:
        """Return between what the contribution of a column must lie, whatever the other columns are.

        Against the model's own background. A gap is NaN, or the level "missing".

        Parameters
        ----------
        column : str
        values : array_like, shape (m,)
            Numbers in the column's own unit, NaN for a missing one, dates, or levels.
        method : str
            "local", or one that averages over the background.

        Returns
        -------
        low, high : ndarray, shape (m,)
            In the prediction's unit. Path contributions may be outside by their tolerance.

        Raises
        ------
        ValueError
            If there is no such column or level.

        Examples
        --------
        >>> from spectral_interp import Pencil
        >>> cert = certify(Pencil(diag=[[0.0, 4.0], [1.0, 2.0]], off=[[0.0], [0.0]], k=0))
        >>> cert.contribution_range("z0", [-1.0, 3.0])
        (array([-2.,  3.]), array([-1.,  6.]))
        """
        axis, own, background = self.view.axis(column), self.view.own(column), self.view.background
        if method == "local":
            background = background.mean(axis=0, keepdims=True)
        there = axis.encode(axis.checked(values))
        changes = there[:, None] - background[:, own]
        steps = self.view.steps(column, changes.reshape(-1, axis.n_features))
        low, high = (end.reshape(changes.shape[:2]) for end in self.view.function.step_range(steps))
        return low.mean(axis=1), high.mean(axis=1)

    def sentences(self) -> list[str]:
        """Return in words what is certified, the strongest columns first."""
        lines = [self._line(axis) for axis in self.view.axes]
        lines.sort(key=lambda line: -max(line["norm"], line.get("gap_norm", 0.0)))
        said = [monotone_sentence(line) for line in lines]
        said += [sentence(line) for line in lines[:SHOWN_NORMS] for sentence in (norm_sentence, gap_sentence)]
        return [sentence for sentence in (*said, *self._joint_sentences()) if sentence]

    def _joint_sentences(self) -> Iterator[str]:
        unit = self.view.output.unit
        yield curvature_sentence(self.view.axes, self.curvature, linear=not self.bend)
        most = at_most(self.lipschitz)
        yield f"Two rows at distance 1 in features never differ by more than {most} ({unit})."
        if self.margins is not None and len(self.margins.gap) and self.view.output.decides:
            yield class_sentence(float(np.median(self.flip_radius)), len(self.margins.gap))


def certify(model: Any, X: Any = None) -> Certificate:
    """Prove what can be proven about ``model``, from its matrices.

    Parameters
    ----------
    model : fitted SpectralRegressor or SpectralClassifier, Pencil or DensePencil
    X : DataFrame or array_like, shape (n, columns), optional
        Rows for what depends on the row: gaps, radii, and observed derivatives in
        :meth:`Certificate.columns`.

    Returns
    -------
    Certificate
        The theorems stand at the top of this module, each with its proof.

    Raises
    ------
    TypeError
        If ``model`` is neither an estimator nor a pencil.
    ValueError
        If ``X`` does not fit the model.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> cert = certify(Pencil(diag=[[0.0, 0.0], [0.0, 0.0]], off=[[0.0], [3.0]], k=1))
    >>> cert.feature_norm, cert.lipschitz, cert.curvature
    (array([3.]), 3.0, 'convex')
    """
    rows = rows_of(model, X)
    pencil = rows.view.pencil
    low, high = (ends[1:] for ends in pencil.extremes())
    signs = (
        proven_sign(pencil, np.eye(1, len(low), i)[0], *ends)
        for i, ends in enumerate(zip(low, high, strict=True))
    )
    lipschitz, bend = _gradient_balls(pencil)
    return Certificate(
        feature_norm=np.maximum(-low, high),
        gradient_low=low,
        gradient_high=high,
        monotone=np.fromiter(signs, dtype=np.int_),
        lipschitz=lipschitz,
        bend=bend,
        curvature=_curvature(pencil),
        rows=rows,
        margins=None if X is None else Margins(*pencil.values_and_gradients(rows.z), pencil.gap(rows.z)),
    )


def _gradient_balls(pencil: MatrixPencil) -> tuple[float, float]:
    """Return the least ``‖c‖ + ρ(c)`` and the least ρ(c) over three centres c of a ball of gradients.

    The centres are 0, the mean eigenvalue of every A_i (best for the bound of Frobenius) and the middle of
    its spectrum.
    """
    matrices = pencil.matrices[1:]
    low, high = (ends[1:] for ends in pencil.extremes())
    centres = [np.zeros(len(matrices)), np.trace(matrices, axis1=1, axis2=2) / pencil.dim, (low + high) / 2]
    radii = [_ball_radius(matrices, centre) for centre in centres]
    reach = [math.hypot(*centre) + radius for centre, radius in zip(centres, radii, strict=True)]
    return min(reach), min(radii)


def _ball_radius(matrices: FloatArray, centre: FloatArray) -> float:
    """Return ρ, the smaller of ``‖Σ B_i²‖₂^½`` and the largest singular value of the rows vec(B_i)."""
    shifted = matrices - centre[:, None, None] * np.eye(matrices.shape[1])
    stacked = shifted.reshape(-1, matrices.shape[1])
    rows = shifted.reshape(len(matrices), -1)
    rows = rows[:, rows.any(axis=0)]
    if not rows.size:
        return 0.0
    return float(min(np.linalg.norm(stacked, 2), np.linalg.norm(rows, 2)))


def _curvature(pencil: MatrixPencil) -> str | None:
    if pencil.k == pencil.dim - 1:
        return "convex"
    return "concave" if pencil.k == 0 else None

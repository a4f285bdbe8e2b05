"""Regression with an eigenvalue model, as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any

from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score, root_mean_squared_error

from .._common.arrays import FloatArray
from ..tables.targets import target_numbers, target_scale
from ..view import Output
from .base import SpectralEstimator


class SpectralRegressor(RegressorMixin, SpectralEstimator):
    """Regression by eigenvalues of matrices that are affine in the columns.

    Parameters
    ----------
    dim : int, default 15
        Order d of the matrices of a single neuron.
    form : {"auto", "single", "sum"}
        "single": one neuron on standardised columns, which is readable. "sum": sixteen neurons of order five
        on piecewise-linear columns and on sums and differences of two columns, fitted ``members`` times and
        averaged; it is as accurate as gradient boosting. "auto": the simplest form whose held-out squared
        error is within 1 % of the best, among a single neuron and sums on linear columns, on piecewise-linear
        columns, and on these with sums and differences. For log loss, it is within 1 % of the best form's
        gain over the shares of the classes.
    members : int, default 4
        Number of fits of a sum that are averaged; their spread gives the refit deviation of contributions.
    structure : {"tridiagonal", "diagonal", "dense"}
        Structure of the matrices of a single neuron. The parameters from here to ``learning_rate``, and
        ``dim``, ``validation_fraction`` and ``patience``, apply to single neurons only.
    k : int, optional
        0-based index of the eigenvalue in ascending order, negative from the top; ``dim // 2`` by default.
    n_epochs, batch_size : int
        Maximum number of epochs, and number of rows per step.
    learning_rate : float
        Peak of the one-cycle schedule of AdamW.
    alpha : float
        Strength of regularisation. For a single neuron and n training rows, the weight decay of AdamW is
        ``alpha / n``, and proportionally less with more than 20 rows per coefficient; like the penalty of
        ridge regression, it matters less with more rows. The weight decay of sums is proportional to
        ``alpha``.
    norm_penalty : float
        Strength of ``norm_penalty · Σ_i ‖A_i‖₂`` in the loss (of the standardised target, or the log loss),
        which removes whole features: the norms of useless features become exactly zero.
    provability : float
        Strength of ``provability · Σ_i (λ_max(A_i) − λ_min(A_i))`` in the loss of a single neuron: the sum of
        the widths of the slopes' certified intervals. It makes them narrower, so that more directions are
        proven, at some loss of accuracy on tables that need curved functions; try 0.003 first. Unlike the
        norm penalty, it does not penalise constant slopes.
    log : list of str, optional
        Columns whose logarithm is used, for skewed positive columns. By default, none with ``form="single"``;
        otherwise every positive column whose skewness is above 2 and at least halved by the logarithm.
    drop : list of str, optional
        Columns that the model does not use; tables to predict may omit them.
    categorical : list of str, optional
        Columns to read as levels regardless of their values, such as numeric codes.
    na_values : list of str, optional
        Texts that count as missing in every column, such as "<0.5" or "-999"; numbers are compared by value.
        In columns of numbers, "?", "-", "na" and similar texts always count as missing.
    monotone : dict, optional
        Promises, which hold for all rows, even outside the training range, and are proven after the fit: see
        :func:`~spectral_interp.certify`. ``{"income": 1, "age": -1}``: predictions never fall as income rises
        and never rise with age, with the other columns fixed, between rows that have a value. ``{"grade":
        ["A", "B", "C"]}``: predictions never fall from a level to a later one; the list names all levels of
        training. Sums and differences of two columns keep the promises of both; those with contradictory
        promises are left out. Dates are used as elapsed time alone. For a classifier, which must have two
        classes, predictions are the log-odds of the positive class.
    curvature : {"convex", "concave"}, optional
        Curvature of a single neuron as a function of all columns of numbers together (of the logarithm of
        those in ``log``): the largest eigenvalue is convex, the smallest concave.
    validation_fraction : float
        Share of the rows set aside to choose the epoch. With 10 or more rows per coefficient, a shorter last
        cycle of training uses all rows.
    patience : int
        Number of epochs without improvement on those rows after which training ends.
    random_state : int, Generator or RandomState, optional
        Seed of the split, initial weights and order of rows.
    verbose : bool
        Whether to show a progress bar (on a terminal only).

    Attributes
    ----------
    module_ : Module
        The model, which predicts in the target's unit.
    function_ : SpectralFunction
        The function of encoded rows that ``predict`` computes.
    form_ : str
        "single" or "sum".
    rungs_ : DataFrame
        The price of readability: one row per form that was tried, the simplest first, with its held-out loss
        (root mean squared error in the target's unit, or log loss in nats), number of parameters and epochs,
        and whether it was chosen.
    pencil_ : Pencil or DensePencil
        Coefficients of a single neuron.
    encoder_ : TableEncoder
    history_ : list of dict, one per epoch
        Epochs among which the number was chosen: before the last cycle for a single neuron, on the held-out
        rows for a sum.
    fitted_params_ : dict
        The parameters at the time of ``fit``, which ``save`` writes.
    background_ : DataFrame
        Up to 100 training rows, drawn by weight: the default background of explanations.
    background_of_ : int or None
        Number of rows from which the background was drawn; None if weights are not whole numbers.
    trained_on_ : ndarray of int64, or None
        Hashes of the training rows, ascending; :meth:`count_trained_on` looks rows up.
    heldout_ : (DataFrame, Series) or None
        Held-out rows stored with a loaded model, or by ``fit_batches``.
    baselines_ : dict of Baseline, or None
        Linear model and MLP, if fitted by :func:`spectral_interp.comparison.baselines.fit_baselines`.
    seed_ : int
        Seed of the split, initial weights and order of rows.

    Raises
    ------
    ValueError
        In ``fit``, for tables and targets that cannot be used; the message names the column.

    Examples
    --------
    >>> from spectral_interp.tables.reading import read_table, split_target
    >>> X, y = split_target(read_table("diabetes"), "progression", "diabetes")
    >>> est = SpectralRegressor(form="single", dim=5, n_epochs=20, random_state=0).fit(X, y)
    >>> est.predict(X).shape
    (442,)

    A promise and its proof:

    >>> from spectral_interp import certify
    >>> est = SpectralRegressor(form="single", dim=5, n_epochs=20, monotone={"bmi": 1}, random_state=0)
    >>> certify(est.fit(X, y)).column("bmi")["monotone"]
    1
    """

    _task = "regression"

    def predict(self, X: Any) -> FloatArray:
        """Return predictions in the target's unit, shape (n,)."""
        return self.values(X)

    def metrics(self, prediction: FloatArray, y: Any, sample_weight: Any = None) -> dict[str, float]:
        """Return R² and root mean squared error (in the target's unit)."""
        targets = self.encode_targets(y)
        return {
            "R²": float(r2_score(targets, prediction, sample_weight=sample_weight)),
            "RMSE": float(root_mean_squared_error(targets, prediction, sample_weight=sample_weight)),
        }

    def _output(self) -> Output:
        return Output(self.target_name_)

    def _encode_targets(self, y: Any) -> FloatArray:
        return target_numbers(y, self.target_name_)

    def _target_scale(self, targets: FloatArray, weight: FloatArray) -> tuple[float, float]:
        return target_scale(targets, weight, self.target_name_)

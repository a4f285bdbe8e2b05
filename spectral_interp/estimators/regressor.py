"""Eigenvalue models as scikit-learn estimators."""

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
        "single": one neuron on standardised columns, to be read. "sum": sixteen neurons of order five on
        piecewise-linear columns and on sums and differences of two, a fit that is repeated ``members`` times
        and averaged; it is as accurate as gradient boosting. "auto": the simplest form, of a single neuron,
        linear columns, piecewise-linear ones and all of it, whose held-out squared error is within 1 % of the
        best; of log losses, within 1 % of what the best one gains over the shares of the classes.
    members : int, default 4
        Number of fits of a sum that are averaged; their spread is the refit deviation of contributions.
    structure : {"tridiagonal", "diagonal", "dense"}
        Of a single neuron, as are the parameters up to ``learning_rate``, and ``validation_fraction`` and
        ``patience``.
    k : int, optional
        0-based index of the eigenvalue, ascending, negative from the top; ``dim // 2`` by default.
    n_epochs, batch_size : int
        Largest number of epochs to choose from and rows per step.
    learning_rate : float
        Peak of the one-cycle schedule of AdamW.
    alpha : float
        Strength of regularisation. The weight decay of AdamW is ``alpha / n`` for n training rows of a single
        neuron, and in proportion less where there are over 20 rows per coefficient: like the penalty of ridge
        regression it matters less, the more rows there are. The weight decay of sums is proportional to it.
    norm_penalty : float
        Strength of ``norm_penalty · Σ_i ‖A_i‖₂`` in the loss (of the standardised target, or the log loss),
        which removes whole features: the norms of useless ones become exactly zero.
    provability : float
        Strength of ``provability · Σ_i (λ_max(A_i) − λ_min(A_i))`` in the loss of a single neuron: the sum of
        the widths of the slopes' certified intervals. It makes them narrower and proves more directions, at
        some accuracy on tables that need curved functions; 0.003 is a start. Slopes that do not vary cost
        nothing, unlike with the norm penalty.
    log : list of str, optional
        Columns whose logarithm enters, for skewed positive ones. If not given, none with ``form="single"``,
        and else every positive column whose skewness is above 2 and at least halved by the logarithm.
    drop : list of str, optional
        Columns that the model does not use; tables to predict may have them or not.
    categorical : list of str, optional
        Columns to read as levels, whatever they look like, such as codes that are numbers.
    na_values : list of str, optional
        Texts that count as missing in every column, such as "<0.5" or "-999"; numbers by value. In columns of
        numbers "?", "-", "na" and the like always do.
    monotone : dict, optional
        Promises, which hold for all rows, training range or not, and are proven after the fit: see
        :func:`~spectral_interp.certify`. ``{"income": 1, "age": -1}``: predictions never fall as income rises
        and never rise with age, the other columns as they are, between rows that have a value.
        ``{"grade": ["A", "B", "C"]}``: they never fall from a level to a later one; the list has all levels
        of training. Sums and differences of two columns keep the promises of both, and those in which two
        promises contradict each other are left out. Dates enter by elapsed time alone. Of a classifier,
        predictions are the log-odds of its positive class; there must be two classes.
    curvature : {"convex", "concave"}, optional
        Of a single neuron, in all columns of numbers together (in the logarithm of those in ``log``): the
        largest eigenvalue is convex, the smallest concave.
    validation_fraction : float
        Share of the rows set aside to choose the epoch. With 10 or more rows per coefficient, a last and
        shorter cycle of training takes in all rows.
    patience : int
        Epochs without improvement on those rows after which training ends.
    random_state : int, Generator or RandomState, optional
        Seed of split, initial weights and order of rows.
    verbose : bool
        Whether to show a progress bar (on a terminal only).

    Attributes
    ----------
    module_ : Module
        Predicts in the target's unit.
    function_ : SpectralFunction
        What ``predict`` computes, of encoded rows.
    form_ : str
        "single" or "sum".
    rungs_ : DataFrame
        The price of readability: one line per form that was tried, the simplest first, with its held-out loss
        (root mean squared error in the target's unit, or log loss in nats), its number of parameters, its
        epochs, and whether it was chosen.
    pencil_ : Pencil or DensePencil
        Of a single neuron.
    encoder_ : TableEncoder
    history_ : list of dict, one an epoch
        Those among which the number of epochs was chosen: of a single neuron before the last cycle, of a sum
        on the held-out rows.
    fitted_params_ : dict
        The parameters as they were in ``fit``; ``save`` writes these.
    background_ : DataFrame
        Up to 100 of the rows trained on, drawn by weight: the default background of explanations.
    background_of_ : int or None
        Of how many rows it is a sample; None where weights are not whole numbers.
    trained_on_ : ndarray of int64, or None
        Hashes of the training rows, ascending; :meth:`count_trained_on` looks rows up.
    heldout_ : (DataFrame, Series) or None
        Held-out rows that came with a loaded model.
    baselines_ : dict of Baseline, or None
        Linear model and MLP, where :func:`spectral_interp.comparison.baselines.fit_baselines` has made some.
    seed_ : int
        Of split, initial weights and order of rows.

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

    A promise, and what is proven of it:

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

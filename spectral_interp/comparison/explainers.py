"""Our explainers, SHAP's and Captum's on the three models; all return an Attribution.

All explain the same rows against the same background, as functions of the inputs, which are the encoded
columns before hat functions (:meth:`ModelView.inputs`). If no column has knots, the inputs are the features.
Some explainers give every input a number, and these are summed over the inputs of a column. For the others a
column is a player: its inputs come together from the row or from a background row, and features of two
columns follow from both. ``Explainer.players`` states the kind. Our own methods use the rows as everywhere
else: "path" and "local" sum over the features of a column and divide those of two columns.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from .._common.arrays import FloatArray
from ..attribution.changes import Parts
from ..attribution.explain import METHODS
from ..attribution.result import Attribution
from ..attribution.shapley import MOST_PLAYERS, ORDERS
from ..estimators.classifier import SpectralClassifier
from ..estimators.regressor import SpectralRegressor
from ..models.network import LINEAR, MLP, Baseline
from ..pencil import Pencil
from ..pencil.structures import Tridiagonal
from ..view import ModelView, Rows
from .inputs import FromInputs

SPECTRAL, EXACT = "spectral", "SHAP Exact"
SUMMED, INPUTS, PLAYER = "features, summed", "inputs, summed", "columns"
BUDGET = 2**25
"""Maximum number of model evaluations for exact Shapley values. Beyond it, ours are sampled and SHAP's are
left out."""

GRADIENT_SAMPLES, IG_STEPS = 200, 50  # defaults of the explainers
PERMUTATION_EVALUATIONS, KERNEL_SAMPLES = 500, 2048  # also defaults

SAMPLED, FEWEST_ORDERS = 4 * 10**8, 4
"""Multiplications per row for our sampled Shapley values, and minimum number of orders."""

STEPS_OF_PATH = 20
"""Approximate number of eigenpairs on a path to a background row."""

MIXED = 2**20
"""Maximum number of inputs of mixed rows in memory at a time."""

GRADIENT = 4
"""Cost of an evaluation with a gradient, relative to an evaluation without."""

PER_ENTRY, PER_CALL = 30, 1000
"""Multiplications of a solution per entry of a matrix, and overhead of an evaluation in multiplications."""

PER_CHANGE = 64
"""Multiplications per entry of a change matrix, measured with 300 columns and 64 neurons."""


@dataclass(eq=False)
class ExplainedModel:
    """A model of the inputs to explain, which counts its evaluations.

    Attributes
    ----------
    name : str
        "spectral", "linear" or "MLP".
    module : Module
        Maps float64 inputs (n, g) to (n, 1) or (n,); it is copied.
    solve : callable, optional
        Function for predictions (n,) at inputs (n, g), if there is one faster than the module.
    view : ModelView, optional
        View for our own methods, if the model is a spectral function.
    scores : int
        Number of functions in an evaluation; with more than two classes up to one per class.
    evaluations : int
        Number of rows evaluated so far.
    """

    name: str
    module: nn.Module
    solve: Callable[[FloatArray], FloatArray] | None = None
    view: ModelView | None = None
    scores: int = 1
    evaluations: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.module = copy.deepcopy(self.module).requires_grad_(False)
        self.module.register_forward_pre_hook(lambda _, rows: self._count(len(rows[0])))

    def _count(self, rows: int) -> None:
        self.evaluations += rows

    @property
    def solving(self) -> int:
        """Approximate number of multiplications for its eigenvalues; 0 if it has none."""
        if self.view is None:
            return 0
        neurons, d = self.view.function.neurons, self.view.function.dim
        _, count, entries = neurons.entries.shape
        each = PER_ENTRY * entries if isinstance(neurons.structure, Tridiagonal) else PER_ENTRY * d**3
        return count * each

    @property
    def size(self) -> int:
        """Approximate number of multiplications of an evaluation from the inputs, with its overhead."""
        if self.view is None:
            return PER_CALL + sum(weights.numel() for weights in self.module.parameters())
        terms = 2 * (len(self.view.axes) + len(self.view.pairs))
        return PER_CALL + self.solving + terms * self.view.function.neurons.entries[0].size

    def switching(self, coalitions: int, joining: int) -> int:
        """Return the approximate number of multiplications for coalitions of a row with a background row.

        ``joining`` is the number of times that a column joins a coalition. For a spectral function with its
        change matrices, the cost of a coalition is that of solving and of adding these columns.
        """
        if self.view is None:
            return coalitions * self.size
        changes = len(self.view.axes) + len(self.view.pairs)
        entries = self.view.function.neurons.entries[0].size
        return (PER_CHANGE * changes + joining) * entries + coalitions * self.solving

    def values(self, x: FloatArray) -> FloatArray:
        """Return predictions (n,) at inputs ``x`` (n, g), and count them."""
        if self.solve is None:
            return Baseline(self.name, self.module).values(x)  # type: ignore[arg-type]
        self._count(len(x))
        return self.solve(x)

    def means(self, x: FloatArray, background: FloatArray, from_row: npt.NDArray[np.bool_]) -> FloatArray:
        """Return mean predictions (s,) over background rows (b, g) with some inputs from a row ``x`` (g,).

        ``from_row`` (s, g) is true for these inputs.
        """
        found, some = np.empty(len(from_row)), max(1, MIXED // background.size)
        for first in range(0, len(from_row), some):
            mixed = np.where(from_row[first : first + some, None], x, background)
            values = self.values(mixed.reshape(-1, len(x)))
            found[first : first + some] = values.reshape(len(mixed), -1).mean(axis=1)
        return found


def explained_models(
    est: SpectralRegressor | SpectralClassifier,
    baselines: dict[str, Baseline] | None,
    output: Any = None,
    against: Any = None,
) -> list[ExplainedModel]:
    """Return the spectral model and its baselines as models to explain; for classes, one of their outputs."""
    weights = est.view().weights(output, against)
    view = est.view().of(output, against)
    module = nn.Sequential(FromInputs(view), est.module_)
    if not np.array_equal(weights, [1.0]):
        module.append(_Weighted(weights))
        baselines = {name: baseline.of(weights) for name, baseline in (baselines or {}).items()}
    scores = int(np.count_nonzero(weights))
    models = [ExplainedModel(SPECTRAL, module, view.values_of_inputs, view, scores)]
    for name, baseline in (baselines or {}).items():
        own = _linear_view(baseline, view) if name == LINEAR else None
        models.append(ExplainedModel(name, baseline.module, view=own, scores=scores))
    return models


class _Weighted(nn.Module):
    """Weighted sum of the outputs of a module, (n, outputs) or (n,) to (n,)."""

    def __init__(self, weights: FloatArray) -> None:
        super().__init__()
        self.weights = torch.from_numpy(weights)

    def forward(self, scores: Tensor) -> Tensor:
        return scores.reshape(len(scores), -1) @ self.weights.to(scores.dtype)


def _linear_view(baseline: Baseline, view: ModelView) -> ModelView:
    """Return a view of the linear model as a pencil of order one, on which our methods run too."""
    diag = np.concatenate([*_line(baseline.module)[::-1]])[:, None]
    pencil = Pencil(diag, np.empty((len(diag), 0)), 0)
    return replace(
        view, function=pencil, axes=view.plain_axes, pairs=(), background=view.inputs(view.background)
    )


def _line(module: Any) -> tuple[FloatArray, FloatArray]:
    """Return slopes (p,) and intercept (1,) of a linear model."""
    return module[0].weight[0].numpy(), module[0].bias.numpy()


@dataclass(frozen=True)
class Explainer:
    """A method with its name in tables, its models and its players.

    ``work(model, c, b)`` is the approximate number of multiplications for a row of c columns against b
    background rows. ``run(model, rows, reference, seed)``, with the same encoding of rows and reference rows,
    returns contributions (n, c) and base values (n,), or Parts with further results.
    """

    name: str
    models: tuple[str, ...]
    players: str
    work: Callable[[ExplainedModel, int, int], int]
    run: Callable[[ExplainedModel, Rows, FloatArray, int], tuple[FloatArray, FloatArray] | Parts]

    def __call__(self, model: ExplainedModel, rows: Rows, reference: FloatArray, *, seed: int) -> Attribution:
        """Explain the rows against ``reference`` (b, p), which are features of the rows' view."""
        before = model.evaluations
        with own_randomness(seed):
            found = self.run(model, rows, reference, seed)
        evaluations = model.evaluations - before
        background = f"{len(reference)} of {rows.view.background_name}"
        if not isinstance(found, Parts):
            values, base = found
            found = Parts(
                values=np.asarray(values, dtype=np.float64),
                base_values=np.broadcast_to(np.asarray(base, dtype=np.float64), len(values)).copy(),
                prediction=model.values(rows.inputs),
                degenerate=np.zeros(len(values), dtype=bool),
            )
        parts = replace(found, evaluations=evaluations)
        return Attribution.of(parts, rows, method=self.name, background=background)


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """Seed the global generators of NumPy and torch, which SHAP uses, and restore them afterwards."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            yield
        finally:
            np.random.set_state(before)  # noqa: NPY002


def _ours(method: str) -> Callable[..., Parts]:
    def run(model: ExplainedModel, rows: Rows, reference: FloatArray, seed: int) -> Parts:
        options: dict[str, Any] = {}
        if method == "shapley":
            c = len(rows.view.axes)
            affordable = evaluations_of_all(rows, reference) * model.scores <= BUDGET
            exact = c <= MOST_PLAYERS and affordable
            sampled = {} if exact else {"orders": orders_of(model, c, len(reference))}
            options = {"random_state": seed} | sampled
        if model.view is None:
            raise ValueError(f"expected a spectral function for {method}; got the {model.name} model")
        parts = METHODS[method](*seen_by(model.view, rows, reference), **options)
        model.evaluations += -(-parts.evaluations // len(model.view.function.neurons))
        return parts

    return run


def seen_by(view: ModelView, rows: Rows, reference: FloatArray) -> tuple[Rows, FloatArray]:
    """Return rows and reference rows in the encoding of a view: unchanged or as inputs."""
    if (view.axes, view.pairs) == (rows.view.axes, rows.view.pairs):
        return replace(rows, view=view), reference
    return replace(rows, view=view, encoded=rows.inputs), rows.view.inputs(reference)


def evaluations_of_all(rows: Rows, reference: FloatArray) -> int:
    """Return the number of evaluations for exact Shapley values: rows × background × 2^columns."""
    return len(rows) * len(reference) * 2 ** len(rows.view.axes)


def _linear(
    model: ExplainedModel, rows: Rows, reference: FloatArray, _: int
) -> tuple[FloatArray, FloatArray]:
    import shap

    slopes, intercept = _line(model.module)
    masker = shap.maskers.Independent(rows.view.inputs(reference), max_samples=len(reference))
    explainer = shap.LinearExplainer((slopes, float(intercept[0])), masker)
    return rows.view.per_column(explainer.shap_values(rows.inputs)), explainer.expected_value


def _deep(model: ExplainedModel, rows: Rows, reference: FloatArray, _: int) -> tuple[FloatArray, FloatArray]:
    import shap

    explainer = shap.DeepExplainer(model.module, torch.tensor(rows.view.inputs(reference)))
    values = explainer.shap_values(torch.tensor(rows.inputs), check_additivity=True)
    return rows.view.per_column(values.reshape(rows.inputs.shape)), explainer.expected_value


def _gradient(
    model: ExplainedModel, rows: Rows, reference: FloatArray, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Run SHAP's expected gradients, which always draw float32 rows and return no base value."""
    import shap

    module, x, base = nn.Sequential(_Float64(), model.module), rows.inputs, rows.view.inputs(reference)
    explainer = shap.GradientExplainer(module, torch.tensor(base))
    values = explainer.shap_values(torch.tensor(x), nsamples=GRADIENT_SAMPLES, rseed=seed)
    return rows.view.per_column(np.reshape(values, x.shape)), model.values(base).mean()


class _Float64(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.double()


def _by_masking(kind: str, coalitions: Callable[[int], int]) -> Callable[..., tuple[FloatArray, FloatArray]]:
    """Return an explainer of SHAP that switches whole columns between the row and the background.

    SHAP gets the game itself: a column holds the number of the explained row, from 1, if it comes from the
    row, and 0 if it comes from the background. Thus SHAP keeps no copies of the inputs. ``coalitions`` raises
    SHAP's default limits: 500 coalitions for orders are too few from 250 columns, and 100,000 for all
    coalitions are too few from 17 columns.
    """

    def run(
        model: ExplainedModel, rows: Rows, reference: FloatArray, seed: int
    ) -> tuple[FloatArray, FloatArray]:
        import shap

        background, c = rows.view.inputs(reference), len(rows.view.columns)

        class Columns(shap.maskers.Masker):
            shape, supports_delta_masking = (1, c), True

            def mask_shapes(self, _: FloatArray) -> list[tuple[int]]:
                return [(c,)]

            def __call__(self, mask: Any, row: FloatArray) -> tuple[Any, ...]:
                if mask.dtype == bool:
                    return (mask[None] * row,)
                masks = switched(mask, c)
                return (masks * row,), np.ones((len(masks), 1), dtype=bool)

        def values(game: FloatArray) -> FloatArray:
            x = rows.inputs[int(game.max()) - 1]
            return model.means(x, background, game[:, rows.view.input_column_of] > 0)

        options = {"seed": seed} if kind == "PermutationExplainer" else {}
        numbers = np.repeat(np.arange(1.0, len(rows) + 1)[:, None], c, axis=1)
        explanation = getattr(shap, kind)(values, Columns(), **options)(
            numbers, max_evals=coalitions(c), silent=True
        )
        return explanation.values, explanation.base_values

    return run


def switched(places: npt.NDArray[np.int_], c: int) -> npt.NDArray[np.bool_]:
    """Return the coalitions (s, c) that SHAP describes by lists of columns to switch.

    A column i is given as ``-i - 1`` unless it is the last one of its coalition. Numbers from c on switch no
    column.

    Examples
    --------
    >>> switched(np.array([9, 1, -1, 1]), 2).tolist()
    [[False, False], [False, True], [True, False]]
    """
    is_last = places >= 0
    column: npt.NDArray[np.int_] = np.where(is_last, places, -places - 1)
    coalition: npt.NDArray[np.int_] = np.cumsum(is_last) - is_last
    real = column < c
    flips = np.zeros((np.count_nonzero(is_last), c), dtype=np.intp)
    np.add.at(flips, (coalition[real], column[real]), 1)
    return np.cumsum(flips, axis=0) % 2 == 1


def _kernel(
    model: ExplainedModel, rows: Rows, reference: FloatArray, _: int
) -> tuple[FloatArray, FloatArray]:
    """Run Kernel SHAP on groups of inputs without its default selection of ten groups."""
    import shap
    from shap.utils._legacy import DenseData

    groups = [np.flatnonzero(rows.view.input_column_of == c) for c in range(len(rows.view.columns))]
    data = DenseData(rows.view.inputs(reference), list(rows.view.columns), groups)
    explainer = shap.KernelExplainer(model.values, data, silent=True)
    return explainer.shap_values(rows.inputs, silent=True, l1_reg=0), explainer.expected_value


def _captum(
    model: ExplainedModel, rows: Rows, reference: FloatArray, _: int
) -> tuple[FloatArray, FloatArray]:
    from captum.attr import IntegratedGradients

    explainer = IntegratedGradients(lambda x: model.module(x).reshape(-1))
    x, base = rows.inputs, rows.view.inputs(reference)
    references = torch.tensor(base)
    values = [
        explainer.attribute(row.expand_as(references).clone(), references, n_steps=IG_STEPS)
        .mean(dim=0)
        .numpy()
        for row in torch.tensor(x)
    ]
    return rows.view.per_column(np.array(values).reshape(x.shape)), model.values(base).mean()


def all_coalitions(c: int) -> int:
    """Return the number of coalitions of c columns."""
    return 2**c


def orders_of(model: ExplainedModel, c: int, b: int) -> int:
    """Return the number of orders of c columns, each with its reverse, for our sampled Shapley values.

    It follows from the allowed work of a row against b background rows.
    """
    coalitions = 2 * (c - 1)
    each = b * (model.switching(coalitions, coalitions) - model.switching(0, 0))
    return max(FEWEST_ORDERS, min(ORDERS, SAMPLED // max(each, 1)))


def _by_permutation(c: int) -> int:
    return max(PERMUTATION_EVALUATIONS, 2 * c + 1)


def _by_kernel(c: int) -> int:
    """Return the number of samples, weighted by the cost of SHAP's loop over the columns."""
    return min(2**c, 2 * c + KERNEL_SAMPLES) * (100 + c) // 100


def _work_of_shapley(model: ExplainedModel, c: int, b: int) -> int:
    coalitions = 2**c if c <= MOST_PLAYERS else 2 * (c - 1) * orders_of(model, c, b)
    return b * model.switching(coalitions, coalitions)


def _work_of_path(model: ExplainedModel, _: int, b: int) -> int:
    return b * model.switching(STEPS_OF_PATH, 0)


def _work_of_local(model: ExplainedModel, _: int, b: int) -> int:
    return model.switching(1, 0)


def _work_of(coalitions: Callable[[int], int]) -> Callable[[ExplainedModel, int, int], int]:
    """Return the work of evaluating coalitions of c columns, each with every background row."""
    return lambda model, c, b: b * coalitions(c) * model.size


def _passes(count: int) -> Callable[[ExplainedModel, int, int], int]:
    """Return the work of ``count`` evaluations with every background row."""
    return _work_of(lambda _: count)


EXPLAINERS = (
    Explainer("path", (SPECTRAL,), SUMMED, _work_of_path, _ours("path")),
    Explainer("local", (SPECTRAL,), SUMMED, _work_of_local, _ours("local")),
    Explainer("shapley", (SPECTRAL,), PLAYER, _work_of_shapley, _ours("shapley")),
    Explainer(
        EXACT,
        (SPECTRAL, MLP),
        PLAYER,
        _work_of(all_coalitions),
        _by_masking("ExactExplainer", all_coalitions),
    ),
    Explainer(
        "SHAP Permutation",
        (SPECTRAL, MLP),
        PLAYER,
        _work_of(_by_permutation),
        _by_masking("PermutationExplainer", _by_permutation),
    ),
    Explainer("SHAP Kernel", (SPECTRAL,), PLAYER, _work_of(_by_kernel), _kernel),
    Explainer("Captum IG", (SPECTRAL,), INPUTS, _passes(GRADIENT * IG_STEPS), _captum),
    Explainer("SHAP Linear", (LINEAR,), INPUTS, _passes(1), _linear),
    Explainer("SHAP Deep", (MLP,), INPUTS, _passes(GRADIENT), _deep),
    Explainer("SHAP Gradient", (MLP,), INPUTS, _passes(GRADIENT * GRADIENT_SAMPLES), _gradient),
)
"""Explainers of a comparison, with their models."""

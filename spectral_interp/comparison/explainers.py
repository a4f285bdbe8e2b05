"""Explainers on any of the three models, ours, SHAP's and Captum's, all with the same answer: an Attribution.

All explain the same encoded rows against the same background. Some give every feature a number; these are
summed over the features of a column. To the others a column is one player: its features come together from
the row or from a background row. ``Explainer.players`` says which.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .._common.arrays import FloatArray
from ..attribution.explain import METHODS
from ..attribution.result import Attribution
from ..estimators.classifier import SpectralClassifier
from ..estimators.regressor import SpectralRegressor
from ..models.network import LINEAR, MLP, Baseline
from ..pencil.base import AnyPencil
from ..pencil.tridiagonal import Pencil
from ..view.rows import Inputs

SPECTRAL = "spectral"
SUMMED, PLAYER = "features, summed", "columns"
BUDGET = 2**25
"""Most model evaluations for exact Shapley values; beyond, ours are sampled and SHAP's left out."""

GRADIENT_SAMPLES, STEPS = 200, 50  # the explainers' own defaults


@dataclass(eq=False)
class Subject:
    """A model to explain, which counts how often it is evaluated.

    Attributes
    ----------
    name : str
        "spectral", "linear" or "MLP".
    module : Module
        Maps float64 features (n, p) to (n, 1) or (n,); a copy of its own.
    solve : callable, optional
        Predictions (n,) of features (n, p), where there is a faster way than the module.
    pencil : Pencil or DensePencil, optional
        Where the model is one.
    evaluations : int
        Rows evaluated so far.
    """

    name: str
    module: nn.Module
    solve: Callable[[FloatArray], FloatArray] | None = None
    pencil: AnyPencil | None = None
    evaluations: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.module = copy.deepcopy(self.module).requires_grad_(False)
        self.module.register_forward_pre_hook(lambda _, rows: self._count(len(rows[0])))

    def _count(self, rows: int) -> None:
        self.evaluations += rows

    def values(self, z: FloatArray) -> FloatArray:
        """Return predictions (n,) at ``z`` (n, p), counted."""
        if self.solve is None:
            return Baseline(self.name, self.module).values(z)  # type: ignore[arg-type]
        self._count(len(z))
        return self.solve(z)


def subjects(
    est: SpectralRegressor | SpectralClassifier, baselines: dict[str, Baseline] | None
) -> list[Subject]:
    """Return the spectral model and its baselines as models to explain."""
    pencil = est.pencil_
    models = [Subject(SPECTRAL, est.module_, pencil.values, pencil)]
    for name, baseline in (baselines or {}).items():
        models.append(Subject(name, baseline.module, pencil=linear_pencil(baseline)))
    return models


def linear_pencil(baseline: Baseline) -> Pencil | None:
    """Return the linear model as a pencil of order one, on which our methods run as well."""
    if baseline.name != LINEAR:
        return None
    diag = np.concatenate([*_line(baseline.module)[::-1]])[:, None]
    return Pencil(diag, np.empty((len(diag), 0)), 0)


def _line(module: Any) -> tuple[FloatArray, FloatArray]:
    """Return slopes (p,) and intercept (1,) of a linear model."""
    return module[0].weight[0].numpy(), module[0].bias.numpy()


@dataclass(frozen=True)
class Explainer:
    """A method under its name in tables, the models it runs on, and what its players are.

    ``run(subject, inputs, reference, seed)`` returns contributions (n, c) and base values (n,), or an
    Attribution with what else is known.
    """

    name: str
    models: tuple[str, ...]
    players: str
    run: Callable[[Subject, Inputs, FloatArray, int], tuple[FloatArray, FloatArray] | Attribution]
    all_coalitions: bool = False

    def __call__(self, subject: Subject, inputs: Inputs, reference: FloatArray, *, seed: int) -> Attribution:
        """Explain the rows of ``inputs`` against ``reference`` (b, p)."""
        before = subject.evaluations
        with own_randomness(seed):
            found = self.run(subject, inputs, reference, seed)
        evaluations = subject.evaluations - before
        background = f"{len(reference)} of {inputs.background}"
        if isinstance(found, Attribution):
            return replace(found, method=self.name, evaluations=evaluations, background=background)
        values, base = found
        return Attribution(
            values=np.asarray(values, dtype=np.float64),
            base_values=np.broadcast_to(np.asarray(base, dtype=np.float64), len(values)).copy(),
            prediction=subject.values(inputs.z),
            degenerate=np.zeros(len(values), dtype=bool),
            columns=inputs.columns,
            data=inputs.data,
            method=self.name,
            unit=inputs.unit,
            evaluations=evaluations,
            background=background,
        )


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """Seed NumPy's and torch's global generators, which SHAP draws from, and put them back afterwards."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            yield
        finally:
            np.random.set_state(before)  # noqa: NPY002


def _ours(method: str) -> Callable[..., Attribution]:
    def run(subject: Subject, inputs: Inputs, reference: FloatArray, seed: int) -> Attribution:
        options: dict[str, Any] = {}
        if method == "shapley":
            affordable = coalitions(inputs, reference) <= BUDGET
            options = {"exact": None if affordable else False, "random_state": seed}
        att = METHODS[method](replace(inputs, pencil=subject.pencil), reference, **options)  # type: ignore[arg-type]
        subject.evaluations += att.evaluations
        return att

    return run


def coalitions(inputs: Inputs, reference: FloatArray) -> int:
    """Return the evaluations that exact Shapley values take: rows × background × 2^columns."""
    return len(inputs.z) * len(reference) * 2 ** len(inputs.columns)


def _linear(subject: Subject, inputs: Inputs, reference: FloatArray, _: int) -> tuple[FloatArray, FloatArray]:
    import shap

    slopes, intercept = _line(subject.module)
    masker = shap.maskers.Independent(reference, max_samples=len(reference))
    explainer = shap.LinearExplainer((slopes, float(intercept[0])), masker)
    return inputs.per_column(explainer.shap_values(inputs.z)), explainer.expected_value


def _deep(subject: Subject, inputs: Inputs, reference: FloatArray, _: int) -> tuple[FloatArray, FloatArray]:
    import shap

    explainer = shap.DeepExplainer(subject.module, torch.tensor(reference))
    values = explainer.shap_values(torch.tensor(inputs.z), check_additivity=True)
    return inputs.per_column(values.reshape(inputs.z.shape)), explainer.expected_value


def _gradient(
    subject: Subject, inputs: Inputs, reference: FloatArray, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Run SHAP's expected gradients, which draw float32 rows whatever the model's dtype; it names no base."""
    import shap

    module = nn.Sequential(_Float64(), subject.module)
    explainer = shap.GradientExplainer(module, torch.tensor(reference))
    values = explainer.shap_values(torch.tensor(inputs.z), nsamples=GRADIENT_SAMPLES, rseed=seed)
    return inputs.per_column(np.reshape(values, inputs.z.shape)), subject.values(reference).mean()


class _Float64(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return z.double()


def _by_masking(kind: str) -> Callable[..., tuple[FloatArray, FloatArray]]:
    """Return an explainer of SHAP that switches whole columns between the row and the background."""

    def run(
        subject: Subject, inputs: Inputs, reference: FloatArray, seed: int
    ) -> tuple[FloatArray, FloatArray]:
        import shap

        class Columns(shap.maskers.Masker):
            shape = (len(reference), len(inputs.columns))

            def mask_shapes(self, _: FloatArray) -> list[tuple[int]]:
                return [(self.shape[1],)]

            def __call__(self, mask: Any, row: FloatArray) -> tuple[FloatArray]:
                from_row = np.broadcast_to(np.asarray(mask, dtype=bool), self.shape[1])[inputs.column_of]
                return (np.where(from_row, row, reference),)

        options = {"seed": seed} if kind == "PermutationExplainer" else {}
        explanation = getattr(shap, kind)(subject.values, Columns(), **options)(inputs.z, silent=True)
        return explanation.values, explanation.base_values

    return run


def _kernel(subject: Subject, inputs: Inputs, reference: FloatArray, _: int) -> tuple[FloatArray, FloatArray]:
    """Run Kernel SHAP on groups of features, without the selection of ten that it makes by default."""
    import shap
    from shap.utils._legacy import DenseData

    groups = [np.flatnonzero(inputs.column_of == c) for c in range(len(inputs.columns))]
    data = DenseData(reference, list(inputs.columns), groups)
    explainer = shap.KernelExplainer(subject.values, data, silent=True)
    return explainer.shap_values(inputs.z, silent=True, l1_reg=0), explainer.expected_value


def _captum(subject: Subject, inputs: Inputs, reference: FloatArray, _: int) -> tuple[FloatArray, FloatArray]:
    from captum.attr import IntegratedGradients

    explainer = IntegratedGradients(lambda z: subject.module(z).reshape(-1))
    references = torch.tensor(reference)
    values = [
        explainer.attribute(row.expand_as(references).clone(), references, n_steps=STEPS).mean(dim=0).numpy()
        for row in torch.tensor(inputs.z)
    ]
    per_feature = np.array(values).reshape(inputs.z.shape)
    return inputs.per_column(per_feature), subject.values(reference).mean()


EXPLAINERS = (
    Explainer("path", (SPECTRAL,), SUMMED, _ours("path")),
    Explainer("local", (SPECTRAL,), SUMMED, _ours("local")),
    Explainer("shapley", (SPECTRAL,), PLAYER, _ours("shapley")),
    Explainer("SHAP Exact", (SPECTRAL, MLP), PLAYER, _by_masking("ExactExplainer"), all_coalitions=True),
    Explainer("SHAP Permutation", (SPECTRAL, MLP), PLAYER, _by_masking("PermutationExplainer")),
    Explainer("SHAP Kernel", (SPECTRAL,), PLAYER, _kernel),
    Explainer("Captum IG", (SPECTRAL,), SUMMED, _captum),
    Explainer("SHAP Linear", (LINEAR,), SUMMED, _linear),
    Explainer("SHAP Deep", (MLP,), SUMMED, _deep),
    Explainer("SHAP Gradient", (MLP,), SUMMED, _gradient),
)
"""Explainers and the models that a comparison runs them on."""

"""Train eigenvalue models ``f(z) = λ_k(A_0 + Σ z_i A_i)`` and explain them exactly.

Names are loaded on first use, so the package imports in milliseconds, and code that needs no PyTorch does not
wait for it.
"""

from typing import TYPE_CHECKING

from ._common.caching import lazy_names

if TYPE_CHECKING:
    from .attribution.explain import explain
    from .attribution.interactions import interactions
    from .attribution.result import Attribution
    from .batches.explaining import explain_batches, predict_batches
    from .batches.merging import merge
    from .batches.portable import portable
    from .certificates.certify import certify
    from .comparison.compare import Comparison, compare
    from .conversion.published import from_state_dict
    from .conversion.reduction import to_tridiagonal
    from .estimators.classifier import SpectralClassifier
    from .estimators.persistence import load
    from .estimators.regressor import SpectralRegressor
    from .nearest.counterfactuals import Counterfactual, counterfactual
    from .pencil.dense import DensePencil
    from .pencil.tridiagonal import Pencil
    from .regions.pieces import linear_regions

__all__ = [
    "Attribution",
    "Comparison",
    "Counterfactual",
    "DensePencil",
    "Pencil",
    "SpectralClassifier",
    "SpectralRegressor",
    "certify",
    "compare",
    "counterfactual",
    "explain",
    "explain_batches",
    "from_state_dict",
    "interactions",
    "linear_regions",
    "load",
    "merge",
    "portable",
    "predict_batches",
    "to_tridiagonal",
]
__version__ = "0.1.0"

_HOMES = {
    "Attribution": "attribution.result",
    "Comparison": "comparison.compare",
    "Counterfactual": "nearest.counterfactuals",
    "DensePencil": "pencil.dense",
    "Pencil": "pencil.tridiagonal",
    "SpectralClassifier": "estimators.classifier",
    "SpectralRegressor": "estimators.regressor",
    "certify": "certificates.certify",
    "compare": "comparison.compare",
    "counterfactual": "nearest.counterfactuals",
    "explain": "attribution.explain",
    "explain_batches": "batches.explaining",
    "from_state_dict": "conversion.published",
    "interactions": "attribution.interactions",
    "linear_regions": "regions.pieces",
    "load": "estimators.persistence",
    "merge": "batches.merging",
    "portable": "batches.portable",
    "predict_batches": "batches.explaining",
    "to_tridiagonal": "conversion.reduction",
}
_ROOMS = (
    "attribution",
    "batches",
    "boxes",
    "certificates",
    "comparison",
    "eigen",
    "estimators",
    "models",
    "nearest",
    "pencil",
    "plots",
    "regions",
    "report",
    "streams",
    "tables",
    "training",
    "view",
    "whatif",
)
if not TYPE_CHECKING:  # type checkers see the imports above, and report any other name
    __getattr__, __dir__ = lazy_names(__name__, _HOMES | dict.fromkeys(_ROOMS, ""))

"""Train eigenvalue models ``f(z) = λ_k(A_0 + Σ z_i A_i)`` and explain them exactly.

Names are loaded when they are first used: the package imports in milliseconds, and what needs no PyTorch does
not wait for it.
"""

from typing import TYPE_CHECKING

from ._common.lazy import lazy_names

if TYPE_CHECKING:
    from .attribution.explain import explain
    from .attribution.interactions import interactions
    from .attribution.result import Attribution
    from .certificates.certify import certify
    from .comparison.compare import Comparison, compare
    from .estimators.classifier import SpectralClassifier
    from .estimators.persistence import load
    from .estimators.regressor import SpectralRegressor
    from .pencil.dense import DensePencil
    from .pencil.tridiagonal import Pencil
    from .regions.pieces import linear_regions

__all__ = [
    "Attribution",
    "Comparison",
    "DensePencil",
    "Pencil",
    "SpectralClassifier",
    "SpectralRegressor",
    "certify",
    "compare",
    "explain",
    "interactions",
    "linear_regions",
    "load",
]
__version__ = "0.1.0"

_HOMES = {
    "Attribution": "attribution.result",
    "Comparison": "comparison.compare",
    "DensePencil": "pencil.dense",
    "Pencil": "pencil.tridiagonal",
    "SpectralClassifier": "estimators.classifier",
    "SpectralRegressor": "estimators.regressor",
    "certify": "certificates.certify",
    "compare": "comparison.compare",
    "explain": "attribution.explain",
    "interactions": "attribution.interactions",
    "linear_regions": "regions.pieces",
    "load": "estimators.persistence",
}
_ROOMS = (
    "attribution",
    "boxes",
    "certificates",
    "comparison",
    "eigen",
    "estimators",
    "models",
    "pencil",
    "plots",
    "regions",
    "report",
    "tables",
    "training",
    "view",
    "whatif",
)
if not TYPE_CHECKING:  # type checkers see the imports above, and report any other name
    __getattr__, __dir__ = lazy_names(__name__, _HOMES | dict.fromkeys(_ROOMS, ""))

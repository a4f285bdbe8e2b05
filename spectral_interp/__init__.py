"""Train eigenvalue models ``f(z) = λ_k(A_0 + Σ z_i A_i)`` and explain them exactly."""

import sys

from .commands.process import prepare

if sys.argv[:1] == ["-m"]:  # Python is about to run one of the modules as a command
    prepare()

from .attribution.explain import explain
from .attribution.interactions import interactions
from .attribution.result import Attribution
from .certificates.bounds import certify
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

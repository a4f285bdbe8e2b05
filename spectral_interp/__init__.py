"""Train eigenvalue models ``f(z) = λ_k(A_0 + Σ z_i A_i)`` and explain them exactly."""

import sys

from . import cli

if sys.argv[:1] == ["-m"]:  # Python is about to run one of the modules as a command
    cli.prepare()

from .attribution import Attribution, explain, interactions
from .certificates import certify
from .comparison import Comparison, compare
from .estimators import SpectralClassifier, SpectralRegressor
from .loading import load
from .pencil import DensePencil, Pencil
from .regions import linear_regions

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

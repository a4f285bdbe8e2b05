"""Matrix pencils: the coefficients of an eigenvalue model, with the quantities that analyses need."""

from .base import MatrixPencil, SpectralFunction
from .dense import DensePencil
from .neurons import Neurons
from .total import Total
from .tridiagonal import Pencil

__all__ = ["DensePencil", "MatrixPencil", "Neurons", "Pencil", "SpectralFunction", "Total"]

"""Matrix pencils: the coefficients of an eigenvalue model, and everything that analysis asks of it."""

from .base import MatrixPencil, SpectralFunction
from .dense import DensePencil
from .tridiagonal import Pencil

__all__ = ["DensePencil", "MatrixPencil", "Pencil", "SpectralFunction"]

"""Matrix pencils: the coefficients of an eigenvalue model, and everything that analysis asks of it."""

from .base import AnyPencil, values_and_gradients
from .dense import DensePencil
from .tridiagonal import Pencil

__all__ = ["AnyPencil", "DensePencil", "Pencil", "values_and_gradients"]

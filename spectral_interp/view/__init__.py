"""What analyses see of a model and of rows: NumPy only."""

from .axes import Axis
from .rows import Inputs, as_inputs

__all__ = ["Axis", "Inputs", "as_inputs"]

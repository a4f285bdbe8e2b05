"""Models as PyTorch modules."""

from .spectral import MODULES, DenseSpectral, DiagonalSpectral, TridiagonalSpectral
from .sums import SumSpectral

__all__ = ["MODULES", "DenseSpectral", "DiagonalSpectral", "SumSpectral", "TridiagonalSpectral"]

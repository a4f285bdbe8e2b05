"""Models as PyTorch modules."""

from .spectral import MODULES, DenseSpectral, DiagonalSpectral, TridiagonalSpectral

__all__ = ["MODULES", "DenseSpectral", "DiagonalSpectral", "TridiagonalSpectral"]

"""Models as PyTorch modules."""

from .spectral import STRUCTURES, DenseSpectral, DiagonalSpectral, TridiagonalSpectral

__all__ = ["STRUCTURES", "DenseSpectral", "DiagonalSpectral", "TridiagonalSpectral"]

"""Comparison with baselines, and of explanations with those of public explainers."""

from .compare import Comparison, compare

__all__ = ["Comparison", "compare"]

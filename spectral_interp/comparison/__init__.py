"""The model beside others, and its explanations beside those of public explainers."""

from .compare import Comparison, compare

__all__ = ["Comparison", "compare"]

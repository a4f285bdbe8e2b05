"""What is proven about a model."""

from .bounds import Certificate
from .boxes import Range
from .certify import certify

__all__ = ["Certificate", "Range", "certify"]

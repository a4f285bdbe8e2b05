"""What is proven about a model."""

from .bounds import Certificate
from .certify import certify

__all__ = ["Certificate", "certify"]

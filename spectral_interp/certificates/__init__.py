"""What is proven about a model."""

from .bounds import Certificate, certify

__all__ = ["Certificate", "certify"]

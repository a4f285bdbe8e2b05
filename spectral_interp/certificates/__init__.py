"""Proven statements about a model."""

from ..boxes import Range
from .bounds import Certificate
from .certify import certify

__all__ = ["Certificate", "Range", "certify"]

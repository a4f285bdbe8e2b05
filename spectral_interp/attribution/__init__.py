"""Attributions: numbers per (row, column) that explain predictions, one file per method."""

from .explain import METHODS, explain
from .interactions import interactions
from .result import Attribution

__all__ = ["METHODS", "Attribution", "explain", "interactions"]

"""Proofs about f in a region of the table, by branch and bound."""

from .ranges import Range

__all__ = ["Range"]

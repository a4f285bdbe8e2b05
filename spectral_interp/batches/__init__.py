"""Explanations and predictions of tables of any size, batch by batch, on one machine or many."""

from .explaining import explain_batches, predict_batches
from .portable import Portable, portable
from .summaries import Summary

__all__ = ["Portable", "Summary", "explain_batches", "portable", "predict_batches"]

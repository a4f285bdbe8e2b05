"""Tables of any size, explained and predicted batch by batch, on one machine or many."""

from .explaining import explain_batches, predict_batches
from .portable import Portable, portable

__all__ = ["Portable", "explain_batches", "portable", "predict_batches"]

"""Tables as people have them, and how they become the features of a model."""

from .encoder import TableEncoder
from .reading import read_table, split_target

__all__ = ["TableEncoder", "read_table", "split_target"]

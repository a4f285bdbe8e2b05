"""Reading of tables and encoding of their columns as features."""

from .encoder import TableEncoder
from .reading import read_table, split_target

__all__ = ["TableEncoder", "read_table", "split_target"]

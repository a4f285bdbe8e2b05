"""Training on tables that are larger than memory.

A source yields frames of rows (``sources``). The first pass draws a sample, on which everything except the
weights is chosen, and held-out rows (``sample``). The second pass encodes the rows and distributes them to
files by their hashes, so that every file is a random part of the table (``blocks``). Further passes over
these files train the model (``passes``).
"""

from .sources import Source

__all__ = ["Source"]

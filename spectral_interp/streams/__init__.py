"""Training on tables that are larger than memory.

A source yields frames of rows (``sources``). The first pass draws a sample, on which everything but the
weights is chosen, and rows that are held out (``sample``). The second encodes the rows and deals them to
files by their hashes, so that every file is a random part of the table (``blocks``). Passes over these files
train the model (``passes``).
"""

from .sources import Source

__all__ = ["Source"]

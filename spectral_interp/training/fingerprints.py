"""Hashes of the training rows, which tell whether a row that is explained was trained on.

A file keeps these instead of the rows: eight bytes a row, of which no value can be read off.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray
from ..files.schema import MOST_FINGERPRINTS

GRID = 40
"""Features that agree to within 2⁻⁴⁰ are equal: the last digits of a logarithm depend on the processor."""

Fingerprints = npt.NDArray[np.int64]


def fingerprints(z: FloatArray) -> Fingerprints:
    """Return a hash of every row of features (n, p), shape (n,); equal rows have equal ones.

    Different rows have the same one with a probability of 2⁻⁶⁴. The mixing is that of SplitMix64 (Steele, Lea
    and Flood, *Fast Splittable Pseudorandom Number Generators*, 2014), column after column.

    Examples
    --------
    >>> one, two, again = fingerprints(np.array([[0.0, 1.0], [1.0, 0.0], [-0.0, 1.0]]))
    >>> bool(one == again), bool(one == two)
    (True, False)
    """
    cells = (np.rint(np.ldexp(z, GRID)) + 0.0).view(np.uint64)
    found = np.zeros(len(z), dtype=np.uint64)
    for column in cells.T:
        found = (found ^ column) + np.uint64(0x9E3779B97F4A7C15)
        found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        found ^= found >> np.uint64(31)
    return found.view(np.int64)


def to_keep(z: FloatArray) -> Fingerprints:
    """Return the different fingerprints of a training table (n, p), ascending.

    At most :data:`~spectral_interp.files.schema.MOST_FINGERPRINTS`: of a larger table the smallest, which
    are a random part.
    """
    return np.unique(fingerprints(z))[:MOST_FINGERPRINTS]

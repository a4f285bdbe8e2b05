"""Rows chosen from many."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def spread(n: int, most: int) -> npt.NDArray[np.intp]:
    """Return the places of at most ``most`` of n rows, evenly spread.

    Examples
    --------
    >>> spread(9, 3)
    array([0, 4, 8])
    """
    return np.linspace(0, n - 1, min(most, n)).astype(np.intp)

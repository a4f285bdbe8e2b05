"""Memory: rows some at a time, and what a machine has left for work that is about to start."""

from __future__ import annotations

from collections.abc import Iterator

CHUNK = 50_000
"""Rows that are worked on at a time, so that memory does not grow with their number."""


def chunks(n: int, size: int = CHUNK) -> Iterator[slice]:
    """Yield n rows as slices of at most ``size`` rows; one empty slice where there are none.

    Examples
    --------
    >>> list(chunks(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    for start in range(0, max(n, 1), size):
        yield slice(start, min(start + size, n))

"""Progress bars of long runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

LONG = 2.0  # seconds


@contextmanager
def progress(total: int, *, seconds: float, size: str, unit: str) -> Iterator[Callable[[int], object]]:
    """Yield a function that counts completed work on a bar, which states the size of the run.

    Nothing is shown if the run is expected to take less than 2 seconds or stderr is not a terminal. Even a
    disabled bar would take a lock, for which a process forked at that moment would wait forever.
    """
    if seconds < LONG or sys.stderr is None or not sys.stderr.isatty():
        yield lambda done: None
        return
    with tqdm(total=total, desc=size, unit=unit, unit_scale=True) as bar:
        yield bar.update

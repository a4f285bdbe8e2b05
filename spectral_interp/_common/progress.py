"""Long runs say how much there is to do."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

LONG = 2.0  # seconds


@contextmanager
def progress(total: int, *, seconds: float, size: str, unit: str) -> Iterator[Callable[[int], object]]:
    """Yield a function that counts work done, on a bar that states the size of the run.

    Runs expected to take less than 2 seconds show nothing, nor does a stderr that is no terminal. They do not
    even make a disabled bar: it would take a lock, for which a process forked at that moment waits for ever.
    """
    if seconds < LONG or sys.stderr is None or not sys.stderr.isatty():
        yield lambda done: None
        return
    with tqdm(total=total, desc=size, unit=unit, unit_scale=True) as bar:
        yield bar.update

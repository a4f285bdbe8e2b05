"""Long runs say how much there is to do."""

from __future__ import annotations

from tqdm import tqdm

LONG = 2.0  # seconds


def progress(total: int, *, seconds: float, size: str, unit: str) -> tqdm:
    """Return a progress bar that states the size of a run expected to last longer than 2 seconds.

    Shorter runs show nothing, nor does a stderr that is no terminal.
    """
    return tqdm(total=total, desc=size, unit=unit, unit_scale=True, disable=True if seconds < LONG else None)

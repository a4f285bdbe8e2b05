"""Memory: rows some at a time, and what a machine has left for work that is about to start."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CHUNK = 2**14
"""Rows that are worked on at a time, so that memory does not grow with their number."""

SMALL = 2**26
"""Bytes that work may take without a look at what there is."""

MANY = 2**17
"""Rows of which memory is worth the milliseconds that it takes to give it back."""

ROOT = Path("/")
"""Where the files lie with which Linux tells its memory; other systems have none, and no check."""

_LIMITS = {  # by version of control groups: where they are mounted, limit, use, and caches within the use
    2: ("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    1: ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def chunks(n: int, size: int | None = None) -> Iterator[slice]:
    """Yield n rows as slices of at most ``size`` rows, by default :data:`CHUNK`; one empty one if n is 0.

    Examples
    --------
    >>> list(chunks(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    size = size or CHUNK
    for start in range(0, max(n, 1), size):
        yield slice(start, min(start + size, n))


def check_memory(needed: float, work: str, advice: str) -> None:
    """Raise MemoryError if work that is about to start needs more bytes than there are.

    Parameters
    ----------
    needed : float
        Bytes.
    work : str
        What needs them, with the numbers of its rows and columns.
    advice : str
        What to do instead.

    Examples
    --------
    >>> check_memory(8 * 10 * 3, "contributions to 10 rows × 3 columns", "explain fewer rows")
    """
    free = available() if needed > SMALL else None
    if free is not None and needed > free:
        size, left = (f"{amount / 2**30:.3g} GiB" for amount in (needed, free))
        raise MemoryError(f"expected {size} of free memory for {work}; got {left}; {advice}")


def give_back(rows: int) -> None:
    """Give freed memory back to the system before work on many rows: the C library of Linux keeps much."""
    if rows < MANY:
        return
    with suppress(AttributeError, OSError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def available() -> int | None:
    """Return how many bytes are free: those of the machine, and of the control groups of the process.

    None where the system does not tell.
    """
    free = [left for version in _LIMITS for left in _left(version)]
    with suppress(OSError, ValueError):
        free.append(1024 * _entry(ROOT / "proc/meminfo", "MemAvailable:"))
    return min(free, default=None)


def _left(version: int) -> Iterator[int]:
    """Yield what the control group of the process and those that it lies in have left."""
    mount, limit, use, cache = _LIMITS[version]
    for folder in _groups(ROOT / mount, version):
        with suppress(OSError, ValueError):  # no such group here, or one without a limit ("max")
            most, used = (int((folder / name).read_text()) for name in (limit, use))
            yield max(0, most - used + _entry(folder / "memory.stat", cache))


def _groups(mount: Path, version: int) -> list[Path]:
    """Return the folders of the groups, the innermost first; a container may see its own as the outermost."""
    with suppress(OSError):
        for line in (ROOT / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "" if version == 2 else "memory" in controllers.split(","):
                own = mount / path.lstrip("/")
                return [own, *(parent for parent in own.parents if parent.is_relative_to(mount))]
    return []


def _entry(path: Path, name: str) -> int:
    """Return the number beside a name in a file of names and numbers; 0 if it is not there."""
    lines = (line.split() for line in path.read_text().splitlines())
    return next((int(line[1]) for line in lines if line and line[0] == name), 0)

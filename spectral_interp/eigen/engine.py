"""The kernels on rows of matrices; large batches are split over a pool of threads.

The kernels release the interpreter lock and are single-threaded themselves, so any number of Python threads
may call them at once. They use torch's number of threads or, if torch is not loaded, OpenMP's. A forked child
has neither the pool's nor OpenMP's threads of its parent, and torch's next parallel loop would wait for them
for ever. It therefore computes in one thread until it sets a larger number.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import OpenBLASController, threadpool_limits

from . import kernel, small
from .resolvent import resolvent as resolvent_kernel

Batch = npt.NDArray[Any]
"""One matrix per row, float32 or float64."""

THREADED = 32_000
"""Number of matrix entries from which a second thread saves time."""

KEPT = 2**24
"""Bytes of an array that is allocated and freed once, before chunks; glibc then keeps twice as many bytes.

Otherwise, it returns the memory of every chunk to the system, and clearing it again takes a quarter of the
time.
"""

_pool: ThreadPoolExecutor | None = None
_child = False
"""Whether the process was forked after this module was imported."""


def values(diag: Batch, off: Batch, k: int) -> tuple[Batch, int]:
    """Return eigenvalue ``k`` of n matrices, and the number of bad rows.

    The arrays are C-contiguous, diag (n, d) and off (n, d - 1), and 0 <= k < d. Bad rows have a NaN or
    infinite entry; their results are NaN.
    """
    if is_small(diag.shape[1], diag.dtype):
        return values_of(np.hstack([diag, off]), k)
    lam = np.empty(len(diag), diag.dtype)
    return lam, _run(kernel.values, (k,), (diag, off, lam))


def values_of(entries: Batch, k: int) -> tuple[Batch, int]:
    """Return the same for matrices as vectors of entries, (n, 2 d - 1), the diagonal's d entries first."""
    d = (entries.shape[1] + 1) // 2
    if not is_small(d, entries.dtype):
        return values(np.ascontiguousarray(entries[:, :d]), np.ascontiguousarray(entries[:, d:]), k)
    lam = np.empty(len(entries))
    return lam, _run(small.values, (k, small.order_of(d)), (entries, lam))


def is_small(d: int, dtype: Any) -> bool:
    """Return whether matrices of order d are solved by :mod:`.small`."""
    return 2 <= d <= small.UNROLLED and dtype == np.float64


def pairs(diag: Batch, off: Batch, k: int) -> tuple[Batch, Batch, int]:
    """Return eigenvalue ``k`` and its unit eigenvector of n matrices, and the number of bad rows."""
    lam, vec = np.empty(len(diag), diag.dtype), np.empty(diag.shape, diag.dtype)
    return lam, vec, _run(kernel.pairs, (k,), (diag, off, lam, vec))


def neighbours(diag: Batch, off: Batch, k: int) -> tuple[Batch, Batch, Batch, int]:
    """Return eigenvalues k - 1, k, k + 1, infinite beyond the ends, and the number of bad rows."""
    n, d = diag.shape
    if is_small(d, diag.dtype):
        entries = np.hstack([diag, off])
        lam, bad = values_of(entries, k)
        below = values_of(entries, k - 1)[0] if k > 0 else np.full(n, -np.inf)
        above = values_of(entries, k + 1)[0] if k < d - 1 else np.full(n, np.inf)
        return below, lam, above, bad
    below, lam, above = (np.empty(n, diag.dtype) for _ in range(3))
    return below, lam, above, _run(kernel.neighbours, (k,), (diag, off, below, lam, above))


def resolvent(diag: Batch, off: Batch, lam: Batch, vec: Batch, rhs: Batch) -> Batch:
    """Return ``(λI − T)⁺ rhs`` of n matrices with eigenpairs lam (n,), vec (n, d); rhs (n, d)."""
    out = np.empty_like(rhs)
    _run(resolvent_kernel, (), (diag, off, lam, vec, rhs, out))
    return out


def _run(function: Callable[..., int], scalars: tuple[Any, ...], arrays: tuple[Batch, ...]) -> int:
    """Call a kernel on all rows, or on a slice of them per thread, and add up its results."""

    def part(first: int, last: int) -> int:
        return function(*scalars, *(array[first:last] for array in arrays))

    n, d = arrays[0].shape
    return spread(part, n, n * d)


def spread(function: Callable[[int, int], int], n: int, entries: int) -> int:
    """Call a function on slices of n rows, one per thread, and add up its results.

    There is only one slice for fewer than ``THREADED`` matrix entries, and for calls within a slice.
    """
    workers = allowed_threads() if entries >= THREADED and not getattr(_slice, "runs", False) else 1
    size = -(-n // (workers * kernel.LANES)) * kernel.LANES
    if size >= n:
        return function(0, n)
    slices = [(start, min(start + size, n)) for start in range(size, n, size)]
    futures = [_threads().submit(_alone, function, *own) for own in slices]
    try:
        return _alone(function, 0, size) + sum(future.result() for future in futures)
    finally:
        wait(futures)


def in_chunks(function: Callable[[slice], None], n: int, size: int, entries: int) -> None:
    """Call a function on chunks of ``size`` of n rows, distributed over the threads, in any order.

    The chunks are the same for any number of threads. ``entries`` is as in :func:`spread`.
    """

    def part(first: int, last: int) -> int:
        for chunk in range(first // kernel.LANES, last // kernel.LANES):
            function(slice(chunk * size, min((chunk + 1) * size, n)))
        return 0

    if n > size:
        np.empty(KEPT, np.uint8)
    spread(part, -(-n // size) * kernel.LANES, entries)


_slice = threading.local()
"""Whether the thread works on a slice of a batch; its calls then use no other threads."""


def _alone(function: Callable[[int, int], int], first: int, last: int) -> int:
    """Call a function on a slice."""
    _slice.runs = True
    try:
        return function(first, last)
    finally:
        _slice.runs = False


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS and torch compute in one thread, as more threads only slow down small products.

    The kernels here use as many threads as before. The limit holds for the whole process. It is lifted when
    the last of the simultaneous blocks, in any thread, ends.
    """
    torch = sys.modules.get("torch")
    _limit.begin()
    if torch is not None:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        threads = _limit.end()
        if torch is not None:
            torch.set_num_threads(threads)


class _Limit:
    """The limit of :func:`one_thread`, and the settings that it replaces."""

    def __init__(self) -> None:
        self.lock, self.blocks = threading.Lock(), 0
        self.threads, self.blas = 1, threadpool_limits(None)

    def begin(self) -> None:
        with self.lock:
            if not self.blocks:
                self.threads, self.blas = allowed_threads(), threadpool_limits(1, user_api="blas")
                _release()
            self.blocks += 1

    def end(self) -> int:
        """Return the number of threads that were allowed before."""
        with self.lock:
            self.blocks -= 1
            if not self.blocks:
                self.blas.restore_original_limits()
                _release()
            return self.threads


def _release() -> None:
    """Let any thread set the limits of BLAS; threadpoolctl 3.7 or later permits only the first to do so."""
    if release := getattr(OpenBLASController, "clear_controlling_thread", None):
        release()


_limit = _Limit()


def allowed_threads() -> int:
    """Return torch's number of threads or, if torch is not loaded, OpenMP's."""
    if _limit.blocks:
        return _limit.threads
    if set_by_torch := getattr(sys.modules.get("torch"), "get_num_threads", None):
        return int(set_by_torch())
    if _child:
        return 1
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _threads() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="spectral_interp")
    return _pool


def _forget_threads() -> None:
    global _pool, _child, _limit
    _pool, _child, _limit = None, True, _Limit()
    if limit_torch := getattr(sys.modules.get("torch"), "set_num_threads", None):
        limit_torch(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)

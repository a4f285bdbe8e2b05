"""The kernels on rows of matrices, split over a pool of threads where a batch is worth it.

The kernels release the interpreter lock and are single-threaded themselves, so any number of Python threads
may call them at once, and a forked child simply starts a pool of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from . import kernel
from .resolvent import resolvent as resolvent_kernel

Rows = npt.NDArray[Any]

THREADED = 12_000
"""Matrix entries from which a second thread pays for its wake-up."""

_pool: ThreadPoolExecutor | None = None


def values(diag: Rows, off: Rows, k: int) -> Rows:
    """Return eigenvalue ``k`` of n matrices, diag (n, d), off (n, d - 1), 0 <= k < d; NaN for bad rows."""
    out = np.empty(len(diag), diag.dtype)
    _split(diag.shape, lambda rows: kernel.values(diag[rows], off[rows], k, out[rows]))
    return out


def pairs(diag: Rows, off: Rows, k: int) -> tuple[Rows, Rows]:
    """Return eigenvalue ``k`` and its unit eigenvector of n matrices; NaN for bad rows."""
    lam, vec = np.empty(len(diag), diag.dtype), np.empty(diag.shape, diag.dtype)
    _split(diag.shape, lambda rows: kernel.pairs(diag[rows], off[rows], k, lam[rows], vec[rows]))
    return lam, vec


def neighbours(diag: Rows, off: Rows, k: int) -> tuple[Rows, Rows, Rows]:
    """Return eigenvalues k - 1, k, k + 1 of n matrices, infinite beyond the ends; NaN for bad rows."""
    below, lam, above = (np.empty(len(diag), diag.dtype) for _ in range(3))
    _split(
        diag.shape,
        lambda rows: kernel.neighbours(diag[rows], off[rows], k, below[rows], lam[rows], above[rows]),
    )
    return below, lam, above


def resolvent(diag: Rows, off: Rows, lam: Rows, vec: Rows, rhs: Rows) -> Rows:
    """Return ``(λI − T)⁺ rhs`` of n matrices with eigenpairs lam (n,), vec (n, d); rhs (n, d)."""
    out = np.empty_like(rhs)
    _split(
        diag.shape,
        lambda rows: resolvent_kernel(diag[rows], off[rows], lam[rows], vec[rows], rhs[rows], out[rows]),
    )
    return out


def _split(shape: tuple[int, ...], work: Callable[[slice], None]) -> None:
    """Call ``work`` on slices that cover the rows, one slice a thread, whole lanes in each."""
    n, d = shape
    workers = torch.get_num_threads() if n * d >= THREADED else 1
    size = -(-n // (workers * kernel.LANES)) * kernel.LANES
    if size >= n:
        return work(slice(None))
    first, *others = (slice(start, min(start + size, n)) for start in range(0, n, size))
    futures = [_threads().submit(work, rows) for rows in others]
    work(first)
    for future in futures:
        future.result()


def _threads() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="spectral_interp")
    return _pool


def _forget_threads() -> None:
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)

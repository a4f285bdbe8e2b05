"""How the kernels are compiled: cached on disk where possible, run without the interpreter lock.

A process forks between two compilations, never during one of another thread: the child would inherit a lock
that nobody releases, and wait for it at its first kernel.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core.compiler_lock import global_compiler_lock

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}

HELPER = _OPTIONS | {"forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Options of functions that only kernels call: part of the kernel's code, and of its cache entry."""


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a kernel on its first call; cache the machine code unless no folder can be written."""
    try:
        return njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # numba found no folder that it may write
        return njit(**_OPTIONS)(function)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )

"""How the kernels are compiled: cached on disk where possible, run without the interpreter lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}

HELPER = _OPTIONS | {"forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Options of functions that only kernels call: part of the kernel's code, and of its cache entry."""


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a kernel on its first call; cache the machine code unless no folder can be written."""
    try:
        return njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # numba found no folder that it may write
        return njit(**_OPTIONS)(function)

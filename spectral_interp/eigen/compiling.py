"""Compilation of the kernels: cached on disk if possible, run without the interpreter lock.

A process never forks while another thread compiles. Otherwise the child would inherit a lock that nobody
releases, and wait for it at its first kernel.
"""

from __future__ import annotations

import functools
import os
import pickle
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache, NullCache
from numba.core.compiler_lock import global_compiler_lock

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}

HELPER = _OPTIONS | {"forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Options of functions that only kernels call; they are part of the kernel's code and cache entry."""

CALLED = HELPER | {"forceinline": False}
"""Options of such functions that are called at several places, or seldom."""

HELPER_FILES = "kernel.py", "lanes.py", "laguerre.py", "small.py"
"""Files of this room whose functions are inlined by kernels in other files."""


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a kernel on its first call; cache the machine code if a folder is writable."""
    dispatcher = njit(**_OPTIONS)(function)
    try:
        dispatcher._cache = _Cache(function)  # like numba's cache=True, but with another class
    except RuntimeError:  # numba found no writable folder
        dispatcher._cache = _NoCache()
    return dispatcher


class _Cache(FunctionCache):
    """Numba's cache, but if the disk fails, the code is compiled anew and the caller still gets a result."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except OSError:
            return None
        except (EOFError, pickle.UnpicklingError):  # a power cut leaves empty files
            with suppress(OSError):
                self.flush()
            return None

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        """Return the key of compiled code; numba's key covers the kernel's own file, not its helpers'."""
        return (*super()._index_key(sig, codegen), _helpers())

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError:
            _warn()


@functools.cache
def _helpers() -> tuple[Any, ...]:
    """Return the state of the files whose functions are inlined by kernels in other files."""
    found = (Path(__file__).with_name(name).stat() for name in HELPER_FILES)
    return tuple((stat.st_mtime_ns, stat.st_size) for stat in found)


class _NoCache(NullCache):
    def save_overload(self, sig: Any, data: Any) -> None:
        _warn()


@functools.cache
def _warn() -> None:
    """Warn once per process why the start is slow."""
    warnings.warn(
        "compiled code cannot be cached, so every start takes seconds longer; "
        "set NUMBA_CACHE_DIR to a writable folder with free space",
        stacklevel=2,
    )


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )

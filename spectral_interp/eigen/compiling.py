"""How the kernels are compiled: cached on disk where possible, run without the interpreter lock.

A process forks between two compilations, never during one of another thread: the child would inherit a lock
that nobody releases, and wait for it at its first kernel.
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
"""Options of functions that only kernels call: part of the kernel's code, and of its cache entry."""

CALLED = HELPER | {"forceinline": False}
"""The same of those that are called at several places, or seldom."""

HELPER_FILES = "kernel.py", "lanes.py", "laguerre.py", "small.py"
"""Files of this room whose functions kernels of other files inline."""


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a kernel on its first call; cache the machine code where a folder can be written."""
    dispatcher = njit(**_OPTIONS)(function)
    try:
        dispatcher._cache = _Cache(function)  # as numba's cache=True does, with its own class
    except RuntimeError:  # numba found no folder that it may write
        dispatcher._cache = _NoCache()
    return dispatcher


class _Cache(FunctionCache):
    """Numba's cache; but where the disk fails it, the code is compiled anew, and the caller gets a result."""

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
        """Return what compiled code is looked up by: numba knows the kernel's own file, not its helpers'."""
        return (*super()._index_key(sig, codegen), _helpers())

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError:
            _warn()


@functools.cache
def _helpers() -> tuple[Any, ...]:
    """Return the state of the files whose functions kernels of other files inline."""
    found = (Path(__file__).with_name(name).stat() for name in HELPER_FILES)
    return tuple((stat.st_mtime_ns, stat.st_size) for stat in found)


class _NoCache(NullCache):
    def save_overload(self, sig: Any, data: Any) -> None:
        _warn()


@functools.cache
def _warn() -> None:
    """Say once per process why it is slow to start."""
    warnings.warn(
        "compiled code cannot be kept, so every start takes seconds longer; "
        "set NUMBA_CACHE_DIR to a folder that can be written and has room",
        stacklevel=2,
    )


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )

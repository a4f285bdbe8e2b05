"""Names of a package that are loaded when they are first used (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and ``__dir__`` of a package that loads names from its modules on demand.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    homes : mapping of str to str
        For each name, the module that defines it, relative to the package. A module or subpackage that is
        itself to be loaded on demand stands beside an empty text.

    Examples
    --------
    >>> load, names = lazy_names("spectral_interp", {"Pencil": "pencil.tridiagonal", "regions": ""})
    >>> load("Pencil").__name__, load("regions").__name__, "Pencil" in names()
    ('Pencil', 'spectral_interp.regions', True)
    >>> load("Pensil")
    Traceback (most recent call last):
    AttributeError: module 'spectral_interp' has no attribute 'Pensil'
    """
    here = vars(sys.modules[package])

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package]
            )
        module = importlib.import_module(f"{package}.{homes[name] or name}")
        here[name] = getattr(module, name) if homes[name] else module
        return here[name]

    def names() -> list[str]:
        return sorted({*here, *homes})

    return load, names

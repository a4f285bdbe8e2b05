"""Properties that are computed once, and names of a package that are loaded on first use (PEP 562)."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar, overload

__all__ = ["cached_property", "lazy_names"]

T = TypeVar("T")

if sys.version_info >= (3, 12):
    from functools import cached_property  # noqa: TID251
else:

    class cached_property(functools.cached_property[T]):  # noqa: TID251
        """``functools.cached_property`` of Python 3.12, which has no lock around the computation.

        Python 3.11 locks each property for all instances. If a process forks while another thread computes
        a property, the child waits for that lock forever. Support for Python 3.11, and with it this class,
        ends in October 2027.

        Examples
        --------
        >>> class Circle:
        ...     @cached_property
        ...     def area(self):
        ...         print("computed")
        ...         return 3.14
        >>> circle = Circle()
        >>> circle.area, circle.area
        computed
        (3.14, 3.14)
        """

        @overload
        def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...
        @overload
        def __get__(self, instance: object, owner: type[Any] | None = None) -> T: ...
        def __get__(self, instance: object, owner: type[Any] | None = None) -> Self | T:
            """Compute the value and store it in the instance's dictionary, which is looked up first."""
            if instance is None:
                return self
            return vars(instance).setdefault(str(self.attrname), self.func(instance))


def lazy_names(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and ``__dir__`` of a package that loads names from its modules on demand.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    homes : mapping of str to str
        Name → the module that defines it, relative to the package. The value is empty for a module or
        subpackage that is itself loaded on demand.

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

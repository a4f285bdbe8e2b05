"""Properties that are computed once."""

from __future__ import annotations

import functools
import sys
from typing import Any, Self, TypeVar, overload

__all__ = ["cached_property"]

T = TypeVar("T")

if sys.version_info >= (3, 12):
    from functools import cached_property  # noqa: TID251
else:

    class cached_property(functools.cached_property[T]):  # noqa: TID251
        """``functools.cached_property`` as it is from Python 3.12 on, without a lock around the computation.

        Python 3.11 locks each property for all its instances. A process that forks while another thread
        computes one leaves its child waiting for that lock for ever. This class can go when Python 3.11 does,
        in October 2027.

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
            """Compute the value and keep it in the instance's dictionary, where it is looked for first."""
            if instance is None:
                return self
            return vars(instance).setdefault(str(self.attrname), self.func(instance))

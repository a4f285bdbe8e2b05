"""Properties that are computed once."""

from __future__ import annotations

import functools
from typing import Any, Self, TypeVar, overload

T = TypeVar("T")


class cached_property(functools.cached_property[T]):  # noqa: TID251
    """``functools.cached_property`` as it is from Python 3.12 on, without a lock around the computation.

    Python 3.11 locks each property for all its instances. A process that forks while another thread computes
    one leaves its child waiting for that lock for ever.

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

"""Forms of plain values, put together from smaller ones, and the check of a value against one.

A form is a function of a value and of the place it was found at; it raises ValueError that names the place,
unless the value is of the form.
"""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Callable
from typing import Any

import torch

Form = Callable[[Any, str], None]

FINITE, SMALLEST = sys.float_info.max, sys.float_info.min
"""The largest float, and the smallest positive one whose inverse is finite."""


def leaf(expected: str, holds: Callable[[Any], bool]) -> Form:
    """Return the form of values for which ``holds``, described in words."""

    def check(value: Any, place: str) -> None:
        if not holds(value):
            refuse(expected, value, place)

    return check


def refuse(expected: str, value: Any, place: str) -> None:
    """Raise ValueError: this was expected at the place, that was there."""
    got = reprlib.repr(value)
    if isinstance(value, torch.Tensor):
        got = f"a tensor of {_name(value.dtype)}, shape {tuple(value.shape)}"
    raise ValueError(f"expected {expected} for {place!r}; got {got}")


def number(low: float = -FINITE, high: float = FINITE) -> Form:
    """Return the form of numbers in [low, high]; NaN is in no interval."""
    expected = f"a number in [{low:.4g}, {high:.4g}]"
    return leaf(expected, lambda v: type(v) in (int, float) and low <= v <= high)


def whole(low: int, high: int = 2**63 - 1) -> Form:
    """Return the form of integers from ``low`` to ``high``."""
    return leaf(f"a whole number in [{low}, {high}]", lambda v: type(v) is int and low <= v <= high)


def text(least: int, most: int) -> Form:
    """Return the form of texts of so many characters."""
    expected = f"text of {least} to {most:,} characters"
    return leaf(expected, lambda v: type(v) is str and least <= len(v) <= most)


def one_of(*texts: str) -> Form:
    """Return the form of a few texts."""
    return leaf(f"one of {', '.join(texts)}", lambda v: type(v) is str and v in texts)


def tensor(*dtypes: torch.dtype, axes: tuple[int, ...], most: float | None = None) -> Form:
    """Return the form of tensors of these types and so many axes, their numbers within ±``most``."""

    def holds(v: Any) -> bool:
        known = isinstance(v, torch.Tensor) and v.dtype in dtypes and v.ndim in axes
        return known and (most is None or bool((v.abs() <= most).all()))

    kinds, counts = " or ".join(map(_name, dtypes)), " or ".join(map(str, axes))
    within = "" if most is None else f", its numbers within ±{most:.4g}"
    return leaf(f"a tensor of {kinds} with {counts} axes{within}", holds)


def optional(form: Form) -> Form:
    """Return the form of None and of what ``form`` takes."""
    return lambda value, place: None if value is None else form(value, place)


def by_type(forms: dict[type, Form], otherwise: Form) -> Form:
    """Return the form that depends on the type of the value."""
    return lambda value, place: forms.get(type(value), otherwise)(value, place)


def together(*forms: Form) -> Form:
    """Return the form of what all take, asked in turn: the later may rely on the earlier."""

    def check(value: Any, place: str) -> None:
        for form in forms:
            form(value, place)

    return check


def listed(form: Form) -> Form:
    """Return the form of lists of what ``form`` takes."""

    def check(value: Any, place: str) -> None:
        if type(value) not in (list, tuple):
            refuse("a list", value, place)
        for i, item in enumerate(value):
            form(item, f"{place}[{i}]")

    return check


def mapped(name: Form, form: Form) -> Form:
    """Return the form of dicts from what ``name`` takes to what ``form`` takes."""

    def check(value: Any, place: str) -> None:
        if type(value) is not dict:
            refuse("a dict", value, place)
        for key, item in value.items():
            name(key, f"{place} (a name)")
            form(item, f"{place}.{key[:60]}")

    return check


def record(required: dict[str, Form], possible: dict[str, Form] | None = None) -> Form:
    """Return the form of dicts with these keys; keys that are not described are ignored."""

    def check(value: Any, place: str) -> None:
        if type(value) is not dict:
            refuse("a dict", value, place)
        for key, form in (required | (possible or {})).items():
            there = f"{place}.{key}" if place else key
            if key in value:
                form(value[key], there)
            elif key in required:
                raise ValueError(f"expected {there!r}; got none")

    return check


def rule(expected: str, holds: Callable[[Any], bool]) -> Form:
    """Return a form to end :func:`together` with: what must hold between the parts of a value."""

    def check(value: Any, place: str) -> None:
        if not holds(value):
            raise ValueError(f"expected {expected} for {place!r}; got others")

    return check


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")

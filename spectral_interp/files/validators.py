"""Validators of plain values, combined from smaller ones.

A validator is a function of a value and its place. It raises ValueError with the place unless the value is
valid.
"""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Callable
from typing import Any

import torch

Validator = Callable[[Any, str], None]

FINITE, SMALLEST_NORMAL = sys.float_info.max, sys.float_info.min
"""The largest float, and the smallest positive one whose inverse is finite."""


def predicate(expected: str, holds: Callable[[Any], bool]) -> Validator:
    """Return a validator of values for which ``holds`` is true; ``expected`` describes them."""

    def check(value: Any, place: str) -> None:
        if not holds(value):
            refuse(expected, value, place)

    return check


def refuse(expected: str, value: Any, place: str) -> None:
    """Raise ValueError with the expected and the given value at a place."""
    got = reprlib.repr(value)
    if isinstance(value, torch.Tensor):
        got = f"a tensor of {_name(value.dtype)}, shape {tuple(value.shape)}"
    raise ValueError(f"expected {expected} for {place!r}; got {got}")


def real(low: float = -FINITE, high: float = FINITE) -> Validator:
    """Return a validator of numbers in [low, high]; NaN is in no interval."""
    expected = f"a number in [{low:.4g}, {high:.4g}]"
    return predicate(expected, lambda v: type(v) in (int, float) and low <= v <= high)


def integer(low: int, high: int = 2**63 - 1) -> Validator:
    """Return a validator of integers from ``low`` to ``high``."""
    return predicate(f"a whole number in [{low}, {high}]", lambda v: type(v) is int and low <= v <= high)


def string(least: int, most: int) -> Validator:
    """Return a validator of texts of ``least`` to ``most`` characters."""
    expected = f"text of {least} to {most:,} characters"
    return predicate(expected, lambda v: type(v) is str and least <= len(v) <= most)


def one_of(*texts: str) -> Validator:
    """Return a validator of these texts."""
    return predicate(f"one of {', '.join(texts)}", lambda v: type(v) is str and v in texts)


def tensor(*dtypes: torch.dtype, axes: tuple[int, ...], most: float | None = None) -> Validator:
    """Return a validator of tensors with these dtypes and numbers of axes, and entries within ±``most``."""

    def holds(v: Any) -> bool:
        known = isinstance(v, torch.Tensor) and v.dtype in dtypes and v.ndim in axes
        return known and (most is None or bool((v.abs() <= most).all()))

    kinds, counts = " or ".join(map(_name, dtypes)), " or ".join(map(str, axes))
    within = "" if most is None else f" and numbers within ±{most:.4g}"
    return predicate(f"a tensor of {kinds} with {counts} axes{within}", holds)


def optional(validator: Validator) -> Validator:
    """Return a validator of None and of the values that ``validator`` accepts."""
    return lambda value, place: None if value is None else validator(value, place)


def by_type(validators: dict[type, Validator], otherwise: Validator) -> Validator:
    """Return a validator that depends on the type of the value."""
    return lambda value, place: validators.get(type(value), otherwise)(value, place)


def all_of(*validators: Validator) -> Validator:
    """Return a validator of values that all accept, in order: later ones may rely on earlier ones."""

    def check(value: Any, place: str) -> None:
        for validator in validators:
            validator(value, place)

    return check


def list_of(item: Validator) -> Validator:
    """Return a validator of lists of values that ``item`` accepts."""

    def check(value: Any, place: str) -> None:
        if type(value) not in (list, tuple):
            refuse("a list", value, place)
        for i, entry in enumerate(value):
            item(entry, f"{place}[{i}]")

    return check


def dict_of(key: Validator, item: Validator) -> Validator:
    """Return a validator of dicts whose keys ``key`` accepts and whose values ``item`` accepts."""

    def check(value: Any, place: str) -> None:
        if type(value) is not dict:
            refuse("a dict", value, place)
        for name, entry in value.items():
            key(name, f"{place} (a name)")
            item(entry, f"{place}.{name[:60]}")

    return check


def record(required: dict[str, Validator], possible: dict[str, Validator] | None = None) -> Validator:
    """Return a validator of dicts with the given keys; other keys are ignored."""

    def check(value: Any, place: str) -> None:
        if type(value) is not dict:
            refuse("a dict", value, place)
        for key, validator in (required | (possible or {})).items():
            there = f"{place}.{key}" if place else key
            if key in value:
                validator(value[key], there)
            elif key in required:
                raise ValueError(f"expected {there!r}; got none")

    return check


def rule(expected: str, holds: Callable[[Any], bool]) -> Validator:
    """Return a validator of a relation between the parts of a value, for the end of :func:`all_of`."""

    def check(value: Any, place: str) -> None:
        if not holds(value):
            raise ValueError(f"expected {expected} for {place!r}; got other values")

    return check


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")

"""Dataclasses of plain values that JSON can hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Found:
    """Plain values. Numbers that are undefined, such as R² of a single row, are None."""

    def __post_init__(self) -> None:
        """Replace numbers that are not finite."""
        for entry in fields(self):
            object.__setattr__(self, entry.name, _finite(getattr(self, entry.name)))

    def to_dict(self) -> dict[str, Any]:
        """Return dictionaries, lists, numbers and text. Optional entries that are absent have no key."""
        return {
            entry.name: _plain(value)
            for entry in fields(self)
            if (value := getattr(self, entry.name)) is not None or entry.default is MISSING
        }


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(entry) for name, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return value.to_dict()  # type: ignore[union-attr]
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return {name: _plain(entry) for name, entry in value.items()} if isinstance(value, dict) else value

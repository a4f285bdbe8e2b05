"""A model as plain values that JavaScript evaluates: axes, pairs, matrices and background."""

from __future__ import annotations

import base64
import zlib
from functools import singledispatch
from typing import Any

import numpy as np
import numpy.typing as npt

from ..pencil import SpectralFunction
from ..pencil.structures import Dense
from ..view import Axis, ClassesView, DateAxis, LevelsAxis, ModelView, NumberAxis, Pair
from ..view.levels import OTHER

LARGEST = 4_000_000
"""Maximum number of characters of the packed matrices in a page.

They are float32 of nearly random digits, which nothing packs more closely: of a sum, about 270 for a neuron
and column. There are 64 neurons for each class of several.
"""

WIDEST = 60
"""Largest order of dense matrices that a browser solves quickly."""


class TooLarge(Exception):
    """Why a model does not go into a page."""


def model_data(view: ModelView) -> dict[str, Any]:
    """Return a model as plain values, numbers in bulk packed as text: see ``assets/model.js``.

    Raises
    ------
    TooLarge
        If the matrices take more than :data:`LARGEST` characters, or are dense and of an order above
        :data:`WIDEST`.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> from spectral_interp.view.model import view_of
    >>> data = model_data(view_of(Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0)))
    >>> data["dim"], data["k"], data["used"], data["axes"][0]["name"]
    (1, [0], [0], 'z0')
    """
    functions = view.functions if isinstance(view, ClassesView) else (view.function,)
    neurons = [function.neurons for function in functions]
    structure = neurons[0].structure
    if isinstance(structure, Dense) and structure.dim > WIDEST:
        raise TooLarge(f"its matrices are dense and of order {structure.dim}; a page solves up to {WIDEST}")
    entries, scale = _entries(functions)
    used = np.flatnonzero(entries[1:].any(axis=(1, 2)))
    packed = _packed(entries[np.concatenate([[0], used + 1])], scale)
    if len(packed["text"]) > LARGEST:
        size = f"{len(packed['text']) / 1e6:.1f} MB"
        raise TooLarge(f"its matrices take {size}; a page holds up to {LARGEST / 1e6:.1f} MB")
    paired = sorted({place for pair in view.pairs for place in pair.columns})
    return {
        "axes": [axis_data(axis) for axis in view.axes],
        "pairs": [_pair(pair) for pair in view.pairs],
        "functions": len(functions),
        "function": [at for at, own in enumerate(neurons) for _ in range(len(own))],
        "k": [int(k) for own in neurons for k in own.k],
        "dim": structure.dim,
        "dense": isinstance(structure, Dense),
        "features": len(view.features),
        "used": used.tolist(),
        "entries": packed,
        "centre": _packed(view.background.mean(axis=0)),
        "paired": paired,
        "positions": _packed(
            np.stack([view.positions(view.background, at) for at in paired] or [np.empty(0)])
        ),
    }


def _entries(functions: tuple[SpectralFunction, ...]) -> tuple[npt.NDArray[Any], float]:
    """Return the matrices of all neurons (p + 1, N, E) and a factor that they are to be multiplied with.

    Members of float32 are float32 again without their common weight, the factor.
    """
    entries = np.concatenate([function.neurons.entries for function in functions], axis=1)
    scale = 1 / functions[0].neurons.n_members
    with np.errstate(over="ignore"):
        narrow = (entries / scale).astype(np.float32)
    if np.array_equal(narrow.astype(np.float64) * scale, entries):
        return narrow, scale
    return entries, 1.0


def _packed(numbers: Any, scale: float = 1.0) -> dict[str, Any]:
    """Return numbers as base64 of deflated bytes, all first bytes before all second ones, little-endian."""
    size = numbers.dtype.itemsize
    raw = np.ascontiguousarray(numbers, dtype=f"<f{size}").view(np.uint8).reshape(-1, size)
    text = base64.b64encode(zlib.compress(raw.T.tobytes(), 9)).decode()
    return {"text": text, "bytes": size, "scale": scale}


def _pair(pair: Pair) -> dict[str, Any]:
    names = ("first", "second", "sign", "mean", "scale")
    return {name: getattr(pair, name) for name in names} | {"knots": list(pair.knots)}


@singledispatch
def axis_data(axis: Axis) -> dict[str, Any]:
    """Return how a column becomes features, as plain values."""
    raise TypeError(f"expected a column of numbers, levels or dates; got {type(axis).__name__}")


@axis_data.register
def _(axis: NumberAxis) -> dict[str, Any]:
    names = ("mean", "scale", "log", "floor", "median", "missing", "low", "high")
    return {
        **_any(axis),
        **{name: getattr(axis, name) for name in names},
        "kind": "number",
        "knots": list(axis.knots),
        "boolean": axis.boolean,
    }


@axis_data.register
def _(axis: LevelsAxis) -> dict[str, Any]:
    levels = list(axis.levels)
    return {
        **_any(axis),
        "kind": "levels",
        "levels": levels,
        "shares": list(axis.shares),
        "other": levels.index(OTHER) if OTHER in levels else None,
        "knots": [],
    }


@axis_data.register
def _(axis: DateAxis) -> dict[str, Any]:
    names = ("mean", "scale", "median", "missing", "time")
    return {
        **_any(axis),
        **{name: getattr(axis, name) for name in names},
        **{part: list(getattr(axis, part)) for part in ("month", "weekday", "hour")},
        "kind": "date",
        "log": False,
        "floor": None,
        "low": axis.first,
        "high": axis.last,
        "knots": [],
    }


def _any(axis: Axis) -> dict[str, Any]:
    return {"name": axis.name, "width": axis.n_features}

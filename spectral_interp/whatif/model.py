"""Model as plain values for evaluation in JavaScript: axes, pairs, matrices and background."""

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

The digits of the float32 entries are nearly random and cannot be compressed further: a sum takes about 270
characters per neuron and column, and has 64 neurons per class if there are several classes.
"""

WIDEST = 60
"""Maximum order of dense matrices, which a browser can solve quickly."""


class TooLarge(Exception):
    """Reason why a model does not fit into a page."""


def model_data(view: ModelView) -> dict[str, Any]:
    """Return a model as plain values, with arrays packed as text: see ``assets/model.js``.

    Raises
    ------
    TooLarge
        If the matrices take more than :data:`LARGEST` characters, or are dense with an order above
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
        raise TooLarge(f"expected dense matrices up to order {WIDEST}; got order {structure.dim}")
    entries, scale = _entries(functions)
    used = np.flatnonzero(entries[1:].any(axis=(1, 2)))
    packed = _packed(entries[np.concatenate([[0], used + 1])], scale)
    if len(packed["text"]) > LARGEST:
        size = f"{len(packed['text']) / 1e6:.1f} MB"
        raise TooLarge(f"expected matrices up to {LARGEST / 1e6:.1f} MB; got {size}")
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
    """Return the matrices of all neurons (p + 1, N, E), and a factor by which they are multiplied.

    The factor is the common weight of the members. Without it, members trained in float32 are exact in
    float32.
    """
    entries = np.concatenate([function.neurons.entries for function in functions], axis=1)
    scale = 1 / functions[0].neurons.n_members
    with np.errstate(over="ignore"):
        narrow = (entries / scale).astype(np.float32)
    if np.array_equal(narrow.astype(np.float64) * scale, entries):
        return narrow, scale
    return entries, 1.0


def _packed(numbers: Any, scale: float = 1.0) -> dict[str, Any]:
    """Return numbers as base64 of deflated little-endian bytes: all first bytes, then all second bytes, …."""
    size = numbers.dtype.itemsize
    raw = np.ascontiguousarray(numbers, dtype=f"<f{size}").view(np.uint8).reshape(-1, size)
    text = base64.b64encode(zlib.compress(raw.T.tobytes(), 9)).decode()
    return {"text": text, "bytes": size, "scale": scale}


def _pair(pair: Pair) -> dict[str, Any]:
    names = ("first", "second", "sign", "mean", "scale")
    return {name: getattr(pair, name) for name in names} | {"knots": list(pair.knots)}


@singledispatch
def axis_data(axis: Axis) -> dict[str, Any]:
    """Return the mapping of a column to features as plain values."""
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

"""``model.pt``: plain values and tensors on disk, written whole or not at all, read without running code."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

FORMAT, VERSION = "spectral-interp", 1
_UMASK = os.umask(0o077)
os.umask(_UMASK)

MODEL, CHECKPOINT = "model", "checkpoint"
"""Kinds of file."""

PUBLISHED_KEYS = {"diag.weight", "diag.bias", "off_diag.weight", "off_diag.bias"}
"""Keys of a bare state dict of the published tridiagonal module."""

_PLAIN = (str, bool, int, float)
"""Values that go into a file as they are; others go as the text that encoding reads them as."""

_REQUIRED: dict[str, dict[str, type | tuple[type, ...]]] = {
    MODEL: {
        "task": str,
        "parameters": dict,
        "weights": dict,
        "encoder": list,
        "target": str,
        "named": bool,
        "classes": (list, type(None)),
        "background": dict,
        "heldout": (dict, type(None)),
        "history": dict,
        "made_by": dict,
    },
    CHECKPOINT: {"run": dict, "identity": dict},
}


def write(path: str | Path, state: dict[str, Any], *, kind: str = MODEL) -> None:
    """Write a model's or checkpoint's state to ``path``; an interrupted write leaves the old file, or none.

    Raises
    ------
    OSError
        If the folder does not exist or cannot be written.
    ValueError
        If the state holds anything but tensors and plain values, so that nobody could read it.
    """
    path = Path(path)
    check_folder(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            torch.save({"format": FORMAT, "kind": kind, "version": VERSION, **state}, file)
        read(temporary, kind=kind)
        os.chmod(temporary, 0o666 & ~_UMASK)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def check_folder(path: Path) -> None:
    """Raise FileNotFoundError unless the folder that ``path`` is to be written in exists."""
    if not path.parent.is_dir():
        raise FileNotFoundError(f"expected an existing folder for {path}; got {path.parent}; create it first")


def read(path: str | Path, *, kind: str = MODEL) -> dict[str, Any]:
    """Return the state in ``path``: from :func:`write`, or a bare state dict of the published module.

    Raises
    ------
    ValueError
        If the file is missing, is not a model, or was written by a later version.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"expected a {kind} file; got {str(path)!r}, which is not a file; check the path")
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # a stranger's file: torch raises what its bytes provoke
        raise ValueError(f"expected a {kind} file; got {path}, which torch cannot read as tensors") from error
    if kind == MODEL and isinstance(state, dict) and state.keys() >= PUBLISHED_KEYS:
        return state
    if not isinstance(state, dict) or (state.get("format"), state.get("kind", MODEL)) != (FORMAT, kind):
        raise ValueError(f"expected a {kind} that spectral_interp saved; got {path}, which is something else")
    if state.get("version") != VERSION:
        raise ValueError(
            f"expected a {kind} of format version {VERSION}; got {state.get('version')!r} in {path}; "
            "install the version of spectral-interp that wrote it"
        )
    for key, expected in _REQUIRED[kind].items():
        if not isinstance(state.get(key, ...), expected):
            raise ValueError(f"expected {key!r} in {path}; got none of the right type; the file is damaged")
    return state


def pack_table(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a table as plain values: float64 tensors for numeric columns, lists for others."""
    return {str(name): _pack(frame[name]) for name in frame.columns}


def unpack_table(state: dict[str, Any]) -> pd.DataFrame:
    """Rebuild the table that :func:`pack_table` packed."""
    return pd.DataFrame({n: v.numpy() if isinstance(v, torch.Tensor) else v for n, v in state.items()})


def _pack(series: pd.Series) -> torch.Tensor | list[Any]:
    if pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_bool_dtype(series.dtype):
        return torch.tensor(series.to_numpy(dtype=np.float64))
    return [None if pd.isna(v) else v if isinstance(v, _PLAIN) else str(v) for v in series.tolist()]

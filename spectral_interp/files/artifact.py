"""``model.pt``: plain values and tensors in a file, written atomically and read without running code."""

from __future__ import annotations

import io
import os
import reprlib
import textwrap
from pathlib import Path
from typing import Any

import torch

from . import reader, schema
from .staging import check_place, staged
from .validators import Validator

FORMAT, VERSION = "spectral-interp", 2

READABLE = 1, 2
"""Readable versions of the format; the second added the sum form."""

MODEL, CHECKPOINT = "model", "checkpoint"
"""Kinds of files."""

_VALIDATORS = {MODEL: schema.MODEL_STATE, CHECKPOINT: schema.CHECKPOINT_STATE}


def write(path: str | Path, state: dict[str, Any], *, kind: str = MODEL) -> None:
    """Write the state of a model or checkpoint to ``path``; an interrupted write leaves any old file intact.

    Raises
    ------
    OSError
        If the folder does not exist or the file cannot be written.
    ValueError
        If the state cannot be read back, for example because it holds more than tensors and plain values.
    """
    path = Path(path)
    check_writable(path)
    content = io.BytesIO()  # torch would hide errors of the disk
    torch.save({"format": FORMAT, "kind": kind, "version": VERSION, **state}, content)
    with staged(path) as folder:
        temporary = folder / path.name
        with temporary.open("xb") as file:
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())  # otherwise a power cut may leave an empty file under the new name
        _check_written(temporary, path, kind)
        os.replace(temporary, path)


def _check_written(temporary: Path, path: Path, kind: str) -> None:
    try:
        read(temporary, kind=kind)
    except ValueError as error:
        raise ValueError(
            f"expected a readable {kind} for {path}; got a file that cannot be read back: "
            f"{textwrap.shorten(str(error.__cause__ or error), 300)}"
        ) from error


def check_writable(path: Path) -> None:
    """Raise OSError unless a file can be written at ``path``. It is called before hours of training."""
    check_place(path)
    if path.exists() and not path.is_file():
        raise FileExistsError(f"expected the name of a file; got {path}, which is a folder or a device")


def read(path: str | Path, *, kind: str = MODEL) -> dict[str, Any]:
    """Return the state in ``path``, from :func:`write` or a bare state dict, which holds only tensors.

    The file may be untrusted: no code in it runs, and reading needs at most a few times its size in memory.
    Keys that this version does not know are ignored.

    Raises
    ------
    ValueError
        If the file is missing, too large, not a model, damaged, or was written by a later version.
    OSError
        If it cannot be opened.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"expected a {kind} file; got {str(path)!r}, which is not a file; check the path")
    if path.stat().st_size > reader.MAX_FILE_BYTES:
        raise ValueError(
            f"expected a {kind} file of at most {reader.MAX_FILE_BYTES:,} bytes; got {path}, a larger one"
        )
    state = _decode(path, kind)
    if kind == MODEL and _is_bare(state):
        return _checked(state, schema.BARE, path, kind)
    if (_word(state, "format"), _word(state, "kind", MODEL)) != (FORMAT, kind):
        raise ValueError(f"expected a {kind} that spectral_interp saved; got {path}, which is not one")
    if _word(state, "version") not in READABLE:
        raise ValueError(
            f"expected a {kind} of format version {' or '.join(map(str, READABLE))}; got "
            f"{reprlib.repr(state.get('version'))} in {path}; install the version of "
            "spectral-interp that wrote it"
        )
    return _checked(state, _VALIDATORS[kind], path, kind)


def _decode(path: Path, kind: str) -> Any:
    raw = path.read_bytes()
    try:
        return reader.decode(raw)
    except Exception as error:  # an untrusted file may raise any error
        raise ValueError(
            f"expected a {kind} file; got {path}, which cannot be read as tensors and plain values: "
            f"{textwrap.shorten(str(error), 200) or type(error).__name__}; get a fresh copy"
        ) from error


def _is_bare(state: Any) -> bool:
    """Return whether the state is a dict with tensors that is not from :func:`write`."""
    if type(state) is not dict or "format" in state:
        return False
    return any(isinstance(value, torch.Tensor) for value in state.values())


def _word(state: Any, key: str, default: Any = None) -> Any:
    """Return the text or integer under the key of a dict; None for anything else."""
    value = state.get(key, default) if type(state) is dict else None
    return value if type(value) in (str, int) else None


def _checked(state: dict[str, Any], validator: Validator, path: Path, kind: str) -> dict[str, Any]:
    try:
        validator(state, "")
    except ValueError as error:
        raise damaged(path, kind, error) from error
    return state


def damaged(path: str | Path, kind: str, error: Exception) -> ValueError:
    """Return the error for a readable file with wrong or inconsistent parts."""
    reason = textwrap.shorten(str(error), 300) or type(error).__name__
    return ValueError(
        f"expected an undamaged {kind} in {path}; got a damaged one: {reason}; get a fresh copy"
    )

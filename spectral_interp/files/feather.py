"""Unpacked size of a Feather file from its metadata, without unpacking a buffer.

A Feather file is an Arrow file (*Arrow Columnar Format*, sections "IPC File Format" and "Compression"). Its
footer lists blocks. The metadata of a block are a FlatBuffer with the positions of the buffers of its
columns. A compressed buffer begins with its unpacked size.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Any

import numpy as np

_BLOCK = np.dtype([("offset", "<i8"), ("metadata", "<i4"), ("_", "<i4"), ("body", "<i8")])
_BUFFER = np.dtype([("offset", "<i8"), ("length", "<i8")])
_DICTIONARY = 2
"""Type of a message that holds a dictionary."""


def unpacked_size(path: Path) -> int:
    """Return the unpacked size of all buffers in bytes.

    Raises
    ------
    ValueError, struct.error
        If the metadata are damaged.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        (length,) = struct.unpack_from("<i", raw, len(raw) - 10)
        footer = raw[len(raw) - 10 - length : len(raw) - 10]
        root = _follow(footer, 0)
        blocks = [block for i in (2, 3) for block in _vector(footer, _field(footer, root, i), _BLOCK)]
        return sum(_size_of(raw, *map(int, block.tolist())) for block in blocks)


def _size_of(raw: mmap.mmap, offset: int, metadata: int, _: int, body: int) -> int:
    """Return the unpacked size of the buffers of a block in bytes."""
    if min(offset, metadata, body) < 0 or offset + metadata + body > len(raw):
        raise ValueError("a block outside of the file")
    message = raw[offset : offset + metadata]
    message = message[8:] if message[:4] == b"\xff\xff\xff\xff" else message[4:]
    root = _follow(message, 0)
    kind, header = _field(message, root, 1), _field(message, root, 2)
    batch = _follow(message, header)
    if message[kind] == _DICTIONARY:
        batch = _follow(message, _field(message, batch, 1))
    buffers = _vector(message, _field(message, batch, 2), _BUFFER)
    if not _field(message, batch, 3):
        return int(buffers["length"].sum())
    size = 0
    for start, length in buffers.tolist():
        if length:
            (unpacked,) = struct.unpack_from("<q", raw, offset + metadata + start)
            size += length - 8 if unpacked == -1 else unpacked
    return size


def _follow(buffer: bytes, place: int) -> int:
    return place + int(struct.unpack_from("<I", buffer, place)[0])


def _field(buffer: bytes, table: int, i: int) -> int:
    """Return the position of a field of a table; 0 if it is absent."""
    vtable = table - struct.unpack_from("<i", buffer, table)[0]
    (size,) = struct.unpack_from("<H", buffer, vtable)
    offset = struct.unpack_from("<H", buffer, vtable + 4 + 2 * i)[0] if 4 + 2 * i < size else 0
    return table + int(offset) if offset else 0


def _vector(buffer: bytes, place: int, kind: np.dtype[Any]) -> Any:
    if not place:
        return np.empty(0, kind)
    start = _follow(buffer, place)
    (n,) = struct.unpack_from("<I", buffer, start)
    return np.frombuffer(buffer, kind, count=n, offset=start + 4) if n else np.empty(0, kind)

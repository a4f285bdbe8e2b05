"""Safe reader of untrusted torch files with tensors and plain values.

``torch.load(weights_only=True)`` runs no code either, but it lets a file of a hundred bytes allocate
gigabytes (``bytearray(10**10)``), overflow the C stack (a key of a dict nested a million deep) or, before
torch 2.10, read past the end of a record. Here a table of opcodes interprets the part of pickle that
``torch.save`` writes for tensors and plain values, and can build nothing else. The result is a tree, and its
tensors are no larger than the file.
"""

from __future__ import annotations

import io
import math
import pickle
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

MAX_FILE_BYTES = 2**30
"""Maximum size of a file; larger ones are rejected before they are read."""

MAX_STEPS = 2**19
"""Maximum number of opcodes of a pickle, about one second. A new text takes two, a number or a repeated text
one."""

MAX_MEMBERS = 2**16
"""Maximum number of members of the zip archive; each tensor is a member."""

_DIRECTORY_ENTRY = b"PK\x01\x02"
_MAPPING, _TENSOR = "collections OrderedDict", "torch._utils _rebuild_tensor_v2"
_STORAGES = {
    "torch DoubleStorage": "f8",
    "torch FloatStorage": "f4",
    "torch LongStorage": "i8",
    "torch ByteStorage": "u1",
}
_ORDERS = {b"little": "<", b"big": ">"}


def decode(raw: bytes) -> Any:
    """Return the tensors and plain values, in dicts and lists, of a file that ``torch.save`` wrote.

    Memory and time are proportional to the length of ``raw``. Attributes of a dict, such as the versions in
    a state dict, are ignored.

    Raises
    ------
    Exception
        Of any type, if the bytes are anything else.

    Examples
    --------
    >>> file = io.BytesIO()
    >>> torch.save({"k": 3, "bias": torch.tensor([1.0, 2.0])}, file)
    >>> decode(file.getvalue())
    {'k': 3, 'bias': tensor([1., 2.])}
    """
    members = _members(raw)
    return _Machine(members["data.pkl"], members, room=len(raw)).run()


def _members(raw: bytes) -> dict[str, bytes]:
    """Return the members of the zip archive by their names in its only folder; checksums are verified."""
    if raw.count(_DIRECTORY_ENTRY) > MAX_MEMBERS:
        raise ValueError(f"expected at most {MAX_MEMBERS:,} members")
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        infos = archive.infolist()
        if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
            raise ValueError("expected uncompressed members; got compressed ones, which torch does not write")
        if sum(info.file_size for info in infos) > len(raw):
            raise ValueError("expected members no larger than the file; got overlapping ones")
        names = [info.filename.partition("/")[2] for info in infos]
        if len(set(names)) < len(names):
            raise ValueError("expected members with different names; got one twice")
        return {name: archive.read(info) for name, info in zip(names, infos, strict=True)}


class _Machine:
    """Stack machine that interprets a pickle with only the opcodes in :data:`_OPCODES`."""

    def __init__(self, data: bytes, members: dict[str, bytes], *, room: int) -> None:
        self.data, self.at = data, 0
        self.members, self.room = members, room
        self.order = _ORDERS[members.get("byteorder", b"little")]
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """Return the object that the pickle builds."""
        for _ in range(MAX_STEPS):
            opcode = self.data[self.at : self.at + 1]
            self.at += 1
            if opcode == pickle.STOP:
                return self.stack.pop()
            if opcode not in _OPCODES:
                raise ValueError(f"expected tensors and plain values; got the opcode {opcode!r}")
            _OPCODES[opcode](self)
        raise ValueError(f"expected at most {MAX_STEPS:,} values; store fewer rows of text")

    def take(self, n: int) -> bytes:
        """Return the next ``n`` bytes."""
        part = self.data[self.at : self.at + n]
        if len(part) < n:
            raise ValueError("expected more bytes; got the end of the values")
        self.at += n
        return part

    def unsigned(self, n: int) -> int:
        """Return the next ``n`` bytes as a number."""
        return int.from_bytes(self.take(n), "little")

    def signed(self, n: int) -> int:
        """Return the next ``n`` bytes as a signed number."""
        return int.from_bytes(self.take(n), "little", signed=True)

    def name(self) -> str:
        """Return the next two lines, a module and a name in it, if the name is known."""
        name = f"{self.line()} {self.line()}"
        if name not in (_MAPPING, _TENSOR, *_STORAGES):
            raise ValueError(f"expected tensors and plain values; got {name[:80]!r}")
        return name

    def line(self) -> str:
        """Return the rest of the line."""
        text = self.take(self.data.index(b"\n", self.at) - self.at)
        self.take(1)
        return text.decode()

    def since_mark(self) -> list[Any]:
        """Pop the mark and return the objects pushed after it."""
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def last(self, n: int) -> list[Any]:
        """Pop the last ``n`` objects and return them."""
        if n > len(self.stack):
            raise ValueError("expected more objects; got an empty stack")
        items = self.stack[-n:]
        del self.stack[-n:]
        return items

    def append(self, items: list[Any]) -> None:
        """Append to the list on top of the stack."""
        self.top(list).extend(items)

    def set_items(self, items: list[Any]) -> None:
        """Add keys and values in turn to the dict on top of the stack."""
        if not all(type(key) is str for key in items[::2]):
            raise ValueError("expected text for the keys of a dict")
        self.top(dict).update(zip(items[::2], items[1::2], strict=True))

    def top(self, kind: type) -> Any:
        """Return the object on top of the stack, which must be of this type."""
        if type(self.stack[-1]) is not kind:
            raise ValueError(f"expected a {kind.__name__}; got a {type(self.stack[-1]).__name__}")
        return self.stack[-1]

    def recall(self, place: int) -> str:
        """Return an earlier text. A container in two places is an error: it could make a small file huge."""
        value = self.memo[place]
        if type(value) is not str:
            raise ValueError(f"expected a {type(value).__name__} in one place only; got it in several")
        return value

    def drop_attributes(self) -> None:
        """Ignore the attributes of a dict."""
        self.last(1)
        self.top(dict)

    def call(self) -> Any:
        """Return the result of a call by name: an empty dict or a tensor."""
        name, arguments = self.last(2)
        if name == _MAPPING and arguments == ():
            return {}
        if name == _TENSOR:
            return self.tensor(*arguments)
        raise ValueError("expected tensors and plain values; got a call")

    def storage(self) -> npt.NDArray[Any]:
        """Return the numbers in a member; their count must be that of its description."""
        key = self.last(1)[0]
        if [type(part) for part in key] != [str, str, str, str, int]:
            raise ValueError("expected the key of a storage; got something else")
        kind, dtype, member, _, count = key
        numbers = np.frombuffer(self.members[f"data/{member}"], dtype=self.order + _STORAGES[dtype])
        if kind != "storage" or len(numbers) != count:
            raise ValueError(f"expected {count} numbers in member {member}; got {len(numbers)}")
        return numbers

    def tensor(
        self,
        storage: npt.NDArray[Any],
        offset: int,
        size: tuple[int, ...],
        stride: tuple[int, ...],
        requires_grad: bool,
        hooks: dict[str, Any],
    ) -> torch.Tensor:
        """Return the numbers of a storage from ``offset`` as a contiguous tensor."""
        if (
            not all(type(n) is int and 0 <= n <= MAX_FILE_BYTES for n in (offset, *size, *stride))
            or len(size) > 8
        ):
            raise ValueError("expected the size of a tensor; got other numbers")
        steps = [math.prod(size[axis + 1 :]) for axis in range(len(size))]
        if any(n > 1 and a != b for n, a, b in zip(size, stride, steps, strict=True)) and 0 not in size:
            raise ValueError(
                "expected a contiguous tensor; got other strides; call contiguous() before saving"
            )
        part = storage[offset : offset + math.prod(size)]
        self.room -= part.nbytes
        if self.room < 0:
            raise ValueError("expected tensors no larger than the file; got overlapping ones")
        return torch.from_numpy(part.astype(part.dtype.newbyteorder("=")).reshape(size))


_OPCODES: dict[bytes, Callable[[_Machine], object]] = {
    pickle.PROTO: lambda m: m.take(1),
    pickle.NONE: lambda m: m.stack.append(None),
    pickle.NEWTRUE: lambda m: m.stack.append(True),
    pickle.NEWFALSE: lambda m: m.stack.append(False),
    pickle.BININT: lambda m: m.stack.append(m.signed(4)),
    pickle.BININT1: lambda m: m.stack.append(m.unsigned(1)),
    pickle.BININT2: lambda m: m.stack.append(m.unsigned(2)),
    pickle.LONG1: lambda m: m.stack.append(m.signed(m.unsigned(1))),
    pickle.BINFLOAT: lambda m: m.stack.append(struct.unpack(">d", m.take(8))[0]),
    pickle.BINUNICODE: lambda m: m.stack.append(m.take(m.unsigned(4)).decode()),
    pickle.EMPTY_DICT: lambda m: m.stack.append({}),
    pickle.EMPTY_LIST: lambda m: m.stack.append([]),
    pickle.EMPTY_TUPLE: lambda m: m.stack.append(()),
    pickle.MARK: lambda m: m.marks.append(len(m.stack)),
    pickle.TUPLE: lambda m: m.stack.append(tuple(m.since_mark())),
    pickle.TUPLE1: lambda m: m.stack.append((m.stack.pop(),)),
    pickle.TUPLE2: lambda m: m.stack.append(tuple(m.last(2))),
    pickle.TUPLE3: lambda m: m.stack.append(tuple(m.last(3))),
    pickle.APPEND: lambda m: m.append([m.stack.pop()]),
    pickle.APPENDS: lambda m: m.append(m.since_mark()),
    pickle.SETITEM: lambda m: m.set_items(m.last(2)),
    pickle.SETITEMS: lambda m: m.set_items(m.since_mark()),
    pickle.BUILD: lambda m: m.drop_attributes(),
    pickle.GLOBAL: lambda m: m.stack.append(m.name()),
    pickle.REDUCE: lambda m: m.stack.append(m.call()),
    pickle.BINPERSID: lambda m: m.stack.append(m.storage()),
    pickle.BINPUT: lambda m: m.memo.update({m.unsigned(1): m.stack[-1]}),
    pickle.LONG_BINPUT: lambda m: m.memo.update({m.unsigned(4): m.stack[-1]}),
    pickle.BINGET: lambda m: m.stack.append(m.recall(m.unsigned(1))),
    pickle.LONG_BINGET: lambda m: m.stack.append(m.recall(m.unsigned(4))),
}
"""Opcodes that ``torch.save`` writes for tensors, plain values, dicts and lists → their actions."""

"""Real model files, mutations of them, and files made to do harm: all seeded, all as bytes."""

import copy
import io
import os
import pickle
import pickletools
import struct
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from spectral_interp import SpectralClassifier, SpectralRegressor
from spectral_interp.comparison.baselines import fit_baselines

CANARY = "executed"
"""The file that commands in hostile files would write."""


@dataclass(frozen=True)
class Original:
    """A file, and what it must do when it is undamaged."""

    name: str
    raw: bytes
    model: Any
    table: tuple[pd.DataFrame, pd.Series]

    @property
    def is_checkpoint(self):
        return self.name == "checkpoint"


@dataclass(frozen=True)
class Mutation:
    label: str
    original: Original
    raw: bytes
    same: bool = False
    """Whether a file that still loads must be the original."""


def table(n=60):
    rng = np.random.default_rng(1)
    X = pd.DataFrame(
        {
            "number": rng.normal(50, 10, n),
            "gaps": np.where(np.arange(n) % 9, rng.normal(size=n), np.nan),
            "size": rng.lognormal(size=n),
            "city": rng.choice(["Oslo", "Rome", "Bonn"], n),
            "smoker": rng.random(n) < 0.4,
            "constant": 1.0,
        }
    )
    return X, pd.Series(X["number"] / 10 + X["smoker"] + rng.normal(size=n), name="risk")


def originals(folder):
    """Fit and save one file of every kind."""
    X, y = table()
    label = pd.Series(np.where(y > y.median(), "high", "low"), name="level")
    quick = {"dim": 4, "n_epochs": 4, "random_state": 0}
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the constant column
        checkpoint = folder / "checkpoint.pt"
        full = SpectralRegressor(**quick, log=["size"], form="single").fit(
            X, y, checkpoint=checkpoint, every=2
        )
        full.baselines_ = fit_baselines(full, X, y)
        classifier = SpectralClassifier(**quick, form="single").fit(X, label)
        models = {
            "regressor": (full, y),
            "classifier": (classifier, label),
            "diagonal": (SpectralRegressor(**quick, structure="diagonal", form="single").fit(X, y), y),
            "dense": (
                SpectralRegressor(**quick, structure="dense", form="single").fit(
                    X[["number", "size"]].to_numpy(), y
                ),
                y,
            ),
        }
        for name, (est, target) in models.items():
            est.save(folder / f"{name}.pt", heldout=None if name == "dense" else (X[:9], target[:9]))
            found.append(Original(name, (folder / f"{name}.pt").read_bytes(), est, (X, target)))
        part = SpectralRegressor(**quick, log=["size"], form="single")
        found.append(Original("checkpoint", checkpoint.read_bytes(), part, (X, y)))
    torch.save(full.module_.state_dict(), folder / "bare.pt")
    found.append(Original("bare", (folder / "bare.pt").read_bytes(), full, (X, y)))
    return found


def mutations(found, count, seed=9):
    """Yield so many mutations, the same every time, a third each of bytes, of members and of values."""
    rng = np.random.default_rng(seed)
    kinds = (mutate_bytes, mutate_members, mutate_values)
    for number in range(count):
        original = found[rng.integers(len(found))]
        label, raw, same = kinds[number % 3](original, rng)
        yield Mutation(f"{number} {original.name}: {label}", original, raw, same)


def mutate_bytes(original, rng):
    """Damage the file as disks and networks do; its checksums tell."""
    raw = bytearray(original.raw)
    a, b = sorted(int(i) for i in rng.integers(0, len(raw), 2))
    match rng.integers(8):
        case 0 | 1:
            for place in rng.integers(0, len(raw), rng.integers(1, 9)):
                raw[place] ^= 1 << rng.integers(8)
            label = "bits flipped"
        case 2:
            label, raw = f"cut at {a}", raw[:a]
        case 3:
            label, raw = f"without {a} to {b}", raw[:a] + raw[b:]
        case 4:
            label, raw = f"{a} to {b} twice", raw[:b] + raw[a:]
        case 5:
            label, raw[a : a + 8] = f"noise at {a}", rng.bytes(8)
        case 6:
            label, raw[a:b] = f"zeros from {a} to {b}", bytes(b - a)
        case _:
            label, raw = "noise after the end", raw + rng.bytes(rng.integers(1, 100))
    return label, bytes(raw), True


def mutate_members(original, rng):
    """Pack other members, with right checksums."""
    members = unpacked(original.raw)
    names = list(members)
    values = next(name for name in names if name.endswith("data.pkl"))
    one, two = (names[int(i)] for i in rng.integers(0, len(names), 2))
    match rng.integers(10):
        case 0 | 1 | 2:
            members[values] = edited_pickle(members[values], rng)
            return "other values", packed(members), False
        case 3:
            members[values] = flipped(members[values], rng)
            return "bits of values flipped", packed(members), False
        case 4:
            members[one] = flipped(members[one], rng)
            return f"bits of {one} flipped", packed(members), False
        case 5:
            members[one], members[two] = members[two], members[one]
            return f"{one} and {two} swapped", packed(members), False
        case 6:
            del members[one]
            return f"without {one}", packed(members), False
        case 7:
            members[one] = members[one][: len(members[one]) // 2] + rng.bytes(rng.integers(0, 9))
            return f"{one} of another length", packed(members), False
        case 8:
            compressed = {one} if rng.random() < 0.5 else set(names)
            return "compressed", packed(members, compressed), False
        case _:
            members[f"archive/{rng.integers(99)}"] = members.pop(one)
            return f"{one} renamed", packed(members), False


def unpacked(raw):
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members, compressed=()):
    """Return the bytes of a zip archive of the members, a dict or pairs."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # names that come twice
        for name, data in members.items() if isinstance(members, dict) else members:
            kind = zipfile.ZIP_DEFLATED if name in compressed else zipfile.ZIP_STORED
            archive.writestr(zipfile.ZipInfo(name), data, kind)
    return file.getvalue()


def flipped(data, rng):
    data = bytearray(data)
    for place in rng.integers(0, max(len(data), 1), rng.integers(1, 9) if data else 0):
        data[place] ^= 1 << rng.integers(8)
    return bytes(data)


def edited_pickle(data, rng):
    """Replace, remove, repeat or insert opcodes of a pickle."""
    places = [place for _, _, place in pickletools.genops(data)]
    parts = [data[a:b] for a, b in zip(places, [*places[1:], len(data)], strict=True)]
    for _ in range(rng.integers(1, 4)):
        place, other = (int(i) for i in rng.integers(1, len(parts), 2))
        match rng.integers(6):
            case 0 | 1 | 2:
                parts[place] = OPCODES[rng.integers(len(OPCODES))]
            case 3:
                parts[place] = b""
            case 4:
                parts.insert(place, parts[other])
            case _:
                parts[place], parts[other] = parts[other], parts[place]
    return b"".join(parts)


OPCODES = (
    *(
        b"N",
        b"\x88",
        b"\x89",
        b"}",
        b"]",
        b")",
        b"0",
        b"2",
        b"1",
        b"(",
        b"t",
        b"\x85",
        b"\x86",
        b"\x87",
        b"e",
    ),
    *(
        b"u",
        b"s",
        b"a",
        b"R",
        b"b",
        b"Q",
        b".",
        b"o",
        b"\x81",
        b"\x93",
        b"\x8f",
        b"h\x00",
        b"h\x01",
        b"h\x05",
    ),
    *(b"q\x00", b"r\xff\xff\xff\x7f", b"j\xff\xff\xff\x7f", b"\x82\x01", b"P0\n", b"\x97", b"\x98"),
    *(b"K\x00", b"M\xff\xff", b"J\xff\xff\xff\xff", b"\x8a\x09" + b"\xff" * 8 + b"\x7f", b"I99\n", b"L9L\n"),
    *(b"G" + struct.pack(">d", value) for value in (0.0, -1.0, np.nan, np.inf, 1e300)),
    *(b"X\x04\x00\x00\x00kind", b"X\xff\xff\xff\xff", b"\x8d" + b"\xff" * 8, b"B\xff\xff\xff\x7f", b"V\n"),
    *(b"X\x00\x00\x00\x00", b"cos\nsystem\n", b"cbuiltins\neval\n", b"ctorch._utils\n_rebuild_tensor_v2\n"),
    *(b"cbuiltins\nbytearray\n", b"ctorch\nDoubleStorage\n", b"ccollections\nOrderedDict\n", b"\x80\x05"),
)
"""Opcodes of every kind, with arguments that are small, huge or hostile."""


def mutate_values(original, rng):
    """Save other values: of another type, shape or size, fewer and more."""
    state = torch.load(io.BytesIO(original.raw), weights_only=True)
    labels = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        parent, key = somewhere(state, rng)
        value = parent[key]
        match rng.integers(10):
            case 0 if isinstance(parent, dict):
                del parent[key]
                labels.append(f"without {key}")
            case 1 if isinstance(parent, dict):
                parent[NEW_KEYS[rng.integers(len(NEW_KEYS))]] = value
                labels.append(f"{key} twice")
            case 2 if isinstance(parent, list):
                parent.append(value)
                labels.append(f"{value!r:.50} twice")
            case 3 | 4 | 5 | 6 if is_ordinary(value):
                number = rng.integers(len(OTHER_TENSORS))
                parent[key] = OTHER_TENSORS[number](value, rng)
                labels.append(f"tensor {key} changed by {number}")
            case _:
                parent[key] = OTHER_VALUES[rng.integers(len(OTHER_VALUES))]
                labels.append(f"{key} = {parent[key]!r:.50}")
    file = io.BytesIO()
    torch.save(state, file)
    return ", ".join(labels), file.getvalue(), False


def is_ordinary(value):
    """Return whether a value is a tensor that no earlier change has made a strange one."""
    if not isinstance(value, torch.Tensor):
        return False
    return value.layout == torch.strided and value.device.type == "cpu" and value.numel() < 10**6


def saved_with(original, **entries):
    """Return the bytes of the file with other entries in its state."""
    file = io.BytesIO()
    torch.save(torch.load(io.BytesIO(original.raw), weights_only=True) | entries, file)
    return file.getvalue()


def somewhere(state, rng):
    """Return a dict or list in the state, and a key or place in it."""
    while True:
        keys = list(state) if isinstance(state, dict) else range(len(state))
        key = keys[rng.integers(len(keys))]
        inner = state[key]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.15:
            return state, key
        state = inner


NEW_KEYS = "dim", "k", "kind", "depth", "format", "linear", "weight", "", "constant", "dim__x", "\x1b[31m"

OTHER_VALUES = (
    *(None, True, False, 0, 1, -1, 3, 4, -5, 10**9, 2**31, 2**63, 10**30, -(10**30)),
    *(0.0, 0.5, -0.5, 2.0, np.nan, np.inf, -np.inf, 1e300, -1e300, 1e150, 1e-320),
    *("", "x", "number", "size", "numeric", "categorical", "dropped", "dense", "diagonal", "tridiagonal"),
    *("regression", "classification", "checkpoint", "model", "x" * 10**6, "\x1b[31m\n", "\0"),
    *([], [1], [1, 2], ["a", "a"], ["a", "b"], [None], [[[]]], {}, {"a": 1}, {1: 2}, {"y": []}, (1, 2), ()),
    *(torch.tensor(1.0), torch.zeros(3, dtype=torch.float64), torch.zeros(0, 3), b"bytes", 1j, {1, 2}),
    *(np.float64(1), np.int64(4), np.arange(3), torch.float64, torch.Size([2])),
)


def entry(value):
    """Return a change of a tensor that sets one number."""

    def change(tensor, rng):
        changed = tensor.double().clone()
        if changed.numel():
            changed.view(-1)[rng.integers(changed.numel())] = value
        return changed

    return change


OTHER_TENSORS = (
    *(entry(value) for value in (np.nan, np.inf, -np.inf, 1e300, -1e200, 1e150, 1e-320, 0.0, 1e8)),
    lambda tensor, rng: tensor.float(),
    lambda tensor, rng: tensor.half(),
    lambda tensor, rng: tensor.long(),
    lambda tensor, rng: tensor > 0,
    lambda tensor, rng: tensor.to(torch.complex128),
    lambda tensor, rng: tensor.reshape(-1),
    lambda tensor, rng: tensor[None],
    lambda tensor, rng: tensor[:-1],
    lambda tensor, rng: tensor[:0],
    lambda tensor, rng: tensor.T if tensor.ndim == 2 else tensor,
    lambda tensor, rng: torch.cat([tensor, tensor]),
    lambda tensor, rng: tensor * 1e140,
    lambda tensor, rng: tensor * -1,
    lambda tensor, rng: tensor.new_zeros(1).expand(10**12),
    lambda tensor, rng: tensor.new_zeros(1, 1).expand(10**6, 10**6),
    lambda tensor, rng: tensor.double().requires_grad_(),
    lambda tensor, rng: torch.nn.Parameter(tensor.double()),
    lambda tensor, rng: tensor.to_sparse(),
    lambda tensor, rng: tensor.to("meta"),
    lambda tensor, rng: tensor.tolist(),
)


class Command:
    def __reduce__(self):
        return os.system, (f"touch {CANARY}",)


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def call(name, *arguments):
    return b"c" + name.replace(" ", "\n").encode() + b"\n(" + b"".join(arguments) + b"tR"


def integer(value):
    return pickle.dumps(value, 2)[2:-1]


def tensor(member=b"X\x01\0\0\0" + b"0", count=b"K\4", offset=b"K\0", size=b"K\4\x85", stride=b"K\1\x85"):
    """Return the opcodes of a tensor over a storage."""
    storage = b"(" + text("storage") + b"ctorch\nDoubleStorage\n" + member + text("cpu") + count + b"tQ"
    hooks = call("collections OrderedDict")
    return call("torch._utils _rebuild_tensor_v2", storage, offset, size, stride, b"\x89", hooks)


def state(**entries):
    """Return a pickle of a dict."""
    return b"\x80\x02}(" + b"".join(text(name) + value for name, value in entries.items()) + b"u."


def commands():
    """Yield pickles that call a command, each in another way."""
    for protocol in range(6):
        yield pickle.dumps({"weights": Command()}, protocol)
    touch = text(f"touch {CANARY}")
    quoted = f"S'touch {CANARY}'\n".encode()
    python = text(f"open({CANARY!r}, 'w')")
    yield state(weights=call("os system", touch))
    yield state(weights=call("nt system", touch))
    yield state(weights=call("builtins eval", python))
    yield state(weights=call("__builtin__ exec", python))
    yield state(weights=call("torch.serialization os.system", touch))
    yield state(weights=call("torch.hub _sys.modules", touch))
    yield state(
        weights=call("torch._tensor _rebuild_from_type_v2", b"cos\nsystem\n", b"N", touch + b"\x85", b"}")
    )
    yield state(weights=b"(" + quoted + b"ios\nsystem\n")
    yield state(weights=b"(cos\nsystem\n" + quoted + b"o")
    yield state(weights=b"csubprocess\nPopen\n" + text("true") + b"\x85\x81")
    yield state(weights=text("os") + text("system") + b"\x93" + touch + b"\x85R")
    yield state(weights=b"cos\nsystem\n}" + touch + b"b")


def gluttons(deep):
    """Yield a name and a pickle that is small, and larger than memory, endless or deeper than the stack."""
    yield "bytearray", state(a=call("builtins bytearray", integer(10**11)))
    encode = b"c_codecs\nencode\n"
    yield "codecs", state(a=encode * 34 + text("abcd") + (text("hex") + b"\x86R") * 34)
    yield "tensor of a size", state(a=call("torch DoubleTensor", integer(10**10)))
    for name, opcode in (("text", b"X\xff\xff\xff\xff"), ("bytes", b"B\xff\xff\xff\xff")):
        yield f"{name} of 4 GB", state(a=opcode)
    for opcode in (b"\x8d", b"\x8e", b"\x96", b"\x95"):
        yield f"{opcode!r} of 2**62 bytes", state(a=opcode + struct.pack("<Q", 2**62))
    yield "integer of 2 GB", state(a=b"\x8b\xff\xff\xff\x7f")
    yield "integer of a million digits", state(a=b"I" + b"9" * deep + b"\n")
    yield "memo at 2**32", state(a=b"Nr\xff\xff\xff\xff")
    for name, opcode in (("dicts", b"}"), ("lists", b"]"), ("marks", b"("), ("numbers", b"K\x01")):
        yield f"millions of {name}", b"\x80\x02" + opcode * (4 * deep) + b"."
    yield "names without end", state(a=b"ccollections\nOrderedDict\n" * (deep // 10))
    yield "line without end", state(a=b"c" + b"x" * deep)
    for key in ("a", "format", "kind", "version", "weights", "encoder"):
        yield f"tuples in tuples: {key}", state(**{key: b")" + b"\x85" * deep})
        yield f"lists in lists: {key}", state(**{key: b"]" * (deep // 4) + b"a" * (deep // 4 - 1)})
    yield "deep key", b"\x80\x02})" + b"\x85" * deep + b"Ns."
    yield "deep storage", state(a=tensor(member=b")" + b"\x85" * deep))
    yield "deep size", state(a=tensor(size=b")" + b"\x85" * deep))
    yield "deep arguments", state(a=b"ccollections\nOrderedDict\n)" + b"\x85" * deep + b"R")
    laughs = b"".join(b"]q%c(" % (i + 1) + b"h%c" % i * 10 + b"e0" for i in range(200))
    yield "lists shared", b"\x80\x02]q\0" + laughs.replace(b"e0", b"e") + b"."
    yield "list in itself", state(a=b"]q\0h\0a")
    yield "one number a trillion times", state(a=tensor(size=integer(10**12) + b"\x85", stride=b"K\0\x85"))
    yield "numbers beyond the member", state(a=tensor(count=integer(10**9), size=integer(10**9) + b"\x85"))
    yield "numbers before the member", state(a=tensor(offset=integer(-4)))
    yield "size that overflows", state(a=tensor(size=integer(2**62) * 2 + b"\x86", stride=b"K\1K\1\x86"))
    yield "file outside", state(a=tensor(member=text("../../../../../../etc/hosts")))


def harmful(original, deep):
    """Yield files that were made to do harm, to be refused one and all: (label, bytes).

    ``deep`` is how long or how deep those are that are long or deep; a million overflows the stack.
    """
    members = unpacked(original.raw)
    prefix = next(iter(members)).partition("/")[0]
    values = f"{prefix}/data.pkl"
    pickles = [*((f"command {i}", data) for i, data in enumerate(commands())), *gluttons(deep)]
    for label, data in pickles:
        yield label, packed(members | {values: data, f"{prefix}/data/0": bytes(32)})
        if len(data) < 10**5:
            yield f"{label}, no archive", data
    whole = tensor(count=integer(2**17), size=integer(2**17) + b"\x85")
    shared = state(**{f"a{i}": whole for i in range(deep // 1000)})
    yield "numbers shared", packed(members | {values: shared, f"{prefix}/data/0": bytes(2**20)})
    yield "zeros", bytes(2**20)
    yield "nothing", b""
    yield "text", b"a,b\n1,2\n"
    before = io.BytesIO()
    torch.save(
        torch.load(io.BytesIO(original.raw), weights_only=True), before, _use_new_zipfile_serialization=False
    )
    yield "as before torch 1.6", before.getvalue()
    yield "zip bomb", packed(members | {f"{prefix}/data/0": bytes(100 * deep)}, {f"{prefix}/data/0"})
    yield "zip bomb of values", packed(members | {values: b"\x80\x02" + b"]" * 100 * deep}, {values})
    yield "values twice", packed([*members.items(), (values, members[values])])
    yield "values in two folders", packed([*members.items(), ("other/data.pkl", members[values])])
    yield "members that overlap", overlapping(members, values, 1000)
    yield "a million members", crowded(packed({"a/b": b""}), deep)
    yield "no checksum", original.raw.replace(struct.pack("<I", zlib.crc32(members[values])), bytes(4))


def overlapping(members, name, count):
    """Return an archive whose directory lists a member under so many names."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for key, data in members.items():
            archive.writestr(zipfile.ZipInfo(key), data)
        for i in range(count):
            twin = copy.copy(archive.getinfo(name))
            twin.filename = f"archive/{i}"
            archive.filelist.append(twin)
        archive._didModify = True
    return file.getvalue()


def crowded(raw, count):
    """Return the archive with the entry in its directory repeated."""
    start, end = raw.index(b"PK\1\2"), raw.index(b"PK\5\6")
    entries = raw[start:end] * count
    tail = bytearray(raw[end:])
    tail[12:16] = struct.pack("<I", len(entries))
    return raw[:start] + entries + bytes(tail)

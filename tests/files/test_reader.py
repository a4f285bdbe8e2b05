"""Reading torch files as data: the same as ``torch.load`` where that is safe, an error where it is not."""

import io
import struct
import zipfile

import numpy as np
import pytest
import torch

from spectral_interp.files import reader as archive


def saved(value, **options):
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def unpacked(raw):
    with zipfile.ZipFile(io.BytesIO(raw)) as there:
        return {name: there.read(name) for name in there.namelist()}


def packed(members, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as back:
        for name, data in members.items():
            back.writestr(name, data, method)
    return file.getvalue()


def assert_same(mine, theirs):
    assert type(mine) is (dict if isinstance(theirs, dict) else type(theirs))
    if isinstance(theirs, torch.Tensor):
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine.numpy(), theirs.detach().numpy())
    elif isinstance(theirs, dict):
        assert list(mine) == list(theirs)
        for key in theirs:
            assert_same(mine[key], theirs[key])
    elif isinstance(theirs, list | tuple):
        assert len(mine) == len(theirs)
        for pair in zip(mine, theirs, strict=True):
            assert_same(*pair)
    else:
        assert mine == theirs or (mine != mine and theirs != theirs)


def some_value(rng, depth=0):
    """Return a random tree of what files hold."""
    number = int(rng.integers(-(2**62), 2**62)) >> int(rng.integers(62))
    leaves = (None, True, False, number, float(rng.normal()), np.inf, np.nan, "", "x" * 300, "größe 🙂", "x")
    match rng.integers(4 if depth < 4 else 2):
        case 0:
            return leaves[rng.integers(len(leaves))]
        case 1:
            dtype = (torch.float64, torch.float32, torch.int64, torch.uint8)[rng.integers(4)]
            return (torch.tensor(rng.normal(size=rng.integers(0, 4, rng.integers(3)))) * 9).to(dtype)
        case 2:
            return [some_value(rng, depth + 1) for _ in range(rng.integers(5))]
        case _:
            return {f"key {i}": some_value(rng, depth + 1) for i in range(rng.integers(5))}


def test_what_torch_reads_is_what_is_read(rng):
    for _ in range(200):
        raw = saved(some_value(rng))
        assert_same(archive.decode(raw), torch.load(io.BytesIO(raw), weights_only=True))


def test_many_values_views_and_state_dicts():
    flat = torch.arange(10.0)
    state = {
        "numbers": list(range(5000)),
        "names": {f"name {i}": i for i in range(3000)},
        "parts": [flat[:4].reshape(2, 2), flat[4:]],
        "module": torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1)).state_dict(),
    }
    raw = saved(state)
    assert_same(archive.decode(raw), torch.load(io.BytesIO(raw), weights_only=True))


def test_numbers_of_the_other_byte_order():
    members = unpacked(saved({"x": torch.tensor([1.0, -2.5], dtype=torch.float64)}))
    members |= {"archive/byteorder": b"big", "archive/data/0": struct.pack(">2d", 1.0, -2.5)}
    assert archive.decode(packed(members))["x"].tolist() == [1.0, -2.5]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_members_are_refused_whatever_their_size(method, rng):
    members = unpacked(saved({"x": 1})) | {"archive/noise": rng.bytes(1000)}
    with pytest.raises(ValueError, match="got compressed ones"):
        archive.decode(packed(members, method))


def test_a_flipped_bit_is_noticed():
    raw = bytearray(saved({"x": torch.ones(100)}))
    raw[raw.index(torch.ones(100).numpy().tobytes()) + 50] ^= 1
    assert torch.load(io.BytesIO(raw), weights_only=True)["x"].sum() != 100
    with pytest.raises(zipfile.BadZipFile, match="CRC"):
        archive.decode(bytes(raw))


SHARED = torch.zeros(1000)


@pytest.mark.parametrize(
    ("value", "options", "reason"),
    [
        ([SHARED, SHARED.view(10, 100), SHARED.view(100, 10)], {}, "no larger than the file"),
        (torch.zeros(2, 3).T, {}, "call contiguous"),
        (torch.zeros(1).expand(10**6), {}, "call contiguous"),
        ([torch.nn.Parameter(torch.zeros(2))], {}, r"_rebuild_parameter"),
        ({1: 2}, {}, "text for the keys"),
        ([[[]] * 2], {}, "in one place only"),
        (torch.zeros(2, dtype=torch.bfloat16), {}, "BFloat16Storage"),
        ({"x": 1}, {"pickle_protocol": 4}, "opcode"),
        ({"x": 1}, {"_use_new_zipfile_serialization": False}, "not a zip file"),
    ],
)
def test_what_is_left_to_torch(value, options, reason):
    with pytest.raises((ValueError, zipfile.BadZipFile), match=reason):
        archive.decode(saved(value, **options))

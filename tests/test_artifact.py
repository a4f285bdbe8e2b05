"""Model files: what is read, what is refused, and that writes are whole."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_interp import artifact, load
from spectral_interp.models import TridiagonalSpectral


class Command:
    def __reduce__(self):
        import os

        return os.system, ("touch executed",)


def test_bare_state_dict_of_the_published_module(tmp_path, rng):
    module = TridiagonalSpectral(3, 6, k=1, dtype=torch.float64)
    torch.save(module.state_dict(), tmp_path / "bare.pt")
    z = rng.normal(size=(10, 3))
    est = load(tmp_path / "bare.pt", k=1, columns=["a", "b", "c"])
    np.testing.assert_allclose(
        est.predict(pd.DataFrame(z, columns=["a", "b", "c"])),
        module(torch.tensor(z)).detach().numpy(),
        atol=1e-12,
    )
    assert est.encoder_.names == ("a", "b", "c")
    assert load(tmp_path / "bare.pt").pencil_.k == 3
    with pytest.raises(ValueError, match=r"3 columns, the inputs of .*bare.pt; got 2"):
        load(tmp_path / "bare.pt", columns=["a", "b"])


def test_k_belongs_to_bare_state_dicts(tmp_path, regressor):
    regressor.save(tmp_path / "m.pt")
    with pytest.raises(ValueError, match="k only for a bare state dict"):
        load(tmp_path / "m.pt", k=1)


def test_files_that_are_no_models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.pt").write_text("not a model")
    (tmp_path / "empty.pt").write_bytes(b"")
    (tmp_path / "command.pt").write_bytes(pickle.dumps(Command()))
    torch.save({"weights": Command()}, tmp_path / "zipped_command.pt")
    torch.save({"a": torch.zeros(2)}, tmp_path / "other.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    for path in sorted(tmp_path.glob("*.pt")):
        with pytest.raises(ValueError, match=rf"got .*{path.name}"):
            load(path)
    assert not (tmp_path / "executed").exists()
    with pytest.raises(ValueError, match="which is not a file"):
        load("absent.pt")


def test_versions_and_damaged_keys(tmp_path, regressor):
    path = tmp_path / "m.pt"
    regressor.save(path)
    state = torch.load(path, weights_only=True)
    torch.save(state | {"version": 99}, path)
    with pytest.raises(ValueError, match="version 1; got 99"):
        load(path)
    for key in artifact._REQUIRED:
        torch.save({k: v for k, v in state.items() if k != key}, path)
        with pytest.raises(ValueError, match=f"expected '{key}'"):
            load(path)


def test_an_interrupted_write_keeps_the_old_file(tmp_path, monkeypatch, regressor):
    path = tmp_path / "m.pt"
    regressor.save(path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        regressor.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.pt"]


def test_missing_folder(tmp_path, regressor):
    with pytest.raises(FileNotFoundError, match="create it first"):
        regressor.save(tmp_path / "absent" / "m.pt")

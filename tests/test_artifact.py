"""Model files: what is read, what is refused, and that writes are whole."""

import pickle
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_interp import SpectralRegressor, artifact, load
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
    for key in artifact._REQUIRED[artifact.MODEL]:
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


def test_what_cannot_be_read_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="cannot read as tensors"):
        artifact.write(
            tmp_path / "m.pt", {"run": {}, "identity": {"when": Command()}}, kind=artifact.CHECKPOINT
        )
    assert not list(tmp_path.iterdir())


def test_numpy_parameters_and_permissions(tmp_path, diabetes):
    X, y = diabetes
    options = {
        "dim": np.int64(3),
        "n_epochs": np.int64(9),
        "alpha": np.float64(2.0),
        "verbose": np.bool_(False),
    }
    est = SpectralRegressor(**options, random_state=np.random.default_rng(0)).fit(X, y)
    est.save(tmp_path / "m.pt")
    assert load(tmp_path / "m.pt").get_params()["alpha"] == 2.0
    assert (tmp_path / "m.pt").stat().st_mode & 0o777 == 0o666 & ~artifact._UMASK


def test_values_of_other_types_are_kept_as_text(tmp_path, rng):
    frame = pd.DataFrame(
        {
            "price": [Decimal(int(x)) / 4 for x in rng.integers(0, 99, 40)],
            "bin": pd.cut(rng.normal(size=40), [-9, 0, 9]),
            "day": pd.Categorical(
                pd.to_datetime("2024-01-03") + pd.to_timedelta(rng.integers(0, 3, 40), "D")
            ),
        }
    )
    est = SpectralRegressor(dim=2, n_epochs=2, random_state=0).fit(frame, rng.normal(size=40))
    est.save(tmp_path / "m.pt", heldout=(frame[:9], np.zeros(9)))
    back = load(tmp_path / "m.pt")
    np.testing.assert_array_equal(back.encode(back.heldout_[0]), est.encode(frame[:9]))
    np.testing.assert_array_equal(back.encode(back.background_), est.encode(est.background_))


def test_small_foreign_files_of_every_kind_are_refused(tmp_path, rng):
    path = tmp_path / "strange.pt"
    for text in ("batch,order\n1,2\n", "{}", "x", "I1\n.", "c__builtin__\nexec\n.", "(lp0\n."):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"strange\.pt"):
            load(path)
    for n in range(1, 60):
        path.write_bytes(rng.bytes(n))
        with pytest.raises(ValueError, match=r"strange\.pt"):
            load(path)


@pytest.mark.parametrize(
    "damage",
    [
        {"weights": {}},
        {"task": "poetry"},
        {"encoder": [{"kind": "magic"}]},
        {"history": {"epoch": 3}},
        {"parameters": {"depth": 3}},
        {"heldout": {"rows": 1}},
    ],
)
def test_damaged_models_are_refused(tmp_path, regressor, damage):
    path = tmp_path / "m.pt"
    regressor.save(path)
    torch.save(torch.load(path, weights_only=True) | damage, path)
    with pytest.raises(ValueError, match="expected"):
        load(path)


def test_damaged_bare_state_dicts_are_refused(tmp_path):
    path = tmp_path / "bare.pt"
    state = TridiagonalSpectral(3, 6).state_dict()
    for wrong in (torch.zeros(2, 2), "text"):
        torch.save(state | {"off_diag.weight": wrong}, path)
        with pytest.raises(ValueError, match=r"bare\.pt"):
            load(path)


def test_loading_keeps_whether_columns_had_names(tmp_path, diabetes):
    X, y = diabetes
    est = SpectralRegressor(dim=2, n_epochs=2, random_state=0).fit(X.to_numpy(), y)
    est.save(tmp_path / "m.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(tmp_path / "m.pt").predict(X.to_numpy())


def test_what_is_saved_are_the_parameters_of_the_fit(tmp_path, rng):
    X = rng.normal(size=(60, 2))
    est = SpectralRegressor(dim=4, n_epochs=3, random_state=0).fit(X, X[:, 0])
    before = est.predict(X)
    est.set_params(k=0, dim=7, structure="dense").save(tmp_path / "m.pt")
    np.testing.assert_array_equal(load(tmp_path / "m.pt").predict(X), before)

"""Model files: what is read, what is refused, and that writes are whole."""

import json
import os
import pickle
import resource
import warnings
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_interp import SpectralRegressor, load, training
from spectral_interp.files import artifact
from spectral_interp.files import reader as archive
from spectral_interp.models.spectral import TridiagonalSpectral

OPTIONS = training.Options(loss="squared", n_epochs=10, batch_size=512, learning_rate=0.035)


VERSION_1 = Path(__file__).parents[1] / "fixtures" / "version_1"


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


@pytest.mark.parametrize(
    ("what", "reason"),
    [(Command(), "posix system"), (["no"] * archive.MAX_STEPS, "fewer rows of text"), (10**30, "identity")],
)
def test_what_cannot_be_read_is_not_written(tmp_path, what, reason):
    path = tmp_path / "m.pt"
    run = training.Run.start(
        TridiagonalSpectral(2, 3, dtype=torch.float64), OPTIONS, n_rows=5, generator=torch.Generator()
    )
    with pytest.raises(ValueError, match=rf"checkpoint for .*m\.pt; .*{reason}"):
        artifact.write(path, {"run": run.state(), "identity": {"x": what}}, kind=artifact.CHECKPOINT)
    assert not list(tmp_path.iterdir())


def test_numpy_parameters_and_permissions(tmp_path, diabetes):
    X, y = diabetes
    options = {
        "dim": np.int64(3),
        "n_epochs": np.int64(9),
        "alpha": np.float64(2.0),
        "verbose": np.bool_(False),
    }
    est = SpectralRegressor(**options, random_state=np.random.default_rng(0), form="single").fit(X, y)
    est.save(tmp_path / "m.pt")
    assert load(tmp_path / "m.pt").get_params()["alpha"] == 2.0
    (tmp_path / "other").touch()
    assert (tmp_path / "m.pt").stat().st_mode == (tmp_path / "other").stat().st_mode


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
    est = SpectralRegressor(dim=3, n_epochs=2, random_state=0, form="single").fit(frame, rng.normal(size=40))
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


def test_what_cannot_be_a_model_is_not_opened(tmp_path):
    with (tmp_path / "huge.pt").open("wb") as file:
        file.truncate(archive.MAX_FILE_BYTES + 1)  # sparse
    os.mkfifo(tmp_path / "pipe.pt")
    (tmp_path / "circle.pt").symlink_to(tmp_path / "circle.pt")
    with pytest.raises(ValueError, match=r"at most 1,073,741,824 bytes; got .*huge\.pt"):
        load(tmp_path / "huge.pt")
    for path in (tmp_path / "pipe.pt", tmp_path / "circle.pt", tmp_path, Path("/dev/zero")):
        with pytest.raises(ValueError, match=f"got '.*{path.name}', which is not a file"):
            load(path)


@pytest.mark.parametrize("name", ["regressor", "classifier", "diagonal", "published"])
def test_models_of_every_version(name):
    """Load files that version 1 wrote, each with its predictions; a new version adds a folder beside them."""
    expected = json.loads((VERSION_1 / "predictions.json").read_text())
    est = load(VERSION_1 / f"{name}.pt")
    prediction = est.pencil_.values(est.encode(est.background_))
    np.testing.assert_allclose(prediction, expected[name], rtol=1e-12)
    assert len(est.history_) == (0 if name == "published" else 10)


def test_a_version_1_model_is_whole():
    est = load(VERSION_1 / "regressor.pt")
    assert list(est.background_) == ["age", "gaps", "income", "city", "smoker", "constant"]
    assert est.encoder_.names == ("age", "gaps", "income", "city", "smoker")
    assert sorted(est.baselines_) == ["MLP", "linear"]
    X, y = est.heldout_
    assert (len(X), y.name) == (5, "risk")
    assert set(est.evaluate(X, y)) == {"R²", "RMSE"}
    assert load(VERSION_1 / "classifier.pt").classes_.tolist() == ["high", "low"]


def test_checkpoints_of_every_version():
    """Take up a run of 36 rows in batches of 512 where version 1 left it: after 10 epochs."""
    state = artifact.read(VERSION_1 / "checkpoint.pt", kind=artifact.CHECKPOINT)
    module = TridiagonalSpectral(state["run"]["weights"].numel() // 5 - 1, 3, dtype=torch.float64)
    run = training.Run.start(module, OPTIONS, n_rows=36, generator=torch.Generator())
    training.resume(run, VERSION_1 / "checkpoint.pt", {"task": "regression"})
    assert [event.epoch for event in run.history] == list(range(1, 11))
    assert np.isfinite(run.best_weights).all()


@pytest.mark.parametrize(
    "values",
    [
        [Decimal(i) / 7 for i in range(40)],
        [np.float64(i) for i in range(40)],
        [10**25 * i for i in range(1, 41)],
        [np.bool_(i % 2) for i in range(40)],
        [None, np.str_("a"), "b", "a"] * 10,
    ],
    ids=["decimals", "numbers", "large integers", "booleans", "texts"],
)
def test_columns_of_objects_are_saved(tmp_path, values):
    X = pd.DataFrame({"x": pd.Series(values, dtype=object)})
    est = SpectralRegressor(dim=3, n_epochs=2, random_state=0, form="single").fit(X, np.arange(40.0))
    est.save(tmp_path / "m.pt", heldout=(X, np.arange(40.0)))
    loaded = load(tmp_path / "m.pt")
    np.testing.assert_array_equal(loaded.predict(X), est.predict(X))
    np.testing.assert_array_equal(loaded.predict(loaded.heldout_[0]), est.predict(X))


def test_held_out_targets_that_do_not_fit_are_not_saved(tmp_path, classifier, breast_cancer):
    X, y = breast_cancer
    with pytest.raises(ValueError, match="got 'unclear'"):
        classifier.save(tmp_path / "m.pt", heldout=(X, y.where(y.index != 3, "unclear")))
    with pytest.raises(ValueError, match=r"y of shape \(5,\)"):
        classifier.save(tmp_path / "m.pt", heldout=(X[:5], y))
    assert not list(tmp_path.iterdir())


def test_loading_keeps_whether_columns_had_names(tmp_path, diabetes):
    X, y = diabetes
    est = SpectralRegressor(dim=3, n_epochs=2, random_state=0, form="single").fit(X.to_numpy(), y)
    est.save(tmp_path / "m.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(tmp_path / "m.pt").predict(X.to_numpy())


def test_what_is_saved_are_the_parameters_of_the_fit(tmp_path, rng):
    X = rng.normal(size=(60, 2))
    est = SpectralRegressor(dim=5, n_epochs=3, random_state=0, form="single").fit(X, X[:, 0])
    before = est.predict(X)
    est.set_params(k=0, dim=7, structure="dense").save(tmp_path / "m.pt")
    np.testing.assert_array_equal(load(tmp_path / "m.pt").predict(X), before)


def test_only_a_file_is_replaced(tmp_path, regressor):
    (tmp_path / "folder.pt").mkdir()
    os.mkfifo(tmp_path / "pipe.pt")
    for name in ("folder.pt", "pipe.pt"):
        with pytest.raises(FileExistsError, match=rf"name of a file; got .*{name}, which is"):
            regressor.save(tmp_path / name)


def test_a_full_disk_is_named(tmp_path, monkeypatch, regressor):
    """Torch would say "unexpected pos 704 vs 598" in a RuntimeError."""
    regressor.save(tmp_path / "m.pt")
    before = (tmp_path / "m.pt").read_bytes()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        with pytest.raises(OSError, match=r"expected to write .*m\.pt; got: .*File too large.*; make room"):
            regressor.save(tmp_path / "m.pt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert (tmp_path / "m.pt").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["m.pt"]

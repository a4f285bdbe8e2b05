"""The penalty on the widths of the slopes' certified intervals: its gradient, its effect, and bad values."""

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_interp import SpectralClassifier, SpectralRegressor, certify, load
from spectral_interp.commands import train
from spectral_interp.comparison.baselines import fit_baselines
from spectral_interp.models import DenseSpectral, DiagonalSpectral, TridiagonalSpectral
from spectral_interp.models.constraints import Constrained
from spectral_interp.models.spectral import PerClass
from spectral_interp.training import Options, Run, TrainingRows
from spectral_interp.training.loop import epochs


def widths(est):
    """Return ``λ_max − λ_min`` of every feature, by LAPACK, in units of the target."""
    return np.ptp(np.linalg.eigvalsh(est.pencil_.matrices[1:]), axis=1)


@pytest.mark.parametrize("kind", [TridiagonalSpectral, DiagonalSpectral, DenseSpectral])
def test_widths_are_those_of_lapack_and_differentiable(kind):
    module = kind(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    spectra = np.linalg.eigvalsh(module.pencil().matrices[1:])
    np.testing.assert_allclose(module.slope_widths().detach().numpy(), np.ptp(spectra, axis=1))
    both = PerClass([module, module]).slope_widths()
    torch.testing.assert_close(both, 2 * module.slope_widths())
    module.slope_widths().sum().backward()
    weight, h = module.diag.weight, 1e-6
    expected = torch.zeros_like(weight)
    with torch.no_grad():
        for at in np.ndindex(*weight.shape):
            sums = []
            for step in (h, -2 * h):
                weight[at] += step
                sums.append(module.slope_widths().sum())
            weight[at] += h
            expected[at] = (sums[0] - sums[1]) / (2 * h)
    torch.testing.assert_close(weight.grad, expected, atol=1e-8, rtol=0)


def test_widths_of_promised_features_are_those_of_the_plain_module():
    made = TridiagonalSpectral(2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    module = Constrained(made, [((1,), 1)])
    found = module.slope_widths().detach()
    torch.testing.assert_close(module.baked().slope_widths().detach(), found)


def test_the_loss_has_the_penalty():
    """The targets are the predictions and the penalty is strong: it moves the weights, and widths fall."""
    module = TridiagonalSpectral(2, 4, dtype=torch.float64)
    z = np.random.default_rng(0).normal(size=(32, 2))
    before = module.slope_widths().sum().item()
    rows = TrainingRows(z, module(torch.from_numpy(z)).detach().numpy(), np.ones(32))
    options = Options("squared", 60, 32, 0.01, provability=1e3)
    run = Run.start(module, options, n_rows=32, generator=torch.Generator().manual_seed(0))
    list(epochs(run, rows, rows))
    assert module.slope_widths().sum().item() < 0.7 * before


def test_intervals_get_narrower_and_directions_are_proven(diabetes):
    X, y = diabetes
    fits = [
        SpectralRegressor(form="single", n_epochs=100, provability=strength, random_state=0).fit(X, y)
        for strength in (0.0, 0.03, 0.3)
    ]
    sums = [widths(est).sum() for est in fits]
    assert sums[1] < 0.8 * sums[0]
    assert sums[2] < 0.3 * sums[0]
    proven = [int((certify(est).columns()["monotone"] != 0).sum()) for est in fits]
    assert proven[0] < proven[1] <= proven[2]
    scores = [est.score(X, y) for est in fits]
    assert scores[1] > 0.45


def test_one_for_every_structure_with_promises_classes_and_baselines(tmp_path, diabetes, flowers):
    X, y = diabetes[0][:80], diabetes[1][:80]
    options = {"form": "single", "dim": 3, "n_epochs": 40, "random_state": 0}
    for own in ({"structure": "diagonal"}, {"structure": "dense"}, {"monotone": {"bmi": 1}}):
        free, narrow = (
            SpectralRegressor(**options, **own, provability=strength).fit(X, y) for strength in (0.0, 0.3)
        )
        assert widths(narrow).sum() < widths(free).sum()
    assert certify(narrow).column("bmi")["monotone"] == 1
    narrow.save(tmp_path / "m.pt")
    assert load(tmp_path / "m.pt").provability == 0.3
    est = SpectralClassifier(**options, provability=0.01).fit(*flowers)
    assert set(fit_baselines(est, *flowers)) == {"linear", "MLP"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "single", "provability": -1.0}, "provability >= 0; got -1.0"),
        ({"form": "single", "provability": float("nan")}, "provability >= 0; got nan"),
        ({"form": "sum", "provability": 0.1}, "provability only with form='single'; got 0.1 with form='sum'"),
        ({"provability": 0.1}, "got 0.1 with form='auto'"),
    ],
)
def test_bad_values(diabetes, options, message):
    with pytest.raises(ValueError, match=message):
        SpectralRegressor(**options).fit(*diabetes)


def test_the_command_line_passes_it_on(tmp_path, run):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(60, 2)), columns=["a", "b"])
    table.assign(y=table["a"] ** 2).to_csv(tmp_path / "t.csv", index=False)
    command = [tmp_path / "t.csv", "--target", "y", "--out", tmp_path / "m.pt", "--epochs", "3"]
    assert run(train, *command, "--form", "single", "--provability", "0.02")[0] == 0
    assert load(tmp_path / "m.pt").provability == 0.02
    status, _, err = run(train, *command, "--provability", "0.02")
    assert status != 0
    assert "--provability only with --form='single'" in err

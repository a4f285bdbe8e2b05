"""State dicts of modules written as the published ones, against what these predict."""

import math
import re

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from spectral_interp import DensePencil, Pencil, certify, explain, from_state_dict, linear_regions, load
from spectral_interp.pencil import Total

P, D = 3, 5


class Bands(nn.Module):
    """Tridiagonal matrices by two linear layers."""

    def __init__(self):
        super().__init__()
        self.diag, self.off_diag = nn.Linear(P, D), nn.Linear(P, D - 1)

    def spectrum(self, z):
        b = self.off_diag(z)
        return torch.linalg.eigvalsh(
            torch.diag_embed(self.diag(z)) + torch.diag_embed(b, 1) + torch.diag_embed(b, -1)
        )


class Mixture(Bands):
    """A weighted sum of all eigenvalues."""

    def __init__(self):
        super().__init__()
        self.mixing_weight = nn.Parameter(torch.tensor([0.5, 0.0, -1.5, 0.3, 2.0]))

    def forward(self, z):
        return self.spectrum(z) @ self.mixing_weight


class Embedding(nn.Module):
    """Vectors of lower triangles as symmetric matrices, those below the diagonal times a factor."""

    def __init__(self, factor):
        super().__init__()
        i, j = torch.tril_indices(D, D)
        grid = torch.zeros(D, D, dtype=torch.long)
        grid[i, j] = torch.arange(len(i))
        self.register_buffer("map", torch.maximum(grid, grid.T).flatten())
        self.factors = torch.ones(len(i), dtype=torch.float64)
        self.factors[i != j] = factor

    def forward(self, x):
        return (x * self.factors)[..., self.map].view(*x.shape[:-1], D, D)


class Triangles(nn.Module):
    """Dense matrices by one linear layer."""

    def __init__(self, factor):
        super().__init__()
        self.lin = nn.Linear(P, D * (D + 1) // 2)
        self.tril_emb = Embedding(factor)

    def spectrum(self, z):
        return torch.linalg.eigvalsh(self.tril_emb(self.lin(z)))


class Letters(nn.Module):
    """Two features, with parameters that are not symmetric."""

    def __init__(self):
        super().__init__()
        self.A, self.B, self.C = (nn.Parameter(torch.randn(D, D)) for _ in range(3))

    def spectrum(self, z):
        x, y = z[:, 0, None, None], z[:, 1, None, None]
        return torch.linalg.eigvalsh(self.A + self.B * x + self.C * y)


class Increasing(nn.Module):
    """An ascending vector by its steps."""

    def __init__(self):
        super().__init__()
        self.start, self.increments = nn.Parameter(torch.randn(1)), nn.Parameter(torch.randn(D - 1))

    def forward(self):
        steps = nn.functional.softplus(self.increments).cumsum(dim=0)
        return torch.cat([self.start, self.start + steps])


class Multivariate(nn.Module):
    """A diagonal intercept, and parameters that are not symmetric, the features first or last."""

    def __init__(self, *, last):
        super().__init__()
        self.mu, self.last = Increasing(), last
        self.A = nn.Parameter(torch.randn(D, D, 1, P) if last else torch.randn(P, D, D))

    def spectrum(self, z):
        if self.last:
            features = (z * self.A).sum(-1).permute(2, 0, 1)
        else:
            features = (z @ self.A.view(P, D * D)).view(-1, D, D)
        return torch.linalg.eigvalsh(torch.diagflat(self.mu()).expand_as(features) + features)


MODULES = {
    "bands": (Bands, {}, Pencil),
    "plain triangles": (lambda: Triangles(1.0), {"couplings": "plain"}, DensePencil),
    "scaled triangles": (lambda: Triangles(math.sqrt(0.5)), {"couplings": "scaled"}, DensePencil),
    "letters": (Letters, {}, DensePencil),
    "features first": (lambda: Multivariate(last=False), {}, DensePencil),
    "features last": (lambda: Multivariate(last=True), {}, DensePencil),
}


@pytest.fixture(params=MODULES)
def published(request):
    """A module, the options to read it with, the kind of function that it is, and rows."""
    torch.manual_seed(3)
    make, options, kind = MODULES[request.param]
    z = np.random.default_rng(3).normal(size=(40, 2 if request.param == "letters" else P))
    return make().double(), options, kind, z


def truth(module, z):
    with torch.no_grad():
        return module.spectrum(torch.from_numpy(z)).numpy()


@pytest.mark.parametrize("k", [0, D // 2, -1])
def test_a_state_dict_predicts_as_its_module(published, k):
    module, options, kind, z = published
    found = from_state_dict(module.state_dict(), k=k, **options)
    assert isinstance(found, kind)
    np.testing.assert_allclose(found.values(z), truth(module, z)[:, k], rtol=1e-12, atol=1e-12)


def test_files_are_read_as_estimators(published, tmp_path):
    module, options, _, z = published
    torch.save(module.state_dict(), tmp_path / "state.pt")
    est = load(tmp_path / "state.pt", k=1, **options)
    np.testing.assert_allclose(est.predict(z), truth(module, z)[:, 1], rtol=1e-12, atol=1e-12)
    assert load(tmp_path / "state.pt", **options).pencil_.k == D // 2
    found = from_state_dict(tmp_path / "state.pt", k=1, **options)
    np.testing.assert_array_equal(found.values(z), est.pencil_.values(z))
    est.save(tmp_path / "model.pt")
    np.testing.assert_array_equal(load(tmp_path / "model.pt").predict(z), est.predict(z))


def test_everything_explains_a_file(published, tmp_path):
    module, options, _, z = published
    torch.save(module.state_dict(), tmp_path / "state.pt")
    names = ["u", "v", "w"][: z.shape[1]]
    est = load(tmp_path / "state.pt", k=1, columns=names, **options)
    X = pd.DataFrame(z, columns=names)
    att = explain(est, X, method="path")
    np.testing.assert_allclose(att.base_values + att.values.sum(axis=1), truth(module, z)[:, 1], atol=1e-9)
    assert list(certify(est, X).columns()["column"]) == names
    assert linear_regions(est, X).pieces(1e9)[1].max() == 0


def test_float32_tensors_and_lists():
    module = Bands()
    found = from_state_dict(module.state_dict(), k=2)
    lists = from_state_dict(
        {
            "diag": np.vstack([module.diag.bias.tolist(), np.transpose(module.diag.weight.tolist())]),
            "off_diag": np.vstack(
                [module.off_diag.bias.tolist(), np.transpose(module.off_diag.weight.tolist())]
            ),
        },
        k=2,
    )
    np.testing.assert_array_equal(found.diag, lists.diag)
    np.testing.assert_array_equal(found.off, lists.off)


def test_full_matrices_are_symmetric_up_to_rounding(rng):
    m = rng.normal(size=(P + 1, D, D))
    m += m.transpose(0, 2, 1)
    z = rng.normal(size=(20, P))
    expected = np.linalg.eigvalsh(m[0] + np.tensordot(z, m[1:], axes=1))[:, 3]
    near = m + 1e-9 * rng.normal(size=m.shape)
    for given in (m, torch.from_numpy(m), near):
        np.testing.assert_allclose(from_state_dict({"matrices": given}, k=3).values(z), expected, atol=1e-7)
    with pytest.raises(ValueError, match=r"symmetric matrices; got entries that differ by 0\.1 "):
        from_state_dict({"matrices": m + np.triu(np.full((D, D), 0.1), 1)}, k=3)


def test_a_mixture_is_the_sum_of_its_eigenvalues(rng, tmp_path):
    module, z = Mixture().double(), rng.normal(size=(40, P))
    with torch.no_grad():
        expected = module(torch.from_numpy(z)).numpy()
    torch.save(module.state_dict(), tmp_path / "mixture.pt")
    for state in (module.state_dict(), tmp_path / "mixture.pt"):
        total = from_state_dict(state)
        assert isinstance(total, Total)
        assert len(total.terms) == 4  # one weight is zero
        np.testing.assert_allclose(total.values(z), expected, rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match=r"one eigenvalue; got .*mixture\.pt, a mixture"):
        load(tmp_path / "mixture.pt")


def test_a_window_of_a_dense_module(rng):
    module, z = Triangles(1.0).double(), rng.normal(size=(30, P))
    total = from_state_dict(module.state_dict(), couplings="plain", weights=[0, 1 / 3, 1 / 3, 1 / 3, 0])
    np.testing.assert_allclose(total.values(z), truth(module, z)[:, 1:4].mean(axis=1), rtol=1e-12, atol=1e-12)
    assert total.structure == "dense"
    for method in ("local", "path", "shapley"):
        att = explain(total, z, method=method)
        np.testing.assert_allclose(att.base_values + att.values.sum(axis=1), total.values(z), atol=1e-9)
    cert, step = certify(total, z), 1e-6
    slopes = (total.values(z + step * np.eye(P)[0]) - total.values(z - step * np.eye(P)[0])) / (2 * step)
    low, high = (cert.columns()[end].iloc[0] for end in ("low", "high"))
    assert low - 1e-8 <= slopes.min()
    assert slopes.max() <= high + 1e-8
    assert linear_regions(total, z).pieces(1e9)[1].max() == 0


def test_equal_weights_are_the_trace(rng):
    module, z = Bands().double(), rng.normal(size=(30, P))
    total = from_state_dict(module.state_dict(), weights=np.ones(D))
    with torch.no_grad():
        expected = module.diag(torch.from_numpy(z)).sum(dim=1).numpy()
    np.testing.assert_allclose(total.values(z), expected, rtol=1e-12, atol=1e-12)


GOOD = {"diag": np.zeros((3, 2)), "off_diag": np.zeros((3, 1))}
LINEAR = {"lin.weight": np.zeros((3, 2)), "lin.bias": np.zeros(3)}


@pytest.mark.parametrize(
    ("state", "options", "message"),
    [
        (GOOD, {}, "expected k, .*got neither"),
        (GOOD, {"k": 2}, r"k in \[-2, 2\)"),
        (GOOD, {"k": 0, "weights": [1, 1]}, "no k for a mixture of all eigenvalues; got 0"),
        (GOOD, {"weights": [1, 1, 1]}, r"each of the 2 eigenvalues.*got shape \(3,\)"),
        (GOOD, {"weights": [0, 0]}, "not all zero"),
        (GOOD, {"weights": [np.nan, 0]}, "finite numbers in weights"),
        (GOOD | {"mixing_weight": [1.0, 1.0]}, {"weights": [1, 1]}, "no weights for a state dict that has"),
        (GOOD, {"k": 0, "couplings": "plain"}, "couplings only for lin.weight"),
        (GOOD | {"scale": np.ones(1)}, {"k": 0}, "expected diag, off_diag .*got scale too"),
        (LINEAR | {"tril_emb.map": [0], "gain": [1.0]}, {"k": 0}, "lin.bias, lin.weight .*got gain too"),
        ({}, {"k": 0}, "got none"),
        ({"diag": np.zeros((3, 2))}, {"k": 0}, "keys of a published module.*got diag$"),
        (GOOD | {"off_diag": np.zeros((3, 2))}, {"k": 0}, r"off of shape \(3, 1\).*got \(3, 2\)"),
        (GOOD | {"diag": [["a", "b"]]}, {"k": 0}, "array of real numbers for 'diag'; got list"),
        (GOOD | {"diag": np.full((3, 2), 1j)}, {"k": 0}, "real numbers for 'diag'; got complex ones"),
        (GOOD | {"diag": torch.full((3, 2), 1j)}, {"k": 0}, "real numbers for 'diag'; got complex ones"),
        (GOOD | {"diag": np.full((3, 2), np.inf)}, {"k": 0}, "finite numbers in diag; got inf in row 0"),
        (LINEAR, {"k": 0}, "couplings='plain' or 'scaled'.*got None"),
        (LINEAR, {"k": 0, "couplings": "half"}, "got 'half'"),
        (LINEAR | {"lin.bias": np.zeros(2)}, {"k": 0, "couplings": "plain"}, r"\(3, 2\) and \(2,\)"),
        (
            {"lin.weight": np.zeros((4, 2)), "lin.bias": np.zeros(4)},
            {"k": 0, "couplings": "plain"},
            r"d \(d \+ 1\) / 2 rows; got 4",
        ),
        (LINEAR | {"tril_emb.map": [0, 2, 2, 1]}, {"k": 0, "couplings": "plain"}, "another order"),
        ({"A": np.zeros((2, 2)), "B": np.zeros((3, 3))}, {"k": 0}, r"of the same shape \(d, d\)"),
        ({"A": np.zeros((2, 3)), "B": np.zeros((2, 3))}, {"k": 0}, "square matrices for A, B"),
        (
            {"A": np.zeros((3, 2, 2)), "mu.start": [0.0], "mu.increments": [0.0, 0.0]},
            {"k": 0},
            r"mu.increments of shape \(1,\)",
        ),
    ],
)
def test_bad_input_is_one_clear_line(state, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        from_state_dict(state, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("state", [None, [1.0], nn.Linear(2, 3)])
def test_a_state_that_is_no_mapping_is_refused(state):
    with pytest.raises(TypeError, match=rf"module\.state_dict\(\), or a path; got {type(state).__name__}"):
        from_state_dict(state, k=0)


def test_bad_files(tmp_path, regressor):
    path = tmp_path / "state.pt"
    torch.save(Triangles(1.0).state_dict(), path)
    for read in (load, from_state_dict):
        with pytest.raises(ValueError, match="couplings='plain' or 'scaled'"):
            read(path, k=0)
    for gain in (torch.ones(1), torch.tensor(3)):
        torch.save(Bands().state_dict() | {"gain": gain}, path)
        with pytest.raises(ValueError, match=rf"got gain too.*{re.escape(str(path))}"):
            load(path)
    torch.save({"diag": torch.full((3, 2), torch.nan), "off_diag": torch.zeros(3, 1)}, path)
    with pytest.raises(ValueError, match=r"state\.pt"):
        from_state_dict(path, k=0)
    regressor.save(tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"bare state dict; got .*model\.pt.*use load"):
        from_state_dict(tmp_path / "model.pt", k=0)
    with pytest.raises(ValueError, match="couplings only for a bare state dict; got 'plain'"):
        load(tmp_path / "model.pt", couplings="plain")

"""The modules: values against their pencils, gradients against autograd's numerical check."""

import pytest
import torch

from spectral_interp.models.spectral import MODULES, TridiagonalSpectral

every_structure = pytest.mark.parametrize("structure", list(MODULES))


def build(structure, p=3, d=5, **options):
    return MODULES[structure](p, d, dtype=torch.float64, **options)


def features(n, p=3):
    return torch.randn(n, p, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@every_structure
@pytest.mark.parametrize("k", [0, 2, -1, None])
def test_module_equals_pencil(structure, k):
    module, z = build(structure, k=k), features(40)
    expected = torch.from_numpy(module.pencil().values(z.numpy()))
    torch.testing.assert_close(module(z), expected, rtol=0, atol=1e-12)
    assert module.k == module.pencil().k


@every_structure
def test_gradients(structure):
    module = build(structure)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(10)
    parameters = tuple(p.detach().requires_grad_() for p in module.parameters())
    names = [name for name, _ in module.named_parameters()]

    def predict(z, *values):
        return torch.func.functional_call(module, dict(zip(names, values, strict=True)), z)

    assert torch.autograd.gradcheck(predict, (features(6).requires_grad_(), *parameters))


@every_structure
def test_rescaling_is_exact(structure):
    module, z = build(structure), features(20)
    before = module(z).detach()
    module.rescale_(3.0, -7.0)
    torch.testing.assert_close(module(z), 3 * before - 7, rtol=0, atol=1e-12)


@every_structure
def test_start_is_seeded_and_leaves_the_global_generator_alone(structure):
    state = torch.get_rng_state()
    one, two = (build(structure, generator=torch.Generator().manual_seed(5)) for _ in range(2))
    other = build(structure, generator=torch.Generator().manual_seed(6))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.diag.weight, two.diag.weight)
    assert not torch.equal(one.diag.weight, other.diag.weight)


@every_structure
@pytest.mark.parametrize("d", [1, 2])
def test_smallest_orders(structure, d):
    module = build(structure, d=d)
    value = module(features(4))
    value.sum().backward()
    assert value.shape == (4,)


def test_state_dict_has_the_published_names():
    state = TridiagonalSpectral(3, 5).state_dict()
    assert {name: tuple(t.shape) for name, t in state.items()} == {
        "diag.weight": (5, 3),
        "diag.bias": (5,),
        "off_diag.weight": (4, 3),
        "off_diag.bias": (4,),
    }
    assert state["diag.weight"].dtype == torch.float32


@pytest.mark.parametrize(
    ("p", "d", "k", "message"),
    [(0, 5, None, "n_features >= 1"), (3, 0, None, "dim >= 1"), (3, 5, 5, r"k in \[-5, 5\)")],
)
def test_bad_sizes(p, d, k, message):
    with pytest.raises(ValueError, match=message):
        TridiagonalSpectral(p, d, k)

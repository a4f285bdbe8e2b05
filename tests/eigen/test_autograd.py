"""The torch op: derivatives, transforms, operator checks, bad rows."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad, gradcheck, gradgradcheck

from spectral_interp.eigen import autograd, eigenpairs, kth_eigenpair, kth_eigenvalue

OPS = torch.ops.spectral_interp


def matrices(*lead, d=5, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    options = {"generator": generator, "dtype": dtype}
    return torch.randn(*lead, d, **options), torch.randn(*lead, d - 1, **options)


def leaves(*lead, **options):
    return tuple(t.requires_grad_() for t in matrices(*lead, **options))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("lead", [(), (7,), (2, 3)])
def test_equals_numpy(dtype, lead):
    diag, off = matrices(*lead, dtype=dtype)
    for k in range(-5, 5):
        value, vector = kth_eigenpair(diag, off, k)
        expected = eigenpairs(diag.numpy(), off.numpy(), k)
        assert torch.equal(value, torch.as_tensor(expected[0]))
        assert torch.equal(vector, torch.as_tensor(expected[1]))
        torch.testing.assert_close(kth_eigenvalue(diag, off, k), value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("k", [0, 2, -1])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_derivatives_of_the_value(d, k):
    k = min(k, d - 1)
    args = leaves(3, d=d)
    for function in (kth_eigenvalue, lambda a, b, k: autograd._Eigenvalue.apply(a, b, k % d)):
        assert gradcheck(
            lambda a, b, f=function: f(a, b, k), args, check_forward_ad=True, check_batched_grad=True
        )
        assert gradgradcheck(
            lambda a, b, f=function: f(a, b, k), args, check_fwd_over_rev=True, check_batched_grad=True
        )


@pytest.mark.parametrize("k", [0, 2, -1])
def test_derivatives_of_the_vector(k):
    args = leaves(3)
    assert gradcheck(
        lambda a, b: kth_eigenpair(a, b, k), args, check_forward_ad=True, check_batched_grad=True
    )
    assert gradgradcheck(lambda a, b: kth_eigenpair(a, b, k), args, check_fwd_over_rev=True)


def test_third_derivative():
    diag, off = matrices(d=4)

    def curvature(a):
        return torch.func.hessian(lambda x: kth_eigenvalue(x, off, 1))(a).sum()

    h = 1e-5
    steps = h * torch.eye(4, dtype=torch.float64)
    expected = torch.stack([(curvature(diag + s) - curvature(diag - s)) / (2 * h) for s in steps])
    torch.testing.assert_close(torch.func.jacrev(curvature)(diag), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_transforms_agree(dtype):
    diag, off = matrices(6, dtype=dtype)

    def predict(a, b):
        return kth_eigenvalue(a, b, 2)

    tolerance = {"rtol": 0, "atol": 1e-12 if dtype == torch.float64 else 1e-4}
    torch.testing.assert_close(torch.func.vmap(predict)(diag, off), predict(diag, off), rtol=0, atol=0)
    one = torch.func.vmap(torch.func.grad(predict), in_dims=(0, None))(diag, off[0])
    other = torch.func.grad(lambda a: torch.func.vmap(lambda x: predict(x, off[0]))(a).sum())(diag)
    torch.testing.assert_close(one, other, **tolerance)
    a, b = diag[0], off[0]
    torch.testing.assert_close(
        torch.func.jacrev(predict)(a, b), torch.func.jacfwd(predict)(a, b), **tolerance
    )
    hessian = torch.func.hessian(predict)(a, b)
    torch.testing.assert_close(
        hessian, torch.autograd.functional.hessian(lambda a: predict(a, b), a), **tolerance
    )
    batched = torch.func.vmap(torch.func.hessian(predict))(diag, off)
    torch.testing.assert_close(batched[0], hessian, **tolerance)
    vector = [
        transform(lambda a: kth_eigenpair(a, b, 2)[1])(a)
        for transform in (torch.func.jacrev, torch.func.jacfwd)
    ]
    torch.testing.assert_close(*vector, **tolerance)


def test_dual_numbers_reach_the_value_without_gradients():
    diag, off = matrices(4)
    with torch.no_grad(), forward_ad.dual_level():
        dual = forward_ad.make_dual(diag, torch.ones_like(diag))
        tangent = forward_ad.unpack_dual(kth_eigenvalue(dual, off, 2)).tangent
    torch.testing.assert_close(tangent, torch.ones(4, dtype=torch.float64))  # λ(A + tI) = λ(A) + t


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("name", ["eigenvalue", "eigenpair", "resolvent"])
def test_operators_pass_torchs_own_checks(name, grad):
    diag, off = matrices(3)
    tensors = [diag, off] if name != "resolvent" else [diag, off, *kth_eigenpair(diag, off, 2), diag.flip(0)]
    args = [t.clone().requires_grad_(grad) for t in tensors]
    if name != "resolvent":
        args.append(2)
    result = torch.library.opcheck(getattr(OPS, name).default, tuple(args))
    assert set(result.values()) == {"SUCCESS"}


def test_compiled_code_gives_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))

    def loss(a, b):
        value, vector = kth_eigenpair(2 * a, b, 2)
        return (value.sin() + vector[..., 0] ** 2).sum() + kth_eigenvalue(a, b, 1).sum()

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    grads = []
    for function in (loss, compiled):
        args = leaves(3)
        function(*args).backward()
        grads.append([a.grad for a in args])
    torch.testing.assert_close(*grads, rtol=0, atol=1e-12)
    with torch.no_grad():
        torch.testing.assert_close(compiled(*matrices(3)), loss(*matrices(3)), rtol=0, atol=1e-12)


def test_inference_computes_no_eigenvector(monkeypatch):
    monkeypatch.setattr(autograd.engine, "pairs", None)
    diag, off = leaves(4)
    with torch.no_grad():
        kth_eigenvalue(diag, off, 2)
    kth_eigenvalue(diag.detach(), off.detach(), 2)


def test_resolvent_is_the_pseudoinverse():
    for d in (1, 2, 3, 15, 60):
        diag, off = matrices(8, d=d, seed=d)
        value, vector = kth_eigenpair(diag, off, d // 2)
        rhs = matrices(8, d=d, seed=99)[0]
        dense = torch.diag_embed(diag) + torch.diag_embed(off, 1) + torch.diag_embed(off, -1)
        shifted = value[:, None, None] * torch.eye(d, dtype=torch.float64) - dense
        gaps = torch.linalg.eigvalsh(shifted).abs().sort().values[:, 1:]
        expected = (
            torch.linalg.pinv(shifted, atol=float(gaps.min()) / 2 if d > 1 else 1.0) @ rhs[..., None]
        )[..., 0]
        result = OPS.resolvent(diag, off, value, vector, rhs)
        torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-9 * float(expected.abs().max()))
        assert (result * vector).sum(-1).abs().max() < 1e-12 * max(1.0, float(expected.abs().max()))


def test_resolvent_stays_finite_in_clusters():
    diag, off = torch.ones(3, 6, dtype=torch.float64), torch.zeros(3, 5, dtype=torch.float64)
    value, vector = kth_eigenpair(diag, off, 2)
    assert torch.isfinite(OPS.resolvent(diag, off, value, vector, torch.ones_like(diag))).all()


def test_multiple_eigenvalue_gives_a_subgradient():
    diag = torch.tensor([1.0, 1.0, 3.0], dtype=torch.float64, requires_grad=True)
    off = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    kth_eigenvalue(diag, off, 0).backward()
    assert float(diag.grad.sum()) == pytest.approx(1)
    assert float(diag.grad[2]) == 0


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_bad_row_spoils_only_itself(bad):
    diag, off = matrices(40, seed=1)
    expected = kth_eigenpair(diag, off, 2)
    diag[7, 1] = bad
    diag.requires_grad_()
    value, vector = kth_eigenpair(diag, off, 2)
    value.sum().backward()
    rows = torch.arange(40) != 7
    assert torch.isnan(value[7])
    assert torch.isnan(vector[7]).all()
    assert torch.equal(value[rows], expected[0][rows])
    assert torch.isfinite(diag.grad[rows]).all()
    assert torch.isnan(diag.grad[7]).all()


def test_empty_batch():
    diag, off = leaves(0)
    kth_eigenvalue(diag, off, 2).sum().backward()
    assert diag.grad.shape == (0, 5)


@pytest.mark.parametrize(
    ("diag", "off", "k", "error", "message"),
    [
        (torch.ones(3), torch.ones(3), 0, ValueError, r"off of shape \(2,\)"),
        (torch.ones(3), torch.ones(2), 3, ValueError, r"k in \[-3, 3\)"),
        (torch.ones(3), torch.ones(2), None, TypeError, "k to be an integer; got NoneType"),
        (
            torch.ones(3, dtype=int),
            torch.ones(2, dtype=int),
            0,
            TypeError,
            "float32 or both float64; got torch.int64",
        ),
        (torch.ones(3, dtype=torch.cfloat), torch.ones(2), 0, TypeError, "got torch.complex64"),
        (torch.ones(3), torch.ones(2).double(), 0, TypeError, "got torch.float32 and torch.float64"),
        ([1.0, 2.0], torch.ones(1), 0, TypeError, "diag to be a torch.Tensor; got list"),
    ],
)
def test_bad_arguments(diag, off, k, error, message):
    for function in (kth_eigenvalue, kth_eigenpair):
        with pytest.raises(error, match=message):
            function(diag, off, k)


def test_devices_without_an_engine_are_named():
    with FakeTensorMode():
        diag, off = torch.empty(4, 3, device="cuda"), torch.empty(4, 2, device="cuda")
        with pytest.raises(ValueError, match=r"diag on the CPU; got device cuda:0; move it with \.cpu\(\)"):
            kth_eigenvalue(diag, off, 0)
    meta = kth_eigenpair(torch.empty(4, 3, device="meta"), torch.empty(4, 2, device="meta"), 0)
    assert [t.shape for t in meta] == [(4,), (4, 3)]


@pytest.mark.parametrize("transform", ["jvp", "grad", "vmap", "hessian"])
def test_transforms_inside_compiled_code(transform):
    diag, off = matrices(4)

    def value(a):
        return kth_eigenvalue(a, off[0], 2)

    functions = {
        "jvp": lambda d: torch.func.jvp(value, (d[0],), (d[1],))[1],
        "grad": lambda d: torch.func.grad(value)(d[0]),
        "vmap": lambda d: torch.func.vmap(torch.func.grad(value))(d),
        "hessian": lambda d: torch.func.hessian(value)(d[0]),
    }
    function = functions[transform]
    torch._dynamo.reset()
    compiled = torch.compile(function, backend="aot_eager")
    torch.testing.assert_close(compiled(diag), function(diag), rtol=0, atol=1e-12)
    assert function(diag).abs().max() > 0


def test_nested_forward_mode_is_refused_not_wrong():
    diag, off = matrices()
    for function in (lambda a: kth_eigenvalue(a, off, 2), lambda a: kth_eigenpair(a, off, 2)[1].sum()):
        with pytest.raises(NotImplementedError, match=r"use jacfwd\(jacrev\(f\)\)"):
            torch.func.jacfwd(torch.func.jacfwd(function))(diag)

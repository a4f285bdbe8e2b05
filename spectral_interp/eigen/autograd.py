"""Torch entry points: the k-th eigenvalue and eigenpair, differentiable to any order.

Three opaque operators (registered with ``torch.library``) call the compiled kernels; three derivative rules,
below, are written in those operators and ordinary tensor operations, so that the rules themselves can be
differentiated. With (λ, v) a simple eigenpair of the tridiagonal T, ‖v‖ = 1, and R = (λI − T)⁺:

    dλ = vᵀ dT v,        dv = R dT v.

For cotangents (ℓ, y) of (λ, v) that is ``ℓ dλ + yᵀ dv = uᵀ dT v`` with u = ℓ v + R y, and a tridiagonal dT =
(da, db) enters a bilinear form as ``uᵀ dT v = Σ_j da_j u_j v_j + Σ_j db_j (u_j v_{j+1} + u_{j+1} v_j)``.

R is the pseudoinverse of M = λI − T, whose rank is constant (d − 1), and dM = dλ I − dT, so (Golub and
Pereyra 1973)

    dR = −R dM R + R² dM P + P dM R²,        P = v vᵀ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, SupportsIndex

import torch
from torch import Tensor
from torch._C._functorch import TransformType, get_interpreter_stack, maybe_current_level
from torch.autograd import Function

from .._common.arrays import check_bands, check_index
from . import engine

_library = torch.library.Library("spectral_interp", "DEF")
_library.define("eigenvalue(Tensor diag, Tensor off, int k) -> Tensor")
_library.define("eigenpair(Tensor diag, Tensor off, int k) -> (Tensor, Tensor)")
_library.define("resolvent(Tensor diag, Tensor off, Tensor value, Tensor vector, Tensor rhs) -> Tensor")
_ops = torch.ops.spectral_interp


def kth_eigenvalue(diag: Tensor, off: Tensor, k: SupportsIndex) -> Tensor:
    """Return the k-th smallest eigenvalue of each symmetric tridiagonal matrix, differentiable.

    Without gradients no eigenvector is computed. A simple eigenvalue can be differentiated to any order, with
    at most one level of forward mode. At a multiple eigenvalue, the gradient is that of one unit eigenvector
    (a Clarke subgradient in the matrix).

    Parameters
    ----------
    diag : Tensor of float32 or float64, shape (..., d)
        Diagonals.
    off : Tensor of the same dtype, shape (..., d - 1)
        Off-diagonals.
    k : int
        0-based index in ascending order; negative values count from the top.

    Returns
    -------
    Tensor, shape (...)
        NaN exactly for matrices with a NaN or infinite entry.

    Raises
    ------
    ValueError
        If shapes do not match, ``k`` is out of range, or the tensors are not on the CPU.
    TypeError
        If the dtypes are not both float32 or both float64, or ``k`` is not an integer.

    Examples
    --------
    >>> diag = torch.tensor([2.0, 2.0], requires_grad=True)
    >>> kth_eigenvalue(diag, torch.tensor([1.0]), 0).backward()
    >>> diag.grad
    tensor([0.5000, 0.5000])
    """
    index = _check(diag, off, k)
    if torch.is_grad_enabled() and (diag.requires_grad or off.requires_grad):
        return _call(_Eigenpair, _ops.eigenpair, diag, off, index)[0]  # backward needs the eigenvector anyway
    return _call(_Eigenvalue, _ops.eigenvalue, diag, off, index)


def kth_eigenpair(diag: Tensor, off: Tensor, k: SupportsIndex) -> tuple[Tensor, Tensor]:
    """Return the k-th smallest eigenvalue and its eigenvector, differentiable.

    Parameters and errors are those of :func:`kth_eigenvalue`.

    Returns
    -------
    values : Tensor, shape (...)
    vectors : Tensor, shape (..., d)
        Vectors of unit 2-norm, with the entry of largest magnitude positive.

    Examples
    --------
    >>> kth_eigenpair(torch.tensor([1.0, 3.0]), torch.tensor([0.0]), -1)
    (tensor(3.), tensor([0., 1.]))
    """
    return _call(_Eigenpair, _ops.eigenpair, diag, off, _check(diag, off, k))


def _check(diag: Tensor, off: Tensor, k: SupportsIndex) -> int:
    for name, tensor in (("diag", diag), ("off", off)):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"expected {name} to be a torch.Tensor; got {type(tensor).__name__}")
        if tensor.device.type not in ("cpu", "meta"):
            raise ValueError(f"expected {name} on the CPU; got device {tensor.device}; move it with .cpu()")
    if diag.dtype != off.dtype or diag.dtype not in (torch.float32, torch.float64):
        raise TypeError(
            f"expected diag and off both float32 or both float64; got {diag.dtype} and {off.dtype}"
        )
    check_bands(diag.shape, off.shape)
    return check_index(k, diag.shape[-1])


def _call(rule: type[Function], op: Callable[..., Any], *args: Any) -> Any:
    """Apply a derivative rule; a compiler sees the operator to which the rule is attached.

    Operators have no forward mode, so under a transform of ``torch.func`` the rule is called outside the
    compiler.
    """
    if not torch.compiler.is_compiling():
        return rule.apply(*args)
    return _apply_uncompiled(rule, *args) if maybe_current_level() is not None else op(*args)


@torch.compiler.disable
def _apply_uncompiled(rule: type[Function], *args: Any) -> Any:
    return rule.apply(*args)


def _refuse_nested_forward_mode() -> None:
    """Raise where torch would return zeros: a custom function's jvp loses outer forward-mode levels."""
    stack = get_interpreter_stack() or []
    if sum(level.key() == TransformType.Jvp for level in stack) > 1:
        raise NotImplementedError(
            "expected at most one level of forward mode over an eigenvalue; got nested ones, which torch "
            "does not carry through custom functions; use jacfwd(jacrev(f)) or torch.func.hessian"
        )


def _bilinear(u: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """Return the derivatives of ``uᵀ T w`` with respect to the diagonal and the off-diagonal of T."""
    return u * w, u[..., :-1] * w[..., 1:] + u[..., 1:] * w[..., :-1]


def _multiply(diag: Tensor, off: Tensor, x: Tensor) -> Tensor:
    """Return ``T x``."""
    below = torch.nn.functional.pad(off * x[..., :-1], (1, 0))
    above = torch.nn.functional.pad(off * x[..., 1:], (0, 1))
    return diag * x + below + above


def _dot(u: Tensor, w: Tensor) -> Tensor:
    return (u * w).sum(-1, keepdim=True)


def _lead(size: int, dims: tuple[int | None, ...], args: tuple[Any, ...]) -> list[Any]:
    """Move the vmapped axis of every tensor to the front, or expand one there."""
    return [
        arg
        if not isinstance(arg, Tensor)
        else arg.expand(size, *arg.shape)
        if dim is None
        else arg.movedim(dim, 0)
        for arg, dim in zip(args, dims, strict=True)
    ]


class _Eigenvalue(Function):
    @staticmethod
    def forward(diag: Tensor, off: Tensor, k: int) -> Tensor:
        return _ops.eigenvalue(diag, off, k)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        diag, off, ctx.k = inputs
        ctx.save_for_backward(diag, off)
        ctx.save_for_forward(diag, off)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        _, v = _Eigenpair.apply(*ctx.saved_tensors, ctx.k)
        return *_bilinear(grad.unsqueeze(-1) * v, v), None

    @staticmethod
    def jvp(ctx: Any, diag_dot: Tensor, off_dot: Tensor, _: None) -> Tensor:
        _refuse_nested_forward_mode()
        _, v = _Eigenpair.apply(*ctx.saved_tensors, ctx.k)
        return _dot(v, _multiply(diag_dot, off_dot, v)).squeeze(-1)

    @staticmethod
    def vmap(info: Any, dims: tuple[int | None, ...], *args: Any) -> tuple[Tensor, int]:
        return _Eigenvalue.apply(*_lead(info.batch_size, dims, args)), 0


class _Eigenpair(Function):
    @staticmethod
    def forward(diag: Tensor, off: Tensor, k: int) -> tuple[Tensor, Tensor]:
        return _ops.eigenpair(diag, off, k)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        diag, off, _ = inputs
        ctx.save_for_backward(diag, off, *output)
        ctx.save_for_forward(diag, off, *output)
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(
        ctx: Any, grad_value: Tensor | None, grad_vector: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None, None]:
        diag, off, value, v = ctx.saved_tensors
        if grad_value is None and grad_vector is None:
            return None, None, None
        u = torch.zeros_like(v) if grad_value is None else grad_value.unsqueeze(-1) * v
        if grad_vector is not None:
            u = u + _Resolvent.apply(diag, off, value, v, grad_vector)
        return *_bilinear(u, v), None

    @staticmethod
    def jvp(ctx: Any, diag_dot: Tensor | None, off_dot: Tensor | None, _: None) -> tuple[Tensor, Tensor]:
        _refuse_nested_forward_mode()
        diag, off, value, v = ctx.saved_tensors
        step = _multiply(_or_zeros(diag_dot, diag), _or_zeros(off_dot, off), v)
        return _dot(v, step).squeeze(-1), _Resolvent.apply(diag, off, value, v, step)

    @staticmethod
    def vmap(
        info: Any, dims: tuple[int | None, ...], *args: Any
    ) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
        return _Eigenpair.apply(*_lead(info.batch_size, dims, args)), (0, 0)


class _Resolvent(Function):
    """x = R w. Value and vector of the eigenpair are functions of T; dT includes their derivatives.

    For a cotangent y, with q = R y, ``yᵀ dR w`` collects the terms of the formula above into traces with dM,

        yᵀ dR w = −qᵀ dM x + (vᵀw) vᵀ dM R q + (vᵀy) vᵀ dM R x,

    and dM = (vᵀ dT v) I − dT, where the unit matrix only multiplies ``−qᵀx``, since R v = 0.
    """

    @staticmethod
    def forward(diag: Tensor, off: Tensor, value: Tensor, vector: Tensor, rhs: Tensor) -> Tensor:
        return _ops.resolvent(diag, off, value, vector, rhs)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs, output)
        ctx.save_for_forward(*inputs, output)

    @staticmethod
    def backward(ctx: Any, y: Tensor) -> tuple[Tensor, Tensor, None, None, Tensor]:
        diag, off, value, v, w, x = ctx.saved_tensors

        def resolve(rhs: Tensor) -> Tensor:
            return _Resolvent.apply(diag, off, value, v, rhs)

        q = resolve(y)
        u = _dot(v, w) * resolve(q) + _dot(v, y) * resolve(x) + _dot(q, x) * v
        (diag_x, off_x), (diag_u, off_u) = _bilinear(q, x), _bilinear(u, v)
        return diag_x - diag_u, off_x - off_u, None, None, q

    @staticmethod
    def jvp(
        ctx: Any, diag_dot: Tensor, off_dot: Tensor, _value: Any, _vector: Any, rhs_dot: Tensor
    ) -> Tensor:
        _refuse_nested_forward_mode()
        diag, off, value, v, w, x = ctx.saved_tensors
        diag_dot, off_dot = _or_zeros(diag_dot, diag), _or_zeros(off_dot, off)
        value_dot = _dot(v, _multiply(diag_dot, off_dot, v))

        def resolve(rhs: Tensor) -> Tensor:
            return _Resolvent.apply(diag, off, value, v, rhs)

        def dM(y: Tensor) -> Tensor:
            return value_dot * y - _multiply(diag_dot, off_dot, y)

        moved = resolve(_or_zeros(rhs_dot, w) - dM(x) + resolve(dM(_dot(v, w) * v)))
        return moved + v * _dot(v, dM(resolve(x)))

    @staticmethod
    def vmap(info: Any, dims: tuple[int | None, ...], *args: Any) -> tuple[Tensor, int]:
        return _Resolvent.apply(*_lead(info.batch_size, dims, args)), 0


def _or_zeros(tangent: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if tangent is None else tangent


def _register(name: str, rule: Any, kernel: Callable[..., Any], fake: Callable[..., Any]) -> None:
    """Attach kernel, shape rule and derivative rule to one operator."""
    qualified = f"spectral_interp::{name}"

    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        rule.setup_context(ctx, inputs, output)

    _library.impl(name, kernel, "CPU")
    torch.library.register_fake(qualified, fake, lib=_library)
    torch.library.register_autograd(qualified, rule.backward, setup_context=setup_context, lib=_library)
    torch.library.register_vmap(qualified, rule.vmap, lib=_library)


def _eigenvalue_kernel(diag: Tensor, off: Tensor, k: int) -> Tensor:
    values, _ = engine.values(_rows(diag), _rows(off), k)
    return torch.from_numpy(values).view(diag.shape[:-1])


def _eigenpair_kernel(diag: Tensor, off: Tensor, k: int) -> tuple[Tensor, Tensor]:
    values, vectors, _ = engine.pairs(_rows(diag), _rows(off), k)
    return torch.from_numpy(values).view(diag.shape[:-1]), torch.from_numpy(vectors).view(diag.shape)


def _resolvent_kernel(diag: Tensor, off: Tensor, value: Tensor, vector: Tensor, rhs: Tensor) -> Tensor:
    values = value.reshape(-1).contiguous().numpy()
    out = engine.resolvent(_rows(diag), _rows(off), values, _rows(vector), _rows(rhs))
    return torch.from_numpy(out).view(rhs.shape)


def _rows(tensor: Tensor) -> Any:
    """Return a tensor (..., m) as a C-contiguous array (n, m) that shares its memory where possible."""
    if tensor.dim() != 2:
        tensor = tensor.reshape(tensor.shape[:-1].numel(), tensor.shape[-1])
    return tensor.contiguous().numpy()


_register("eigenvalue", _Eigenvalue, _eigenvalue_kernel, lambda diag, off, k: diag.new_empty(diag.shape[:-1]))
_register(
    "eigenpair",
    _Eigenpair,
    _eigenpair_kernel,
    lambda diag, off, k: (diag.new_empty(diag.shape[:-1]), diag.new_empty(diag.shape)),
)
_register(
    "resolvent",
    _Resolvent,
    _resolvent_kernel,
    lambda diag, off, value, vector, rhs: rhs.new_empty(rhs.shape),
)

"""Sixteen numbers as one value of a compiled function: an LLVM vector.

LLVM turns the operations into SIMD instructions of the processor's width. ``load`` and ``store`` move lanes
between registers and memory; ``+ - * /``, ``abs`` and comparisons work on lanes and, with a number as one
operand, on all lanes; comparisons give masks, for ``where``. They work in compiled functions only. The
element type is that of the array from which the lanes come, float32 or float64.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from .compiling import HELPER

LANES = 16
"""Number of elements in one value."""

MOST = 32
"""Largest order of matrices for which :func:`scratch` has room."""

FLAGS = ("contract", "nsz", "arcp", "reassoc")
"""Optimisations permitted in sums and products; infinities and NaN are preserved."""


class Lanes(types.Type):
    """Sixteen numbers of one type."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(f"Lanes({dtype})")


class Mask(types.Type):
    """Sixteen truth values."""

    def __init__(self) -> None:
        super().__init__("Mask")


MASK = Mask()

_ELEMENTS = {types.float32: (ir.FloatType(), "f32"), types.float64: (ir.DoubleType(), "f64")}
_BITS = ir.VectorType(ir.IntType(1), LANES)


def _vector(dtype: Any) -> ir.VectorType:
    return ir.VectorType(_ELEMENTS[dtype][0], LANES)


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        super().__init__(manager, lanes, _vector(lanes.dtype))


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager: Any, mask: Mask) -> None:
        super().__init__(manager, mask, _BITS)


# ------------------------------------------------------------------------------------------------- memory


def _address(context: Any, builder: Any, kinds: Any, args: Any) -> Any:
    """Return the address of the lanes that start at an index of an array, or of :func:`scratch`."""
    place = context.cast(builder, args[1], kinds[1], types.intp)
    is_array = isinstance(kinds[0], types.Array)
    data = context.make_array(kinds[0])(context, builder, args[0]).data if is_array else args[0]
    return builder.bitcast(builder.gep(data, [place]), _vector(kinds[0].dtype).as_pointer())


@intrinsic
def load(typingctx: Any, source: Any, place: Any) -> Any:
    """Sixteen numbers of a C-contiguous array from a flat index on."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = _address(context, builder, signature.args, args)
        return builder.load(address, align=source.dtype.bitwidth // 8)

    return Lanes(source.dtype)(source, place), codegen


@intrinsic
def store(typingctx: Any, target: Any, place: Any, lanes: Any) -> Any:
    """Write sixteen numbers into a C-contiguous array from a flat index on."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = _address(context, builder, signature.args, args)
        builder.store(args[2], address, align=target.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.none(target, place, lanes), codegen


@intrinsic
def scratch(typingctx: Any, like: Any, order: Any) -> Any:
    """Room on the stack for 2 d + 2 lanes of the type of ``like``, an array; ``order`` is that of matrices.

    The compiler knows that nothing else writes there, and keeps it in registers if they suffice.
    """
    size = 2 * (_most(order) + 1) * LANES

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return cgutils.alloca_once(builder, _ELEMENTS[like.dtype][0], size=size)

    return types.CPointer(like.dtype)(like, order), codegen


@njit(**HELPER)
def rows(count: int) -> Any:
    """Return an array of float64 (count, LANES) aligned to cache lines; others load half as fast."""
    found = np.empty(count * LANES + 8)
    skip = -(found.ctypes.data >> 3) & 7
    return found[skip : skip + count * LANES].reshape(count, LANES)


# Loops over an order that is a tuple of d zeros have a length that the compiler knows, and are unrolled.
# For an order that is a number, at most MOST, code is compiled once for all values.


def _most(order: Any) -> int:
    """Return the largest order of a kind: a tuple of d zeros, or an integer."""
    return len(order) if isinstance(order, types.BaseTuple) else MOST


def dim(order: Any) -> int:
    """Return the number d of an order, also in compiled functions."""
    return order if isinstance(order, int) else len(order)


@overload(dim, strict=False)
def _overload_dim(order: Any) -> Any:
    return (lambda order: len(order)) if isinstance(order, types.BaseTuple) else (lambda order: order)


# --------------------------------------------------------------------------------------------- arithmetic


def _splat(context: Any, builder: Any, kind: Any, value: Any, dtype: Any) -> Any:
    vector, count = _vector(dtype), ir.VectorType(ir.IntType(32), LANES)
    empty = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(
        empty, context.cast(builder, value, kind, dtype), ir.Constant(ir.IntType(32), 0)
    )
    return builder.shuffle_vector(first, empty, ir.Constant(count, [0] * LANES))


def _both(context: Any, builder: Any, kinds: Any, args: Any) -> list[Any]:
    """Return two operands, at least one of them lanes, as vectors."""
    dtype = next(kind.dtype for kind in kinds if isinstance(kind, Lanes))
    return [
        arg if isinstance(kind, Lanes) else _splat(context, builder, kind, arg, dtype)
        for kind, arg in zip(kinds, args, strict=True)
    ]


@intrinsic
def fill(typingctx: Any, like: Any, number: Any) -> Any:
    """One number in all lanes, of the type of ``like``: an array or lanes."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _splat(context, builder, signature.args[1], args[1], like.dtype)

    return Lanes(like.dtype)(like, number), codegen


@intrinsic
def epsilon(typingctx: Any, like: Any) -> Any:
    """Return the rounding error of 1 in the type of ``like``: an array or lanes."""
    value = np.finfo(str(like.dtype)).eps

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return ir.Constant(_ELEMENTS[like.dtype][0], float(value))

    return like.dtype(like), codegen


def _binary(build: Callable[[Any, Any, Any], Any], result: Callable[[Any], Any]) -> Any:
    @intrinsic
    def operation(typingctx: Any, x: Any, y: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return build(builder, *_both(context, builder, signature.args, args))

        return result(x if isinstance(x, Lanes) else y)(x, y), codegen

    return operation


def _overload(symbol: Any, operation: Any) -> None:
    @overload(symbol, strict=False)
    def chosen(x: Any, y: Any) -> Any:
        kinds = (Lanes, types.Number)
        if isinstance(x, kinds) and isinstance(y, kinds) and (isinstance(x, Lanes) or isinstance(y, Lanes)):
            return lambda x, y: operation(x, y)
        return None


def _register() -> None:
    arithmetic = {operator.add: "fadd", operator.sub: "fsub", operator.mul: "fmul", operator.truediv: "fdiv"}
    for symbol, name in arithmetic.items():
        build = lambda builder, x, y, name=name: getattr(builder, name)(x, y, flags=FLAGS)  # noqa: E731
        _overload(symbol, _binary(build, lambda kind: kind))
    for symbol, sign in {operator.gt: ">", operator.lt: "<", operator.ge: ">=", operator.le: "<="}.items():
        build = lambda builder, x, y, sign=sign: builder.fcmp_ordered(sign, x, y)  # noqa: E731
        _overload(symbol, _binary(build, lambda kind: MASK))


_register()


def _unary(name: str) -> Any:
    @intrinsic
    def operation(typingctx: Any, x: Any) -> Any:
        vector, suffix = _vector(x.dtype), _ELEMENTS[x.dtype][1]

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = ir.FunctionType(vector, [vector])
            called = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}{suffix}")
            return builder.call(called, args)

        return x(x), codegen

    return operation


sqrt, _abs = _unary("sqrt"), _unary("fabs")


@overload(abs, strict=False)
def _overload_abs(x: Any) -> Any:
    return (lambda x: _abs(x)) if isinstance(x, Lanes) else None


def _extreme(sign: str) -> Any:
    return _binary(
        lambda builder, x, y: builder.select(builder.fcmp_ordered(sign, x, y), x, y), lambda kind: kind
    )


smaller, larger = _extreme("<"), _extreme(">")


@intrinsic
def shrinking(typingctx: Any, x: Any) -> Any:
    """Powers of two that bring positive normal float64 numbers into [1, 2)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        integers = ir.VectorType(ir.IntType(64), LANES)
        exponent, twice = (ir.Constant(integers, [n << 52] * LANES) for n in (2047, 2046))
        own = builder.and_(builder.bitcast(args[0], integers), exponent)
        return builder.bitcast(builder.sub(twice, own), _vector(x.dtype))

    return x(x), codegen


# -------------------------------------------------------------------------------------------------- masks


@intrinsic
def where(typingctx: Any, mask: Any, x: Any, y: Any) -> Any:
    """``x`` where the mask is true, else ``y``; one of them may be a number."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(args[0], *_both(context, builder, signature.args[1:], args[1:]))

    return (x if isinstance(x, Lanes) else y)(mask, x, y), codegen


def _logical(build: Callable[[Any, Any, Any], Any]) -> Any:
    @intrinsic
    def operation(typingctx: Any, x: Any, y: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return build(builder, *args)

        return MASK(x, y), codegen

    return operation


_and = _logical(lambda builder, x, y: builder.and_(x, y))
_or = _logical(lambda builder, x, y: builder.or_(x, y))
_same = _logical(lambda builder, x, y: builder.not_(builder.xor(x, y)))


@overload(operator.and_, strict=False)
def _overload_and(x: Any, y: Any) -> Any:
    return (lambda x, y: _and(x, y)) if isinstance(x, Mask) and isinstance(y, Mask) else None


@overload(operator.or_, strict=False)
def _overload_or(x: Any, y: Any) -> Any:
    return (lambda x, y: _or(x, y)) if isinstance(x, Mask) and isinstance(y, Mask) else None


@overload(operator.eq, strict=False)
def _overload_eq(x: Any, y: Any) -> Any:
    return (lambda x, y: _same(x, y)) if isinstance(x, Mask) and isinstance(y, Mask) else None


@intrinsic
def all_of(typingctx: Any, mask: Any) -> Any:
    """Whether the mask is true in every lane."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        number = builder.bitcast(args[0], ir.IntType(LANES))
        return builder.icmp_unsigned("==", number, ir.Constant(ir.IntType(LANES), 2**LANES - 1))

    return types.boolean(mask), codegen


@intrinsic
def places(typingctx: Any, mask: Any) -> Any:
    """Return an integer whose bit is 1 where the mask is true."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.zext(builder.bitcast(args[0], ir.IntType(LANES)), ir.IntType(64))

    return types.int64(mask), codegen


@intrinsic
def lowest(typingctx: Any, number: Any) -> Any:
    """Return the index of the lowest bit that is 1 in a positive integer."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), codegen


@intrinsic
def total(typingctx: Any, x: Any) -> Any:
    """Sum over the lanes."""
    kind, suffix = _ELEMENTS[x.dtype]

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        function = ir.FunctionType(kind, [kind, _vector(x.dtype)])
        name = f"llvm.vector.reduce.fadd.v{LANES}{suffix}"
        called = cgutils.get_or_insert_function(builder.module, function, name)
        return builder.call(called, [ir.Constant(kind, 0.0), args[0]], fastmath=("reassoc",))

    return x.dtype(x), codegen

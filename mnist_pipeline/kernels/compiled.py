"""Shared by all compiled code: Numba's decorator with a type, and explicit vectors.

Numba relies on LLVM to vectorize loops. LLVM does not vectorize short loops, and it uses only 256 bits on processors
whose 512-bit vectors it considers slow. The intrinsics here use explicit vectors, which LLVM keeps, and splits where
registers are narrower.

Numba's cache depends only on the file of the cached function: after a change here, touch the kernels' files too.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from llvmlite import ir  # type: ignore[import-untyped]  # it ships no types
from numba import extending
from numba.core import cgutils, event

BOOLEAN, BYTE, INT16, INT32, INT64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
FLOAT32, FLOAT64 = ir.FloatType(), ir.DoubleType()

_Function = TypeVar("_Function", bound=Callable[..., Any])

# Numba ships these without types.
intrinsic: Any = extending.intrinsic
ir_function: Any = cgutils.get_or_insert_function
alloca: Any = cgutils.alloca_once_value


class _Leftovers(event.Listener):
    """Collect garbage after a compilation.

    Numba keeps errors that it meets, which refer to the frames of all callers and so to their arrays. They would stay
    until Python collects its oldest generation.
    """

    def __init__(self) -> None:
        self.depth = 0  # compilations nest, because a function compiles what it calls; one thread at a time compiles

    def on_start(self, event: Any) -> None:
        """A compilation begins."""
        self.depth += 1

    def on_end(self, event: Any) -> None:
        """A compilation ends."""
        self.depth -= 1
        if self.depth == 0:
            gc.collect(1)  # older objects are older than the compilation


event.register("numba:compile", _Leftovers())  # type: ignore[no-untyped-call]  # Numba ships no types


def compiled(**options: Any) -> Callable[[_Function], _Function]:
    """Give :func:`numba.njit` a type: Numba ships no annotations."""
    return cast("Callable[[_Function], _Function]", numba.njit(**options))


class Emitter:
    """Emit the code of an intrinsic in vectors of `width` numbers of one type.

    `element` is `FLOAT32`, `FLOAT64` or `INT32`. The other arguments are those of an intrinsic's code generator.
    """

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any, element: Any, width: int) -> None:
        self.context, self.builder, self.signature, self.arguments = context, builder, signature, arguments
        self.element, self.width = element, width
        self.vector = ir.VectorType(element, width)

    def data(self, i: int) -> Any:
        """Pointer to the first element of an array argument, which must be in C order."""
        array_type = self.signature.args[i]
        if array_type.layout != "C":
            raise numba.errors.TypingError(f"argument {i} has layout {array_type.layout}: pass an array in C order")
        return self.context.make_array(array_type)(self.context, self.builder, self.arguments[i]).data

    def size(self, i: int, axis: int) -> Any:
        """Length of an axis of an array argument."""
        array_type = self.signature.args[i]
        shape = self.context.make_array(array_type)(self.context, self.builder, self.arguments[i]).shape
        return self.builder.extract_value(shape, axis)

    def at(self, data: Any, *terms: Any) -> Any:
        """Pointer to the element at a sum of offsets, which are ints or values."""
        for term in terms:
            data = self.builder.gep(data, [INT64(term) if isinstance(term, int) else term])
        return data

    def broadcast(self, value: Any) -> Any:
        """A vector with the same number in every lane."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        lane = self.builder.insert_element(undefined, value, INT32(0))
        zeros = ir.Constant(ir.VectorType(INT32, self.width), None)
        return self.builder.shuffle_vector(lane, undefined, zeros)

    def load(self, pointer: Any) -> Any:
        """Load the vector that begins at an element, with the alignment of elements."""
        return self.builder.load(self._as_vector(pointer), align=self._alignment())

    def store(self, vector: Any, pointer: Any) -> None:
        """Store the vector that begins at an element."""
        self.builder.store(vector, self._as_vector(pointer), align=self._alignment())

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        """a · b + c, in one instruction if the processor has one."""
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fmuladd.v{self.width}f{8 * self._alignment()}"
        return self.builder.call(ir_function(self.builder.module, kind, name), [a, b, c])

    def maximum(self, a: Any, b: Any) -> Any:
        """The larger number in each lane, or `b` if either is NaN."""
        return self.builder.select(self.builder.fcmp_ordered(">", a, b), a, b)

    def entries(self, start: Any, stop: Any, step: int = 1) -> Any:
        """Loop over k in [start, stop)."""
        return cgutils.for_range_slice(self.builder, start, stop, INT64(step), INT64, inc=True)

    def nothing(self) -> Any:
        """The result of an intrinsic that returns None."""
        return self.context.get_dummy_value()

    def _as_vector(self, pointer: Any) -> Any:
        return self.builder.bitcast(pointer, self.vector.as_pointer())

    def _alignment(self) -> int:
        """Bytes of an element."""
        return 8 if self.element == FLOAT64 else 4

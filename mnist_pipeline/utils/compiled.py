"""Tools of kernels: read a kernel's plain twin, which its first sentence names, to see its purpose.

They are Numba's decorators with types, and explicit vectors.

Numba relies on LLVM to vectorize loops. LLVM does not vectorize short loops, and it uses only 256
bits on processors whose 512-bit vectors it considers slow. The intrinsics here use explicit
vectors, which LLVM keeps, and splits where registers are narrower.
"""

import hashlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numba
from llvmlite import ir  # type: ignore[import-untyped]  # it ships no types
from numba import extending, types
from numba.core import cgutils, config

from mnist_pipeline.utils import directories

BYTE, INT32, INT64 = (ir.IntType(bits) for bits in (8, 32, 64))
FLOAT32, FLOAT64 = ir.FloatType(), ir.DoubleType()

# Names of the modules with compiled code. They import nothing of the project but each other.
KERNELS = ("kernel.py", "kernel_*.py", "*_kernel.py", "compiled/*.py", "compiled.py")
Kernel = Callable[..., Any]  # a compiled function


def kernel_files(package: Path) -> list[Path]:
    """The modules of a package whose content is compiled, or tells how."""
    return sorted(file for pattern in KERNELS for file in package.rglob(pattern))


def cache_directory(package: Path, base: Path) -> Path:
    """The directory below `base` for the compiled code of a package; each change of a kernel
    changes it.

    Numba compiles a cached function anew only if its own file changes, though the compiled code
    contains functions and constants of other files. Stale code would compute wrong results without
    an error.
    """
    sources = b"".join(file.read_bytes() for file in kernel_files(package))
    return base / f"numba-{hashlib.sha256(sources).hexdigest()[:12]}"


NUMBA: Any = config  # it gets its attributes when it is imported
CACHE = cache_directory(directories.PACKAGE, Path(NUMBA.CACHE_DIR or directories.code_cache()))


def compiled(**options: Any) -> Callable[[Kernel], Kernel]:
    """Numba's `njit`, with a type, and with the directory `CACHE`.

    A function that is not cached is called by others only: a tenth of the time that compiling takes
    would make it callable from Python and C.
    """
    NUMBA.CACHE_DIR = str(CACHE)  # Numba forgets it when one of its environment variables changes
    options = {"no_cfunc_wrapper": True, "no_cpython_wrapper": "cache" not in options, **options}
    return numba.njit(**options)


def intrinsic(
    emitter: "Callable[[Any, Any], Emitter]", returns: Any = types.void
) -> Callable[[Any], Any]:
    """Make an intrinsic of a function that emits its code.

    The function gets an emitter and the arguments of a call: arrays as `Array`, integers as int64,
    and other arguments unchanged.
    """

    def decorate(emit: Any) -> Any:
        def typed(_: Any, *kinds: Any) -> Any:
            def generate(context: Any, builder: Any, signature: Any, values: Sequence[Any]) -> Any:
                e = emitter(context, builder)
                arguments = map(e.argument, signature.args, values)
                value = emit(e, *arguments)
                return context.get_dummy_value() if value is None else value

            passed = [types.int64 if isinstance(kind, types.Integer) else kind for kind in kinds]
            return returns(*passed), generate

        function: Any = typed
        function.__name__ = emit.__name__
        function.__signature__ = inspect.signature(emit)
        return extending.intrinsic(function)

    return decorate


class Array(NamedTuple):
    """An array in C order: a pointer to its first element, its shape, and the type of elements."""

    data: Any
    shape: list[Any]
    dtype: Any


class Emitter:
    """Emit code in vectors of `width` numbers of the type `element`.

    Sizes and offsets are ints or int64 values.
    """

    element: Any = FLOAT32
    width = 16  # 512 bits

    def __init__(self, context: Any, builder: Any) -> None:
        self.context, self.builder = context, builder
        self.vector = ir.VectorType(self.element, self.width)
        self.zero = ir.Constant(self.vector, None)
        self.alignment = 8 if self.element == FLOAT64 else 4  # bytes of an element

    def argument(self, kind: Any, value: Any) -> Any:
        """An argument of the intrinsic."""
        if not isinstance(kind, types.Array):
            return value
        if kind.layout != "C":
            raise numba.errors.TypingError(f"an array has layout {kind.layout}: pass it in C order")
        array = self.context.make_array(kind)(self.context, self.builder, value)
        shape = [self.builder.extract_value(array.shape, axis) for axis in range(kind.ndim)]
        return Array(array.data, shape, kind.dtype)

    def add(self, a: Any, b: Any) -> Any:
        """a + b."""
        return self.builder.add(_value(a), _value(b))

    def multiply(self, a: Any, b: Any) -> Any:
        """a · b."""
        return self.builder.mul(_value(a), _value(b))

    def at(self, pointer: Any, *offsets: Any) -> Any:
        """Pointer to the element at the sum of some offsets."""
        for offset in offsets:
            pointer = self.builder.gep(pointer, [_value(offset)])
        return pointer

    def item(self, array: Array, *index: Any) -> Any:
        """Pointer to the element of an array at an index, one number per axis."""
        position = index[0]
        for length, number in zip(array.shape[1:], index[1:], strict=True):
            position = self.add(self.multiply(position, length), number)
        return self.at(array.data, position)

    def number(self, array: Array, i: Any, kind: Any) -> Any:
        """Element i of an array, converted to a Numba type."""
        return self.context.cast(
            self.builder, self.builder.load(self.at(array.data, i)), array.dtype, kind
        )

    def row(self, pointer: Any, index: Any, length: int) -> list[Any]:
        """Pointers to the vectors of a row, in rows of `length` elements."""
        start = self.at(pointer, self.multiply(index, length))
        return [self.at(start, first) for first in range(0, length, self.width)]

    def broadcast(self, value: Any) -> Any:
        """A vector with the same number in every lane."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        lane = self.builder.insert_element(undefined, value, INT32(0))
        zeros = ir.Constant(ir.VectorType(INT32, self.width), None)
        return self.builder.shuffle_vector(lane, undefined, zeros)

    def load(self, pointer: Any) -> Any:
        """Load the vector that begins at an element, which need not be aligned."""
        return self.builder.load(
            self.builder.bitcast(pointer, self.vector.as_pointer()), align=self.alignment
        )

    def store(self, vector: Any, pointer: Any) -> None:
        """Store the vector that begins at an element."""
        self.builder.store(
            vector, self.builder.bitcast(pointer, self.vector.as_pointer()), align=self.alignment
        )

    def variable(self, initial: Any) -> Any:
        """A pointer to a variable, which LLVM keeps in a register."""
        return cast("Any", cgutils.alloca_once_value)(self.builder, initial)

    def call(self, name: str, result: Any, *arguments: Any) -> Any:
        """Call an intrinsic of LLVM."""
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        function = cast("Any", cgutils.get_or_insert_function)(self.builder.module, kind, name)
        return self.builder.call(function, arguments)

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        """a · b + c of vectors, in one instruction if the processor has one."""
        return self.call(f"llvm.fmuladd.v{self.width}f{8 * self.alignment}", self.vector, a, b, c)

    def loop(self, start: Any, stop: Any, step: int = 1) -> Any:
        """Loop over k in [start, stop)."""
        return cgutils.for_range_slice(
            self.builder, _value(start), _value(stop), INT64(step), INT64, inc=True
        )


def _value(number: Any) -> Any:
    return INT64(number) if isinstance(number, int) else number

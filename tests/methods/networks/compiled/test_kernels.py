"""The compiled functions of both layers reach no memory beyond their arrays, whoever calls them."""

import numpy as np
import pytest
from numba.core.errors import NumbaError

from mnist_pipeline.methods.networks.compiled import convolution, winograd


def _values(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def _argmax(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.uint8)


# The compiled functions, and arguments that they accept.
KERNELS = {
    "first layer": (
        convolution.convolve_and_pool,
        [
            _values(5, 28, 28),
            _values(5, 12, 12, 32),
            _argmax(5, 12, 12, 32),
            _values(25, 32),
            _values(32),
        ],
    ),
    "gradients of the first layer": (
        convolution.add_gradients,
        [
            _values(5, 28, 28),
            _values(5, 12, 12, 32),
            _values(5, 12, 12, 32),
            _argmax(5, 12, 12, 32),
            _values(26, 32),
        ],
    ),
    "second layer": (
        winograd.convolve_and_pool,
        [
            _values(5, 12, 12, 32),
            _values(5, 4, 4, 64),
            _argmax(5, 4, 4, 64),
            _values(64, 32, 64),
            _values(64),
        ],
    ),
    "gradients of the second layer": (
        winograd.add_gradients,
        [
            _values(5, 4, 4, 64),
            _values(5, 12, 12, 32),
            _values(5, 4, 4, 64),
            _argmax(5, 4, 4, 64),
            _values(5, 12, 12, 32),
            _values(64, 64, 32),
            _values(64, 32, 64),
            _values(64),
        ],
    ),
}
# From an argument to one that is too short.
SHORTER = {
    "fewer of the first axis": lambda array: array[:-1].copy(),
    "half of the last axis": lambda array: np.ascontiguousarray(array[..., ::2]),
    "none": lambda array: array[:0],
}


def _call(name: str, index: int, changed: np.ndarray) -> None:
    function, arguments = KERNELS[name]
    function(*arguments[:index], changed, *arguments[index + 1 :])


@pytest.mark.parametrize("change", SHORTER)
@pytest.mark.parametrize("name", KERNELS)
def test_a_compiled_function_refuses_arrays_that_it_would_read_beyond(name, change, other_process):
    function, arguments = KERNELS[name]
    other_process.submit(function, *arguments).result()
    for index, argument in enumerate(arguments):
        is_optional = name == "gradients of the second layer" and index == 4  # if it is empty
        if not (is_optional and change == "none"):
            with pytest.raises(ValueError, match="expected"):
                other_process.submit(_call, name, index, SHORTER[change](argument)).result()


@pytest.mark.slow  # Numba compiles for each type
@pytest.mark.parametrize("name", KERNELS)
def test_a_compiled_function_refuses_values_of_half_the_size_and_positions_of_another(
    name, other_process
):
    _, arguments = KERNELS[name]
    index = next(i for i, argument in enumerate(arguments) if argument.dtype == np.uint8)
    for changed_index, dtype in ((0, np.float16), (0, np.uint8), (index, np.float32)):
        changed = arguments[changed_index].astype(dtype)
        with pytest.raises((ValueError, TypeError, NumbaError, NotImplementedError)):
            other_process.submit(_call, name, changed_index, changed).result()

"""Arguments in every form that people pass, and the check of a public function with all of them.

`check_door` passes each argument of a function in each form, in another process, since compiled
code could end it. The function gives the answer of a plain computation, or it refuses the argument.

    def plain(covariance):  # raises, or returns None or NaN, where there is no answer
        return np.linalg.eigvalsh(covariance)[::-1]

    check_door(other_process, pca.eigendecomposition, {"covariance": np.eye(3)}, plain)
"""

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from typing import Any

import numpy as np

Form = Callable[[Any], Any]  # from a good argument to an odd one

ODD_NUMBERS = {
    "NaN": np.nan,
    "infinity": np.inf,
    "minus infinity": -np.inf,
    "0": 0,
    "-1": -1,
    "2**40": 2**40,
    "1e300": 1e300,
    "1e-25": 1e-25,
    "1e-320": 1e-320,
}
TYPES = (
    *("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "g", ">f8", ">i4"),
    *("F", "D", "U", "S", "O", "V", "M8[s]", "m8[s]"),
)


def _all(number: float) -> Form:
    return lambda array: np.full(array.shape, number, _type_for(array, number))


def _one(number: float) -> Form:
    """The last of all numbers is replaced."""

    def replace(array: np.ndarray) -> np.ndarray:
        replaced = array.astype(_type_for(array, number))
        replaced.flat[-1] = number
        return replaced

    return replace


def _type_for(array: np.ndarray, number: float) -> np.dtype:
    """The array's type if it can represent the number, or a wider one."""
    return np.result_type(array.dtype, np.min_scalar_type(number))


def _unaligned(array: np.ndarray) -> np.ndarray:
    buffer = np.empty(array.nbytes + 1, np.uint8)
    buffer[1:] = np.frombuffer(array.tobytes(), np.uint8)
    return buffer[1:].view(array.dtype).reshape(array.shape)


def _read_only(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def _tuples(values: Any) -> Any:
    return tuple(map(_tuples, values)) if isinstance(values, list) else values


# The same numbers, laid out in another way: a function must accept them.
LAYOUTS: Mapping[str, Form] = {
    "as it is": np.array,
    "Fortran order": lambda array: np.array(array, order="F"),
    "negative strides": lambda array: np.flip(np.flip(array).copy()),
    "zero strides": lambda array: np.broadcast_to(array[:1], array.shape),
    "every other number": lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    "read-only": _read_only,
    "unaligned": _unaligned,
    "another byte order": lambda array: array.astype(array.dtype.newbyteorder()),
}
# A function must accept these too if NumPy makes the array of the right type of them.
LISTS: Mapping[str, Form] = {
    "lists": lambda array: array.tolist(),
    "tuples": lambda array: _tuples(array.tolist()),
}
ODD_ARRAYS: Mapping[str, Form] = {
    **{f"all {name}": _all(number) for name, number in ODD_NUMBERS.items()},
    **{f"one {name}": _one(number) for name, number in ODD_NUMBERS.items()},
    **{f"type {code}": lambda array, code=code: array.astype(code) for code in TYPES},
    "complex numbers": lambda array: array + 1j,
    "empty": lambda array: array[:0],
    "no columns": lambda array: array[..., :0],
    "one element": lambda array: array.ravel()[:1],
    "a number": lambda array: array.ravel()[0],
    "a dimension more": lambda array: array[np.newaxis],
    "a dimension fewer": lambda array: array[0],
    "the first row": lambda array: array[:1],
    "a row fewer": lambda array: array[:-1],
    "a row more": lambda array: np.concatenate([array, array[:1]]),
    "a column fewer": lambda array: array[..., :-1],
    "a column more": lambda array: np.concatenate([array, array[..., :1]], axis=-1),
    "None": lambda array: None,
    "a text": lambda array: "seven",
    "an object": lambda array: object(),
    "a dictionary": lambda array: {"seven": 7},
    "rows of different lengths": lambda array: [[1.0], [1.0, 2.0]],
}
ARRAYS = {**LAYOUTS, **LISTS, **ODD_ARRAYS}
NUMBERS: Mapping[str, Form] = {
    "as it is": lambda number: number,
    **{name: lambda _, odd=odd: odd for name, odd in ODD_NUMBERS.items()},
    **{f"type {code}": lambda number, code=code: np.dtype(code).type(number) for code in "ifdgD"},
    **{
        f"{odd!r}": lambda _, odd=odd: odd
        for odd in (0.5, 2, 2.5, -3, 1j, "1", "seven", None, True, [], [1, 2, 3], [[1.0]], {})
    },
    "an array of no dimension": np.array,
    "an array of one number": lambda number: np.array([number]),
    "an object": lambda _: object(),
}


def forms(value: Any) -> Mapping[str, Form]:
    """The forms of a good argument: of an array, or of a number."""
    return ARRAYS if isinstance(value, np.ndarray) and value.ndim else NUMBERS


def odd_calls(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The arguments with each of them in each form: its name, the name of the form, and all
    arguments.
    """
    for name, value in arguments.items():
        for form, make in forms(value).items():
            try:
                with np.errstate(all="ignore"):  # a type that cannot represent a number
                    odd = make(value)
            except (ValueError, TypeError, IndexError, OverflowError):
                continue  # the value has no such form
            yield name, form, {**arguments, name: odd}


def check_door(
    executor: ProcessPoolExecutor,
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    plain: Callable[..., Any],
    *,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    refusals: tuple[type[Exception], ...] = (ValueError, TypeError),
) -> None:
    """Assert that a function answers as `plain` does, or refuses the argument by name.

    Arguments are arrays, or numbers, that the function accepts. The function has a name that
    another process can import. It must accept each layout of the same numbers, and refuse complex
    numbers and texts. It may run out of memory if `refusals` has the MemoryError.
    """
    for name, form, given in odd_calls(arguments):
        call = f"{name}: {form}"
        future = executor.submit(_call, function, arguments, name, form)
        error = future.exception()
        assert not isinstance(error, BrokenExecutor), f"{call} ended the process"
        expected = _plain_answer(plain, given) if _may_be_numbers(given[name]) else None
        if error is None:
            assert expected is not None, f"{call} was accepted: {future.result()}"
            _assert_same(future.result(), expected, call, rtol, atol)
        else:
            assert isinstance(error, refusals), f"{call}: {error!r}"
            assert not (expected is not None and form in LAYOUTS), f"{call} was refused: {error}"
            names = "|".join(name.removesuffix("s") for name in arguments)  # or one of them
            is_named = re.search(rf"\b({names})s?\b", str(error))
            assert is_named or isinstance(error, MemoryError), f"{call}: {error} names no argument"


def _call(function: Callable[..., Any], arguments: Mapping[str, Any], name: str, form: str) -> Any:
    """In the other process: a pickled array would lose its layout on the way."""
    value = arguments[name]
    return function(**{**arguments, name: forms(value)[form](value)})


def _may_be_numbers(value: Any) -> bool:
    """Whether an argument is neither complex nor a text nor a time, which nothing computes with."""
    try:
        return np.asarray(value).dtype.kind not in "cSUVmM"
    except ValueError:  # rows of different lengths
        return False


def _plain_answer(plain: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """The answer of the plain computation, or None if it has none or one that is not finite."""
    try:
        with np.errstate(all="ignore"):
            answer = plain(**arguments)
            if answer is None or not all(np.isfinite(part).all() for part in _parts(answer)):
                return None
    except Exception:
        return None
    return answer


def _parts(answer: Any) -> list[np.ndarray]:
    return [np.asarray(part) for part in (answer if isinstance(answer, tuple) else (answer,))]


def _assert_same(answer: Any, expected: Any, call: str, rtol: float, atol: float) -> None:
    ours, theirs = _parts(answer), _parts(expected)
    assert [part.shape for part in ours] == [part.shape for part in theirs], call
    for part, right in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(part, right, rtol=rtol, atol=atol, err_msg=call)

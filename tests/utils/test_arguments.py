"""The checks of arguments name the argument and what is wrong with it."""

import numpy as np
import pytest

from mnist_pipeline.utils import arguments


@pytest.mark.parametrize(
    ("values", "shape", "kinds"),
    [
        ([], None, "iu"),
        ([1.0], None, "iu"),
        ([True], None, "iu"),
        ([1], (2,), "biuf"),
        ([[1]], (1,), "biuf"),
        (np.ones((0, 3)), (None, 3), "biuf"),
        ([1j], None, "biuf"),
        ("7", None, "biuf"),
        ([[1], [1, 2]], None, "biuf"),
    ],
)
def test_arrays_of_another_kind_or_shape_are_refused(values, shape, kinds):
    with pytest.raises(ValueError, match="weights"):
        arguments.numbers("weights", values, shape, kinds)


@pytest.mark.parametrize("values", [None, object(), {"a": 1}, [None], [object()]])
def test_what_is_no_array_of_numbers_is_a_type_error(values):
    with pytest.raises(TypeError, match="weights"):
        arguments.numbers("weights", values)


def test_a_free_size_may_be_empty_only_where_that_is_said():
    assert arguments.numbers("weights", np.ones((0, 3)), (-1, None)).shape == (0, 3)
    assert arguments.numbers("weights", np.ones((2, 3)), (None, -1)).shape == (2, 3)


@pytest.mark.parametrize("value", [-1, 4, np.nan, np.inf, np.longdouble("1e4000"), 2**63])
def test_a_number_outside_its_limits_is_refused(value):
    with pytest.raises(ValueError, match=r"weights .* from 0 to 3"):
        arguments.checked("weights", [1, value], 0, 3)


@pytest.mark.parametrize("limits", [(), (0,)], ids=["no limits", "a lower limit"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_refused_also_without_an_upper_limit(value, limits):
    with pytest.raises(ValueError, match=r"weights .* finite"):
        arguments.checked("weights", [1, value], *limits)


def test_pixels_that_their_type_cannot_represent_are_refused():
    assert arguments.checked_pixels("X", [[1e300]], np.float64) == 1e300
    with pytest.raises(ValueError, match=r"1e\+300"):
        arguments.checked_pixels("X", [[1e300]], np.float32)


@pytest.mark.parametrize("seed", [-1, 1.5, np.nan, "7", [-1], object()])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises((ValueError, TypeError), match="seed"):
        arguments.random_generator("seed", seed)


def test_a_generator_goes_on_and_a_seed_starts_anew():
    generator = np.random.default_rng(3)
    first, second = (arguments.random_generator("seed", generator).random() for _ in range(2))
    assert first == arguments.random_generator("seed", 3).random() != second

"""Each deformation changes an image as its name promises, whatever the number of threads."""

import math

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import example, given
from hypothesis import strategies as st
from support.arrays import FEW

from mnist_pipeline.data.deformations import (
    affine,
    low_resolution,
    sample_reference,
    thicken,
)
from mnist_pipeline.data.deformations_kernel import sample


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (40, 28, 28), np.uint8)


SCALE = st.floats(0.5, 2)


@FEW
@given(st.floats(-180, 180), SCALE, SCALE, st.floats(-2, 2), st.floats(-20, 20))
@example(25.0, 1.1, 0.8, 0.3, 2.0)
def test_any_affine_map_is_that_of_scipy(turn, tall, wide, shear, down):
    image = np.random.default_rng(2).integers(0, 256, (1, 9, 7), np.uint8)
    parameters = {"rotation": turn, "scale": (tall, wide), "shear": shear, "shift": (down, 1)}
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    linear = np.array([[cos, -sin], [sin, cos]]) @ [[1, 0], [-shear, 1]] @ np.diag([tall, wide])
    inverse, middle = np.linalg.inv(linear), np.array([4, 3])
    shift = np.array([down, 1])
    offset = middle - inverse @ (middle + shift)
    pixels = image[0].astype(float)
    expected = scipy.ndimage.affine_transform(
        pixels, inverse, offset, order=1, mode="grid-constant"
    )
    np.testing.assert_allclose(affine(image, **parameters)[0], expected, atol=0.6)


def test_the_compiled_code_gives_the_bytes_of_its_plain_twin(noise):
    maps = np.random.default_rng(3).normal([1, 0, 0, 0, 1, 0], 0.3, (len(noise), 6))
    maps[:, [2, 5]] *= 20
    output = np.empty_like(noise)
    sample(noise, maps, np.zeros(30 * 30, np.float32), output)
    np.testing.assert_array_equal(output, sample_reference(noise, maps))


def test_each_image_takes_its_own_parameters(noise):
    amount, rotation = np.array([0.5, -0.5, 1.7]), np.array([0, 10, -30])
    shift = np.array([[0, 1], [1.5, 0], [-2, 0.25]])
    together = affine(thicken(noise[:3], amount), rotation=rotation, shift=shift)
    for i in range(3):
        thickened = thicken(noise[i : i + 1], amount[i])
        alone = affine(thickened, rotation=rotation[i], shift=shift[i])
        np.testing.assert_array_equal(together[i], alone[0])


def test_a_pixel_on_each_side_is_the_largest_or_smallest_of_five(noise):
    padded = np.pad(noise, ((0, 0), (1, 1), (1, 1)))
    five = [
        padded[:, 1 + i : 29 + i, 1 + j : 29 + j]
        for i, j in ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0))
    ]
    np.testing.assert_array_equal(thicken(noise, 1), np.max(five, axis=0))
    np.testing.assert_array_equal(thicken(noise, -1), np.min(five, axis=0))
    third = 0.7 * noise + 0.3 * np.max(five, axis=0)
    np.testing.assert_allclose(thicken(noise, 0.3), third, atol=0.51)
    np.testing.assert_array_equal(thicken(noise, 2), thicken(thicken(noise, 1), 1))


def test_low_resolution_keeps_large_shapes_and_loses_small_ones(noise):
    fine = np.zeros((1, 28, 28), np.uint8)
    fine[:, :, ::2] = 255
    assert low_resolution(fine, 7).std() < 8
    kept = low_resolution(noise, 8)
    np.testing.assert_allclose(kept.mean(axis=(1, 2)), noise.mean(axis=(1, 2)), rtol=0.02)

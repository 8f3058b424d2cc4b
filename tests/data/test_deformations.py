"""Each deformation changes an image as its name promises, whatever the number of threads."""

import math
import tracemalloc

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import example, given
from hypothesis import strategies as st
from support.arguments import check_door
from support.arrays import FEW
from support.deforming import sample_reference

from mnist_pipeline.data import deformations
from mnist_pipeline.data.deformations import affine, low_resolution, thicken
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


def test_any_map_reads_paper_outside_the_image(other_process, noise):
    maps = np.tile([1.0, 0, 0, 0, 1, 0], (len(noise), 1))
    odd = [np.nan, np.inf, -np.inf, 1e308, -1e308, 1e20, -1e20, 2**31, 2**32, -(2**31)]
    for i in range(len(maps)):
        maps[i, i % 6] = odd[i % len(odd)]
    maps[-1] = np.nan
    output, padded = np.empty_like(noise), np.zeros(30 * 30, np.float32)
    other_process.submit(sample, noise, maps, padded, output).result()  # or the process ends
    sample(noise, maps, padded, output)
    np.testing.assert_array_equal(output, sample_reference(noise, maps))
    assert not output[-1].any()


@pytest.mark.parametrize(
    ("maps", "padded", "output"),
    [
        ((39, 6), 900, (40, 28, 28)),
        ((40, 5), 900, (40, 28, 28)),
        ((40, 6), 899, (40, 28, 28)),
        ((40, 6), 900, (39, 28, 28)),
        ((40, 6), 900, (40, 28, 27)),
    ],
)
def test_the_compiled_code_refuses_arrays_that_do_not_fit(
    other_process, noise, maps, padded, output
):
    arrays = np.ones(maps), np.zeros(padded, np.float32), np.empty(output, np.uint8)
    with pytest.raises(ValueError, match="shapes"):
        other_process.submit(sample, noise, *arrays).result()


def as_images(images) -> np.ndarray:
    """The argument, if it has images of at least one pixel."""
    images = np.asarray(images)
    assert images.dtype == np.uint8
    assert images.ndim == 3
    assert min(images.shape[1:]) > 0
    return images


def plain_affine(images, rotation, scale, shear, shift):
    images = as_images(images)
    count, height, width = images.shape
    angles = np.radians(np.broadcast_to(rotation, count).astype(float))
    shears = np.broadcast_to(shear, count).astype(float)
    scales, shifts = (np.broadcast_to(pair, (count, 2)).astype(float) for pair in (scale, shift))
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    result = np.zeros(images.shape)
    for i, row, column in np.ndindex(images.shape):
        cos, sin = np.cos(angles[i]), np.sin(angles[i])
        linear = [[cos, -sin], [sin, cos]] @ np.array([[1, 0], [-shears[i], 1]]) * scales[i]
        from_middle = np.linalg.inv(linear) @ ([row, column] - middle - shifts[i])
        position = from_middle + middle
        assert np.isfinite(position).all()
        weights = [
            np.maximum(0, 1 - abs(at - np.arange(n))) for at, n in zip(position, images[i].shape)
        ]
        result[i, row, column] = weights[0] @ images[i] @ weights[1]
    return result


def plain_thicken(images, amount):
    images = as_images(images)
    result = images.astype(float)
    for i, pixels in enumerate(np.broadcast_to(amount, len(images)).astype(float)):
        assert np.isfinite(pixels)
        choose = np.max if pixels > 0 else np.min
        left = min(abs(pixels), 30)
        while left > 0:
            padded = np.pad(result[i], 1)
            cross = (padded[1:-1, 1:-1], padded[:-2, 1:-1], padded[2:, 1:-1])
            extreme = choose([*cross, padded[1:-1, :-2], padded[1:-1, 2:]], axis=0)
            result[i] += min(left, 1) * (extreme - result[i])
            left -= 1
    return result


def plain_noise(images, deviation):
    images = as_images(images)
    deviations = np.broadcast_to(deviation, len(images)).astype(float)
    assert deviations.min() >= 0
    noise = np.random.default_rng(0).standard_normal(images.shape, np.float32)
    return np.clip(np.rint(images + 255 * deviations[:, None, None] * noise), 0, 255)


def plain_contrast(images, factor):
    assert np.ndim(factor) == 0
    assert factor >= 0
    return np.clip(np.rint(as_images(images) * float(factor)), 0, 255)


def plain_low_resolution(images, side):
    images = as_images(images)
    assert np.ndim(side) == 0
    assert side == int(side)
    assert 1 <= side <= max(images.shape[1:])
    side = int(side)

    def along_rows(pixels):
        count = len(pixels)
        means = np.repeat(pixels, side, axis=0).reshape(side, count, -1).mean(axis=1)
        positions = (np.arange(count) + 0.5) * side / count - 0.5
        return np.array([np.interp(positions, np.arange(side), column) for column in means.T]).T

    return np.reshape([along_rows(along_rows(image).T).T for image in images], images.shape)


def plain_interpolating(positions, count):
    positions = np.asarray(positions, float)
    assert (positions.ndim, np.ndim(count), np.asarray(count).dtype.kind) == (1, 0, "i")
    assert positions.min() >= 0
    assert positions.max() <= count - 1
    assert count < 1_000
    return np.array([np.interp(positions, np.arange(count), unit) for unit in np.eye(count)]).T


FOUR = np.random.default_rng(4).integers(0, 256, (4, 5, 6), np.uint8)
DOORS = {
    "affine": (
        {
            "images": FOUR,
            "rotation": np.array([0.0, 10, -30, 90]),
            "scale": np.array([[1.0, 1.2], [0.9, 1], [1, 1], [2, 0.5]]),
            "shear": np.array([0.1, 0, -0.2, 1]),
            "shift": np.array([[0.0, 1], [1.5, 0], [-2, 0.25], [0, 0]]),
        },
        plain_affine,
    ),
    "thicken": ({"images": FOUR, "amount": np.array([0.5, -0.5, 1.7, 0])}, plain_thicken),
    "add_noise": ({"images": FOUR, "deviation": np.array([0.5, 0, 0.1, 2])}, plain_noise),
    "contrast": ({"images": FOUR, "factor": 0.7}, plain_contrast),
    "low_resolution": ({"images": FOUR, "side": 3}, plain_low_resolution),
    "interpolating": ({"positions": np.array([0, 0.25, 2]), "count": 3}, plain_interpolating),
    "as_bytes": (
        {"values": np.array([[-1.0, 0.5, 1.5], [300, 7, 254.4]])},
        lambda values: np.rint(np.clip(np.asarray(values, float), 0, 255)),
    ),
}


@pytest.mark.parametrize("name", DOORS)
def test_any_arguments_are_answered_rightly_or_refused(other_process, name):
    arguments, plain = DOORS[name]
    refusals = ValueError, TypeError, MemoryError  # 2**40 positions to interpolate between
    function = getattr(deformations, name)
    check_door(other_process, function, arguments, plain, atol=0.51, refusals=refusals)


def test_a_scale_of_0_is_refused_by_name(noise):
    with pytest.raises(ValueError, match=r"scale has the value 0\.0"):
        affine(noise, scale=(1, 0))


def test_noise_beyond_all_measure_is_refused(noise):
    with pytest.raises(ValueError, match="deviation"):
        deformations.add_noise(noise, 1e7)


def test_one_odd_number_among_many_images_is_refused(other_process, noise):
    many = np.ones(2_000)
    many[1_234] = np.nan
    images = np.resize(noise, (2_000, 28, 28))
    for name in ("rotation", "scale", "shear", "shift"):
        numbers = many if name in ("rotation", "shear") else many[:, np.newaxis]
        with pytest.raises(ValueError, match=name):
            other_process.submit(affine, images, **{name: numbers}).result()


@pytest.mark.parametrize("name", ["add_noise", "low_resolution"])
def test_many_images_need_the_memory_of_a_block_of_floating_values(name, noise):
    images, amount = np.resize(noise, (2_000, 28, 28)), {"add_noise": 0.2, "low_resolution": 10}
    tracemalloc.start()
    getattr(deformations, name)(images, amount[name])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < images.size * 4


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

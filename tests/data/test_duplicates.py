"""Photos of one object are near-duplicates, and images of different objects are not."""

import numpy as np
from PIL import Image
from support.sources import encoded, read_levels

from mnist_pipeline.data import duplicates
from mnist_pipeline.data.conversion import fitted

NUM_IMAGES = 100


def test_a_second_photo_is_a_near_duplicate_of_the_first(test):
    """The second is moved by up to 2% of the side, lighter or darker, and a JPEG of its own."""
    rng, photos = np.random.default_rng(0), []
    for image in test.images[:NUM_IMAGES]:
        large = np.asarray(Image.fromarray(image).resize((280, 280), Image.Resampling.BICUBIC))
        moved = np.roll(large, rng.integers(-5, 6, 2), axis=(0, 1))
        light = np.clip(moved * rng.uniform(0.9, 1.1) + rng.uniform(-10, 10), 0, 255)
        second = encoded(light.astype(np.uint8), "JPEG", quality=int(rng.integers(60, 95)))
        photos.append(
            [fitted(read_levels(encoded(large)), "whole"), fitted(read_levels(second), "whole")]
        )
    first, second = np.stack(photos, axis=1)
    assert np.mean([*map(duplicates.is_near, second, first)]) > 0.95
    assert (duplicates.nearest(second, first) == np.arange(NUM_IMAGES)).mean() > 0.95


def test_different_digits_are_not(train, test):
    images = test.images[: duplicates.NUM_COMPARED]
    nearest = train.images[duplicates.nearest(images, train.images[:20_000])]
    assert not any(map(duplicates.is_near, images, nearest))


def test_a_negative_is_no_near_duplicate_and_a_fainter_image_is_one(test):
    for image in test.images[:10]:
        assert not duplicates.is_near(255 - image, image)
        assert duplicates.is_near(image // 2 + 60, image)


def test_a_smooth_image_is_a_near_duplicate_within_one_pixel_only():
    def spot(column: float) -> np.ndarray:
        rows, columns = np.indices((28, 28))
        return 250 * np.exp(-((rows - 14) ** 2 + (columns - column) ** 2) / 128)

    assert duplicates.is_near(spot(14.9), spot(14))
    assert not duplicates.is_near(spot(15.2), spot(14))


def test_blank_and_striped_images_equal_no_other():
    images = np.zeros((3, 28, 28), np.uint8)
    images[1] = 200
    images[2] = 9 * np.arange(28)
    assert not any(map(duplicates.is_near, images, images[[1, 2, 0]]))

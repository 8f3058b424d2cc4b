"""Exact sums over images: mean and covariance do not depend on the division into shards."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_pipeline import pca
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.moments import BLOCK_ROWS, Moments, add, covariance, mean, moments, total


@pytest.fixture(scope="module")
def images(small_train: DigitSet) -> np.ndarray:
    return small_train.images.reshape(len(small_train.images), -1)


@pytest.mark.parametrize("count", [1, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 3 * BLOCK_ROWS + 7])
@pytest.mark.parametrize("value", [0, 1, 127, 128, 255])
def test_images_of_one_grey_level_are_summed_exactly(count: int, value: int) -> None:
    found = moments(np.full((count, 5), value, np.uint8))
    assert (found.sums == value * count).all()
    assert (found.products == value**2 * count).all()


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 1_999), min_size=1, max_size=6, unique=True), seed=st.integers(0, 99))
def test_mean_and_covariance_are_the_same_to_the_bit_for_every_division_into_shards(
    cuts: list[int], seed: int, small_train: DigitSet
) -> None:
    images = small_train.images[:, ::4, ::4]
    parts = [moments(part) for part in np.split(images, sorted(cuts))]
    shuffled = [parts[i] for i in np.random.default_rng(seed).permutation(len(parts))]
    whole, summed = moments(images), total(shuffled)
    assert all(np.array_equal(a, b) for a, b in zip(whole, summed, strict=True))
    assert mean(whole).tobytes() == mean(summed).tobytes()
    assert covariance(whole).tobytes() == covariance(summed).tobytes()


def test_each_entry_is_the_rational_number_rounded_once() -> None:
    images = np.random.default_rng(0).integers(0, 256, (37, 6)).astype(np.uint8)
    found = moments(images)
    rows = [[Fraction(int(x)) for x in row] for row in images]
    means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    assert mean(found).tolist() == [float(each) for each in means]
    for i in range(6):
        for j in range(6):
            exact = sum((row[i] - means[i]) * (row[j] - means[j]) for row in rows) / (len(rows) - 1)
            assert covariance(found)[i, j] == float(exact)


@pytest.mark.slow
def test_the_sums_are_exact_and_agree_with_the_covariance_of_centred_data(images: np.ndarray) -> None:
    found, wide = moments(images), images.astype(np.int64)
    assert np.array_equal(found.sums, wide.sum(axis=0))
    assert np.array_equal(found.products, wide.T @ wide)
    assert np.array_equal(covariance(found), covariance(found).T)
    assert np.array_equal(mean(found), pca.mean(images))
    expected = pca.covariance(images - pca.mean(images))
    np.testing.assert_allclose(covariance(found), expected, rtol=0, atol=1e-11 * np.abs(expected).max())
    np.testing.assert_allclose(covariance(found), np.cov(images.T), rtol=0, atol=1e-11 * np.abs(expected).max())


def test_a_billion_images_overflow_nothing(images: np.ndarray) -> None:
    few = moments(images[:100])
    times = 10_000_000
    many = Moments(few.num_images * times, few.sums * times, few.products * times)
    assert np.array_equal(mean(many), mean(few))
    # The sum of squares grows with N, and the divisor is N − 1.
    expected = covariance(few) * (99 / 100) / (1 - 1 / (100 * times))
    np.testing.assert_allclose(covariance(many), expected, rtol=1e-12, atol=1e-9)


def test_images_that_cannot_be_summed_are_refused() -> None:
    few = moments(np.zeros((2, 4), np.uint8))
    with pytest.raises(ValueError, match="images has type float64"):
        moments(np.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"4.*5"):
        add(few, moments(np.zeros((2, 5), np.uint8)))
    with pytest.raises(ValueError, match="num_images = 1"):
        covariance(moments(np.zeros((1, 4), np.uint8)))

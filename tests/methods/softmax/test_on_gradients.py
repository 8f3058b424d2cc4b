"""Softmax regression on gradients, beside the same regression on pixels."""

import numpy as np
import pytest

from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.methods.gradients import cell_histograms_of
from mnist_pipeline.methods.softmax import method, on_gradients


def stripes(count: int, seed: int) -> DigitSet:
    """Stripes across (0) or down (1), of any phase: every pixel is as bright in both classes."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.uint8) % 2
    place = np.arange(28) + rng.integers(0, 8, (count, 1))
    waves = np.rint(127.5 * (1 + np.sin(place * np.pi / 4))).astype(np.uint8)
    images = np.repeat(waves[:, :, None], 28, axis=2)
    images[labels == 1] = images[labels == 1].transpose(0, 2, 1)
    return DigitSet(images, labels)


def test_gradients_tell_stripes_apart_that_pixels_do_not():
    train, test = stripes(200, seed=0), stripes(100, seed=1)
    fitted = on_gradients.fit(train, test.images, seed=0)
    of_pixels, of_gradients = (fitted.answers == test.labels).mean(axis=1)
    assert of_gradients == 1
    assert of_pixels < 0.9


@pytest.mark.parametrize("color", [False, True])
def test_both_regressions_are_the_same_sgd_on_the_same_images(small_train, monkeypatch, color):
    monkeypatch.setattr(on_gradients, "MAX_IMAGES", 200)
    monkeypatch.setattr(on_gradients, "NUM_UPDATES", 1_000)
    images, labels = small_train.images[:400], small_train.labels[:400]
    if color:
        images = np.repeat(images[..., None], 3, axis=3)
    fitted = on_gradients.fit(DigitSet(images, labels), images, seed=3)
    assert (fitted.trained_on, fitted.passes) == (200, 5)
    chosen = on_gradients.stratified_order(labels, 3)[:200]
    answers = []
    for features in (images.reshape(400, -1) / 255, cell_histograms_of(images)):
        rows = features[chosen]
        rate = on_gradients.STEP / np.square(rows).sum(axis=1).mean()
        W, b = method.sgd(rows, labels[chosen], learning_rate=rate, epochs=5, seed=3)
        answers.append(method.predict_probabilities(W, b, features).argmax(axis=1))
    np.testing.assert_array_equal(fitted.answers[0], answers[0])
    assert np.mean(fitted.answers[1] == answers[1]) > 0.98  # a byte for each weight
    np.testing.assert_allclose(fitted.mean, rows.mean(axis=0), atol=1e-6)
    votes = on_gradients.votes(fitted).reshape(10, -1).sum(axis=1)
    np.testing.assert_allclose(votes, (W * rows.mean(axis=0)).sum(axis=1), atol=0.2)


def test_no_image_is_seen_more_often_than_a_hundred_times_and_flat_images_are_learned():
    flat = DigitSet(np.zeros((4, 28, 28), np.uint8), np.array([0, 1, 1, 1], np.uint8))
    fitted = on_gradients.fit(flat, flat.images, seed=0)
    assert fitted.passes == 100
    assert (fitted.answers == 1).all()


def test_the_largest_weight_fills_the_byte_also_below_zero():
    striped, flat = stripes(80, seed=0), np.zeros((40, 28, 28), np.uint8)
    # What both kinds of stripes have speaks against the flat images more than for either kind.
    images = np.concatenate([striped.images[:1].repeat(80, axis=0), flat])
    labels = np.concatenate([striped.labels + 1, np.zeros(40)]).astype(np.uint8)
    levels = on_gradients.fit(DigitSet(images, labels), images[:1], seed=0).levels
    assert levels.min() == -127
    assert levels.max() < 100

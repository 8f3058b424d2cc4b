"""Softmax regression: the function, its gradient, and the compiled descent compared with the plain
one.
"""

from concurrent.futures import BrokenExecutor

import numpy as np
import pytest
import scipy.special
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support.arrays import FEW, arrays

from mnist_pipeline.data.held_out import split
from mnist_pipeline.methods.softmax import method as softmax

TOLERANCE = 1e-9


@pytest.fixture(scope="module")
def digits(small_train) -> tuple[np.ndarray, np.ndarray]:
    return small_train.images, small_train.labels


def assert_same(ours: tuple[np.ndarray, np.ndarray], theirs: tuple[np.ndarray, np.ndarray]) -> None:
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE)


@FEW
@given(arrays(hnp.array_shapes(max_dims=3, max_side=4)))
def test_any_finite_scores_have_the_probabilities_of_scipy(x):
    before = x.copy()
    if np.isfinite(x.max(axis=-1)).all():
        expected = scipy.special.softmax(x.astype(np.float64), axis=-1)
        np.testing.assert_allclose(softmax.softmax(x), expected, atol=1e-6)
    np.testing.assert_array_equal(x, before)


@FEW
@given(arrays((3, 4)))
def test_any_finite_samples_have_the_loss_of_scipy(X):
    W, b, y = np.arange(8.0).reshape(2, 4) - 3, np.ones(2), np.array([0, 1, 1])
    assume(np.isfinite(X).all() and X.dtype.kind in "uf" and X.dtype != np.uint64)
    z = (X / 255 if X.dtype == np.uint8 else X.astype(np.float64)) @ W.T + b
    assume(np.isfinite(z).all())
    losses = scipy.special.logsumexp(z, axis=1) - z[range(3), y]
    assert softmax.loss(W, b, y, X) == pytest.approx(losses.mean())
    expected = scipy.special.softmax(z, axis=1)
    np.testing.assert_allclose(softmax.predict_probabilities(W, b, X), expected, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 5), st.integers(1, 6), st.integers(1, 4), st.integers(0, 1000))
def test_the_gradient_is_that_of_finite_differences(classes, features, samples, seed):
    generator = np.random.default_rng(seed)
    W, b = generator.normal(size=(classes, features)), generator.normal(size=classes)
    X, y = generator.normal(size=(samples, features)), generator.integers(classes, size=samples)
    assert softmax.gradient_error(W, b, y, X) < 1e-6


def test_the_gradient_check_notices_a_wrong_gradient(monkeypatch):
    generator, right = np.random.default_rng(1), softmax.gradient
    W, b = generator.normal(size=(4, 6)), generator.normal(size=4)
    monkeypatch.setattr(
        softmax, "gradient", lambda *given: (right(*given)[0] * 1.01, right(*given)[1])
    )
    assert softmax.gradient_error(W, b, 1, np.ones(6)) > 1e-3


@pytest.mark.parametrize(
    "convert",
    [
        pytest.param(lambda X: X, id="bytes"),
        pytest.param(lambda X: (X / 255).astype(np.float32), id="float32"),
        pytest.param(lambda X: X.reshape(len(X), -1), id="rows"),
        pytest.param(lambda X: X.transpose(0, 2, 1), id="not contiguous"),
    ],
)
def test_the_compiled_descent_gives_the_weights_of_the_plain_one(digits, convert):
    X, y = convert(digits[0]), digits[1]
    ours = softmax.sgd(X, y, epochs=3, seed=5)
    assert_same(ours, softmax.sgd_reference(X, y, epochs=3, seed=5))


@settings(max_examples=30, deadline=None)
@given(
    num_classes=st.integers(1, 26),
    features=st.integers(1, 9),
    density=st.floats(0, 1),
    seed=st.integers(0, 999),
)
def test_any_number_of_classes_and_entries_is_fitted_as_by_the_reference(
    num_classes, features, density, seed
):
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(64, features)) * (generator.random((64, features)) < density)
    y = generator.integers(num_classes, size=64)
    options = {"num_classes": num_classes, "learning_rate": 0.1, "epochs": 3}
    assert_same(softmax.sgd(X, y, **options), softmax.sgd_reference(X, y, **options))


def test_one_update_is_one_step_against_the_gradient(digits):
    x, label = digits[0][:1], digits[1][:1]
    generator = np.random.default_rng(3)
    W, b = generator.normal(size=(10, 784)), generator.normal(size=10)
    dW, db = softmax.gradient(W, b, label, x)
    before = W.copy()
    assert_same(
        softmax.sgd(x, label, epochs=1, learning_rate=0.1, initial=(W, b)),
        (W - 0.1 * dW, b - 0.1 * db),
    )
    np.testing.assert_array_equal(W, before)


def test_a_seed_draws_weights_and_biases_uniformly_from_minus_a_half_to_a_half(digits):
    first, other = (softmax.sgd(*digits, num_classes=500, epochs=0, seed=seed) for seed in (0, 1))
    assert not np.array_equal(first[0], other[0])
    for drawn in first:
        assert -0.5 <= drawn.min() < -0.49
        assert 0.49 < drawn.max() < 0.5
        assert drawn.std() == pytest.approx(12**-0.5, rel=0.05)


FIT = {"epochs": 2, "learning_rate": 0.01}


def test_the_model_has_a_second_fit_that_has_not_seen_the_held_out_images(digits):
    images, labels = digits[0][:300], digits[1][:300]
    fitted, (kept, _) = softmax.fit(images, labels, FIT, seed=4), split(labels)
    for prefix, rows in (("", slice(None)), ("held_out_", kept)):
        W, b = softmax.sgd(images[rows], labels[rows], seed=4, **FIT)
        np.testing.assert_array_equal(fitted[f"{prefix}weights"], W)
        np.testing.assert_array_equal(fitted[f"{prefix}bias"], b)
    asked = images[:50]
    for answer, prefix in (
        (softmax.answer(fitted, asked), ""),
        (softmax.held_out_answer(fitted, asked, np.arange(50)), "held_out_"),
    ):
        expected = softmax.predict_probabilities(
            fitted[f"{prefix}weights"], fitted[f"{prefix}bias"], asked
        )
        np.testing.assert_array_equal(answer.probabilities, expected)


def test_repeats_multiply_the_passes_and_the_gradient_is_checked_at_the_fitted_weights(digits):
    images, labels = digits[0][:60], digits[1][:60]
    fitted = softmax.fit(images, labels, FIT, seed=4, repeats=2.5)
    assert len(fitted["loss"]) == len(fitted["accuracy"]) == 5
    error = softmax.gradient_error(fitted["weights"], fitted["bias"], labels[:10], images[:10])
    assert fitted["gradient_error"] == error > 0


def test_each_image_is_scored_just_before_its_update(digits):
    images, labels = digits[0][:30], digits[1][:30]
    fitted, measured = softmax.fit(images, labels, FIT, seed=4), []
    softmax.sgd(images, labels, seed=4, **FIT, on_epoch=lambda *each: measured.append(each))
    W, b = softmax.sgd(images, labels, seed=4, epochs=0)
    losses, are_right = [], []
    for x, label in zip(images, labels):
        losses.append(softmax.loss(W, b, label, x))
        are_right.append(softmax.predict_probabilities(W, b, [x]).argmax() == label)
        W, b = softmax.sgd(x[np.newaxis], [label], epochs=1, learning_rate=0.01, initial=(W, b))
    assert measured[0] == pytest.approx((1, np.mean(losses), np.mean(are_right)))
    np.testing.assert_array_equal(measured, [*zip([1, 2], fitted["loss"], fitted["accuracy"])])


@pytest.mark.full
def test_twenty_epochs_misread_805_of_the_test_digits(train, test):
    W, b = softmax.sgd(train.images, train.labels)
    assert (
        np.sum(softmax.predict_probabilities(W, b, test.images).argmax(axis=1) != test.labels)
        == 805
    )


ONES = np.ones((3, 4))


@pytest.mark.parametrize(
    ("X", "y", "initial", "named"),
    [
        (np.ones(4), [0], None, "X"),
        (np.full((3, 4), np.nan), [0, 1, 2], None, "X"),
        (np.ones((3, 4), np.int64), [0, 1, 2], None, "int64"),
        (ONES, [0, 1], None, "y"),
        (ONES, [0, 1, 10], None, "10"),
        (ONES, [-1, 1, 2], None, "-1"),
        (ONES, [0, 1, 2], (np.zeros((10, 5)), np.zeros(10)), "initial"),
    ],
)
def test_what_cannot_be_fitted_is_refused_by_name(X, y, initial, named):
    with pytest.raises(ValueError, match=named):
        softmax.sgd(X, y, initial=initial)


ODD_ARRAYS = arrays(hnp.array_shapes(min_dims=0, min_side=0, max_side=12))


@FEW
@given(
    X=ODD_ARRAYS,
    y=ODD_ARRAYS,
    num_classes=st.integers(-1, 30),
    learning_rate=st.floats() | st.just("fast"),
    epochs=st.integers(-1, 3) | st.floats(),
    initial=st.none() | st.tuples(ODD_ARRAYS, ODD_ARRAYS),
)
@example(np.ones((2, 3)), np.array([0, 2**40]), 2**41, 0.1, 1, None)
@example(np.ones((2, 3)), np.array([0, 1]), 2, 0.1, 1, (np.ones((2, 3)), np.ones(1)))
@example(np.ones((2, 3)), np.array([0, 1]), 2, 0.1, 1, (np.ones((2, 3)) * np.inf, np.ones(2)))
def test_no_arguments_end_the_process_of_the_compiled_descent(
    other_process, X, y, num_classes, learning_rate, epochs, initial
):
    options = {"learning_rate": learning_rate, "epochs": epochs, "initial": initial}
    call = other_process.submit(softmax.sgd, X, y, num_classes=num_classes, **options)
    error = call.exception()
    assert not isinstance(error, BrokenExecutor)
    if error is None:
        assert (call.result()[0].shape, len(y)) == ((num_classes, np.prod(X.shape[1:])), len(X))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the overflow that is the point of the test
def test_a_run_that_diverges_raises():
    X, y = np.full((20, 3), 1e200), np.arange(20) % 2
    with pytest.raises(FloatingPointError, match="learning_rate"):
        softmax.sgd(X, y, num_classes=2, learning_rate=1e200, epochs=3)


@pytest.mark.parametrize("num_images", [1, 2, 300, 2_000])
def test_the_deviations_of_the_pixels_are_those_of_numpy(num_images, small_train):
    images = small_train.images[:num_images]
    found = softmax.pixel_deviations(images)
    assert (found.shape, found.dtype) == ((784,), np.float64)
    np.testing.assert_allclose(
        found, images.reshape(num_images, -1).std(axis=0, dtype=np.float64), atol=1e-9
    )
    assert not found[images.reshape(num_images, -1).max(axis=0) == 0].any()

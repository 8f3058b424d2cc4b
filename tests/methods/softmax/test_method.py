"""Softmax regression: the function, its gradient, and the compiled descent compared with the plain
one.
"""

import functools
import tracemalloc
from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support.arguments import check_door
from support.arrays import FEW, arrays

from mnist_pipeline.data.values import DigitSet, ImageKind
from mnist_pipeline.methods.softmax import method as softmax
from mnist_pipeline.methods.softmax.kernel import LANES, run_epoch

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


def fit(digits: DigitSet, settings: dict[str, Any] = FIT, **changes: Any) -> softmax.FittedSoftmax:
    return softmax.fit(digits, settings, seed=4, kind=ImageKind(), **changes)


def test_the_model_has_a_second_fit_that_has_not_seen_the_held_out_images(digits):
    images, labels = digits[0][:300], digits[1][:300]
    part = DigitSet(images, labels)
    fitted, (kept, _) = fit(part), part.divided()
    asked = images[:50]
    for rows, parameters, answer in (
        (slice(None), (fitted.weights, fitted.bias), softmax.answer(fitted, asked)),
        (
            kept,
            (fitted.held_out_weights, fitted.held_out_bias),
            softmax.held_out_answer(fitted, asked, np.arange(50)),
        ),
    ):
        W, b = softmax.sgd(images[rows], labels[rows], seed=4, **FIT)
        np.testing.assert_equal(parameters, (W, b))
        expected = softmax.predict_probabilities(W, b, asked)
        np.testing.assert_array_equal(answer.probabilities, expected)


def test_without_held_out_images_one_fit_answers_all(digits):
    part = DigitSet(digits[0][:60], digits[1][:60], np.array([], np.int64))
    fitted = fit(part)
    np.testing.assert_array_equal(fitted.held_out_weights, fitted.weights)


def test_repeats_multiply_the_passes_and_the_gradient_is_checked_at_the_fitted_weights(digits):
    images, labels = digits[0][:60], digits[1][:60]
    fitted = fit(DigitSet(images, labels), repeats=2.5)
    assert len(fitted.loss) == len(fitted.accuracy) == 5
    error = softmax.gradient_error(fitted.weights, fitted.bias, labels[:10], images[:10])
    assert fitted.gradient_error == error > 0
    shortest = fit(DigitSet(images, labels), {**FIT, "epochs": 1}, repeats=0.4)
    assert len(shortest.loss) == 1


def test_each_image_is_scored_just_before_its_update(digits):
    images, labels = digits[0][:30], digits[1][:30]
    fitted, measured = fit(DigitSet(images, labels)), []
    softmax.sgd(images, labels, seed=4, **FIT, on_epoch=lambda *each: measured.append(each))
    W, b = softmax.sgd(images, labels, seed=4, epochs=0)
    losses, are_right = [], []
    for x, label in zip(images, labels):
        losses.append(softmax.loss(W, b, label, x))
        are_right.append(softmax.predict_probabilities(W, b, [x]).argmax() == label)
        W, b = softmax.sgd(x[np.newaxis], [label], epochs=1, learning_rate=0.01, initial=(W, b))
    assert measured[0] == pytest.approx((1, np.mean(losses), np.mean(are_right)))
    np.testing.assert_array_equal(measured, [*zip([1, 2], fitted.loss, fitted.accuracy)])


def test_of_equal_scores_the_first_class_is_the_answer():
    initial, accuracies = (np.zeros((3, 4)), np.zeros(3)), []
    options = {"num_classes": 3, "epochs": 1, "initial": initial}
    for label in range(3):
        softmax.sgd(ONES[:1], [label], **options, on_epoch=lambda *each: accuracies.append(each[2]))
    assert accuracies == [1, 0, 0]


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
        (ONES, [0, 1, 2], (), "initial"),
    ],
)
def test_what_cannot_be_fitted_is_refused_by_name(X, y, initial, named):
    with pytest.raises(ValueError, match=named):
        softmax.sgd(X, y, initial=initial)


BAD = {
    "y_true": (
        [0, 1, -1, 2, 0],
        [0, 1, 3, 2, 0],
        [0],
        [0.0, 1, 2, 1, 0],
        ["0", "1", "2", "1", "0"],
    ),
    "W": (
        np.full((3, 4), np.nan),
        np.full((3, 4), np.inf),
        np.ones((3, 5)),
        np.full((3, 4), 1e308),
    ),
    "b": (np.ones(1), np.ones((3, 1)), np.array([0, np.nan, 0])),
    "x": (np.full((5, 4), np.nan), np.ones((5, 4), int), np.ones((5, 4), complex), np.ones(20)),
}


@pytest.mark.parametrize("name", ["loss", "gradient", "numerical_gradient", "gradient_error"])
def test_the_loss_and_its_gradients_refuse_what_has_none(name):
    good = {"W": np.ones((3, 4)), "b": np.ones(3), "y_true": [0, 1, 2, 1, 0], "x": np.ones((5, 4))}
    for argument, values in BAD.items():
        for value in values:
            with pytest.raises(ValueError, match=rf"\b{argument}\b"):
                getattr(softmax, name)(**{**good, argument: value})
    largest, W = np.finfo(float).max, np.array([[1.0], [-1.0]])
    if name != "gradient":  # of which each number is finite
        with pytest.raises(ValueError, match="x"):
            getattr(softmax, name)(W, np.zeros(2), 1, [largest])
    for label in (-1, 3, 1.0):
        with pytest.raises(ValueError, match="y_true"):
            getattr(softmax, name)(good["W"], good["b"], label, np.ones(4))


def as_rows(x) -> np.ndarray:
    x = np.asarray(x)
    assert x.dtype == np.uint8 or x.dtype.kind == "f"
    assert x.ndim >= 2
    return x.reshape(len(x), -1) / (255 if x.dtype == np.uint8 else 1)


def plain_scores(W, b, x):
    rows = as_rows(x)
    W, b = np.asarray(W, float), np.asarray(b, float)
    assert W.shape == (len(b), rows.shape[1])
    assert b.ndim == 1
    return rows @ W.T + b


def one_hot(y, num_samples, num_classes):
    y = np.asarray(y)
    assert (y.dtype.kind in "iu", y.shape) == (True, (num_samples,))
    assert 0 <= y.min() <= y.max() < num_classes
    return np.eye(num_classes)[y]


def plain_loss(W, b, y_true, x):
    z = plain_scores(W, b, x)
    return (scipy.special.logsumexp(z, axis=1) - (z * one_hot(y_true, *z.shape)).sum(axis=1)).mean()


def plain_gradient(W, b, y_true, x):
    z = plain_scores(W, b, x)
    difference = (scipy.special.softmax(z, axis=1) - one_hot(y_true, *z.shape)) / len(z)
    return difference.T @ as_rows(x), difference.sum(axis=0)


def plain_sgd(X, y, num_classes, learning_rate, epochs):
    rows = as_rows(X)
    for number in (num_classes, epochs):
        assert (np.ndim(number), np.asarray(number).dtype.kind in "iu") == (0, True)
    assert np.ndim(learning_rate) == 0
    assert learning_rate >= 0
    assert 1 <= num_classes < 1_000
    targets = one_hot(y, len(rows), num_classes)
    generator = np.random.default_rng(0)
    W = generator.uniform(-0.5, 0.5, (num_classes, rows.shape[1]))
    b = generator.uniform(-0.5, 0.5, num_classes)
    for _ in range(epochs if epochs < 1_000 else 1 // 0):
        for x, target in zip(rows, targets):
            difference = scipy.special.softmax(W @ x + b) - target
            W, b = W - learning_rate * np.outer(difference, x), b - learning_rate * difference
    return W, b


def plain_deviations(images):
    rows = as_rows(images)
    return rows.std(axis=0, dtype=float) * (255 if np.asarray(images).dtype == np.uint8 else 1)


RANDOM = np.random.default_rng(6)
PARAMETERS = {"W": RANDOM.normal(size=(3, 4)), "b": RANDOM.normal(size=3)}
X, Y = RANDOM.normal(size=(5, 4)), np.array([0, 1, 2, 1, 0])
FIT_ARGUMENTS = {"X": X, "y": Y, "num_classes": 3, "learning_rate": 0.1}
DOORS = {
    "softmax": ({"x": X}, lambda x: scipy.special.softmax(np.asarray(x, float), axis=-1)),
    "loss": ({**PARAMETERS, "y_true": Y, "x": X}, plain_loss),
    "gradient": ({**PARAMETERS, "y_true": Y, "x": X}, plain_gradient),
    "predict_probabilities": (
        {**PARAMETERS, "X": X},
        lambda W, b, X: scipy.special.softmax(plain_scores(W, b, X), axis=1),
    ),
    "pixel_deviations": ({"images": X}, plain_deviations),
    "sgd": (FIT_ARGUMENTS, lambda **given: plain_sgd(**given, epochs=2)),
    "sgd_reference": (FIT_ARGUMENTS, lambda **given: plain_sgd(**given, epochs=2)),
}


@pytest.mark.parametrize("name", DOORS)
def test_any_arguments_are_answered_rightly_or_refused(other_process, name):
    arguments, plain = DOORS[name]
    function = getattr(softmax, name)
    if name.startswith("sgd"):
        function = functools.partial(function, epochs=2)
    refusals = ValueError, TypeError, FloatingPointError, MemoryError
    check_door(other_process, function, arguments, plain, rtol=1e-5, atol=1e-6, refusals=refusals)


@pytest.mark.parametrize("epochs", [-1, 2.0, np.nan, "2", None, True, [2]])
@pytest.mark.parametrize("descend", [softmax.sgd, softmax.sgd_reference])
def test_other_numbers_of_epochs_are_refused(descend, epochs):
    with pytest.raises((ValueError, TypeError), match="epochs"):
        descend(X, Y, num_classes=3, epochs=epochs)


@pytest.mark.parametrize("label", [-1, 256, 1_000_000])
def test_a_model_is_not_fitted_to_labels_that_have_become_impossible(digits, label):
    part = DigitSet(digits[0][:60], digits[1][:60].astype(np.int64))
    part.labels[7] = label
    with pytest.raises(ValueError, match=f"labels has the value {label}"):
        fit(part)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"settings": {**FIT, "learning_rate": np.nan}}, "learning_rate"),
        ({"settings": {**FIT, "epochs": -5}}, "epochs"),
        ({"repeats": np.nan}, "repeats"),
    ],
)
def test_a_model_is_not_fitted_with_impossible_settings(changed, named, digits):
    with pytest.raises(ValueError, match=named):
        fit(DigitSet(digits[0][:60], digits[1][:60]), **changed)


KERNEL = {
    "starts": np.array([0, 2, 4]),
    "columns": np.array([0, 1, 1, 2], np.int32),
    "values": np.ones(4),
    "scale": 1.0,
    "labels": np.array([0, 1]),
    "rows": np.array([0, 1]),
    "blocks": np.zeros((1, 3, LANES)),
    "b": np.zeros(2),
    "y": np.zeros((1, LANES)),
    "learning_rate": 0.1,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("starts", np.array([0, 2, 2**40])),
        ("starts", np.array([-(2**40), 2, 4])),
        ("starts", np.array([0, 2])),
        ("columns", np.zeros(3, np.int32)),
        ("values", np.ones(3)),
        ("labels", np.array([0, 2**40])),
        ("labels", np.array([0, -(2**40)])),
        ("labels", np.array([0])),
        ("rows", np.array([2**40])),
        ("rows", np.array([-(2**40)])),
        ("blocks", np.zeros((1, 3, LANES - 1))),
        ("blocks", np.zeros((9, 3, LANES))),
        ("blocks", np.zeros((1, 0, LANES))),
        ("b", np.zeros(LANES + 1)),
        ("y", np.zeros((1, LANES - 1))),
    ],
)
def test_the_compiled_descent_refuses_arrays_that_do_not_fit(other_process, name, value):
    with pytest.raises(ValueError, match=name):
        other_process.submit(run_epoch, **{**KERNEL, name: value}).result()


def test_the_compiled_descent_reads_no_weights_beyond_its_pixels(other_process):
    columns = np.array([-1, 3, 2**31 - 1, -(2**31)], np.int32)
    far = other_process.submit(run_epoch, **{**KERNEL, "columns": columns}).result()
    first = other_process.submit(run_epoch, **{**KERNEL, "columns": columns * 0}).result()
    assert far == first


def test_the_probabilities_of_many_images_need_the_memory_of_a_block(digits, monkeypatch):
    images = digits[0]
    W, b = RANDOM.normal(size=(10, 784)), np.zeros(10)
    expected = softmax.predict_probabilities(W, b, images)
    monkeypatch.setattr(softmax, "BLOCK_ROWS", 99)
    tracemalloc.start()
    probabilities = softmax.predict_probabilities(W, b, images)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(probabilities, expected, atol=1e-12)
    assert peak < images.size * 8 / 4


@pytest.mark.parametrize("descend", [softmax.sgd, softmax.sgd_reference])
def test_a_run_that_diverges_raises(descend):
    X, y = np.full((20, 3), 1e200), np.arange(20) % 2
    with pytest.raises(FloatingPointError, match="learning_rate"):
        descend(X, y, num_classes=2, learning_rate=1e200, epochs=3)
    with pytest.raises(FloatingPointError, match="learning_rate"):  # by the last update
        descend(X[:1], y[:1], num_classes=2, learning_rate=1e200, epochs=1)


@pytest.mark.parametrize("num_images", [1, 2, 300, 2_000])
def test_the_deviations_of_the_pixels_are_those_of_numpy(num_images, small_train):
    images = small_train.images[:num_images]
    found = softmax.pixel_deviations(images)
    assert (found.shape, found.dtype) == ((784,), np.float64)
    np.testing.assert_allclose(
        found, images.reshape(num_images, -1).std(axis=0, dtype=np.float64), atol=1e-9
    )
    assert not found[images.reshape(num_images, -1).max(axis=0) == 0].any()

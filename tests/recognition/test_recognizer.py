"""What is said of a digit: calibrated votes, neighbours, how unusual it is; on a slice of the real digits."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from mnist_pipeline import pca, training
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.evaluation import calibrate
from mnist_pipeline.knn import KNNClassifier
from mnist_pipeline.networks import CNN, MLP
from mnist_pipeline.recognition import recognizer as recognition
from mnist_pipeline.recognition.recognizer import MODELS, Recognizer


@pytest.fixture(scope="module")
def knn(small_train: DigitSet) -> dict[str, np.ndarray]:
    return KNNClassifier(3, "pca").fit(small_train.images, small_train.labels).to_arrays()


@pytest.fixture(scope="module")
def recognizer(knn: dict[str, np.ndarray], small_train: DigitSet, small_test: DigitSet) -> Recognizer:
    """k-nearest neighbours on a slice as champion, beside networks that have learned nothing."""
    mean = pca.mean(small_train.images)
    vectors = pca.eigendecomposition(pca.covariance(pca.center(small_train.images, mean))).eigenvectors
    return recognition.assemble(
        "knn",
        knn=knn,
        num_neighbors=3,
        softmax={"weights": np.zeros((10, 784)), "bias": np.arange(10.0)},
        mlp=training.weights(training.build(MLP, seed=0)),
        cnn=training.weights(training.build(CNN, seed=0)),
        temperatures={"mlp": np.array(1.0), "cnn": np.array(0.5)},
        mean=mean,
        eigenvectors=vectors,
        reference=small_test.images,
    )


def test_each_model_gives_a_distribution_and_answers_with_its_most_probable_digit(
    recognizer: Recognizer, small_test: DigitSet
) -> None:
    for said in recognizer.recognize(small_test.images[:50]):
        assert tuple(said.digits) == tuple(said.probabilities) == MODELS
        for model, given in said.probabilities.items():
            assert math.isclose(given.sum(), 1)
            assert given[said.digits[model]] == given.max()


def test_the_answer_is_that_of_the_champion(recognizer: Recognizer, small_test: DigitSet) -> None:
    for model in MODELS:
        served = recognizer._replace(champion=np.array(MODELS.index(model)))
        for said in served.recognize(small_test.images[:20]):
            assert (said.champion, said.digit) == (model, said.digits[model])
            assert said.probability == said.probabilities[model][said.digit]


def test_the_neighbours_are_those_of_an_exhaustive_search(
    recognizer: Recognizer, small_train: DigitSet, small_test: DigitSet
) -> None:
    distances, indices = (
        KNNClassifier(3, "brute").fit(small_train.images, small_train.labels).kneighbors(small_test.images[:20])
    )
    for said, squares, near in zip(recognizer.recognize(small_test.images[:20]), distances, indices, strict=True):
        assert [each.index for each in said.neighbors] == near.tolist()
        assert [each.distance for each in said.neighbors] == pytest.approx(np.sqrt(squares).tolist())
        assert [each.digit for each in said.neighbors] == small_train.labels[near].tolist()


def test_a_training_digit_is_its_own_nearest_neighbour_and_is_given_back(
    recognizer: Recognizer, small_train: DigitSet
) -> None:
    (said,) = recognizer.recognize(small_train.images[7:8])
    assert (said.neighbors[0].index, said.neighbors[0].distance) == (7, 0)
    np.testing.assert_array_equal(recognizer.training_image(7), small_train.images[7])


def test_a_lower_temperature_makes_the_same_answer_surer(recognizer: Recognizer, small_test: DigitSet) -> None:
    warmer = recognizer._replace(temperatures={**recognizer.temperatures, "cnn": np.array(2.0)})
    for cold, warm in zip(
        recognizer.recognize(small_test.images[:20]), warmer.recognize(small_test.images[:20]), strict=True
    ):
        assert cold.digits["cnn"] == warm.digits["cnn"]
        assert cold.probabilities["cnn"].max() > warm.probabilities["cnn"].max()


def test_the_reconstruction_is_the_best_of_its_rank(recognizer: Recognizer, small_test: DigitSet) -> None:
    """What is left is orthogonal to the components, so no other point of their span is nearer."""
    digits = small_test.images[:20]
    left = (digits - recognizer.reconstruct(digits)).reshape(20, -1)
    np.testing.assert_allclose(left @ recognizer.components, 0, atol=0.1)


def test_the_smoothed_vote_keeps_the_order_of_the_votes() -> None:
    labels = np.array([[1, 1, 7], [3, 3, 3]])
    mixed, sure = recognition.vote_probabilities(labels, 0.1)
    assert mixed[1] > mixed[7] > mixed[0]
    assert sure[3] > mixed[1]
    assert sure[3] < 1


def test_a_vote_without_smoothing_is_the_share_of_votes() -> None:
    assert recognition.vote_probabilities(np.array([[1, 1, 7]]), 0.0)[0, [1, 7, 0]].tolist() == [2 / 3, 1 / 3, 0]


def test_the_fitted_smoothing_calibrates_the_vote_on_digits_it_has_not_seen(train: DigitSet, test: DigitSet) -> None:
    part = DigitSet(train.images[:10_000], train.labels[:10_000])
    classifier = KNNClassifier(3, "pca").fit(part.images, part.labels)
    smoothing = recognition.fit_smoothing(*recognition.held_out_neighbors(classifier.to_arrays(), 3))
    _, indices = classifier.kneighbors(test.images)
    near = part.labels[indices]
    fitted, shares = (recognition.vote_probabilities(near, s) for s in (smoothing, 0.0))
    assert calibrate(test.labels, fitted).expected_error < calibrate(test.labels, shares).expected_error < 0.05


def test_no_held_out_digit_is_its_own_neighbour() -> None:
    """Four copies of each of three images: an image among its neighbours would show as four of a label."""
    images = np.repeat(np.array([[0, 0], [0, 90], [90, 0]], np.uint8), 4, axis=0)
    labels = np.arange(12)
    knn = KNNClassifier(3, "brute").fit(images, labels).to_arrays()
    near, own = recognition.held_out_neighbors(knn, 3)
    assert sorted(own.tolist()) == labels.tolist()
    for neighbors, label in zip(near, own, strict=True):
        assert label not in neighbors
        assert set(neighbors // 4) == {label // 4}


def test_no_digits_are_answered_with_nothing(recognizer: Recognizer) -> None:
    assert recognizer.recognize(np.empty((0, 28, 28), np.uint8)) == []


@pytest.mark.parametrize("wrong", [np.zeros((2, 784), np.uint8), np.zeros((2, 28, 28)), np.zeros((28, 28), np.uint8)])
def test_what_are_not_digits_of_28_by_28_bytes_is_refused(recognizer: Recognizer, wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"images is .* pass uint8 of shape \(n, 28, 28\)"):
        recognizer.recognize(wrong)


def test_the_document_is_plain_json(recognizer: Recognizer, small_test: DigitSet) -> None:
    (said,) = recognizer.recognize(small_test.images[:1])
    document = json.loads(json.dumps(said.document(), allow_nan=False))
    assert document["digit"] == said.digit
    assert document["models"]["cnn"]["probabilities"] == pytest.approx(said.probabilities["cnn"], abs=1e-6)

"""Recognition of digits, on a slice of the real ones: answers, neighbours, and how unusual a digit is."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from mnist_pipeline import pca, training
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.knn import KNNClassifier
from mnist_pipeline.models import MODELS
from mnist_pipeline.networks import CNN, MLP
from mnist_pipeline.recognition import calibration
from mnist_pipeline.recognition import recognizer as recognition
from mnist_pipeline.recognition.recognizer import Recognizer


@pytest.fixture(scope="module")
def knn(small_train: DigitSet) -> dict[str, np.ndarray]:
    return KNNClassifier(3, "pca").fit(small_train.images, small_train.labels).to_arrays()


@pytest.fixture(scope="module")
def recognizer(knn: dict[str, np.ndarray], small_train: DigitSet, small_test: DigitSet) -> Recognizer:
    """k-nearest neighbours on a slice as champion, and untrained networks."""
    mean = pca.mean(small_train.images)
    vectors = pca.eigendecomposition(pca.covariance(pca.center(small_train.images, mean))).eigenvectors
    return recognition.assemble(
        "knn",
        {
            "knn": {**knn, "num_neighbors": np.array(3), "smoothing": np.array(0.1)},
            "softmax": {"weights": np.zeros((10, 784)), "bias": np.arange(10.0)},
            "mlp": {**training.weights(training.build(MLP, seed=0)), "temperature": np.array(1.0)},
            "cnn": {**training.weights(training.build(CNN, seed=0)), "temperature": np.array(0.5)},
        },
        mean=mean,
        eigenvectors=vectors,
        reference=small_test.images,
    )


def test_each_model_answers_with_the_most_probable_digit_of_its_distribution(
    recognizer: Recognizer, small_test: DigitSet
) -> None:
    for answer in recognizer.recognize(small_test.images[:50]):
        assert tuple(answer.digits) == tuple(answer.probabilities) == tuple(MODELS)
        for model, given in answer.probabilities.items():
            assert math.isclose(given.sum(), 1)
            assert given[answer.digits[model]] == given.max()


def test_the_answer_is_that_of_the_champion(recognizer: Recognizer, small_test: DigitSet) -> None:
    for model in MODELS:
        served = recognizer._replace(champion=np.frombuffer(model.encode(), np.uint8))
        for answer in served.recognize(small_test.images[:20]):
            assert (answer.champion, answer.digit) == (model, answer.digits[model])
            assert answer.probability == answer.probabilities[model][answer.digit]


def test_the_neighbours_are_those_of_an_exhaustive_search(
    recognizer: Recognizer, small_train: DigitSet, small_test: DigitSet
) -> None:
    digits = np.concatenate([small_train.images[7:8], small_test.images[:20]])
    found = KNNClassifier(3, "brute").fit(small_train.images, small_train.labels).kneighbors(digits)
    for answer, squares, near in zip(recognizer.recognize(digits), *found, strict=True):
        assert [neighbor.index for neighbor in answer.neighbors] == near.tolist()
        assert [neighbor.distance for neighbor in answer.neighbors] == pytest.approx(np.sqrt(squares).tolist())
        assert [neighbor.digit for neighbor in answer.neighbors] == small_train.labels[near].tolist()


@pytest.mark.parametrize("wrong", [np.zeros((2, 784), np.uint8), np.zeros((2, 28, 28)), np.zeros((28, 28), np.uint8)])
def test_arrays_of_another_shape_or_type_are_refused(recognizer: Recognizer, wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match=f"digits is {wrong.dtype}"):
        recognizer.recognize(wrong)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("errors", [np.empty(0), np.full(3, np.nan), np.array([1.0, np.inf]), np.array(["1"])])
def test_a_recognizer_without_errors_to_compare_with_is_not_usable(errors: np.ndarray, recognizer: Recognizer) -> None:
    recognizer.check_usable()
    with pytest.raises(ValueError, match="another version stored it"):
        recognizer._replace(errors=errors).check_usable()


def test_the_document_is_plain_json(recognizer: Recognizer, small_test: DigitSet) -> None:
    (answer,) = recognizer.recognize(small_test.images[:1])
    document = json.loads(json.dumps(answer.document(), allow_nan=False))
    assert document["digit"] == answer.digit
    assert document["models"]["cnn"]["probabilities"] == pytest.approx(answer.probabilities["cnn"], abs=1e-6)


def test_the_recognizer_of_an_earlier_version_answers_the_same(recognizer: Recognizer, small_test: DigitSet) -> None:
    knn, mlp, cnn = (recognizer.state(name) for name in ("knn", "mlp", "cnn"))
    earlier = {
        "champion": np.array(3),
        "num_neighbors": knn.pop("num_neighbors"),
        "smoothing": knn.pop("smoothing"),
        "knn": knn,
        "softmax": recognizer.state("softmax"),
        "temperatures": {"mlp": mlp.pop("temperature"), "cnn": cnn.pop("temperature")},
        "mlp": mlp,
        "cnn": cnn,
        **{name: getattr(recognizer, name) for name in ("mean", "components", "errors", "novelty")},
    }
    read = Recognizer.from_fields(earlier)
    assert read.champion_name == "cnn"
    champion = np.frombuffer(b"cnn", np.uint8)
    expected = recognizer._replace(champion=champion, calibration=calibration.NONE).recognize(small_test.images[:5])
    assert [answer.document() for answer in read.recognize(small_test.images[:5])] == [
        answer.document() for answer in expected
    ]


@pytest.mark.parametrize(
    ("others", "probability", "looks", "shown"),
    [
        ((4, 4, 4), 0.99, True, "4"),
        ((4, 4, 9), 0.99, True, "4"),
        ((4, 4, 4), 0.7, True, "probably 4"),
        ((9, 4, 9), 0.99, True, "probably 4, the models disagree"),
        ((4, 4, 4), 0.99, False, "does not look like a digit"),
    ],
)
def test_the_headline_names_the_doubt(
    others: tuple[int, ...], probability: float, looks: bool, shown: str, recognizer: Recognizer, small_test: DigitSet
) -> None:
    (answer,) = recognizer.recognize(small_test.images[:1])
    digits = {"cnn": 4, **dict(zip(("knn", "softmax", "mlp"), others, strict=True))}
    doubted = replace(
        answer, champion="cnn", digit=4, name="4", digits=digits, probability=probability, looks_like_digit=looks
    )
    assert recognizer.known.headline(doubted) == shown
    assert doubted.is_doubtful == (shown != "4")

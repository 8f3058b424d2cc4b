"""A small recognizer, which tests share."""

import numpy as np
import pytest

from mnist_pipeline import pca, training
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.knn import KNNClassifier
from mnist_pipeline.networks import CNN, MLP
from mnist_pipeline.recognition import recognizer as recognition
from mnist_pipeline.recognition.recognizer import Recognizer


@pytest.fixture(scope="session")
def small_recognizer(small_train: DigitSet, small_test: DigitSet) -> Recognizer:
    """k-nearest neighbours on a slice as champion, and untrained networks."""
    mean = pca.mean(small_train.images)
    vectors = pca.eigendecomposition(pca.covariance(pca.center(small_train.images, mean))).eigenvectors
    knn = KNNClassifier(3, "pca").fit(small_train.images, small_train.labels).to_arrays()
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

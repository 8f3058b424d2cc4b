"""Recognizers that tests share."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mnist_pipeline.data.held_out import split
from mnist_pipeline.data.values import DataSet, DigitSet, ImageKind
from mnist_pipeline.handwriting import recognizer as recognition
from mnist_pipeline.handwriting.doubt import Recognition
from mnist_pipeline.handwriting.novelty import fit_held_out
from mnist_pipeline.handwriting.recognizer import Recognizer
from mnist_pipeline.methods import pca
from mnist_pipeline.methods.knn.index import PrincipalComponentIndex
from mnist_pipeline.methods.knn.method import FittedKNN
from mnist_pipeline.methods.softmax.method import FittedSoftmax
from mnist_pipeline.methods.table import MODELS
from support.networks import fitted_network

# An answer that nothing speaks against.
CERTAIN = Recognition(
    digit=4,
    name="4",
    runner_up="9",
    probability=0.99,
    champion="cnn",
    digits={},
    models_disagree=False,
    is_certain=True,
    claim=0.99,
    probabilities={},
    votes=(3, 3),
    neighbors=[],
    novelty=0,
    looks_like_digit=True,
    reconstruction=np.empty(0),
)
NONE = np.array([])
WEIGHTS = np.zeros((10, 784)), np.arange(10.0)
CONSTANT = FittedSoftmax(*WEIGHTS, *WEIGHTS, NONE, NONE, gradient_error=0.0)


def answered(**changes: Any) -> Recognition:
    """A certain answer, or one that differs from it."""
    return replace(CERTAIN, **changes)


def recognizer_of(train: DigitSet, champion: str, **trained: Any) -> Recognizer:
    """k-nearest neighbours, and models that are trained or answer at random."""
    # Most tests need no torch, which takes seconds to import.
    from mnist_pipeline.methods.networks import training
    from mnist_pipeline.methods.networks.modules import CNN, MLP

    mean = pca.mean(train.images)
    vectors = pca.eigendecomposition(pca.covariance(pca.center(train.images, mean))).eigenvectors
    index = PrincipalComponentIndex.fit(train.images.reshape(len(train.images), -1))
    models: dict[str, Any] = {
        "knn": FittedKNN(train.images.reshape(-1, 784), train.labels, index, 3, smoothing=0.1),
        "softmax": CONSTANT,
        "mlp": fitted_network(training.weights(training.build(MLP, seed=0))),
        "cnn": fitted_network(training.weights(training.build(CNN, seed=0)), temperature=0.5),
        **trained,
    }
    _, held_out = split(train.labels)
    predicted = {
        name: MODELS[name].method().held_out_answer(fitted, train.images[held_out], held_out).labels
        for name, fitted in models.items()
    }
    return recognition.assemble(
        champion,
        models,
        DataSet(),
        mean=mean,
        eigenvectors=vectors,
        novelty=fit_held_out(train, ImageKind()),
        held_out=held_out,
        predicted=predicted,
        tested=(240, 10),
    )


@pytest.fixture(scope="session")
def small_recognizer(small_train) -> Recognizer:
    """k-nearest neighbours on a slice as champion, and untrained networks."""
    return recognizer_of(small_train, "knn")

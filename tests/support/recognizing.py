"""Recognizers that tests share."""

from collections.abc import Mapping
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
from mnist_pipeline.methods.knn.classifier import KNNClassifier
from mnist_pipeline.methods.table import MODELS

Arrays = Mapping[str, np.ndarray]
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
    probabilities={},
    neighbors=[],
    novelty=0,
    looks_like_digit=True,
    reconstruction=np.empty(0),
)
CONSTANT: Arrays = {"weights": np.zeros((10, 784)), "bias": np.arange(10.0)}


def answered(**changes: Any) -> Recognition:
    """A certain answer, or one that differs from it."""
    return replace(CERTAIN, **changes)


def recognizer_of(train: DigitSet, champion: str, **trained: Arrays) -> Recognizer:
    """k-nearest neighbours, and models that are trained or answer at random."""
    # Most tests need no torch, which takes seconds to import.
    from mnist_pipeline.methods.networks import training
    from mnist_pipeline.methods.networks.modules import CNN, MLP

    mean = pca.mean(train.images)
    vectors = pca.eigendecomposition(pca.covariance(pca.center(train.images, mean))).eigenvectors
    index = KNNClassifier(3, "pca").fit(train.images, train.labels, mean, vectors).to_arrays()
    states: dict[str, Arrays] = {
        "knn": {**index, "num_neighbors": np.array(3), "smoothing": np.array(0.1)},
        "softmax": {
            f"{fit}{name}": array for fit in ("", "held_out_") for name, array in CONSTANT.items()
        },
        "mlp": {**training.weights(training.build(MLP, seed=0)), "temperature": np.array(1.0)},
        "cnn": {**training.weights(training.build(CNN, seed=0)), "temperature": np.array(0.5)},
        **trained,
    }
    _, held_out = split(train.labels)
    predicted = {
        name: MODELS[name].method().held_out_answer(state, train.images[held_out], held_out).labels
        for name, state in states.items()
    }
    return recognition.assemble(
        champion,
        states,
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

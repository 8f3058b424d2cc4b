"""The arrays of the run that the page computes with, packed into one text.

An array is stored as its bytes: first the lowest byte of each number, then the second byte of each,
and so on. Bytes of equal rank are alike, so deflate makes them shorter.
`templates/script/arrays.js` restores the arrays.
"""

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from mnist_pipeline.inference.networks import TEMPERATURE, weights_of
from mnist_pipeline.knn.model import vote_probabilities
from mnist_pipeline.report.document import NETWORKS, NUM_NEIGHBORS_SHOWN, Values

Packed = tuple[
    str, np.ndarray, float
]  # integers with a step stand for its multiples; other arrays have the step 1

LEVEL = 7  # of deflate; level 8 takes four times as long, and saves half a percent
SAMPLE = 2_000  # training images among which the page searches the nearest
NUM_COMPONENTS = 256
COMPONENT_STEP = (
    2.0**-15
)  # an image rebuilt from all of these components is right to 0.1% of the range
PROBABILITY_STEP = 1e-4
LEVELS = (
    2**13
)  # of a weight, for each sign: the probabilities of the convolutional network are right to 0.1%
FAINT = 25.5  # grey levels; the weights of a pixel with less ink get no larger steps
# Bytes of images after deflate. If a data set has many more errors than MNIST, not all of their
# images fit.
TEST_BYTES, TRAIN_BYTES = 170_000, 510_000


def embed(document: Mapping[str, Any], values: Values) -> Markup:
    """The arrays, their layout, and other facts that the scripts compute with, as JSON within
    HTML.
    """
    shown, (sample, train) = _test_indices(document, values), _train_indices(document, values)
    layout, blocks, offset = {}, [], 0
    for name, array, step in (
        *_models(values),
        *_answers(values, shown),
        *_images(values, shown, train),
    ):
        layout[name] = {
            "type": array.dtype.name,
            "shape": array.shape,
            "offset": offset,
            "step": float(step),
        }
        blocks.append(np.ascontiguousarray(array).reshape(-1, 1).view(np.uint8).T.tobytes())
        offset += array.nbytes
    facts = {
        "models": list(values.predictions),
        "numNeighbors": document["knn"]["num_neighbors"],
        "sample": sample,
        "temperatures": {name: float(values.models[name][TEMPERATURE]) for name in NETWORKS},
    }
    data = (
        "data:application/zlib;base64,"
        + base64.b64encode(zlib.compress(b"".join(blocks), LEVEL)).decode()
    )
    found = json.dumps({"facts": facts, "layout": layout, "data": data}, separators=(",", ":"))
    return Markup(found.replace("<", "\\u003c"))


def _models(values: Values) -> Iterator[Packed]:
    softmax = values.models["softmax"]
    yield "softmax.weights", softmax["weights"].astype(np.float32), 1
    yield "softmax.bias", softmax["bias"].astype(np.float32), 1
    weights = {
        f"{name}.{part}": array
        for name in NETWORKS
        for part, array in weights_of(values.models[name]).items()
    }
    hidden = weights.pop("mlp.hidden.weight")
    # W x = Q (s ⊙ x) with integers Q: the less ink a pixel has, the larger its step s may be.
    root_mean_square = np.sqrt(values.data_mean.ravel() ** 2 + values.covariance.diagonal())
    ink = root_mean_square.clip(FAINT)
    step = (np.abs(hidden * ink).max() or 1) / 127
    levels = np.rint((hidden * ink).T / step).astype(np.int8)  # (784, n_hidden)
    yield "mlp.hidden.levels", levels, 1
    yield "mlp.hidden.steps", (step / ink).astype(np.float32), 1
    for name, array in weights.items():
        yield _rounded(name, array, (np.abs(array).max() or 1) / LEVELS)
    yield "pca.mean", values.data_mean.ravel().astype(np.float32), 1
    yield _rounded(
        "pca.components", values.eigendecomposition.eigenvectors.T[:NUM_COMPONENTS], COMPONENT_STEP
    )


def _answers(values: Values, shown: np.ndarray) -> Iterator[Packed]:
    """The answers of all models to the test images shown: (n_shown, n_models), and a last axis of
    classes. k-NN shows the shares of the votes.
    """
    nearest = values.predictions["knn"].nearest
    voters = nearest["labels"][shown, : int(values.models["knn"]["num_neighbors"])]
    probabilities = {name: found.probabilities[shown] for name, found in values.predictions.items()}
    probabilities["knn"] = vote_probabilities(voters, 0, probabilities["knn"].shape[1])
    labels = [predictions.labels[shown] for predictions in values.predictions.values()]
    stacked = np.stack(list(probabilities.values()), axis=1)
    yield _rounded("test.probabilities", stacked, PROBABILITY_STEP)
    yield "test.answers", np.stack(labels, axis=1).astype(np.uint8), 1
    indices = nearest["indices"][shown, :NUM_NEIGHBORS_SHOWN]
    yield "test.neighbors", indices.astype(np.int32), 1


def _images(values: Values, shown: np.ndarray, train: np.ndarray) -> Iterator[Packed]:
    yield "digits", values.digit_images, 1
    for name, digits, indices in (
        ("test", values.test_digits, shown),
        ("train", values.train_digits, train),
    ):
        yield f"{name}.images", digits.images[indices], 1
        yield f"{name}.labels", digits.labels[indices].astype(np.uint8), 1
        yield f"{name}.indices", indices.astype(np.int32), 1


def _test_indices(document: Mapping[str, Any], values: Values) -> np.ndarray:
    """The first test image of each class, and the misread images.

    The errors of better models come first.
    """
    firsts = np.unique(values.test_digits.labels, return_index=True)[1]
    wanted = _distinct(firsts, _misread(document, *document["comparison"]["models"]))
    return np.sort(wanted[: _num_fitting(values.test_digits.images, TEST_BYTES)])


def _train_indices(document: Mapping[str, Any], values: Values) -> tuple[int, np.ndarray]:
    """The size of a random sample, and the training images: the sample, then the nearest to misread
    images.

    The sample begins with the points of the scatter plot. The misread images are errors of the
    networks and of k-NN.
    """
    nearest = values.predictions["knn"].nearest["indices"]
    scattered, images = np.array(document["pca"]["scatter"]["index"]), values.train_digits.images
    room = max(len(scattered), _num_fitting(images, TRAIN_BYTES))
    size = max(len(scattered), min(SAMPLE, 2 * room // 3))
    sample = _distinct(scattered, np.random.default_rng(0).permutation(len(images)))[:size]
    misread = _misread(document, *reversed(NETWORKS), "knn")
    near = nearest[misread, :NUM_NEIGHBORS_SHOWN]
    return len(sample), _distinct(sample, near.ravel())[:room]


def _misread(document: Mapping[str, Any], *models: str) -> np.ndarray:
    """The indices of the test images that these models misread, model by model."""
    return np.array(
        [error["index"] for model in models for error in document["errors"][model]], np.int64
    )


def _distinct(*indices: np.ndarray) -> np.ndarray:
    """All indices in their order, each where it comes first."""
    joined = np.concatenate(indices)
    return np.asarray(joined[np.sort(np.unique(joined, return_index=True)[1])])


def _num_fitting(images: np.ndarray, num_bytes: int) -> int:
    """How many images deflate to a number of bytes, judged by the first images."""
    few = images[:200]
    return num_bytes * len(few) // len(zlib.compress(few.tobytes(), LEVEL))


def _rounded(name: str, values: np.ndarray, step: float) -> Packed:
    return name, np.rint(values / step).clip(-(2**15), 2**15 - 1).astype(np.int16), step

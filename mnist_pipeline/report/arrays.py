"""The arrays of the run that the page computes with, packed into one text.

An array is stored as its bytes: first the lowest byte of every number, then the second byte of
every number, and so on. Bytes of equal rank are alike, so deflate makes them shorter.
`templates/script/arrays.js` restores the arrays.
"""

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from mnist_pipeline.evaluation import robustness
from mnist_pipeline.methods.knn.method import NUM_NEIGHBORS_SHOWN, vote_probabilities
from mnist_pipeline.methods.networks.method import TEMPERATURE, weights_of
from mnist_pipeline.report.document import NETWORKS, Values

# Name, array, and step: integers with a step stand for its multiples; other arrays have the step 1.
Packed = tuple[str, np.ndarray, float]

LEVEL = 7  # of deflate; level 8 takes four times as long, and saves half a percent
SAMPLE = 2_000  # training images among which the page searches the nearest
NUM_COMPONENTS = 256
# With this step, an image rebuilt from all of these components is right to 0.1% of the range.
COMPONENT_STEP = 2.0**-15
PROBABILITY_STEP = 1e-4
# Of a weight, per sign: the probabilities of the convolutional network are right to 0.1%.
LEVELS = 2**13
FAINT = 25.5  # grey levels; pixels with less ink have the same step as pixels with this ink
# Of a weight of the novelty, per sign: 1 in 1,000 of MNIST's test digits is doubted differently.
NOVELTY_LEVELS = 2**8
NUM_SAMPLED = 300  # test images that are a fair sample
# Bytes of images after deflate. If a data set has many more errors than MNIST, not all of their
# images fit.
TEST_BYTES = 220_000
TRAIN_BYTES = 510_000


def embed(document: Mapping[str, Any], values: Values) -> Markup:
    """The arrays, their layout, and facts for the scripts, as JSON within HTML."""
    sampled, test = _test_indices(document, values)
    sample, train = _train_indices(document, values)
    arrays = (
        *_models(values),
        *_doubt(values),
        *_answers(values, test),
        *_images(values, test, train),
    )
    layout = {}
    blocks = []
    offset = 0
    for name, array, step in arrays:
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
        "isWholeSample": sample == len(values.train_digits.labels),
        "testSample": np.flatnonzero(np.isin(test, sampled)).tolist(),
        "doubt": values.recognizer.rules(),
        "smoothing": float(values.models["knn"]["smoothing"]),
        "temperatures": {name: float(values.models[name][TEMPERATURE]) for name in NETWORKS},
    }
    data = base64.b64encode(zlib.compress(b"".join(blocks), LEVEL)).decode()
    embedded = {"facts": facts, "layout": layout, "data": data}
    return Markup(json.dumps(embedded, separators=(",", ":")).replace("<", "\\u003c"))


def _models(values: Values) -> Iterator[Packed]:
    softmax = values.models["softmax"]
    yield "softmax.weights", softmax["weights"].astype(np.float32), 1
    yield "softmax.bias", softmax["bias"].astype(np.float32), 1
    weights: dict[str, np.ndarray] = {}
    for network in NETWORKS:
        arrays = weights_of(values.models[network])
        weights |= {f"{network}.{name}": array for name, array in arrays.items()}
    hidden = weights.pop("mlp.hidden.weight")
    # W x = Q (s ⊙ x) with integers Q: the less ink a pixel has, the larger its step s may be.
    mean_square = values.data_mean.ravel() ** 2 + values.covariance.diagonal()
    ink = np.sqrt(mean_square).clip(FAINT)
    step = (np.abs(hidden * ink).max() or 1) / 127
    levels = np.rint((hidden * ink).T / step)  # (784, n_hidden)
    yield "mlp.hidden.levels", levels.astype(np.int8), 1
    yield "mlp.hidden.steps", (step / ink).astype(np.float32), 1
    for name, array in weights.items():
        yield _rounded(name, array, (np.abs(array).max() or 1) / LEVELS)
    yield "pca.mean", values.data_mean.ravel().astype(np.float32), 1
    components = values.eigendecomposition.eigenvectors.T[:NUM_COMPONENTS]
    yield _rounded("pca.components", components, COMPONENT_STEP)


def _doubt(values: Values) -> Iterator[Packed]:
    """The novelty detector of the recognizer, without its reference scores."""
    for name, array in values.recognizer.novelty.items():
        if name in ("means", "components", "hidden_weight"):
            yield _rounded(f"novelty.{name}", array, (np.abs(array).max() or 1) / NOVELTY_LEVELS)
        elif name != "reference":
            yield f"novelty.{name}", array.astype(np.float32), 1


def _answers(values: Values, test: np.ndarray) -> Iterator[Packed]:
    """The answers of all models to test images: (n, n_models), and a last axis of classes.

    k-NN shows the shares of the votes.
    """
    nearest = values.predictions["knn"].nearest
    voters = nearest["labels"][test, : int(values.models["knn"]["num_neighbors"])]
    labels = []
    probabilities = []
    for model, predictions in values.predictions.items():
        labels.append(predictions.labels[test])
        if model == "knn":
            num_classes = predictions.probabilities.shape[1]
            probabilities.append(vote_probabilities(voters, 0, num_classes))
        else:
            probabilities.append(predictions.probabilities[test])
    yield _rounded("test.probabilities", np.stack(probabilities, axis=1), PROBABILITY_STEP)
    yield "test.answers", np.stack(labels, axis=1).astype(np.uint8), 1
    indices = nearest["indices"][test, :NUM_NEIGHBORS_SHOWN]
    yield "test.neighbors", indices.astype(np.int32), 1


def _images(values: Values, test: np.ndarray, train: np.ndarray) -> Iterator[Packed]:
    splits = (("test", values.test_digits, test), ("train", values.train_digits, train))
    for name, digits, indices in splits:
        yield f"{name}.images", digits.images[indices], 1
        yield f"{name}.labels", digits.labels[indices].astype(np.uint8), 1
        yield f"{name}.indices", indices.astype(np.int32), 1


def _test_indices(document: Mapping[str, Any], values: Values) -> tuple[np.ndarray, np.ndarray]:
    """A random sample of the test images, and indices in order: the first image of each class, the
    sample, and the misread images, of better models first.
    """
    images, labels = values.test_digits
    room = _num_fitting(images, TEST_BYTES)
    firsts = np.unique(labels, return_index=True)[1]
    sampled = robustness.sample(len(images), min(NUM_SAMPLED, room // 3))
    misread = _misread(document, *document["comparison"]["models"])
    return sampled, np.sort(_distinct(firsts, sampled, misread)[:room])


def _train_indices(document: Mapping[str, Any], values: Values) -> tuple[int, np.ndarray]:
    """The size of a random sample, and indices: the sample, then neighbours of misread images.

    The sample begins with the points of the scatter plot. The misread images are errors of the
    networks and of k-NN.
    """
    nearest = values.predictions["knn"].nearest["indices"]
    scattered = np.array(document["pca"]["scatter"]["index"])
    images = values.train_digits.images
    room = max(len(scattered), _num_fitting(images, TRAIN_BYTES))
    size = max(len(scattered), min(SAMPLE, 2 * room // 3))
    sample = _distinct(scattered, np.random.default_rng(0).permutation(len(images)))[:size]
    misread = _misread(document, *reversed(NETWORKS), "knn")
    neighbors = nearest[misread, :NUM_NEIGHBORS_SHOWN].ravel()
    return len(sample), _distinct(sample, neighbors)[:room]


def _misread(document: Mapping[str, Any], *models: str) -> np.ndarray:
    """The indices of the test images that these models misread, model by model."""
    errors = [error for model in models for error in document["errors"][model]]
    return np.array([error["index"] for error in errors], np.int64)


def _distinct(*indices: np.ndarray) -> np.ndarray:
    """All indices in their order, without repetitions."""
    joined = np.concatenate(indices)
    return np.asarray(joined[np.sort(np.unique(joined, return_index=True)[1])])


def _num_fitting(images: np.ndarray, num_bytes: int) -> int:
    """An estimate, by the first images, of how many images deflate to a number of bytes."""
    first = images[:200]
    return num_bytes * len(first) // len(zlib.compress(first.tobytes(), LEVEL))


def _rounded(name: str, values: np.ndarray, step: float) -> Packed:
    return name, np.rint(values / step).clip(-(2**15), 2**15 - 1).astype(np.int16), step

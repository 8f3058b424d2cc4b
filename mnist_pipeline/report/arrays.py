"""The arrays of the run that the page computes with, packed into one text.

An array is stored as its bytes: first the lowest byte of every number, then the second byte of
every number, and so on. Bytes of equal rank are alike, so deflate makes them shorter.
`script/arrays.js` restores the arrays.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from mnist_pipeline.evaluation import robustness
from mnist_pipeline.methods.knn.method import NUM_NEIGHBORS_SHOWN
from mnist_pipeline.report import assembly
from mnist_pipeline.report.content import Document, PageImages, Values

LEVEL = 7  # of deflate; level 8 takes four times as long, and saves half a percent
SAMPLE = 2_000  # training images among which the page searches the nearest
NUM_SAMPLED = 300  # test images that are a fair sample
# Bytes of images after deflate. If a data set has many more errors than MNIST, not all of their
# images fit.
TEST_BYTES = 220_000
TRAIN_BYTES = 510_000
IN_COLOR = 0.58  # of these bytes: weights and pictures take more in colour, and a page has 4 MB
# The page has the nearest training images of the images that these models misread.
WITH_NEIGHBORS = ("cnn", "mlp", "knn")


def embed(document: Document, values: Values) -> Markup:
    """The arrays, their layout, and facts for the scripts, as JSON within HTML."""
    images = choose_images(document, values)
    layout = {}
    blocks = []
    offset = 0
    for name, (array, step) in assembly.merged("arrays", values, images).items():
        layout[name] = {
            "type": array.dtype.name,
            "shape": array.shape,
            "offset": offset,
            "step": float(step),
        }
        blocks.append(np.ascontiguousarray(array).reshape(-1, 1).view(np.uint8).T.tobytes())
        offset += array.nbytes
    facts = {
        "models": list(document["models"]),
        "sample": images.sample_size,
        "numScattered": images.num_scattered,
        "numTraining": len(values["train_digits"].labels),
        "testSample": np.flatnonzero(images.is_sampled).tolist(),
        "files": values["raw_mnist"].files_of("test", images.test).get("file", []),
        **assembly.merged("facts", values),
    }
    data = base64.b64encode(zlib.compress(b"".join(blocks), LEVEL)).decode()
    return script_json({"facts": facts, "layout": layout, "data": data})


def script_json(content: Mapping[str, Any]) -> Markup:
    """JSON within a script element of HTML."""
    return Markup(json.dumps(content, separators=(",", ":")).replace("<", "\\u003c"))


def choose_images(document: Document, values: Values) -> PageImages:
    """The images that the page contains.

    Test images: the first image of each class, a random sample, and the misread images, of better
    models first. Training images: a random sample, which begins with the points of the scatter
    plot, or those that fit, then the neighbours of misread images.
    """
    images, labels = values["test_digits"]
    room = _num_fitting(images, TEST_BYTES)
    firsts = np.unique(labels, return_index=True)[1]
    sampled = robustness.sample(len(images), min(NUM_SAMPLED, room // 3))
    misread = _misread(document, *document["comparison"]["models"])
    test = np.sort(_distinct(firsts, sampled, misread)[:room])

    images = values["train_digits"].images
    scattered = np.array(document["pca"]["scatter"]["index"])
    room = _num_fitting(images, int(TRAIN_BYTES * (IN_COLOR if images.ndim == 4 else 1)))
    if len(scattered) > room:
        scattered = np.random.default_rng(0).permutation(scattered)[: 2 * room // 3]
    size = max(len(scattered), min(SAMPLE, 2 * room // 3))
    sample = _distinct(scattered, np.random.default_rng(0).permutation(len(images)))[:size]
    nearest = values["knn_predictions"].nearest.indices
    neighbors = nearest[_misread(document, *WITH_NEIGHBORS), :NUM_NEIGHBORS_SHOWN].ravel()
    train = _distinct(sample, neighbors)[:room]
    return PageImages(test, train, np.isin(test, sampled), len(sample), len(scattered))


def _misread(document: Document, *models: str) -> np.ndarray:
    """The indices of the test images that these models misread, model by model."""
    errors = [error for model in models for error in document["errors"][model]]
    return np.array([error["index"] for error in errors], np.int64)


def _distinct(*indices: np.ndarray) -> np.ndarray:
    """All indices in their order, without repetitions."""
    return np.array(list(dict.fromkeys(np.concatenate(indices).tolist())))


def _num_fitting(images: np.ndarray, num_bytes: int) -> int:
    """An estimate, by the first images, of how many images deflate to a number of bytes."""
    first = images[:200]
    return num_bytes * len(first) // len(zlib.compress(first.tobytes(), LEVEL))

"""A value of every kind that is stored, and how two of them are compared."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from mnist_pipeline.data import values
from mnist_pipeline.data.catalogue import FASHION_MNIST
from mnist_pipeline.data.values import DigitSet, RawData, RawFile
from mnist_pipeline.evaluation import scores
from mnist_pipeline.report.document import Report

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 10, 40).astype(np.uint8)
PROBABILITIES = RNG.dirichlet(np.ones(10), 40).astype(np.float32)

ARRAYS = {
    "bytes": RNG.integers(0, 256, (3, 28, 28)).astype(np.uint8),
    "float32": RNG.standard_normal((5, 7)).astype(np.float32),
    "columns first": np.asfortranarray(RNG.standard_normal((6, 4))),
    "a strided view": RNG.standard_normal((6, 8))[::2, ::-3],
    "no rows": np.zeros((0, 784), np.float32),
    "a scalar": np.array(2.5),
}
NAMED = {
    "DigitSet": DigitSet(ARRAYS["bytes"], LABELS[:3]),
    "Predictions of k-NN": values.Predictions(
        LABELS[:4],
        RNG.random((4, 10)).astype(np.float32),
        {"indices": RNG.integers(0, 99, (4, 10)), "labels": RNG.integers(0, 9, (4, 10))},
    ),
    "a dict of empty arrays": {"images": ARRAYS["no rows"]},
    "a dict of every type": {dtype: np.arange(3).astype(dtype) for dtype in (*"?bBhHiIlLqQefdF",)},
}
TABLE = pd.DataFrame(
    {
        "index": [3, 1],
        "probability": [1 / 3, 0.1 + 0.2],
        "name": ["train-images-idx3-ubyte.gz", 'a "quoted", name'],
    }
)
PLAIN = {
    "RawData": RawData((RawFile("images.gz", 3, "ab"),), FASHION_MNIST),
    "DataSet": FASHION_MNIST,
    "ImageKind": FASHION_MNIST.kind,
    "Evaluation": scores.evaluate(LABELS, LABELS, PROBABILITIES),
}
REPORT = Report(
    "<html>übersicht – 7 → 1</html>", {"models": {"cnn": {"accuracy": 0.99, "seconds": None}}}
)
EVERY_KIND: dict[str, Any] = {**ARRAYS, **NAMED, "DataFrame": TABLE, "a text": "# 7 → 1\n", **PLAIN}


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Every array in a value of named arrays, by name."""
    if isinstance(value, np.ndarray):
        yield name, value
        return
    for field, content in (value if isinstance(value, Mapping) else value._asdict()).items():
        yield from leaves(content, f"{name}/{field}")


def assert_same_values(found: Any, expected: Any) -> None:
    """A value of any kind came back with its type, its shape and its values."""
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
    elif isinstance(expected, np.ndarray):
        assert_same_arrays(np.asarray(found), expected)
    else:
        assert isinstance(found, type(expected))
        if isinstance(expected, (dict, tuple)) and not isinstance(expected, Report):
            assert_same_arrays(found, expected)
        else:
            assert found == expected


def assert_same_arrays(found: Any, expected: Any) -> None:
    found_leaves, expected_leaves = dict(leaves(found)), dict(leaves(expected))
    assert set(found_leaves) == set(expected_leaves)
    for name, array in expected_leaves.items():
        assert found_leaves[name].dtype == array.dtype, name
        np.testing.assert_array_equal(found_leaves[name], array, err_msg=name, strict=True)

"""A value of every kind that is stored."""

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
    "texts": np.array(["a", "übersicht"]),
    "days": np.array(["2026-12-02", "NaT"], "datetime64[D]"),
}
NAMED = {
    "DigitSet": DigitSet(ARRAYS["bytes"], LABELS[:3]),
    "Predictions of k-NN": values.Predictions(
        LABELS[:4],
        RNG.random((4, 10)).astype(np.float32),
        values.Nearest(*RNG.integers(0, 9, (3, 4, 10))),
    ),
    "a dict of empty arrays": {"images": ARRAYS["no rows"]},
    "a dict of every type": {dtype: np.arange(3).astype(dtype) for dtype in (*"?bBhHiIlLqQefdF",)},
}
TABLE = pd.DataFrame(
    {
        "index": [3, 1],
        "probability": [1 / 3, 0.1 + 0.2],
        "name": ["train-images-idx3-ubyte.gz", 'a "quoted", name'],
        "answers": ["7", "NA"],
        "file": ["007", "12"],
        "loss": [np.nan, 0.5],
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

"""MNIST from raw files to an evaluation report: the methods, and the machinery under the graph in
`assets`.
"""

import importlib
from typing import Any

from mnist_pipeline.utils import stored_types

# The public names, each with its module. They are imported when they are first used, because the
# networks import torch, and the component imports Dagster.
PUBLIC = {
    "datasets": "data.datasets",
    "pca": "methods.pca",
    "harris": "methods.harris",
    "knn": "methods.knn.classifier",
    "softmax": "methods.softmax.method",
    "networks": "methods.networks.modules",
    "training": "methods.networks.training",
    "scores": "evaluation.scores",
}
COMPONENT = "ImageClassification"  # the graph in any Dagster project; see docs/own-project.md

stored_types.search_in(  # those that import pandas last: `predict` does without
    f"{__name__}.data.values",
    f"{__name__}.handwriting.recognizer",
    f"{__name__}.handwriting.judge.network",
    f"{__name__}.methods.knn.method",
    f"{__name__}.methods.networks.fitted",
    f"{__name__}.methods.pca",
    f"{__name__}.methods.shuffling",
    f"{__name__}.methods.softmax.method",
    f"{__name__}.methods.softmax.on_gradients",
    f"{__name__}.evaluation.scores",
    f"{__name__}.evaluation.champion",
    f"{__name__}.evaluation.labels_to_check",
    f"{__name__}.report.document",
    f"{__name__}.handwriting.judge.candidates",
)


def read(key: str, partition: str | None = None) -> Any:
    """The current value of an asset in the storage, of the type that was stored; arrays are
    memory-mapped and read-only.

    Raises a StorageError if nothing is stored for the key, or if it is damaged.

    >>> from mnist_pipeline import read
    >>> eigenvalues, eigenvectors = read("eigendecomposition")  # doctest: +SKIP
    """
    from mnist_pipeline.runtime.storage import storage

    return storage.default_storage().read(storage.stored_key(key, partition))


def __dir__() -> list[str]:
    """The names that `dg` imports when it looks for components: none that import torch."""
    return sorted([*globals(), COMPONENT])


def __getattr__(name: str) -> Any:
    if name in PUBLIC:
        return importlib.import_module(f"{__name__}.{PUBLIC[name]}")
    if name == COMPONENT:
        return importlib.import_module(f"{__name__}.runtime.component").ImageClassification
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

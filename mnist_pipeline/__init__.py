"""MNIST from raw files to an evaluation report: the methods, and the machinery under the graph in `assets`."""

from typing import Any

from mnist_pipeline.utils import stored_types

stored_types.search_in(
    *(f"{__name__}.{module}" for module in ("data.datasets", "evaluation", "knn.classifier", "pca", "promotion")),
    *(f"{__name__}.{module}" for module in ("records", "handwriting.recognizer", "report.document")),
)


def read(key: str, partition: str | None = None) -> Any:
    """The stored value of an asset, of the type that it was written with; arrays are memory-mapped.

    The key of another data set than MNIST has its prefix: `fashion_mnist/eigendecomposition`. A StorageError is raised
    if nothing is stored for the key, if it is damaged, or if a later version stored it.

    >>> from mnist_pipeline import read
    >>> eigenvalues, eigenvectors = read("eigendecomposition")  # doctest: +SKIP
    """
    from mnist_pipeline.runtime.storage import storage

    return storage.read(key, partition)

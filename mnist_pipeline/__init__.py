"""MNIST from raw files to an evaluation report: the methods, and the machinery under the graph in
`assets`.
"""

from typing import Any

from mnist_pipeline.utils import stored_types

# the graph as a component of any Dagster project; see docs/own-project.md
COMPONENT = "ImageClassification"

stored_types.search_in(
    f"{__name__}.data.catalogue",
    f"{__name__}.data.datasets",
    f"{__name__}.data.records",
    f"{__name__}.evaluation.champion",
    f"{__name__}.evaluation.scores",
    f"{__name__}.handwriting.recognizer",
    f"{__name__}.pca",
    f"{__name__}.report.document",
)


def read(key: str, partition: str | None = None) -> Any:
    """The current value of an asset in the storage, of the type that was stored; a large array is
    memory-mapped.

    Raises a StorageError if nothing is stored for the key, or if it is damaged.

    >>> from mnist_pipeline import read
    >>> eigenvalues, eigenvectors = read("eigendecomposition")  # doctest: +SKIP
    """
    from mnist_pipeline.runtime.storage import storage

    return storage.read(key, partition)


def __dir__() -> list[str]:
    return sorted([*globals(), COMPONENT])


def __getattr__(name: str) -> Any:
    """The component, whose module imports Dagster: only `dg` asks for it."""
    if name != COMPONENT:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mnist_pipeline.runtime import component

    return component.ImageClassification

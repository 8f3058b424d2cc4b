"""Exact nearest neighbours in a training set that is searched shard by shard.

The k nearest images of the whole set are among the k nearest images of the shards. Distances are exact, and indices
count through all shards, so the order by (distance, index) does not depend on the division into shards. The results of
shards can therefore be merged in any order.
"""

from collections.abc import Iterable
from functools import reduce
from typing import NamedTuple

import numpy as np

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.knn import KNNClassifier
from mnist_pipeline.utils.stored_types import stored_type


@stored_type
class ShardNeighbors(NamedTuple):
    """The nearest images of a shard to each query, nearest first; all fields are of shape (n_queries, n_kept)."""

    indices: np.ndarray  # into the whole set; equal distances are ordered by index
    squared_distances: np.ndarray  # exact
    labels: np.ndarray  # of the neighbours


def search(
    shard: DigitSet,
    first: int,
    queries: np.ndarray,
    num_kept: int,
    mean: np.ndarray | None = None,
    components: np.ndarray | None = None,
    algorithm: str = "pca",
) -> ShardNeighbors:
    """The `num_kept` nearest images of a shard to each query; all its images if it has fewer.

    `first` is the index of the shard's first image in the whole set. `mean`, `components` and `algorithm` are as in
    `KNNClassifier`; they change the time, not the result.
    """
    classifier = KNNClassifier(min(num_kept, len(shard.labels)), algorithm)
    classifier.fit(shard.images, shard.labels, mean, components)
    distances, indices = classifier.kneighbors(queries)
    return ShardNeighbors(first + indices, distances, shard.labels[indices])


def nearest(shards: Iterable[ShardNeighbors], num_kept: int) -> ShardNeighbors:
    """The nearest images of all shards, by distance and then by index; one shard's are in memory at a time."""

    def merge(first: ShardNeighbors, second: ShardNeighbors) -> ShardNeighbors:
        both = ShardNeighbors(*(np.concatenate(pair, axis=1) for pair in zip(first, second, strict=True)))
        order = np.lexsort((both.indices, both.squared_distances), axis=1)[:, :num_kept]
        return ShardNeighbors(*(np.take_along_axis(array, order, axis=1) for array in both))

    return reduce(merge, shards)


def num_out_of_order(found: ShardNeighbors) -> int:
    """Number of queries whose neighbours are not strictly ascending by (distance, index)."""
    farther = np.diff(found.squared_distances, axis=1)
    later = np.diff(found.indices, axis=1)
    return int(np.count_nonzero(((farther < 0) | ((farther == 0) & (later <= 0))).any(axis=1)))

"""Exact k-nearest neighbours: the classifier, its vote, and two searches with the same result."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mnist_pipeline.methods.knn.index import PrincipalComponentIndex
from mnist_pipeline.utils.arguments import checked
from mnist_pipeline.utils.blocks import slices

ALGORITHMS = ("auto", "pca", "brute")
TIE_BREAKS = ("nearest", "smallest")

# Up to this number of queries, NumPy compares them with every point faster than Numba is imported.
_FEW_QUERIES = 50
_FEW_PAIRS = 2_000_000  # comparisons that take less time than building an index
_MANY_FEATURES = 4096  # with more features, their covariance is not worth its time and memory
_DISTANCES_PER_BLOCK = 8_000_000  # 64 MB of float64
_POINTS_PER_BLOCK = 256  # converted to floating point at a time: they fit the cache


class KNNClassifier:
    """Classify by a vote of the exact k nearest training points in Euclidean distance.

    Parameters
    ----------
    num_neighbors : int, default=3
        How many neighbours vote, from 1 to the number of training points.
    algorithm : {"auto", "pca", "brute"}, default="auto"
        The search. Every algorithm finds the same neighbours in the same order.

        - "pca": excludes points by a lower bound in the leading principal components, see
          `PrincipalComponentIndex`, and compares the others exactly. Only bytes are indexed; other
          numbers are compared by "brute".
        - "brute": compares every query with every training point.
        - "auto": "pca" if an index is worth its time for data of this size, else "brute".

    Attributes
    ----------
    images_ : ndarray of shape (n_samples, n_features)
        The training points, copied only if necessary.
    labels_ : ndarray of shape (n_samples,)

    Notes
    -----
    Neighbours are ordered by squared distance, then by training index. Bytes (uint8 images above
    all) are compared in integer arithmetic, so squared distances are exact int64 and ties are real
    ties. The squared distance of other numbers is the float64 sum of squared float64 differences.
    Results do not depend on the number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0, 0], [0, 3], [9, 9]], dtype=np.uint8)
    >>> model = KNNClassifier(num_neighbors=2).fit(X, [4, 4, 7])
    >>> squared_distances, indices = model.kneighbors(np.array([[0, 1]], dtype=np.uint8))
    >>> squared_distances
    array([[1, 4]])
    >>> indices
    array([[0, 1]])
    >>> model.predict(np.array([[8, 8]], dtype=np.uint8))
    array([7])
    """

    images_: np.ndarray
    labels_: np.ndarray

    def __init__(self, num_neighbors: int = 3, algorithm: str = "auto") -> None:
        checked("num_neighbors", num_neighbors, 1, shape=(), kinds="iu")
        self.num_neighbors = num_neighbors
        self.algorithm = _checked_choice("algorithm", algorithm, ALGORITHMS)
        self._index: PrincipalComponentIndex | None = None

    def fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        mean: np.ndarray | None = None,
        components: np.ndarray | None = None,
    ) -> "KNNClassifier":
        """Store the training points, and index them if the algorithm is "pca".

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features) or (n_samples, height, width)
            Bytes, integers up to 2⁵³, or floating numbers that are 0 or of a magnitude from 1e-130
            to 1e150, so that no squared difference overflows or underflows.
        y : ndarray of shape (n_samples,)
            Integer labels.
        mean, components : ndarray of shape (n_features,) and (n_features, n_components), optional
            The mean of each feature, and eigenvectors of the covariance as columns, largest
            eigenvalue first, of which the first 112 are used; by default computed from `X`. They
            change the time, not the result.
        """
        images = self._keep(X, y)
        is_worth_it = self.algorithm == "pca" or (
            self.algorithm == "auto" and images.size >= _FEW_PAIRS
        )
        self._index = None
        if is_worth_it and images.dtype == np.uint8 and images.shape[1] <= _MANY_FEATURES:
            self._index = PrincipalComponentIndex.fit(images, mean, components)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict the label of each query, in the type of the training labels."""
        _, indices = self.kneighbors(X)
        return vote(self.labels_[indices])

    def kneighbors(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find the nearest training points of queries, which have the shapes of points in `fit`.

        Returns
        -------
        squared_distances : ndarray of shape (n_queries, num_neighbors), int64 or float64
            Ascending. int64 and exact if training data and queries are bytes.
        indices : ndarray of shape (n_queries, num_neighbors), int64
            Training rows; the smaller index first where distances are equal.
        """
        images = self.images_
        queries = _checked_points("X", X, images.shape[1])
        if self._index is None or queries.dtype != np.uint8 or len(queries) <= _FEW_QUERIES:
            return search_all(images, queries, self.num_neighbors)
        return self._index.search(images, queries, self.num_neighbors)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The fitted state as named arrays, which :meth:`from_arrays` restores without a new fit.

        The names are "images" and "labels", and with an index also "mean", "components", "order"
        and "tiles".
        """
        arrays = {"images": self.images_, "labels": self.labels_}
        return arrays | vars(self._index) if self._index else arrays

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, np.ndarray], num_neighbors: int = 3
    ) -> "KNNClassifier":
        """Restore a fitted classifier from :meth:`to_arrays`; memory-mapped arrays are not copied.

        `num_neighbors` may differ from that of the stored classifier.
        """
        model = cls(num_neighbors)
        model._keep(arrays["images"], arrays["labels"])
        if "tiles" in arrays:
            index = (arrays[name] for name in ("mean", "components", "order", "tiles"))
            model._index = PrincipalComponentIndex(*index)
        return model

    def _keep(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Check and keep the training points and their labels; return the points."""
        images = _checked_points("X", X)
        labels = checked("y", y, shape=(len(images),), kinds="iu")
        checked("num_neighbors", self.num_neighbors, 1, len(images))
        self.images_, self.labels_ = images, labels
        return images


def search_all(
    train: np.ndarray, queries: np.ndarray, num_neighbors: int
) -> tuple[np.ndarray, np.ndarray]:
    """Compare every query with every training point; the plain reference of the index.

    A matrix product gives t·t − 2 q·t of all pairs, which has the order of the distances up to
    rounding. The points that rounding leaves in doubt are compared by their differences.
    """
    exact_type: Any = np.float64
    rounded_type: Any = np.float64
    if train.dtype == queries.dtype == np.uint8:
        exact_type, rounded_type = np.int64, np.float32
    squared_distances = np.empty((len(queries), num_neighbors), exact_type)
    indices = np.empty(squared_distances.shape, np.int64)
    norms = np.empty(len(train), rounded_type)
    for block in slices(len(queries), max(1, _DISTANCES_PER_BLOCK // len(train))):
        columns = queries[block].T.astype(rounded_type)  # (n_features, n_block)
        rounded = np.empty((columns.shape[1], len(train)), rounded_type)  # t·t − 2 q·t
        for rows in slices(len(train), _POINTS_PER_BLOCK):
            points = train[rows].astype(rounded_type)
            norms[rows] = np.einsum("ij,ij->i", points, points)
            rounded[:, rows] = norms[rows] - 2 * (points @ columns).T
        # A sum of n terms is off by at most n · ε / 2 times the sum of their magnitudes.
        magnitudes = norms.max() + np.square(columns).sum(axis=0)
        doubts = (len(columns) + 4) * 8 * np.finfo(rounded_type).eps * magnitudes
        for place, (row, doubt) in enumerate(zip(rounded, doubts, strict=True), block.start):
            kth = np.partition(row, num_neighbors - 1)[num_neighbors - 1]
            candidates = np.flatnonzero(row <= kth + doubt)
            differences = train[candidates].astype(exact_type) - queries[place].astype(exact_type)
            distances = np.square(differences).sum(axis=1)
            nearest = np.lexsort((candidates, distances))[:num_neighbors]
            squared_distances[place] = distances[nearest]
            indices[place] = candidates[nearest]
    return squared_distances, indices


def vote(neighbor_labels: np.ndarray, tie_break: str = "nearest") -> np.ndarray:
    """Let the neighbours of each query vote.

    The first columns of one search with many neighbours are the neighbours for any smaller number,
    so ``vote(labels[:, :k])`` for k = 1 … 10 needs one search.

    Parameters
    ----------
    neighbor_labels : ndarray of shape (n_queries, n_neighbors)
        Integer labels, the nearest neighbour's first.
    tie_break : {"nearest", "smallest"}, default="nearest"
        Which of several classes with the most votes wins: the class of the nearest neighbour among
        them, as in :class:`KNNClassifier`, or the smallest label.

    Examples
    --------
    >>> vote(np.array([[7, 3, 3, 1], [7, 3, 3, 7]]))
    array([3, 7])
    >>> vote(np.array([[7, 3, 3, 1], [7, 3, 3, 7]]), tie_break="smallest")
    array([3, 3])
    """
    _checked_choice("tie_break", tie_break, TIE_BREAKS)
    votes = (neighbor_labels[:, :, np.newaxis] == neighbor_labels[:, np.newaxis]).sum(axis=2)
    if tie_break == "nearest":
        return neighbor_labels[np.arange(len(votes)), votes.argmax(axis=1)]
    is_winner = votes == votes.max(axis=1, keepdims=True)
    largest = neighbor_labels.max(axis=1, keepdims=True)
    return np.where(is_winner, neighbor_labels, largest).min(axis=1)


def _checked_choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ValueError(f"{name} is {value!r}: choose one of {', '.join(map(repr, choices))}")
    return value


def _checked_points(name: str, X: np.ndarray, num_features: int | None = None) -> np.ndarray:
    """Points as a contiguous (n, n_features) array: bytes as uint8, other numbers as float64."""
    points = np.asarray(X)
    # There may be no queries.
    sides = points.shape if num_features is None else points.shape[1:]
    if 0 in sides or points.ndim not in (2, 3, 4):
        raise ValueError(
            f"{name} has shape {points.shape}: pass (points, features), (points, height, width) or "
            "(points, height, width, channels), not empty"
        )
    points = points.reshape(len(points), math.prod(points.shape[1:]))
    if num_features not in (None, points.shape[1]):
        raise ValueError(
            f"{name} has {points.shape[1]} features: pass {num_features} as in the training points"
        )
    if points.dtype in (np.uint8, bool):
        return np.require(points, np.uint8, ["C", "A"])
    # Integers up to 2⁵³ are exact in float64. Within the magnitudes of other numbers, no squared
    # difference overflows or underflows.
    largest = 2**53 if points.dtype.kind in "iu" else 1e150
    points = np.require(checked(name, points, -largest, largest), np.float64, ["C", "A"])
    checked(f"the smallest magnitude of {name}", np.abs(points[points != 0]), 1e-130)
    return points

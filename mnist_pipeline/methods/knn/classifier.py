"""Exact k-nearest neighbours: the classifier, its vote, and two searches with the same result."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mnist_pipeline.methods.knn.index import (
    MANY_FEATURES,
    PrincipalComponentIndex,
    checked_basis,
)
from mnist_pipeline.utils.arguments import checked, numbers
from mnist_pipeline.utils.blocks import slices
from mnist_pipeline.utils.deprecation import deprecated

ALGORITHMS = ("auto", "pca", "brute")
TIE_BREAKS = ("nearest", "smallest")

# Up to this number of queries, NumPy compares them with every point faster than Numba is imported.
_FEW_QUERIES = 50
# With more queries, building an index and searching it is faster than comparing all of them with
# every point. Both times grow with the points alike.
_MANY_QUERIES = 300
SMALL = 2_000_000  # numbers in the training points; an index of fewer saves less than a second
_VOTES_PER_BLOCK = 8_000_000  # comparisons of two labels, a byte each
_DISTANCES_PER_BLOCK = 8_000_000  # 64 MB of float64
_POINTS_PER_BLOCK = 2048  # converted to floating point at a time: they fit the cache


class KNNClassifier:
    """Classify by a vote of the exact k nearest training points in Euclidean distance.

    Parameters
    ----------
    n_neighbors : int, default=3
        How many neighbours vote, from 1 to the number of training points.
    algorithm : {"auto", "pca", "brute"}, default="auto"
        The search. Every algorithm finds the same neighbours in the same order.

        - "pca": excludes points by a lower bound in the leading principal components, see
          `PrincipalComponentIndex`, and compares the others exactly. Only bytes are indexed; other
          numbers are compared by "brute".
        - "brute": compares every query with every training point.
        - "auto": "brute" at first. An index is built as soon as more than 300 queries have come,
          in one search or in several, if there are at least 2,000,000 numbers in the points.

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
    >>> model = KNNClassifier(n_neighbors=2).fit(X, [4, 4, 7])
    >>> model
    KNNClassifier(n_neighbors=2, algorithm='auto')
    >>> squared_distances, indices = model.kneighbors(np.array([[0, 1]], dtype=np.uint8))
    >>> squared_distances
    array([[1, 4]])
    >>> indices
    array([[0, 1]])
    >>> model.predict(np.array([[8, 8]], dtype=np.uint8))
    array([7])
    """

    def __init__(
        self, n_neighbors: int = 3, algorithm: str = "auto", *, num_neighbors: int | None = None
    ) -> None:
        if num_neighbors is not None:
            deprecated("num_neighbors", "n_neighbors")
            n_neighbors = num_neighbors
        checked("n_neighbors", n_neighbors, 1, shape=(), kinds="iu")
        self.n_neighbors = n_neighbors
        self.algorithm = _checked_choice("algorithm", algorithm, ALGORITHMS)
        self.images_: np.ndarray | None = None
        self.labels_: np.ndarray | None = None
        self._index: PrincipalComponentIndex | None = None
        self._basis: tuple[np.ndarray | None, np.ndarray | None] = (None, None)
        self._num_queries = 0  # that have come since the fit

    def __repr__(self) -> str:
        return f"KNNClassifier(n_neighbors={self.n_neighbors}, algorithm={self.algorithm!r})"

    @property
    def num_neighbors(self) -> int:
        """The former name of `n_neighbors`."""
        deprecated("num_neighbors", "n_neighbors")
        return self.n_neighbors

    @num_neighbors.setter
    def num_neighbors(self, number: int) -> None:
        deprecated("num_neighbors", "n_neighbors")
        self.n_neighbors = number

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
        images, labels = self._checked(X, y)
        basis = checked_basis(mean, components, images.shape[1])
        self.images_, self.labels_ = images, labels
        self._index, self._basis, self._num_queries = None, basis, 0
        if self.algorithm == "pca":
            self._build_index(images)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict the label of each query, in the type of the training labels."""
        _, labels = self._fitted()
        _, indices = self.kneighbors(X)
        return vote(labels[indices])

    def kneighbors(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find the nearest training points of queries, which have the shapes of points in `fit`.

        Returns
        -------
        squared_distances : ndarray of shape (n_queries, n_neighbors), int64 or float64
            Ascending. int64 and exact if training data and queries are bytes.
        indices : ndarray of shape (n_queries, n_neighbors), int64
            Training rows; the smaller index first where distances are equal.
        """
        images, _ = self._fitted()
        queries = _checked_points("X", X, images.shape[1])
        checked("n_neighbors", self.n_neighbors, 1, len(images), (), "iu")
        self._num_queries += len(queries)
        is_worth_it = self._num_queries > _MANY_QUERIES and images.size >= SMALL
        if self.algorithm == "auto" and self._index is None and is_worth_it:
            self._build_index(images)
        is_few = self._num_queries <= _FEW_QUERIES
        if self._index is None or queries.dtype != np.uint8 or is_few:
            return search_all(images, queries, self.n_neighbors)
        return self._index.search(images, queries, self.n_neighbors)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The fitted state as named arrays, which :meth:`from_arrays` restores without a new fit.

        The names are "images" and "labels", and with an index also "mean", "components", "order"
        and "tiles". Only the algorithm "pca" always has an index.
        """
        images, labels = self._fitted()
        arrays = {"images": images, "labels": labels}
        return arrays | self._index._asdict() if self._index else arrays

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, np.ndarray],
        n_neighbors: int = 3,
        *,
        num_neighbors: int | None = None,
    ) -> "KNNClassifier":
        """Restore a fitted classifier from :meth:`to_arrays`; memory-mapped arrays are not copied.

        `n_neighbors` may differ from that of the stored classifier. Other names are ignored.
        Raises a ValueError if an array is missing or wrong, or if the index is not of the images.
        """
        if num_neighbors is not None:
            deprecated("num_neighbors", "n_neighbors")
            n_neighbors = num_neighbors
        if not isinstance(arrays, Mapping):
            raise TypeError(f"arrays is of type {type(arrays).__name__}; expected arrays by name")
        has_index = any(name in arrays for name in PrincipalComponentIndex._fields)
        index_names = PrincipalComponentIndex._fields if has_index else ()
        for name in ("images", "labels", *index_names):
            if name not in arrays:
                raise ValueError(f"arrays has no {name!r}; expected the arrays of to_arrays()")
        model = cls(n_neighbors)
        model.images_, model.labels_ = model._checked(
            arrays["images"], arrays["labels"], ("images", "labels")
        )
        if has_index:
            model._index = PrincipalComponentIndex.restore(arrays, model.images_)
        return model

    def _checked(
        self, X: np.ndarray, y: np.ndarray, names: tuple[str, str] = ("X", "y")
    ) -> tuple[np.ndarray, np.ndarray]:
        """The training points and their labels, of which there are enough."""
        images = _checked_points(names[0], X)
        labels = checked(names[1], y, shape=(len(images),), kinds="iu")
        checked("n_neighbors", self.n_neighbors, 1, len(images), (), "iu")
        return images, labels

    def _fitted(self) -> tuple[np.ndarray, np.ndarray]:
        if self.images_ is None or self.labels_ is None:
            raise ValueError("this KNNClassifier is not fitted: call fit(X, y) first")
        return self.images_, self.labels_

    def _build_index(self, images: np.ndarray) -> None:
        """Index bytes; other numbers have no index."""
        if images.dtype == np.uint8 and images.shape[1] <= MANY_FEATURES:
            self._index = PrincipalComponentIndex.fit(images, *self._basis)


def search_all(
    train: np.ndarray, queries: np.ndarray, n_neighbors: int
) -> tuple[np.ndarray, np.ndarray]:
    """Compare every query with every training point; the plain reference of the index.

    A matrix product gives t·t − 2 q·t of all pairs, which has the order of the distances up to
    rounding. The points that rounding leaves in doubt are compared by their differences.
    """
    exact_type: Any = np.float64
    rounded_type: Any = np.float64
    if train.dtype == queries.dtype == np.uint8:
        exact_type, rounded_type = np.int64, np.float32
    squared_distances = np.empty((len(queries), n_neighbors), exact_type)
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
        for query, (row, doubt) in enumerate(zip(rounded, doubts, strict=True), block.start):
            kth = np.partition(row, n_neighbors - 1)[n_neighbors - 1]
            candidates = np.flatnonzero(row <= kth + doubt)
            differences = train[candidates].astype(exact_type) - queries[query].astype(exact_type)
            distances = np.square(differences).sum(axis=1)
            nearest = np.lexsort((candidates, distances))[:n_neighbors]
            squared_distances[query] = distances[nearest]
            indices[query] = candidates[nearest]
    return squared_distances, indices


def vote(neighbor_labels: np.ndarray, tie_break: str = "nearest") -> np.ndarray:
    """Let the neighbours of each query vote.

    The first columns of one search with many neighbours are the neighbours for any smaller number,
    so ``vote(labels[:, :k])`` for k = 1 … 10 needs one search.

    Parameters
    ----------
    neighbor_labels : ndarray of shape (n_queries, n_neighbors)
        Integer labels, the nearest neighbour's first; at least one per query.
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
    labels = checked("neighbor_labels", neighbor_labels, kinds="iu")
    if labels.ndim != 2 or labels.shape[1] == 0:
        raise ValueError(
            f"neighbor_labels has shape {labels.shape}; expected (n_queries, n_neighbors), with at "
            "least one neighbour"
        )
    winners = np.empty(len(labels), labels.dtype)
    for block in slices(len(labels), max(1, _VOTES_PER_BLOCK // labels.shape[1] ** 2)):
        winners[block] = _winners(labels[block], tie_break)
    return winners


def _winners(labels: np.ndarray, tie_break: str) -> np.ndarray:
    votes = (labels[:, :, np.newaxis] == labels[:, np.newaxis]).sum(axis=2)
    if tie_break == "nearest":
        return labels[np.arange(len(votes)), votes.argmax(axis=1)]
    is_winner = votes == votes.max(axis=1, keepdims=True)
    largest = labels.max(axis=1, keepdims=True)
    return np.where(is_winner, labels, largest).min(axis=1)


def _checked_choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} is {value!r}: choose one of {', '.join(map(repr, choices))}")
    return value


def _checked_points(name: str, X: np.ndarray, num_features: int | None = None) -> np.ndarray:
    """Points as a contiguous (n, n_features) array: bytes as uint8, other numbers as float64."""
    points = numbers(name, X)
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

"""Exact k-nearest neighbours: the classifier, its vote, and three searches with the same result."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from mnist_pipeline.knn.index import PrincipalComponentIndex
from mnist_pipeline.utils.blocks import in_blocks, read_only
from mnist_pipeline.utils.machine import num_cores

if TYPE_CHECKING:
    from scipy.spatial import KDTree

ALGORITHMS = ("auto", "pca", "brute", "kdtree")
TIE_BREAKS = ("nearest", "smallest")

_QUERIES_PER_BLOCK = 128  # the coordinates of this many queries fit the cache together with a tile
_MAX_MAGNITUDE = 1e150  # squares of differences, summed over any number of features, stay finite
_MAX_BYTE_FEATURES = 32768  # 32768 · 255² < 2³¹: the kernel for bytes sums in int32
_FEW_PAIRS = 2_000_000  # comparisons that take less time than building an index
_MANY_FEATURES = 4096  # with more features, their covariance is not worth its time and memory


class KNNClassifier:
    """Classify by a vote of the exact k nearest training points in Euclidean distance.

    Parameters
    ----------
    num_neighbors : int, default=3
        How many neighbours vote, from 1 to the number of training points.
    algorithm : {"auto", "pca", "brute", "kdtree"}, default="auto"
        The search. Every algorithm finds the same neighbours in the same order.

        - "pca": excludes points by a lower bound in the leading principal components
          (:class:`~mnist_pipeline.knn.index.PrincipalComponentIndex`), and compares the others exactly.
        - "brute": compares every query with every training point.
        - "kdtree": SciPy's k-d tree. Good in a few dimensions, slow on images.
        - "auto": "brute" if the data are too few or too wide for an index to be worth it, else "pca".
    tie_break : {"nearest", "smallest"}, default="nearest"
        Which of several classes with the most votes wins: the class of the nearest neighbour among them, or
        the smallest label.
    num_threads : int, optional
        Threads of the search, by default one per core of this process. Results do not depend on it.

    Attributes
    ----------
    images_ : ndarray of shape (n_samples, n_features)
        The training points, copied only if necessary.
    labels_ : ndarray of shape (n_samples,)

    Notes
    -----
    Neighbours are ordered by squared distance, then by training index. Integer data (uint8 images above all)
    are compared in integer arithmetic, so squared distances are exact int64 and ties are real ties. If the
    training data or the queries are floating-point, the squared distance is defined as the float64 sum of
    squared float64 differences in one fixed order, and all algorithms order by that same number, bit for bit.
    float16 is treated as float32, longdouble as float64.

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

    def __init__(
        self,
        num_neighbors: int = 3,
        algorithm: str = "auto",
        tie_break: str = "nearest",
        *,
        num_threads: int | None = None,
    ) -> None:
        self.num_neighbors = _checked_positive("num_neighbors", num_neighbors)
        self.algorithm = _checked_choice("algorithm", algorithm, ALGORITHMS)
        self.tie_break = _checked_choice("tie_break", tie_break, TIE_BREAKS)
        self.num_threads = None if num_threads is None else _checked_positive("num_threads", num_threads)
        self.images_: np.ndarray | None = None
        self.labels_: np.ndarray | None = None
        self._index: PrincipalComponentIndex | None = None

    def fit(
        self, X: np.ndarray, y: np.ndarray, mean: np.ndarray | None = None, components: np.ndarray | None = None
    ) -> KNNClassifier:
        """Store the training points, and index them if the algorithm is "pca".

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features) or (n_samples, height, width)
            Integers or finite floating-point numbers.
        y : ndarray of shape (n_samples,)
            Integer labels.
        mean, components : ndarray of shape (n_features,) and (n_features, n_components), optional
            The mean of each feature, and eigenvectors of the covariance as columns, largest eigenvalue first, of which
            the first 112 are used. By default computed from `X`. The result is exact for any components, because their
            measured deviation from orthonormality is part of the bound's margin. Better ones make the search faster.
        """
        images = _checked_points("X", X)
        labels = _checked_labels(y, len(images))
        self._check_enough(len(images))
        self.images_, self.labels_, self._index = images, labels, None
        if self._chosen_algorithm() == "pca":
            self._index = PrincipalComponentIndex.fit(images, mean, components)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict the label of each query, in the type of the training labels."""
        _, indices = self.kneighbors(X)
        _, labels = self._fitted()
        return vote(labels[indices], self.tie_break)

    def kneighbors(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find the nearest training points of each query.

        Parameters
        ----------
        X : ndarray of shape (n_queries, n_features) or (n_queries, height, width)

        Returns
        -------
        squared_distances : ndarray of shape (n_queries, num_neighbors), int64 or float64
            Ascending. int64 and exact if training data and queries are integers.
        indices : ndarray of shape (n_queries, num_neighbors), int64
            Training rows; the smaller index first where distances are equal.
        """
        images, _ = self._fitted()
        self._check_enough(len(images))
        queries = _checked_points("X", X, images.shape[1])
        is_integer = images.dtype.kind != "f" and queries.dtype.kind != "f"
        shape = (len(queries), self.num_neighbors)
        largest = np.iinfo(np.int64).max
        squared_distances = np.full(shape, largest) if is_integer else np.full(shape, np.inf)
        indices = np.full(shape, largest)
        search = {"pca": self._search_index, "brute": self._search_all, "kdtree": self._search_tree}
        search[self._chosen_algorithm()](read_only(queries), squared_distances, indices)
        return squared_distances, indices

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The fitted state as named arrays, which :meth:`from_arrays` restores without fitting again.

        The names are "images", "labels" and, where an index was built, "mean", "components", "scale", "order", "tiles".
        """
        images, labels = self._fitted()
        arrays = {"images": images, "labels": labels}
        if self._index is not None:
            index = self._index
            arrays |= {"mean": index.mean, "components": index.components, "scale": np.array([index.scale])}
            arrays |= {"order": index.order, "tiles": index.tiles}
        return arrays

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, np.ndarray],
        num_neighbors: int = 3,
        algorithm: str = "auto",
        tie_break: str = "nearest",
        *,
        num_threads: int | None = None,
    ) -> KNNClassifier:
        """Restore a fitted classifier from :meth:`to_arrays`; memory-mapped arrays are not copied.

        `num_neighbors`, `algorithm`, `tie_break` and `num_threads` may differ from those of the stored classifier.
        """
        model = cls(num_neighbors, algorithm, tie_break, num_threads=num_threads)
        missing = {"images", "labels"} - set(arrays)
        if missing:
            raise ValueError(f"arrays lacks {sorted(missing)}: pass the result of KNNClassifier.to_arrays")
        model.images_ = _checked_points("arrays['images']", arrays["images"])
        model.labels_ = _checked_labels(arrays["labels"], len(model.images_))
        model._check_enough(len(model.images_))
        if model._chosen_algorithm() == "pca":
            model._index = PrincipalComponentIndex.from_arrays(arrays, model.images_.shape)
        return model

    def _fitted(self) -> tuple[np.ndarray, np.ndarray]:
        if self.images_ is None or self.labels_ is None:
            raise ValueError("this KNNClassifier is not fitted yet: call fit(X, y) first")
        return self.images_, self.labels_

    def _check_enough(self, num_points: int) -> None:
        if self.num_neighbors > num_points:
            raise ValueError(
                f"num_neighbors is {self.num_neighbors}, but there are only {num_points} training points: "
                f"choose 1 to {num_points}"
            )

    def _chosen_algorithm(self) -> str:
        """Resolve "auto" from the training data alone, so that fit and search agree."""
        images, _ = self._fitted()
        if self.algorithm != "auto":
            return self.algorithm
        return "brute" if images.size < _FEW_PAIRS or images.shape[1] > _MANY_FEATURES else "pca"

    def _search_index(self, queries: np.ndarray, squared_distances: np.ndarray, indices: np.ndarray) -> None:
        from mnist_pipeline.kernels.knn import scan_tiles

        images, _ = self._fitted()
        index = self._index
        if index is None:
            raise ValueError('this KNNClassifier was not fitted with algorithm="pca": call fit(X, y) again')
        train, tiles, order = read_only(images), read_only(index.tiles), read_only(index.order)
        centroids, limits = index.centroids(), index.limits()

        def search(block: slice) -> None:
            scan_tiles(
                queries[block], *index.project(queries[block]),
                train, tiles, centroids, order, limits, squared_distances[block], indices[block],
            )  # fmt: skip

        self._run(search, len(queries))

    def _search_all(self, queries: np.ndarray, squared_distances: np.ndarray, indices: np.ndarray) -> None:
        from mnist_pipeline.kernels.knn import scan_all

        train = read_only(self._fitted()[0])
        self._run(lambda block: scan_all(queries[block], train, squared_distances[block], indices[block]), len(queries))

    def _search_tree(self, queries: np.ndarray, squared_distances: np.ndarray, indices: np.ndarray) -> None:
        """Search SciPy's tree for candidates, and order them exactly.

        The tree rounds its distances and breaks ties in no defined order. If another point is as near as the k-th, up
        to rounding, all points within that radius are candidates.
        """
        from scipy.spatial import KDTree

        from mnist_pipeline.kernels.knn import scan_candidates

        images, _ = self._fitted()
        train = read_only(images)
        tree = KDTree(images.astype(np.float64))

        def search(block: slice) -> None:
            points = queries[block].astype(np.float64)
            for query, candidates in enumerate(_tree_candidates(tree, points, self.num_neighbors)):
                row = block.start + query
                scan_candidates(queries, row, train, candidates, squared_distances[row], indices[row])

        self._run(search, len(queries))

    def _run(self, search: Callable[[slice], None], num_queries: int) -> None:
        """Run the search on blocks of queries, which the threads share."""
        num_threads = self.num_threads or num_cores()
        size = max(1, min(_QUERIES_PER_BLOCK, -(-num_queries // num_threads)))
        in_blocks(search, num_queries, size, num_threads)


def vote(neighbor_labels: np.ndarray, tie_break: str = "nearest") -> np.ndarray:
    """Let the neighbours of each query vote.

    The first columns of one search with many neighbours are the neighbours for any smaller number, so
    ``vote(labels[:, :k])`` for k = 1 … 10 needs one search.

    Parameters
    ----------
    neighbor_labels : ndarray of shape (n_queries, n_neighbors)
        Integer labels, the nearest neighbour's first.
    tie_break : {"nearest", "smallest"}, default="nearest"
        As in :class:`KNNClassifier`.

    Examples
    --------
    >>> vote(np.array([[7, 3, 3], [7, 3, 5]]))
    array([3, 7])
    >>> vote(np.array([[7, 3, 3], [7, 3, 5]]), tie_break="smallest")
    array([3, 3])
    """
    _checked_choice("tie_break", tie_break, TIE_BREAKS)
    neighbor_labels = np.asarray(neighbor_labels)
    if neighbor_labels.ndim != 2 or neighbor_labels.shape[1] == 0:
        raise ValueError(
            f"neighbor_labels has shape {neighbor_labels.shape}: pass (queries, neighbours), at least one neighbour"
        )
    votes = (neighbor_labels[:, :, np.newaxis] == neighbor_labels[:, np.newaxis]).sum(axis=2)
    if tie_break == "nearest":
        return np.asarray(neighbor_labels[np.arange(len(votes)), votes.argmax(axis=1)])
    is_winner = votes == votes.max(axis=1, keepdims=True)
    largest = neighbor_labels.max(axis=1, keepdims=True)
    return np.asarray(np.where(is_winner, neighbor_labels, largest).min(axis=1))


def _tree_candidates(tree: KDTree, points: np.ndarray, num_neighbors: int) -> Iterator[np.ndarray]:
    """Yield for each query the training rows that may be among its neighbours."""
    wanted = min(num_neighbors + 1, tree.n)
    found = tree.query(points, k=np.arange(1, wanted + 1))
    distances, rows = np.asarray(found[0]), np.asarray(found[1])
    radii = distances[:, num_neighbors - 1] * (1.0 + 1e-9)
    is_tied = (distances[:, -1] <= radii) & (wanted > num_neighbors)
    for i, point in enumerate(points):
        candidates = tree.query_ball_point(point, radii[i]) if is_tied[i] else rows[i, :num_neighbors]
        yield np.asarray(candidates, np.int64)


def _checked_positive(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} is {value!r}: choose an integer of at least 1")
    return int(value)


def _checked_choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ValueError(f"{name} is {value!r}: choose one of {', '.join(map(repr, choices))}")
    return value


def _checked_labels(y: np.ndarray, num_points: int) -> np.ndarray:
    labels = np.asarray(y)
    if labels.shape != (num_points,):
        raise ValueError(f"y has shape {labels.shape}, but X has {num_points} points: pass one label for each")
    if labels.dtype.kind not in "iu":
        raise ValueError(f"y is of type {labels.dtype}: pass integer labels")
    return labels


def _checked_points(name: str, X: np.ndarray, num_features: int | None = None) -> np.ndarray:
    """Points as a contiguous (n, n_features) array of uint8, int64, float32 or float64; none may overflow."""
    points = np.asarray(X)
    if points.ndim not in (2, 3):
        raise ValueError(f"{name} has shape {points.shape}: pass (points, features) or (points, height, width)")
    points = points.reshape(len(points), int(np.prod(points.shape[1:])))
    if points.size == 0 and (num_features is None or points.shape[1] == 0):
        raise ValueError(f"{name} is empty, shape {points.shape}: pass at least one point with one feature")
    if num_features is not None and points.shape[1] != num_features:
        raise ValueError(
            f"{name} has {points.shape[1]} features, but the training points have {num_features}: pass the same"
        )
    kind, size = points.dtype.kind, points.dtype.itemsize
    if kind not in "biuf":
        raise ValueError(f"{name} is of type {points.dtype}: pass integers or floating-point numbers")
    if kind in "bu" and size == 1 and points.shape[1] <= _MAX_BYTE_FEATURES:
        return np.require(points, np.uint8, ["C", "A"])
    if points.size:
        low, high = float(points.min()), float(points.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError(f"{name} has values that are NaN or infinite: remove or replace them first")
        limit = _MAX_MAGNITUDE if kind == "f" else math.sqrt(2.0**60 / points.shape[1])
        if max(-low, high) > limit:
            raise ValueError(
                f"{name} has values of magnitude up to {max(-low, high):.3g}, allowed is {limit:.3g} "
                f"for {points.shape[1]} features of type {points.dtype}: scale the data, or pass float64"
            )
    floating = np.float32 if size <= 4 else np.float64
    return np.require(points, floating if kind == "f" else np.int64, ["C", "A"])

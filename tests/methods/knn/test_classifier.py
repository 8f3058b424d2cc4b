"""Exact k-nearest neighbours: every search gives the neighbours that comparing everything gives."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.arrays import FEW, arrays

from mnist_pipeline.methods.knn import classifier
from mnist_pipeline.methods.knn.classifier import KNNClassifier, vote
from mnist_pipeline.utils import blocks

SEARCHES = ("pca", "brute")


@pytest.fixture(autouse=True)
def index_for_any_number_of_queries(monkeypatch):
    monkeypatch.setattr(classifier, "_FEW_QUERIES", 0)


@pytest.fixture(scope="module")
def digits(train, test):
    return *train, *test


def reference_neighbors(X, queries, k):
    """Compare everything, one query at a time, by the definition."""
    X, queries = X.reshape(len(X), -1), queries.reshape(len(queries), -1)
    exact = np.int64 if X.dtype == queries.dtype == np.uint8 else np.float64
    X = X.astype(exact)
    distances, indices = [], []
    for query in queries.astype(exact):
        squared = np.square(X - query).sum(axis=1)
        order = np.argsort(squared, kind="stable")[:k]
        distances.append(squared[order])
        indices.append(order)
    return np.array(distances), np.array(indices)


def neighbors(X, queries, k, algorithm, **fit):
    return KNNClassifier(k, algorithm).fit(X, np.zeros(len(X), int), **fit).kneighbors(queries)


def assert_all_searches_agree(X, queries, k, **fit):
    """All searches find what the reference finds."""
    expected = reference_neighbors(X, queries, k)
    for algorithm in SEARCHES:
        np.testing.assert_array_equal(neighbors(X, queries, k, algorithm, **fit), expected)


def test_the_largest_distance_is_exact():
    assert_all_searches_agree(np.zeros((1, 784), np.uint8), np.full((1, 784), 255, np.uint8), 1)


def test_bytes_are_compared_with_fractions():
    X = np.arange(12, dtype=np.uint8).reshape(4, 3)
    assert_all_searches_agree(X, X + 0.6, 2)


@FEW
@given(arrays((7, 2)), arrays((2, 2)))
def test_any_numbers_have_the_neighbors_of_exact_arithmetic_or_are_refused(X, queries):
    def is_exact(array):
        magnitudes = [abs(value) for value in array.ravel().tolist()]
        if array.dtype.kind == "f":
            return all(value == 0 or 1e-130 <= value <= 1e150 for value in magnitudes)
        return max(magnitudes) <= 2**53

    if not is_exact(X) or not is_exact(queries):
        with pytest.raises(ValueError, match="X has"):
            neighbors(X, queries, 3, "pca")
        return
    _, indices = neighbors(X, queries, 3, "pca")
    points = np.vectorize(Fraction, otypes=[object])(X.astype(object))
    for query, found in zip(queries.tolist(), indices):
        distances = np.square(points - [Fraction(value) for value in query]).sum(axis=1)
        for distance, least in zip(distances[found], np.sort(distances)):
            assert distance <= least * (1 + Fraction(1e-14))


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
@pytest.mark.parametrize("gap", [1e-4, 1e-7, 1e-10, 1e-14])
def test_near_ties_are_ordered_exactly(gap, offset):
    rng = np.random.default_rng(6)
    query = rng.normal(size=(1, 80))
    directions = rng.normal(size=(400, 80))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    radii = 1.0 + gap * rng.permutation(400)[:, np.newaxis]
    assert_all_searches_agree(query + radii * directions + offset, query + offset, 9)


@pytest.mark.parametrize("defect", [1e-7, 1e-4, 9e-4])
def test_components_that_are_slightly_off_still_give_exact_neighbors(defect):
    # All points lie across the origin from the query, along a stretched component: without the
    # measured defect in the margin, every bound is above the distance.
    rng = np.random.default_rng(8)
    X, queries = rng.integers(0, 9, (20_000, 6)), rng.integers(246, 256, (9, 6))
    stretched = np.linalg.qr(np.column_stack([np.ones(6), np.eye(6)[:, :5]]))[0]
    stretched[:, 0] *= 1 + defect / 2
    mean = np.full(6, 128.0)
    assert_all_searches_agree(
        X.astype(np.uint8), queries.astype(np.uint8), 50, mean=mean, components=stretched
    )


@pytest.mark.parametrize("num_features", [6, 64, 90])
@pytest.mark.parametrize("distance", [1e1, 1e3, 1e5, 1e8])
def test_a_mean_far_from_the_data_costs_no_exactness(distance, num_features):
    # Squared norms of distance² cancel to small squared distances, beyond float32.
    rng = np.random.default_rng(10)
    X, queries = (rng.integers(0, 4, (count, num_features)).astype(np.uint8) for count in (4000, 8))
    mean = np.full(num_features, distance)
    assert_all_searches_agree(X, queries, 10, mean=mean, components=np.eye(num_features))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 333),
    st.integers(1, 130),
    st.sampled_from([2, 16, 256]),
)
def test_any_bytes_have_the_neighbors_of_the_reference(seed, num_points, num_features, levels):
    rng = np.random.default_rng(seed)
    k = 1 + seed % num_points
    X = rng.integers(0, levels, (num_points, num_features)).astype(np.uint8)
    assert_all_searches_agree(X, rng.integers(0, levels, (6, num_features)).astype(np.uint8), k)


@pytest.mark.parametrize("algorithm", SEARCHES)
def test_the_number_of_threads_changes_nothing(digits, algorithm, monkeypatch):
    X, _, queries, _ = digits
    results = []
    for threads in (1, 2):
        monkeypatch.setattr(blocks, "num_threads", lambda threads=threads: threads)
        results.append(neighbors(X[:2000], queries[:1500], 4, algorithm))
    np.testing.assert_array_equal(*results)


@pytest.mark.full
def test_three_neighbors_misread_283_digits_or_295_under_smallest_label(digits):
    X, y, queries, labels = digits
    model = KNNClassifier(3).fit(X, y)
    distances, indices = model.kneighbors(queries)
    assert np.sum(vote(y[indices], "nearest") != labels) == 283
    assert np.sum(vote(y[indices], "smallest") != labels) == 295
    sample = slice(0, 10_000, 250)
    np.testing.assert_array_equal(
        (distances[sample], indices[sample]), neighbors(X, queries[sample], 3, "brute")
    )


def test_an_index_is_built_if_it_is_worth_its_time(digits):
    def has_index(images, algorithm):
        labels = np.zeros(len(images), int)
        return "tiles" in KNNClassifier(1, algorithm).fit(images, labels).to_arrays()

    assert has_index(digits[0][:3000], "auto")
    assert not has_index(digits[0][:300], "auto")
    assert has_index(digits[0][:300], "pca")
    assert not has_index(np.zeros((2, 5_000), np.uint8), "pca")  # too many features


BYTES = np.arange(12, dtype=np.uint8).reshape(4, 3)
LABELS = np.array([0, 1, 1, 0])


@pytest.mark.parametrize(
    ("mistake", "named"),
    [
        (lambda: KNNClassifier(0), "num_neighbors has the value 0"),
        (lambda: KNNClassifier(3, "ball"), "algorithm is 'ball'"),
        (lambda: KNNClassifier(5).fit(BYTES, LABELS), "num_neighbors has the value 5"),
        (lambda: KNNClassifier(1).fit(BYTES, LABELS[:3]), r"y has shape \(3,\)"),
        (lambda: KNNClassifier(1, "pca").fit(BYTES, LABELS, components=np.ones((3, 2))), "defect"),
        (lambda: KNNClassifier(1).fit(BYTES, LABELS).predict(BYTES[:, :2]), "X has 2 features"),
    ],
)
def test_a_mistake_is_refused_by_name(mistake, named):
    with pytest.raises(ValueError, match=named):
        mistake()

"""Exact k-nearest neighbours: every search gives the neighbours that comparing everything gives."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_pipeline.knn import KNNClassifier, classifier, vote
from mnist_pipeline.utils import blocks

SEARCHES = ("pca", "brute")


@pytest.fixture(scope="module")
def digits(train, test):
    return *train, *test


def reference_neighbors(X, queries, k):
    """Compare everything, one query at a time, in an arithmetic that is exact for integers."""
    X, queries = X.reshape(len(X), -1), queries.reshape(len(queries), -1)
    exact = np.int64 if X.dtype.kind != "f" and queries.dtype.kind != "f" else np.float64
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


def assert_all_searches_agree(X, queries, k):
    """All searches find the same, and what the reference finds; its floating-point sums may round differently."""
    expected = reference_neighbors(X, queries, k)
    distances, indices = neighbors(X, queries, k, "brute")
    if distances.dtype == np.int64:
        np.testing.assert_array_equal((distances, indices), expected)
    np.testing.assert_allclose(distances, expected[0], rtol=1e-12, atol=0)
    assert_the_index_is_exact(X, queries, k)


def assert_the_index_is_exact(X, queries, k, **fit):
    """The compiled search, and the one in NumPy for a few queries of bytes, find what comparing everything finds."""
    expected = neighbors(X, queries, k, "brute")
    for few in (0, len(queries)):
        with mock.patch.object(classifier, "_FEW_QUERIES", few):
            np.testing.assert_array_equal(neighbors(X, queries, k, "pca", **fit), expected)


@pytest.mark.parametrize(("num_points", "k"), [(3000, 1), (3000, 3), (3000, 10), (133, 133), (1, 1)])
def test_all_searches_find_the_same_digits(digits, num_points, k):
    X, _, queries, _ = digits
    assert_all_searches_agree(X[:num_points], queries[:40], k)


def test_coarse_digits_with_many_ties_are_ordered_by_index(digits):
    X, _, queries, _ = digits
    coarse, coarse_queries = X[:4000, 12:16, 12:16] // 128, queries[:60, 12:16, 12:16] // 128
    distances, _ = reference_neighbors(coarse, coarse_queries, 5)
    assert (np.diff(distances) == 0).any(axis=1).mean() > 0.9
    assert_all_searches_agree(coarse, coarse_queries, 5)


def test_equal_points_and_the_largest_distance_are_exact():
    X = np.full((70, 9), 200, np.uint8)
    assert_all_searches_agree(X, np.array([[0] * 9, [200] * 9, [255] * 9], np.uint8), 4)
    assert_all_searches_agree(np.zeros((1, 784), np.uint8), np.full((1, 784), 255, np.uint8), 1)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint16, np.int32, np.int64, np.uint64, bool])
def test_every_integer_type_is_compared_exactly(dtype):
    rng = np.random.default_rng(1)
    low, high = (0, 2) if dtype is bool else (max(np.iinfo(dtype).min, -40000), min(np.iinfo(dtype).max, 40000))
    X, queries = (rng.integers(low, high, (count, 20)).astype(dtype) for count in (200, 9))
    assert_all_searches_agree(X, queries, 4)


def test_bytes_and_larger_integers_compare_without_wrapping():
    X = np.array([[0, 255], [255, 0]], np.uint8)
    distances, indices = neighbors(X, np.array([[-1000, 300]]), 2, "brute")
    np.testing.assert_array_equal(indices, [[0, 1]])
    np.testing.assert_array_equal(distances, [[1000**2 + 45**2, 1255**2 + 300**2]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_all_searches_give_the_same_bits_on_floats(dtype):
    rng = np.random.default_rng(2)
    X, queries = rng.normal(size=(600, 37)).astype(dtype), rng.normal(size=(25, 37)).astype(dtype)
    assert_all_searches_agree(X, queries, 5)


@pytest.mark.parametrize("magnitude", [1e-300, 1e-160, 1e-30, 1e30, 1e149])
def test_tiny_and_huge_magnitudes_neither_underflow_nor_overflow_the_bound(magnitude):
    rng = np.random.default_rng(3)
    assert_the_index_is_exact(rng.uniform(-1, 1, (300, 12)) * magnitude, rng.uniform(-1, 1, (10, 12)) * magnitude, 4)


def test_queries_far_from_all_training_points_are_exact():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(300, 5))
    queries = rng.normal(size=(8, 5)) * 10.0 ** np.arange(0, 120, 15)[:, np.newaxis]
    assert_the_index_is_exact(X, queries, 3)


def test_bytes_beyond_the_range_of_the_bound_are_exact():
    X = np.full((70, 1), 7, np.uint8)
    assert_the_index_is_exact(X, np.array([[0], [255]], np.uint8), 4, mean=np.array([7 + 1e-12]), components=np.eye(1))


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
@pytest.mark.parametrize("gap", [1e-4, 1e-7, 1e-10, 1e-14])
def test_near_ties_closer_than_float32_resolves_are_ordered_exactly(gap, offset):
    rng = np.random.default_rng(6)
    query = rng.normal(size=(1, 80))
    directions = rng.normal(size=(400, 80))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    radii = 1.0 + gap * rng.permutation(400)[:, np.newaxis]
    X, query = query + radii * directions + offset, query + offset
    assert_the_index_is_exact(X, query, 9)


@pytest.mark.parametrize("num_components", [1, 5, 112, 130])
def test_any_orthonormal_components_give_exact_neighbors(digits, num_components):
    X, _, queries, _ = digits
    components = np.linalg.qr(np.random.default_rng(0).normal(size=(784, num_components)))[0]
    assert_the_index_is_exact(X[:2000], queries[:20], 3, components=components, mean=np.full(784, 99.0))


@pytest.mark.parametrize("defect", [1e-7, 1e-4, 9e-4])
def test_components_that_are_slightly_off_still_give_exact_neighbors(defect):
    # All points lie across the origin from the query, along a stretched component: without the measured
    # defect in the margin, every bound is above the distance.
    rng = np.random.default_rng(8)
    X = rng.normal(size=(20_000, 6)) * 0.03 + [3.0, 0, 0, 0, 0, 0]
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    stretched = np.diag([1.0 + defect / 2, *[1.0] * 5])
    queries = np.array([[-1.0, 0, 0, 0, 0, 0], [-2.0, 0, 0, 0, 0, 0]])
    assert_the_index_is_exact(X, queries, 50, mean=np.zeros(6), components=stretched)


@pytest.mark.parametrize("num_features", [6, 64, 90])
@pytest.mark.parametrize("distance", [1e1, 1e3, 1e5, 1e8])
def test_a_mean_far_from_the_data_costs_no_exactness(distance, num_features):
    # Squared norms of distance² cancel to squared distances of about num_features, beyond float32.
    rng = np.random.default_rng(10)
    X, queries = rng.normal(size=(4000, num_features)), rng.normal(size=(8, num_features))
    mean = np.full(num_features, distance)
    assert_the_index_is_exact(X, queries, 10, mean=mean, components=np.eye(num_features))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 333), st.integers(1, 130), st.sampled_from([2, 16, 256]))
def test_any_bytes_have_the_neighbors_of_the_reference(seed, num_points, num_features, levels):
    rng = np.random.default_rng(seed)
    k = 1 + seed % num_points
    X = rng.integers(0, levels, (num_points, num_features)).astype(np.uint8)
    assert_all_searches_agree(X, rng.integers(0, levels, (4, num_features)).astype(np.uint8), k)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 150), st.integers(1, 20), st.integers(-12, 12))
def test_any_floats_have_the_same_neighbors_in_every_search(seed, num_points, num_features, exponent):
    rng = np.random.default_rng(seed)
    spread = 10.0 ** rng.uniform(-3, 3, num_features) * 10.0**exponent
    X = rng.normal(size=(num_points, num_features)) * spread + rng.normal(size=num_features)
    queries = np.concatenate([X[:2], rng.normal(size=(2, num_features)) * spread])
    k = 1 + seed % num_points
    assert_the_index_is_exact(X, queries, k)


@pytest.mark.parametrize("algorithm", SEARCHES)
def test_the_number_of_threads_changes_nothing(digits, algorithm, monkeypatch):
    X, _, queries, _ = digits
    results = []
    for threads in (1, 2):
        for module in (blocks, classifier):
            monkeypatch.setattr(module, "num_cores", lambda threads=threads: threads)
        results.append(neighbors(X[:2000], queries[:150], 4, algorithm))
    np.testing.assert_array_equal(*results)


@pytest.mark.full
def test_three_neighbors_misread_283_digits_or_295_under_smallest_label(digits):
    X, y, queries, labels = digits
    model = KNNClassifier(3).fit(X, y)
    distances, indices = model.kneighbors(queries)
    assert np.sum(vote(y[indices], "nearest") != labels) == 283
    assert np.sum(vote(y[indices], "smallest") != labels) == 295
    sample = slice(0, 10_000, 250)
    np.testing.assert_array_equal((distances[sample], indices[sample]), neighbors(X, queries[sample], 3, "brute"))


def test_a_tied_vote_goes_to_the_nearest_or_the_smallest():
    labels = np.array([[9, 2, 2, 9, 5], [4, 1, 7, 3, 0], [-3, 5, -3, 8, 8]], np.int8)
    for rule, expected in (("nearest", [9, 4, -3]), ("smallest", [2, 0, -3])):
        winners = vote(labels, rule)
        assert winners.dtype == np.int8
        np.testing.assert_array_equal(winners, expected)


def test_a_restored_classifier_needs_no_fit_and_answers_the_same(digits, tmp_path):
    X, y, queries, _ = digits
    model = KNNClassifier(3, "pca").fit(X[:3000], y[:3000])
    for name, array in model.to_arrays().items():
        np.save(tmp_path / f"{name}.npy", array)
    arrays = {path.stem: np.load(path, mmap_mode="r") for path in tmp_path.iterdir()}
    restored = KNNClassifier.from_arrays(arrays, 3, "pca")
    np.testing.assert_array_equal(restored.kneighbors(queries[:40]), model.kneighbors(queries[:40]))
    np.testing.assert_array_equal(restored.predict(queries[:40]), vote(y[model.kneighbors(queries[:40])[1]]))
    brute = KNNClassifier.from_arrays(arrays, 5, "brute", "smallest")
    np.testing.assert_array_equal(
        brute.kneighbors(queries[:9]), KNNClassifier.from_arrays(arrays, 5, "pca").kneighbors(queries[:9])
    )


BYTES = np.arange(12, dtype=np.uint8).reshape(4, 3)
LABELS = np.array([0, 1, 1, 0])


@pytest.mark.parametrize(
    ("mistake", "named"),
    [
        (lambda: KNNClassifier(0), "num_neighbors is 0"),
        (lambda: KNNClassifier(3, "ball"), "algorithm is 'ball'"),
        (lambda: KNNClassifier(3, tie_break="first"), "tie_break is 'first'"),
        (lambda: KNNClassifier(5).fit(BYTES, LABELS), "num_neighbors is 5"),
        (lambda: KNNClassifier(1).fit(BYTES, LABELS[:3]), r"y has shape \(3,\)"),
        (lambda: KNNClassifier(1).fit(BYTES, LABELS / 2), "float64"),
        (lambda: KNNClassifier(1).fit(BYTES[:0], LABELS[:0]), r"X has shape \(0, 3\)"),
        (lambda: KNNClassifier(1).fit(BYTES * np.nan, LABELS), "X has values"),
        (lambda: KNNClassifier(1).fit(BYTES.astype(int) * 10**12, LABELS), "X has values"),
        (lambda: KNNClassifier(1).fit(BYTES.astype(str), LABELS), "X is of type <U"),
        (lambda: KNNClassifier(1).kneighbors(BYTES), "KNNClassifier"),
        (lambda: KNNClassifier(1).fit(BYTES, LABELS).predict(BYTES[:, :2]), "X has 2 features"),
        (lambda: neighbors(BYTES, BYTES, 1, "pca", mean=np.zeros(2)), r"mean has shape \(2,\)"),
        (lambda: neighbors(BYTES, BYTES, 1, "pca", mean=np.full(3, np.nan)), "mean has values"),
        (lambda: neighbors(BYTES, BYTES, 1, "pca", components=np.eye(2)), r"components has shape \(2, 2\)"),
        (lambda: neighbors(BYTES, BYTES, 1, "pca", components=np.ones((3, 2))), "components"),
        (lambda: vote(np.array([1, 2])), r"neighbor_labels has shape \(2,\)"),
        (lambda: KNNClassifier.from_arrays({"images": BYTES, "labels": LABELS}, 1, "pca"), "mean"),
    ],
)
def test_a_mistake_is_refused_by_name(mistake, named):
    with pytest.raises((ValueError, KeyError), match=named):
        mistake()


def test_arrays_of_different_classifiers_are_not_mixed(digits):
    X, y, _, _ = digits
    arrays = KNNClassifier(1, "pca").fit(X[:100], y[:100]).to_arrays()
    with pytest.raises(ValueError, match="arrays"):
        KNNClassifier.from_arrays(arrays | {"images": X[:50], "labels": y[:50]}, 1, "pca")

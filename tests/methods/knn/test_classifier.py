"""Exact k-nearest neighbours: every search gives the neighbours that comparing everything gives."""

import math
import operator
import re
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.arguments import check_door, odd_calls
from support.arrays import FEW, arrays

from mnist_pipeline.methods.knn import classifier
from mnist_pipeline.methods.knn.classifier import KNNClassifier, vote
from mnist_pipeline.methods.knn.index import PrincipalComponentIndex
from mnist_pipeline.methods.knn.kernel_layout import COORDINATE_ROW
from mnist_pipeline.methods.table import MODELS
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


@pytest.mark.parametrize("defect", [1e-7, 1e-4, 9e-4, 0.08])
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


def permutations(num_points, num_features):
    """Points at the same distance from each point whose features are all equal."""
    rng = np.random.default_rng(11)
    values = rng.integers(0, 200, num_features)
    return np.array([rng.permutation(values) for _ in range(num_points)], np.uint8)


@pytest.mark.parametrize("center", [1e6 - 1, 1e6, 1e6 + 1, 100 - 3e-2, 100 - 3e-3, 100 + 3e-4])
@pytest.mark.parametrize("scale", [1, 1.04, 0.97])
def test_points_at_the_same_distance_are_ordered_by_index(center, scale):
    # All components are there, so the bound is the distance, and nothing but the margin of float32
    # keeps a bound from exceeding it.
    X, queries = permutations(4_000, 100), np.full((4, 100), 100, np.uint8)
    components = np.linalg.qr(np.random.default_rng(12).normal(size=(100, 100)))[0] * scale
    components = components[:, : 100 if scale == 1 else 1]
    mean = np.full(100, center)
    assert_all_searches_agree(X, queries, 9, mean=mean, components=components)


@pytest.mark.parametrize("mean", [0, 1e-320, 1e-25, 3e-23, 1e-22, 1e-21])
def test_distances_below_the_numbers_of_float32_are_ordered_by_index(mean):
    X = np.zeros((2_000, 100), np.uint8)
    components = np.linalg.qr(np.random.default_rng(12).normal(size=(100, 100)))[0]
    assert_all_searches_agree(X, X[:3], 9, mean=np.full(100, mean), components=components)


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


def has_index(model):
    return "tiles" in model.to_arrays()


def test_an_index_is_built_when_enough_queries_have_come(digits):
    images, queries = digits[0][:3000], digits[2]
    model = KNNClassifier(1).fit(images, np.zeros(3000, int))
    for _ in range(3):
        model.kneighbors(queries[:100])
    assert not has_index(model)
    neighbors_of_one = model.kneighbors(queries[:1])
    assert has_index(model)
    np.testing.assert_array_equal(neighbors_of_one, reference_neighbors(images, queries[:1], 1))
    assert not has_index(model.fit(images, np.zeros(3000, int)))  # no query has come to this fit


def test_few_points_are_indexed_on_request_only(digits):
    images, labels = digits[0][:300], np.zeros(300, int)
    model = KNNClassifier(1).fit(images, labels)
    model.kneighbors(digits[2][:1000])
    assert not has_index(model)
    assert has_index(KNNClassifier(1, "pca").fit(images, labels))
    too_many_features = np.zeros((2, 5_000), np.uint8)
    assert not has_index(KNNClassifier(1, "pca").fit(too_many_features, [0, 1]))


def test_fifty_queries_do_not_wait_for_compiled_code(digits, monkeypatch):
    def searched(*_):
        raise ArithmeticError

    monkeypatch.setattr(classifier, "_FEW_QUERIES", 50)
    monkeypatch.setattr(PrincipalComponentIndex, "search", searched)
    model = KNNClassifier(1, "pca").fit(digits[0][:300], np.zeros(300, int))
    model.kneighbors(digits[2][:50])
    with pytest.raises(ArithmeticError):
        model.kneighbors(digits[2][:1])


@pytest.mark.parametrize("algorithm", SEARCHES)
def test_a_refit_forgets_the_former_points(algorithm):
    rng = np.random.default_rng(13)
    X, queries = (rng.integers(0, 256, (count, 20)).astype(np.uint8) for count in (500, 9))
    model = KNNClassifier(3, algorithm).fit(X, np.zeros(500, int))
    model.kneighbors(queries)
    fractions = X[::-1] / 3
    found = model.fit(fractions, np.ones(500, int)).kneighbors(queries)
    np.testing.assert_array_equal(found, reference_neighbors(fractions, queries, 3))
    assert not has_index(model)


def test_a_classifier_names_its_parameters_and_asks_for_a_fit():
    model = KNNClassifier(2, "brute")
    assert eval(repr(model)).__dict__ == model.__dict__
    for use in (model.predict, model.kneighbors, lambda _: model.to_arrays()):
        with pytest.raises(ValueError, match=r"fit\(X, y\)"):
            use(BYTES)


def test_the_default_number_of_neighbors_is_that_of_the_model():
    assert KNNClassifier().n_neighbors == MODELS["knn"].settings["num_neighbors"].default


def test_a_vote_of_many_neighbors_is_counted_in_blocks(monkeypatch):
    labels = np.random.default_rng(14).integers(0, 4, (50, 6))
    expected = {rule: vote(labels, rule) for rule in classifier.TIE_BREAKS}
    monkeypatch.setattr(classifier, "_VOTES_PER_BLOCK", 7 * 36)
    for rule, winners in expected.items():
        np.testing.assert_array_equal(vote(labels, rule), winners)


BYTES = np.arange(12, dtype=np.uint8).reshape(4, 3)
LABELS = np.array([0, 1, 1, 0])


@pytest.mark.parametrize(
    ("mistake", "named"),
    [
        (lambda: KNNClassifier(0), "n_neighbors has the value 0"),
        (lambda: KNNClassifier(3, "ball"), "algorithm is 'ball'"),
        (lambda: KNNClassifier(5).fit(BYTES, LABELS), "n_neighbors has the value 5"),
        (lambda: KNNClassifier(1).fit(BYTES, LABELS[:3]), r"y has shape \(3,\)"),
        (lambda: KNNClassifier(1, "pca").fit(BYTES, LABELS, components=np.ones((3, 2))), "defect"),
        (lambda: KNNClassifier(1).fit(BYTES, LABELS).predict(BYTES[:, :2]), "X has 2 features"),
        (lambda: KNNClassifier.from_arrays({"images": BYTES}), "'labels'"),
        (lambda: vote(LABELS), r"neighbor_labels has shape \(4,\)"),
        (lambda: vote(np.empty((4, 0), int)), r"neighbor_labels has shape \(4, 0\)"),
        (lambda: vote(LABELS[np.newaxis], "largest"), "tie_break is 'largest'"),
    ],
)
def test_a_mistake_is_refused_by_name(mistake, named):
    with pytest.raises(ValueError, match=named):
        mistake()


DOOR = np.random.default_rng(15).integers(0, 256, (90, 6)).astype(np.uint8)
INDEXED = KNNClassifier(3, "pca").fit(DOOR, np.arange(90) % 4).to_arrays()
QUERIES = np.random.default_rng(16).integers(0, 256, (60, 6)).astype(np.uint8)


def fit_and_search(X, y, n_neighbors, queries, mean, components):
    model = KNNClassifier(n_neighbors, "pca").fit(X, y, mean, components)
    model.predict(queries)
    return model.kneighbors(queries)


def plain_search(X, y, n_neighbors, queries, mean, components):
    """By the definition, for arguments that mean something; `mean` does not change the answer."""
    if components is not None:
        gram = np.transpose(components) @ components
        if np.linalg.norm(gram - np.eye(len(gram))) > 0.1:
            return None
    X, queries, y = map(np.asarray, (X, queries, y))
    for array, allowed in ((X, "buif"), (queries, "buif"), (y, "iu")):
        if array.dtype.kind not in allowed or np.shape(array) == ():
            return None
    if len(y) != len(X) or y.ndim != 1 or not 1 <= operator.index(n_neighbors) <= len(X):
        return None
    X, queries = (array.reshape(len(array), math.prod(array.shape[1:])) for array in (X, queries))
    if X.shape[1] != queries.shape[1]:
        return None
    squares = np.square(X[np.newaxis] - queries[:, np.newaxis].astype(float)).sum(axis=2)
    indices = np.argsort(squares, axis=1, kind="stable")[:, :n_neighbors]
    return np.take_along_axis(squares, indices, axis=1), indices


def test_every_argument_of_a_search_gives_the_nearest_or_is_refused(other_process):
    check_door(
        other_process,
        fit_and_search,
        {
            "X": DOOR,
            "y": np.arange(90) % 4,
            "n_neighbors": 3,
            "queries": QUERIES,
            "mean": INDEXED["mean"],
            "components": INDEXED["components"],
        },
        plain_search,
    )


def plain_vote(neighbor_labels, tie_break="nearest"):
    labels = np.asarray(neighbor_labels)
    if labels.dtype.kind not in "iu" or labels.ndim != 2:
        return None
    return np.array([Counter(row).most_common(1)[0][0] for row in labels.tolist()])


def test_every_argument_of_a_vote_gives_the_winner_or_is_refused(other_process):
    labels = np.random.default_rng(17).integers(0, 4, (20, 5))
    check_door(other_process, vote, {"neighbor_labels": labels}, plain_vote)
    for rule in (None, 3, [], ["nearest"], labels, "smal"):
        with pytest.raises(ValueError, match="tie_break"):
            vote(labels, rule)


def restore_and_search(**arrays):
    return KNNClassifier.from_arrays(arrays).kneighbors(QUERIES)


def test_every_array_of_an_index_is_right_or_refused(other_process):
    """An array that is accepted gives the neighbours among its images."""
    for name, form, arrays_ in odd_calls(INDEXED):
        call = other_process.submit(restore_and_search, **arrays_)
        error = call.exception()
        if error is None:
            X = np.asarray(arrays_["images"])
            expected = reference_neighbors(X, QUERIES.astype(X.dtype), 3)
            np.testing.assert_array_equal(call.result(), expected, f"{name}: {form}")
        else:
            assert isinstance(error, (ValueError, TypeError)), f"{name}: {form}: {error!r}"
            assert re.search("|".join(INDEXED), str(error)), f"{name}: {form}: {error}"


def test_another_layout_of_the_arrays_of_an_index_is_the_same_index():
    for name, array in INDEXED.items():
        for lay_out in (np.asfortranarray, unaligned, lambda array: array[::-1].copy()[::-1]):
            model = KNNClassifier.from_arrays({**INDEXED, name: lay_out(array)})
            expected = reference_neighbors(DOOR, QUERIES, 3)
            np.testing.assert_array_equal(model.kneighbors(QUERIES), expected)


def unaligned(array):
    buffer = np.empty(array.nbytes + 1, np.uint8)
    copy = buffer[1:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


SCALED = {**INDEXED, "tiles": INDEXED["tiles"] / 1024}  # as a former version stored them
PADDED = INDEXED["tiles"].copy()
PADDED[-1, COORDINATE_ROW:, -1] = 1e30  # the lane of no point
FORGED = {
    "order": [
        INDEXED["order"] + 10**9,
        INDEXED["order"] - 10**9,
        INDEXED["order"][:10],
        INDEXED["order"] * 0,
        INDEXED["order"][::-1],
        INDEXED["order"].astype(float),
    ],
    "tiles": [
        INDEXED["tiles"] * 0,
        INDEXED["tiles"][:0],
        INDEXED["tiles"][:2],
        np.concatenate([INDEXED["tiles"]] * 30),
        INDEXED["tiles"][:, :50],
        INDEXED["tiles"][..., :8],
        INDEXED["tiles"].astype(float),
        np.full_like(INDEXED["tiles"], np.inf),
        np.roll(INDEXED["tiles"], 1, axis=0),
        np.where(INDEXED["tiles"] == np.float32(-1e30), 0, INDEXED["tiles"]),
        SCALED["tiles"],
        PADDED,
    ],
    "mean": [np.zeros(3), np.zeros(9_999), INDEXED["mean"] + 1, INDEXED["mean"] * np.nan],
    "components": [
        INDEXED["components"][:5],
        INDEXED["components"][:, ::-1],
        np.zeros((6, 500), np.float32),
        INDEXED["components"] * 2,
    ],
    "images": [DOOR[:50], DOOR[:, :5], np.concatenate([DOOR] * 2), DOOR[::-1], DOOR.astype(float)],
}


@pytest.mark.parametrize(
    ("name", "array"),
    [(name, array) for name, forged in FORGED.items() for array in forged],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arrays_that_are_no_index_of_the_images_are_refused(name, array, other_process):
    labels = np.zeros(len(array) if name == "images" else len(DOOR), int)
    arrays = {**INDEXED, "labels": labels, name: array}
    call = other_process.submit(KNNClassifier.from_arrays, arrays)
    with pytest.raises(ValueError, match=r"images|mean|components|order|tiles"):
        call.result()


def test_an_index_that_has_a_point_twice_in_place_of_an_equal_point_is_refused():
    points = np.full((40, 6), 7, np.uint8)
    index = KNNClassifier(2, "pca").fit(points, np.zeros(40, int)).to_arrays()
    order = index["order"].copy()
    order[0] = order[1]
    with pytest.raises(ValueError, match="order"):
        KNNClassifier.from_arrays({**index, "order": order})


def test_an_index_whose_points_have_other_residuals_is_refused():
    points = np.random.default_rng(0).integers(0, 256, (100, 40), np.uint8)
    arrays = KNNClassifier(3, "pca").fit(points, np.zeros(100, int)).to_arrays()
    tiles = arrays["tiles"].copy()
    tiles[:, 1:COORDINATE_ROW] = 0  # the bound would leave out neighbours
    with pytest.raises(ValueError, match="tiles"):
        KNNClassifier.from_arrays({**arrays, "tiles": tiles})


@pytest.mark.parametrize("n_neighbors", [0, -1, 91, 1_000_000, 1.5, None])
def test_a_number_of_neighbors_that_was_changed_after_the_fit_is_refused(
    n_neighbors, other_process
):
    model = KNNClassifier.from_arrays(INDEXED)
    model.n_neighbors = n_neighbors
    with pytest.raises((ValueError, TypeError), match="n_neighbors"):
        other_process.submit(model.kneighbors, QUERIES).result()


def test_the_former_name_of_the_number_of_neighbours_still_counts_with_a_warning():
    with pytest.warns(DeprecationWarning, match="n_neighbors"):
        model = KNNClassifier(num_neighbors=2)
    assert model.n_neighbors == 2
    with pytest.warns(DeprecationWarning, match="n_neighbors"):
        restored = KNNClassifier.from_arrays(INDEXED, num_neighbors=2)
    assert restored.n_neighbors == 2
    with pytest.warns(DeprecationWarning, match="n_neighbors"):
        restored.num_neighbors = 1
    assert restored.kneighbors(QUERIES)[1].shape == (len(QUERIES), 1)
    with pytest.warns(DeprecationWarning, match="n_neighbors"):
        assert restored.num_neighbors == 1

"""How sure a vote of neighbours is, and which rule decided its ties."""

import numpy as np

from mnist_pipeline.data.values import DigitSet, ImageKind
from mnist_pipeline.evaluation.scores import calibrate
from mnist_pipeline.methods.knn import classifier, method


def fit(images: np.ndarray, labels: np.ndarray, num_neighbors: int) -> method.FittedKNN:
    digits, settings = DigitSet(images, labels), {"num_neighbors": num_neighbors}
    return method.fit(digits, settings, seed=0, kind=ImageKind())


def test_a_vote_is_the_share_of_votes_and_smoothing_keeps_its_order():
    assert method.vote_probabilities(np.array([[1, 1, 7]]), 0.0, 10)[0, [1, 7, 0]].tolist() == [
        2 / 3,
        1 / 3,
        0,
    ]
    mixed, sure = method.vote_probabilities(np.array([[1, 1, 7], [3, 3, 3]]), 0.1, 10)
    assert mixed[1] > mixed[7] > mixed[0]
    assert mixed[1] < sure[3] < 1


def test_neighbours_that_are_shown_beyond_k_do_not_vote():
    images = np.array([[0], [9], [10], [11], [12]], np.uint8)
    answer = method.answer(fit(images, np.array([3, 1, 1, 1, 1], np.uint8), 1), images[:1])
    assert answer.nearest.labels.tolist() == [[3, 1, 1, 1, 1]]
    assert answer.labels.tolist() == [3] == answer.probabilities.argmax(axis=1).tolist()


def test_the_fitted_smoothing_calibrates_the_vote_on_digits_it_has_not_seen(train, test):
    images, labels = train.images[:10_000], train.labels[:10_000]
    fitted_model = fit(images, labels, 3)
    nearest = method.answer(fitted_model, test.images).nearest
    assert nearest.labels.shape == (len(test.labels), method.NUM_NEAREST)
    neighbor_labels = nearest.labels[:, :3]
    smoothing = fitted_model.smoothing
    fitted, shares = (method.vote_probabilities(neighbor_labels, s, 10) for s in (smoothing, 0.0))
    assert (
        calibrate(test.labels, fitted).expected_error
        < calibrate(test.labels, shares).expected_error
        < 0.05
    )


def test_the_held_out_images_of_a_set_that_is_not_large_are_no_neighbours_of_one_another():
    images, labels = np.array([[0], [1], [200]], np.uint8), np.array([0, 1, 2], np.uint8)
    fitted = fit(images, labels, 3)
    found = method.held_out_answer(fitted, images[:2], np.array([0, 1]))
    assert found.labels.tolist() == [2, 2]


def test_no_held_out_digit_of_a_large_set_is_its_own_neighbour(monkeypatch):
    """Five copies of each of three images: an image that votes for itself would get its own label.

    Four neighbours are found, and the last copy is not among them.
    """
    monkeypatch.setattr(method, "LARGE", 0)
    images = np.repeat(np.array([[0, 0], [0, 90], [90, 0]], np.uint8), 5, axis=0)
    labels = np.arange(15)
    fitted = method.FittedKNN(images, labels, None, 3, smoothing=0.1)
    found = method.held_out_answer(fitted, images, labels)
    first = labels - labels % 5
    np.testing.assert_array_equal(found.labels, np.where(labels == first, first + 1, first))


def test_a_query_agrees_with_brute_force_only_if_all_its_neighbours_do():
    images = np.array([[0], [10], [30], [60], [100]], np.uint8)
    fitted = method.FittedKNN(images, np.arange(5), None, 3, 0.1)
    queries = np.array([[1], [11], [31], [61]], np.uint8)
    _, indices = classifier.search_all(images, queries, 3)
    assert method.agreement_with_brute_force(indices, fitted, queries, 10) == 1
    indices[0, 2] = 4
    assert method.agreement_with_brute_force(indices, fitted, queries, 10) == 0.75


def test_of_fewer_images_than_neighbours_all_vote():
    images, labels = np.eye(4, dtype=np.uint8) * 200, np.array([0, 0, 0, 1], np.uint8)
    fitted = fit(images, labels, 9)
    assert fitted.num_neighbors == 4
    found = method.answer(fitted, images)
    assert found.labels.tolist() == [0, 0, 0, 0]
    assert np.sort(found.nearest.indices).tolist() == [[0, 1, 2, 3]] * 4
    held_out = method.held_out_answer(fitted, images[:1], np.array([0]))
    expected = method.vote_probabilities(np.array([[0, 0, 1]]), fitted.smoothing, 2)
    np.testing.assert_array_equal(held_out.probabilities, expected)

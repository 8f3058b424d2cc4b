"""How sure a vote of neighbours is, and which rule decided its ties."""

import numpy as np

from mnist_pipeline.evaluation.scores import calibrate
from mnist_pipeline.methods.knn import method
from mnist_pipeline.methods.knn.classifier import KNNClassifier


def test_a_vote_is_the_share_of_votes_and_smoothing_keeps_its_order():
    assert method.vote_probabilities(np.array([[1, 1, 7]]), 0.0, 10)[0, [1, 7, 0]].tolist() == [
        2 / 3,
        1 / 3,
        0,
    ]
    mixed, sure = method.vote_probabilities(np.array([[1, 1, 7], [3, 3, 3]]), 0.1, 10)
    assert mixed[1] > mixed[7] > mixed[0]
    assert mixed[1] < sure[3] < 1


def test_the_fitted_smoothing_calibrates_the_vote_on_digits_it_has_not_seen(train, test):
    images, labels = train.images[:10_000], train.labels[:10_000]
    fitted_model = method.fit(images, labels, {"num_neighbors": 3}, seed=0)
    nearest = method.answer(fitted_model, test.images).nearest
    assert nearest.labels.shape == (len(test.labels), method.NUM_NEAREST)
    neighbor_labels = nearest.labels[:, :3]
    smoothing = float(fitted_model["smoothing"])
    fitted, shares = (method.vote_probabilities(neighbor_labels, s, 10) for s in (smoothing, 0.0))
    assert (
        calibrate(test.labels, fitted).expected_error
        < calibrate(test.labels, shares).expected_error
        < 0.05
    )


def test_the_held_out_images_of_a_set_that_is_not_large_are_no_neighbours_of_one_another():
    images, labels = np.array([[0], [1], [200]], np.uint8), np.array([0, 1, 2], np.uint8)
    fitted = method.fit(images, labels, {"num_neighbors": 3}, seed=0)
    found = method.held_out_answer(fitted, images[:2], np.array([0, 1]))
    assert found.labels.tolist() == [2, 2]


def test_no_held_out_digit_of_a_large_set_is_its_own_neighbour(monkeypatch):
    """Five copies of each of three images: an image that votes for itself would get its own label.

    Four neighbours are found, and the last copy is not among them.
    """
    monkeypatch.setattr(method, "LARGE", 0)
    images = np.repeat(np.array([[0, 0], [0, 90], [90, 0]], np.uint8), 5, axis=0)
    labels = np.arange(15)
    fitted = {
        **KNNClassifier(3, "brute").fit(images, labels).to_arrays(),
        "num_neighbors": np.array(3),
    }
    found = method.held_out_answer({**fitted, "smoothing": np.array(0.1)}, images, labels)
    first = labels - labels % 5
    np.testing.assert_array_equal(found.labels, np.where(labels == first, first + 1, first))


def test_of_fewer_images_than_neighbours_all_vote():
    images, labels = np.eye(4, dtype=np.uint8) * 200, np.array([0, 0, 0, 1], np.uint8)
    fitted = method.fit(images, labels, {"num_neighbors": 9}, seed=0)
    assert fitted["num_neighbors"] == 4
    found = method.answer(fitted, images)
    assert found.labels.tolist() == [0, 0, 0, 0]
    assert np.sort(found.nearest.indices).tolist() == [[0, 1, 2, 3]] * 4
    held_out = method.held_out_answer(fitted, images[:1], np.array([0]))
    expected = method.vote_probabilities(np.array([[0, 0, 1]]), float(fitted["smoothing"]), 2)
    np.testing.assert_array_equal(held_out.probabilities, expected)

"""Which images of a set in one part are for testing, and which for choosing."""

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.split import by_split, drawn_for_choosing, drawn_for_testing


def parts_of(keys: NDArray[np.intp], labels: NDArray[np.uint8]) -> NDArray[np.intp]:
    """The part of each image: 0 is for testing, 1 for choosing, and 2 for training."""
    part = np.where(drawn_for_testing(keys, labels), 0, 2)
    train = np.flatnonzero(part)
    part[train[drawn_for_choosing(keys[train], labels[train])]] = 1
    return part


def test_the_smallest_checksums_of_each_class_are_for_testing_and_the_next_ones_choose():
    labels = np.arange(240, dtype=np.uint8) % 3
    checksums = np.random.default_rng(0).permutation(240)
    part = parts_of(checksums, labels)
    for label in range(3):
        parts = [checksums[(part == number) & (labels == label)] for number in range(3)]
        assert [len(part) for part in parts] == [16, 10, 54]
        assert max(parts[0]) < min(parts[1])
        assert max(parts[1]) < min(parts[2])


def test_a_group_is_in_one_part_also_with_several_classes_or_nearly_all_images():
    rng = np.random.default_rng(0)
    for sizes in ([5] * 60, rng.integers(1, 9, 60), [90, *[1] * 60], [60] * 5):
        groups = np.repeat(rng.permutation(len(sizes)), sizes)
        labels = rng.integers(0, 3, len(groups)).astype(np.uint8)
        part = parts_of(groups, labels)
        assert all(len({*part[groups == group]}) == 1 for group in groups)
        counts = np.array([np.bincount(part[labels == label], minlength=3) for label in range(3)])
        assert counts.min() > 0
        if max(sizes) < 10:
            assert abs(counts[:, 0] - 0.2 * counts.sum(axis=1)).max() < 12
    two_groups = np.repeat([0, 1], 40)
    assert {*parts_of(two_groups, np.arange(80, dtype=np.uint8) % 2)} == {0, 2}


def test_a_group_that_has_the_last_images_of_a_class_stays_in_training():
    # Two groups have the images of class 1. Of class 0, the test set could take both of them.
    groups = np.array([0, 0, 1, 1, 1, *range(2, 22)])
    labels = np.array([0, 1, 0, 0, 1, *[0] * 20], np.uint8)
    assert drawn_for_testing(groups, labels)[labels == 1].tolist() == [True, False]


def test_few_added_images_move_at_most_one_group_per_class_and_part():
    rng = np.random.default_rng(1)
    groups = rng.integers(0, 40, 300)
    labels = (groups % 2).astype(np.uint8)
    before = parts_of(groups[:-3], labels[:-3])
    after = parts_of(groups, labels)[:-3]
    assert len({*groups[:-3][before != after]}) <= 4


def test_splits_have_the_names_that_people_give_them():
    both = {"train": ("mnist_Train.csv", "x_val"), "test": ("TESTING",)}
    assert by_split(["mnist_Train.csv", "TESTING", "x_val"]) == both
    for names in (("training_set", "validation"), ("test",), ("latest", "trainer")):
        assert by_split(names) == {"train": names}

"""Which images of a set in one part are for testing, and which for choosing."""

import numpy as np

from mnist_pipeline.data import held_out
from mnist_pipeline.data.split import arranged, by_split, drawn_for_testing


def test_the_smallest_checksums_of_each_class_are_for_testing_and_the_next_ones_choose() -> None:
    labels = np.arange(240, dtype=np.uint8) % 3
    checksums = np.random.default_rng(0).permutation(240)
    train, test = drawn_for_testing(checksums, labels)
    rows = arranged(train, labels)
    kept, chosen = (rows[places] for places in held_out.split(labels[rows]))
    for label in range(3):
        parts = [checksums[part[labels[part] == label]] for part in (test, chosen, kept)]
        assert [len(part) for part in parts] == [16, 10, 54]
        assert max(parts[0]) < min(parts[1])
        assert max(parts[1]) < min(parts[2])


def test_splits_have_the_names_that_people_give_them() -> None:
    both = {"train": ("mnist_Train.csv", "x_val"), "test": ("TESTING",)}
    assert by_split(["mnist_Train.csv", "TESTING", "x_val"]) == both
    for names in (("training_set", "validation"), ("test",), ("latest", "trainer")):
        assert by_split(names) == {"train": names}

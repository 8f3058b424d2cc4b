"""A few of the real digits: enough to write in every layout, and to damage."""

import pytest

from mnist_pipeline.data.values import DigitSet


@pytest.fixture(scope="module")
def few(train, test) -> dict[str, DigitSet]:
    """Sixty training and forty test digits, with every class in both."""
    return {
        "train": DigitSet(train.images[:60], train.labels[:60]),
        "test": DigitSet(test.images[40:80], test.labels[40:80]),
    }

"""The experiment that shows what convolution assumes: all pixels are shuffled."""

import dagster as dg
import numpy as np

from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.methods import shuffling
from mnist_pipeline.runtime.graph.resources import Seed
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch

GROUP = "networks"
POOL = "training"  # as of the two networks


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"torch"}, pool=POOL)
def shuffled_cnn(train_digits: DigitSet, test_images: np.ndarray, mnist_seed: Seed):
    """A small training of the convolutional network on images whose pixels are all shuffled in the
    same way, and what this network and the same training without the shuffle answer to the test
    images.

    Both learn from the number of images that the metadata `trained_on` says.
    """
    with stopwatch():
        value = shuffling.fit(train_digits, test_images, seed=mnist_seed.number)
    return result(
        value,
        f"held-out accuracy {value.validation_accuracy[-1]:.2%} with shuffled pixels",
        numbers={"trained_on": value.trained_on},
        seed=mnist_seed,
    )

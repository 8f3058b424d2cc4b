"""The experiment that shows what convolution assumes: all pixels change places."""

import dagster as dg

from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.methods import shuffling
from mnist_pipeline.runtime.graph.checks import checks, loss_falls
from mnist_pipeline.runtime.graph.resources import Seed
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch

from .networks import GROUP, POOL

CHECKS = {
    "shuffled_cnn": {
        "loss_falls": "Shuffled pixels contain as much as before, so a network learns from them, "
        "too. Last loss.",
    }
}


@dg.asset(
    io_manager_key=STORAGE,
    group_name=GROUP,
    kinds={"torch"},
    pool=POOL,
    check_specs=checks("shuffled_cnn", CHECKS),
)
def shuffled_cnn(train_digits: DigitSet, test_digits: DigitSet, mnist_seed: Seed):
    """A small training of the convolutional network on images whose pixels are all shuffled in the
    same way, and the accuracy of the same training without the shuffle.

    Both learn from the number of images that the metadata `trained_on` says.
    """
    with stopwatch():
        value = shuffling.fit(train_digits, test_digits, seed=mnist_seed.number)
    unshuffled, shuffled = value["correct"] / len(test_digits.labels)
    return result(
        value,
        f"{shuffled:.2%} with shuffled pixels, {unshuffled:.2%} without the shuffle",
        numbers={"trained_on": int(value["trained_on"])},
        seed=mnist_seed,
        checks={"loss_falls": loss_falls(value["loss"], train_digits.num_classes)},
    )

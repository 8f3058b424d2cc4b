"""The experiment that shows what features are worth: gradients instead of pixels."""

import dagster as dg

from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.evaluation.scores import accuracy
from mnist_pipeline.methods.softmax import on_gradients
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.resources import Seed
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch

GROUP = "softmax"


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"numba"})
def softmax_on_gradients(train_digits: DigitSet, test_digits: DigitSet, mnist_seed: Seed):
    """Softmax regression on histograms of gradients, and what it and the same regression on pixels
    answer to the test images.

    Both learn alike from the number of images that the metadata `trained_on` says.
    """
    with stopwatch():
        fitted = on_gradients.fit(train_digits, test_digits.images, seed=mnist_seed.number)
    by_pixels, by_gradients = (accuracy(test_digits.labels, labels) for labels in fitted.answers)
    votes = on_gradients.votes(fitted)
    return result(
        fitted,
        f"{by_pixels:.2%} of pixels, {by_gradients:.2%} of gradients",
        numbers={
            "accuracy_on_pixels": by_pixels,
            "accuracy_on_gradients": by_gradients,
            "trained_on": fitted.trained_on,
            "passes": fitted.passes,
        },
        figures={"arrows": figures.arrows(votes, train_digits.class_numbers)},
        seed=mnist_seed,
    )

"""How much data: accuracy by number of training images."""

from typing import Any

import dagster as dg
import numpy as np

from mnist_pipeline.data.records import DigitSet
from mnist_pipeline.evaluation import experiments, training_sizes
from mnist_pipeline.methods.table import by_model
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.checks import at_least, checks, warning
from mnist_pipeline.runtime.graph.resources import Seed
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch

from .models import of_all_models

CHECKS = {
    "accuracy_by_size": {
        "more_data_helps": "A model that becomes worse with more data is trained wrongly. Smallest "
        "gain in accuracy from the fewest to all images; chance is allowed for.",
    },
}


@dg.asset(
    io_manager_key=STORAGE,
    group_name="evaluation",
    kinds={"numba"},
    ins=of_all_models("evaluation"),
    check_specs=checks("accuracy_by_size", CHECKS),
)
def accuracy_by_size(
    train_digits: DigitSet,
    test_digits: DigitSet,
    knn_model: dict[str, np.ndarray],
    seed: Seed,
    **by_asset: Any,
):
    """Accuracy on the test images by number of training images.

    k-nearest neighbours and softmax regression are fitted to nested parts of the training images.
    Networks take longer, so they only have the accuracy of the run; `experiment_trials` trains them
    with fewer images too.
    """
    evaluations = by_model(by_asset, "evaluation")
    with stopwatch():
        table = training_sizes.measure(
            train_digits, test_digits, knn_model, evaluations, seed.number
        )
    curves, num_test = training_sizes.all_curves(table), len(test_digits.labels)
    gain = experiments.smallest_gain(experiments.curves(table))
    return result(
        table,
        f"at least {gain:.1%} more correct with all images than with the fewest",
        tables={"accuracies": table},
        figures={"accuracy_by_size": figures.accuracy_by_size(curves, num_test)},
        seed=seed,
        # 1 ÷ √n is the half width of a 95% interval at most.
        checks={"more_data_helps": warning(at_least(gain, -(num_test**-0.5)))},
    )

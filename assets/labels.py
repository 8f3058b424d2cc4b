"""Which labels may be wrong: computed on request only."""

import dagster as dg

from mnist_pipeline.data.values import DataSet, DigitSet, RawData
from mnist_pipeline.evaluation import labels_to_check as checking
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.resources import Seed
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch

GROUP = "labels"  # a group of its own, which the job `everything` leaves out


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"torch"})
def labels_to_check(
    raw_mnist: RawData,
    data_set: DataSet,
    train_digits: DigitSet,
    test_digits: DigitSet,
    mnist_seed: Seed,
):
    """Are some labels wrong? Materialize this asset, and look at the images that it lists.

    Models answer each training and test image without having seen it: for up to 1,000 pictures
    kernel regression, which takes a second, otherwise networks, which take minutes. The list has
    the images whose label they contradict, the most doubtful first, with their files. Correct what
    is wrong in your data, and run `mnist-pipeline run --changed`. The job `everything` leaves this
    asset out.
    """
    splits = {"train": train_digits, "test": test_digits}
    dg.get_dagster_logger().info(
        "asking models that have not seen the images: networks take minutes"
    )
    with stopwatch():
        found = checking.find(raw_mnist, data_set, splits, mnist_seed.number)
    table = found.table
    drawn = {}
    if len(table):
        drawn["labels"] = figures.labels_to_check(table, splits, data_set)
    return result(
        found,
        f"contradicted labels: {len(table):,}, confidently {table['confident'].sum():,}",
        tables={"labels": table},
        figures=drawn,
        seed=mnist_seed,
    )

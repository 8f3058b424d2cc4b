"""How unlike the training images an image is."""

import dagster as dg

from mnist_pipeline.data.values import DigitSet, ImageKind
from mnist_pipeline.handwriting.novelty import fit_held_out
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch

GROUP = "serving"


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"numpy"})
def novelty(train_digits: DigitSet, image_kind: ImageKind):
    """How far an image lies from all training images, so that a scribble is not read as a digit.

    It ranks an image among the held-out images, whatever the models answer.
    """
    with stopwatch():
        fitted = fit_held_out(train_digits, image_kind)
    return result(fitted, f"ranks among {len(fitted.reference):,} held-out images")

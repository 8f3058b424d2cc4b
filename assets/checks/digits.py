"""Checks of the training and test images: faults that would harm the models."""

from mnist_pipeline.data import findings
from mnist_pipeline.data.appearance import LEAST_CONTRAST
from mnist_pipeline.data.split import SPLITS, Split
from mnist_pipeline.data.values import DigitSet, RawData
from mnist_pipeline.runtime.graph.checks import check_of
from mnist_pipeline.utils.measured import Measured

REASONS = {
    "classes_balanced": "Accuracy means little if one class dominates. Smallest class ÷ largest "
    "class.",
    "no_duplicates": "A repeated image counts twice. Images that equal an earlier one.",
    "one_label_per_image": "An image with two labels can't be right twice. Different images with "
    "several labels.",
    "not_empty": "An image without contrast shows nothing. Images with a contrast of less than "
    f"{LEAST_CONTRAST} levels; pictures, of less than {findings.LEAST_OF_PICTURES}.",
    "classes_mixed": "Softmax regression learns from one image after the other, and would forget "
    "classes that do not come again. 1 if the images are sorted by class.",
}


def _register(split: Split, name: str, reason: str) -> None:
    @check_of(f"{split}_digits", name=name, reason=reason)
    def check(value: DigitSet, raw_mnist: RawData) -> Measured:
        paths = raw_mnist.paths.get(split, ())
        data_set = raw_mnist.data_set
        return findings.judge(value, data_set.class_names, paths, data_set.handwritten)[name]()


for split in SPLITS:
    for name, reason in REASONS.items():
        _register(split, name, reason)

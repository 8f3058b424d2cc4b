"""Raw files, and the digits read from them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from mnist_pipeline.data import datasets
from mnist_pipeline.data.datasets import (
    NUM_CLASSES,
    DatasetError,
    DigitSet,
    Split,
    UnreadableError,
)
from mnist_pipeline.runtime.graph import data_sets
from mnist_pipeline.runtime.graph.checks import at_least, between, checks, exactly
from mnist_pipeline.runtime.graph.resources import DataSetResource
from mnist_pipeline.runtime.graph.results import ROW_COUNT, result, stopwatch

GROUP = "digits"
LOADED = {
    "as_many_labels_as_images": "An image without its label, or the reverse, shifts all labels after it.",
    "full_range_of_pixels": "Images scaled to 0–1 would be cut to 0 and 1 as bytes; ink must reach beyond 128.",
    "every_class_present": "A class that is absent can't be learned, nor its accuracy measured.",
    "classes_balanced": "Accuracy means little where one class prevails; smallest ÷ largest class.",
    "pixel_mean": "Inverted images (ink on 0, paper on 255) or an empty set show in the mean grey level.",
    "pixel_deviation": "Images without contrast show in the deviation of the grey levels.",
}
BLOCKING = ("as_many_labels_as_images", "full_range_of_pixels", "every_class_present")
data_directory = dg.AssetSpec(
    "data_directory",
    group_name=GROUP,
    kinds={"file"},
    description="The directory of the four IDX files, which others write to; its version is their checksum.",
)


@contextmanager
def retried() -> Iterator[None]:
    """Try again where that can help: a file that can't be read for a moment, not one that is wrong."""
    try:
        yield
    except UnreadableError as error:
        raise dg.RetryRequested(max_retries=2, seconds_to_wait=0.5) from error


@dg.asset(group_name=GROUP, kinds={"file"}, deps=[data_directory])
def raw_mnist(data_set: DataSetResource):
    """The four IDX files as they lie in the data directory: names, sizes and SHA-256 checksums, verified."""
    located = data_set.located
    layout = located.known.layout
    with stopwatch() as watch, retried():
        datasets.validate(located.directory, canonical=located.canonical, layout=layout)
        files = pd.DataFrame(datasets.raw_files(located.directory, layout))
    return result(
        files,
        f"{len(files)} files, {files['size'].sum() / 1e6:.1f} MB",
        seconds=watch.seconds,
        numbers={"directory": dg.MetadataValue.path(str(located.directory)), "canonical": located.canonical},
        tables={"files": files},
    )


def _read(split: Split, raw_mnist: pd.DataFrame, data_set: DataSetResource) -> dg.MaterializeResult[Any]:
    from mnist_pipeline.report import figures

    located = data_set.located
    directory, layout, names = located.directory, located.known.layout, located.known.class_names
    with stopwatch() as watch, retried():
        if not pd.DataFrame(datasets.raw_files(directory, layout)).equals(raw_mnist):
            raw = located.key("raw_mnist").to_user_string()
            raise DatasetError(f"the files in {directory} are not those that {raw} recorded; materialize {raw} again")
        digits = datasets.load_digits(directory, split, canonical=located.canonical, layout=layout)
    mean, deviation = datasets.mean_and_deviation(digits.images)
    counts = np.bincount(digits.labels, minlength=NUM_CLASSES)
    return result(
        digits,
        f"{len(digits.labels):,} images",
        seconds=watch.seconds,
        numbers={
            ROW_COUNT: len(digits.labels),
            "pixel_mean": mean,
            "pixel_deviation": deviation,
        },
        tables={"classes": pd.DataFrame({"class": names, "count": counts})},
        figures={"sample": figures.image_grid(digits.images[:40], columns=10, title=f"The first {split} images")},
        checks={
            "as_many_labels_as_images": exactly(len(digits.labels), len(digits.images)),
            "full_range_of_pixels": at_least(digits.images.max(), 128),
            "every_class_present": exactly(np.count_nonzero(counts), NUM_CLASSES),
            "classes_balanced": at_least(counts.min() / counts.max(), 0.5),
            "pixel_mean": between(mean, 5, 127),
            "pixel_deviation": between(deviation, 20, 127),
        },
    )


@dg.asset(group_name=GROUP, kinds={"torch", "numpy"}, check_specs=checks("train_digits", LOADED, BLOCKING))
def train_digits(raw_mnist: pd.DataFrame, data_set: DataSetResource):
    """Training images, uint8 (N, 28, 28), and their labels, uint8 (N,)."""
    return _read("train", raw_mnist, data_set)


@dg.asset(group_name=GROUP, kinds={"torch", "numpy"}, check_specs=checks("test_digits", LOADED, BLOCKING))
def test_digits(raw_mnist: pd.DataFrame, data_set: DataSetResource):
    """Test images, uint8 (N, 28, 28), and their labels, uint8 (N,); they train and tune nothing."""
    return _read("test", raw_mnist, data_set)


@dg.asset(group_name=GROUP, kinds={"numpy"})
def digit_images(train_digits: DigitSet, data_set: DataSetResource):
    """The first training image of each class, uint8 (10, 28, 28)."""
    from mnist_pipeline.report import figures

    names = data_set.class_names
    with stopwatch() as watch:
        images, means = datasets.first_of_each_class(train_digits), datasets.class_means(train_digits)
    return result(
        images,
        f"{len(images)} classes",
        seconds=watch.seconds,
        figures={
            "digits": figures.digit_row(images, names, "The first training image of each class"),
            "class_means": figures.digit_row(means, names, "The mean training image of each class"),
        },
    )


def not_in_training_of(prefix: str | None) -> dg.AssetChecksDefinition:
    """The check that no test image of a data set is a training image too."""

    @dg.asset_check(
        asset=data_sets.key_of(prefix, "test_digits"),
        additional_ins={"train_digits": dg.AssetIn(data_sets.key_of(prefix, "train_digits"))},
        description="A test image that was trained on tells nothing about images that were not.",
    )
    def not_in_training(test_digits: DigitSet, train_digits: DigitSet) -> dg.AssetCheckResult:
        """Count the test images that are, byte for byte, among the training images."""
        shared = datasets.num_shared_images(train_digits.images, test_digits.images)
        return dg.AssetCheckResult(
            passed=shared == 0,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"measured": shared, "at most": 0},
        )

    return not_in_training


not_in_training = not_in_training_of(None)


def data_directory_of(located: data_sets.Located) -> dg.AssetSpec:
    """The directory of a data set, which others write to."""
    return data_directory.replace_attributes(
        key=located.key("data_directory"), group_name=located.named(str(data_directory.group_name))
    )

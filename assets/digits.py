"""Raw files, and the digits read from them."""

import dagster as dg
import numpy as np
import pandas as pd

from assets import settings
from assets.results import result, stopwatch
from mnist_pipeline import datasets
from mnist_pipeline.datasets import CLASS_NAMES, DatasetError, DigitSet, Split

GROUP = "digits"


@dg.asset(group_name=GROUP, kinds={"file"})
def raw_mnist() -> dg.MaterializeResult[pd.DataFrame]:
    """The four IDX files as they lie in the data directory: names, sizes and SHA-256 checksums, verified."""
    configured = settings.load()
    with stopwatch() as watch:
        datasets.validate(configured.data, canonical=configured.canonical)
        files = pd.DataFrame(datasets.raw_files(configured.data))
    return result(
        files,
        f"{len(files)} files, {files['size'].sum() / 1e6:.1f} MB",
        seconds=watch.seconds,
        numbers={"directory": dg.MetadataValue.path(str(configured.data)), "canonical": configured.canonical},
        tables={"files": files},
    )


def _read(split: Split, raw_mnist: pd.DataFrame) -> dg.MaterializeResult[DigitSet]:
    from mnist_pipeline import figures

    configured = settings.load()
    with stopwatch() as watch:
        if not pd.DataFrame(datasets.raw_files(configured.data)).equals(raw_mnist):
            raise DatasetError(
                f"the files in {configured.data} are not those that raw_mnist recorded; materialize raw_mnist again"
            )
        digits = datasets.load_digits(configured.data, split, canonical=configured.canonical)
    counts = np.bincount(digits.labels, minlength=len(CLASS_NAMES))
    return result(
        digits,
        f"{len(digits.labels):,} images",
        seconds=watch.seconds,
        numbers={
            "count": len(digits.labels),
            "pixel_mean": float(digits.images.mean()),
            "pixel_deviation": float(digits.images.std()),
        },
        tables={"classes": pd.DataFrame({"class": CLASS_NAMES, "count": counts})},
        figures={"sample": figures.image_grid(digits.images[:40], columns=10, title=f"The first {split} images")},
    )


@dg.asset(group_name=GROUP, kinds={"torch", "numpy"})
def train_digits(raw_mnist: pd.DataFrame) -> dg.MaterializeResult[DigitSet]:
    """Training images, uint8 (N, 28, 28), and their labels, uint8 (N,)."""
    return _read("train", raw_mnist)


@dg.asset(group_name=GROUP, kinds={"torch", "numpy"})
def test_digits(raw_mnist: pd.DataFrame) -> dg.MaterializeResult[DigitSet]:
    """Test images, uint8 (N, 28, 28), and their labels, uint8 (N,); they train and tune nothing."""
    return _read("test", raw_mnist)


@dg.asset(group_name=GROUP, kinds={"numpy"})
def digit_images(train_digits: DigitSet) -> dg.MaterializeResult[np.ndarray]:
    """The first training image of each class, uint8 (10, 28, 28)."""
    from mnist_pipeline import figures

    with stopwatch() as watch:
        images = datasets.first_of_each_class(train_digits)
    return result(
        images,
        f"{len(images)} classes",
        seconds=watch.seconds,
        figures={"digits": figures.digit_row(images, CLASS_NAMES, "The first training image of each class")},
    )

"""The raw files, and the digits that are read from them."""

import dagster as dg
import numpy as np
import pandas as pd

from mnist_pipeline.data import catalogue, datasets, problems
from mnist_pipeline.data.split import Split
from mnist_pipeline.data.values import DigitSet, ImageKind, RawData, checksum
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.automation import OBSERVATION
from mnist_pipeline.runtime.graph.checks import blocking_checks
from mnist_pipeline.runtime.graph.event_log import DATA_DIRECTORY, file_metadata
from mnist_pipeline.runtime.graph.readers import READER
from mnist_pipeline.runtime.graph.resources import DataSetResource
from mnist_pipeline.runtime.graph.results import (
    CHECKSUM,
    DIRECTORY,
    ROW_COUNT,
    STORAGE,
    progress_of_reading,
    result,
    stopwatch,
)
from mnist_pipeline.utils.printable import count

GROUP = "digits"
REQUIRED = {
    "full_range_of_pixels": "Images that were scaled to 0–1 lose their grey levels as bytes. "
    "Largest grey level.",
    "every_class_present": "A class without images can be neither learned nor evaluated. Classes "
    "with images.",
}


@dg.multi_observable_source_asset(  # type: ignore[untyped-decorator]  # Dagster's has no types
    specs=[
        dg.AssetSpec(
            DATA_DIRECTORY,
            group_name=GROUP,
            kinds={"file"},
            description="The directory or file of the images, written by other programs. Its "
            "version is a checksum.",
            automation_condition=OBSERVATION,
        )
    ]
)
def data_directory(mnist_data: DataSetResource):
    """Observe the version of the files."""
    path = mnist_data.path
    version = checksum(datasets.reader_of(path).files())
    return dg.ObserveResult(
        data_version=dg.DataVersion(version), metadata=file_metadata(path, version)
    )


@dg.asset(
    io_manager_key=STORAGE, group_name=GROUP, kinds={"file"}, tags=READER, deps=[DATA_DIRECTORY]
)
def raw_mnist(mnist_data: DataSetResource):
    """The validated files with their SHA-256 checksums, the path of each picture, and the
    description of the data set.

    Folders have one row per split. Only the readers of the images depend on it, and the assets that
    name files.
    """
    path = mnist_data.path
    with stopwatch():
        raw = catalogue.read_raw(path, mnist_data.choices, progress_of_reading)
    files = pd.DataFrame(raw.files)
    # The tags record which version of the files was read: this step reads them without Dagster.
    return result(
        raw,
        f"{count(len(files), 'file')}, {files['size'].sum() / 1e6:.1f} MB",
        numbers={
            DIRECTORY: dg.MetadataValue.path(str(path)),
            CHECKSUM: raw.checksum,
        },
        tables={"files": files},
    )._replace(tags=mnist_data.observe(path, raw.checksum))


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"file"}, tags=READER)
def data_set(raw_mnist: RawData):
    """The description of the data set: its title, the names of its classes, the noun for what an
    image shows, and how pictures are converted.

    Every asset that names the data set or its classes reads the names from here.
    """
    with stopwatch():
        known = raw_mnist.data_set
    return result(
        known,
        f"{known.title}, {len(known.class_names)} classes",
        numbers={
            "title": known.title,
            "noun": known.noun,
            "classes": ", ".join(known.class_names),
            "color": known.color,
        },
    )


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"file"}, tags=READER)
def image_kind(raw_mnist: RawData):
    """Whether the images show handwriting, and whether they are MNIST's.

    Assets that train or draw without names read it, so that a new title retrains nothing.
    """
    with stopwatch():
        kind = raw_mnist.data_set.kind
    name = "MNIST" if kind.is_mnist else "handwriting" if kind.handwritten else "pictures"
    return result(kind, name)


def _digits_asset(split: Split, description: str) -> dg.AssetsDefinition:
    name = f"{split}_digits"

    @dg.asset(
        name=name,
        io_manager_key=STORAGE,
        group_name=GROUP,
        kinds={"numpy"},
        tags=READER,
        description=description,
        check_specs=blocking_checks(name, REQUIRED),
    )
    def digits(raw_mnist: RawData, mnist_data: DataSetResource):
        known, names = raw_mnist.data_set, raw_mnist.data_set.class_names
        path = mnist_data.path
        with stopwatch():
            loaded = datasets.load_digits(
                path, split, recorded=raw_mnist, on_read=progress_of_reading
            )
        images, labels = loaded
        counts = np.bincount(labels, minlength=len(names))
        return result(
            loaded,
            f"{len(labels):,} images",
            numbers={ROW_COUNT: len(labels)},
            tables={"classes": pd.DataFrame({"class": names, "count": counts})},
            figures={
                "sample": figures.image_grid(
                    known.shown(images[:40]),
                    columns=10,
                    title=f"The first {split} images",
                )
            },
            checks=problems.of_split(loaded, names),
        )

    return digits


train_digits = _digits_asset(
    "train",
    "Training images, uint8 (N, 28, 28) or, in colour, (N, 28, 28, 3), and their labels, uint8 "
    "(N,).",
)
test_digits = _digits_asset(
    "test",
    "Test images, uint8 (N, 28, 28) or, in colour, (N, 28, 28, 3), and their labels, uint8 (N,)."
    "\n\n"
    "Nothing is trained or tuned on them.",
)


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"numpy"}, tags=READER)
def test_images(test_digits: DigitSet):
    """The test images without their labels, uint8 (N, 28, 28) or, in colour, (N, 28, 28, 3).

    The models answer them, so that a corrected test label makes no model answer again.
    """
    with stopwatch():
        images = test_digits.images
    return result(images, f"{len(images):,} images", numbers={ROW_COUNT: len(images)})


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"numpy"})
def digit_images(train_digits: DigitSet, image_kind: ImageKind):
    """The first training image of each class, uint8 (n_classes, 28, 28) or, in colour,
    (n_classes, 28, 28, 3).
    """
    with stopwatch():
        images = datasets.first_of_each_class(train_digits)
    columns = min(10, len(images))
    return result(
        images,
        f"{len(images)} classes",
        figures={
            "digits": figures.image_grid(
                image_kind.shown(images),
                columns,
                train_digits.class_numbers,
                "The first training image of each class",
            )
        },
    )

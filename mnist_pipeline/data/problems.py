"""With what a data set can't be used: results would mean nothing."""

from collections.abc import Mapping, Sequence

import numpy as np

from mnist_pipeline.data.reader import Reader, SplitContent
from mnist_pipeline.data.split import Split
from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.utils.measured import Measured, at_least, exactly


def of_files(reader: Reader, contents: Mapping[Split, SplitContent]) -> list[str]:
    """Everything that the assets require of a data set, and that this one does not have.

    What `of_split` measures is not among it: these are checks of assets, which show them.
    """
    names, found = reader.class_names, []
    paths = [path for content in contents.values() for path in content.paths]
    files = [file.name for file in (reader.root, *reader.source.files)]
    bad = [name for name in (*names, *paths, *files) if not _is_storable(name)]
    if bad:
        found.append(
            f"the name {bad[0]!r} is not UTF-8 or has a carriage return, and can't be stored; "
            "rename it"
        )
    images = contents["train"].digits.images
    if (images == images[0]).all():
        found.append("all training images are equal, so there is nothing to learn; add others")
    return found


def _is_storable(name: str) -> bool:
    """Whether a name is the same in UTF-8, where bytes that are not text became surrogates, and in
    a table, whose reader takes a carriage return for the end of a row.
    """
    return "\r" not in name and name.encode(errors="ignore").decode() == name


def of_split(digits: DigitSet, class_names: Sequence[str]) -> dict[str, Measured]:
    """Measure what the images and labels of a split must have."""
    images, labels = digits
    counts = np.bincount(labels, minlength=len(class_names))
    absent = [name for name, count in zip(class_names, counts) if not count]
    lightest = int(images.max())
    return {
        "full_range_of_pixels": at_least(
            lightest,
            128,
            f"the lightest pixel has grey level {lightest} of 255; save grey levels up to 255",
        ),
        "every_class_present": exactly(
            len(class_names) - len(absent),
            len(class_names),
            f"there is no image of class {', '.join(absent[:5])}; add some, or remove the class",
        ),
    }

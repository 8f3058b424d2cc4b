"""Writing digits in each layout that the readers recognise."""

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mnist_pipeline.data.catalogue import read_raw
from mnist_pipeline.data.datasets import DatasetError, load_digits
from mnist_pipeline.data.decoding import GREY, Levels, decode, grey_levels, opened
from mnist_pipeline.data.idx import FILE_NAMES
from mnist_pipeline.data.split import Split
from mnist_pipeline.data.values import DigitSet
from support.idx import write_idx

Sets = Mapping[str, DigitSet]
NAMES = tuple(map(str, range(10)))


def assert_digits(root: Path, split: Split, expected: DigitSet) -> None:
    """A split at a path has exactly these images with their labels, in any order."""
    for found, array in zip(in_order(load_digits(root, split)), in_order(expected), strict=True):
        np.testing.assert_array_equal(found, array, strict=True)


def in_order(digits: DigitSet) -> DigitSet:
    """The images in the order of their pixels."""
    order = sorted(range(len(digits.labels)), key=lambda index: bytes(digits.images[index]))
    return DigitSet(digits.images[order], digits.labels[order])


def assert_refused(root: Path, named: str) -> None:
    """A data set can't be read, for a reason in one line that names the path and the problem."""
    with pytest.raises(DatasetError, match=named) as caught:
        read_raw(root)
    message = str(caught.value)
    assert str(root) in message
    assert message.isprintable()
    assert len(message.replace(str(root), "")) < 400


def encoded(image: np.ndarray | Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    """An image as the content of a file."""
    picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    picture.save(file := io.BytesIO(), file_format, **options)
    return file.getvalue()


def read_levels(source: Path | bytes) -> Levels:
    """The grey levels of a picture, a file or its content."""
    with opened(source) as content:
        return grey_levels(decode(content, GREY)[0])


def write_folders(root: Path, sets: Sets, names: tuple[str, ...] = NAMES) -> Path:
    """A folder of PNG per class, below a folder per split; `root` itself for a split named ''."""
    for split, digits in sets.items():
        for name in names:
            (root / split / name).mkdir(parents=True, exist_ok=True)
        for number, (image, label) in enumerate(zip(*digits, strict=True)):
            (root / split / names[label] / f"{number:05}.png").write_bytes(
                encoded(image, compress_level=1)
            )
    return root


def write_npz(path: Path, sets: Sets) -> Path:
    """An archive with the names that Keras uses; `images` and `labels` for a split named ''."""
    arrays: dict[str, np.ndarray] = {}
    for split, (images, labels) in sets.items():
        names = (f"x_{split}", f"y_{split}") if split else ("images", "labels")
        arrays |= dict(zip(names, (images, labels), strict=True))
    np.savez_compressed(path, **arrays)
    return path


def picture_table(digits: DigitSet, names: tuple[str, ...] = NAMES) -> pa.Table:
    """A table of encoded pictures as Hugging Face publishes it."""
    pictures = [
        {"bytes": encoded(image, compress_level=1), "path": None} for image in digits.images
    ]
    table = pa.table(
        {
            "image": pa.array(pictures, pa.struct({"bytes": pa.binary(), "path": pa.string()})),
            "label": pa.array(digits.labels.tolist(), pa.int64()),
        }
    )
    features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    return table.replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )


def write_parquet(root: Path, sets: Sets, names: tuple[str, ...] = NAMES) -> Path:
    """A file per split."""
    root.mkdir(parents=True, exist_ok=True)
    for split, digits in sets.items():
        pq.write_table(
            picture_table(digits, names),
            root / f"{split}-00000-of-00001.parquet",
            row_group_size=100,
        )
    return root


def pixel_table(digits: DigitSet) -> pd.DataFrame:
    """A row per image, as on Kaggle: `label,pixel0…pixel783`."""
    pixels = digits.images.reshape(len(digits.images), -1)
    names = [f"pixel{number}" for number in range(pixels.shape[1])]
    return pd.DataFrame(pixels, columns=names).assign(label=digits.labels)[["label", *names]]


def write_csv(root: Path, sets: Sets) -> Path:
    """A file of pixels per split."""
    root.mkdir(parents=True, exist_ok=True)
    for split, digits in sets.items():
        pixel_table(digits).to_csv(root / f"mnist_{split or 'all'}.csv", index=False)
    return root


def write_listing(root: Path, sets: Sets) -> Path:
    """A list of pictures per split, beside a folder of these."""
    for split, digits in sets.items():
        folder = f"{split}_pictures"
        (root / folder).mkdir(parents=True)
        files = [f"{folder}/{number:05}.png" for number in range(len(digits.labels))]
        for file, image in zip(files, digits.images, strict=True):
            (root / file).write_bytes(encoded(image))
        table = pd.DataFrame({"label": digits.labels, "file": files})
        table.to_csv(root / f"{split or 'all'}.csv", index=False)
    return root


# Write a further layout here; see docs/add-a-layout.md.

Written = tuple[Callable[[Path, Sets], Path], str]
# How sets are written into a directory, and one of the files.
LAYOUTS: dict[str, Written] = {
    "folders": (write_folders, "train/0/00000.png"),
    "npz": (lambda root, sets: write_npz(root / "a.npz", sets), "a.npz"),
    "parquet": (write_parquet, "train-00000-of-00001.parquet"),
    "csv": (write_csv, "mnist_train.csv"),
    "listing": (write_listing, "train.csv"),
    # Add a layout here.
}
# With those that always have a training and a test set, which have names of their own.
ALL_LAYOUTS: dict[str, Written] = {
    **LAYOUTS,
    "idx": (lambda root, sets: write_idx(root, *sets.values(), compress=False), FILE_NAMES[0]),
    "gz": (lambda root, sets: write_idx(root, *sets.values()), f"{FILE_NAMES[1]}.gz"),
}

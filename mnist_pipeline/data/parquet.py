"""Reading Parquet files like those of Hugging Face, with the columns `image` and `label`."""

import functools
import importlib.util
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.conversion import Fit, convert
from mnist_pipeline.data.errors import DatasetError, ImageError
from mnist_pipeline.data.reader import SPLITS, Loaded, Source, describe, files_with_suffix
from mnist_pipeline.utils import places


def find(root: Path) -> Source | None:
    """The source at a Parquet file, or at a directory with such files, directly or in `data/`.

    The names of the files of a split begin with `train` or `test`; otherwise all files are one set.
    Any other path is not a source: None.
    """
    paths = files_with_suffix(root, ".parquet") or files_with_suffix(root / "data", ".parquet")
    if not paths:
        return None
    if importlib.util.find_spec("pyarrow") is None:
        raise DatasetError(
            f"{paths[0]} needs pyarrow; install it with {places.pip_install('pyarrow')}"
        )
    by_split = {split: [path for path in paths if path.name.startswith(split)] for split in SPLITS}
    if not all(by_split.values()):
        by_split = {"train": paths}
    return Source(
        "Parquet files",
        lambda: [describe(path) for path in paths],
        {split: functools.partial(_load, own) for split, own in by_split.items()},
        _convert,
        lambda: _names(paths[0]),
    )


def _load(paths: list[Path]) -> Loaded:
    """The encoded pictures and the labels in these files."""
    # Imported here, because `predict` imports this module, and pandas takes a third of a second.
    import pandas as pd

    with _damage_named(paths[0].parent):
        tables = [pd.read_parquet(path, engine="pyarrow") for path in paths]
    table = pd.concat(tables)
    if not {"image", "label"}.issubset(table):
        raise DatasetError(
            f"{paths[0]} has the columns {', '.join(map(str, table))}; name the pictures image, "
            "and the labels label"
        )
    labels = np.array(table["label"].tolist())
    if labels.dtype.kind not in "iuU":
        raise DatasetError(
            f"{paths[0]}: the column label is {labels.dtype}, or has empty cells; labels must be "
            "integers or texts"
        )
    return table["image"].tolist(), labels


def _convert(cell: Any, fit: Fit) -> tuple[NDArray[np.uint8], str]:
    content = cell.get("bytes") if isinstance(cell, dict) else cell
    if not isinstance(content, bytes):
        raise ImageError(
            "is not an encoded picture (bytes, or a struct with bytes); remove its row"
        )
    return convert(content, fit)


def _names(path: Path) -> Sequence[str]:
    """The names of the classes in the metadata that Hugging Face writes."""
    import pyarrow.parquet as pq

    with _damage_named(path):
        metadata = pq.read_schema(path).metadata or {}
        features = (
            json.loads(metadata.get(b"huggingface", "{}")).get("info", {}).get("features", {})
        )
        names: Sequence[str] = features.get("label", {}).get("names") or ()
        return names


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # pyarrow raises anything for a damaged file
        raise DatasetError(f"{path} is damaged: {error}; fetch or save the file again") from error

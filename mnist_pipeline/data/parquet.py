"""Reading Parquet files in Hugging Face's form, with the columns `image` and `label`."""

import functools
import importlib.util
import json
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from PIL import Image

from mnist_pipeline.data import source
from mnist_pipeline.data.decoding import Draft, decode
from mnist_pipeline.data.errors import DatasetError, ImageError
from mnist_pipeline.data.split import Names, by_split
from mnist_pipeline.utils import directories
from mnist_pipeline.utils.printable import shortened

BATCH = 100  # rows that are read at once


def find(root: Path) -> source.Source | None:
    """The source at a Parquet file, or at a directory with such files, directly or in `data/`.

    Any other path is not a source: None.
    """
    paths = source.files_with_suffix(root, ".parquet")
    paths = paths or source.files_with_suffix(root / "data", ".parquet")
    if not paths:
        return None
    if importlib.util.find_spec("pyarrow") is None:
        raise DatasetError(
            f"{paths[0]} needs pyarrow; install it with {directories.pip_install('pyarrow')}"
        )
    directory = paths[0].parent
    return source.Source(
        title="Parquet files",
        files=paths,
        groups=by_split([path.name for path in paths]),
        load=functools.partial(_load, directory),
        decode=_decode,
        are_files=False,
        names=_names(paths[0]),
    )


def _load(directory: Path, names: Names) -> source.Loaded:
    """The encoded pictures and the labels in these files."""
    import pyarrow.parquet as pq

    first = directory / names[0]
    with source.damage_named(directory):
        columns = pq.read_schema(first).names
        if not {"image", "label"}.issubset(columns):
            raise DatasetError(
                f"{first} has the columns {shortened(', '.join(columns))}; name the pictures "
                "image, and the labels label"
            )
        pictures: list[bytes] = []
        labels: list[Any] = []
        num_bytes, paths = 0, [directory / name for name in names]
        most = source.LARGEST + sum(path.stat().st_size for path in paths)
        for batch in chain(*map(_batches, paths)):
            num_bytes += batch.nbytes
            if num_bytes > most:
                raise DatasetError(
                    f"{directory} has more than {most:,} bytes of pictures; keep fewer images"
                )
            pictures += map(_content, batch["image"].to_pylist())
            labels += batch["label"].to_pylist()
        return source.Loaded(pictures, source.check_labels(labels, f"{first}: label"))


def _batches(path: Path) -> Iterator[Any]:
    """The rows of a file, a few at a time, because a column may repeat a large picture."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(BATCH, columns=["image", "label"])


def _content(cell: Any) -> bytes:
    """The encoded picture in a cell; empty if there is none."""
    content = cell.get("bytes") if isinstance(cell, dict) else cell
    return content if isinstance(content, bytes) else b""


def _decode(content: bytes, draft: Draft) -> tuple[Image.Image, str]:
    if not content:
        raise ImageError(
            "is not an encoded picture (bytes, or a struct with bytes); remove its row"
        )
    return decode(content, draft)


def _names(path: Path) -> Sequence[str]:
    """The names of the classes in the metadata that Hugging Face writes; empty without such."""
    import pyarrow.parquet as pq

    with source.damage_named(path):
        metadata = pq.read_schema(path).metadata or {}
        try:
            names = json.loads(metadata[b"huggingface"])["info"]["features"]["label"]["names"]
        except (KeyError, TypeError, ValueError):
            return ()
    are_texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return names if are_texts else ()

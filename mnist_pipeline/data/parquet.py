"""Reading Parquet files as Hugging Face publishes data sets: a column of encoded pictures, and a column of labels."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.conversion import IMAGE_SIDE, convert
from mnist_pipeline.data.errors import DatasetError, ImageError
from mnist_pipeline.data.files import RawFile, is_directory
from mnist_pipeline.data.reader import (
    MAX_CLASSES,
    MAX_EXPANSION,
    UNSUSPICIOUS_BYTES,
    Part,
    Reader,
    Split,
    check_names,
    check_size,
    files_with_suffix,
    read_at_random,
)
from mnist_pipeline.utils import places

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

BATCH_ROWS = 4  # pictures in memory at a time; a file can repeat a large one at no cost
IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMNS = ("label", "labels", "class", "target", "fine_label")


class Table(NamedTuple):
    """An open file: what it is, its columns, and the names of the classes in its metadata."""

    path: Path
    file: RawFile
    content: "ParquetFile"
    image: str  # with `.bytes` for a struct
    label: str
    names: tuple[str, ...] | None

    def batches(self, column: str, rows: int) -> "Iterator[pa.DictionaryArray | pa.Array]":
        """The values of a column, a few rows at a time."""
        import pyarrow as pa

        for batch in self.content.iter_batches(rows, columns=[column], use_threads=False):
            array = batch.column(0)
            array = array.field(0) if pa.types.is_struct(array.type) else array
            if array.null_count:
                raise DatasetError(f"{self.path}: the column {column} has empty cells; remove these rows")
            yield array


class Parquet(Reader):
    """Reads Parquet files whose names begin with `train` and `test`, or all Parquet files as one set to be split."""

    title = "Parquet files"

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Whether the path is a Parquet file, or a directory with such files, also in its folder `data`."""
        return bool(_paths(root))

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names in classes.txt or in the metadata of the files, or the different labels."""
        return self._numbered[0]

    def files(self) -> list[RawFile]:
        """Name, size and SHA-256 of each file."""
        described = []
        for path in (path for paths in self._parts.values() for path in paths):
            with read_at_random(path) as (_, file):
                described.append(file)
        return described

    def read(self, split: Split) -> Part:
        """Read the pictures of a split, a few at a time."""
        names, labels = self._numbered
        rows = self.split_rows(labels["train"], names) if len(labels) == 1 else None
        source: Split = split if rows is None else "train"
        kept = np.arange(len(labels[split])) if rows is None else rows[split]
        places = np.full(len(labels[source]), -1)
        places[kept] = np.arange(len(kept))
        images, kinds, files = np.empty((len(kept), IMAGE_SIDE, IMAGE_SIDE), np.uint8), Counter[str](), []
        row = 0
        for path in self._parts[source]:
            with _opened(path) as table:
                for batch in table.batches(table.image, BATCH_ROWS):
                    for value in batch:
                        if row < len(places) and places[row] >= 0:
                            try:
                                images[places[row]], kind = convert(value.as_py(), self.description.fit)
                            except ImageError as error:
                                raise DatasetError(f"{path}: the picture in row {row:,} {error}") from error
                            kinds[kind] += 1
                        row += 1
            files.append(table.file)
        if row != len(places):
            raise DatasetError(f"{self.root} has changed while it was read; read it again when it is complete")
        return Part(images, labels[source][kept], files, kinds)

    @cached_property
    def _parts(self) -> Mapping[Split, list[Path]]:
        """The files of each split, or all of them as `train` if they do not come in two splits."""
        paths = _paths(self.root)
        of_train, of_test = ([path for path in paths if path.name.startswith(split)] for split in ("train", "test"))
        return {"train": of_train, "test": of_test} if of_train and of_test else {"train": paths}

    @cached_property
    def _numbered(self) -> tuple[tuple[str, ...], dict[Split, NDArray[np.uint8]]]:
        values: dict[Split, NDArray[np.generic]] = {}
        names = self.listed_names
        for split, paths in self._parts.items():
            labels = []
            for path in paths:
                with _opened(path) as table:
                    labels += [value for batch in table.batches(table.label, 1 << 16) for value in _labels(path, batch)]
                    names = names or table.names
            values[split] = np.array(labels)
        return self.numbered(values, names)


def _paths(root: Path) -> list[Path]:
    in_folder = files_with_suffix(root / "data", ".parquet") if is_directory(root / "data") else []
    return files_with_suffix(root, ".parquet") or in_folder


@contextmanager
def _opened(path: Path) -> Iterator[Table]:
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise DatasetError(f"{path} needs pyarrow; install it with {places.pip_install('parquet')}") from error
    with read_at_random(path) as (file, described):
        schema = pq.read_schema(file)
        image, label = _columns(path, schema)
        # Labels as a dictionary, so that a text which the file repeats at no cost takes memory once.
        content = pq.ParquetFile(file, buffer_size=1 << 16, pre_buffer=False, read_dictionary=[label])
        metadata = content.metadata
        check_size(path, metadata.num_rows, 0, described.size)
        for group in range(metadata.num_row_groups):
            size = metadata.row_group(group).total_byte_size
            if size > max(UNSUSPICIOUS_BYTES, MAX_EXPANSION * described.size):
                raise DatasetError(
                    f"{path} is made to fill the memory: it announces {size:,} bytes, and is {described.size:,} bytes "
                    "long; fetch the file again"
                )
        yield Table(path, described, content, image, label, _names(path, schema, label))


def _columns(path: Path, schema: "pa.Schema") -> tuple[str, str]:
    """The columns of the pictures and of the labels: the only ones of their type, or those with the usual names."""
    import pyarrow as pa

    def is_bytes(kind: Any) -> bool:
        return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)

    def is_label(kind: Any) -> bool:
        return pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)

    images, labels = {}, []
    for field in schema:
        if is_bytes(field.type):
            images[field.name] = field.name
        elif pa.types.is_struct(field.type) and any(
            inner.name == "bytes" and is_bytes(inner.type) for inner in field.type
        ):
            images[field.name] = f"{field.name}.bytes"
        elif is_label(field.type):
            labels.append(field.name)
    image = _chosen(list(images), IMAGE_COLUMNS)
    label = _chosen(labels, LABEL_COLUMNS)
    if image is None or label is None:
        needed = "of pictures (bytes, or a struct with bytes)" if image is None else "of labels (integers or texts)"
        raise DatasetError(
            f"{path} has no column {needed}, or several; it has {', '.join(schema.names) or 'no columns'}: name one "
            f"of them {(IMAGE_COLUMNS if image is None else LABEL_COLUMNS)[0]}"
        )
    return images[image], label


def _chosen(present: list[str], usual: tuple[str, ...]) -> str | None:
    named = [name for name in usual if name in present]
    return named[0] if named else present[0] if len(present) == 1 else None


def _labels(path: Path, batch: "pa.Array") -> list[Any]:
    import pyarrow as pa

    if not pa.types.is_dictionary(batch.type):
        return list(batch.to_pylist())
    if len(batch.dictionary) > MAX_CLASSES:
        raise DatasetError(f"{path} has more than {MAX_CLASSES} different labels; there must be 2 to {MAX_CLASSES}")
    values = batch.dictionary.to_pylist()
    return [values[place] for place in batch.indices.to_pylist()]


def _names(path: Path, schema: "pa.Schema", label: str) -> tuple[str, ...] | None:
    """The names of the classes in the metadata that Hugging Face writes."""
    written = (schema.metadata or {}).get(b"huggingface")
    if written is None:
        return None
    try:
        names = json.loads(written)["info"]["features"][label].get("names")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    is_list = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return check_names(names, path) if is_list else None

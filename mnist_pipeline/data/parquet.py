"""Reading Parquet files as Hugging Face publishes data sets: a column of encoded pictures, and a column of labels."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnist_pipeline.data.conversion import convert
from mnist_pipeline.data.errors import DatasetError, ImageError
from mnist_pipeline.data.reader import Items, Labels, Reader, Split, check_names, files_with_suffix
from mnist_pipeline.utils import places

if TYPE_CHECKING:
    import pyarrow as pa

IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMNS = ("label", "labels", "class", "target", "fine_label")


class Parquet(Reader):
    """Reads Parquet files whose names begin with `train` and `test`, or all Parquet files as one set to be split."""

    title = "Parquet files"

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Whether the path is a Parquet file, or a directory with such files, also in its folder `data`."""
        return bool(_paths(root))

    def paths(self) -> list[Path]:
        """All Parquet files, those of the training set first."""
        return [path for paths in self._paths_by_split.values() for path in paths]

    def parts(self) -> Mapping[Split, tuple[Items, Labels]]:
        """The encoded pictures of each split, and the labels."""
        found: dict[Split, tuple[Items, Labels]] = {}
        for split, paths in self._paths_by_split.items():
            columns = [_columns(path, self._tables[path].to_pandas()) for path in paths]
            pictures, labels = (pd.concat(each) for each in zip(*columns, strict=True))
            found[split] = (pictures.tolist(), np.array(labels.tolist()))
        return found

    def converted(self, item: Any) -> tuple[NDArray[np.uint8], str]:
        """An encoded picture as 28×28 grey levels, and its size and mode."""
        content = item["bytes"] if isinstance(item, dict) else item
        if not isinstance(content, bytes):
            raise ImageError("is an empty cell; remove its row")
        return convert(content, self.description.fit)

    @property
    def own_names(self) -> tuple[str, ...] | None:
        """The names in classes.txt, or in the metadata that Hugging Face writes."""
        if self.listed_names:
            return self.listed_names
        for path, table in self._tables.items():
            written = json.loads((table.schema.metadata or {}).get(b"huggingface", "{}"))
            for feature in written.get("info", {}).get("features", {}).values():
                if names := feature.get("names"):
                    return check_names(names, path)
        return None

    @cached_property
    def _paths_by_split(self) -> Mapping[Split, list[Path]]:
        """The files of each split, or all of them as `train` if they do not come in two splits."""
        paths = _paths(self.root)
        of_train, of_test = ([path for path in paths if path.name.startswith(split)] for split in ("train", "test"))
        return {"train": of_train, "test": of_test} if of_train and of_test else {"train": paths}

    @cached_property
    def _tables(self) -> "dict[Path, pa.Table]":
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError as error:
            raise DatasetError(f"{self.root} needs pyarrow; install it with {places.pip_install('parquet')}") from error
        tables = {}
        for path in self.paths():
            try:
                tables[path] = pq.read_table(path, partitioning=None)
            except (OSError, pa.ArrowException) as error:
                raise DatasetError(f"{path} is damaged: {error}; fetch or save the file again") from error
        return tables


def _paths(root: Path) -> list[Path]:
    return files_with_suffix(root, ".parquet") or files_with_suffix(root / "data", ".parquet")


def _columns(path: Path, frame: pd.DataFrame) -> "tuple[pd.Series[Any], pd.Series[Any]]":
    """The columns of the pictures and of the labels: the only ones of their type, or those with the usual names."""
    first = frame.iloc[0] if len(frame) else {}
    pictures = [name for name, value in first.items() if isinstance(value, (bytes, dict))]
    labels = [name for name, value in first.items() if isinstance(value, (str, int, np.integer))]
    picture, label = _chosen(pictures, IMAGE_COLUMNS), _chosen(labels, LABEL_COLUMNS)
    if picture is None or label is None:
        needed = "of pictures (bytes, or a struct with bytes)" if picture is None else "of labels (integers or texts)"
        raise DatasetError(
            f"{path} has no column {needed}, or several; it has {', '.join(frame) or 'no columns'} with "
            f"{len(frame):,} rows: name one of them {(IMAGE_COLUMNS if picture is None else LABEL_COLUMNS)[0]}"
        )
    if frame[label].isna().any():
        raise DatasetError(f"{path}: the column {label} has empty cells; remove these rows")
    return frame[picture], frame[label]


def _chosen(present: list[str], usual: tuple[str, ...]) -> str | None:
    named = [name for name in usual if name in present]
    return named[0] if named else present[0] if len(present) == 1 else None

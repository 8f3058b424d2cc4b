"""The result of an asset for Dagster, from a value, its figures, its numbers and its checks.

Assets have no return annotation: Dagster would read it as the annotation of several outputs if the
asset has checks.
"""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import dagster as dg
import numpy as np
import pandas as pd
from PIL.Image import Image

from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.checks import check_results, rounded
from mnist_pipeline.runtime.graph.event_log import FAILED_CHECK
from mnist_pipeline.runtime.graph.io_manager import OUTPUT, manager_of_step
from mnist_pipeline.runtime.graph.resources import Seed, step_context
from mnist_pipeline.runtime.project import FIGURES
from mnist_pipeline.runtime.storage.storage import stored_key, version_of
from mnist_pipeline.utils import memory
from mnist_pipeline.utils.measured import Measured

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STORAGE = "mnist_storage"  # the key of the IO manager of this project
HEADLINE = "headline"
CHECKSUM = "checksum"  # metadata of `raw_mnist`: the SHA-256 of the checksums of its files
DIRECTORY = "directory"  # metadata of `raw_mnist`: where its files are
SECONDS = "seconds"  # metadata: the wall time of the method
ROW_COUNT = "dagster/row_count"  # Dagster plots this metadata over time
MAX_TABLE_ROWS = 20
MAX_MESSAGES = 5  # of a training


@contextmanager
def stopwatch() -> Iterator[None]:
    """Measure a method, without the figures, checksums and storage around it. Dagster adds its
    `seconds` to the metadata of the output.

    If memory is short, a ShortageError says what to do.
    """
    start = time.perf_counter()
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        if memory.is_shortage(error) and not isinstance(error, memory.ShortageError):
            raise memory.shortage(str(error)) from error
        raise
    if context := step_context():
        seconds = round(time.perf_counter() - start, 4)
        context.add_output_metadata({SECONDS: seconds}, output_name=OUTPUT)


def result(
    value: Any,
    headline: str,
    *,
    numbers: Mapping[str, Any] = {},
    tables: Mapping[str, pd.DataFrame] = {},
    figures: Mapping[str, Figure | Image] = {},
    config: dg.Config | None = None,
    seed: Seed | None = None,
    checks: Mapping[str, Measured] = {},
) -> dg.MaterializeResult[Any]:
    """The result of an asset: its value, which any IO manager can store, metadata and checks.

    In a run, the data version is the version that the value gets in the storage. If
    `StorageIOManager` stores the value, its figures are stored here. `headline` is the most
    important number, in a few words, which the command line prints. The metadata has 20 rows of
    each table, and a small preview of each figure (a Figure, or an Image).
    """
    context, version = step_context(), None
    metadata: dict[str, Any] = {HEADLINE: headline}
    pictures: dict[str, bytes] = {}
    for name, figure in figures.items():
        pictures[name], metadata[name] = _drawn(name, figure, context)
    for name, number in numbers.items():
        is_float = isinstance(number, float | np.floating)
        metadata[name] = rounded(float(number)) if is_float else number
    metadata |= {name: _table(table) for name, table in tables.items()}
    if isinstance(value, pd.DataFrame):
        metadata |= {"dagster/column_schema": _schema(value), ROW_COUNT: len(value)}
    if config is not None:
        metadata["config"] = dg.MetadataValue.json(config.model_dump(mode="json"))
    if seed is not None:
        metadata["seed"] = seed.number
    if context:
        key, manager = _key(context), manager_of_step()
        version = manager.prepare(key, value, pictures) if manager else version_of(key, value)
        blocking = {spec.name for spec in context.assets_def.check_specs if spec.blocking}
        failed = [name for name in checks if name in blocking and not checks[name].passed]
        if failed:
            metadata[FAILED_CHECK] = ", ".join(failed)
    return dg.MaterializeResult(
        value=value,
        metadata=metadata,
        data_version=dg.DataVersion(version) if version else None,
        check_results=list(check_results(checks)),
    )


def progress(epoch: int, epochs: int, **figures: float) -> None:
    """Log what a training measured in an epoch, at most `MAX_MESSAGES` times: each message is an
    event in Dagster.
    """
    if epoch % math.ceil(epochs / MAX_MESSAGES) and epoch != epochs:
        return
    text = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in figures.items())
    dg.get_dagster_logger().info(f"epoch {epoch}/{epochs}: {text}")


def progress_of_reading(num_read: int, total: int) -> None:
    """Log how many images are read."""
    dg.get_dagster_logger().info(f"{num_read:,} of {total:,} images")


def _drawn(
    name: str, figure: Figure | Image, context: dg.AssetExecutionContext | None
) -> tuple[bytes, dg.MarkdownMetadataValue]:
    """A figure as PNG, and the metadata that shows a small preview, which the UI links to the
    figure.
    """
    image = figure if isinstance(figure, Image) else figures.rendered(figure)
    preview = base64.b64encode(figures.preview(image)).decode()
    shown = f"![{name}](data:image/png;base64,{preview})"
    # The server of this project has the figures of the plain graph, whose keys have no prefix.
    if context and len(context.asset_key.path) == 1:
        # A browser decodes a path once, and a key may contain escapes.
        shown = f"[{shown}]({FIGURES}/{quote(_key(context))}/{name}.png)"
    return figures.encoded(image), dg.MetadataValue.md(shown)


def _key(context: dg.AssetExecutionContext) -> str:
    """The key under which the asset or partition that runs is stored."""
    partition = context.partition_key if context.has_partition_key else None
    return stored_key(context.asset_key.path[-1], partition)


def _table(table: pd.DataFrame) -> dg.TableMetadataValue:
    """The first rows of a table, floats with six digits."""
    rows = table.head(MAX_TABLE_ROWS).to_dict("records")
    records = [
        dg.TableRecord({str(k): rounded(v) if isinstance(v, float) else v for k, v in row.items()})
        for row in rows
    ]
    return dg.MetadataValue.table(records, _schema(table))


def _schema(table: pd.DataFrame) -> dg.TableSchema:
    columns = [dg.TableColumn(str(name), str(dtype)) for name, dtype in table.dtypes.items()]
    return dg.TableSchema(columns)

"""From a value, its figures and its numbers to Dagster's result: previews, files, versions, metadata.

Assets have no return annotation: where one carries checks, Dagster takes any as that of several outputs.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd

from mnist_pipeline.runtime.graph import data_sets
from mnist_pipeline.runtime.graph.checks import Measured, check_results
from mnist_pipeline.runtime.graph.io_manager import encode
from mnist_pipeline.runtime.graph.records import SECONDS
from mnist_pipeline.runtime.graph.seed import Seed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADLINE = "headline"
ROW_COUNT = "dagster/row_count"  # the rows of a value, which Dagster draws over time
EPOCH = "mnist_pipeline_epoch"  # the attribute of a log record: number of the epoch, number of epochs, figures
MAX_TABLE_ROWS = 20


class Stopwatch:
    """Wall time of a method, in seconds."""

    seconds = 0.0


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Time the method apart from figures, checksums and storage around it."""
    watch = Stopwatch()
    start = time.perf_counter()
    yield watch
    watch.seconds = time.perf_counter() - start


def result(
    value: Any,
    headline: str,
    *,
    seconds: float,
    numbers: Mapping[str, Any] | None = None,
    tables: Mapping[str, pd.DataFrame] | None = None,
    figures: Mapping[str, Figure | bytes] | None = None,
    config: dg.Config | None = None,
    seed: Seed | None = None,
    checks: Mapping[str, Measured] | None = None,
) -> dg.MaterializeResult[Any]:
    """What an asset returns.

    Parameters
    ----------
    value : object
        What is stored.
    headline : str
        The one telling figure, in a few words; shown by the command line as the asset finishes.
    seconds : float
        Wall time of the method.
    numbers : mapping from name to number or str
        Further metadata.
    tables : mapping from name to DataFrame
        Shown as tables, at most 20 rows of each.
    figures : mapping from name to Figure, or to bytes of a PNG
        Drawn once: a small preview into the metadata, the full picture into a file stored with the value.
    config : Config
        What the step was run with.
    seed : Seed
        What its random draws began from.
    checks : mapping from name to Measured
        What the checks of the asset measured.

    Returns
    -------
    MaterializeResult
        With the value itself, which any IO manager can store. In a run the data version is the SHA-256 of the stored
        form of the value, and `StorageIOManager` stores the figures with it.
    """
    context = data_sets.step_context()
    metadata: dict[str, Any] = {HEADLINE: headline}
    pictures: dict[str, bytes] = {}
    for name, figure in (figures or {}).items():
        pictures[name], metadata[name] = _drawn(name, figure)
    metadata |= {SECONDS: round(seconds, 4), **(numbers or {})}
    for name, table in (tables or {}).items():
        metadata[name] = _table(table)
    if isinstance(value, pd.DataFrame):
        metadata |= {"dagster/column_schema": _schema(value), ROW_COUNT: len(value)}
    if config is not None:
        metadata["config"] = dg.MetadataValue.json(config.model_dump(mode="json"))
    if seed is not None:
        metadata["seed"] = seed.value
    return dg.MaterializeResult(
        value=value,
        metadata=metadata,
        data_version=dg.DataVersion(encode(context, value, pictures).data_version) if context else None,
        check_results=list(check_results(checks or {})),
    )


def progress(epoch: int, epochs: int, **figures: float) -> None:
    """Log what a training measured in an epoch."""
    text = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
    dg.get_dagster_logger().info(f"epoch {epoch}/{epochs}: {text}", extra={EPOCH: (epoch, epochs, text)})


def _drawn(name: str, figure: Figure | bytes) -> tuple[bytes, dg.MarkdownMetadataValue]:
    """A figure as PNG, and the metadata that shows a small preview."""
    from mnist_pipeline.report import figures

    image = figure if isinstance(figure, bytes) else figures.rendered(figure)
    picture = image if isinstance(image, bytes) else figures.encoded(image)
    preview = base64.b64encode(figures.preview(image)).decode()
    return picture, dg.MetadataValue.md(f"![{name}](data:image/png;base64,{preview})")


def _table(table: pd.DataFrame) -> dg.TableMetadataValue:
    rows = table.head(MAX_TABLE_ROWS).astype(object).to_dict("records")
    records = [dg.TableRecord({str(k): _plain(v) for k, v in row.items()}) for row in rows]
    # Dagster infers the columns from the first row, and wants to be told where there is none.
    schema = None if rows else dg.TableSchema([dg.TableColumn(str(name)) for name in table.columns])
    return dg.MetadataValue.table(records, schema)


def _schema(table: pd.DataFrame) -> dg.TableSchema:
    return dg.TableSchema([dg.TableColumn(str(name), str(dtype)) for name, dtype in table.dtypes.items()])


def _plain(value: object) -> str | int | float | bool | None:
    """A table cell as Dagster takes it: NumPy scalars become Python's, floats have six digits."""
    item = value.item() if hasattr(value, "item") else value
    if isinstance(item, float):
        return float(f"{item:.6g}")
    return item if isinstance(item, str | int | float | bool) or item is None else str(item)

"""The values of the finished run that the report shows, and the document of their numbers."""

from pathlib import Path
from typing import Any

import pytest

from mnist_pipeline.data.catalogue import MNIST
from mnist_pipeline.evaluation import scores
from mnist_pipeline.models import MODELS
from mnist_pipeline.report import document
from mnist_pipeline.report.document import Values
from mnist_pipeline.runtime.storage.storage import Storage

UNKNOWN = dict.fromkeys(
    ("run_id", "data_version", "code_version", "seconds", "config", "seed", "recipe", "adaptation", "losses", "reason")
)
PARTS = [asset for model in MODELS.values() for asset in (model.model_asset, model.predictions_asset)]


@pytest.fixture(scope="package")
def values(finished_run: tuple[Any, Path]) -> Values:
    """The values that the asset collects."""
    read = Storage(str(finished_run[1])).read
    known = {"run_id": "9" * 36, "data_version": "abcdef" * 10, "code_version": "1f" * 8, "seconds": 0.375}
    return Values(
        **{name: read(name) for name in Values._fields[: Values._fields.index("models")]},
        models={name: read(model.model_asset) for name, model in MODELS.items() if model.has_learning_curves},
        predictions={name: read(model.predictions_asset) for name, model in MODELS.items()},
        evaluations={name: read(model.evaluation_asset) for name, model in MODELS.items()},
        data_set=MNIST,
        run={"id": "0f3a" * 9, "started": "2026-03-04T05:06:07+00:00", "source": "MNIST", "canonical": True},
        assets={**dict.fromkeys(PARTS, UNKNOWN), **{key: {**UNKNOWN, **known} for key in PARTS[:2]}},
    )


@pytest.fixture(scope="package")
def composed(values: Values) -> dict[str, Any]:
    return document.compose(values)

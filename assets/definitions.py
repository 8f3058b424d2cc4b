"""The graph: whatever lies in this package, with code versions, automation and resources."""

from pathlib import Path

import dagster as dg

from mnist_pipeline.models import STORED
from mnist_pipeline.runtime import component
from mnist_pipeline.runtime.graph import loading
from mnist_pipeline.runtime.inbox import InboxResource

from . import automation

KEPT_VERSIONS = 20  # of each model, its predictions and its evaluation
SERVING = (
    "champion",
    "recognizer",
    "model_card",
)  # all their versions are kept, so that each can be restored

defs = dg.Definitions.merge(
    component.bind(
        loading.load_package(Path(__file__).parent, str(__package__), automation.automated),
        keep={**dict.fromkeys(STORED, KEPT_VERSIONS), **dict.fromkeys(SERVING)},
    ),
    dg.Definitions(executor=dg.in_process_executor, resources={"inbox": InboxResource()}),
)

"""The graph: all definitions in this package, with code versions and resources."""

from pathlib import Path

import dagster as dg

from mnist_pipeline.methods.table import STORED
from mnist_pipeline.runtime.graph import loading
from mnist_pipeline.runtime.graph.io_manager import StorageIOManager, StoredResults
from mnist_pipeline.runtime.graph.resources import DataSetResource, Seed, variable
from mnist_pipeline.runtime.graph.results import STORAGE

# The modules whose assets an instance of the component also has, for other images.
MODULES = (
    *("cnn", "digits", "evaluation", "gradients", "harris", "knn", "labels", "models", "networks"),
    *("novelty", "pca", "predictions", "report", "serving", "shuffled", "softmax"),
)
# How many versions of each model, its predictions and its evaluation stay in the storage.
KEPT_VERSIONS = 20

defs = dg.Definitions.merge(
    loading.load_package(Path(__file__).parent, str(__package__)),
    dg.Definitions(
        executor=dg.in_process_executor,
        resources={
            STORAGE: StorageIOManager(
                storage=variable("MNIST_PIPELINE_STORAGE"),
                # All versions of a champion stay, so that each can be restored.
                keep={
                    **dict.fromkeys(STORED, KEPT_VERSIONS),
                    **dict.fromkeys(("champion", "recognizer")),
                },
            ),
            "mnist_data": DataSetResource(data=variable("MNIST_PIPELINE_DATA")),
            "mnist_seed": Seed(),
            "mnist_stored_results": StoredResults(),
        },
    ),
)

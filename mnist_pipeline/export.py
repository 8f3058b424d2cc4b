"""A trained model as an ONNX file."""

from collections.abc import Mapping
from importlib import import_module

import numpy as np

from mnist_pipeline.data.datasets import IMAGE_SIDE
from mnist_pipeline.inference.onnx import Graph
from mnist_pipeline.models import Model
from mnist_pipeline.utils import places


class ExportError(RuntimeError):
    """A model can't be exported; the message names the model, the reason and a remedy."""


def to_onnx(model: Model, state: Mapping[str, np.ndarray]) -> bytes:
    """The ONNX file of a model, from the arrays that it answers from; see `Graph` for its inputs and results.

    The module of the method has a function `to_onnx(graph, state)`, which adds the nodes from the images to the scores,
    and returns the names of scores and probabilities. Raises ExportError without it, or without the library.
    """
    add_nodes = getattr(import_module(model.method), "to_onnx", None)
    if add_nodes is None:
        raise ExportError(f"{model.name} can't be exported: give {model.method} a function to_onnx(graph, state)")
    try:
        graph = Graph()
    except ImportError:
        raise ExportError(f"the extra for ONNX is missing: {places.pip_install('onnx')}") from None
    return graph.finished(model.title, IMAGE_SIDE, *add_nodes(graph, state))

"""Write a trained model into a file for other programs."""

from pathlib import Path

import click

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.methods.onnx import Graph
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.utils import places
from mnist_pipeline.utils.printable import unknown


def export_model(name: str, onnx: Path) -> None:
    """Write a stored model as an ONNX file."""
    if name not in MODELS:
        raise CommandError(unknown(name, "a model", MODELS))
    model, stored = MODELS[name], storage.current()
    fitted = stored.read(model.model_asset)
    try:
        graph, method = Graph(), model.method()
        nodes = method.to_onnx(graph, fitted)
    except ImportError:
        raise CommandError(f"the extra for ONNX is missing: {places.pip_install('onnx')}") from None
    except NotImplementedError as error:
        raise CommandError(f"{name} can't be exported: {error}") from error
    content = graph.finished(model.title, stored.read("raw_mnist").data_set, *nodes)
    onnx.write_bytes(content)
    click.echo(f"{onnx}: {model.title}, {len(content) / 1e6:.1f} MB")

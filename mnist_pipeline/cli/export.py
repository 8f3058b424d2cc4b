"""Write a trained model, and its card, into files for other programs and people."""

from pathlib import Path

import click

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.methods.onnx import Graph
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.utils import places
from mnist_pipeline.utils.printable import unknown


def export_model(name: str, onnx: Path, card: Path | None) -> None:
    """Write a stored model as an ONNX file, and the champion's card as a Markdown file."""
    if name not in MODELS:
        raise CommandError(unknown(name, "a model", MODELS))
    model, stored = MODELS[name], storage.current()
    fitted = stored.read(model.model_asset)
    if card:
        champion, text = stored.read("champion"), stored.read("model_card")
        if champion.model_version != stored.current(model.predictions_asset):
            raise CommandError(
                f"--card: the stored {name} is not the champion, which the card describes; leave "
                "it out"
            )
    try:
        graph, method = Graph(), model.method()
        nodes = method.to_onnx(graph, fitted)
    except ImportError:
        raise CommandError(f"the extra for ONNX is missing: {places.pip_install('onnx')}") from None
    except NotImplementedError as error:
        raise CommandError(f"{name} can't be exported: {error}") from error
    content = graph.finished(model.title, stored.read("raw_mnist").data_set, *nodes)
    onnx.write_bytes(content)
    if card:
        card.write_text(text, encoding="utf-8")
    click.echo(f"{onnx}: {model.title}, {len(content) / 1e6:.1f} MB")

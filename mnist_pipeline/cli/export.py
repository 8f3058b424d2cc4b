"""Write a trained network into a file for other programs."""

from importlib.util import find_spec
from pathlib import Path

import click

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.methods.networks.method import NetworkMethod
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.utils import directories
from mnist_pipeline.utils.printable import unknown


def export_model(name: str, onnx: Path) -> None:
    """Write a stored network as an ONNX file, over no file that exists."""
    if onnx.exists():
        raise CommandError(f"{onnx} exists; name another file to write")
    if name not in MODELS:
        raise CommandError(unknown(name, "a model", MODELS))
    model, stored = MODELS[name], storage.default_storage()
    method = model.method()
    if not isinstance(method, NetworkMethod):
        raise CommandError(
            f"{name} is not a network, so it has no ONNX file; its arrays are what "
            f'mnist_pipeline.read("{model.model_asset}") returns'
        )
    if find_spec("onnxscript") is None:
        raise CommandError(f"the extra onnx is missing: {directories.pip_install('onnxscript')}")
    fitted, data_set = stored.read(model.model_asset), stored.read("data_set")
    # Importing torch takes two seconds.
    from mnist_pipeline.methods.networks.onnx_file import onnx_file

    content = onnx_file(method.name, fitted, data_set)
    onnx.write_bytes(content)
    click.echo(f"{onnx}: {model.title}, {len(content) / 1e6:.1f} MB")

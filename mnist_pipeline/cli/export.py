"""Write a trained network into a file for other programs."""

from importlib.util import find_spec
from pathlib import Path

import click

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.methods.networks.method import NetworkMethod
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.utils import directories
from mnist_pipeline.utils.printable import unknown


def export_model(name: str, onnx: Path, *, force: bool) -> None:
    """Write a stored network as an ONNX file, with `force` over a file that exists."""
    check_output(onnx, force=force)
    if name not in MODELS:
        raise CommandError(unknown(name, "a model", MODELS))
    model, stored = MODELS[name], storage.current()
    method = model.method()
    if not isinstance(method, NetworkMethod):
        raise CommandError(
            f"{name} is not a network, so it has no ONNX file; its arrays are what "
            f'mnist_pipeline.read("{model.model_asset}") returns'
        )
    if find_spec("onnxscript") is None:
        raise CommandError(f"the extra onnx is missing: {directories.pip_install('onnxscript')}")
    fitted, data_set = stored.read(model.model_asset), stored.read("raw_mnist").data_set
    # Importing torch takes two seconds.
    from mnist_pipeline.methods.networks.onnx_file import onnx_file

    content = onnx_file(method.kind, fitted, data_set)
    onnx.write_bytes(content)
    click.echo(f"{onnx}: {model.title}, {len(content) / 1e6:.1f} MB")


def check_output(path: Path, *, force: bool) -> None:
    """Refuse to write into the data set, and without `force` to replace a file."""
    data = settings.load().data
    # A link in a data set may lead to a folder of pictures elsewhere.
    read = [data, *(entry for entry in data.rglob("*") if entry.is_symlink())]
    target = path.resolve()
    if any(target.is_relative_to(source.resolve()) for source in read):
        raise CommandError(f"{path} is in the data set; name another file")
    if path.is_file() and not force:
        raise CommandError(f"{path} exists; name another file to write, or add --force")

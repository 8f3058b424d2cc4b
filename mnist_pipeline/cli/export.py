"""Write a trained model into a file for other programs."""

from pathlib import Path

import click

from mnist_pipeline import export, models
from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime.storage import files, storage


def export_model(name: str, path: Path) -> None:
    """Write the stored model of that name as an ONNX file; a failure leaves no incomplete file."""
    if name not in MODELS:
        raise CommandError(f"{name!a} is not a model; there are {', '.join(MODELS)}")
    model, stored = MODELS[name], storage.current()
    fitted, predictions = (stored.read_usable(asset) for asset in (model.model_asset, model.predictions_asset))
    try:
        content = export.to_onnx(model, models.state(model, fitted, predictions))
    except export.ExportError as error:
        raise CommandError(str(error)) from error
    try:
        files.write(path, lambda opened: opened.write(content))
    except OSError as error:
        raise CommandError(f"--onnx {path} can't be written ({error.strerror}); name another file") from error
    click.echo(f"{path}: {model.title}, {len(content) / 1e6:.1f} MB")

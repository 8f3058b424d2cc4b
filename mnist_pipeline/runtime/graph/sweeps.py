"""The sweep that the settings name, read when the definitions load."""

from pathlib import Path

from mnist_pipeline import experiments
from mnist_pipeline.runtime import settings


def trials(loaded: "settings.Settings", default: Path) -> list[str]:
    """The keys of the trials of a sweep."""
    try:
        return list(experiments.read_sweep(loaded.experiments or default))
    except experiments.SweepError as error:
        raise settings.SettingsError(f"MNIST_PIPELINE_EXPERIMENTS: {error}") from None

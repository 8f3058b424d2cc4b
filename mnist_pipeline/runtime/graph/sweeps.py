"""The sweep that the settings name, read when the definitions load."""

import contextlib
from pathlib import Path

from mnist_pipeline import experiments
from mnist_pipeline.data.datasets import DatasetError
from mnist_pipeline.data.held_out import split
from mnist_pipeline.data.idx import Idx
from mnist_pipeline.runtime import settings


def trials(loaded: "settings.Settings", default: Path) -> list[str]:
    """The keys of the trials of a sweep. The default sweep skips sizes larger than the data.

    The size of data in another layout than IDX files is known when a trial reads them.
    """
    available = None
    with contextlib.suppress(DatasetError):  # a run reports what is wrong with the files
        if Idx.recognises(loaded.data):
            available = len(split(Idx(loaded.data).num_images("train"))[0])
    file = loaded.experiments or default
    try:
        return list(experiments.read_sweep(file, available, skip_larger=file == default))
    except experiments.SweepError as error:
        raise settings.SettingsError(f"MNIST_PIPELINE_EXPERIMENTS: {error}") from None

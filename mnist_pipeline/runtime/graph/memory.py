"""The memory that a run needs, compared with the memory that is available."""

from pathlib import Path

from mnist_pipeline.data import datasets
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.utils import machine
from mnist_pipeline.utils.reported import ReportedError

# The peak of a whole run lies near BYTES + BYTES_PER_IMAGE × training images, all of them grey: the
# table in docs/benchmarks.md has what `make bench ARGS="--only limits"` measured.
BYTES, BYTES_PER_IMAGE = 0.7e9, 5_000
LARGE_SHARE = 0.5  # of the available memory


class ShortageError(ReportedError, MemoryError):
    """There was not enough memory. The message estimates how much a run needs, and says what to
    do.
    """


def estimate(data: Path, least_share: float = LARGE_SHARE) -> str:
    """What a run of all assets needs, in a sentence.

    It is empty if that is less than a share of the available memory, or if the number of images is
    not known before they are read.
    """
    try:
        num_images = datasets.reader_of(data).num_images
    except DatasetError:  # the run reports it
        return ""
    needed, available = BYTES + BYTES_PER_IMAGE * num_images, machine.available_bytes()
    if not num_images or needed < least_share * available:
        return ""
    return (
        f"A run of all assets over {num_images:,} images needs about "
        f"{needed / 1e9:.1f} GB of memory; {available / 1e9:.1f} GB are available"
    )


def is_shortage(error: BaseException) -> bool:
    """Whether memory was short; torch raises a RuntimeError then."""
    return isinstance(error, MemoryError) or "allocate" in str(error)


def shortage(error: BaseException, data: Path) -> ShortageError:
    """An error for lack of memory, with the estimate and what to do."""
    advice = "use fewer images, a machine with more memory, or --select for a part of the graph"
    parts = (str(error) or "out of memory", estimate(data, least_share=0), advice)
    return ShortageError("; ".join(filter(None, parts)))

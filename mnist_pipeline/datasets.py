"""Reading data sets in notebooks and scripts; `EMBEDDED_DATA` is the directory of MNIST."""

from mnist_pipeline.data.datasets import DatasetError, DigitSet, load_digits
from mnist_pipeline.utils.places import EMBEDDED_DATA

__all__ = ["EMBEDDED_DATA", "DatasetError", "DigitSet", "load_digits"]

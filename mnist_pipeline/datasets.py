"""Alias of `mnist_pipeline.data.datasets` for notebooks and scripts."""

from mnist_pipeline.data.datasets import DatasetError, DigitSet, load_digits

__all__ = ["DatasetError", "DigitSet", "load_digits"]

"""Training a network on digits: recipes, the loop, calibration, prediction, and weights as arrays.

The loop trains any module from pixels in [0, 1] to logits. The images are one uint8 tensor in memory, and a batch is an
index into it.
"""

from mnist_pipeline.training.calibration import fit_temperature
from mnist_pipeline.training.loop import (
    DivergenceError,
    EpochRecord,
    History,
    build,
    split,
    stored,
    train,
    train_on_shards,
)
from mnist_pipeline.training.prediction import load_weights, predict_probabilities, reader, weights
from mnist_pipeline.training.recipes import RECIPES, Recipe, learning_rate_at

__all__ = [
    "RECIPES",
    "DivergenceError",
    "EpochRecord",
    "History",
    "Recipe",
    "build",
    "fit_temperature",
    "learning_rate_at",
    "load_weights",
    "predict_probabilities",
    "reader",
    "split",
    "stored",
    "train",
    "train_on_shards",
    "weights",
]

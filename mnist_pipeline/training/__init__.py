"""Training a network: recipes, the loop, prediction, calibration, and the device."""

from mnist_pipeline.training.calibration import fit_temperature
from mnist_pipeline.training.loop import DivergenceError, EpochRecord, History, build, stored, train
from mnist_pipeline.training.prediction import load_weights, predict_probabilities, weights
from mnist_pipeline.training.recipes import RECIPES, Recipe, adapt, named_recipe, of_settings

__all__ = [
    "RECIPES",
    "DivergenceError",
    "EpochRecord",
    "History",
    "Recipe",
    "adapt",
    "build",
    "fit_temperature",
    "load_weights",
    "named_recipe",
    "of_settings",
    "predict_probabilities",
    "stored",
    "train",
    "weights",
]

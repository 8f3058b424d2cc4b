"""Training a network on digits: recipes, the loop, prediction, calibration, and how this machine
computes a network.
"""

from mnist_pipeline.training.calibration import calibrate, fit_temperature
from mnist_pipeline.training.devices import choose_precision
from mnist_pipeline.training.loop import DivergenceError, EpochRecord, History, build, stored, train
from mnist_pipeline.training.prediction import load_weights, predict_probabilities, weights
from mnist_pipeline.training.recipes import RECIPES, Recipe, named_recipe

__all__ = [
    "RECIPES",
    "DivergenceError",
    "EpochRecord",
    "History",
    "Recipe",
    "build",
    "calibrate",
    "choose_precision",
    "fit_temperature",
    "load_weights",
    "named_recipe",
    "predict_probabilities",
    "stored",
    "train",
    "weights",
]

"""The table of models: one entry per model, and everything else iterates over it.

An entry names modules instead of importing them, so that reading the table stays quick and a command that answers
one picture imports only what answering takes. `docs/add-a-model.md` adds an entry step by step.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from inspect import signature
from typing import Any, Literal

import numpy as np

from mnist_pipeline.records import Answer

State = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Setting:
    """A keyword argument of a model's `fit` that a run or a trial can configure: default, range, and what it does."""

    default: float | str | None  # None leaves the value to the recipe
    low: float | None
    high: float | None
    description: str
    choices: tuple[str, ...] = ()  # for text, in place of a range


@dataclass(frozen=True)
class Notebook:
    """What the course notebook of 2019 printed for the model, None if no figure is on record, and how it trained."""

    accuracy: float | None
    how: str


@dataclass(frozen=True, kw_only=True)
class Model:
    """An entry of the table.

    The method module has these functions, of which only the first two are needed for a model without assets of its
    own:

    - `fit(images, labels, **settings)`: the fitted model as a dict of arrays. If it has a parameter `seed`, it gets
      the seed of the run.
    - `predict_probabilities(state, images)`: class probabilities, shape (n_images, n_classes).
    - `answer(state, images)`: a `records.Answer`, where the label is not simply the most probable class.
    - `state(model, predictions, seed)`: the arrays to answer from, where they are not the stored model itself.

    `predict` runs `answer` or `predict_probabilities`: neither they nor the module may import Dagster, torch or
    Matplotlib.
    """

    name: str  # begins the names of the model's assets: `NAME_model`, `NAME_predictions`, `NAME_evaluation`
    title: str  # as a heading: "Convolutional network"
    phrase: str  # within a sentence: "the convolutional network"
    short_title: str  # where there is little room: "CNN"
    color: str  # of the model in every figure, a hue of `report.figures.style.COLORS`
    marker: str  # in every figure, of Matplotlib
    # The accuracy that the model has reached on MNIST with every seed tried, with room for the spread between seeds.
    # Below it, its check fails and it is not promoted.
    mnist_floor: float
    method: str  # the module that implements the model
    # The module whose `reader(model, predictions)` returns a function from images to labels for many images at once;
    # by default the method. Without such a function, `answer` reads them. In the same module, `fit_reader(images,
    # labels, **settings)` returns such a function fitted to these images, for trials; by default by `fit` and `answer`.
    reader: str = ""
    training_asset: str = "train_digits"  # the images and labels that the model is fitted on
    model_asset: str = ""  # stores the fitted model; by default `NAME_model`
    version_asset: str = ""  # its data versions name the versions of the model; by default the fitted model
    group: str = ""  # of the model's assets; by default the name
    summary: str = ""  # a sentence on the model for its card and the descriptions of its assets
    # Keyword arguments of `fit`, or `fit_reader`, by name. Trials configure them for every model, runs for a model
    # without assets of its own.
    settings: Mapping[str, Setting] = field(default_factory=dict)
    has_own_assets: bool = False  # whether a module of `assets` defines the model and its predictions
    has_learning_curves: bool = False  # whether the stored model records loss and accuracy per epoch
    # The section of the report, by default the name; models may share it. Its template is `SECTION.html.j2`, or
    # `model.html.j2` if there is no such file.
    section: str = ""
    section_title: str = ""  # by default the title
    notebook: Notebook | None = None  # what the report compares the model with

    def __post_init__(self) -> None:
        defaults = {
            "reader": self.method,
            "model_asset": f"{self.name}_model",
            "group": self.name,
            "section": self.name,
            "section_title": self.title,
        }
        for name, default in defaults.items():
            object.__setattr__(self, name, getattr(self, name) or default)
        object.__setattr__(self, "version_asset", self.version_asset or self.model_asset)

    @property
    def predictions_asset(self) -> str:
        """The asset that stores the predictions of the test images."""
        return f"{self.name}_predictions"

    @property
    def evaluation_asset(self) -> str:
        """The asset that stores the evaluation of those predictions."""
        return f"{self.name}_evaluation"


# Functions, not methods: the code version of an asset covers the modules that these import only where it calls them.


def state(model: Model, fitted: Any, predictions: Any, seed: int = 0) -> dict[str, np.ndarray]:
    """The arrays that a model answers from, made from the values of its two assets."""
    make = getattr(import_module(model.method), "state", None)
    return dict(fitted if make is None else make(fitted, predictions, seed))


def answer(model: Model, arrays: State, images: np.ndarray) -> Answer:
    """A model's answer to images (n_images, 28, 28), uint8, from the arrays that `state` returns."""
    method = import_module(model.method)
    if hasattr(method, "answer"):
        return method.answer(arrays, images)
    probabilities = method.predict_probabilities(arrays, images)
    return Answer(probabilities.argmax(axis=1), probabilities)


def answer_many(model: Model, arrays: State, images: np.ndarray) -> Answer:
    """The same answer in less time for many images, with modules that a command does not load for a few."""
    find = getattr(import_module(model.reader), "answer", None)
    return find(arrays, images) if find else answer(model, arrays, images)


def label_reader(model: Model, fitted: Any, predictions: Any) -> Callable[[np.ndarray], np.ndarray]:
    """A function from many images to their labels, computed as the model's predictions were."""
    make = getattr(import_module(model.reader), "reader", None)
    if make is not None:
        return make(fitted, predictions)
    arrays = state(model, fitted, predictions)
    return lambda images: answer(model, arrays, images).labels


def held_out_labels(
    model: Model, fitted: Any, predictions: Any, images: np.ndarray, held_out: np.ndarray
) -> np.ndarray | None:
    """The labels of the training images with these indices, which the model was not trained on; None if it was."""
    find = getattr(import_module(model.reader), "held_out_labels", None)
    if find is None:
        return label_reader(model, fitted, predictions)(images[held_out])
    labels: np.ndarray | None = find(fitted, predictions, images, held_out)
    return labels


def fit_reader(
    model: Model, images: np.ndarray, labels: np.ndarray, settings: Mapping[str, Any], seed: int, repeats: float
) -> Callable[[np.ndarray], np.ndarray]:
    """A function from images to labels, by the model fitted to images with labels.

    `seed` and `repeats` reach the methods that have such a parameter. `repeats` says how many times as many passes a
    training makes than its settings say, so that with few images it makes as many updates as with many.
    """
    make = getattr(import_module(model.reader), "fit_reader", None)
    fit = make or import_module(model.method).fit
    further = {"seed": seed, "repeats": repeats}
    fitted = fit(
        images, labels, **settings, **{name: further[name] for name in further & signature(fit).parameters.keys()}
    )
    return fitted if make else lambda queries: answer(model, fitted, queries).labels


def setting_fields(model: Model) -> dict[str, Any]:
    """The settings of a model as fields of a pydantic class."""
    from pydantic import Field

    return {
        name: (
            Literal[each.choices] if each.choices else float | None if each.default is None else type(each.default),
            Field(each.default, ge=each.low, le=each.high, description=each.description),
        )
        for name, each in model.settings.items()
    }


_RECIPES = ("default", "fast", "longer", "notebook", "thorough")
_RECIPE = Setting("default", None, None, "Named training recipe.", _RECIPES)
_RATE = Setting(None, 1e-6, 10, "Learning rate, or its peak in a one-cycle schedule; by default as the recipe.")

# Hues: M. A. Petroff, "Accessible color sequences for data visualization", 2021.
_TABLE = (
    Model(
        name="knn",
        title="k-nearest neighbours",
        phrase="k-nearest neighbours",
        short_title="k-NN",
        color="#3f90da",
        marker="o",
        mnist_floor=0.97,
        method="mnist_pipeline.knn.model",
        model_asset="knn_index",
        version_asset="knn_predictions",  # they depend on k; the index is the training set
        summary="The k nearest training images, by exact Euclidean distance, vote for their class.",
        has_own_assets=True,
        settings={"num_neighbors": Setting(3, 1, 1_000, "k: how many of the nearest images vote.")},
        section_title="Nearest neighbours",
        notebook=Notebook(0.5543, "k = 3, a k-d tree over unsigned bytes"),
    ),
    Model(
        name="softmax",
        title="Softmax regression",
        phrase="softmax regression",
        short_title="softmax",
        color="#ffa90e",
        marker="s",
        mnist_floor=0.915,
        method="mnist_pipeline.softmax",
        summary="Class probabilities softmax(W x + b), fitted by stochastic gradient descent with one image per update "
        "on the cross-entropy.",
        has_own_assets=True,
        settings={
            "learning_rate": Setting(1e-3, 1e-6, 10, "Step size of every update."),
            "epochs": Setting(20, 1, 10_000, "Passes over all training images."),
        },
        has_learning_curves=True,
        notebook=Notebook(0.9198, "20 epochs of SGD, one image an update, learning rate 0.001"),
    ),
    Model(
        name="mlp",
        title="Multi-layer perceptron",
        phrase="the multi-layer perceptron",
        short_title="MLP",
        color="#bd1f01",
        marker="v",
        mnist_floor=0.9775,
        method="mnist_pipeline.inference.networks",
        reader="mnist_pipeline.training.readers",
        group="networks",
        summary="Multi-layer perceptron 784–1024–classes with ReLU, trained with Adam on the cross-entropy.",
        has_own_assets=True,
        settings={
            "recipe": _RECIPE,
            "learning_rate": _RATE,
            "hidden_size": Setting(1024, 1, 16_384, "Number of hidden units."),
        },
        has_learning_curves=True,
        section="networks",
        section_title="The networks",
        notebook=Notebook(0.9775, "5 epochs of Adam, batches of 64, learning rate 0.0005"),
    ),
    Model(
        name="cnn",
        title="Convolutional network",
        phrase="the convolutional network",
        short_title="CNN",
        color="#94a4a2",
        marker="^",
        mnist_floor=0.99,
        method="mnist_pipeline.inference.networks",
        reader="mnist_pipeline.training.readers",
        group="networks",
        summary="Convolutional network: convolution 5×5 to 32 channels, ReLU, max-pooling 2, convolution 5×5 to 64 "
        "channels, ReLU, max-pooling 2, linear to the classes; trained with Adam on the cross-entropy.",
        has_own_assets=True,
        settings={"recipe": _RECIPE, "learning_rate": _RATE},
        has_learning_curves=True,
        section="networks",
        section_title="The networks",
        notebook=Notebook(0.9912, "5 epochs of Adam, batches of 64, learning rate 0.001"),
    ),
    # Add a model here; see docs/add-a-model.md.
)
MODELS: Mapping[str, Model] = {model.name: model for model in _TABLE}
# The assets that store a model, its predictions and its evaluation.
STORED = [
    asset for model in MODELS.values() for asset in (model.model_asset, model.predictions_asset, model.evaluation_asset)
]
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def number_in_words(count: int) -> str:
    """A small number as a word, a larger one in digits."""
    return NUMBERS[count] if count < len(NUMBERS) else f"{count:,}"


def model_seconds(origins: Mapping[str, Mapping[str, Any]], name: str) -> float | None:
    """Seconds that fitting and prediction of a model took, None if one of the two is not recorded."""
    model = MODELS[name]
    parts = [origins[asset]["seconds"] for asset in (model.model_asset, model.predictions_asset)]
    return None if None in parts else round(sum(parts), 3)

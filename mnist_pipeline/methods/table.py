"""The table of models: one entry per model, and what concerns all models iterates over it.

A part of the code is about one of the four models that the project ships, and names it: its module
in `assets`, its folder beside this file, its topic of the report, and the scripts of the report
that compute its answers. Besides, `handwriting.recognizer` needs two of them: it shows the training
digits that `knn` compares, and trusts `cnn` to read digits anywhere in a picture.

An entry imports its method only when the method is needed, so that reading the table stays quick
and a command that answers one picture imports only what answering takes. `docs/add-a-model.md` adds
an entry step by step.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

import numpy as np

from mnist_pipeline.data.values import Answer, DigitSet, ImageKind


class Method(Protocol):
    """The functions of a module, or an object, that implements a model.

    `predict` runs `answer`: neither it nor the module may import Dagster, torch or Matplotlib.
    Images are uint8 (n, 28, 28) or, in colour, (n, 28, 28, 3); labels are integers (n,).
    """

    def fit(
        self,
        digits: DigitSet,
        settings: Mapping[str, Any],
        *,
        seed: int,
        kind: ImageKind,
        repeats: float = 1.0,
        on_epoch: Callable[..., object] | None = None,
    ) -> Any:
        """The model fitted to training images, as the asset `NAME_model` stores it: a type of the
        method that is a `stored_type`, in a module that `mnist_pipeline/__init__.py` lists, or a
        dictionary of arrays.

        `DigitSet.without_held_out` has the images to train on. A method that trains on the held-out
        images too answers them by another fit in `held_out_answer`. `kind` is for methods whose
        defaults depend on what the images show. `repeats` multiplies the number of passes, so that
        a training with a part of a set makes as many updates as with all of it; methods without
        passes ignore it. `on_epoch` is called after a pass with its number, the number of passes,
        and measurements by name.
        """

    def answer(self, fitted: Any, images: np.ndarray, /) -> Answer:
        """The label of each image, and its class probabilities."""

    def held_out_answer(self, fitted: Any, images: np.ndarray, held_out: np.ndarray, /) -> Answer:
        """Answers for images derived from training images `held_out`, without knowing these.

        A method that is fitted to the images that are not held out returns `answer`.
        """


@dataclass(frozen=True)
class Setting:
    """A setting of a model's `fit`: default, range, and what it does.

    A run configures it for the asset `NAME_model`, and a trial of an experiment for the trial.
    """

    default: float | str | None  # None leaves the value to the recipe
    low: float | None
    high: float | None
    description: str = field(repr=False)  # so that code versions do not depend on it
    choices: tuple[str, ...] = ()  # for text, in place of a range


@dataclass(frozen=True)
class Notebook:
    """What the course notebook of 2019 printed for the model, None if no figure is on record, and
    how it trained.
    """

    accuracy: float | None
    how: str


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The fields of an entry that people see.

    No value that an asset stores depends on them, except for the report.
    """

    title: str  # as a heading: "Convolutional network"
    phrase: str  # within a sentence: "the convolutional network"
    short_title: str  # where there is little room: "CNN"
    color: str  # of the model in every figure, a hue of `report.figures.style.COLORS`
    marker: str  # in every figure, of Matplotlib
    summary: str = ""  # a sentence on the model for the descriptions of its assets
    group: str = ""  # of the model's assets; by default the name
    notebook: Notebook | None = None  # what the report compares the model with


@dataclass(frozen=True, kw_only=True)
class Model(Shown):
    """An entry of the table."""

    name: str  # begins the names of the assets: `NAME_model`, `NAME_predictions`, `NAME_evaluation`
    method: Callable[[], Method]  # imports the method
    settings: Mapping[str, Setting] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "group", self.group or self.name)

    @property
    def model_asset(self) -> str:
        """The asset that stores the fitted model."""
        return f"{self.name}_model"

    @property
    def predictions_asset(self) -> str:
        """The asset that stores the predictions of the test images."""
        return f"{self.name}_predictions"

    @property
    def evaluation_asset(self) -> str:
        """The asset that stores the evaluation of those predictions."""
        return f"{self.name}_evaluation"


def _enum(choices: tuple[str, ...]) -> Any:
    """An enumeration whose members Dagster's configuration names in capital letters."""
    members = [(choice.upper(), choice) for choice in choices]
    return Enum("Choice", members)


def setting_fields(model: Model) -> dict[str, Any]:
    """The settings of a model as fields of a pydantic class."""
    from pydantic import Field

    fields: dict[str, Any] = {}
    for name, setting in model.settings.items():
        default: Any = setting.default
        kind: Any = type(setting.low)
        if setting.choices:
            kind = _enum(setting.choices)
            default = kind(default)
        elif default is None:
            kind = kind | None
        limits = {"ge": setting.low, "le": setting.high, "strict": not setting.choices}
        info: Any = Field(default, description=setting.description, **limits)  # type: ignore[call-overload]
        fields[name] = kind, info
    return fields


def _knn() -> Method:
    from mnist_pipeline.methods.knn import method

    return method


def _softmax() -> Method:
    from mnist_pipeline.methods.softmax import method

    return method


def _mlp() -> Method:
    from mnist_pipeline.methods.networks import method

    return method.MLP


def _cnn() -> Method:
    from mnist_pipeline.methods.networks import method

    return method.CNN


# Import a further method here; see docs/add-a-model.md.

_TRAINING = {
    "recipe": Setting(
        "default",
        None,
        None,
        "Named training recipe.",
        ("default", "notebook"),
    ),
    "epochs": Setting(None, 1, 1_000, "Passes over the images; by default as the recipe."),
    "batch_size": Setting(None, 1, 65_536, "Images per update; by default as the recipe."),
    "learning_rate": Setting(
        None,
        1e-6,
        10.0,
        "Adam's learning rate, or its peak in a one-cycle schedule; by default as the recipe.",
    ),
}

# Hues: M. A. Petroff, "Accessible color sequences for data visualization", 2021.
_TABLE = (
    Model(
        name="knn",
        title="k-nearest neighbours",
        phrase="k-nearest neighbours",
        short_title="k-NN",
        color="#3f90da",
        marker="o",
        method=_knn,
        summary="The k nearest training images, by exact Euclidean distance, vote for their class.",
        settings={"num_neighbors": Setting(3, 1, 1_000, "k: how many of the nearest images vote.")},
        notebook=Notebook(0.5543, "k = 3, a k-d tree over unsigned bytes"),
    ),
    Model(
        name="softmax",
        title="Softmax regression",
        phrase="softmax regression",
        short_title="softmax",
        color="#ffa90e",
        marker="s",
        method=_softmax,
        summary="Class probabilities softmax(W x + b), fitted by stochastic gradient descent with "
        "one image per update on the cross-entropy.",
        settings={
            "learning_rate": Setting(1e-3, 1e-6, 10.0, "Step size of every update."),
            "epochs": Setting(20, 1, 10_000, "Passes over all training images."),
        },
        notebook=Notebook(0.9198, "20 epochs of SGD, one image an update, learning rate 0.001"),
    ),
    Model(
        name="mlp",
        title="Multi-layer perceptron",
        phrase="the multi-layer perceptron",
        short_title="MLP",
        color="#bd1f01",
        marker="v",
        method=_mlp,
        group="networks",
        summary="A hidden layer of 1024 units with ReLU, or 341 for images in colour; trained with "
        "Adam on the cross-entropy.",
        settings={
            **_TRAINING,
            "hidden_size": Setting(
                None,
                1,
                16_384,
                "Number of hidden units; by default 1024, and 341 for images in colour.",
            ),
        },
        notebook=Notebook(0.9775, "5 epochs of Adam, batches of 64, learning rate 0.0005"),
    ),
    Model(
        name="cnn",
        title="Convolutional network",
        phrase="the convolutional network",
        short_title="CNN",
        color="#94a4a2",
        marker="^",
        method=_cnn,
        group="networks",
        summary="Convolution 5×5 to 32 channels, ReLU, max-pooling 2, convolution 5×5 to 64 "
        "channels, ReLU, max-pooling 2, linear to the classes; trained with Adam on the "
        "cross-entropy.",
        settings=_TRAINING,
        notebook=Notebook(0.9912, "5 epochs of Adam, batches of 64, learning rate 0.001"),
    ),
    # Add a model here; see docs/add-a-model.md.
)
MODELS: Mapping[str, Model] = {model.name: model for model in _TABLE}


def assets_of_models(*kinds: str) -> list[str]:
    """The assets `NAME_KIND` of all models; the kinds are `model`, `predictions`, `evaluation`."""
    return [f"{name}_{kind}" for name in MODELS for kind in kinds]


def by_model(values: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Of values by asset, the values of `NAME_KIND` by the name of the model."""
    return {name: values[f"{name}_{kind}"] for name in MODELS}


STORED = assets_of_models("model", "predictions", "evaluation")

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def number_in_words(count: int) -> str:
    """A small number as a word, a larger one in digits."""
    return NUMBERS[count] if count < len(NUMBERS) else f"{count:,}"


def model_of(asset: str) -> Model | None:
    """The model that the name of an asset begins with, None if it is the asset of no model."""
    begins = [model for name, model in MODELS.items() if asset.startswith(f"{name}_")]
    return max(begins, key=lambda model: len(model.name), default=None)


def model_seconds(origins: Mapping[str, Mapping[str, Any]], name: str) -> float | None:
    """Seconds that fitting and prediction of a model took, None if one of the two is not
    recorded.
    """
    model = MODELS[name]
    parts = [origins[asset]["seconds"] for asset in (model.model_asset, model.predictions_asset)]
    return None if None in parts else round(sum(parts), 3)

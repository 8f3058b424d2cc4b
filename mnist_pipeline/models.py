"""The table of models: one entry per model, and everything else iterates over it.

An entry imports its method only when the method is needed, so that reading the table stays quick
and a command that answers one picture imports only what answering takes. `docs/add-a-model.md` adds
an entry step by step.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from mnist_pipeline.data.records import Answer

if TYPE_CHECKING:
    from mnist_pipeline.inference.onnx import Graph

State = Mapping[str, np.ndarray]  # the arrays that a model answers from
Reader = Callable[[np.ndarray], np.ndarray]  # from images, uint8 (n, 28, 28), to labels (n,)


class Method(Protocol):
    """The functions of a module that implements a model.

    `predict` runs `answer`: neither it nor the module may import Dagster, torch or Matplotlib.
    `fitted` and `predictions` are the values of the model's two assets; images are uint8 (n, 28,
    28).
    """

    def state(self, fitted: Any, predictions: Any, seed: int, /) -> dict[str, np.ndarray]:
        """The arrays that the model answers from."""

    def answer(self, state: State, images: np.ndarray, /) -> Answer:
        """The answer to images, from what `state` returns."""

    def reader(self, fitted: Any, predictions: Any, /) -> Reader:
        """A function from images to labels that computes them as the predictions were computed."""

    def held_out_answer(self, state: State, images: np.ndarray, held_out: np.ndarray, /) -> Answer:
        """The answer to images made from the training images with the indices `held_out`, by a fit
        without these.
        """

    def fit_reader(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        settings: Mapping[str, Any],
        seed: int,
        repeats: float,
        /,
    ) -> Reader:
        """A function from images to labels, by the model fitted to these images.

        `repeats` says how many times as many passes a training makes than its settings say, so that
        with few images it makes as many updates as with many.
        """

    def to_onnx(self, graph: "Graph", state: State, /) -> tuple[str, str]:
        """Add the nodes from images to scores and probabilities to an ONNX graph; return the names
        of both.
        """


class Fitting(Protocol):
    """The functions of a module that implements a model without assets of its own.

    `Simple` derives the others.
    """

    @property
    def fit(self) -> Callable[..., dict[str, np.ndarray]]:
        """`fit(images, labels, **settings)`: the fitted model as named arrays.

        A parameter `seed` gets the run's.
        """

    def predict_probabilities(self, state: Any, images: np.ndarray, /) -> np.ndarray:
        """Class probabilities, shape (n_images, n_classes)."""


class Simple:
    """The method of a model that is fitted to the images that are not held out, and answers the
    most probable class.
    """

    def __init__(self, module: Fitting) -> None:
        self.module = module
        self.is_random = "seed" in signature(module.fit).parameters

    def fit(
        self, images: np.ndarray, labels: np.ndarray, settings: Mapping[str, Any], seed: int
    ) -> dict[str, np.ndarray]:
        """The fitted model, as the asset `NAME_model` stores it."""
        return self.module.fit(
            images, labels, **settings, **({"seed": seed} if self.is_random else {})
        )

    def state(self, fitted: State, predictions: object, seed: int) -> dict[str, np.ndarray]:
        """The fitted model itself."""
        return dict(fitted)

    def answer(self, state: State, images: np.ndarray) -> Answer:
        """The most probable class, and the probabilities."""
        probabilities = self.module.predict_probabilities(state, images)
        return Answer(probabilities.argmax(axis=1), probabilities)

    def reader(self, fitted: State, predictions: object) -> Reader:
        """The labels of `answer`."""
        return lambda images: self.answer(fitted, images).labels

    def held_out_answer(self, state: State, images: np.ndarray, held_out: np.ndarray) -> Answer:
        """The same answer."""
        return self.answer(state, images)

    def fit_reader(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        settings: Mapping[str, Any],
        seed: int,
        repeats: float,
    ) -> Reader:
        """The labels of the model fitted to these images, with the settings as they are."""
        return self.reader(self.fit(images, labels, settings, seed), None)

    def to_onnx(self, graph: "Graph", state: State) -> tuple[str, str]:
        """The nodes that the module adds, if it can."""
        add_nodes: Callable[[Graph, State], tuple[str, str]] | None = getattr(
            self.module, "to_onnx", None
        )
        if add_nodes is None:
            raise NotImplementedError("its module has no function to_onnx(graph, state)")
        return add_nodes(graph, state)


@dataclass(frozen=True)
class Setting:
    """A keyword argument of a model's `fit` that a run or a trial can configure: default, range,
    and what it does.
    """

    default: float | str | None  # None leaves the value to the recipe
    low: float | None
    high: float | None
    description: str
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
    summary: str = ""  # a sentence on the model for its card and the descriptions of its assets
    group: str = ""  # of the model's assets; by default the name
    # The section of the report, by default the name; models may share it. Its template is
    # `SECTION.html.j2`, or `model.html.j2` if there is no such file.
    section: str = ""
    section_title: str = ""  # by default the title
    notebook: Notebook | None = None  # what the report compares the model with


@dataclass(frozen=True, kw_only=True)
class Model(Shown):
    """An entry of the table."""

    # begins the names of the model's assets: `NAME_model`, `NAME_predictions`, `NAME_evaluation`
    name: str
    method: Callable[[], Method]  # imports the method
    model_asset: str = ""  # stores the fitted model; by default `NAME_model`
    # The settings of the method by name. Trials configure them for every model, runs for a model
    # without assets of its own.
    settings: Mapping[str, Setting] = field(default_factory=dict)
    has_own_assets: bool = (
        False  # whether a module of `assets` defines the model and its predictions
    )

    def __post_init__(self) -> None:
        defaults = {
            "group": self.name,
            "section": self.name,
            "section_title": self.title,
            "model_asset": f"{self.name}_model",
        }
        for name, default in defaults.items():
            object.__setattr__(self, name, getattr(self, name) or default)

    @property
    def predictions_asset(self) -> str:
        """The asset that stores the predictions of the test images."""
        return f"{self.name}_predictions"

    @property
    def evaluation_asset(self) -> str:
        """The asset that stores the evaluation of those predictions."""
        return f"{self.name}_evaluation"


def setting_fields(model: Model) -> dict[str, Any]:
    """The settings of a model as fields of a pydantic class."""
    from pydantic import Field

    return {
        name: (
            Literal[each.choices]
            if each.choices
            else float | None
            if each.default is None
            else type(each.default),
            Field(each.default, ge=each.low, le=each.high, description=each.description),
        )
        for name, each in model.settings.items()
    }


def _knn() -> Method:
    from mnist_pipeline.knn import model

    return model


def _softmax() -> Method:
    from mnist_pipeline import softmax

    return softmax


def _networks() -> Method:
    from mnist_pipeline.inference import networks

    return networks


# Import a further method here; see docs/add-a-model.md.

_RECIPES = ("default", "fast", "notebook", "thorough")
_RECIPE = Setting("default", None, None, "Named training recipe.", _RECIPES)
_RATE = Setting(
    None, 1e-6, 10, "Learning rate, or its peak in a one-cycle schedule; by default as the recipe."
)

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
        model_asset="knn_index",
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
        method=_softmax,
        summary="Class probabilities softmax(W x + b), fitted by stochastic gradient descent with "
        "one image per update "
        "on the cross-entropy.",
        has_own_assets=True,
        settings={
            "learning_rate": Setting(1e-3, 1e-6, 10, "Step size of every update."),
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
        method=_networks,
        group="networks",
        summary="Multi-layer perceptron 784–1024–classes with ReLU, trained with Adam on the "
        "cross-entropy.",
        has_own_assets=True,
        settings={
            "recipe": _RECIPE,
            "learning_rate": _RATE,
            "hidden_size": Setting(1024, 1, 16_384, "Number of hidden units."),
        },
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
        method=_networks,
        group="networks",
        summary="Convolutional network: convolution 5×5 to 32 channels, ReLU, max-pooling 2, "
        "convolution 5×5 to 64 "
        "channels, ReLU, max-pooling 2, linear to the classes; trained with Adam on the "
        "cross-entropy.",
        has_own_assets=True,
        settings={"recipe": _RECIPE, "learning_rate": _RATE},
        section="networks",
        section_title="The networks",
        notebook=Notebook(0.9912, "5 epochs of Adam, batches of 64, learning rate 0.001"),
    ),
    # Add a model here; see docs/add-a-model.md.
)
MODELS: Mapping[str, Model] = {model.name: model for model in _TABLE}
# The assets that store a model, its predictions and its evaluation.
STORED = [
    asset
    for model in MODELS.values()
    for asset in (model.model_asset, model.predictions_asset, model.evaluation_asset)
]

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def number_in_words(count: int) -> str:
    """A small number as a word, a larger one in digits."""
    return NUMBERS[count] if count < len(NUMBERS) else f"{count:,}"


def model_of(asset: str) -> Model | None:
    """The model that the name of an asset begins with, None if it is the asset of no model."""
    return MODELS.get(asset.partition("_")[0])


def model_seconds(origins: Mapping[str, Mapping[str, Any]], name: str) -> float | None:
    """Seconds that fitting and prediction of a model took, None if one of the two is not
    recorded.
    """
    model = MODELS[name]
    parts = [origins[asset]["seconds"] for asset in (model.model_asset, model.predictions_asset)]
    return None if None in parts else round(sum(parts), 3)

"""The two networks: their layers, their learning, and the weights that the page computes with."""

import numpy as np

from mnist_pipeline.data import drawn_digits
from mnist_pipeline.methods.networks.method import cnn_maps
from mnist_pipeline.methods.networks.recipes import adds_drawn_digits
from mnist_pipeline.methods.ridge_regression import POINT_STEP
from mnist_pipeline.report import learning
from mnist_pipeline.report import pictures as drawn
from mnist_pipeline.report.content import (
    Code,
    Document,
    Named,
    Packed,
    PackedArrays,
    PageImages,
    Part,
    Values,
    rounded,
    rounded_weights,
)

NETWORKS = ("mlp", "cnn")
READS = (
    "data_set",
    "mlp_model",
    "cnn_model",
    "cnn_kernels",
    "mlp_predictions",
    "cnn_predictions",
    "train_digits",
    "test_digits",
    "data_mean",
    "covariance",
)
STORY = Part(40, "patterns", "Patterns", "networks/story.html.j2")
APPENDIX = (Part(60, "networks", "The networks", "networks/appendix.html.j2", models=NETWORKS),)
NUM_SHOWN = 10  # kernels without scripts and on paper
NUM_UNITS = 8  # of the hidden layer
FAINT = 25.5  # grey levels; pixels with less ink have the same step as pixels with this ink


def numbers(values: Values) -> Named:
    """Layers, and loss and accuracy by epoch.

    `trained_on` is the number of images that the network that answers learned from, and `judged_on`
    the number for the network that answered the held-out images. Both include `drawn`, the number
    of digits that the pipeline drew.
    """
    return {"networks": {name: _network(values, name) for name in NETWORKS}}


def _network(values: Values, name: str) -> Named:
    # Imported here, because torch is slow to import.
    from mnist_pipeline.methods.networks import modules

    model, (kept, held_out) = values[f"{name}_model"], values["train_digits"].divided()
    layers = modules.layer_rows(modules.of_weights(name, model.weights))
    is_refitted = model.held_out_weights is not None
    recipe = (values["origins"][f"{name}_model"]["config"] or {}).get("recipe", "default")
    adds_drawn = adds_drawn_digits(recipe, is_mnist=values["data_set"].is_mnist)
    num_drawn = drawn_digits.NUM_IMAGES if adds_drawn else 0
    return {
        **learning.curves(model),
        "layers": layers,
        "parameters": sum(layer["parameters"] for layer in layers),
        "trained_on": len(kept) + is_refitted * len(held_out) + num_drawn,
        "judged_on": len(kept) + num_drawn,
        "drawn": num_drawn,
    }


def charts(document: Document, values: Values) -> Named:
    """Loss and accuracy of each network by epoch."""
    drawn: Named = {}
    for name in NETWORKS:
        drawn |= learning.charts(document, name, document["networks"][name])
    return drawn


def pictures(document: Document, values: Values) -> Named:
    """Some kernels with their maps of a test image, and some hidden units with their answers to it
    and the weights of these; and the labels that the image is read as.
    """
    maps = cnn_maps(values["cnn_model"].weights, values["test_digits"].images[:1])[
        0
    ]  # (32, 24, 24)
    pairs = zip(values["cnn_kernels"][:NUM_SHOWN], maps * 255 / maps.max())
    return {
        "kernels": [(drawn.diverging(kernel), drawn.picture(plane)) for kernel, plane in pairs],
        "mapped_as": values["cnn_predictions"].labels[0],
        "units": _units(values),
        "asked_as": values["mlp_predictions"].labels[0],
    }


def _units(values: Values) -> list[tuple[str, float, float]]:
    """The hidden units that move the score of the answer to a test image most: weights × typical
    ink as a picture, answer, weight of the answer.
    """
    weights, image = values["mlp_model"].weights, values["test_digits"].images[0]
    rows = weights["hidden.weight"]
    answers = (rows @ (image.ravel() / 255) + weights["hidden.bias"]).clip(0)
    votes = weights["output.weight"][values["mlp_predictions"].labels[0]]
    most = np.argsort(-abs(answers * votes))[:NUM_UNITS]
    likes = (rows * _typical_ink(values)).reshape(-1, *image.shape)
    return [(drawn.diverging(likes[unit]), answers[unit], votes[unit]) for unit in most]


def _typical_ink(values: Values) -> np.ndarray:
    """The root mean square of each pixel in grey levels, (n_features,)."""
    mean_square = values["data_mean"].ravel() ** 2 + values["covariance"].diagonal()
    # In colour, all channels of a pixel have its grey level.
    channels = values["train_digits"].images[0].size // len(mean_square)
    return np.repeat(np.sqrt(mean_square).clip(FAINT), channels)


def code() -> Code:
    """The modules."""
    from mnist_pipeline.methods.networks import modules

    return {"mlp": (modules.MLP,), "cnn": (modules.CNN,)}


def arrays(values: Values, images: PageImages) -> PackedArrays:
    """The weights, rounded: the 8 bits of a weight of the hidden layer are enough.

    Beside a kernel regression, only the hidden layer of the MLP is rounded.
    """
    weights = {
        f"{name}.{part}": array
        for name in NETWORKS
        for part, array in values[f"{name}_model"].weights.items()
    }
    hidden = weights.pop("mlp.hidden.weight")
    points = weights.pop("cnn.kernel.points", None)
    # Kernel regression adds large terms of both signs, so it needs all digits.
    pack = rounded_weights if points is None else lambda array: Packed(np.atleast_1d(array))
    # W x = Q (s ⊙ x) with integers Q: the less ink a pixel has, the larger its step s may be.
    ink = _typical_ink(values)
    step = (np.abs(hidden * ink).max() or 1) / 127
    levels = np.rint((hidden * ink).T / step)  # (n_features, n_hidden)
    return {
        "mlp.hidden.levels": Packed(levels.astype(np.int8)),
        "mlp.hidden.steps": Packed((step / ink).astype(np.float32)),
        **{name: pack(array) for name, array in weights.items()},
        **({"cnn.kernel.points": rounded(points, POINT_STEP)} if points is not None else {}),
    }


def facts(values: Values) -> Named:
    """The temperatures that calibrate the probabilities."""
    temperatures = {name: values[f"{name}_model"].temperature for name in NETWORKS}
    return {"temperatures": temperatures}

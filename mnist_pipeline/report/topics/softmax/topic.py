"""Softmax regression: the gradient, the learning, and the weights of each class."""

import numpy as np

from mnist_pipeline.evaluation.scores import mcnemar_p_value, only_one_correct, wilson_interval
from mnist_pipeline.methods.softmax import method as softmax
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
    rounded_weights,
)

READS = ("data_set", "softmax_model", "softmax_on_gradients", "train_digits", "test_digits")
STORY = Part(30, "weights", "Weights", "softmax/story.html.j2")
APPENDIX = (
    Part(50, "softmax", "Softmax regression", "softmax/appendix.html.j2", models=("softmax",)),
)

# The training that the figure offers as "learn 20 by heart".
NUM_FEW, LEARNING_RATE, PASSES = 20, 0.03, 200
SURE = 0.05  # largest p-value of a difference between pixels and gradients


def numbers(values: Values) -> Named:
    """Loss and accuracy by epoch, how exact the gradient is, and what few images teach."""
    model = values["softmax_model"]
    return {
        "softmax": {
            **learning.curves(model),
            "gradient_error": model.gradient_error,
            "few": _trained_on_few(values),
            "gradients": _on_gradients(values),
        }
    }


def _on_gradients(values: Values) -> Named:
    """How many test images the same regression classifies correctly by pixels and by gradients, and
    whether that is more than luck.
    """
    trained, labels = values["softmax_on_gradients"], values["test_digits"].labels
    by_pixels, by_gradients = trained.answers == labels
    only_gradients, only_pixels = only_one_correct(by_gradients, by_pixels)
    differs = mcnemar_p_value(only_gradients, only_pixels) < SURE
    return {
        "trained_on": trained.trained_on,
        "passes": trained.passes,
        "accuracies": [float(by_pixels.mean()), float(by_gradients.mean())],
        "surely_better": differs and only_gradients > only_pixels,
        "surely_worse": differs and only_gradients < only_pixels,
    }


def _trained_on_few(values: Values) -> Named:
    """A training on few images: how many of them it learned, and its accuracy on the test images,
    with the 95% interval.
    """
    train, test = values["train_digits"], values["test_digits"]
    images, labels = train.images[:NUM_FEW], train.labels[:NUM_FEW]
    W, b = softmax.sgd(
        images,
        labels,
        num_classes=len(values["data_set"].class_names),
        learning_rate=LEARNING_RATE,
        epochs=PASSES,
    )
    learned = softmax.predict_probabilities(W, b, images).argmax(axis=1) == labels
    is_right = softmax.predict_probabilities(W, b, test.images).argmax(axis=1) == test.labels
    return {
        "count": len(labels),
        "passes": PASSES,
        "learned": int(learned.sum()),
        "accuracy": float(is_right.mean()),
        "interval": list(wilson_interval(int(is_right.sum()), len(is_right))),
    }


def charts(document: Document, values: Values) -> Named:
    """Loss and accuracy by epoch."""
    return learning.charts(document, "softmax", document["softmax"])


def pictures(document: Document, values: Values) -> Named:
    """The influence of each weight, as an image of each class."""
    images = values["train_digits"].images
    influences = values["softmax_model"].weights * softmax.pixel_deviations(images)
    return {"templates": [drawn.diverging(row.reshape(images.shape[1:])) for row in influences]}


def code() -> Code:
    """Probabilities, gradient and training."""
    return {"softmax": (softmax.softmax, softmax.gradient, softmax.sgd_reference)}


def arrays(values: Values, images: PageImages) -> PackedArrays:
    """Weights and bias, of pixels and of gradients; the weights of images in colour, three times as
    many, are rounded.
    """
    model, on_gradients = values["softmax_model"], values["softmax_on_gradients"]
    is_color = values["data_set"].color
    weights = rounded_weights if is_color else lambda array: Packed(array.astype(np.float32))
    return {
        "softmax.weights": weights(model.weights),
        "softmax.bias": Packed(model.bias.astype(np.float32)),
        "gradients.weights": Packed(on_gradients.levels, on_gradients.step),
        "gradients.bias": Packed(on_gradients.bias.astype(np.float32)),
        "gradients.mean": Packed(np.rint(on_gradients.mean * 255).astype(np.uint8), 1 / 255),
    }

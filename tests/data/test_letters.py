"""Letters of fonts, a set that no recipe was chosen on: the models in the order in which they should be."""

from pathlib import Path

import numpy as np
import pytest
from support.letters import families, write_letters

from mnist_pipeline import adaptation, softmax, training
from mnist_pipeline.data.datasets import load_digits
from mnist_pipeline.networks import CNN, MLP

FONTS = families()
LEAST_FAMILIES = 8


@pytest.mark.slow
@pytest.mark.skipif(len(FONTS) < LEAST_FAMILIES, reason=f"needs fonts in {LEAST_FAMILIES} directories")
def test_letters_of_unknown_fonts_are_read_best_by_the_cnn_and_worst_by_softmax_regression(tmp_path: Path) -> None:
    directory = write_letters(tmp_path, FONTS)
    train, test = (load_digits(directory, part) for part in ("train", "test"))
    W, b = softmax.sgd(train.images, train.labels, num_classes=26)
    right = [np.mean(softmax.predict_probabilities(W, b, test.images).argmax(axis=1) == test.labels)]
    for name, construct in (("mlp", lambda: MLP(num_classes=26)), ("cnn", lambda: CNN(26))):
        network = training.build(construct)
        recipe = training.RECIPES[name]["default"]
        adaptation.fit(network, train.images, train.labels, recipe, validation_size=len(train.images) // 12)
        right.append(np.mean(training.predict_probabilities(network, test.images).argmax(axis=1) == test.labels))
    assert right == sorted(right)
    assert right[-1] > 0.97

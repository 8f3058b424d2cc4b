"""The robustness of the models, measured by the asset called as a function on stored values."""

from pathlib import Path

import numpy as np
from support.calls import call

from mnist_pipeline.data.records import DigitSet
from mnist_pipeline.evaluation.robustness import disturb, sample
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.storage.storage import read


def test_a_model_reads_disturbed_images_as_it_reads_the_test_images(finished: Path) -> None:
    measured = call("robustness", config={"num_images": 100})
    digits = read("test_digits")
    drawn = sample(len(digits.labels), 100)
    few = DigitSet(*(array[drawn] for array in digits))
    turned = DigitSet(disturb(few.images, "rotation", 30), few.labels)
    accuracies = measured.value.set_index(["disturbance", "amount", "model"])["accuracy"]
    for model in MODELS:
        undisturbed = read(f"{model}_predictions").labels[drawn] == few.labels
        assert accuracies["rotation", 0, model] == undisturbed.mean()
        predictions = call(f"{model}_predictions", test_digits=turned).value
        assert accuracies["rotation", 30, model] == np.mean(predictions.labels == few.labels)

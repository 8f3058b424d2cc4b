"""The robustness of the models, measured by the asset called as a function on stored values."""

from support.calls import call

from mnist_pipeline import read
from mnist_pipeline.evaluation.robustness import sample
from mnist_pipeline.methods.table import MODELS


def test_a_model_reads_undisturbed_images_as_it_reads_the_test_images(finished):
    measured = call("robustness", config={"num_images": 100})
    true = read("test_digits").labels
    drawn = sample(len(true), 100)
    accuracies = measured.value.set_index(["disturbance", "amount", "model"])["accuracy"]
    for model in MODELS:
        right = read(f"{model}_predictions").labels[drawn] == true[drawn]
        assert accuracies["rotation", 0, model] == right.mean()

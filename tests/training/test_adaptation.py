"""Training that adapts: what is tried, what is chosen, and how long a training goes on."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from mnist_pipeline import training
from mnist_pipeline.data.records import DigitSet
from mnist_pipeline.data.variation import Variation
from mnist_pipeline.networks import MLP
from mnist_pipeline.training import Recipe, adaptation

HANDS = Variation(rotation=12, scale=0.1, shear=0.1, shift=1, stroke=0.35, noise=0.2)
SHORT = Recipe(epochs=2, batch_size=50, learning_rate=2e-3, label_smoothing=0.05, variation=HANDS)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def network(num_classes: int = 10) -> torch.nn.Module:
    return training.build(lambda: MLP(784, 32, num_classes), seed=0)


def fitted(
    images: np.ndarray,
    labels: np.ndarray,
    recipe: Recipe = SHORT,
    num_held_out: int = 100,
    **options,
):
    model = network(int(labels.max()) + 1)
    return model, adaptation.fit(
        model, images, labels, recipe, validation_size=num_held_out, **options
    )


def columns(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of a vertical line, whose class is its column: shifted by a pixel, an image shows
    another class.
    """
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 8, count)
    images = generator.integers(0, 60, (count, 28, 28)).astype(np.uint8)
    images[np.arange(count), :, 10 + labels] = 255
    return images, labels


def test_the_best_candidate_is_chosen(small_train: DigitSet) -> None:
    _, adapted = fitted(*small_train)
    best = next(
        trial
        for trial, row in zip(adapted.trials, adapted.rows()["trials"], strict=True)
        if row["chosen"]
    )
    rivals = [
        trial for trial in adapted.trials if bool(trial.deformations) == bool(best.deformations)
    ]
    assert best.loss == min(trial.loss for trial in rivals)
    assert {trial.deformations for trial in adapted.trials} >= {0, 1}
    assert {trial.label_smoothing for trial in adapted.trials} == {0, SHORT.label_smoothing}
    assert adapted.recipe.label_smoothing == best.label_smoothing
    variation = adapted.recipe.variation
    strength = variation.rotation / HANDS.rotation if variation else 0
    assert strength == best.deformations
    assert variation is None or variation == Variation(
        *(strength * limit for limit in asdict(HANDS).values())
    )


def test_deformations_that_change_the_class_of_an_image_are_not_chosen() -> None:
    images, labels = columns(600)
    model, adapted = fitted(images, labels)
    assert adapted.recipe.variation is None
    probabilities = training.predict_probabilities(model, images)
    assert np.mean(probabilities.argmax(axis=1) == labels) > 0.95


def test_a_network_is_trained_as_the_chosen_recipe_says(small_train: DigitSet) -> None:
    model, adapted = fitted(*small_train, seed=3, epochs=4)
    assert len(adapted.cycles) == 1
    assert adapted.recipe.epochs == len(adapted.history.epochs) == 4
    plain = network()
    training.train(plain, *small_train, adapted.recipe, seed=3, validation_size=100)
    for found, expected in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_few_images_get_more_passes_than_the_recipe_says() -> None:
    images, labels = columns(200)
    _, adapted = fitted(images, labels)
    assert adapted.cycles[0].epochs * 2 >= adaptation.LEAST_UPDATES  # 100 images, 2 batches of 50


def test_the_training_goes_on_while_the_held_out_loss_falls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(adaptation, "LEAST_ERRORS", 0)
    monkeypatch.setattr(adaptation, "LEAST_UPDATES", 0)
    images, labels = columns(400)
    seen: list[int] = []
    slow = replace(SHORT, variation=None, learning_rate=2e-4)
    _, adapted = fitted(
        images, labels, slow, on_epoch=lambda record, planned: seen.append(record.epoch)
    )
    losses = [cycle.loss for cycle in adapted.cycles]
    assert len(losses) == adaptation.MOST_CYCLES
    assert losses == sorted(losses, reverse=True)
    assert seen == [record.epoch for record in adapted.history.epochs] == list(range(1, 7))


def test_a_cycle_that_does_not_help_is_undone() -> None:
    generator = np.random.default_rng(0)
    images, labels = columns(700)
    noise = generator.permutation(
        labels
    )  # nothing can be learned but the training images themselves
    model, adapted = fitted(images, noise, num_held_out=300)
    assert len(adapted.cycles) == 2
    once, first = fitted(images, noise, num_held_out=300, epochs=adapted.cycles[0].epochs)
    assert adapted.history == first.history
    for found, expected in zip(model.parameters(), once.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=0)

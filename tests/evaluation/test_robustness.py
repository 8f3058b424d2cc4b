"""Robustness: which disturbances there are, and that each model's answers to them are counted."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mnist_pipeline.data.values import Answer, DigitSet
from mnist_pipeline.evaluation import robustness
from mnist_pipeline.evaluation.robustness import DISTURBANCES, Curves
from mnist_pipeline.methods.table import MODELS


@pytest.fixture(scope="module")
def digits(small_test) -> DigitSet:
    return DigitSet(small_test.images[:60], small_test.labels[:60])


def ink(images: np.ndarray) -> np.ndarray:
    """The ink of an image, in bytes modulo 251."""
    return images.reshape(len(images), -1).sum(axis=1, dtype=np.int64) % 251


@pytest.fixture(scope="module")
def measured(digits) -> pd.DataFrame:
    """Two models of which the first is right just where nothing changed the ink, and the second
    always wrong.
    """
    method = SimpleNamespace(
        answer=lambda fitted, images: Answer(ink(images) + fitted["error"], np.empty(0))
    )
    with pytest.MonkeyPatch.context() as monkeypatch:
        for model in ("cnn", "knn"):
            monkeypatch.setitem(
                robustness.MODELS, model, replace(MODELS[model], method=lambda: method)
            )
        errors = {"cnn": {"error": np.array(0)}, "knn": {"error": np.array(1)}}
        return robustness.measure(errors, digits.images, ink(digits.images))


@pytest.mark.parametrize("name", DISTURBANCES)
def test_the_further_from_neutral_the_more_an_image_changes(name, digits):
    found = DISTURBANCES[name]
    assert sorted(found.amounts) == list(found.amounts)
    changes = [
        np.abs(found.apply(digits.images, each) - digits.images.astype(float)).mean()
        for each in found.amounts
    ]
    neutral = found.amounts.index(found.neutral)
    assert changes[: neutral + 1] == sorted(changes[: neutral + 1], reverse=True)
    assert changes[neutral:] == sorted(changes[neutral:])
    assert [change == 0 for change in changes] == [
        amount == found.neutral for amount in found.amounts
    ]


def test_images_are_shifted_to_each_of_the_four_sides_equally_often():
    image = np.zeros((28, 28), np.uint8)
    image[10:18, 12:16] = 255
    shifted = DISTURBANCES["shift"].apply(np.tile(image, (8, 1, 1)), 2)
    expected = [np.roll(image, by, (0, 1)) for by in [(2, 0), (-2, 0), (0, 2), (0, -2)] * 2]
    assert sorted(map(bytes, shifted)) == sorted(map(bytes, expected))


def test_accuracies_are_counted_for_each_model_amount_and_disturbance(measured):
    rows = list(measured.itertuples(index=False))
    expected = [
        (model, name, amount)
        for model in ("cnn", "knn")
        for name, found in DISTURBANCES.items()
        for amount in found.amounts
    ]
    assert [(model, name, amount) for name, amount, model, *_ in rows] == expected
    for name, amount, model, accuracy, count, answers in rows:
        assert count == 60
        assert len(answers.split()) == robustness.SHOWN
        if amount == DISTURBANCES[name].neutral:
            assert accuracy == (model == "cnn")
        elif model == "cnn":
            # These keep the ink, as long as it stays in the image.
            assert accuracy < 0.2 or name in ("shift", "corruption_translate")
        assert (
            accuracy
            == robustness.curves(measured)[name].accuracies[model][
                DISTURBANCES[name].amounts.index(amount)
            ]
        )


def test_the_answers_kept_are_those_to_images_that_can_be_made_again(digits, measured):
    again = robustness.disturb(digits.images[: robustness.SHOWN], "corruption_impulse_noise", 1)
    answers = measured.set_index(["disturbance", "amount", "model"])["answers"]
    assert answers["corruption_impulse_noise", 1, "cnn"] == " ".join(map(str, ink(again)))


@pytest.mark.parametrize(
    ("amount", "small"), [(0.8, False), (0.9, True), (1.1, True), (1.2, False)]
)
def test_both_ends_of_the_small_amounts_are_small(amount, small):
    assert robustness.is_small("scale", amount) is small


def test_a_summary_has_the_means_of_its_disturbances():
    def curve(*accuracies: float) -> Curves:
        return Curves("", "", 0, list(range(len(accuracies))), {"cnn": list(accuracies)})

    corruptions = dict.fromkeys(robustness.CORRUPTED, curve(1, 0.7))
    assert robustness.summary({"shift": curve(1, 0.9, 0.5), **corruptions}, "cnn") == pytest.approx(
        {
            "undisturbed": 1,
            "least": 0.5,
            "small_mean": 0.9,
            "mean": (0.9 + 0.5 + 8 * 0.7) / 10,
            "corruption_error": 0.3,
        }
    )


def test_the_best_model_reads_most_under_small_disturbances_whatever_large_ones_do():
    accuracies = {model: [1, 0.8, 0.8] for model in MODELS} | {"knn": [1, 0.9, 0.1]}
    curve = Curves("", "", 0, [0, 1, 2], accuracies)
    measured = dict.fromkeys(("shift", *robustness.CORRUPTED), curve)
    assert robustness.best(measured) == "knn"


def test_each_colour_is_disturbed_in_the_same_way(digits):
    grey = digits.images
    disturbed = robustness.disturb(np.stack([grey, 255 - grey, grey // 2], axis=-1), "rotation", 20)
    for channel, levels in enumerate((grey, 255 - grey, grey // 2)):
        expected = robustness.disturb(levels, "rotation", 20)
        np.testing.assert_array_equal(disturbed[..., channel], expected)

"""The assets of the judge: from few pages to what it accepts."""

import numpy as np
import pytest

from assets import judge as assets
from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.handwriting.judge import network
from mnist_pipeline.handwriting.judge.candidates import Candidates
from mnist_pipeline.handwriting.judge.classes import CLASSES
from mnist_pipeline.runtime.graph.resources import Seed


@pytest.fixture
def pages(monkeypatch) -> list[tuple[DigitSet, int]]:
    """The digits and the seeds for which pages were drawn; all pages are the same."""
    asked = []

    def on_pages(digits, num_pages, seed, *_):
        asked.append((digits, seed))
        surroundings = np.random.default_rng(0).integers(0, 256, (40, 48, 48), np.uint8)
        labels = np.arange(40) % len(CLASSES)
        return Candidates(surroundings, labels.astype(np.uint8), np.zeros(40, np.uint8))

    monkeypatch.setattr(assets, "on_pages", on_pages)
    return asked


def test_the_judge_is_evaluated_on_digits_and_pages_that_it_has_not_seen(pages):
    digits = DigitSet(np.zeros((60, 28, 28), np.uint8), np.arange(60) % 10)
    digits.images[:] = np.arange(60)[:, None, None]
    drawn = assets.judge_pages(assets.Pages(num_pages=2), digits, Seed(value=3))
    fitted = assets.judge_model(assets.Training(epochs=1), drawn.value, Seed(value=3))
    found = assets.judge_evaluation(
        assets.Evaluation(num_pages=2), fitted.value, digits, Seed(value=3)
    )
    (learned, seed), (unseen, other_seed) = pages
    assert seed != other_seed
    assert not {*learned.images[:, 0, 0]} & {*unseen.images[:, 0, 0]}
    assert len(learned.images) + len(unseen.images) == 60
    table = found.value
    assert table["digits"].sum() + table["others"].sum() == 40
    of_project = network.shipped().digit_probabilities(drawn.value.surroundings)
    expected = np.mean(of_project[drawn.value.labels >= 10] >= assets.DIGIT)
    assert found.metadata["accepted_others_of_project"] == pytest.approx(expected, abs=1e-4)

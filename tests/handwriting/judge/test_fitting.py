"""A judge learns what a digit is, and what it accepts is counted."""

import numpy as np

from mnist_pipeline.handwriting.judge import fitting
from mnist_pipeline.handwriting.judge.candidates import Candidates
from mnist_pipeline.handwriting.judge.classes import OTHER
from mnist_pipeline.handwriting.judge.network import Judge


def candidates(count: int) -> Candidates:
    """Bars among bars, which are none, and bars alone, which are ones."""
    generator = np.random.default_rng(count)
    surroundings = np.zeros((count, 48, 48), np.uint8)
    left = generator.integers(21, 25, count)
    for index in range(count):
        surroundings[index, 13:35, left[index] : left[index] + 3] = 255
    labels = np.arange(count) % 2
    surroundings[labels == 1, 13:35, 8:11] = 127
    labels = np.where(labels == 1, OTHER, 1).astype(np.uint8)
    return Candidates(surroundings, labels, np.zeros(count, np.uint8))


def test_the_judge_learns_from_what_is_around_a_candidate():
    judge, accuracy = fitting.fit(candidates(2_000), seed=0, epochs=5)
    assert accuracy > 0.95
    table = fitting.accepted(judge, candidates(100), 0.8)
    assert table["digits"].sum() == table["others"].sum() == 50
    assert table["accepted_digits"].sum() > 45
    assert table["accepted_others"].sum() < 5


def test_a_candidate_counts_for_the_kind_of_its_page(monkeypatch):
    found = Candidates(
        np.zeros((4, 48, 48), np.uint8), np.array([3, OTHER, 11, 5]), np.array([0, 0, 1, 1])
    )
    probabilities = np.zeros((4, 12), np.float32)
    probabilities[[0, 2], [3, 4]] = 1
    monkeypatch.setattr(Judge, "probabilities", lambda *_: probabilities)
    table = fitting.accepted(Judge({}, {}, {}), found, 0.5).drop(columns="kind")
    first, second = table.to_numpy()[:2].tolist()
    assert first == [1, 1, 1, 0]
    assert second == [1, 0, 1, 1]

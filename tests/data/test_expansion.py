"""The training set grown N-fold, and what is computed over it shard by shard."""

import numpy as np
import pytest
import torch
from torch import nn

from mnist_pipeline import training
from mnist_pipeline.data import expansion
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.knn import KNNClassifier
from mnist_pipeline.knn import shards as neighbor_shards
from mnist_pipeline.training import Recipe
from mnist_pipeline.utils import blocks


@pytest.fixture(scope="module")
def digits(small_train: DigitSet) -> DigitSet:
    return DigitSet(small_train.images[:600], small_train.labels[:600])


@pytest.fixture(scope="module")
def folds(digits: DigitSet) -> list[DigitSet]:
    return [expansion.fold(digits, number) for number in range(3)]


def test_the_first_fold_is_the_set_itself_and_each_other_one_new(digits: DigitSet, folds: list[DigitSet]) -> None:
    assert np.array_equal(folds[0].images, digits.images)
    for first in range(3):
        assert np.array_equal(folds[first].labels, digits.labels)
        for second in range(first):
            assert expansion.changed_share(folds[first], folds[second]) > 0.99


def test_a_fold_is_the_same_whoever_makes_it(
    digits: DigitSet, folds: list[DigitSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "num_cores", lambda: 7)
    assert np.array_equal(expansion.fold(digits, 2).images, folds[2].images)
    assert not np.array_equal(expansion.fold(digits, 2, seed=1).images, folds[2].images)


def test_deformed_digits_stay_near_their_originals(digits: DigitSet, folds: list[DigitSet]) -> None:
    nearest = KNNClassifier(1).fit(digits.images, digits.labels)
    assert np.mean(nearest.predict(folds[1].images) == digits.labels) > 0.9
    assert folds[1].images.mean() == pytest.approx(digits.images.mean(), rel=0.1)


@pytest.mark.parametrize("order", [(0, 2), (2, 0)])
def test_equal_distances_are_merged_by_index_and_a_small_shard_gives_all_its_images(order: tuple[int, int]) -> None:
    same = DigitSet(np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.uint8))
    shards = [neighbor_shards.search(same, first, same.images[:1], 3, algorithm="brute") for first in order]
    assert neighbor_shards.nearest(shards, 3).indices.tolist() == [[0, 1, 2]]


def test_a_network_trained_on_one_shard_is_that_trained_on_the_set(digits: DigitSet) -> None:
    recipe = Recipe(epochs=2, batch_size=64, learning_rate=1e-3, schedule="one-cycle", freeze=0.5)
    streamed, at_once = _linear(), _linear()
    history = training.train_on_shards(streamed, [digits], recipe, seed=5)
    expected = training.train(at_once, *digits, recipe, seed=5)
    assert _equal(streamed, at_once)
    assert [r.loss for r in history.epochs] == [r.loss for r in expected.epochs]
    assert history.num_training == 600


def test_a_network_trained_on_shards_learns_and_depends_on_the_seed_alone(folds: list[DigitSet]) -> None:
    recipe = Recipe(epochs=2, batch_size=50, learning_rate=3e-3, schedule="one-cycle")
    models = [_linear() for _ in range(3)]
    histories = [training.train_on_shards(m, folds, recipe, seed=s) for m, s in zip(models, (1, 1, 2), strict=True)]
    assert _equal(models[0], models[1])
    assert not _equal(models[0], models[2])
    assert histories[0].epochs[1].loss < histories[0].epochs[0].loss
    assert histories[0].num_training == 1_800


def test_shards_of_different_sizes_and_no_shards_are_refused(folds: list[DigitSet]) -> None:
    recipe = Recipe(epochs=1, batch_size=50, learning_rate=1e-3)
    shorter = DigitSet(folds[1].images[:500], folds[1].labels[:500])
    with pytest.raises(ValueError, match="shards must be of one size"):
        training.train_on_shards(_linear(), [folds[0], shorter], recipe)
    with pytest.raises(ValueError, match="shards is empty"):
        training.train_on_shards(_linear(), [], recipe)


def _linear() -> nn.Module:
    return training.build(lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 16), nn.ReLU(), nn.Linear(16, 10)), seed=1)


def _equal(first: nn.Module, second: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
